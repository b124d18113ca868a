//! The cluster as an organization: the operator's account manages it, all others are its members.

use tidegate_model::{Command, Envelope, command::ChangeFeatures};
use tidegate_policy::{AccountId, Arn, UnixMillis};
use tidegate_query::{Code, Fields, Refusal, Value};
use tidegate_replica::GroupId;
use tidegate_service::{AssumeRoot, View, assume_root as assume};

use crate::{
    aws::{answer::Outcome, call::Call},
    core::Core,
    operations::{self, Evidence, Subject},
};

/// The organization's id, made of the cluster's.
pub(super) fn id(view: &View) -> String {
    let cluster = Core::cluster_id(view);
    format!("o-{}", cluster.get(..10).unwrap_or_default())
}

/// The path of the organization's root, made of the cluster's id.
pub(super) fn root_path(view: &View) -> String {
    let cluster = Core::cluster_id(view);
    format!("{}/r-{}", id(view), cluster.get(10..14).unwrap_or_default())
}

/// Whether an account manages the organization.
pub(super) fn manages(view: &View, account: AccountId) -> bool {
    view.directory.cluster().is_some_and(|c| c.operator == account.as_u64())
}

fn features(view: &View) -> Fields {
    let features = view.directory.features();
    let named = [
        ("RootCredentialsManagement", features.root_credentials),
        ("RootSessions", features.root_sessions),
    ];
    let enabled = named.into_iter().filter(|(_, on)| *on).map(|(name, _)| Value::from(name));
    Fields::new()
        .with("OrganizationId", id(view))
        .with("EnabledFeatures", Value::List(enabled.collect()))
}

pub(super) async fn list_features(call: &Call<'_>) -> Outcome {
    let (seen, _) = call.read(Subject::Account).await?;
    if !manages(&seen, call.caller.account) {
        let message = "The account is not the management account of the organization.";
        return Err(Refusal::new(Code::AccountNotManagementOrDelegatedAdministrator, message));
    }
    call.seen(&seen, features(&seen))
}

/// Switches features. The directory can't look the caller up when it applies this: his own group says who he is now.
async fn change(call: &Call<'_>, outsider: Code, command: ChangeFeatures) -> Outcome {
    let core = call.core;
    let action = format!("iam:{}", call.asked.operation.name);
    let fresh = operations::Fresh::Strong;
    let read = operations::read(core, call.caller, &fresh, &action, Subject::Account);
    let (seen, _) = Box::pin(read).await?;
    if !manages(&seen, call.caller.account) {
        let message = "The account is not the management account of the organization.";
        return Err(Refusal::new(outsider, message));
    }
    let envelope = Envelope {
        request_id: operations::request_id(core, String::new()),
        caller: Some(call.caller.reference.clone()),
        command: Some(Command::ChangeFeatures(command)),
        ..Envelope::default()
    };
    let proposed = core.propose(GroupId::DIRECTORY, &envelope, core.patience());
    let (index, _) = Box::pin(proposed).await?;
    let token = operations::token_of(core, call.caller.account, GroupId::DIRECTORY, index)?;
    let positions = tidegate_replica::Clock::from_iter([(core.origin(GroupId::DIRECTORY), index)]);
    operations::covering(core, &positions).await?;
    let output = features(&core.views.load());
    let decision_id = operations::decision_id(core);
    let evidence = Some(Evidence { token, staleness: None, decision_id });
    Ok(crate::aws::answer::Answered { output, evidence })
}

pub(super) async fn enable_credentials(call: &Call<'_>) -> Outcome {
    let command = ChangeFeatures { root_credentials: Some(true), root_sessions: None };
    change(call, Code::CallerIsNotManagementAccount, command).await
}

pub(super) async fn disable_credentials(call: &Call<'_>) -> Outcome {
    let command = ChangeFeatures { root_credentials: Some(false), root_sessions: None };
    change(call, Code::AccountNotManagementOrDelegatedAdministrator, command).await
}

pub(super) async fn enable_sessions(call: &Call<'_>) -> Outcome {
    let command = ChangeFeatures { root_credentials: None, root_sessions: Some(true) };
    change(call, Code::CallerIsNotManagementAccount, command).await
}

pub(super) async fn disable_sessions(call: &Call<'_>) -> Outcome {
    let command = ChangeFeatures { root_credentials: None, root_sessions: Some(false) };
    change(call, Code::AccountNotManagementOrDelegatedAdministrator, command).await
}

/// The account that a target names: by its number, or by the ARN of its root user.
fn target(text: &str) -> Option<AccountId> {
    if !text.starts_with("arn:") {
        return text.parse().ok();
    }
    let arn = Arn::parse(text).ok()?;
    let is_root = arn.service() == "iam" && arn.region().is_empty() && arn.resource() == "root";
    arn.account_id().filter(|_| is_root)
}

pub(super) async fn assume_root(call: &Call<'_>) -> Outcome {
    let given = call.text("TargetPrincipal");
    let target = target(&given).ok_or_else(|| {
        let message = format!("The target {given} is no account and no root user.");
        Refusal::new(Code::ValidationError, message)
    })?;
    let task = match call.input.get("TaskPolicyArn") {
        Some(Value::Structure(fields)) => fields.text_or_empty("arn"),
        _ => String::new(),
    };
    let seconds = call.input.integer("DurationSeconds").unwrap_or_default();
    let seen = call.view().await?;
    let caller = operations::still(call.core, &seen, call.caller)?;
    let request = AssumeRoot {
        target,
        task_policy: task,
        duration_seconds: u32::try_from(seconds).unwrap_or_default(),
    };
    let core = call.core;
    let mut entropy = |bytes: &mut [u8]| core.platform.entropy(bytes);
    let now = core.platform.wall();
    let assumed = assume(&seen, &caller, &request, now, &mut entropy, &core.cluster_key)?;
    let credentials = Fields::new()
        .with("AccessKeyId", &*assumed.session.access_key_id)
        .with("SecretAccessKey", assumed.session.secret.expose())
        .with("SessionToken", &*assumed.token)
        .with("Expiration", UnixMillis(assumed.session.expires));
    call.seen(&seen, Fields::new().with("Credentials", credentials))
}
