//! Roles and their trust policies.

use super::{
    Command, IamHandler, IdKind, Reply, Request, Response, Status, Subject, command, draw,
    evidence, ids, invalid, last_used, mutate, no_such, page, pb, read, role, tags, wire,
};

impl IamHandler {
    pub(super) async fn create_role(
        &self,
        request: Request<pb::CreateRoleRequest>,
    ) -> Result<Response<pb::CreateRoleResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::CreateRole(command::CreateRole {
            name: r.role_name,
            path: r.path,
            id: ids::unique_id(IdKind::Role, &draw(&self.0)),
            trust_policy: r.assume_role_policy_document,
            description: r.description,
            session_seconds_max: r.max_session_duration,
            boundary: r.permissions_boundary,
            tags: tags(r.tags),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::CreateRoleResponse {
            role: match &done.reply.reply {
                Some(Reply::Role(v)) => Some(role(&done.account, v, done.reply.revision)),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    pub(super) async fn get_role(
        &self,
        request: Request<pb::GetRoleRequest>,
    ) -> Result<Response<pb::GetRoleResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:GetRole",
            Subject::Role(&r.role_name),
        )
        .await?;
        let found = account.role(&r.role_name).ok_or_else(|| no_such("role", &r.role_name))?;
        Ok(Response::new(pb::GetRoleResponse {
            role: Some(pb::Role {
                last_used: last_used(&view, &account, &found.value.id),
                ..role(&account, &found.value, found.revision)
            }),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn update_assume_role_policy(
        &self,
        request: Request<pb::UpdateAssumeRolePolicyRequest>,
    ) -> Result<Response<pb::UpdateAssumeRolePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        if r.policy_document.is_empty() {
            return Err(invalid("a trust policy is needed"));
        }
        let command = Command::UpdateRole(command::UpdateRole {
            name: r.role_name,
            trust_policy: r.policy_document,
            description: None,
            session_seconds_max: 0,
            etag: r.etag,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::UpdateAssumeRolePolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn delete_role(
        &self,
        request: Request<pb::DeleteRoleRequest>,
    ) -> Result<Response<pb::DeleteRoleResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Delete(command::Delete { kind: 3, name: r.role_name, etag: r.etag });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteRoleResponse { metadata: done.metadata }))
    }

    pub(super) async fn list_roles(
        &self,
        request: Request<pb::ListRolesRequest>,
    ) -> Result<Response<pb::ListRolesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListRoles", Subject::All("role"))
                .await?;
        let prefix = if r.path_prefix.is_empty() { "/" } else { &r.path_prefix };
        let items = account
            .roles()
            .filter(|e| e.value.path.starts_with(prefix))
            .map(|e| (e.value.name.to_ascii_lowercase(), role(&account, &e.value, e.revision)));
        let (roles, next_page_token) =
            page(&self.0, "ListRoles", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListRolesResponse {
            roles,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }
}
