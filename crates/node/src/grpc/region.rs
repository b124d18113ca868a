//! Containing somebody over gRPC.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt};
use prost::Message as _;
use tidegate_authn::payload_hash;
use tidegate_model::{
    Captured, Command, Envelope,
    region::{Quarantine, RegionKey, target_kind},
};
use tidegate_policy::{AccountId, UnixMillis};
use tidegate_proto::region::v1::{
    LiftQuarantineRequest, LiftQuarantineResponse, ListQuarantinesRequest, ListQuarantinesResponse,
    Quarantine as WireQuarantine, QuarantineRequest, QuarantineResponse, VoidSessionsRequest,
    VoidSessionsResponse, quarantine_response::Event, quarantine_service_server::QuarantineService,
    target::Target as WireTarget,
};
use tidegate_replica::{Clock, GroupId, Scope};
use tidegate_service::{
    Caller, Contain, Named, Reason, ServiceError, check_list, is_operator, lift, quarantine,
    quarantines, void_sessions,
};
use tonic::{Request, Response, Status};

use super::{
    cluster::confirmed,
    iam::page,
    propagation::{Progress, follow},
    status::refuse,
    wire,
};
use crate::core::Core;

/// Serves quarantines.
#[derive(Clone, Debug)]
pub(crate) struct QuarantineHandler(pub(crate) Arc<Core>);

fn invalid(message: impl Into<String>) -> Status {
    refuse(ServiceError::new(Reason::ValidationError, message))
}

fn account(text: &str) -> Result<Option<AccountId>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| invalid("an account has 12 digits"))
}

fn named(target: Option<WireTarget>) -> Result<Named, Status> {
    match target {
        Some(WireTarget::PrincipalArn(arn)) => Ok(Named::Principal(arn)),
        Some(WireTarget::AccessKeyId(id)) => Ok(Named::AccessKey(id)),
        Some(WireTarget::AccountId(id)) => Ok(Named::Account(id)),
        None => Err(invalid("the request names no target")),
    }
}

/// A quarantine's id: drawn, or made of all that makes two requests one. A caller can't name another's.
fn id(core: &Core, caller: &Caller, request_id: &str, target: &Named) -> String {
    if request_id.is_empty() {
        return crate::operations::decision_id(core);
    }
    let who = &caller.resolved.principal.arn;
    let named = payload_hash(format!("quarantine v1\0{who}\0{request_id}\0{target:?}").as_bytes());
    named.chars().take(32).collect()
}

fn shown(quarantine: &Quarantine, imported: bool) -> WireQuarantine {
    let target = quarantine.target.clone().unwrap_or_default();
    let is_key = target.kind == target_kind::ACCESS_KEY;
    WireQuarantine {
        quarantine_id: quarantine.id.clone(),
        account_id: format!("{:012}", quarantine.account),
        target_arn: target.arn,
        access_key_id: if is_key { target.id } else { String::new() },
        reason: quarantine.reason.clone(),
        issued_by: quarantine.issuer.clone(),
        issue_date: Some(wire::timestamp(UnixMillis(quarantine.issued))),
        expire_date: Some(wire::timestamp(UnixMillis(quarantine.until))),
        node: format!("n{}", quarantine.node),
        imported,
    }
}

fn event(event: Event) -> QuarantineResponse {
    QuarantineResponse { event: Some(event) }
}

#[tonic::async_trait]
impl QuarantineService for QuarantineHandler {
    type QuarantineStream = Pin<Box<dyn Stream<Item = Result<QuarantineResponse, Status>> + Send>>;

