//! Sessions, issued at any node: those of roles here, those that users ask for themselves in a file of their own.

mod assume_root;
mod attributes;
mod instance;
mod issue;
mod user;

use std::{sync::Arc, time::Duration};

use tidegate_authn::{ClusterKey, Session, SessionKind};
use tidegate_model::{
    AccountState,
    command::caller_kind,
    record::{Role, Tag},
    region::{CLOCK_SKEW_MAX_MILLIS, Subject, void_before},
};
use tidegate_policy::{
    AccountId, Action, Arn, CompiledPolicy, Context, PolicySet, PolicySource, Principal,
    PrincipalKind, Request, ResourceFacts, SessionContext, UnixMillis, authorize,
};

pub use self::{
    assume_root::{AssumeRoot, assume_root},
    instance::{InstanceCredentials, instance_credentials},
    issue::Issued,
    user::{GetFederationToken, get_federation_token, get_session_token},
};
pub(crate) use self::{
    attributes::describe,
    issue::{Order, check_policies, issue},
};
use crate::{
    Caller, Denial, Reason, ServiceError, View, check_standing,
    standing::{contained, lineage_across, refusal},
};

/// Asks for a session of a role.
#[derive(Clone, Debug, Default)]
pub struct AssumeRole {
    /// The role.
    pub role_arn: String,
    /// The session's name.
    pub session_name: String,
    /// How long, in seconds; 0: an hour.
    pub duration_seconds: u32,
    /// Session policies, as JSON.
    pub policies: Vec<String>,
    /// Tags of the session.
    pub tags: Vec<Tag>,
    /// Keys of the tags that sessions made from this one have too.
    pub transitive_tag_keys: Vec<String>,
    /// The name that sticks to the session and to all made from it; empty: none, or the one that the caller's session has.
    pub source_identity: String,
    /// What the owner of the role and the caller have agreed on; empty: nothing.
    pub external_id: String,
    /// When the caller gave a code of its MFA device for this, in milliseconds since the Unix epoch.
    pub mfa_at: Option<u64>,
}

/// A session and its token.
#[derive(Clone, Debug)]
pub struct AssumedRole {
    /// The session.
    pub session: Session,
    /// Its ARN.
    pub arn: String,
    /// What goes with every call.
    pub token: String,
}

const CHAINED_SECONDS_MAX: u32 = 3_600;
pub(crate) const SESSION_SECONDS_MIN: u32 = 900;
/// Names in a session's lineage: fifteen roles assumed one from the other. All of them stand in its token.
const LINEAGE_MAX: usize = 32;

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(Reason::ValidationError, message)
}

pub(crate) fn check_session_name(name: &str) -> Result<(), ServiceError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (2..=64).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(invalid(format!(
        "the role session name `{name}` needs 2 to 64 of letters, digits and +=,.@_-"
    )))
}

/// One caller asking for a session of one role: what its trust policy and the caller's own policies are asked with.
struct Asking<'a> {
    principal: Principal,
    set: PolicySet,
    role_arn: &'a str,
    role_account: AccountId,
    facts: ResourceFacts,
    context: Context,
}

impl<'a> Asking<'a> {
    fn new(
        caller: &Caller,
        request: &'a AssumeRole,
        (role_account, role): (AccountId, &Role),
        trust: Arc<CompiledPolicy>,
        now: UnixMillis,
    ) -> Self {
        let mut principal = caller.resolved.principal.clone();
        if let Some(at) = request.mfa_at {
            let session = principal.session.as_deref().cloned().unwrap_or_default();
            let age = Duration::from_millis(now.0.saturating_sub(at));
            principal.session = Some(Arc::new(SessionContext::with_mfa(session, age)));
        }
        let mut context =
            caller.context.clone().with("sts:RoleSessionName", &*request.session_name);
        if !request.external_id.is_empty() {
            context.insert("sts:ExternalId", request.external_id.as_str());
        }
        let mut tags = Vec::new();
        for tag in &role.tags {
            context.insert(&format!("iam:ResourceTag/{}", tag.key), tag.value.as_str());
            tags.push((tag.key.as_str().into(), tag.value.as_str().into()));
        }
        Self {
            principal,
            set: PolicySet { resource: Some(trust), ..caller.resolved.policies.clone() },
            role_arn: &request.role_arn,
            role_account,
            facts: ResourceFacts { tags, ..ResourceFacts::default() },
            context,
        }
    }

    /// Refuses unless the role's trust policy and, unless that names the caller itself, the caller's own policies allow the action.
    fn check(&self, action: &str) -> Result<(), ServiceError> {
        let parsed = Action::parse(action).map_err(|e| invalid(e.to_string()))?;
        let asked = Request {
            resource_account: Some(self.role_account),
            resource_facts: Some(&self.facts),
            ..Request::new(&self.principal, &parsed, self.role_arn, &self.context)
        };
        let decision = authorize(&self.set, &asked);
        // A trust policy must allow: an identity policy alone is not enough.
        let trusted =
            decision.statements.iter().any(|s| matches!(s.policy.source(), PolicySource::Trust(_)));
        if decision.is_allowed() && trusted {
            return Ok(());
        }
        let error = denied(&self.principal.arn, action, self.role_arn);
        Err(error.denying(Denial::new(&asked, &decision)))
    }
}

