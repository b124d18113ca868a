//! Containing somebody, at any node: quarantines, lifts, and sessions void before a time.
//!
//! Each function decides whether the caller may and gives what is to be written; the node writes it.

use std::sync::Arc;

use tidegate_model::{
    AccountState, EntityKind, Rejection,
    command::LiftQuarantine,
    region::{
        QUARANTINE_MILLIS_MAX, QUARANTINE_MILLIS_MIN, Quarantine, Subject, Target, VoidSessions,
        check_quota, check_reason, may_lift, may_quarantine, standing, target_kind,
    },
};
use tidegate_policy::{AccountId, Arn, UnixMillis};
use tidegate_replica::NodeId;

use crate::{Caller, Reason, ServiceError, View, authenticate::check};

/// Whom to quarantine, as the caller names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A user, role or root user by ARN.
    Principal(String),
    /// An access key, long-term or of a session, by id.
    AccessKey(String),
    /// A whole account, 12 digits.
    Account(String),
}

/// A quarantine that is asked for.
#[derive(Clone, Debug)]
pub struct Contain {
    /// Its unique id.
    pub id: String,
    /// Whom.
    pub target: Named,
    /// Why.
    pub reason: String,
    /// For how long, in milliseconds.
    pub millis: u64,
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(Reason::ValidationError, message)
}

fn no_such(what: &str, name: &str) -> ServiceError {
    let shown: String = name.chars().take(140).collect();
    let message =
        format!("the {what} `{shown}` is not known at this node; it may not have arrived yet");
    ServiceError::new(Reason::NoSuchEntity, message)
}

/// The cluster operator's account; 0 before there is a cluster.
pub(crate) fn operator(view: &View) -> u64 {
    view.directory.cluster().map_or(0, |c| c.operator)
}

/// Whether the caller is of the cluster operator's account.
pub fn is_operator(view: &View, caller: &Caller) -> bool {
    caller.account.as_u64() == operator(view)
}

/// A principal of an account by its ARN.
fn principal(state: &AccountState, arn: &Arn) -> Option<Target> {
    let text = arn.to_string();
    let of = |kind, id: &str| Target { kind, id: id.to_owned(), arn: text.clone() };
    match (arn.service(), arn.resource().split('/').collect::<Vec<_>>().as_slice()) {
        ("iam", ["root"]) => Some(of(target_kind::ROOT, "")),
        ("iam", ["user", .., name]) => {
            let user = &state.user(name)?.value;
            let same = state.arn(EntityKind::User, &user.path, &user.name) == text;
            same.then(|| of(target_kind::PRINCIPAL, &user.id))
        }
        ("iam", ["role", .., name]) => {
            let role = &state.role(name)?.value;
            let same = state.arn(EntityKind::Role, &role.path, &role.name) == text;
            same.then(|| of(target_kind::PRINCIPAL, &role.id))
        }
        _ => None,
    }
}

/// A target, its account, and whether it is a key of the root user.
fn resolve(view: &View, named: &Named) -> Result<(Target, AccountId, bool), ServiceError> {
    match named {
        Named::Account(text) => {
            let account: AccountId =
                text.parse().map_err(|_| invalid("an account has 12 digits"))?;
            let arn = view.account(account)?.root_arn();
            Ok((Target { kind: target_kind::ACCOUNT, id: String::new(), arn }, account, false))
        }
        Named::Principal(text) => {
            let arn = Arn::parse(text).map_err(|e| invalid(e.to_string()))?;
            let account = arn
                .account_id()
                .ok_or_else(|| invalid(format!("the principal {text} names no account")))?;
            if arn.service() == "sts" {
                return Err(invalid(
                    "a session is quarantined by the id of its access key, or with its role",
                ));
            }
            let state = view.account(account)?;
            let target = principal(state, &arn).ok_or_else(|| no_such("principal", text))?;
            Ok((target, account, false))
        }
        Named::AccessKey(id) => {
            let account = view
                .directory
                .account_of_key(id)
                .ok_or_else(|| invalid("an access key id has 20 letters and names its account"))?;
            let state = view.account(account)?;
            let long_term = state.access_key(id);
            // Of a session there is no table: its key says its account, and that is enough.
            if long_term.is_none() && id.starts_with("AKIA") {
                return Err(no_such("access key", id));
            }
            let of_root = long_term.is_some_and(|k| k.user.is_empty());
            let arn = match long_term.and_then(|k| state.user(&k.user)) {
                Some(user) => state.arn(EntityKind::User, &user.value.path, &user.value.name),
                None if of_root => state.root_arn(),
                None => format!("arn:{}:iam::{account}:access-key/{id}", state.partition()),
            };
            let target = Target { kind: target_kind::ACCESS_KEY, id: id.clone(), arn };
            Ok((target, account, of_root))
        }
    }
}

