//! What the parts of one node share, and the way of a command to the leader of its group.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use parking_lot::RwLock;
use prost::Message as _;
use tidegate_authn::{ClusterKey, PUBLIC_KEY_BYTES, SigningKeyCache};
use tidegate_consensus::{Group, ProposeError, ReadError};
use tidegate_model::{
    Envelope, Outcome,
    command::{ReplyBox, caller_kind},
};
use tidegate_policy::{AccountId, UnixMillis};
use tidegate_proto::peer::v1::{
    ForwardRequest, GroupPosition, ReadIndexRequest, forward_response::Result as Forwarded,
};
use tidegate_replica::{Clock, GroupId, NodeId, Origin, RegionName};
use tidegate_service::{Reason, ServiceError, Token, View};
use tidegate_store::{Engine, NodeStore};

use crate::{
    attempts::Attempts,
    carrying,
    clock::ClusterClock,
    config::NodeConfig,
    divergence::Fences,
    federation::Issuers,
    gate::Gate,
    gossip::Gossip,
    link::LinkModel,
    machine::Digests,
    patience,
    peers::{CallError, Peers},
    platform::Platform,
    recovery::Recoveries,
    region::{self, RegionLane, Uses},
    telemetry::metrics::Metrics,
    views::Views,
    vouching::Vouching,
};

/// Pause before a leader is looked for again.
pub(crate) const LEADER_RETRY: Duration = Duration::from_millis(40);
/// Pause before a group is asked again that an account is moved away from.
const MOVE_RETRY: Duration = Duration::from_millis(250);
/// How long one try at a peer may take before another is asked.
const FORWARD_TRY: Duration = Duration::from_secs(3);

/// One node's shared parts.
pub(crate) struct Core {
    pub(crate) config: NodeConfig,
    pub(crate) me: NodeId,
    pub(crate) region: RegionName,
    pub(crate) platform: Arc<dyn Platform>,
    /// The clock that the platform shows.
    pub(crate) clock: Arc<ClusterClock>,
    pub(crate) link: Arc<LinkModel>,
    /// What holds back changes that have arrived, in development mode.
    pub(crate) gate: Arc<Gate>,
    /// What there is to say of the node itself.
    pub(crate) own: OwnHealth,
    pub(crate) views: Arc<Views>,
    pub(crate) digests: Arc<Digests>,
    pub(crate) gossip: Gossip,
    pub(crate) region_lane: Arc<RegionLane>,
    pub(crate) uses: Uses,
    pub(crate) vouching: Arc<Vouching>,
    pub(crate) attempts: Attempts,
    pub(crate) peers: Arc<Peers>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) cluster_key: ClusterKey,
    pub(crate) signing_keys: SigningKeyCache,
    /// The keys of identity providers.
    pub(crate) issuers: Issuers,
    pub(crate) groups: RwLock<BTreeMap<GroupId, Group>>,
    /// The token that was written last, and what it covers.
    pub(crate) last_token: ArcSwap<Option<(Clock, String)>>,
    /// When the view was known to be fresh last, before this start, on this node's own wall clock. `None`: never, or not written down.
    pub(crate) fresh_before_start: Option<UnixMillis>,
    /// Who answered for a group last.
    pub(crate) leaders: RwLock<BTreeMap<GroupId, NodeId>>,
    /// Whether this node takes part.
    pub(crate) standing: tokio::sync::watch::Sender<Standing>,
    pub(crate) store: NodeStore,
    /// What was done towards the recovery of groups whose voters are lost.
    pub(crate) recoveries: Arc<Recoveries>,
    /// The public half of the recovery key, where the settings name it.
    pub(crate) recovery_key: Option<[u8; PUBLIC_KEY_BYTES]>,
    /// Accounts whose state differs here.
    pub(crate) fences: Fences,
    /// Held during a step of a recovery.
    pub(crate) recovering: tokio::sync::Mutex<()>,
    /// Wakes whoever follows the directory, for what is not in it.
    pub(crate) look_again: tokio::sync::Notify,
}

/// Whether a node takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does.
    Serving,
    /// It leaves, and takes nothing more.
    Leaving,
    /// It was evicted: what it has is too old to decide on.
    Evicted,
    /// The same, and it has handed over what it alone had.
    Void,
}

