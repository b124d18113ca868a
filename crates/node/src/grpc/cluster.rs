//! The cluster over gRPC.

use std::{sync::Arc, time::Duration};

use tidegate_model::{
    Command, Envelope,
    command::{ChangeVoters, RegisterNode, RemoveNode},
    membership::SetIssuing,
    record,
};
use tidegate_proto::cluster::v1::{
    ChangeVotersRequest, ChangeVotersResponse, ClearLinksRequest, ClearLinksResponse,
    DescribeClusterRequest, DescribeClusterResponse, DescribeNodeRequest, DescribeNodeResponse,
    FencedAccount, FreezePropagationRequest, FreezePropagationResponse, Group, HoldChangeRequest,
    HoldChangeResponse, Link as WireLink, ListHeldChangesRequest, ListHeldChangesResponse,
    ListLinksRequest, ListLinksResponse, Node, RegisterNodeRequest, RegisterNodeResponse,
    ReleaseChangeRequest, ReleaseChangeResponse, RemoveNodeRequest, RemoveNodeResponse,
    SealedSecrets, SetClockRequest, SetClockResponse, SetIssuingRequest, SetIssuingResponse,
    SetLinkRequest, SetLinkResponse, SetPropagationModelRequest, SetPropagationModelResponse,
    ThawPropagationRequest, ThawPropagationResponse, cluster_service_server::ClusterService,
};
use tidegate_proto::common::v1::ResponseMetadata;
use tidegate_replica::{GroupId, RegionName};
use tidegate_service::{Caller, Reason, ServiceError, check};
use tonic::{Request, Response, Status};

use super::{development, status::refuse, wire};
use crate::{
    core::Core,
    divergence::Fenced,
    gate::Model,
    join,
    link::{Delay, Link},
    sealing, upgrade,
};

/// Serves the cluster's operators.
#[derive(Clone, Debug)]
pub(crate) struct ClusterHandler(pub(crate) Arc<Core>);

/// Refuses unless the caller is of the operator's account and may do `action`.
pub(crate) fn operator<T>(
    core: &Core,
    request: &Request<T>,
    action: &str,
) -> Result<Caller, Status> {
    operator_on(core, request, action, "*")
}

/// The same for `action` on a resource.
fn operator_on<T>(
    core: &Core,
    request: &Request<T>,
    action: &str,
    resource: &str,
) -> Result<Caller, Status> {
    let caller = wire::caller(request)?;
    let view = core.views.load();
    let is_operator =
        view.directory.cluster().is_some_and(|c| c.operator == caller.account.as_u64());
    if !is_operator {
        let message = format!(
            "{action} is for the operator's account, and {} is of another",
            caller.resolved.principal.arn
        );
        return Err(refuse(ServiceError::new(Reason::AccessDenied, message)));
    }
    check(&caller, action, resource).map_err(refuse)?;
    Ok(caller)
}

/// The operator as his group has him now, confirmed by a quorum after the call began, if he still may do `action`: the directory can't
/// look him up itself when it applies what he wants.
pub(crate) async fn confirmed(core: &Core, caller: Caller, action: &str) -> Result<Caller, Status> {
    confirmed_on(core, caller, action, "*").await
}

/// The same for `action` on a resource.
async fn confirmed_on(
    core: &Core,
    caller: Caller,
    action: &str,
    resource: &str,
) -> Result<Caller, Status> {
    let view =
        crate::operations::view_of(core, &crate::operations::Fresh::Strong, caller.account).await;
    let view = view.map_err(refuse)?;
    let caller = wire::still(core, &view, &caller)?;
    check(&caller, action, resource).map_err(refuse)?;
    Ok(caller)
}

impl ClusterHandler {
    async fn command(
        &self,
        caller: Caller,
        action: &str,
        request_id: String,
        command: Command,
    ) -> Result<ResponseMetadata, Status> {
        let caller = confirmed(&self.0, caller, action).await?;
        self.propose(caller, request_id, command).await
    }

