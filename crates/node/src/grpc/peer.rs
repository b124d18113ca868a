//! What peers may ask of this node.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::FuturesUnordered};
use http_body_util::{BodyExt as _, Full};
use tidegate_model::{
    Command, Envelope,
    command::caller_kind,
    membership::{Change, Relocation},
};
use tidegate_policy::AccountId;
use tidegate_proto::peer::v1::{
    AccountDigestsRequest, AccountDigestsResponse, Applied, CarryRequest, CarryResponse,
    ComeBackRequest, ComeBackResponse, Door, ForwardRequest, ForwardResponse, GossipRequest,
    GossipResponse, GrantRequest, GrantResponse, GroupPosition, Lane, RaftRequest, RaftResponse,
    ReadIndexRequest, ReadIndexResponse, RecoverRequest, RecoverResponse, TransferLeaderRequest,
    TransferLeaderResponse, forward_response::Result as Forwarded, gossip_request::Frame,
    peer_service_server::PeerService, raft_response::Result as Answer,
};
use tidegate_replica::{GroupId, Message, NodeId, Origin};
use tidegate_service::{Reason, View};
use tokio::sync::{Semaphore, SemaphorePermit};
use tonic::{
    Request, Response, Status, Streaming, body::Body, metadata::MetadataValue, service::Routes,
};
use tower::{Layer as _, Service as _};

use super::auth::{self, Auth, AuthLayer};

use crate::{
    aws, carrying,
    core::{Core, Tried},
    dial::PeerIdentity,
    divergence,
    gossip::Input,
    peers::{EVICTED, development},
    recovery, returning,
};

/// Longest that a forwarded command may wait here.
const FORWARD_MAX: Duration = Duration::from_secs(10);

/// Raft messages of one peer that are answered at once. Past it the stream waits.
const RAFT_AT_ONCE: usize = 1_024;

async fn answer(core: Arc<Core>, from: Option<NodeId>, request: RaftRequest) -> RaftResponse {
    let number = GroupId(request.group);
    let result = match core.group(number) {
        Some(_) if !votes(&core, from, number) => {
            Err("only voters of a group speak in it".to_owned())
        }
        Some(_)
            if core.origin(number)
                != (Origin::Group { group: number, generation: request.generation }) =>
        {
            Err("the group is in another generation here".to_owned())
        }
        Some(group) => group.handle(request.kind, request.body).await,
        None => Err("this node does not vote in that group yet".to_owned()),
    };
    let result = Some(result.map_or_else(Answer::Refusal, Answer::Body));
    RaftResponse { number: request.number, result }
}

/// Serves peers.
#[derive(Clone, Debug)]
pub(crate) struct PeerHandler {
    core: Arc<Core>,
    /// What clients of gRPC may call, for calls that are carried here.
    door: Auth<Routes>,
    /// Room for carried calls.
    places: Arc<Semaphore>,
}

impl PeerHandler {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let door = AuthLayer::new(Arc::clone(&core)).layer(super::services(&core));
        let places = Arc::new(Semaphore::new(core.config.limits.calls_max));
        Self { core, door, places }
    }

    /// Room for one more call of another node's client.
    fn place(&self) -> Result<SemaphorePermit<'_>, Status> {
        let full = |_| Status::resource_exhausted("too many calls are carried here at once");
        self.places.try_acquire().map_err(full)
    }

    /// Whether this node does for clients of others what it does for its own.
    fn check_votes(&self) -> Result<(), Status> {
        if self.core.carries() {
            return Err(Status::failed_precondition("this node votes in nothing itself"));
        }
        Ok(())
    }
}

/// The node at the other end: what its certificate says, where there is one.
fn certified<T>(request: &Request<T>) -> Option<NodeId> {
    request.extensions().get::<PeerIdentity>().and_then(|i| i.node)
}

/// What a peer may do here, by the directory as this node knows it, or before there is one by the settings.
struct Standing {
    member: bool,
    founder: bool,
}

fn standing(core: &Core, view: &View, peer: NodeId) -> Standing {
    let known = core.config.peers.iter().any(|p| p.node == peer.0);
    if view.directory.cluster().is_none() {
        let founder = core.config.founding.as_ref().is_some_and(|f| f.voters.contains(&peer.0));
        return Standing { member: known || founder, founder };
    }
    let named = view.directory.nodes().any(|n| n.id == peer.0);
    Standing { member: named || known && core.vouching.learns(), founder: false }
}