/// The quarantine that a caller asks `node` for, at `now` by the node's clock.
///
/// # Errors
/// The caller may not, has too many, or names nobody that this node knows; the reason or the time is out of range. An id that names
/// a quarantine already gives that one again, if it is of the same target and still stands.
pub fn quarantine(
    view: &View,
    caller: &Caller,
    asked: &Contain,
    node: NodeId,
    now: UnixMillis,
) -> Result<Quarantine, ServiceError> {
    let (target, account, of_root) = resolve(view, &asked.target)?;
    check(caller, "tidegate:Quarantine", &target.arn)?;
    may_quarantine(caller.account.as_u64(), account.as_u64(), &target, of_root, operator(view))?;
    check_reason(&asked.reason)?;
    if !(QUARANTINE_MILLIS_MIN..=QUARANTINE_MILLIS_MAX).contains(&asked.millis) {
        return Err(invalid(format!(
            "a quarantine lasts between {} s and {} s",
            QUARANTINE_MILLIS_MIN / 1000,
            QUARANTINE_MILLIS_MAX / 1000
        )));
    }
    let known = view.region.quarantines_of(account.as_u64()).find(|q| q.id == asked.id);
    if let Some(known) = known {
        let state = view.account(account)?;
        let stands = standing(Some(&view.region), state, now.0).iter().any(|q| q.id == known.id);
        if stands && known.target.as_ref() == Some(&target) {
            return Ok(Quarantine::clone(known));
        }
        let message = "the request id was used before, for another quarantine or one that is over";
        return Err(ServiceError::new(Reason::IdempotencyMismatch, message));
    }
    let issuer_principal = caller.resolved.principal.principal_arn.to_string();
    let lifted = |quarantine: &Quarantine| {
        let state = AccountId::from_u64(quarantine.account).ok().and_then(|a| view.account(a).ok());
        state.is_some_and(|state| state.has_lifted(&quarantine.id))
    };
    check_quota(&view.region, &issuer_principal, node.0, now.0, lifted)?;
    Ok(Quarantine {
        until: now.0.saturating_add(asked.millis),
        id: asked.id.clone(),
        account: account.as_u64(),
        target: Some(target),
        reason: asked.reason.trim().to_owned(),
        issuer: caller.resolved.principal.arn.to_string(),
        issued: now.0,
        node: node.0,
        issuer_principal,
    })
}

/// The quarantines that stand, of one account or of all; `None` for an account that is not known here.
pub fn quarantines(
    view: &View,
    account: Option<AccountId>,
    now: UnixMillis,
) -> Vec<(Arc<Quarantine>, bool)> {
    let accounts: Vec<AccountId> = match account {
        Some(account) => vec![account],
        None => {
            view.directory.accounts().filter_map(|a| AccountId::from_u64(a.account).ok()).collect()
        }
    };
    let states = accounts.into_iter().filter_map(|a| view.account(a).ok());
    let mut all: Vec<_> = states
        .flat_map(|state| {
            let stand = standing(Some(&view.region), state, now.0);
            stand.into_iter().map(|q| (Arc::clone(q), state.has_imported(&q.id)))
        })
        .collect();
    all.sort_by(|(a, _), (b, _)| (a.account, &a.id).cmp(&(b.account, &b.id)));
    all
}