    async fn propose(
        &self,
        caller: Caller,
        request_id: String,
        command: Command,
    ) -> Result<ResponseMetadata, Status> {
        let core = &self.0;
        let account = caller.account;
        let request_id = wire::request_id(core, request_id);
        let envelope = Envelope {
            request_id: request_id.clone(),
            caller: Some(caller.reference),
            command: Some(command),
            ..Envelope::default()
        };
        let (index, reply) =
            core.propose(GroupId::DIRECTORY, &envelope, core.patience()).await.map_err(refuse)?;
        let place = (GroupId::DIRECTORY, index);
        wire::metadata(core, account, place, reply.revision, request_id)
    }
}

fn invalid(message: impl Into<String>) -> Status {
    refuse(ServiceError::new(Reason::ValidationError, message))
}

fn read_link(link: &WireLink) -> Result<(RegionName, RegionName, Link), Status> {
    let region = |name: &str| RegionName::new(name).map_err(|e| invalid(e.to_string()));
    let delay = link.delay.as_ref().map(wire::read_duration).transpose()?.unwrap_or_default();
    let delay = match &link.delay_max {
        Some(max) => Delay::Uniform(delay, wire::read_duration(max)?),
        None if link.sigma > 0.0 => Delay::LogNormal { median: delay, sigma: link.sigma },
        None => Delay::Fixed(delay),
    };
    let read = Link {
        delay,
        loss: link.loss,
        duplication: link.duplication,
        reordering: link.reordering,
        frozen: link.frozen,
        partitioned: link.partitioned,
    };
    Ok((region(&link.from_region)?, region(&link.to_region)?, read))
}

fn write_link((from, to, link): (RegionName, RegionName, Link)) -> WireLink {
    let (delay, delay_max, sigma) = match link.delay {
        Delay::Fixed(delay) => (delay, None, 0.0),
        Delay::Uniform(low, high) => (low, Some(wire::duration(high)), 0.0),
        Delay::LogNormal { median, sigma } => (median, None, sigma),
    };
    WireLink {
        from_region: from.to_string(),
        to_region: to.to_string(),
        delay: Some(wire::duration(delay)),
        delay_max,
        sigma,
        loss: link.loss,
        duplication: link.duplication,
        reordering: link.reordering,
        frozen: link.frozen,
        partitioned: link.partitioned,
    }
}

fn fenced_account(fenced: &Fenced) -> FencedAccount {
    FencedAccount {
        account_id: format!("{:012}", fenced.account),
        group: fenced.group.0,
        differs_from: fenced.with.to_string(),
        fetching: fenced.fetching,
    }
}

fn sealed_secrets(core: &Core) -> Vec<SealedSecrets> {
    let name = |key: Option<u32>| key.map(|key| format!("{key:08x}")).unwrap_or_default();
    let uses = sealing::uses(&core.views.load()).into_iter();
    uses.map(|(key, secrets)| SealedSecrets { sealing_key: name(key), secrets }).collect()
}

/// How this node is.
fn own_health(core: &Core) -> DescribeNodeResponse {
    let limits = &core.config.limits;
    let (model, seed, frozen) = core.gate.setting();
    let (certificate, authority) = core.own.expires;
    let (fenced, mended) = core.fences.all();
    DescribeNodeResponse {
        node: core.me.to_string(),
        region: core.region.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
        uptime: Some(wire::duration(core.platform.monotonic().saturating_sub(core.own.started))),
        now: Some(wire::timestamp(core.platform.real_wall())),
        certificate_expires: certificate.map(wire::timestamp),
        authority_expires: authority.map(wire::timestamp),
        disk_available: core.own.engine.available_bytes(),
        disk_reserve: core.config.store.reserve_bytes,
        alarms: core.metrics.alarms.get(),
        digest_mismatches: core.metrics.digest_mismatches.get(),
        staleness_soft: Some(wire::duration(Duration::from_millis(limits.staleness_soft_ms))),
        propagation_model: if model == Model::Instant { String::new() } else { model.to_string() },
        propagation_seed: seed,
        propagation_frozen: frozen,
        held_changes: core.gate.held().len() as u64,
        sealing_keys: core.cluster_key.sealing_keys().map(|key| format!("{key:08x}")).collect(),
        sealed_secrets: if core.carries() { Vec::new() } else { sealed_secrets(core) },
        recovery_key: core.recovery_key.map(hex::encode).unwrap_or_default(),
        fenced: fenced.iter().map(fenced_account).collect(),
        mended,
    }
}

