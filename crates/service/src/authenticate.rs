//! From a signature to a caller, and from a caller to what it may.

use std::{borrow::Cow, sync::Arc};

use tidegate_authn::{
    CachedKey, ClusterKey, Issued, Presented, Secret, Session, SessionError, SessionKind,
    SessionTag, SigningKey, SigningKeyCache, fingerprint,
};
use tidegate_model::{
    AccountState, CallerRef, Resolved, command::caller_kind, record::Tag,
    region::CLOCK_SKEW_MAX_MILLIS,
};
use tidegate_policy::{AccountId, Action, Context, Request, UnixMillis};
use tidegate_replica::GroupId;

use crate::{Denial, Reason, ServiceError, View, check_standing, federation};

/// Somebody who proved who he is.
#[derive(Clone, Debug)]
pub struct Caller {
    /// As the log has it.
    pub reference: CallerRef,
    /// The account.
    pub account: AccountId,
    /// The group that the account lives in.
    pub group: GroupId,
    /// The state of the account in which it was looked up.
    pub state: Arc<AccountState>,
    /// The identity with its policies.
    pub resolved: Arc<Resolved>,
    /// Condition keys that the node knows of the call.
    pub context: Context,
}

/// Longest session of any kind, that of a user: a day and a half.
const SESSION_MILLIS_MAX: u64 = 36 * 3_600_000;

fn unknown_key(id: &str) -> ServiceError {
    let shown: String = id.chars().take(24).collect();
    let message = format!(
        "the access key `{shown}` is not known at this node, or not active; it may not have arrived yet"
    );
    ServiceError::new(Reason::InvalidClientTokenId, message)
}

/// Whether a session of these times is good without the signature of a node: nobody signed before the first key was known, and a session
/// of that time is over within two days.
pub(crate) fn needs_no_signature(view: &View, issued: u64, expires: u64) -> bool {
    let keys = view.directory.nodes().flat_map(|n| view.directory.signing_keys_of(n.id));
    let since = keys.map(|key| key.registered).min().unwrap_or(u64::MAX);
    let early = issued < since.saturating_add(CLOCK_SKEW_MAX_MILLIS);
    early && expires.saturating_sub(issued) <= SESSION_MILLIS_MAX
}

/// Refuses a session that none of the cluster's nodes issued: to seal its token takes the key of the cluster, which all nodes have; to
/// sign it takes the key of one node, which the directory names.
fn check_issuer(
    view: &View,
    cache: &SigningKeyCache,
    session: &Session,
    issued: Option<&Issued>,
) -> Result<(), ServiceError> {
    let refuse = |message: String| Err(ServiceError::new(Reason::InvalidClientTokenId, message));
    let Some(issued) = issued else {
        if needs_no_signature(view, session.issued, session.expires) {
            return Ok(());
        }
        return refuse("the session token is not signed by a node of this cluster".to_owned());
    };
    let key = view.directory.signing_keys_of(issued.node).find(|k| issued.names(&k.public));
    match key {
        None => refuse(format!(
            "the session token names a key of node n{} that is not known at this node; it may not have arrived yet",
            issued.node
        )),
        Some(key) if key.barred => {
            refuse(format!("sessions that node n{} issued are void", issued.node))
        }
        Some(key) if !cache.is_issued(issued, &key.public) => {
            refuse(format!("node n{} has not signed the session token", issued.node))
        }
        Some(_) => Ok(()),
    }
}

/// A session as the log has it.
pub(crate) fn reference_of(session: Session) -> CallerRef {
    let attributes = session.attributes;
    let tag = |t: SessionTag| Tag { key: t.key, value: t.value };
    let transitive = attributes.tags.iter().filter(|t| t.transitive).map(|t| t.key.clone());
    CallerRef {
        kind: match session.kind {
            SessionKind::Role => caller_kind::SESSION,
            SessionKind::User => caller_kind::USER_SESSION,
            SessionKind::Federated => caller_kind::FEDERATED_SESSION,
        },
        account: session.account,
        id: session.role_id,
        access_key: session.access_key_id,
        session: session.name,
        expires: session.expires,
        has_session_policies: session.policies.is_some(),
        session_policies: session.policies.unwrap_or_default(),
        lineage: session.lineage,
        issued: session.issued,
        transitive_tag_keys: transitive.collect(),
        session_tags: attributes.tags.into_iter().map(tag).collect(),
        source_identity: attributes.source_identity,
        mfa_at: attributes.mfa_at,
        federation: session.federation.map(federation::in_log),
    }
}

/// The secret is sealed with a key that only voters hold.
fn not_here(id: &str) -> ServiceError {
    let message = format!("this node holds no secrets, and must ask a voter about access key {id}");
    ServiceError::new(Reason::NotReady, message)
}

