//! Users.

use tidegate_model::{
    Command, Reply, command,
    ids::{self, IdKind},
};
use tidegate_query::{Code, Fields, Refusal, Value};

use super::shapes;
use crate::{
    aws::{
        answer::Outcome,
        call::{Call, given, no_such},
    },
    operations::{Subject, draw},
};

pub(super) async fn create(call: &Call<'_>) -> Outcome {
    let done = call
        .change(Command::CreateUser(command::CreateUser {
            name: call.text("UserName"),
            path: call.text("Path"),
            id: ids::unique_id(IdKind::User, &draw(call.core)),
            boundary: call.text("PermissionsBoundary"),
            tags: shapes::read_tags(call.input),
        }))
        .await?;
    let user = given(&done, |r| if let Reply::User(u) = r { Some(u.clone()) } else { None })?;
    call.changed(&done, Fields::new().with("User", shapes::user(&done.account, &user)))
}

pub(super) async fn get(call: &Call<'_>) -> Outcome {
    let name = call.user_name();
    let (seen, account) = call.read(Subject::User(&name)).await?;
    let is_root = call.caller.resolved.principal.arn.ends_with(":root");
    let user = match account.user(&name) {
        Some(user) => shapes::user(&account, &user.value),
        None if name.is_empty() && is_root => shapes::root(&account),
        None if name.is_empty() => {
            let message = "Must specify userName when calling with non-User credentials";
            return Err(Refusal::new(Code::ValidationError, message));
        }
        None => return Err(no_such("user", &name)),
    };
    call.seen(&seen, Fields::new().with("User", user))
}

pub(super) async fn update(call: &Call<'_>) -> Outcome {
    call.just(Command::UpdateUser(command::UpdateUser {
        name: call.text("UserName"),
        new_name: call.text("NewUserName"),
        new_path: call.text("NewPath"),
        etag: String::new(),
    }))
    .await
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    let name = call.text("UserName");
    call.just(Command::Delete(command::Delete { kind: 1, name, etag: String::new() })).await
}

pub(super) async fn list(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::All("user")).await?;
    let prefix = call.text("PathPrefix");
    let users = account.users().filter(|u| u.value.path.starts_with(&prefix)).map(|u| {
        let fields = shapes::listed_user(&account, &u.value);
        (u.value.name.to_ascii_lowercase(), Value::Structure(fields))
    });
    call.seen(&seen, call.page("Users", users)?)
}