/// Whether a peer votes in a group.
fn votes(core: &Core, peer: Option<NodeId>, group: GroupId) -> bool {
    // Without TLS, in the simulator, everybody is believed.
    let Some(peer) = peer else { return true };
    let view = core.views.load();
    match view.directory.placement(group) {
        Some(placement) => placement.speakers().any(|n| n == peer.0),
        None => standing(core, &view, peer).founder,
    }
}

/// Refuses whoever holds a certificate but is no member any more.
fn check_member<T>(core: &Core, request: &Request<T>) -> Result<Option<NodeId>, Status> {
    let Some(peer) = certified(request) else { return Ok(None) };
    if standing(core, &core.views.load(), peer).member {
        return Ok(Some(peer));
    }
    Err(Status::permission_denied(format!("{peer} is not a member of this cluster")))
}

/// Refuses gossip of a node that was evicted, and lets it know.
fn check_not_evicted(core: &Core, peer: NodeId) -> Result<(), Status> {
    let view = core.views.load();
    if !view.directory.departed(peer.0).is_some_and(|gone| gone.may_return) {
        return Ok(());
    }
    let mut refusal = Status::permission_denied(format!("{peer} was evicted"));
    refusal.metadata_mut().insert(EVICTED, MetadataValue::from_static("1"));
    Err(refusal)
}

/// Whether a peer votes in anything.
fn votes_anywhere(core: &Core, peer: Option<NodeId>) -> bool {
    let Some(peer) = peer else { return true };
    let view = core.views.load();
    view.directory.placements().any(|p| p.speakers().any(|n| n == peer.0))
        || standing(core, &view, peer).founder
}

/// Only who votes in the directory may speak for the cluster itself; but of its own signing key each node speaks. For clients only those
/// speak that vote: they verified who calls, and are trusted with it.
fn check_speaker(core: &Core, peer: Option<NodeId>, envelope: &Bytes) -> Result<(), Status> {
    let read = Envelope::from_bytes(envelope)
        .map_err(|e| Status::invalid_argument(format!("the command can't be read: {e}")))?;
    match (&read.command, peer) {
        (Some(Command::AnnounceNode(said)), Some(peer)) if said.node == peer.0 => return Ok(()),
        (Some(Command::AnnounceNode(_)), Some(_)) => {
            return Err(Status::permission_denied("a node speaks for itself alone"));
        }
        // Whoever an evicted node asks to be taken in again hands that on.
        (Some(Command::ChangeMembership(c)), _) if matches!(c.change, Some(Change::Readmit(_))) => {
            return Ok(());
        }
        // All that it says this node has promised itself.
        (Some(Command::RecoverGroups(said)), _) if core.recoveries.has_closed(&said.groups) => {
            return Ok(());
        }
        _ => {}
    }
    let system = read.caller.as_ref().is_some_and(|c| c.kind == caller_kind::SYSTEM);
    let of_its_own = || concerned(core, &read).is_some_and(|group| votes(core, peer, group));
    let of_itself = || match (peer, &read.command) {
        (Some(peer), Some(Command::AddSigningKey(key))) => peer.0 == key.node,
        _ => false,
    };
    if !system && !votes_anywhere(core, peer) {
        let message = "who votes in nothing acts for no client: carry the whole call";
        return Err(Status::permission_denied(message));
    }
    if !system || votes(core, peer, GroupId::DIRECTORY) || of_its_own() || of_itself() {
        return Ok(());
    }
    Err(Status::permission_denied("only voters of the directory act for the cluster"))
}

/// The group whose voters may say this for the cluster: that its voters are changed, and what becomes of an account that it hands over.
fn concerned(core: &Core, envelope: &Envelope) -> Option<GroupId> {
    let view = core.views.load();
    let leaves = |account: u64, epoch: u64| {
        let placement = view.directory.account(AccountId::from_u64(account).ok()?)?;
        (placement.epoch == epoch && placement.previous != 0).then_some(GroupId(placement.previous))
    };
    match envelope.command.as_ref()? {
        Command::VotersChanged(c) => Some(GroupId(c.group)),
        Command::Relocate(c) => match c.step.as_ref()? {
            Relocation::Adopt(c) => leaves(envelope.account, c.epoch),
            Relocation::Fence(_) | Relocation::Release(_) => None,
        },
        Command::ChangeMembership(c) => match c.change.as_ref()? {
            Change::Moved(c) => leaves(c.account, c.epoch),
            Change::Released(c) => leaves(c.account, c.epoch),
            _ => None,
        },
        _ => None,
    }
}