/// Finds the key that a signature claims and gives the caller with the key that verifies it. The signature itself is still to be
/// verified with that key, and the key then to be kept.
///
/// Whoever is contained gets no further, whatever he signs with: a key or session of a target is refused here, before its signature is
/// looked at, so that no door can forget to ask.
///
/// # Errors
/// [`Reason::NotReady`]: this node holds neither the secret nor a key that was derived from it.
pub fn authenticate(
    view: &View,
    cluster_key: &ClusterKey,
    cache: &SigningKeyCache,
    presented: &Presented,
    now: UnixMillis,
    context: Context,
) -> Result<(Caller, CachedKey), ServiceError> {
    let id = &presented.access_key_id;
    let account = view.directory.account_of_key(id).ok_or_else(|| unknown_key(id))?;
    let group = view.group_of(account).map_err(|_| unknown_key(id))?;
    let state = view.account(account).map_err(|error| match error.reason {
        // The key is good; it is this node that can't tell.
        Reason::AccountFenced => error,
        _ => unknown_key(id),
    })?;
    let (reference, key) = match &presented.session_token {
        None => {
            let stored =
                state.access_key(id).filter(|k| k.active).ok_or_else(|| unknown_key(id))?;
            let key = cache.get(presented, fingerprint(&stored.sealed_secret), || {
                let plain = cluster_key
                    .open_secret(id, &stored.sealed_secret)
                    .map_err(|e| if e.is_unknown_key() { not_here(id) } else { unknown_key(id) })?;
                String::from_utf8(plain).map(Secret::new).map_err(|_| unknown_key(id))
            })?;
            let kind = if stored.user.is_empty() { caller_kind::ROOT } else { caller_kind::USER };
            let reference = CallerRef {
                kind,
                account: account.as_u64(),
                access_key: id.clone(),
                ..CallerRef::default()
            };
            (reference, key)
        }
        Some(token) => {
            let opened = Session::open_issued(cluster_key, token, now.0);
            let (session, issued) = opened.map_err(|e| match e {
                SessionError::Expired => ServiceError::new(Reason::ExpiredToken, e.to_string()),
                _ => ServiceError::new(Reason::InvalidClientTokenId, e.to_string()),
            })?;
            if session.access_key_id != *id || session.account != account.as_u64() {
                return Err(unknown_key(id));
            }
            check_issuer(view, cache, &session, issued.as_ref())?;
            let key = SigningKey::derive(&session.secret, presented);
            (reference_of(session), CachedKey::passing(key))
        }
    };
    let resolved = state.resolve(&reference, now.0)?;
    check_standing(view, state, &reference, &resolved, now)?;
    let state = Arc::clone(state);
    Ok((Caller { reference, account, group, state, resolved, context }, key))
}

impl Caller {
    /// Looks the caller up again in `view`, where its account has changed since: its key or session must still be good, and it must not be
    /// contained.
    pub fn renew(&mut self, view: &View, now: UnixMillis) -> Result<(), ServiceError> {
        let state = view.account(self.account)?;
        self.group = view.group_of(self.account)?;
        // Long-term credentials name no end.
        let lasts = self.reference.expires == 0 || now.0 < self.reference.expires;
        if !(lasts && Arc::ptr_eq(state, &self.state)) {
            self.resolved = state.resolve(&self.reference, now.0)?;
            self.state = Arc::clone(state);
        }
        check_standing(view, state, &self.reference, &self.resolved, now)
    }
}

/// Refuses unless the caller may do `action` on an entity of this account: its tags are among what policies are asked with.
pub fn check_on(
    account: &AccountState,
    caller: &Caller,
    action: &str,
    arn: &str,
) -> Result<(), ServiceError> {
    match account.with_tags_of(arn, &caller.context) {
        Cow::Borrowed(_) => check(caller, action, arn),
        Cow::Owned(context) => check(&Caller { context, ..caller.clone() }, action, arn),
    }
}

/// Refuses unless the caller may do `action` on `resource`.
pub fn check(caller: &Caller, action: &str, resource: &str) -> Result<(), ServiceError> {
    let action =
        Action::parse(action).map_err(|e| ServiceError::new(Reason::Internal, e.to_string()))?;
    check_action(caller, &action, resource)
}

/// The same for an action that is known already.
pub fn check_action(caller: &Caller, action: &Action, resource: &str) -> Result<(), ServiceError> {
    let request = Request::new(&caller.resolved.principal, action, resource, &caller.context);
    let decision = caller.resolved.authorize(&request);
    match decision.denied_sentence(&request) {
        Some(sentence) => Err(ServiceError::new(Reason::AccessDenied, sentence)
            .denying(Denial::new(&request, &decision))),
        None => Ok(()),
    }
}
