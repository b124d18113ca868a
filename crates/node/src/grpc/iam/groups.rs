//! Groups and who is in them.

use super::{
    Command, IamHandler, IdKind, Reply, Request, Response, Status, Subject, command, draw,
    evidence, group, ids, mutate, no_such, page, pb, read, user, wire,
};

impl IamHandler {
    pub(super) async fn create_group(
        &self,
        request: Request<pb::CreateGroupRequest>,
    ) -> Result<Response<pb::CreateGroupResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::CreateGroup(command::CreateGroup {
            name: r.group_name,
            path: r.path,
            id: ids::unique_id(IdKind::Group, &draw(&self.0)),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::CreateGroupResponse {
            group: match &done.reply.reply {
                Some(Reply::Group(v)) => Some(group(&done.account, v, done.reply.revision)),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    pub(super) async fn get_group(
        &self,
        request: Request<pb::GetGroupRequest>,
    ) -> Result<Response<pb::GetGroupResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:GetGroup",
            Subject::Group(&r.group_name),
        )
        .await?;
        let found = account.group(&r.group_name).ok_or_else(|| no_such("group", &r.group_name))?;
        let users = account
            .members_of(&r.group_name)
            .filter_map(|n| account.user(n))
            .map(|u| user(&account, &u.value, u.revision))
            .collect();
        Ok(Response::new(pb::GetGroupResponse {
            group: Some(group(&account, &found.value, found.revision)),
            users,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn delete_group(
        &self,
        request: Request<pb::DeleteGroupRequest>,
    ) -> Result<Response<pb::DeleteGroupResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command =
            Command::Delete(command::Delete { kind: 2, name: r.group_name, etag: r.etag });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteGroupResponse { metadata: done.metadata }))
    }

    pub(super) async fn list_groups(
        &self,
        request: Request<pb::ListGroupsRequest>,
    ) -> Result<Response<pb::ListGroupsResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListGroups", Subject::All("group"))
                .await?;
        let prefix = if r.path_prefix.is_empty() { "/" } else { &r.path_prefix };
        let items = account
            .groups()
            .filter(|e| e.value.path.starts_with(prefix))
            .map(|e| (e.value.name.to_ascii_lowercase(), group(&account, &e.value, e.revision)));
        let (groups, next_page_token) =
            page(&self.0, "ListGroups", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListGroupsResponse {
            groups,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn add_user_to_group(
        &self,
        request: Request<pb::AddUserToGroupRequest>,
    ) -> Result<Response<pb::AddUserToGroupResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Membership(command::Membership {
            group: r.group_name,
            user: r.user_name,
            member: true,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::AddUserToGroupResponse { metadata: done.metadata }))
    }

    pub(super) async fn remove_user_from_group(
        &self,
        request: Request<pb::RemoveUserFromGroupRequest>,
    ) -> Result<Response<pb::RemoveUserFromGroupResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Membership(command::Membership {
            group: r.group_name,
            user: r.user_name,
            member: false,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::RemoveUserFromGroupResponse { metadata: done.metadata }))
    }

    pub(super) async fn list_groups_for_user(
        &self,
        request: Request<pb::ListGroupsForUserRequest>,
    ) -> Result<Response<pb::ListGroupsForUserResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:ListGroupsForUser",
            Subject::User(&r.user_name),
        )
        .await?;
        account.user(&r.user_name).ok_or_else(|| no_such("user", &r.user_name))?;
        let items = account
            .groups_of(&r.user_name)
            .filter_map(|n| account.group(n))
            .map(|g| (g.value.name.to_ascii_lowercase(), group(&account, &g.value, g.revision)));
        let (groups, next_page_token) =
            page(&self.0, "ListGroupsForUser", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListGroupsForUserResponse {
            groups,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }
}
