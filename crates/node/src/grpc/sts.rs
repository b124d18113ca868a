//! Sessions over gRPC.

use std::sync::Arc;

use tidegate_policy::UnixMillis;
use tidegate_proto::sts::v1::{
    AssumeRoleRequest, AssumeRoleResponse, Credentials, GetCallerIdentityRequest,
    GetCallerIdentityResponse, sts_service_server::StsService,
};
use tidegate_replica::GroupId;
use tidegate_service::{AssumeRole, assume_role};
use tonic::{Request, Response, Status};

use super::{status::refuse, wire};
use crate::core::Core;

/// Serves sessions.
#[derive(Clone, Debug)]
pub(crate) struct StsHandler(pub(crate) Arc<Core>);

#[tonic::async_trait]
impl StsService for StsHandler {
    async fn assume_role(
        &self,
        request: Request<AssumeRoleRequest>,
    ) -> Result<Response<AssumeRoleResponse>, Status> {
        let caller = wire::caller(&request)?;
        let request = request.into_inner();
        let core = &self.0;
        let groups = [GroupId::DIRECTORY, caller.group];
        let view = wire::Seen::present(core);
        view.check_ceiling(core, &groups).map_err(refuse)?;
        let asked = AssumeRole {
            role_arn: request.role_arn,
            session_name: request.role_session_name,
            duration_seconds: request.duration_seconds,
            policies: request.policies,
            ..AssumeRole::default()
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
