//! Nodes and groups over their lives, over gRPC.

use std::{sync::Arc, time::Duration};

use tidegate_model::{
    Envelope, Reply,
    command::ReplyBox,
    membership::{AddGroup, Change, DrainNode, EvictNode, MoveAccount, RetireNode},
    record::{self, node_state},
};
use tidegate_policy::{AccountId, UnixMillis};
use tidegate_proto::{
    common::v1::ResponseMetadata,
    membership::v1::{
        AccountMove, AddGroupRequest, AddGroupResponse, CreateJoinTokenRequest,
        CreateJoinTokenResponse, DescribeMembershipRequest, DescribeMembershipResponse,
        DrainNodeRequest, DrainNodeResponse, EvictNodeRequest, EvictNodeResponse, Member,
        MoveAccountRequest, MoveAccountResponse, RecoverClusterRequest, RecoverClusterResponse,
        RetireNodeRequest, RetireNodeResponse, TransferLeaderRequest, TransferLeaderResponse,
        membership_service_server::MembershipService,
    },
};
use tidegate_replica::{GroupId, NodeId, RegionName};
use tidegate_service::{
    GetFederationToken, Reason, ServiceError, View, check, get_federation_token,
};
use tonic::{Request, Response, Status};

use super::{
    cluster::{confirmed, operator},
    status::refuse,
    wire,
};
use crate::{
    core::Core,
    join::{self, JoinToken},
    recovery::{conduct, order::Signed},
    vouching,
};

/// How long a join token is good for where nobody says it.
const JOIN_DEFAULT: Duration = Duration::from_secs(900);
/// Addresses in a join token, so that it stays short enough to be handed over.
const JOIN_ADDRESSES: usize = 5;

/// Serves the cluster's operators.
#[derive(Clone, Debug)]
pub(crate) struct MembershipHandler(pub(crate) Arc<Core>);

fn invalid(message: impl Into<String>) -> Status {
    refuse(ServiceError::new(Reason::ValidationError, message))
}

impl MembershipHandler {
    /// Brings a change into the directory, if the caller is an operator who may, as his group has him now.
    async fn change<T>(
        &self,
        request: &Request<T>,
        action: &str,
        request_id: &str,
        change: Change,
    ) -> Result<(ReplyBox, ResponseMetadata), Status> {
        let core = &self.0;
        let caller = operator(core, request, action)?;
        let caller = confirmed(core, caller, action).await?;
        let account = caller.account;
        let request_id = wire::request_id(core, request_id.to_owned());
        let envelope = Envelope {
            request_id: request_id.clone(),
            caller: Some(caller.reference),
            command: Some(change.into()),
            ..Envelope::default()
        };
        let (index, reply) =
            core.propose(GroupId::DIRECTORY, &envelope, core.patience()).await.map_err(refuse)?;
        let place = (GroupId::DIRECTORY, index);
        let metadata = wire::metadata(core, account, place, reply.revision, request_id)?;
        Ok((reply, metadata))
    }
}

fn member(view: &View, node: &record::Node) -> Member {
    let state = match node.state {
        node_state::DRAINING => "DRAINING",
        node_state::LEAVING => "LEAVING",
        _ => "ACTIVE",
    };
    let votes = view.directory.placements().filter(|p| p.speakers().any(|n| n == node.id));
    Member {
        id: node.id,
        region: node.region.clone(),
        state: state.to_owned(),
        voter_of: votes.map(|p| p.group).collect(),
    }
}

fn moving(view: &View, placement: &record::AccountPlacement) -> AccountMove {
    let account = AccountId::from_u64(placement.account).ok();
    let group = account.and_then(|account| view.group_of(account).ok());
    AccountMove {
        account_id: format!("{:012}", placement.account),
        from: placement.previous,
        to: placement.group,
        arrived: group == Some(GroupId(placement.group)),
        moved: placement.moved,
    }
}