/// What there is to say of the node itself.
pub(crate) struct OwnHealth {
    /// When it started, on its monotonic clock.
    pub(crate) started: Duration,
    /// When its certificate ends, and the first of its authorities.
    pub(crate) expires: (Option<UnixMillis>, Option<UnixMillis>),
    /// Where it stores.
    pub(crate) engine: Arc<dyn Engine>,
}

impl core::fmt::Debug for Core {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Core").field("me", &self.me).finish_non_exhaustive()
    }
}

pub(crate) fn no_quorum(group: GroupId) -> ServiceError {
    ServiceError::new(
        Reason::NoQuorum,
        format!("group {group} has no leader, or its leader no quorum; nothing was changed"),
    )
}

pub(crate) fn unknown(group: GroupId) -> ServiceError {
    let message = format!(
        "no outcome from group {group} in time: the change may yet take effect; retry under the same request id"
    );
    ServiceError::new(Reason::UnknownOutcome, message)
}

impl Core {
    /// How long the present call may wait.
    pub(crate) fn patience(&self) -> Duration {
        patience::left(self.platform.monotonic(), self.config.wait_max())
    }

    /// Refuses where this node does not take part.
    pub(crate) fn check_standing(&self) -> Result<(), ServiceError> {
        let why = match *self.standing.borrow() {
            Standing::Serving => return Ok(()),
            Standing::Leaving => "leaves the cluster",
            Standing::Evicted | Standing::Void => {
                "was evicted while it was away, and has to begin anew"
            }
        };
        let message = format!("{} {why}: ask another node", self.me);
        Err(ServiceError::new(Reason::NotReady, message).with("node", self.me))
    }

    /// A copy of a group handle, where this node votes in it.
    pub(crate) fn group(&self, group: GroupId) -> Option<Group> {
        self.groups.read().get(&group).cloned()
    }

    /// The present generation of a group.
    pub(crate) fn origin(&self, group: GroupId) -> Origin {
        self.recoveries.origin(&self.views.load(), group)
    }

    /// Whether the cluster was created in development mode.
    pub(crate) fn development(view: &View) -> bool {
        view.directory.cluster().is_some_and(|c| c.development)
    }

    /// The cluster's id; empty before it was founded.
    pub(crate) fn cluster_id(view: &View) -> String {
        view.directory.cluster().map(|c| c.id.clone()).unwrap_or_default()
    }

    /// The consistency token of positions.
    pub(crate) fn token(&self, view: &View, positions: Clock) -> Result<String, ServiceError> {
        // Decisions on one view carry one token: it is written once.
        if let Some((written, token)) = &*self.last_token.load_full()
            && *written == positions
        {
            return Ok(token.clone());
        }
        let token = Token { cluster: Self::cluster_id(view), positions: positions.clone() }
            .write(&self.cluster_key)?;
        self.last_token.store(Arc::new(Some((positions, token.clone()))));
        Ok(token)
    }

    /// Whom to ask about a group, the likeliest leader first.
    pub(crate) fn candidates(&self, group: GroupId) -> Vec<NodeId> {
        let view = self.views.load();
        let mut voters: Vec<NodeId> = match view.directory.placement(group) {
            Some(placement) => placement.speakers().map(NodeId).collect(),
            None => self
                .config
                .founding
                .iter()
                .flat_map(|f| f.voters.iter().map(|v| NodeId(*v)))
                .collect(),
        };
        if let Some(seed) = self.recoveries.seed(&view, group) {
            // The directory does not name it yet.
            voters.push(seed);
        }
        let known = self
            .group(group)
            .and_then(|g| g.leader())
            .or_else(|| self.leaders.read().get(&group).copied());
        voters.sort_by_key(|v| (Some(*v) != known, *v));
        voters
    }

    /// Whether this node votes in nothing, so that what its clients want changed is carried to a voter.
    pub(crate) fn carries(&self) -> bool {
        self.groups.read().is_empty()
    }

