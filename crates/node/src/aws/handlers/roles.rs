//! Roles.

use tidegate_model::{
    Command, Reply, command,
    ids::{self, IdKind},
};
use tidegate_query::{Fields, Value};

use super::shapes;
use crate::{
    aws::{
        answer::Outcome,
        call::{Call, given, no_such},
    },
    operations::{Done, Subject, draw},
};

fn seconds(call: &Call<'_>) -> u32 {
    let seconds = call.input.integer("MaxSessionDuration").unwrap_or_default();
    u32::try_from(seconds).unwrap_or_default()
}

fn role(done: &Done) -> Result<Fields, tidegate_query::Refusal> {
    let role = given(done, |r| if let Reply::Role(r) = r { Some(r.clone()) } else { None })?;
    Ok(shapes::role(&done.account, &role))
}

pub(super) async fn create(call: &Call<'_>) -> Outcome {
    let done = call
        .change(Command::CreateRole(command::CreateRole {
            name: call.text("RoleName"),
            path: call.text("Path"),
            id: ids::unique_id(IdKind::Role, &draw(call.core)),
            trust_policy: call.text("AssumeRolePolicyDocument"),
            description: call.text("Description"),
            session_seconds_max: seconds(call),
            boundary: call.text("PermissionsBoundary"),
            tags: shapes::read_tags(call.input),
        }))
        .await?;
    call.changed(&done, Fields::new().with("Role", role(&done)?))
}

pub(super) async fn get(call: &Call<'_>) -> Outcome {
    let name = call.text("RoleName");
    let (seen, account) = call.read(Subject::Role(&name)).await?;
    let role = account.role(&name).ok_or_else(|| no_such("role", &name))?;
    call.seen(&seen, Fields::new().with("Role", shapes::role(&account, &role.value)))
}

pub(super) async fn update(call: &Call<'_>) -> Outcome {
    call.just(Command::UpdateRole(command::UpdateRole {
        name: call.text("RoleName"),
        trust_policy: String::new(),
        description: call.input.text("Description").map(ToOwned::to_owned),
        session_seconds_max: seconds(call),
        etag: String::new(),
    }))
    .await
}

pub(super) async fn update_description(call: &Call<'_>) -> Outcome {
    let done = call
        .change(Command::UpdateRole(command::UpdateRole {
            name: call.text("RoleName"),
            description: Some(call.text("Description")),
            ..command::UpdateRole::default()
        }))
        .await?;
    call.changed(&done, Fields::new().with("Role", role(&done)?))
}

pub(super) async fn update_trust(call: &Call<'_>) -> Outcome {
    call.just(Command::UpdateRole(command::UpdateRole {
        name: call.text("RoleName"),
        trust_policy: call.text("PolicyDocument"),
        ..command::UpdateRole::default()
    }))
    .await
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    let name = call.text("RoleName");
    call.just(Command::Delete(command::Delete { kind: 3, name, etag: String::new() })).await
}

pub(super) async fn list(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::All("role")).await?;
    let prefix = call.text("PathPrefix");
    let roles = account.roles().filter(|r| r.value.path.starts_with(&prefix)).map(|r| {
        let fields = shapes::listed_role(&account, &r.value);
        (r.value.name.to_ascii_lowercase(), Value::Structure(fields))
    });
    call.seen(&seen, call.page("Roles", roles)?)
}
