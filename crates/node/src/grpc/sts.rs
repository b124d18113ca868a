//! Sessions over gRPC.

use std::sync::Arc;

use tidegate_model::record::Tag;
use tidegate_policy::{Arn, UnixMillis};
use tidegate_proto::sts::v1::{
    AssumeRoleRequest, AssumeRoleResponse, Credentials, GetCallerIdentityRequest,
    GetCallerIdentityResponse, sts_service_server::StsService,
};
use tidegate_service::{AssumeRole, Reason, ServiceError, assume_role, check_may_assume};
use tonic::{Request, Response, Status};

use super::{status::refuse, wire};
use crate::{aws::PACKED_MAX, core::Core, operations, vouching};

/// Serves sessions.
#[derive(Clone, Debug)]
pub(crate) struct StsHandler(pub(crate) Arc<Core>);

/// Refuses a session that would carry too much, as the other front door does.
fn check_size(request: &AssumeRoleRequest) -> Result<(), Status> {
    let policies = request.policies.iter().map(String::len);
    let tags = request.tags.iter().map(|t| t.key.len() + t.value.len());
    let size = policies.chain(tags).sum::<usize>();
    if size <= PACKED_MAX {
        return Ok(());
    }
    let message = format!(
        "session policies and tags have {size} characters together, of at most {PACKED_MAX}"
    );
    Err(refuse(ServiceError::new(Reason::LimitExceeded, message)))
}

#[tonic::async_trait]
impl StsService for StsHandler {
    async fn assume_role(
        &self,
        request: Request<AssumeRoleRequest>,
    ) -> Result<Response<AssumeRoleResponse>, Status> {
        let caller = wire::caller(&request)?;
        let request = request.into_inner();
        let core = &self.0;
        check_may_assume(&caller).map_err(refuse)?;
        check_size(&request)?;
        // Before a code is used up: a call that is refused for want of a key must be good once more.
        vouching::settled(core).await;
        let mfa_at =
            operations::use_code(core, &caller, &request.serial_number, &request.token_code);
        let mfa_at = mfa_at.await.map_err(|e| refuse(e.into()))?;
        let view = wire::Seen::present(core);
        let mut groups = view.groups_of(caller.account);
        // A role of another account: the answer rests on that account too.
        let account = Arn::parse(&request.role_arn).ok().and_then(|arn| arn.account_id());
        let other = account.filter(|account| *account != caller.account);
        for group in other.iter().flat_map(|account| view.groups_of(*account)) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        view.check_ceiling(core, &groups).map_err(refuse)?;
        let asked = AssumeRole {
            role_arn: request.role_arn,
            session_name: request.role_session_name,
            duration_seconds: request.duration_seconds,
            policies: request.policies,
            tags: request.tags.into_iter().map(|t| Tag { key: t.key, value: t.value }).collect(),
            transitive_tag_keys: request.transitive_tag_keys,
            source_identity: request.source_identity,
            external_id: request.external_id,
            mfa_at,
        };
        let mut entropy = |bytes: &mut [u8]| core.platform.entropy(bytes);
        let assumed = assume_role(
            &view,
            &caller,
            &asked,
            core.platform.wall(),
            &mut entropy,
            &core.cluster_key,
        )
        .map_err(refuse)?;
        let session = &assumed.session;
        Ok(Response::new(AssumeRoleResponse {
            assumed_role_arn: assumed.arn,
            assumed_role_id: format!("{}:{}", session.role_id, session.name),
            credentials: Some(Credentials {
                access_key_id: session.access_key_id.clone(),
                secret_access_key: session.secret.expose().to_owned(),
                session_token: assumed.token,
                expiration: Some(wire::timestamp(UnixMillis(session.expires))),
            }),
            evidence: Some(wire::evidence(core, &view, &groups)?),
            source_identity: session.attributes.source_identity.clone(),
        }))
    }

    async fn get_caller_identity(
        &self,
        request: Request<GetCallerIdentityRequest>,
    ) -> Result<Response<GetCallerIdentityResponse>, Status> {
        let caller = wire::caller(&request)?;
        let principal = &caller.resolved.principal;
        Ok(Response::new(GetCallerIdentityResponse {
            user_id: principal.user_id.to_string(),
            account: caller.account.to_string(),
            arn: principal.arn.to_string(),
        }))
    }
}