#[tonic::async_trait]
impl MembershipService for MembershipHandler {
    async fn describe_membership(
        &self,
        request: Request<DescribeMembershipRequest>,
    ) -> Result<Response<DescribeMembershipResponse>, Status> {
        let core = &self.0;
        let caller = wire::caller(&request)?;
        check(&caller, "tidegate:DescribeCluster", "*").map_err(refuse)?;
        let view = wire::Seen::present(core);
        let operates =
            view.directory.cluster().is_some_and(|c| c.operator == caller.account.as_u64());
        // Where accounts live is not for other accounts.
        let shown =
            |p: &&record::AccountPlacement| operates || p.account == caller.account.as_u64();
        Ok(Response::new(DescribeMembershipResponse {
            nodes: view.directory.nodes().map(|node| member(&view, node)).collect(),
            moves: view.directory.moving().filter(shown).map(|p| moving(&view, p)).collect(),
            evidence: Some(wire::evidence(core, &view, &[GroupId::DIRECTORY])?),
        }))
    }

    async fn create_join_token(
        &self,
        request: Request<CreateJoinTokenRequest>,
    ) -> Result<Response<CreateJoinTokenResponse>, Status> {
        let core = &self.0;
        let action = "tidegate:CreateJoinToken";
        let caller = confirmed(core, operator(core, &request, action)?, action).await?;
        let CreateJoinTokenRequest { id, region, lifetime } = request.into_inner();
        let region = RegionName::new(&region).map_err(|e| invalid(e.to_string()))?;
        vouching::settled(core).await;
        let view = wire::Seen::present(core);
        let taken = view.directory.node(id).is_some() || view.directory.departed(id).is_some();
        if id == 0 || taken {
            return Err(invalid(format!(
                "n{id} can't join: a number that no node has or had is needed"
            )));
        }
        let lifetime = lifetime.as_ref().map(wire::read_duration).transpose()?;
        let seconds = lifetime.unwrap_or(JOIN_DEFAULT).as_secs();
        let asked = GetFederationToken {
            name: format!("join-n{id}"),
            duration_seconds: u32::try_from(seconds.max(1)).unwrap_or(u32::MAX),
            policies: vec![join::policy(id, region.as_str())],
            tags: Vec::new(),
        };
        let mut entropy = |bytes: &mut [u8]| core.platform.entropy(bytes);
        let now = core.platform.wall();
        let key = &core.cluster_key;
        let issued = get_federation_token(&view, &caller, &asked, now, &mut entropy, key);
        let issued = issued.map_err(refuse)?;
        let serving = view.directory.nodes().filter(|n| n.state == node_state::ACTIVE);
        let session = &issued.session;
        let token = JoinToken {
            addresses: serving.map(|n| n.client_address.clone()).take(JOIN_ADDRESSES).collect(),
            access_key_id: session.access_key_id.clone(),
            secret_access_key: session.secret.expose().to_owned(),
            session_token: issued.token,
        };
        Ok(Response::new(CreateJoinTokenResponse {
            token: token.to_text(),
            expiration: Some(wire::timestamp(UnixMillis(session.expires))),
        }))
    }

    async fn drain_node(
        &self,
        request: Request<DrainNodeRequest>,
    ) -> Result<Response<DrainNodeResponse>, Status> {
        let DrainNodeRequest { request_id, id, end } = request.get_ref();
        let change = Change::Drain(DrainNode { node: *id, end: *end });
        let done = self.change(&request, "tidegate:DrainNode", request_id, change).await?;
        Ok(Response::new(DrainNodeResponse { metadata: Some(done.1) }))
    }

    async fn retire_node(
        &self,
        request: Request<RetireNodeRequest>,
    ) -> Result<Response<RetireNodeResponse>, Status> {
        let RetireNodeRequest { request_id, id, replacement } = request.get_ref();
        let change = Change::Retire(RetireNode { node: *id, replacement: *replacement });
        let done = self.change(&request, "tidegate:RetireNode", request_id, change).await?;
        Ok(Response::new(RetireNodeResponse { metadata: Some(done.1) }))
    }

