//! Instance profiles.

use tidegate_model::{
    AccountState, Command, Reply, ResourceKind,
    ids::{self, IdKind},
    resource::{Body, Change, ChangeResource, InstanceProfile, Resource},
};
use tidegate_policy::UnixMillis;
use tidegate_query::{Fields, Value};

use super::{providers::missing, shapes};
use crate::{
    aws::{
        answer::Outcome,
        call::{Call, given, no_such},
    },
    operations::{Subject, draw},
};

const KIND: ResourceKind = ResourceKind::InstanceProfile;

/// The role in an instance profile, in lower case; empty: none.
fn role_of(r: &Resource) -> &str {
    match &r.body {
        Some(Body::InstanceProfile(profile)) => &profile.role,
        _ => "",
    }
}

/// An instance profile with its role.
pub(super) fn profile(account: &AccountState, r: &Resource) -> Fields {
    let roles = account.role(role_of(r)).into_iter();
    let roles: Value = roles.map(|role| shapes::bare_role(account, &role.value)).collect();
    Fields::new()
        .with("Path", &*r.path)
        .with("InstanceProfileName", &*r.name)
        .with("InstanceProfileId", &*r.id)
        .with("Arn", KIND.arn(account, &r.path, &r.name))
        .with("CreateDate", UnixMillis(r.created))
        .with("Roles", roles)
        .with_some("Tags", (!r.tags.is_empty()).then(|| shapes::tags(&r.tags)))
}

/// The instance profiles that a role is in.
pub(super) fn of_role<'a>(
    account: &'a AccountState,
    role: &str,
) -> impl Iterator<Item = (String, Value)> + 'a {
    let role = role.to_ascii_lowercase();
    account
        .resources(KIND)
        .filter(move |r| role_of(&r.value) == role)
        .map(|r| (r.value.name.to_ascii_lowercase(), profile(account, &r.value).into()))
}

fn change(name: String, change: Change) -> Command {
    Command::ChangeResource(ChangeResource { kind: KIND as u32, name, change: Some(change) })
}

pub(super) async fn create(call: &Call<'_>) -> Outcome {
    let name = call.text("InstanceProfileName");
    let new = Resource {
        name: name.clone(),
        path: call.text("Path"),
        id: ids::unique_id(IdKind::InstanceProfile, &draw(call.core)),
        tags: shapes::read_tags(call.input),
        body: Some(Body::InstanceProfile(InstanceProfile::default())),
        ..Resource::default()
    };
    let done = call.change(change(name, Change::Create(new))).await?;
    let made = given(&done, |r| if let Reply::Resource(r) = r { Some(r.clone()) } else { None })?;
    call.changed(&done, Fields::new().with("InstanceProfile", profile(&done.account, &made)))
}

pub(super) async fn get(call: &Call<'_>) -> Outcome {
    let name = call.text("InstanceProfileName");
    let (seen, account) = call.read(Subject::Resource(KIND, &name)).await?;
    let found = account.resource(KIND, &name).ok_or_else(|| missing(KIND, &name))?;
    call.seen(&seen, Fields::new().with("InstanceProfile", profile(&account, &found.value)))
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    call.just(change(call.text("InstanceProfileName"), Change::Delete(true))).await
}

pub(super) async fn add_role(call: &Call<'_>) -> Outcome {
    call.just(change(call.text("InstanceProfileName"), Change::Add(call.text("RoleName")))).await
}

pub(super) async fn remove_role(call: &Call<'_>) -> Outcome {
    call.just(change(call.text("InstanceProfileName"), Change::Remove(call.text("RoleName")))).await
}

pub(super) async fn list(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::All("instance-profile")).await?;
    let prefix = call.text("PathPrefix");
    let profiles = account
        .resources(KIND)
        .filter(|r| r.value.path.starts_with(&prefix))
        .map(|r| (r.value.name.to_ascii_lowercase(), profile(&account, &r.value).into()));
    call.seen(&seen, call.page("InstanceProfiles", profiles)?)
}

pub(super) async fn list_for_role(call: &Call<'_>) -> Outcome {
    let name = call.text("RoleName");
    let (seen, account) = call.read(Subject::Role(&name)).await?;
    account.role(&name).ok_or_else(|| no_such("role", &name))?;
    call.seen(&seen, call.page("InstanceProfiles", of_role(&account, &name))?)
}