#[tonic::async_trait]
impl PeerService for PeerHandler {
    type GossipStream = Pin<Box<dyn Stream<Item = Result<GossipResponse, Status>> + Send>>;
    type RaftStream = Pin<Box<dyn Stream<Item = Result<RaftResponse, Status>> + Send>>;

    async fn gossip(
        &self,
        request: Request<Streaming<GossipRequest>>,
    ) -> Result<Response<Self::GossipStream>, Status> {
        let identity = certified(&request);
        let core = Arc::clone(&self.core);
        let mut frames = request.into_inner();
        let Some(GossipRequest { frame: Some(Frame::Hello(hello)) }) = frames.message().await?
        else {
            return Err(Status::invalid_argument("a stream begins with a hello"));
        };
        let from = NodeId(hello.node);
        if hello.cluster != core.config.cluster {
            return Err(Status::failed_precondition(format!(
                "this is cluster `{}`, not `{}`",
                core.config.cluster, hello.cluster
            )));
        }
        if identity.is_some_and(|node| node != from) {
            return Err(Status::permission_denied(format!(
                "the certificate is not that of {from}"
            )));
        }
        check_not_evicted(&core, from)?;
        let ours = development(&core.views.load());
        if ours != 0 && hello.development != 0 && ours != hello.development {
            return Err(Status::failed_precondition(
                "one of us is in development mode and the other is not",
            ));
        }
        let urgent = hello.lane() == Lane::Urgent;
        let answers = async_stream::try_stream! {
            while let Some(frame) = frames.message().await? {
                let Some(Frame::Message(message)) = frame.frame else { continue };
                check_not_evicted(&core, from)?;
                // What nodes write waits behind nothing that groups do: neither in the driver's queue, nor on the way to it.
                let read = Message::decode(message.clone()).map(|mut message| {
                    let first = urgent && message.is_urgent();
                    // Signatures are verified here, beside the machine, and each once.
                    let input = match core.vouching.check(from, &mut message) {
                        Ok(()) => Input::Said { from, message },
                        Err(refused) => Input::Refused { from, refused },
                    };
                    (input, first)
                });
                match read {
                    Ok((input, true)) => core.gossip.tell_urgent(input).await,
                    Ok((input, false)) if urgent => core.gossip.offer(input),
                    Ok((input, false)) => core.gossip.tell(input).await,
                    Err(_) => core.gossip.tell(Input::Received { from, message }).await,
                }
            }
            // The type of a stream that gives nothing.
            if false { yield GossipResponse {}; }
        };
        Ok(Response::new(Box::pin(answers)))
    }

    async fn raft(
        &self,
        request: Request<Streaming<RaftRequest>>,
    ) -> Result<Response<Self::RaftStream>, Status> {
        let core = Arc::clone(&self.core);
        let from = check_member(&core, &request)?;
        let mut requests = request.into_inner();
        let answers = async_stream::try_stream! {
            // Side by side: each waits for the device, and that of one group for no other's.
            let mut working = FuturesUnordered::new();
            loop {
                let next = tokio::select! {
                    biased;
                    Some(done) = working.next(), if !working.is_empty() => Ok(done),
                    request = requests.message(), if working.len() < RAFT_AT_ONCE => Err(request),
                };
                match next {
                    Ok(done) => yield done,
                    Err(request) => match request? {
                        Some(request) => working.push(answer(Arc::clone(&core), from, request)),
                        None => break,
                    },
                }
            }
        };
        Ok(Response::new(Box::pin(answers)))
    }

    async fn forward(
        &self,
        request: Request<ForwardRequest>,
    ) -> Result<Response<ForwardResponse>, Status> {
        let peer = check_member(&self.core, &request)?;
        let request = request.into_inner();
        check_speaker(&self.core, peer, &request.envelope)?;
        let patience = Duration::from_millis(request.patience_ms).min(FORWARD_MAX);
        let result = match self
            .core
            .propose_here(GroupId(request.group), request.envelope, patience)
            .await
        {
            Ok((index, outcome)) => Forwarded::Applied(Applied { index, outcome }),
            Err(Tried::Elsewhere(leader)) => Forwarded::Leader(leader.map_or(0, |l| l.0)),
            Err(Tried::Lost) => Forwarded::Reason(Reason::UnknownOutcome as i32),
            Err(Tried::Refused(error)) => Forwarded::Reason(error.reason as i32),
        };
        Ok(Response::new(ForwardResponse { result: Some(result) }))
    }