fn denied(caller: &str, action: &str, role: &str) -> ServiceError {
    let message =
        format!("User: {caller} is not authorized to perform: {action} on resource: {role}");
    ServiceError::new(Reason::AccessDenied, message)
}

/// Refuses a root user, as AWS does: what it may do is its account's, so a role would take nothing from it.
///
/// # Errors
/// The caller is a root user.
pub fn check_may_assume(caller: &Caller) -> Result<(), ServiceError> {
    if caller.resolved.principal.kind != PrincipalKind::Root {
        return Ok(());
    }
    let message = "Roles may not be assumed by root accounts.";
    Err(ServiceError::new(Reason::AccessDenied, message))
}

/// How long the session lasts, in seconds.
fn seconds(caller: &Caller, asked: u32, role: &Role) -> Result<u32, ServiceError> {
    let seconds = if asked == 0 { CHAINED_SECONDS_MAX } else { asked };
    if seconds < SESSION_SECONDS_MIN {
        return Err(invalid(format!(
            "a session of {seconds} seconds is shorter than {SESSION_SECONDS_MIN}"
        )));
    }
    // Roles that are assumed one from the other.
    if caller.reference.kind == caller_kind::SESSION && seconds > CHAINED_SECONDS_MAX {
        return Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    if seconds > role.session_seconds_max {
        return Err(invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(seconds)
}

/// Gives the caller a session of a role, when the role's trust policy and, unless that is of the same account and names the caller itself, the
/// caller's own policies allow it.
pub fn assume_role(
    view: &View,
    caller: &Caller,
    request: &AssumeRole,
    now: UnixMillis,
    entropy: &mut dyn FnMut(&mut [u8]),
    key: &ClusterKey,
) -> Result<AssumedRole, ServiceError> {
    check_may_assume(caller)?;
    let arn = Arn::parse(&request.role_arn).map_err(|e| invalid(e.to_string()))?;
    let name = request.session_name.as_str();
    check_session_name(name)?;
    let nobody = || denied(&caller.resolved.principal.arn, "sts:AssumeRole", &request.role_arn);
    let account = arn.account_id().ok_or_else(nobody)?;
    // Nobody learns which other accounts there are.
    let state =
        view.account(account).map_err(|e| if account == caller.account { e } else { nobody() })?;
    let role = arn.resource().rsplit('/').next().and_then(|n| state.role(n)).ok_or_else(nobody)?;
    let role = &role.value;
    let trust = state.trust(&role.name).ok_or_else(nobody)?;
    let (tags, transitive) = (&request.tags, &request.transitive_tag_keys);
    let attributes =
        attributes::attributes(&caller.reference, tags, transitive, &request.source_identity)?;
    let mut asking = Asking::new(caller, request, (account, role), trust, now);
    describe(&mut asking.context, tags, transitive, &attributes.source_identity);
    asking.check("sts:AssumeRole")?;
    // Also for what the caller's session hands on: each role in a chain must take it.
    if !attributes.tags.is_empty() {
        asking.check("sts:TagSession")?;
    }
    if !attributes.source_identity.is_empty() {
        asking.check("sts:SetSourceIdentity")?;
    }
    let seconds = seconds(caller, request.duration_seconds, role)?;
    let lineage = may_begin(view, caller, state, &role.id, now)?;
    check_policies(&request.policies)?;
    let order = Order {
        kind: SessionKind::Role,
        account: account.as_u64(),
        entity: role.id.clone(),
        name: name.to_owned(),
        issued: now.0.max(good_from(view, state, &role.id)),
        expires: now.0 + u64::from(seconds) * 1000,
        policies: (!request.policies.is_empty()).then(|| request.policies.clone()),
        lineage,
        attributes,
        federation: None,
    };
    let Issued { session, token } = issue(view, order, entropy, key)?;
    let partition = state.partition();
    let arn = format!("arn:{partition}:sts::{account}:assumed-role/{}/{name}", role.name);
    Ok(AssumedRole { session, arn, token })
}

/// Refuses a session to whom, or of what, is contained. Gives by whom the session came to be.
fn may_begin(
    view: &View,
    caller: &Caller,
    state: &AccountState,
    role_id: &str,
    now: UnixMillis,
) -> Result<Vec<String>, ServiceError> {
    let callers = view.account(caller.account)?;
    check_standing(view, callers, &caller.reference, &caller.resolved, now)?;
    let own = Subject::caller(&caller.reference, &caller.resolved);
    let account = state.id().as_u64();
    let begun = Subject { account, root: false, entity: role_id, access_key: "", lineage: &[] };
    if let Some(quarantine) = contained(view, state, &begun, now) {
        return Err(refusal(quarantine));
    }
    let lineage = lineage_across(own.descends(), own.account, account);
    if lineage.len() > LINEAGE_MAX {
        return Err(ServiceError::new(
            Reason::LimitExceeded,
            format!("a session that comes from {LINEAGE_MAX} others is the last of its chain"),
        ));
    }
    Ok(lineage)
}

/// Whoever knows of a time before which sessions are void dates none so that it would void it: 0, or behind that time.
pub(crate) fn good_from(view: &View, state: &AccountState, role_id: &str) -> u64 {
    match void_before(Some(&view.region), state, role_id) {
        0 => 0,
        before => before.saturating_add(CLOCK_SKEW_MAX_MILLIS),
    }
}

#[cfg(test)]
mod tests;