/// Refuses a caller who may not see the quarantines of an account, or of all where none is named.
pub fn check_list(
    view: &View,
    caller: &Caller,
    account: Option<AccountId>,
) -> Result<(), ServiceError> {
    let own = account == Some(caller.account);
    if !own && !is_operator(view, caller) {
        let message = "only a cluster operator sees the quarantines of other accounts";
        return Err(ServiceError::new(Reason::AccessDenied, message));
    }
    check(caller, "tidegate:ListQuarantines", "*")
}

/// The command that lifts quarantines of an account, by name, as they stand in this view.
///
/// # Errors
/// One is not known here, or the caller may not lift it.
pub fn lift(
    view: &View,
    caller: &Caller,
    account: AccountId,
    ids: &[String],
) -> Result<LiftQuarantine, ServiceError> {
    let by_operator = is_operator(view, caller);
    if account != caller.account && !by_operator {
        let message = "only a cluster operator lifts quarantines of other accounts";
        return Err(ServiceError::new(Reason::AccessDenied, message));
    }
    let state = view.account(account)?;
    let number = account.as_u64();
    let find = |id: &String| {
        let written = view.region.quarantines_of(number).find(|q| q.id == *id);
        written.or_else(|| state.import(id)).ok_or_else(|| no_such("quarantine", id))
    };
    let quarantines = ids
        .iter()
        .map(|id| find(id).map(|q| Quarantine::clone(q)))
        .collect::<Result<Vec<_>, _>>()?;
    let command = LiftQuarantine { quarantines, by_operator };
    check_lift(caller_subject(caller), caller, &command)?;
    Ok(command)
}

fn caller_subject(caller: &Caller) -> Subject<'_> {
    Subject::caller(&caller.reference, &caller.resolved)
}

fn check_lift(
    lifter: Subject<'_>,
    caller: &Caller,
    command: &LiftQuarantine,
) -> Result<(), ServiceError> {
    for quarantine in &command.quarantines {
        let arn = quarantine.target.as_ref().map_or("", |t| &t.arn);
        check(caller, "tidegate:LiftQuarantine", arn)?;
        may_lift(quarantine, &lifter, command.by_operator)?;
    }
    Ok(())
}

/// Refuses a lift that comes to its leader, where the leader's own view does not bear it out: what no account's group can check when it
/// applies the command.
pub fn check_foreign_lift(
    view: &View,
    caller: &Caller,
    command: &LiftQuarantine,
) -> Result<(), ServiceError> {
    if command.by_operator && !is_operator(view, caller) {
        let rejection = Rejection::new(
            tidegate_model::RejectionKind::AccessDenied,
            "The caller is no cluster operator.",
        );
        return Err(rejection.into());
    }
    check_lift(caller_subject(caller), caller, command)
}

/// Makes sessions of a role void that were issued before a time; `before`: in milliseconds since the Unix epoch, `None` for now.
///
/// # Errors
/// The caller may not, the role is not known here, or the time is yet to come.
pub fn void_sessions(
    view: &View,
    caller: &Caller,
    role_arn: &str,
    before: Option<UnixMillis>,
    now: UnixMillis,
) -> Result<(AccountId, VoidSessions), ServiceError> {
    let (target, account, _) = resolve(view, &Named::Principal(role_arn.to_owned()))?;
    if target.kind != target_kind::PRINCIPAL || !target.id.starts_with("AROA") {
        return Err(invalid(format!("{role_arn} is not a role: only roles have sessions")));
    }
    if account != caller.account && !is_operator(view, caller) {
        let message = "only a cluster operator voids sessions of other accounts";
        return Err(ServiceError::new(Reason::AccessDenied, message));
    }
    check(caller, "tidegate:VoidSessions", &target.arn)?;
    let before = before.unwrap_or(now);
    if before > now {
        return Err(invalid("sessions can't be void before a time that is yet to come"));
    }
    let issuer = caller.resolved.principal.arn.to_string();
    Ok((account, VoidSessions { before: before.0, role: target.id, issuer }))
}

#[cfg(test)]
mod tests;
