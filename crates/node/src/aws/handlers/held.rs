//! What handlers of the things that users hold do the same way: signing certificates, SSH keys, credentials for services.

use tidegate_model::{
    AccountState, Command, ResourceKind,
    resource::{Body, Change, ChangeResource, Resource, held_name, holder},
};
use tidegate_query::{Code, Fields, Refusal, Value};

use crate::{
    aws::{
        answer::Outcome,
        call::{Call, no_such},
    },
    operations::Subject,
};

/// The command that changes a resource.
pub(super) fn change(kind: ResourceKind, name: String, change: Change) -> Command {
    Command::ChangeResource(ChangeResource { kind: kind as u32, name, change: Some(change) })
}

/// A resource that is to be.
pub(super) fn new(name: &str, id: String, body: Body) -> Resource {
    Resource { name: name.to_owned(), id, body: Some(body), ..Resource::default() }
}

/// How AWS calls what may be used, and what may not.
pub(super) fn status(active: bool) -> &'static str {
    if active { "Active" } else { "Inactive" }
}

/// The status that a call asks for. Nobody can make something expire.
pub(super) fn read_status(call: &Call<'_>) -> Result<bool, Refusal> {
    match call.text("Status").as_str() {
        "Active" => Ok(true),
        "Inactive" => Ok(false),
        other => {
            let message = format!("The status {other} can't be set: only Active and Inactive can.");
            Err(Refusal::new(Code::InvalidInput, message))
        }
    }
}

/// The user's name as it was created, where it is known.
pub(super) fn shown_user(account: &AccountState, name: &str) -> String {
    account.user(name).map_or_else(|| name.to_owned(), |u| u.value.name.clone())
}

/// What the call's user holds of a kind, a page of it; for the caller himself where the call names nobody.
pub(super) async fn list(
    call: &Call<'_>,
    kind: ResourceKind,
    list: &str,
    shown: impl Fn(&str, &Resource) -> Fields,
) -> Outcome {
    let name = call.user_name();
    let (seen, account) = call.read(Subject::User(&name)).await?;
    if !name.is_empty() {
        account.user(&name).ok_or_else(|| no_such("user", &name))?;
    }
    let user = shown_user(&account, &name);
    let items = account.held(kind, &name).map(|r| {
        (holder(&r.value.name).1.to_ascii_lowercase(), Value::Structure(shown(&user, &r.value)))
    });
    call.seen(&seen, call.page(list, items)?)
}

/// Changes what the call's user holds under the id in `member`.
pub(super) async fn update(
    call: &Call<'_>,
    kind: ResourceKind,
    member: &str,
    body: Body,
) -> Outcome {
    let name = held_name(&call.user_name(), &call.text(member));
    let update = new(&name, String::new(), body);
    call.just(change(kind, name, Change::Update(update))).await
}

/// Deletes what the call's user holds under the id in `member`.
pub(super) async fn delete(call: &Call<'_>, kind: ResourceKind, member: &str) -> Outcome {
    let name = held_name(&call.user_name(), &call.text(member));
    call.just(change(kind, name, Change::Delete(true))).await
}
