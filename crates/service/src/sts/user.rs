//! Sessions that users and root users ask for themselves: `GetSessionToken` and `GetFederationToken`.

use tidegate_authn::{ClusterKey, SessionAttributes, SessionKind};
use tidegate_model::{CallerRef, command::caller_kind, record::Tag, region::Subject};
use tidegate_policy::{PrincipalKind, UnixMillis};

use super::{
    attributes::{self, describe},
    check_session_name, invalid,
    issue::{Issued, Order, check_policies, issue},
};
use crate::{Caller, Reason, ServiceError, View, check, check_standing};

const SECONDS_MIN: u32 = 900;
const SECONDS_DEFAULT: u32 = 43_200;
/// A day and a half.
const SECONDS_MAX: u32 = 129_600;
/// Sessions of the root user last an hour at most, whatever is asked for.
const ROOT_SECONDS_MAX: u32 = 3_600;
/// Characters of a federated user's name.
const NAME_MAX: usize = 32;

/// Asks for a session of a federated user.
#[derive(Clone, Debug, Default)]
pub struct GetFederationToken {
    /// The federated user's name.
    pub name: String,
    /// How long, in seconds; 0: twelve hours.
    pub duration_seconds: u32,
    /// Session policies, as JSON; none: the session may do nothing but what resources let it do.
    pub policies: Vec<String>,
    /// Its tags.
    pub tags: Vec<Tag>,
}

fn is_root(caller: &Caller) -> bool {
    caller.resolved.principal.kind == PrincipalKind::Root
}

fn seconds(caller: &Caller, asked: u32) -> Result<u32, ServiceError> {
    let seconds = if asked == 0 { SECONDS_DEFAULT } else { asked };
    if !(SECONDS_MIN..=SECONDS_MAX).contains(&seconds) {
        return Err(invalid(format!(
            "a session of {seconds} seconds is not between {SECONDS_MIN} and {SECONDS_MAX}"
        )));
    }
    Ok(if is_root(caller) { seconds.min(ROOT_SECONDS_MAX) } else { seconds })
}

/// Refuses temporary credentials: only an access key of a user or root user begins these.
fn check_long_term(reference: &CallerRef, operation: &str) -> Result<(), ServiceError> {
    if matches!(reference.kind, caller_kind::ROOT | caller_kind::USER) {
        return Ok(());
    }
    let message = format!("Cannot call {operation} with session credentials");
    Err(ServiceError::new(Reason::AccessDenied, message))
}

/// A session of the caller's own, from `now` on.
fn order(
    view: &View,
    caller: &Caller,
    kind: SessionKind,
    asked: u32,
    now: UnixMillis,
) -> Result<Order, ServiceError> {
    let state = view.account(caller.account)?;
    check_standing(view, state, &caller.reference, &caller.resolved, now)?;
    let seconds = seconds(caller, asked)?;
    Ok(Order {
        kind,
        account: caller.account.as_u64(),
        entity: caller.resolved.principal.entity_id.to_string(),
        name: String::new(),
        issued: now.0,
        expires: now.0 + u64::from(seconds) * 1000,
        policies: None,
        lineage: Subject::caller(&caller.reference, &caller.resolved).descends(),
        attributes: SessionAttributes::default(),
        federation: None,
    })
}

/// Gives the caller a session that acts as itself. It needs no permission, as with AWS: that is how policies can ask for a code of an MFA
/// device. `mfa_at`: when such a code was given, in milliseconds since the Unix epoch.
pub fn get_session_token(
    view: &View,
    caller: &Caller,
    duration_seconds: u32,
    mfa_at: Option<u64>,
    now: UnixMillis,
    entropy: &mut dyn FnMut(&mut [u8]),
    key: &ClusterKey,
) -> Result<Issued, ServiceError> {
    check_long_term(&caller.reference, "GetSessionToken")?;
    let mut order = order(view, caller, SessionKind::User, duration_seconds, now)?;
    order.attributes.mfa_at = mfa_at;
    issue(view, order, entropy, key)
}

/// Gives the caller a session of somebody for whom it vouches. The session may do what both the caller and the session's policies allow.
pub fn get_federation_token(
    view: &View,
    caller: &Caller,
    request: &GetFederationToken,
    now: UnixMillis,
    entropy: &mut dyn FnMut(&mut [u8]),
    key: &ClusterKey,
) -> Result<Issued, ServiceError> {
    check_long_term(&caller.reference, "GetFederationToken")?;
    let name = request.name.as_str();
    check_session_name(name)?;
    if name.len() > NAME_MAX {
        return Err(invalid(format!("the name `{name}` is longer than {NAME_MAX} characters")));
    }
    let mut caller = caller.clone();
    describe(&mut caller.context, &request.tags, &[], "");
    let resource =
        format!("arn:{}:sts::{}:federated-user/{name}", caller.state.partition(), caller.account);
    check(&caller, "sts:GetFederationToken", &resource)?;
    if !request.tags.is_empty() {
        check(&caller, "sts:TagSession", &resource)?;
    }
    check_policies(&request.policies)?;
    let mut order = order(view, &caller, SessionKind::Federated, request.duration_seconds, now)?;
    order.attributes = attributes::attributes(&caller.reference, &request.tags, &[], "")?;
    name.clone_into(&mut order.name);
    order.policies = (!request.policies.is_empty()).then(|| request.policies.clone());
    issue(view, order, entropy, key)
}
