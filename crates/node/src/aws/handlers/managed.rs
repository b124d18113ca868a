//! Managed policies on users, groups and roles: attached, or as a boundary.

use tidegate_model::{AccountState, Command, EntityKind, command};
use tidegate_query::{Refusal, Value};

use super::{inline::entity, shapes};
use crate::aws::{
    answer::Outcome,
    call::{Call, no_such},
};

/// Refuses where the entity is not there.
pub(super) fn check_there(
    account: &AccountState,
    kind: EntityKind,
    name: &str,
) -> Result<(), Refusal> {
    let there = match kind {
        EntityKind::User => account.user(name).is_some(),
        EntityKind::Group => account.group(name).is_some(),
        EntityKind::Role => account.role(name).is_some(),
    };
    if there { Ok(()) } else { Err(no_such(kind.word(), name)) }
}

async fn change(call: &Call<'_>, kind: EntityKind, attached: bool) -> Outcome {
    let (name, arn) = (call.text(entity(kind, "").0), call.text("PolicyArn"));
    call.just(Command::Attach(command::Attach { kind: kind as u32, name, arn, attached })).await
}

async fn attach(call: &Call<'_>, kind: EntityKind) -> Outcome {
    change(call, kind, true).await
}

async fn detach(call: &Call<'_>, kind: EntityKind) -> Outcome {
    change(call, kind, false).await
}

async fn list(call: &Call<'_>, kind: EntityKind) -> Outcome {
    let name = call.text(entity(kind, "").0);
    let (seen, account) = call.read(entity(kind, &name).1).await?;
    check_there(&account, kind, &name)?;
    let prefix = call.text("PathPrefix");
    let policies = account
        .attached(kind, &name)
        .filter(|arn| shapes::policy_path(arn).starts_with(&prefix))
        .map(|arn| (arn.to_string(), Value::Structure(shapes::attached(arn))));
    call.seen(&seen, call.page("AttachedPolicies", policies)?)
}

async fn boundary(call: &Call<'_>, kind: EntityKind, arn: String) -> Outcome {
    let name = call.text(entity(kind, "").0);
    call.just(Command::PutBoundary(command::PutBoundary { kind: kind as u32, name, arn })).await
}

async fn put_boundary(call: &Call<'_>, kind: EntityKind) -> Outcome {
    boundary(call, kind, call.text("PermissionsBoundary")).await
}

async fn delete_boundary(call: &Call<'_>, kind: EntityKind) -> Outcome {
    boundary(call, kind, String::new()).await
}

macro_rules! of_each {
    ($($handler:ident $kind:ident $name:ident;)*) => {
        $(pub(super) async fn $name(call: &Call<'_>) -> Outcome {
            $handler(call, EntityKind::$kind).await
        })*
    };
}

of_each! {
    attach User attach_user;
    detach User detach_user;
    list User list_user;
    attach Group attach_group;
    detach Group detach_group;
    list Group list_group;
    attach Role attach_role;
    detach Role detach_role;
    list Role list_role;
    put_boundary User put_user_boundary;
    delete_boundary User delete_user_boundary;
    put_boundary Role put_role_boundary;
    delete_boundary Role delete_role_boundary;
}
