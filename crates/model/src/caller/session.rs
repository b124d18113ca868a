//! Sessions: whose policies a session has, and what it knows of how it was made.

use std::{sync::Arc, time::Duration};

use tidegate_policy::{
    CompiledPolicy, PolicyDocument, PolicyKind, PolicySet, PolicySource, Principal, SessionContext,
    UnixMillis,
};

use super::Resolved;
use crate::{
    AccountState,
    command::{CallerRef, caller_kind},
    record::Tag,
    region::ROOT_ENTITY,
};

/// Tags, keys as typed.
type Tags = Arc<[(Arc<str>, Arc<str>)]>;

/// The tags of a principal and its session: those of the session replace others of the same key, without regard to case.
fn tags_together(own: &Tags, session: &[Tag]) -> Tags {
    if session.is_empty() {
        return Arc::clone(own);
    }
    let replaced = |key: &str| session.iter().any(|t| t.key.eq_ignore_ascii_case(key));
    let kept = own.iter().filter(|(key, _)| !replaced(key)).cloned();
    kept.chain(session.iter().map(|t| (t.key.as_str().into(), t.value.as_str().into()))).collect()
}

/// What a session knows at `now`, in milliseconds since the Unix epoch.
fn context(caller: &CallerRef, now: u64) -> SessionContext {
    // AWS counts in seconds.
    let mut context = SessionContext::new(UnixMillis(caller.issued / 1000 * 1000));
    if let Some(at) = caller.mfa_at {
        context = context.with_mfa(Duration::from_millis(now.saturating_sub(at)));
    }
    if !caller.source_identity.is_empty() {
        context = context.with_source_identity(&caller.source_identity);
    }
    if let Some(federation) = &caller.federation {
        context = federation.vouch(context);
    }
    context
}

/// The session policies, compiled; `None` where one can't be read.
fn compiled(caller: &CallerRef) -> Option<Vec<Arc<CompiledPolicy>>> {
    let compile = |(n, text): (usize, &String)| {
        let document = PolicyDocument::parse(text, PolicyKind::Session).ok()?;
        Some(Arc::new(CompiledPolicy::compile(PolicySource::Session(n), &document)))
    };
    caller.session_policies.iter().enumerate().map(compile).collect()
}

/// What stands for the policies of the root user, who has none and needs none, where somebody else acts by its leave.
fn allow_everything() -> Option<Arc<CompiledPolicy>> {
    let text =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let document = PolicyDocument::parse(text, PolicyKind::Identity).ok()?;
    Some(Arc::new(CompiledPolicy::compile(PolicySource::Session(usize::MAX), &document)))
}

impl AccountState {
    /// A session as it stands at `now`; `None` where whoever it acts as is not there, or its policies can't be read.
    pub(super) fn session(&self, caller: &CallerRef, now: u64) -> Option<Arc<Resolved>> {
        match caller.kind {
            caller_kind::USER_SESSION => self.user_session(caller, now),
            caller_kind::FEDERATED_SESSION => self.federated_session(caller, now),
            _ if caller.id == ROOT_ENTITY => self.assumed_root(caller),
            _ => self.role_session(caller, now),
        }
    }

    /// The root user as the management account acts for it: never without the policies of its task.
    fn assumed_root(&self, caller: &CallerRef) -> Option<Arc<Resolved>> {
        let session = SessionContext::new(UnixMillis(caller.issued)).of_assumed_root();
        let principal = Principal::root(self.id()).with_session(session);
        let policies = PolicySet { session: Some(compiled(caller)?), ..PolicySet::default() };
        caller.has_session_policies.then(|| Arc::new(Resolved::new(principal, policies)))
    }

    fn role_session(&self, caller: &CallerRef, now: u64) -> Option<Arc<Resolved>> {
        let role = self.role_resolved(&caller.id, &caller.session)?;
        let mut principal = role.principal.clone().with_session(context(caller, now));
        principal.tags = tags_together(&principal.tags, &caller.session_tags);
        if !caller.has_session_policies {
            return Some(Arc::new(role.acting_as(principal)));
        }
        let policies = PolicySet { session: Some(compiled(caller)?), ..role.policies.clone() };
        Some(Arc::new(Resolved::new(principal, policies)))
    }

    /// The user by its unique id; empty: the root user.
    fn by_id(&self, id: &str) -> Option<Arc<Resolved>> {
        if id.is_empty() { Some(self.root()) } else { self.user_resolved(self.user_ids.get(id)?) }
    }

    fn user_session(&self, caller: &CallerRef, now: u64) -> Option<Arc<Resolved>> {
        let user = self.by_id(&caller.id)?;
        let principal = user.principal.clone().with_session(context(caller, now));
        Some(Arc::new(user.acting_as(principal)))
    }

    fn federated_session(&self, caller: &CallerRef, now: u64) -> Option<Arc<Resolved>> {
        let user = self.by_id(&caller.id)?;
        let behind = &user.principal;
        let mut principal =
            Principal::federated_user(self.id(), "/", "", &caller.id, &caller.session)
                .in_partition(self.partition())
                .with_session(context(caller, now));
        principal.entity_arn = Arc::clone(&behind.arn);
        principal.tags = tags_together(&behind.tags, &caller.session_tags);
        let mut policies = user.policies.clone();
        if caller.id.is_empty() {
            policies.identity = vec![allow_everything()?];
        }
        policies.session = if caller.has_session_policies { Some(compiled(caller)?) } else { None };
        Some(Arc::new(Resolved::new(principal, policies)))
    }
}
