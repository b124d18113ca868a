//! Sessions of roles, issued at any node.

use tidegate_authn::{ClusterKey, Secret, Session};
use tidegate_model::{
    AccountState, ids,
    region::{CLOCK_SKEW_MAX_MILLIS, Subject, void_before},
};
use tidegate_policy::{
    Action, Arn, PolicyDocument, PolicyKind, PolicySet, Request, UnixMillis, authorize,
};

use crate::{
    Caller, Reason, ServiceError, View, check_standing,
    standing::{contained, refusal},
};

/// Asks for a session of a role.
#[derive(Clone, Debug)]
pub struct AssumeRole {
    /// The role.
    pub role_arn: String,
    /// The session's name.
    pub session_name: String,
    /// How long, in seconds; 0: an hour.
    pub duration_seconds: u32,
    /// Session policies, as JSON.
    pub policies: Vec<String>,
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

/// Gives the caller a session of a role of its own account, when the role's trust policy and, unless that names the caller itself, the
/// caller's own policies allow it.
pub fn assume_role(
    view: &View,
    caller: &Caller,
    request: &AssumeRole,
    now: UnixMillis,
    entropy: &mut dyn FnMut(&mut [u8]),
    key: &ClusterKey,
) -> Result<AssumedRole, ServiceError> {
    let arn = Arn::parse(&request.role_arn).map_err(|e| invalid(e.to_string()))?;
    let name = request.session_name.as_str();
    check_session_name(name)?;
    let denied = || {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
            caller.resolved.principal.arn, request.role_arn
        );
        ServiceError::new(Reason::AccessDenied, message)
    };
    let account = arn.account_id().filter(|a| *a == caller.account).ok_or_else(denied)?;
    let state = view.account(account)?;
    let role = arn.resource().rsplit('/').next().and_then(|n| state.role(n)).ok_or_else(denied)?;
    let trust = state.trust(&role.value.name).ok_or_else(denied)?;
    let set = PolicySet { resource: Some(trust), ..caller.resolved.policies.clone() };
    let action = Action::parse("sts:AssumeRole").map_err(|e| invalid(e.to_string()))?;
    let context = caller.context.clone().with("sts:RoleSessionName", name);
    let asked = Request::new(&caller.resolved.principal, &action, &request.role_arn, &context);
    let decision = authorize(&set, &asked);
    // A trust policy must allow: an identity policy alone is not enough.
    let trusted = decision
        .statements
        .iter()
        .any(|s| matches!(s.policy.source(), tidegate_policy::PolicySource::Trust(_)));
    if !decision.is_allowed() || !trusted {
        return Err(denied());
    }
    let chained = !caller.reference.session.is_empty();
    let longest = if chained { CHAINED_SECONDS_MAX } else { role.value.session_seconds_max };
    let seconds =
        if request.duration_seconds == 0 { CHAINED_SECONDS_MAX } else { request.duration_seconds };
    if !(SESSION_SECONDS_MIN..=longest).contains(&seconds) {
        return Err(invalid(format!(
            "a session of {seconds} seconds is not between {SESSION_SECONDS_MIN} and {longest}"
        )));
    }
    let lineage = may_begin(view, caller, state, &role.value.id, now)?;
    for text in &request.policies {
        PolicyDocument::parse(text, PolicyKind::Session).map_err(|e| {
            ServiceError::new(Reason::MalformedPolicyDocument, format!("session policy: {e}"))
        })?;
    }
    let mut draw = || {
        let mut bytes = [0; 16];
        entropy(&mut bytes);
        bytes
    };
    let access_key_id = ids::session_key_id(account.as_u64(), &draw());
    let secret: String =
        [draw(), draw(), draw()].concat().iter().map(|b| letter(*b)).take(40).collect();
    let session = Session {
        account: account.as_u64(),
        role_id: role.value.id.clone(),
        name: name.to_owned(),
        access_key_id,
        secret: Secret::new(secret),
        issued: now.0.max(good_from(view, state, &role.value.id)),
        expires: now.0 + u64::from(seconds) * 1000,
        policies: (!request.policies.is_empty()).then(|| request.policies.clone()),
        lineage,
        federation: None,
    };
    let mut nonce = [0; 12];
    entropy(&mut nonce);
    let token =
        session.seal(key, nonce).map_err(|e| ServiceError::new(Reason::Internal, e.to_string()))?;
    let arn = format!("arn:aws:sts::{account}:assumed-role/{}/{name}", role.value.name);
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
    check_standing(view, state, &caller.reference, &caller.resolved, now)?;
    let own = Subject::caller(&caller.reference, &caller.resolved);
    let begun = Subject { root: false, entity: role_id, access_key: "", lineage: &[], ..own };
    if let Some(quarantine) = contained(view, state, &begun, now) {
        return Err(refusal(quarantine));
    }
    let lineage = own.descends();
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

pub(crate) fn letter(byte: u8) -> char {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char::from(LETTERS.get(usize::from(byte & 63)).copied().unwrap_or(b'A'))
}