    /// Opens a secret for a call of an account; where only voters can, the call is carried to one.
    pub(crate) fn open_secret(
        &self,
        account: AccountId,
        owner: &str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, ServiceError> {
        self.cluster_key.open_secret(owner, sealed).map_err(|e| match e {
            e if e.is_unknown_key() => {
                let group = self.views.load().group_of(account).unwrap_or(GroupId::DIRECTORY);
                let _no_door = carrying::want(group);
                carrying::elsewhere()
            }
            _ => ServiceError::new(Reason::Internal, e.to_string()),
        })
    }

    /// Brings a command to the leader of its group and waits for the outcome.
    pub(crate) async fn propose(
        &self,
        group: GroupId,
        envelope: &Envelope,
        patience: Duration,
    ) -> Result<(u64, ReplyBox), ServiceError> {
        let system = envelope.caller.as_ref().is_some_and(|c| c.kind == caller_kind::SYSTEM);
        if !system && self.carries() && carrying::want(group) {
            return Err(carrying::elsewhere());
        }
        let bytes = envelope.to_bytes();
        let end = self.platform.monotonic() + patience;
        let mut last = no_quorum(group);
        loop {
            for node in self.candidates(group) {
                let left = end.saturating_sub(self.platform.monotonic());
                if left.is_zero() {
                    return Err(last);
                }
                match self.propose_at(node, group, bytes.clone(), left.min(FORWARD_TRY)).await {
                    Ok((index, outcome)) => {
                        self.leaders.write().insert(group, node);
                        let outcome = Outcome::decode(outcome)
                            .map_err(|e| ServiceError::new(Reason::Internal, e.to_string()))?;
                        return Ok((index, outcome.into_result()?));
                    }
                    Err(Tried::Elsewhere(leader)) => {
                        if let Some(leader) = leader {
                            self.leaders.write().insert(group, leader);
                        }
                    }
                    // Without an id a second try could do the same thing twice.
                    Err(Tried::Lost) if envelope.request_id.is_empty() => {
                        return Err(unknown(group));
                    }
                    Err(Tried::Lost) => last = unknown(group),
                    Err(Tried::Refused(error)) => return Err(error),
                }
            }
            tokio::time::sleep(LEADER_RETRY).await;
        }
    }

    /// Brings a command of an account to the group that it lives in, also while it is moved to another: nothing is lost or done twice on the
    /// way, since what was done under a request id goes along. Gives the group, the index in its log, and the reply.
    pub(crate) async fn propose_for(
        &self,
        account: AccountId,
        envelope: &Envelope,
        patience: Duration,
    ) -> Result<(GroupId, u64, ReplyBox), ServiceError> {
        let end = self.platform.monotonic() + patience;
        let mut changes = self.views.changes();
        loop {
            let group = self.views.load().group_of(account)?;
            let left = end.saturating_sub(self.platform.monotonic());
            match self.propose(group, envelope, left).await {
                // It goes on at a voter, as a whole.
                Err(error) if carrying::wanted() => return Err(error),
                Ok((index, reply)) => return Ok((group, index, reply)),
                // It lives elsewhere, or will at once.
                Err(error) if error.reason == Reason::NotReady => {
                    let left = end.saturating_sub(self.platform.monotonic());
                    if left.is_zero() {
                        return Err(error);
                    }
                    let elsewhere = async {
                        while self.views.load().group_of(account) == Ok(group) {
                            if changes.changed().await.is_err() {
                                return;
                            }
                        }
                    };
                    let _looks_again = tokio::time::timeout(left.min(MOVE_RETRY), elsewhere).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn propose_at(
        &self,
        node: NodeId,
        group: GroupId,
        envelope: Bytes,
        patience: Duration,
    ) -> Result<(u64, Bytes), Tried> {
        if node == self.me {
            return self.propose_here(group, envelope, patience).await;
        }
        let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        let request = ForwardRequest { group: group.0, envelope, patience_ms };
        let answer = self
            .peers
            .call(node, patience, |mut client| async move { client.forward(request).await })
            .await;
        match answer.map(|a| a.result) {
            Ok(Some(Forwarded::Applied(applied))) => Ok((applied.index, applied.outcome)),
            Ok(Some(Forwarded::Leader(leader))) => {
                Err(Tried::Elsewhere((leader != 0).then_some(NodeId(leader))))
            }
            Ok(Some(Forwarded::Reason(number))) => match Reason::from_number(number) {
                Some(Reason::UnknownOutcome) => Err(Tried::Lost),
                Some(Reason::NoQuorum) | None => Err(Tried::Elsewhere(None)),
                Some(reason) => Err(Tried::Refused(ServiceError::new(
                    reason,
                    format!("{node} refused the change: {}", reason.row().0),
                ))),
            },
            Ok(None) | Err(CallError::Unknown(_) | CallError::Connect(..)) => {
                Err(Tried::Elsewhere(None))
            }
            Err(
                CallError::Deadline
                | CallError::Status(_)
                | CallError::Refused(_)
                | CallError::Broken,
            ) => Err(Tried::Lost),
        }
    }

    /// Proposes in a group of this node.
    pub(crate) async fn propose_here(
        &self,
        group: GroupId,
        envelope: Bytes,
        patience: Duration,
    ) -> Result<(u64, Bytes), Tried> {
        let Some(handle) = self.group(group) else { return Err(Tried::Elsewhere(None)) };
        region::check_proposal(self, &envelope).map_err(Tried::Refused)?;
        let refuse =
            |reason, message: String| Err(Tried::Refused(ServiceError::new(reason, message)));
        match handle.propose(envelope, patience).await {
            Ok(done) => Ok((done.index, done.response)),
            Err(ProposeError::NotLeader { leader }) => {
                Err(Tried::Elsewhere(leader.filter(|l| *l != self.me)))
            }
            Err(ProposeError::Unknown) => Err(Tried::Lost),
            Err(ProposeError::NoQuorum) => Err(Tried::Elsewhere(None)),
            Err(e @ ProposeError::Overloaded) => refuse(Reason::Overloaded, e.to_string()),
            Err(e @ ProposeError::DiskFull) => refuse(Reason::DiskFull, e.to_string()),
            Err(e @ ProposeError::TooLarge(_)) => refuse(Reason::TooLarge, e.to_string()),
            Err(ProposeError::Stopped(why)) => {
                tracing::error!(%group, why, "the group has stopped");
                // It may have been appended and sent before.
                Err(Tried::Lost)
            }
        }
    }

    /// Positions of those of the groups that this node leads, confirmed by a quorum after the call began.
    pub(crate) async fn read_index_here(&self, groups: Vec<GroupId>) -> Vec<(Origin, u64)> {
        let handles: Vec<Group> = groups.iter().filter_map(|g| self.group(*g)).collect();
        let reads = handles.iter().map(|handle| async move {
            match handle.read_index().await {
                Ok(index) => Some((self.origin(handle.id()), index)),
                Err(ReadError::NotLeader { .. } | ReadError::NoQuorum | ReadError::Stopped(_)) => {
                    None
                }
            }
        });
        futures::future::join_all(reads).await.into_iter().flatten().collect()
    }

    /// A position of a group that is no older than this call, from wherever its leader is.
    pub(crate) async fn read_index(
        &self,
        group: GroupId,
        patience: Duration,
    ) -> Result<Clock, ServiceError> {
        let end = self.platform.monotonic() + patience;
        loop {
            for node in self.candidates(group) {
                let left = end.saturating_sub(self.platform.monotonic());
                if left.is_zero() {
                    return Err(no_quorum(group));
                }
                let wait = left.min(FORWARD_TRY);
                let positions = if node == self.me {
                    // A leader without a quorum would wait for it.
                    let here = self.read_index_here(vec![group]);
                    tokio::time::timeout(wait, here).await.unwrap_or_default()
                } else {
                    let request = ReadIndexRequest { groups: vec![group.0] };
                    let answer = self
                        .peers
                        .call(node, wait, |mut c| async move { c.read_index(request).await })
                        .await;
                    let positions = answer.map(|a| a.positions).unwrap_or_default();
                    let of = |p: GroupPosition| {
                        let group = GroupId(p.group);
                        (Origin::Group { group, generation: p.generation }, p.index)
                    };
                    positions.into_iter().map(of).collect()
                };
                if !positions.is_empty() {
                    self.leaders.write().insert(group, node);
                    return Ok(positions.into_iter().collect());
                }
            }
            tokio::time::sleep(LEADER_RETRY).await;
        }
    }
}

/// What became of one try.
#[derive(Debug)]
pub(crate) enum Tried {
    /// Another node may lead. Nothing was changed.
    Elsewhere(Option<NodeId>),
    /// No answer: it may have taken effect.
    Lost,
    /// Refused for good. Nothing was changed.
    Refused(ServiceError),
}