#[tonic::async_trait]
impl ClusterService for ClusterHandler {
    async fn describe_cluster(
        &self,
        request: Request<DescribeClusterRequest>,
    ) -> Result<Response<DescribeClusterResponse>, Status> {
        let core = &self.0;
        let caller = wire::caller(&request)?;
        check(&caller, "tidegate:DescribeCluster", "*").map_err(refuse)?;
        let view = wire::Seen::present(core);
        let cluster = view.directory.cluster().cloned().unwrap_or_default();
        let node = |n: &record::Node| Node {
            id: n.id,
            region: n.region.clone(),
            peer_address: n.peer_address.clone(),
            client_address: n.client_address.clone(),
        };
        let group = |p: &record::Placement| Group {
            id: p.group,
            region: p.region.clone(),
            voters: p.voters.clone(),
            leaving: p.leaving.clone(),
            changing: p.changes != p.settled,
            apply_version: upgrade::version_of(&view, GroupId(p.group)),
        };
        Ok(Response::new(DescribeClusterResponse {
            id: cluster.id,
            name: cluster.name,
            development: cluster.development,
            nodes: view.directory.nodes().map(node).collect(),
            groups: view.directory.placements().map(group).collect(),
            evidence: Some(wire::evidence(core, &view, &[GroupId::DIRECTORY])?),
            clock: development::clock(core),
        }))
    }

    async fn register_node(
        &self,
        request: Request<RegisterNodeRequest>,
    ) -> Result<Response<RegisterNodeResponse>, Status> {
        let action = "tidegate:RegisterNode";
        let core = &self.0;
        // Whoever may not change nodes may add one, where its policies name that one.
        let (resource, caller) = match operator(core, &request, action) {
            Ok(caller) => ("*".to_owned(), caller),
            Err(refused) => {
                let Some(described) = request.get_ref().node.as_ref() else { return Err(refused) };
                let resource = join::new_node(described.id, &described.region);
                let caller = operator_on(core, &request, action, &resource)?;
                (resource, caller)
            }
        };
        let new = resource != "*";
        let caller = confirmed_on(core, caller, action, &resource).await?;
        let request = request.into_inner();
        let node = request.node.ok_or_else(|| invalid("the request describes no node"))?;
        let described = record::Node {
            id: node.id,
            region: node.region.clone(),
            peer_address: node.peer_address.clone(),
            client_address: node.client_address.clone(),
            ..record::Node::default()
        };
        let command = Command::RegisterNode(RegisterNode { node: Some(described), new });
        let metadata = self.propose(caller, request.request_id, command).await?;
        Ok(Response::new(RegisterNodeResponse { node: Some(node), metadata: Some(metadata) }))
    }

    async fn change_voters(
        &self,
        request: Request<ChangeVotersRequest>,
    ) -> Result<Response<ChangeVotersResponse>, Status> {
        let caller = operator(&self.0, &request, "tidegate:ChangeVoters")?;
        let ChangeVotersRequest { request_id, voters, groups } = request.into_inner();
        let command = Command::ChangeVoters(ChangeVoters { groups, voters });
        let metadata = self.command(caller, "tidegate:ChangeVoters", request_id, command).await?;
        Ok(Response::new(ChangeVotersResponse { metadata: Some(metadata) }))
    }

    async fn remove_node(
        &self,
        request: Request<RemoveNodeRequest>,
    ) -> Result<Response<RemoveNodeResponse>, Status> {
        let caller = operator(&self.0, &request, "tidegate:RemoveNode")?;
        let request = request.into_inner();
        let command = Command::RemoveNode(RemoveNode { node: request.id });
        let metadata =
            self.command(caller, "tidegate:RemoveNode", request.request_id, command).await?;
        Ok(Response::new(RemoveNodeResponse { metadata: Some(metadata) }))
    }

    async fn set_issuing(
        &self,
        request: Request<SetIssuingRequest>,
    ) -> Result<Response<SetIssuingResponse>, Status> {
        let caller = operator(&self.0, &request, "tidegate:SetIssuing")?;
        let SetIssuingRequest { request_id, id, allowed } = request.into_inner();
        let command = Command::SetIssuing(SetIssuing { node: id, allowed });
        let metadata = self.command(caller, "tidegate:SetIssuing", request_id, command).await?;
        Ok(Response::new(SetIssuingResponse { metadata: Some(metadata) }))
    }

