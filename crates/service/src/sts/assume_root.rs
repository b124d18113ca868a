//! Sessions of the root users of member accounts, for one task each, which only the management account gets.
//!
//! A cluster is an organization: the operator's account manages it, all others are its members.

use std::sync::Arc;

use tidegate_authn::{ClusterKey, SessionAttributes, SessionKind};
use tidegate_model::{
    AccountState,
    region::{ROOT_ENTITY, Subject},
};
use tidegate_policy::{
    AccountId, Action, CompiledPolicy, PolicyDocument, PolicyKind, PolicySet, PolicySource,
    Request, UnixMillis, authorize,
    aws_managed::{self, ManagedPolicy},
};

use super::{
    AssumedRole,
    issue::{Issued, Order, issue},
};
use crate::{
    Caller, Denial, Reason, ServiceError, View, check_standing,
    standing::{contained, refusal},
};

/// The longest such session, and what it lasts when nothing is said, in seconds.
const SECONDS_MAX: u32 = 900;
/// Where AWS keeps the policies of tasks, by the name that they are known under here.
const TASKS: &str = "arn:aws:iam::aws:policy/root-task/";
/// Tasks on what else the account owns; all others are about the credentials of its root user.
const SESSION_TASKS: [&str; 2] = ["S3UnlockBucketPolicy", "SQSUnlockQueuePolicy"];

/// The policies of tasks only deny what is not part of the task: what they leave, the session allows.
const LEFT: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// Asks for a session of a member's root user.
#[derive(Clone, Debug)]
pub struct AssumeRoot {
    /// The member account.
    pub target: AccountId,
    /// The policy of the task.
    pub task_policy: String,
    /// How long, in seconds; 0: as long as may be.
    pub duration_seconds: u32,
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(Reason::ValidationError, message)
}

/// The word of a member account: it lets its management account in, and nobody else.
fn trust(manager: &AccountState) -> Option<Arc<CompiledPolicy>> {
    let manager = manager.root_arn();
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{manager}"}},"Action":"sts:AssumeRoot"}}}}"#
    );
    let document = PolicyDocument::parse(&text, PolicyKind::Trust).ok()?;
    let source = PolicySource::Trust("root".into());
    Some(Arc::new(CompiledPolicy::compile(source, &document)))
}

/// Refuses unless the caller is of the management account, the target is a member, and the feature of the task is switched on. Gives the
/// member.
fn member<'v>(
    view: &'v View,
    caller: &Caller,
    request: &AssumeRoot,
    task: &str,
) -> Result<&'v Arc<AccountState>, String> {
    let manager = view.directory.cluster().map(|c| c.operator);
    if manager != Some(caller.account.as_u64()) {
        return Err("the account is not the management account of the organization".to_owned());
    }
    if request.target == caller.account {
        return Err("the target is the management account itself".to_owned());
    }
    let member = view.account(request.target).map_err(|_| "it is no member account".to_owned())?;
    let features = view.directory.features();
    let enabled = if SESSION_TASKS.contains(&task) {
        features.root_sessions
    } else {
        features.root_credentials
    };
    if enabled { Ok(member) } else { Err("the feature of the task is not enabled".to_owned()) }
}

/// Refuses unless the caller's own policies let it be the root user of the target.
fn check_allowed(caller: &Caller, request: &AssumeRoot, arn: &str) -> Result<(), ServiceError> {
    let action = Action::parse("sts:AssumeRoot").map_err(|e| invalid(e.to_string()))?;
    let context = caller.context.clone().with("sts:TaskPolicyArn", request.task_policy.as_str());
    let asked = Request::new(&caller.resolved.principal, &action, arn, &context);
    let set = PolicySet { resource: trust(&caller.state), ..caller.resolved.policies.clone() };
    let decision = authorize(&set, &asked);
    match decision.denied_sentence(&asked) {
        Some(sentence) => Err(ServiceError::new(Reason::AccessDenied, sentence)
            .denying(Denial::new(&asked, &decision))),
        None => Ok(()),
    }
}

/// The policy of a task, and its name. `arn` is that of the caller's partition.
fn task(caller: &Caller, arn: &str) -> Result<(String, &'static ManagedPolicy), ServiceError> {
    let known = caller.state.aws_managed(arn);
    let found = known.and_then(|known| {
        let name = known.strip_prefix(TASKS).filter(|t| !t.is_empty())?.to_owned();
        Some((name, aws_managed::find(&known)?))
    });
    found.ok_or_else(|| invalid(format!("The policy {arn} is not the policy of a root task.")))
}

/// Gives the caller, who is of the management account, a session of the root user of a member account that may do one task.
///
/// # Errors
/// `AccessDenied` unless the caller is of the management account, his own policies allow it, the target is a member, and the feature of
/// the task is switched on; `ValidationError` where the policy is not that of a task, or the time is too long.
pub fn assume_root(
    view: &View,
    caller: &Caller,
    request: &AssumeRoot,
    now: UnixMillis,
    entropy: &mut dyn FnMut(&mut [u8]),
    key: &ClusterKey,
) -> Result<AssumedRole, ServiceError> {
    let arn = match view.account(request.target) {
        Ok(target) => target.root_arn(),
        Err(_) => format!("arn:{}:iam::{}:root", caller.state.partition(), request.target),
    };
    let (task, policy) = task(caller, &request.task_policy)?;
    let seconds =
        if request.duration_seconds == 0 { SECONDS_MAX } else { request.duration_seconds };
    if seconds > SECONDS_MAX {
        return Err(invalid(format!(
            "a session of {seconds} seconds is longer than {SECONDS_MAX}"
        )));
    }
    let member = member(view, caller, request, &task).map_err(|why| {
        let who = &caller.resolved.principal.arn;
        let message = format!(
            "User: {who} is not authorized to perform: sts:AssumeRoot on resource: {arn} because {why}"
        );
        ServiceError::new(Reason::AccessDenied, message)
    })?;
    check_standing(view, &caller.state, &caller.reference, &caller.resolved, now)?;
    check_allowed(caller, request, &arn)?;
    let own = Subject::caller(&caller.reference, &caller.resolved);
    let root = Subject {
        account: request.target.as_u64(),
        root: true,
        entity: "",
        access_key: "",
        lineage: &[],
    };
    if let Some(quarantine) = contained(view, member, &root, now) {
        return Err(refusal(quarantine));
    }
    let order = Order {
        federation: None,
        kind: SessionKind::Role,
        account: request.target.as_u64(),
        entity: ROOT_ENTITY.to_owned(),
        name: "root".to_owned(),
        issued: now.0,
        expires: now.0 + u64::from(seconds) * 1000,
        policies: Some(vec![LEFT.to_owned(), policy.document.to_string()]),
        lineage: own.descends(),
        attributes: SessionAttributes::default(),
    };
    let Issued { session, token } = issue(view, order, entropy, key)?;
    Ok(AssumedRole { session, arn, token })
}
