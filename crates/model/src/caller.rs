//! Who asks: from a reference in the log to an identity with its policies.

mod session;

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use tidegate_policy::{
    CompiledPolicy, ComposedPolicies, Context, Decision, PolicyDocument, PolicyKind, PolicySet,
    PolicySource, Principal, Request, Value, authorize,
};

use crate::{
    AccountState, EntityKind, ResourceKind,
    command::{CallerRef, ContextEntry, caller_kind},
    rejection::{Rejection, RejectionKind},
    resource::Body,
};

/// A caller with everything that speaks for or against it.
#[derive(Debug)]
pub struct Resolved {
    /// The identity.
    pub principal: Principal,
    /// Its policies, those of its session among them.
    pub policies: PolicySet,
    index: Arc<Index>,
}

/// Policies under one index, once it has paid to make one.
#[derive(Debug, Default)]
struct Index {
    composed: OnceLock<ComposedPolicies>,
    /// How often it was asked about.
    asked: AtomicU32,
}

/// Decisions after which a caller's policies are put under one index. Making it costs about what some dozen decisions do, and whoever
/// asks once, behind a change of its account, should not pay it.
const COMPOSED_AFTER: u32 = 32;

impl Resolved {
    /// A caller and its policies.
    pub fn new(principal: Principal, policies: PolicySet) -> Self {
        Self { principal, policies, index: Arc::default() }
    }

    /// The same policies for another principal: they are put under an index once.
    fn acting_as(&self, principal: Principal) -> Self {
        let (policies, index) = (self.policies.clone(), Arc::clone(&self.index));
        Self { principal, policies, index }
    }

    /// Decides. How often was asked before changes the time that it takes, and nothing else.
    pub fn authorize(&self, request: &Request<'_>) -> Decision {
        if let Some(composed) = self.index.composed.get() {
            return composed.authorize(request);
        }
        if self.index.asked.fetch_add(1, Ordering::Relaxed) < COMPOSED_AFTER {
            return authorize(&self.policies, request);
        }
        let make = || ComposedPolicies::new(self.policies.clone());
        self.index.composed.get_or_init(make).authorize(request)
    }
}

/// Condition keys that the serving node captured.
#[derive(Clone, Debug, Default)]
pub struct Captured;

impl Captured {
    /// The context that entries of the log stand for.
    pub fn context(entries: &[ContextEntry]) -> Context {
        let mut context = Context::default();
        for entry in entries {
            let value = match entry.values.as_slice() {
                [one] => Value::One(one.clone()),
                many => Value::Many(many.to_vec()),
            };
            context.insert(&entry.key, value);
        }
        context
    }

    /// The entries that a context becomes in the log.
    pub fn entries(context: &Context) -> Vec<ContextEntry> {
        context
            .iter()
            .map(|(key, value)| ContextEntry {
                key: key.to_owned(),
                values: value.as_slice().to_vec(),
            })
            .collect()
    }
}

fn gone(access_key: &str) -> Rejection {
    let shown: String = access_key.chars().take(24).collect();
    Rejection::new(
        RejectionKind::InvalidClientTokenId,
        format!("The security token included in the request is invalid: `{shown}`."),
    )
}

/// Callers that one state of an account keeps resolved. Past it all are forgotten and resolved again as they come.
const MEMO_MAX: usize = 4_096;

impl AccountState {
    /// The caller as it stands in this state: its key must be there and active, its user or role must exist.
    pub fn resolve(&self, caller: &CallerRef, now: u64) -> Result<Arc<Resolved>, Rejection> {
        match caller.kind {
            caller_kind::ROOT | caller_kind::USER => {
                let key = self
                    .access_key(&caller.access_key)
                    .filter(|k| k.active)
                    .ok_or_else(|| gone(&caller.access_key))?;
                if key.user.is_empty() {
                    return Ok(self.root());
                }
                self.user_resolved(&key.user).ok_or_else(|| gone(&caller.access_key))
            }
            caller_kind::SESSION | caller_kind::USER_SESSION | caller_kind::FEDERATED_SESSION => {
                if now >= caller.expires {
                    return Err(Rejection::new(
                        RejectionKind::InvalidClientTokenId,
                        "The session has expired.",
                    ));
                }
                self.session(caller, now).ok_or_else(|| gone(&caller.access_key))
            }
            _ => Err(gone(&caller.access_key)),
        }
    }

    /// The root user.
    pub fn root(&self) -> Arc<Resolved> {
        let principal = Principal::root(self.id()).in_partition(self.partition());
        Arc::new(Resolved::new(principal, PolicySet::default()))
    }

