//! Credentials of users for one service each.

use tidegate_authn::{Secret, hash_password};
use tidegate_model::{
    AccountState, Reply, ResourceKind,
    ids::{self, IdKind},
    resource::{Body, Change, Resource, ServiceCredential, held_name, holder},
};
use tidegate_policy::UnixMillis;
use tidegate_query::{Code, Fields, Refusal, Value};

use super::held::{self, status};
use crate::{
    aws::{
        answer::{Outcome, internal},
        call::{Call, given, no_such},
    },
    operations::{Subject, draw},
};

const KIND: ResourceKind = ResourceKind::ServiceCredential;
/// Services that people sign in to with a name and a password.
const BY_PASSWORD: [&str; 2] = ["cassandra.amazonaws.com", "codecommit.amazonaws.com"];
/// Services that are called with a key, which may end.
const BY_KEY: [&str; 2] = ["bedrock.amazonaws.com", "logs.amazonaws.com"];
/// Milliseconds of a day.
const DAY: u64 = 86_400_000;

fn check_service(service: &str) -> Result<(), Refusal> {
    if BY_PASSWORD.contains(&service) || BY_KEY.contains(&service) {
        return Ok(());
    }
    let message = format!("The service {service} does not support service-specific credentials.");
    Err(Refusal::new(Code::NotSupportedService, message))
}

fn body(r: &Resource) -> ServiceCredential {
    match &r.body {
        Some(Body::ServiceCredential(body)) => body.clone(),
        _ => ServiceCredential::default(),
    }
}

/// A credential without its secret.
fn shown(now: u64, user: &str, r: &Resource) -> Fields {
    let credential = body(r);
    let expires = credential.expires;
    let status = if expires != 0 && now >= expires { "Expired" } else { status(credential.active) };
    let by_key = BY_KEY.contains(&credential.service.as_str());
    let name = if by_key { "ServiceCredentialAlias" } else { "ServiceUserName" };
    Fields::new()
        .with("UserName", user)
        .with("Status", status)
        .with(name, credential.user_name)
        .with("CreateDate", UnixMillis(r.created))
        .with_some("ExpirationDate", (expires != 0).then_some(UnixMillis(expires)))
        .with("ServiceSpecificCredentialId", holder(&r.name).1)
        .with("ServiceName", credential.service)
}

/// A credential with its secret, which is told once.
fn told(now: u64, user: &str, r: &Resource, secret: &str) -> Fields {
    let by_key = BY_KEY.contains(&body(r).service.as_str());
    let name = if by_key { "ServiceCredentialSecret" } else { "ServicePassword" };
    Fields::new().with("ServiceSpecificCredential", shown(now, user, r).with(name, secret))
}

/// A fresh secret and its hash.
async fn secret(call: &Call<'_>) -> Result<(String, String), Refusal> {
    let secret = hex::encode([draw(call.core), draw(call.core)].concat());
    let (password, salt) = (Secret::new(secret.clone()), draw(call.core));
    // It takes tens of milliseconds on purpose.
    let hashed = tokio::task::spawn_blocking(move || hash_password(&password, &salt)).await;
    Ok((secret, hashed.map_err(|e| internal(&e))?.map_err(|e| internal(&e))?))
}

/// The name that a service knows a user by: AWS's form, with a number from the second on.
fn service_user(account: &AccountState, user: &str, service: &str, id: &str) -> String {
    if BY_KEY.contains(&service) {
        let tail = id.get(16..).unwrap_or_default();
        return format!("{user}-{tail}-at-{}", account.id());
    }
    let names: Vec<String> = account.held(KIND, user).map(|r| body(&r.value).user_name).collect();
    let name = |n: usize| match n {
        0 => format!("{user}-at-{}", account.id()),
        n => format!("{user}+{n}-at-{}", account.id()),
    };
    (0..=names.len()).map(name).find(|n| !names.contains(n)).unwrap_or_else(|| name(0))
}

pub(super) async fn create(call: &Call<'_>) -> Outcome {
    let (user, service) = (call.text("UserName"), call.text("ServiceName"));
    check_service(&service)?;
    let days = call.input.integer("CredentialAgeDays").and_then(|d| u64::try_from(d).ok());
    if days.is_some() && !BY_KEY.contains(&service.as_str()) {
        let message = format!("Credentials for {service} can't be given an age.");
        return Err(Refusal::new(Code::ValidationError, message));
    }
    let now = call.core.platform.wall().0;
    let id = ids::unique_id(IdKind::ServiceCredential, &draw(call.core));
    let view = call.core.views.load();
    let account = view.account(call.caller.account)?;
    let user_name = service_user(account, &held::shown_user(account, &user), &service, &id);
    let (secret, hash) = secret(call).await?;
    let expires = days.map_or(0, |d| now.saturating_add(d.saturating_mul(DAY)));
    let body = ServiceCredential { service, user_name, hash, active: true, expires };
    let name = held_name(&user, &id);
    let new = held::new(&name, id, Body::ServiceCredential(body));
    let done = call.change(held::change(KIND, name, Change::Create(new))).await?;
    let made = given(&done, |r| if let Reply::Resource(r) = r { Some(r.clone()) } else { None })?;
    let user = held::shown_user(&done.account, &user);
    call.changed(&done, told(now, &user, &made, &secret))
}

pub(super) async fn reset(call: &Call<'_>) -> Outcome {
    let user = call.user_name();
    let name = held_name(&user, &call.text("ServiceSpecificCredentialId"));
    let (secret, hash) = secret(call).await?;
    let body = ServiceCredential { hash, active: true, ..ServiceCredential::default() };
    let update = held::new(&name, String::new(), Body::ServiceCredential(body));
    let done = call.change(held::change(KIND, name, Change::Update(update))).await?;
    let made = given(&done, |r| if let Reply::Resource(r) = r { Some(r.clone()) } else { None })?;
    let user = held::shown_user(&done.account, &user);
    call.changed(&done, told(call.core.platform.wall().0, &user, &made, &secret))
}

pub(super) async fn list(call: &Call<'_>) -> Outcome {
    let service = call.text("ServiceName");
    if !service.is_empty() {
        check_service(&service)?;
    }
    let all = call.input.boolean("AllUsers").unwrap_or(false);
    let name = if all { String::new() } else { call.user_name() };
    let subject = if all { Subject::All("user") } else { Subject::User(&name) };
    let (seen, account) = call.read(subject).await?;
    if !name.is_empty() {
        account.user(&name).ok_or_else(|| no_such("user", &name))?;
    }
    let now = call.core.platform.wall().0;
    let of = |r: &Resource| service.is_empty() || body(r).service == service;
    let whose = |r: &Resource| all || holder(&r.name).0.eq_ignore_ascii_case(&name);
    let items = account.resources(KIND).filter(|r| of(&r.value) && whose(&r.value)).map(|r| {
        let user = held::shown_user(&account, holder(&r.value.name).0);
        (r.value.name.to_ascii_lowercase(), Value::Structure(shown(now, &user, &r.value)))
    });
    call.seen(&seen, call.page("ServiceSpecificCredentials", items)?)
}

pub(super) async fn update(call: &Call<'_>) -> Outcome {
    let active = match held::read_status(call) {
        Ok(active) => active,
        // No InvalidInput is documented here.
        Err(refusal) => return Err(Refusal::new(Code::ValidationError, refusal.message)),
    };
    let body =
        Body::ServiceCredential(ServiceCredential { active, ..ServiceCredential::default() });
    held::update(call, KIND, "ServiceSpecificCredentialId", body).await
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    held::delete(call, KIND, "ServiceSpecificCredentialId").await
}
