//! Sessions of roles for those for whom an identity provider speaks: nobody of the cluster asks, and the role's trust policy alone decides.

use tidegate_authn::{
    ClusterKey, FederatedIdentity, SessionAttributes, SessionFederation, SessionKind, SessionTag,
};
use tidegate_model::{
    command::ContextEntry,
    federation::{Federation, values},
    record::Tag,
    region::Subject,
};
use tidegate_policy::{Action, Arn, Context, PolicySet, Principal, Request, UnixMillis, authorize};

use crate::{
    AssumedRole, Reason, ServiceError, View,
    standing::{contained, refusal},
    sts::{
        Issued, Order, SESSION_SECONDS_MIN, check_policies, check_session_name, describe,
        good_from, issue,
    },
};

/// How long a session lasts whose length nobody said, in seconds (AWS).
const SECONDS_DEFAULT: u32 = 3_600;

/// An identity that was verified, and through which door it came.
#[derive(Clone, Copy, Debug)]
pub struct Vouched<'a> {
    /// `sts:AssumeRoleWithWebIdentity` or `sts:AssumeRoleWithSAML`.
    pub action: &'static str,
    /// ARN of the provider.
    pub provider: &'a str,
    /// What it said.
    pub identity: &'a FederatedIdentity,
    /// The longest session that it allows, in seconds.
    pub seconds_max: Option<u32>,
    /// When it says that the session must end.
    pub until: Option<UnixMillis>,
}

/// Asks for a session of a role.
#[derive(Clone, Debug)]
pub struct AssumeFederated<'a> {
    /// The role.
    pub role_arn: &'a str,
    /// The session's name.
    pub session_name: &'a str,
    /// How long, in seconds; 0: nobody said.
    pub duration_seconds: u32,
    /// Session policies, as JSON.
    pub policies: Vec<String>,
    /// Condition keys that the node knows of the call.
    pub context: Context,
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(Reason::ValidationError, message)
}

/// What a session's token says of its provider, as it stands in the log.
pub(crate) fn in_log(sealed: SessionFederation) -> Federation {
    let key = |k: tidegate_authn::FederationKey| ContextEntry { key: k.key, values: k.values };
    Federation { provider: sealed.provider, keys: sealed.keys.into_iter().map(key).collect() }
}

/// The condition keys under which the trust policy is asked.
fn asked(request: &AssumeFederated<'_>, identity: &FederatedIdentity) -> Context {
    let mut context = request.context.clone().with("sts:RoleSessionName", request.session_name);
    for (key, all) in &identity.keys {
        context.insert(key, values(all));
    }
    let tag = |(key, value): &(String, String)| Tag { key: key.clone(), value: value.clone() };
    let tags: Vec<Tag> = identity.tags.iter().map(tag).collect();
    let source = identity.source_identity.as_deref().unwrap_or_default();
    describe(&mut context, &tags, &identity.transitive_tag_keys, source);
    context
}

/// What the session knows of how it was made.
fn attributes(identity: &FederatedIdentity) -> SessionAttributes {
    let transitive = |key: &String| identity.transitive_tag_keys.contains(key);
    let tag = |(key, value): &(String, String)| SessionTag {
        key: key.clone(),
        value: value.clone(),
        transitive: transitive(key),
    };
    SessionAttributes {
        tags: identity.tags.iter().map(tag).collect(),
        source_identity: identity.source_identity.clone().unwrap_or_default(),
        mfa_at: None,
    }
}