    fn memoised(
        &self,
        name: String,
        make: impl FnOnce() -> Option<Resolved>,
    ) -> Option<Arc<Resolved>> {
        if let Some(known) = self.memo.lock().get(&name) {
            return Some(Arc::clone(known));
        }
        // Who is not there is not remembered: anybody can think of names.
        let made = Arc::new(make()?);
        let mut memo = self.memo.lock();
        if memo.len() >= MEMO_MAX {
            memo.clear();
        }
        memo.insert(name, Arc::clone(&made));
        Some(made)
    }

    /// A user with its policies; the name in lower case.
    pub fn user_resolved(&self, name: &str) -> Option<Arc<Resolved>> {
        self.memoised(format!("user/{name}"), || self.compose_user(name))
    }

    /// A session of a role, without session policies.
    pub fn role_resolved(&self, role_id: &str, session: &str) -> Option<Arc<Resolved>> {
        self.memoised(format!("role/{role_id}/{session}"), || self.compose_role(role_id, session))
    }

    fn compose_user(&self, name: &str) -> Option<Resolved> {
        let user = &self.users.get(name)?.value;
        let mut identity = self.policies_of(EntityKind::User, name);
        for group in self.groups_of(name) {
            identity.extend(self.policies_of(EntityKind::Group, group));
        }
        identity.extend(self.own_password_policy());
        let mut principal = Principal::user(self.id(), &user.path, &user.name, &user.id)
            .in_partition(self.partition());
        principal.tags =
            user.tags.iter().map(|t| (t.key.as_str().into(), t.value.as_str().into())).collect();
        let boundary = self.boundary(&user.boundary);
        let policies = PolicySet { identity, boundary, ..PolicySet::default() };
        Some(Resolved::new(principal, policies))
    }

    fn compose_role(&self, role_id: &str, session: &str) -> Option<Resolved> {
        let name = self.role_ids.get(role_id)?;
        let role = &self.roles.get(name)?.value;
        let identity = self.policies_of(EntityKind::Role, name);
        let mut principal =
            Principal::role_session(self.id(), &role.path, &role.name, &role.id, session)
                .in_partition(self.partition());
        principal.tags =
            role.tags.iter().map(|t| (t.key.as_str().into(), t.value.as_str().into())).collect();
        let boundary = self.boundary(&role.boundary);
        let policies = PolicySet { identity, boundary, ..PolicySet::default() };
        Some(Resolved::new(principal, policies))
    }

    /// The policies of a group; `None` where there is no such group.
    pub fn group_policies(&self, name: &str) -> Option<Vec<Arc<CompiledPolicy>>> {
        self.group(name)?;
        Some(self.policies_of(EntityKind::Group, &name.to_ascii_lowercase()))
    }

    fn policies_of(&self, kind: EntityKind, name: &str) -> Vec<Arc<CompiledPolicy>> {
        // A policy that this build can't read may hold a deny.
        let inline = self.inline_states(kind, name).map(|i| i.compiled.clone());
        let managed = self.attached(kind, name).map(|arn| self.managed(arn));
        inline.chain(managed).filter_map(|policy| policy.or_else(deny_everything)).collect()
    }

    /// What `AllowUsersToChangePassword` grants every user.
    fn own_password_policy(&self) -> Option<Arc<CompiledPolicy>> {
        let policy = self.resource(ResourceKind::PasswordPolicy, &self.id().to_string())?;
        let allows =
            matches!(&policy.value.body, Some(Body::PasswordPolicy(p)) if p.users_may_change);
        // Users change their own password alone: see the check of the command.
        let text = r#"{"Version":"2012-10-17","Statement":{"Sid":"AllowUsersToChangePassword","Effect":"Allow","Action":["iam:ChangePassword","iam:GetAccountPasswordPolicy"],"Resource":"*"}}"#;
        let document = allows.then(|| PolicyDocument::parse(text, PolicyKind::Identity).ok())??;
        let name = "AllowUsersToChangePassword".into();
        let source = PolicySource::UserInline { user: "*".into(), name };
        Some(Arc::new(CompiledPolicy::compile(source, &document)))
    }

    /// A boundary whose policy is not there denies everything.
    fn boundary(&self, arn: &str) -> Option<Arc<CompiledPolicy>> {
        if arn.is_empty() {
            return None;
        }
        self.managed(arn).or_else(deny_everything)
    }
}

/// What stands in the place of a policy that is not there or can't be read.
fn deny_everything() -> Option<Arc<CompiledPolicy>> {
    let text =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
    let document = PolicyDocument::parse(text, PolicyKind::Identity).ok()?;
    Some(Arc::new(CompiledPolicy::compile(PolicySource::Session(usize::MAX), &document)))
}
