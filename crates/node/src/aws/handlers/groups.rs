//! Groups and who is in them.

use tidegate_model::{
    Command, Reply, command,
    ids::{self, IdKind},
    resource,
};
use tidegate_query::{Fields, Value};

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
        .change(Command::CreateGroup(command::CreateGroup {
            name: call.text("GroupName"),
            path: call.text("Path"),
            id: ids::unique_id(IdKind::Group, &draw(call.core)),
        }))
        .await?;
    let group = given(&done, |r| if let Reply::Group(g) = r { Some(g.clone()) } else { None })?;
    call.changed(&done, Fields::new().with("Group", shapes::group(&done.account, &group)))
}

pub(super) async fn get(call: &Call<'_>) -> Outcome {
    let name = call.text("GroupName");
    let (seen, account) = call.read(Subject::Group(&name)).await?;
    let group = account.group(&name).ok_or_else(|| no_such("group", &name))?;
    let members = account.members_of(&name).filter_map(|n| account.user(n)).map(|u| {
        let fields = shapes::listed_user(&account, &u.value);
        (u.value.name.to_ascii_lowercase(), Value::Structure(fields))
    });
    let page = call.page("Users", members)?;
    call.seen(&seen, page.with("Group", shapes::group(&account, &group.value)))
}

pub(super) async fn update(call: &Call<'_>) -> Outcome {
    call.just(Command::UpdateGroup(resource::UpdateGroup {
        name: call.text("GroupName"),
        new_name: call.text("NewGroupName"),
        new_path: call.text("NewPath"),
    }))
    .await
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    let name = call.text("GroupName");
    call.just(Command::Delete(command::Delete { kind: 2, name, etag: String::new() })).await
}

pub(super) async fn list(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::All("group")).await?;
    let prefix = call.text("PathPrefix");
    let groups = account.groups().filter(|g| g.value.path.starts_with(&prefix)).map(|g| {
        let fields = shapes::group(&account, &g.value);
        (g.value.name.to_ascii_lowercase(), Value::Structure(fields))
    });
    call.seen(&seen, call.page("Groups", groups)?)
}

async fn membership(call: &Call<'_>, member: bool) -> Outcome {
    let (group, user) = (call.text("GroupName"), call.text("UserName"));
    call.just(Command::Membership(command::Membership { group, user, member })).await
}

pub(super) async fn add_user(call: &Call<'_>) -> Outcome {
    membership(call, true).await
}

pub(super) async fn remove_user(call: &Call<'_>) -> Outcome {
    membership(call, false).await
}

pub(super) async fn list_for_user(call: &Call<'_>) -> Outcome {
    let name = call.text("UserName");
    let (seen, account) = call.read(Subject::User(&name)).await?;
    account.user(&name).ok_or_else(|| no_such("user", &name))?;
    let groups = account
        .groups_of(&name)
        .filter_map(|n| Some((n.to_string(), account.group(n)?)))
        .map(|(n, g)| (n, Value::Structure(shapes::group(&account, &g.value))));
    call.seen(&seen, call.page("Groups", groups)?)
}