    async fn set_clock(
        &self,
        request: Request<SetClockRequest>,
    ) -> Result<Response<SetClockResponse>, Status> {
        let action = development::CLOCK_ACTION;
        let caller = operator(&self.0, &request, action)?;
        development::check_mode(&self.0)?;
        let request = request.into_inner();
        let command = Command::SetClock(development::set_clock(&self.0, &request)?);
        tracing::warn!(?request, "the clock of this development cluster is set");
        let metadata = self.command(caller, action, request.request_id, command).await?;
        let clock = development::follow_clock(&self.0, &metadata.token).await?;
        Ok(Response::new(SetClockResponse { clock, metadata: Some(metadata) }))
    }

    async fn set_link(
        &self,
        request: Request<SetLinkRequest>,
    ) -> Result<Response<SetLinkResponse>, Status> {
        development::check(&self.0, &request)?;
        let link =
            request.into_inner().link.ok_or_else(|| invalid("the request describes no link"))?;
        let (from, to, link) = read_link(&link)?;
        tracing::warn!(%from, %to, ?link, "a link of this development cluster was changed");
        self.0.link.set(from, to, link).map_err(|e| invalid(e.to_string()))?;
        Ok(Response::new(SetLinkResponse {}))
    }

    async fn list_links(
        &self,
        request: Request<ListLinksRequest>,
    ) -> Result<Response<ListLinksResponse>, Status> {
        operator(&self.0, &request, development::ACTION)?;
        let links = self.0.link.links().into_iter().map(write_link).collect();
        Ok(Response::new(ListLinksResponse { links }))
    }

    async fn clear_links(
        &self,
        request: Request<ClearLinksRequest>,
    ) -> Result<Response<ClearLinksResponse>, Status> {
        development::check(&self.0, &request)?;
        self.0.link.clear();
        Ok(Response::new(ClearLinksResponse {}))
    }

    async fn describe_node(
        &self,
        request: Request<DescribeNodeRequest>,
    ) -> Result<Response<DescribeNodeResponse>, Status> {
        let caller = wire::caller(&request)?;
        check(&caller, "tidegate:DescribeNode", "*").map_err(refuse)?;
        Ok(Response::new(own_health(&self.0)))
    }

    async fn set_propagation_model(
        &self,
        request: Request<SetPropagationModelRequest>,
    ) -> Result<Response<SetPropagationModelResponse>, Status> {
        development::check(&self.0, &request)?;
        let request = request.into_inner();
        development::set_model(&self.0, &request.model, request.seed)?;
        Ok(Response::new(SetPropagationModelResponse {}))
    }

    async fn freeze_propagation(
        &self,
        request: Request<FreezePropagationRequest>,
    ) -> Result<Response<FreezePropagationResponse>, Status> {
        development::check(&self.0, &request)?;
        self.0.gate.freeze(true);
        Ok(Response::new(FreezePropagationResponse {}))
    }

    async fn thaw_propagation(
        &self,
        request: Request<ThawPropagationRequest>,
    ) -> Result<Response<ThawPropagationResponse>, Status> {
        development::check(&self.0, &request)?;
        self.0.gate.freeze(false);
        Ok(Response::new(ThawPropagationResponse {}))
    }

    async fn hold_change(
        &self,
        request: Request<HoldChangeRequest>,
    ) -> Result<Response<HoldChangeResponse>, Status> {
        development::check(&self.0, &request)?;
        development::hold(&self.0, &request.into_inner().token)?;
        Ok(Response::new(HoldChangeResponse {}))
    }

    async fn release_change(
        &self,
        request: Request<ReleaseChangeRequest>,
    ) -> Result<Response<ReleaseChangeResponse>, Status> {
        development::check(&self.0, &request)?;
        development::release(&self.0, &request.into_inner().token)?;
        Ok(Response::new(ReleaseChangeResponse {}))
    }

    async fn list_held_changes(
        &self,
        request: Request<ListHeldChangesRequest>,
    ) -> Result<Response<ListHeldChangesResponse>, Status> {
        operator(&self.0, &request, development::ACTION)?;
        Ok(Response::new(development::held(&self.0)))
    }
}
