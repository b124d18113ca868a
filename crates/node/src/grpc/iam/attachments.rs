//! Which managed policies are attached to whom, and permissions boundaries.

use super::{
    Command, EntityKind, IamHandler, Request, Response, Status, Subject, attached_name, command,
    evidence, invalid, mutate, no_such, page, pb, read, wire,
};

impl IamHandler {
    pub(super) async fn attach_user_policy(
        &self,
        request: Request<pb::AttachUserPolicyRequest>,
    ) -> Result<Response<pb::AttachUserPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Attach(command::Attach {
            kind: 1,
            name: r.user_name,
            arn: r.policy_arn,
            attached: true,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::AttachUserPolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn detach_user_policy(
        &self,
        request: Request<pb::DetachUserPolicyRequest>,
    ) -> Result<Response<pb::DetachUserPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Attach(command::Attach {
            kind: 1,
            name: r.user_name,
            arn: r.policy_arn,
            attached: false,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DetachUserPolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn list_attached_user_policies(
        &self,
        request: Request<pb::ListAttachedUserPoliciesRequest>,
    ) -> Result<Response<pb::ListAttachedUserPoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:ListAttachedUserPolicies",
            Subject::User(&r.user_name),
        )
        .await?;
        account.user(&r.user_name).ok_or_else(|| no_such("user", &r.user_name))?;
        let items = account
            .attached(EntityKind::User, &r.user_name)
            .map(|arn| (arn.to_string(), attached_name(arn)));
        let (attached_policies, next_page_token) =
            page(&self.0, "ListAttachedUserPolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListAttachedUserPoliciesResponse {
            attached_policies,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn attach_group_policy(
        &self,
        request: Request<pb::AttachGroupPolicyRequest>,
    ) -> Result<Response<pb::AttachGroupPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Attach(command::Attach {
            kind: 2,
            name: r.group_name,
            arn: r.policy_arn,
            attached: true,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::AttachGroupPolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn detach_group_policy(
        &self,
        request: Request<pb::DetachGroupPolicyRequest>,
    ) -> Result<Response<pb::DetachGroupPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Attach(command::Attach {
            kind: 2,
            name: r.group_name,
            arn: r.policy_arn,
            attached: false,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DetachGroupPolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn list_attached_group_policies(
        &self,
        request: Request<pb::ListAttachedGroupPoliciesRequest>,
    ) -> Result<Response<pb::ListAttachedGroupPoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:ListAttachedGroupPolicies",
            Subject::Group(&r.group_name),
        )
        .await?;
        account.group(&r.group_name).ok_or_else(|| no_such("group", &r.group_name))?;
        let items = account
            .attached(EntityKind::Group, &r.group_name)
            .map(|arn| (arn.to_string(), attached_name(arn)));
        let (attached_policies, next_page_token) =
            page(&self.0, "ListAttachedGroupPolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListAttachedGroupPoliciesResponse {
            attached_policies,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn attach_role_policy(
        &self,
        request: Request<pb::AttachRolePolicyRequest>,
    ) -> Result<Response<pb::AttachRolePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Attach(command::Attach {
            kind: 3,
            name: r.role_name,
            arn: r.policy_arn,
            attached: true,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::AttachRolePolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn detach_role_policy(
        &self,
        request: Request<pb::DetachRolePolicyRequest>,
    ) -> Result<Response<pb::DetachRolePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Attach(command::Attach {
            kind: 3,
            name: r.role_name,
            arn: r.policy_arn,
            attached: false,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DetachRolePolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn list_attached_role_policies(
        &self,
        request: Request<pb::ListAttachedRolePoliciesRequest>,
    ) -> Result<Response<pb::ListAttachedRolePoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:ListAttachedRolePolicies",
            Subject::Role(&r.role_name),
        )
        .await?;
        account.role(&r.role_name).ok_or_else(|| no_such("role", &r.role_name))?;
        let items = account
            .attached(EntityKind::Role, &r.role_name)
            .map(|arn| (arn.to_string(), attached_name(arn)));
        let (attached_policies, next_page_token) =
            page(&self.0, "ListAttachedRolePolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListAttachedRolePoliciesResponse {
            attached_policies,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn put_user_permissions_boundary(
        &self,
        request: Request<pb::PutUserPermissionsBoundaryRequest>,
    ) -> Result<Response<pb::PutUserPermissionsBoundaryResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        if r.permissions_boundary.is_empty() {
            return Err(invalid("the ARN of a boundary is needed"));
        }
        let command = Command::PutBoundary(command::PutBoundary {
            kind: 1,
            name: r.user_name,
            arn: r.permissions_boundary,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::PutUserPermissionsBoundaryResponse { metadata: done.metadata }))
    }

    pub(super) async fn delete_user_permissions_boundary(
        &self,
        request: Request<pb::DeleteUserPermissionsBoundaryRequest>,
    ) -> Result<Response<pb::DeleteUserPermissionsBoundaryResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::PutBoundary(command::PutBoundary {
            kind: 1,
            name: r.user_name,
            arn: String::new(),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteUserPermissionsBoundaryResponse { metadata: done.metadata }))
    }

    pub(super) async fn put_role_permissions_boundary(
        &self,
        request: Request<pb::PutRolePermissionsBoundaryRequest>,
    ) -> Result<Response<pb::PutRolePermissionsBoundaryResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        if r.permissions_boundary.is_empty() {
            return Err(invalid("the ARN of a boundary is needed"));
        }
        let command = Command::PutBoundary(command::PutBoundary {
            kind: 3,
            name: r.role_name,
            arn: r.permissions_boundary,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::PutRolePermissionsBoundaryResponse { metadata: done.metadata }))
    }

    pub(super) async fn delete_role_permissions_boundary(
        &self,
        request: Request<pb::DeleteRolePermissionsBoundaryRequest>,
    ) -> Result<Response<pb::DeleteRolePermissionsBoundaryResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::PutBoundary(command::PutBoundary {
            kind: 3,
            name: r.role_name,
            arn: String::new(),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteRolePermissionsBoundaryResponse { metadata: done.metadata }))
    }
}