    async fn read_index(
        &self,
        request: Request<ReadIndexRequest>,
    ) -> Result<Response<ReadIndexResponse>, Status> {
        check_member(&self.core, &request)?;
        let groups = request.into_inner().groups.into_iter().map(GroupId).collect();
        let positions = self.core.read_index_here(groups).await;
        let positions = positions
            .into_iter()
            .filter_map(|(origin, index)| match origin {
                Origin::Group { group, generation } => {
                    Some(GroupPosition { group: group.0, index, generation })
                }
                Origin::Node { .. } => None,
            })
            .collect();
        Ok(Response::new(ReadIndexResponse { positions }))
    }

    async fn transfer_leader(
        &self,
        request: Request<TransferLeaderRequest>,
    ) -> Result<Response<TransferLeaderResponse>, Status> {
        check_member(&self.core, &request)?;
        let TransferLeaderRequest { group, to } = request.into_inner();
        let handed = self.core.transfer_leader_here(GroupId(group), NodeId(to)).await;
        let refusal = handed.as_ref().err().cloned().unwrap_or_default();
        let leader = handed.ok().flatten().map_or(0, |leader| leader.0);
        Ok(Response::new(TransferLeaderResponse { leader, refusal }))
    }

    async fn account_digests(
        &self,
        request: Request<AccountDigestsRequest>,
    ) -> Result<Response<AccountDigestsResponse>, Status> {
        check_member(&self.core, &request)?;
        let digests = divergence::answer(&self.core, request.into_inner());
        digests.map(Response::new).map_err(|e| Status::internal(e.to_string()))
    }

    async fn recover(
        &self,
        request: Request<RecoverRequest>,
    ) -> Result<Response<RecoverResponse>, Status> {
        check_member(&self.core, &request)?;
        recovery::steps::answer(&self.core, request.into_inner()).await.map(Response::new)
    }

    async fn come_back(
        &self,
        request: Request<ComeBackRequest>,
    ) -> Result<Response<ComeBackResponse>, Status> {
        let identity = certified(&request);
        let request = request.into_inner();
        if identity.is_some_and(|node| node.0 != request.node) {
            let message = format!("the certificate is not that of n{}", request.node);
            return Err(Status::permission_denied(message));
        }
        returning::answer(&self.core, request).await.map(Response::new)
    }

    async fn carry(
        &self,
        request: Request<CarryRequest>,
    ) -> Result<Response<CarryResponse>, Status> {
        let carrier = check_member(&self.core, &request)?;
        self.check_votes()?;
        let _place = self.place()?;
        let call = request.into_inner().call.unwrap_or_default();
        let door = call.door();
        let (mut parts, body, source) = carrying::unpacked(call)?;
        let answer = match door {
            Door::Grpc => {
                carrying::as_from(&mut parts, source);
                let body = Body::new(Full::new(body).map_err(|never| match never {}));
                let answer = self.door.clone().call(http::Request::from_parts(parts, body)).await;
                match answer {
                    Ok(answer) => carrying::packed(answer).await?,
                    Err(never) => match never {},
                }
            }
            Door::Aws => {
                let region = carrying::region_of(&self.core, carrier);
                let answer = aws::carried(&self.core, &parts, &body, source, region.as_deref());
                carrying::packed_full(answer.await).await
            }
            Door::Unspecified => return Err(Status::invalid_argument("a call came to some door")),
        };
        Ok(Response::new(answer))
    }

    async fn grant(
        &self,
        request: Request<GrantRequest>,
    ) -> Result<Response<GrantResponse>, Status> {
        let carrier = check_member(&self.core, &request)?;
        self.check_votes()?;
        let _place = self.place()?;
        let call = request.into_inner().call.unwrap_or_default();
        let door = call.door();
        let (parts, body, source) = carrying::unpacked(call)?;
        let verified = match door {
            Door::Grpc => auth::verified(&self.core, &parts).await.map_err(|e| e.to_string()),
            Door::Aws => {
                let region = carrying::region_of(&self.core, carrier);
                aws::verified(&self.core, &parts, &body, source, region.as_deref()).await
            }
            Door::Unspecified => return Err(Status::invalid_argument("a call came to some door")),
        };
        let presented = verified.map_err(Status::unauthenticated)?;
        let keys = carrying::granted(&self.core, &presented)?;
        Ok(Response::new(GrantResponse { keys }))
    }
}
