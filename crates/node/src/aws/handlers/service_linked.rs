//! Roles that belong to services.

use tidegate_model::{
    Command, Reply, ResourceKind, command,
    ids::{self, IdKind},
};
use tidegate_query::{Code, Fields, Refusal};

use super::shapes;
use crate::{
    aws::{
        answer::{self, Outcome},
        call::{Call, given},
    },
    operations::{Subject, draw},
};

pub(super) async fn create(call: &Call<'_>) -> Outcome {
    let command = command::CreateServiceLinkedRole {
        service: call.text("AWSServiceName"),
        suffix: call.text("CustomSuffix"),
        description: call.text("Description"),
        id: ids::unique_id(IdKind::Role, &draw(call.core)),
    };
    let done = call.change(Command::CreateServiceLinkedRole(command)).await?;
    let role = given(&done, |r| if let Reply::Role(r) = r { Some(r.clone()) } else { None })?;
    call.changed(&done, Fields::new().with("Role", shapes::role(&done.account, &role)))
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    let command = command::DeleteServiceLinkedRole {
        name: call.text("RoleName"),
        task: answer::request_id(call.core),
    };
    let done = call.change(Command::DeleteServiceLinkedRole(command)).await?;
    let task = given(&done, |r| if let Reply::Resource(r) = r { Some(r.clone()) } else { None })?;
    call.changed(&done, Fields::new().with("DeletionTaskId", task.name))
}

/// The role in the name of a task: `task/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS/…`.
fn role_path(task: &str) -> Option<&str> {
    let (role, id) = task.strip_prefix("task/")?.rsplit_once('/')?;
    (role.starts_with("aws-service-role/") && role.split('/').count() == 3 && id.len() == 36)
        .then_some(role)
}

/// A task that is remembered is done: the role went with the command that made it.
pub(super) async fn deletion_status(call: &Call<'_>) -> Outcome {
    let task = call.text("DeletionTaskId");
    let path = role_path(&task).ok_or_else(|| {
        let message = format!("The deletion task id {task} is not valid.");
        Refusal::new(Code::InvalidInput, message)
    })?;
    let partition = call.caller.state.partition();
    let arn = format!("arn:{partition}:iam::{}:role/{path}", call.caller.account);
    let (seen, account) = call.read(Subject::Arn(&arn)).await?;
    account.resource(ResourceKind::RoleDeletion, &task).ok_or_else(|| {
        let message = format!("The deletion task {task} cannot be found.");
        Refusal::new(Code::NoSuchEntity, message)
    })?;
    call.seen(&seen, Fields::new().with("Status", "SUCCEEDED"))
}