/// How long the session lasts, in milliseconds: what was asked for, within what the role and the provider allow.
fn millis(
    request: &AssumeFederated<'_>,
    vouched: &Vouched<'_>,
    role_max: u32,
    now: UnixMillis,
) -> Result<u64, ServiceError> {
    let seconds = match (request.duration_seconds, vouched.seconds_max) {
        (0, None) => SECONDS_DEFAULT,
        (0, Some(allowed)) => allowed,
        // The shorter one counts (AWS, `AssumeRoleWithSAML`).
        (asked, allowed) => asked.min(allowed.unwrap_or(asked)),
    };
    if seconds < SESSION_SECONDS_MIN {
        return Err(invalid(format!(
            "The requested DurationSeconds is below the least of {SESSION_SECONDS_MIN} seconds."
        )));
    }
    if seconds > role_max {
        return Err(invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let asked = u64::from(seconds) * 1000;
    Ok(vouched.until.map_or(asked, |until| asked.min(until.0.saturating_sub(now.0))))
}

/// Gives somebody for whom a provider vouches a session of a role of the provider's account, when the role's trust policy allows it. Tags and
/// a source identity that come along need `sts:TagSession` and `sts:SetSourceIdentity` there.
///
/// Who may not is told the same whether there is such a role or not.
pub fn assume_federated(
    view: &View,
    vouched: &Vouched<'_>,
    request: &AssumeFederated<'_>,
    now: UnixMillis,
    entropy: &mut dyn FnMut(&mut [u8]),
    key: &ClusterKey,
) -> Result<AssumedRole, ServiceError> {
    let arn = Arn::parse(request.role_arn).map_err(|e| invalid(e.to_string()))?;
    let name = request.session_name;
    check_session_name(name)?;
    let denied = |action: &str| {
        ServiceError::new(Reason::AccessDenied, format!("Not authorized to perform {action}"))
    };
    let refused = || denied(vouched.action);
    let own = Arn::parse(vouched.provider).ok().and_then(|p| p.account_id());
    let account = arn.account_id().filter(|a| Some(a) == own.as_ref()).ok_or_else(refused)?;
    let state = view.account(account).map_err(|_| refused())?;
    let role = arn.resource().rsplit('/').next().and_then(|n| state.role(n)).ok_or_else(refused)?;
    let role_arn = state.arn(tidegate_model::EntityKind::Role, &role.value.path, &role.value.name);
    if role_arn != request.role_arn {
        return Err(refused());
    }
    let trust = state.trust(&role.value.name).ok_or_else(refused)?;
    let set = PolicySet { resource: Some(trust), ..PolicySet::default() };
    let principal = Principal::federated(vouched.provider);
    let context = asked(request, vouched.identity);
    let mut needed = vec![vouched.action];
    if !vouched.identity.tags.is_empty() {
        needed.push("sts:TagSession");
    }
    if vouched.identity.source_identity.is_some() {
        needed.push("sts:SetSourceIdentity");
    }
    for action in needed {
        let parsed = Action::parse(action).map_err(|e| invalid(e.to_string()))?;
        let question = Request::new(&principal, &parsed, &role_arn, &context);
        if !authorize(&set, &question).is_allowed() {
            return Err(denied(action));
        }
    }
    let millis = millis(request, vouched, role.value.session_seconds_max, now)?;
    let of_role = Subject {
        account: account.as_u64(),
        root: false,
        entity: &role.value.id,
        access_key: "",
        lineage: &[],
    };
    if let Some(quarantine) = contained(view, state, &of_role, now) {
        return Err(refusal(quarantine));
    }
    check_policies(&request.policies)?;
    let order = Order {
        kind: SessionKind::Role,
        account: account.as_u64(),
        entity: role.value.id.clone(),
        name: name.to_owned(),
        issued: now.0.max(good_from(view, state, &role.value.id)),
        expires: now.0 + millis,
        policies: (!request.policies.is_empty()).then(|| request.policies.clone()),
        lineage: Vec::new(),
        attributes: attributes(vouched.identity),
        federation: Some(SessionFederation::new(vouched.provider, vouched.identity)),
    };
    let Issued { session, token } = issue(view, order, entropy, key)?;
    let partition = state.partition();
    let arn = format!("arn:{partition}:sts::{account}:assumed-role/{}/{name}", role.value.name);
    Ok(AssumedRole { session, arn, token })
}

#[cfg(test)]
mod tests;
