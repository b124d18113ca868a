//! Inline policies of users, groups and roles.

use super::{
    Command, EntityKind, IamHandler, Request, Response, Status, Subject, command, evidence,
    invalid, mutate, no_such, page, pb, read, wire,
};

impl IamHandler {
    pub(super) async fn put_user_policy(
        &self,
        request: Request<pb::PutUserPolicyRequest>,
    ) -> Result<Response<pb::PutUserPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        if r.policy_document.is_empty() {
            return Err(invalid("a policy document is needed"));
        }
        let command = Command::PutInline(command::PutInline {
            kind: 1,
            name: r.user_name,
            policy: r.policy_name,
            document: r.policy_document,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::PutUserPolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn delete_user_policy(
        &self,
        request: Request<pb::DeleteUserPolicyRequest>,
    ) -> Result<Response<pb::DeleteUserPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::PutInline(command::PutInline {
            kind: 1,
            name: r.user_name,
            policy: r.policy_name,
            document: String::new(),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteUserPolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn get_user_policy(
        &self,
        request: Request<pb::GetUserPolicyRequest>,
    ) -> Result<Response<pb::GetUserPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:GetUserPolicy",
            Subject::User(&r.user_name),
        )
        .await?;
        let found = account
            .inline(EntityKind::User, &r.user_name)
            .find(|i| i.name.eq_ignore_ascii_case(&r.policy_name));
        let found = found.ok_or_else(|| no_such("user policy", &r.policy_name))?;
        Ok(Response::new(pb::GetUserPolicyResponse {
            policy_document: found.document.clone(),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn list_user_policies(
        &self,
        request: Request<pb::ListUserPoliciesRequest>,
    ) -> Result<Response<pb::ListUserPoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:ListUserPolicies",
            Subject::User(&r.user_name),
        )
        .await?;
        account.user(&r.user_name).ok_or_else(|| no_such("user", &r.user_name))?;
        let items = account
            .inline(EntityKind::User, &r.user_name)
            .map(|i| (i.name.to_ascii_lowercase(), i.name.clone()));
        let (policy_names, next_page_token) =
            page(&self.0, "ListUserPolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListUserPoliciesResponse {
            policy_names,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn put_group_policy(
        &self,
        request: Request<pb::PutGroupPolicyRequest>,
    ) -> Result<Response<pb::PutGroupPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        if r.policy_document.is_empty() {
            return Err(invalid("a policy document is needed"));
        }
        let command = Command::PutInline(command::PutInline {
            kind: 2,
            name: r.group_name,
            policy: r.policy_name,
            document: r.policy_document,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::PutGroupPolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn delete_group_policy(
        &self,
        request: Request<pb::DeleteGroupPolicyRequest>,
    ) -> Result<Response<pb::DeleteGroupPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::PutInline(command::PutInline {
            kind: 2,
            name: r.group_name,
            policy: r.policy_name,
            document: String::new(),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteGroupPolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn get_group_policy(
        &self,
        request: Request<pb::GetGroupPolicyRequest>,
    ) -> Result<Response<pb::GetGroupPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:GetGroupPolicy",
            Subject::Group(&r.group_name),
        )
        .await?;
        let found = account
            .inline(EntityKind::Group, &r.group_name)
            .find(|i| i.name.eq_ignore_ascii_case(&r.policy_name));
        let found = found.ok_or_else(|| no_such("group policy", &r.policy_name))?;
        Ok(Response::new(pb::GetGroupPolicyResponse {
            policy_document: found.document.clone(),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn list_group_policies(
        &self,
        request: Request<pb::ListGroupPoliciesRequest>,
    ) -> Result<Response<pb::ListGroupPoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:ListGroupPolicies",
            Subject::Group(&r.group_name),
        )
        .await?;
        account.group(&r.group_name).ok_or_else(|| no_such("group", &r.group_name))?;
        let items = account
            .inline(EntityKind::Group, &r.group_name)
            .map(|i| (i.name.to_ascii_lowercase(), i.name.clone()));
        let (policy_names, next_page_token) =
            page(&self.0, "ListGroupPolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListGroupPoliciesResponse {
            policy_names,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn put_role_policy(
        &self,
        request: Request<pb::PutRolePolicyRequest>,
    ) -> Result<Response<pb::PutRolePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        if r.policy_document.is_empty() {
            return Err(invalid("a policy document is needed"));
        }
        let command = Command::PutInline(command::PutInline {
            kind: 3,
            name: r.role_name,
            policy: r.policy_name,
            document: r.policy_document,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::PutRolePolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn delete_role_policy(
        &self,
        request: Request<pb::DeleteRolePolicyRequest>,
    ) -> Result<Response<pb::DeleteRolePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::PutInline(command::PutInline {
            kind: 3,
            name: r.role_name,
            policy: r.policy_name,
            document: String::new(),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteRolePolicyResponse { metadata: done.metadata }))
    }

    pub(super) async fn get_role_policy(
        &self,
        request: Request<pb::GetRolePolicyRequest>,
    ) -> Result<Response<pb::GetRolePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:GetRolePolicy",
            Subject::Role(&r.role_name),
        )
        .await?;
        let found = account
            .inline(EntityKind::Role, &r.role_name)
            .find(|i| i.name.eq_ignore_ascii_case(&r.policy_name));
        let found = found.ok_or_else(|| no_such("role policy", &r.policy_name))?;
        Ok(Response::new(pb::GetRolePolicyResponse {
            policy_document: found.document.clone(),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn list_role_policies(
        &self,
        request: Request<pb::ListRolePoliciesRequest>,
    ) -> Result<Response<pb::ListRolePoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:ListRolePolicies",
            Subject::Role(&r.role_name),
        )
        .await?;
        account.role(&r.role_name).ok_or_else(|| no_such("role", &r.role_name))?;
        let items = account
            .inline(EntityKind::Role, &r.role_name)
            .map(|i| (i.name.to_ascii_lowercase(), i.name.clone()));
        let (policy_names, next_page_token) =
            page(&self.0, "ListRolePolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListRolePoliciesResponse {
            policy_names,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }
}