    async fn quarantine(
        &self,
        request: Request<QuarantineRequest>,
    ) -> Result<Response<Self::QuarantineStream>, Status> {
        let caller = wire::caller(&request)?;
        let request = request.into_inner();
        let core = Arc::clone(&self.0);
        let target = named(request.target.and_then(|t| t.target))?;
        let lasts =
            request.duration.as_ref().ok_or_else(|| invalid("a quarantine needs an end"))?;
        let millis = wire::read_duration(lasts)?.as_millis();
        let id = id(&core, &caller, &request.request_id, &target);
        let asked = Contain {
            id,
            target,
            reason: request.reason,
            millis: u64::try_from(millis).unwrap_or(u64::MAX),
        };
        let timeout = request.timeout.as_ref().map(wire::read_duration).transpose()?;
        let patience = timeout.unwrap_or(core.config.wait_max()).min(core.config.wait_max());
        let view = core.views.load();
        let written = quarantine(&view, &caller, &asked, core.me, core.platform.wall());
        let written = written.map_err(refuse)?;
        let key = RegionKey::Quarantine(written.account, written.id.clone());
        let value = written.encode_to_vec().into();
        let dot = core.region_lane.append(vec![(key, value)]).await.map_err(refuse)?;
        tracing::warn!(
            quarantine = written.id,
            account = written.account,
            issuer = written.issuer,
            "a quarantine was taken"
        );
        let accepted = event(Event::Accepted(shown(&written, false)));
        let positions = Clock::from_iter([(dot.origin, dot.sequence)]);
        let receipt = follow(core, positions, Scope::All, patience).map(|progress| {
            Ok(event(match progress? {
                Progress::Arrival(arrival) => Event::Acknowledged(arrival),
                Progress::Finished(finished) => Event::Finished(finished),
            }))
        });
        let all = futures::stream::iter([Ok(accepted)]).chain(receipt);
        Ok(Response::new(Box::pin(all)))
    }

    async fn list_quarantines(
        &self,
        request: Request<ListQuarantinesRequest>,
    ) -> Result<Response<ListQuarantinesResponse>, Status> {
        let core = &self.0;
        let caller = wire::caller(&request)?;
        let request = request.into_inner();
        let view = wire::Seen::present(core);
        let of = match account(&request.account_id)? {
            None if !is_operator(&view, &caller) => Some(caller.account),
            named => named,
        };
        check_list(&view, &caller, of).map_err(refuse)?;
        let all = quarantines(&view, of, core.platform.wall())
            .into_iter()
            .map(|(q, imported)| (format!("{:012}/{}", q.account, q.id), shown(&q, imported)));
        let (quarantines, next_page_token) =
            page(core, "ListQuarantines", request.page_size, &request.page_token, all)?;
        let mut groups = vec![GroupId::DIRECTORY];
        if let Some(account) = of {
            groups = view.groups_of(account);
        }
        let evidence = Some(wire::evidence(core, &view, &groups)?);
        Ok(Response::new(ListQuarantinesResponse { quarantines, next_page_token, evidence }))
    }

    async fn lift_quarantine(
        &self,
        request: Request<LiftQuarantineRequest>,
    ) -> Result<Response<LiftQuarantineResponse>, Status> {
        let core = &self.0;
        let mut caller = wire::caller(&request)?;
        let request = request.into_inner();
        let account = account(&request.account_id)?.unwrap_or(caller.account);
        let view = core.views.load();
        let command = lift(&view, &caller, account, &request.quarantine_ids).map_err(refuse)?;
        if account != caller.account {
            caller = confirmed(core, caller, "tidegate:LiftQuarantine").await?;
        }
        view.group_of(account).map_err(refuse)?;
        let request_id = wire::request_id(core, request.request_id);
        let envelope = Envelope {
            request_id: request_id.clone(),
            account: account.as_u64(),
            context: Captured::entries(&caller.context),
            caller: Some(caller.reference),
            command: Some(Command::LiftQuarantine(command)),
            ..Envelope::default()
        };
        let proposed = core.propose_for(account, &envelope, core.patience());
        let (group, index, reply) = proposed.await.map_err(refuse)?;
        let metadata = wire::metadata(core, account, (group, index), reply.revision, request_id)?;
        Ok(Response::new(LiftQuarantineResponse { metadata: Some(metadata) }))
    }

    async fn void_sessions(
        &self,
        request: Request<VoidSessionsRequest>,
    ) -> Result<Response<VoidSessionsResponse>, Status> {
        let core = &self.0;
        let caller = wire::caller(&request)?;
        let request = request.into_inner();
        let before = request.issued_before.as_ref().map(wire::read_timestamp).transpose()?;
        let view = core.views.load();
        let now = core.platform.wall();
        let (account, void) =
            void_sessions(&view, &caller, &request.role_arn, before, now).map_err(refuse)?;
        let role = void.role.clone();
        if void.before > view.region.void_before(account.as_u64(), &role) {
            let key = RegionKey::Void(account.as_u64(), role.clone());
            let value = void.encode_to_vec().into();
            core.region_lane.append(vec![(key, value)]).await.map_err(refuse)?;
        }
        let holds = core.views.load().region.void_before(account.as_u64(), &role);
        let issued_before = Some(wire::timestamp(UnixMillis(holds)));
        Ok(Response::new(VoidSessionsResponse { issued_before }))
    }
}
