//! Access keys.

use super::{
    Command, IamHandler, Reply, Request, Response, Status, Subject, access_key, command, draw,
    evidence, ids, invalid, last_used, mutate, own_name, page, pb, read, secret, wire,
};

impl IamHandler {
    pub(super) async fn create_access_key(
        &self,
        request: Request<pb::CreateAccessKeyRequest>,
    ) -> Result<Response<pb::CreateAccessKeyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let id = ids::access_key_id(caller.account.as_u64(), &draw(&self.0));
        let (secret, sealed_secret) = secret(&self.0, &id)?;
        let drawn = id.clone();
        let command = Command::CreateAccessKey(command::CreateAccessKey {
            user: own_name(&caller, &r.user_name),
            id,
            sealed_secret,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::CreateAccessKeyResponse {
            access_key: match &done.reply.reply {
                // A retry that comes after the first answer shows the key without its secret: only the first answer had it.
                Some(Reply::AccessKey(k)) => Some(pb::CreatedAccessKey {
                    access_key: Some(access_key(k)),
                    secret_access_key: if k.id == drawn { secret } else { String::new() },
                }),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    pub(super) async fn update_access_key(
        &self,
        request: Request<pb::UpdateAccessKeyRequest>,
    ) -> Result<Response<pb::UpdateAccessKeyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let active = match r.status.as_str() {
            "Active" => true,
            "Inactive" => false,
            other => {
                return Err(invalid(format!("the status `{other}` is not Active or Inactive")));
            }
        };
        let command = Command::UpdateAccessKey(command::UpdateAccessKey {
            user: own_name(&caller, &r.user_name),
            id: r.access_key_id,
            active,
            delete: false,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::UpdateAccessKeyResponse { metadata: done.metadata }))
    }

    pub(super) async fn delete_access_key(
        &self,
        request: Request<pb::DeleteAccessKeyRequest>,
    ) -> Result<Response<pb::DeleteAccessKeyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::UpdateAccessKey(command::UpdateAccessKey {
            user: own_name(&caller, &r.user_name),
            id: r.access_key_id,
            active: false,
            delete: true,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteAccessKeyResponse { metadata: done.metadata }))
    }

    pub(super) async fn list_access_keys(
        &self,
        request: Request<pb::ListAccessKeysRequest>,
    ) -> Result<Response<pb::ListAccessKeysResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(
            &self.0,
            &caller,
            r.consistency.as_ref(),
            "iam:ListAccessKeys",
            Subject::User(&own_name(&caller, &r.user_name)),
        )
        .await?;
        let name = own_name(&caller, &r.user_name);
        let items = account.access_keys(&name).map(|k| {
            let last_used = last_used(&view, &account, &k.id);
            (k.id.clone(), pb::AccessKey { last_used, ..access_key(k) })
        });
        let (access_keys, next_page_token) =
            page(&self.0, "ListAccessKeys", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListAccessKeysResponse {
            access_keys,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }
}