    async fn evict_node(
        &self,
        request: Request<EvictNodeRequest>,
    ) -> Result<Response<EvictNodeResponse>, Status> {
        let EvictNodeRequest { request_id, id } = request.get_ref();
        let change = Change::Evict(EvictNode { node: *id });
        let done = self.change(&request, "tidegate:EvictNode", request_id, change).await?;
        Ok(Response::new(EvictNodeResponse { metadata: Some(done.1) }))
    }

    async fn transfer_leader(
        &self,
        request: Request<TransferLeaderRequest>,
    ) -> Result<Response<TransferLeaderResponse>, Status> {
        let core = &self.0;
        let action = "tidegate:TransferLeader";
        let caller = operator(core, &request, action)?;
        confirmed(core, caller, action).await?;
        let TransferLeaderRequest { id, mut groups } = request.into_inner();
        let view = core.views.load();
        let votes = |group: u32| {
            let placement = view.directory.placement(GroupId(group));
            placement.is_some_and(|placement| placement.voters.contains(&id))
        };
        if groups.is_empty() {
            groups = view.directory.placements().map(|p| p.group).filter(|g| votes(*g)).collect();
        }
        if groups.is_empty() {
            return Err(invalid(format!("n{id} votes in no group")));
        }
        if let Some(group) = groups.iter().find(|group| !votes(**group)) {
            return Err(invalid(format!("n{id} does not vote in g{group}")));
        }
        for group in &groups {
            let handed = core.transfer_leader(GroupId(*group), NodeId(id), core.patience());
            handed.await.map_err(refuse)?;
        }
        Ok(Response::new(TransferLeaderResponse { groups }))
    }

    async fn add_group(
        &self,
        request: Request<AddGroupRequest>,
    ) -> Result<Response<AddGroupResponse>, Status> {
        let AddGroupRequest { request_id, voters } = request.get_ref();
        let change = Change::AddGroup(AddGroup { voters: voters.clone() });
        let done = self.change(&request, "tidegate:AddGroup", request_id, change).await?;
        let (reply, metadata) = done;
        let placement = match reply.reply {
            Some(Reply::Placement(placement)) => placement,
            _ => record::Placement::default(),
        };
        Ok(Response::new(AddGroupResponse {
            group: placement.group,
            region: placement.region,
            metadata: Some(metadata),
        }))
    }

    async fn move_account(
        &self,
        request: Request<MoveAccountRequest>,
    ) -> Result<Response<MoveAccountResponse>, Status> {
        let MoveAccountRequest { request_id, account_id, group } = request.get_ref();
        let account: AccountId =
            account_id.parse().map_err(|_| invalid("an account has 12 digits"))?;
        let change = Change::Move(MoveAccount { account: account.as_u64(), group: *group });
        let done = self.change(&request, "tidegate:MoveAccount", request_id, change).await?;
        let (reply, metadata) = done;
        let from = match reply.reply {
            Some(Reply::AccountPlacement(placement)) => placement.previous,
            _ => 0,
        };
        Ok(Response::new(MoveAccountResponse { from, metadata: Some(metadata) }))
    }

    async fn recover_cluster(
        &self,
        request: Request<RecoverClusterRequest>,
    ) -> Result<Response<RecoverClusterResponse>, Status> {
        let core = &self.0;
        // No quorum could confirm more than what this node knows of the caller.
        let caller = operator(core, &request, "tidegate:RecoverCluster")?;
        let RecoverClusterRequest { voters, execute, order, order_signature } =
            request.into_inner();
        let wanted = conduct::Wanted {
            voters,
            caller: caller.reference,
            request_id: wire::request_id(core, String::new()),
            signed: Signed { order, signature: order_signature },
        };
        // It goes on where the caller goes away.
        let recovery = tokio::spawn(conduct::recover(Arc::clone(core), wanted, execute));
        let done = recovery.await.map_err(|e| Status::internal(e.to_string()))?;
        done.map(Response::new).map_err(refuse)
    }
}
