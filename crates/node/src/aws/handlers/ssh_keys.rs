//! SSH public keys of users.

use tidegate_authn::{SshKey, SshKeyError};
use tidegate_model::{
    Reply, ResourceKind,
    ids::{self, IdKind},
    resource::{Body, Change, Resource, SshPublicKey, held_name, holder},
};
use tidegate_policy::UnixMillis;
use tidegate_query::{Code, Fields, Refusal};

use super::{
    held::{self, status},
    providers::missing,
};
use crate::{
    aws::{
        answer::{Outcome, internal},
        call::{Call, given, no_such},
    },
    operations::{Subject, draw},
};

const KIND: ResourceKind = ResourceKind::SshPublicKey;

fn refused(error: SshKeyError) -> Refusal {
    let code = match error {
        SshKeyError::UnknownEncoding => Code::UnrecognizedPublicKeyEncoding,
        SshKeyError::Invalid => Code::InvalidPublicKey,
    };
    Refusal::new(code, error.to_string())
}

fn body(r: &Resource) -> SshPublicKey {
    match &r.body {
        Some(Body::SshPublicKey(body)) => body.clone(),
        _ => SshPublicKey::default(),
    }
}

/// A key as lists have it.
fn listed(user: &str, r: &Resource) -> Fields {
    Fields::new()
        .with("UserName", user)
        .with("SSHPublicKeyId", holder(&r.name).1)
        .with("Status", status(body(r).active))
        .with("UploadDate", UnixMillis(r.created))
}

fn whole(user: &str, r: &Resource, encoded: &str) -> Fields {
    let fields =
        listed(user, r).with("Fingerprint", body(r).fingerprint).with("SSHPublicKeyBody", encoded);
    Fields::new().with("SSHPublicKey", fields)
}

pub(super) async fn upload(call: &Call<'_>) -> Outcome {
    let key = SshKey::parse(&call.text("SSHPublicKeyBody")).map_err(refused)?;
    let user = call.text("UserName");
    let id = ids::unique_id(IdKind::PublicKey, &draw(call.core));
    let name = held_name(&user, &id);
    let body =
        SshPublicKey { key: key.to_open_ssh(), fingerprint: key.fingerprint(), active: true };
    let new = held::new(&name, id, Body::SshPublicKey(body));
    let done = call.change(held::change(KIND, name, Change::Create(new))).await?;
    let made = given(&done, |r| if let Reply::Resource(r) = r { Some(r.clone()) } else { None })?;
    let user = held::shown_user(&done.account, &user);
    call.changed(&done, whole(&user, &made, &key.to_open_ssh()))
}

pub(super) async fn get(call: &Call<'_>) -> Outcome {
    let user = call.text("UserName");
    let (seen, account) = call.read(Subject::User(&user)).await?;
    account.user(&user).ok_or_else(|| no_such("user", &user))?;
    let name = held_name(&user, &call.text("SSHPublicKeyId"));
    let found = account.resource(KIND, &name).ok_or_else(|| missing(KIND, &name))?;
    let stored = body(&found.value).key;
    let encoded = if call.text("Encoding") == "PEM" {
        let key = SshKey::parse(&stored).map_err(|e| internal(&e))?;
        key.to_pem().ok_or_else(|| internal(&SshKeyError::Invalid))?
    } else {
        stored
    };
    call.seen(&seen, whole(&held::shown_user(&account, &user), &found.value, &encoded))
}

pub(super) async fn list(call: &Call<'_>) -> Outcome {
    held::list(call, KIND, "SSHPublicKeys", listed).await
}

pub(super) async fn update(call: &Call<'_>) -> Outcome {
    let active = held::read_status(call)?;
    let body = Body::SshPublicKey(SshPublicKey { active, ..SshPublicKey::default() });
    held::update(call, KIND, "SSHPublicKeyId", body).await
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    held::delete(call, KIND, "SSHPublicKeyId").await
}
