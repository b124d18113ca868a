//! Users.

use super::{
    Command, IamHandler, IdKind, Reply, Request, Response, Status, Subject, command, draw,
    evidence, ids, invalid, mutate, no_such, own_name, page, pb, read, tags, user, wire,
};

impl IamHandler {
    pub(super) async fn create_user(
        &self,
        request: Request<pb::CreateUserRequest>,
    ) -> Result<Response<pb::CreateUserResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::CreateUser(command::CreateUser {
            name: r.user_name,
            path: r.path,
            id: ids::unique_id(IdKind::User, &draw(&self.0)),
            boundary: r.permissions_boundary,
            tags: tags(r.tags),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::CreateUserResponse {
            user: match &done.reply.reply {
                Some(Reply::User(v)) => Some(user(&done.account, v, done.reply.revision)),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    pub(super) async fn get_user(
        &self,
        request: Request<pb::GetUserRequest>,
    ) -> Result<Response<pb::GetUserResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:GetUser",
            Subject::User(&own_name(&caller, &r.user_name)),
        )
        .await?;
        let name = own_name(&caller, &r.user_name);
        if name.is_empty() {
            return Err(invalid("the caller is no user; name the user to get"));
        }
        let found = account.user(&name).ok_or_else(|| no_such("user", &name))?;
        Ok(Response::new(pb::GetUserResponse {
            user: Some(user(&account, &found.value, found.revision)),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    pub(super) async fn update_user(
        &self,
        request: Request<pb::UpdateUserRequest>,
    ) -> Result<Response<pb::UpdateUserResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::UpdateUser(command::UpdateUser {
            name: r.user_name,
            new_name: r.new_user_name,
            new_path: r.new_path,
            etag: r.etag,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::UpdateUserResponse {
            user: match &done.reply.reply {
                Some(Reply::User(v)) => Some(user(&done.account, v, done.reply.revision)),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    pub(super) async fn delete_user(
        &self,
        request: Request<pb::DeleteUserRequest>,
    ) -> Result<Response<pb::DeleteUserResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Delete(command::Delete { kind: 1, name: r.user_name, etag: r.etag });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteUserResponse { metadata: done.metadata }))
    }

    pub(super) async fn list_users(
        &self,
        request: Request<pb::ListUsersRequest>,
    ) -> Result<Response<pb::ListUsersResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListUsers", Subject::All("user"))
                .await?;
        let prefix = if r.path_prefix.is_empty() { "/" } else { &r.path_prefix };
        let items = account
            .users()
            .filter(|e| e.value.path.starts_with(prefix))
            .map(|e| (e.value.name.to_ascii_lowercase(), user(&account, &e.value, e.revision)));
        let (users, next_page_token) =
            page(&self.0, "ListUsers", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListUsersResponse {
            users,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }
}
