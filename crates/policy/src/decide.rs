//! The decision: which effect a set of policies has on one request.

use std::{borrow::Cow, sync::Arc};

use smallvec::SmallVec;

use crate::{
    AccountId, Action, Context, Principal, PrincipalKind,
    compile::{CompiledCondition, CompiledPolicy, CompiledStatement, Named, PolicyType, Template},
    condition::{Comparison, Qualifier, arn_like, holds},
    document::StatementEffect,
    parse::line_and_column,
    principal::PrincipalValue,
    wildcard::{Token, matches_tokens},
};

/// Everything that speaks for or against a caller.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    /// Policies of the user and its groups, or of the role.
    pub identity: Vec<Arc<CompiledPolicy>>,
    /// The permissions boundary.
    pub boundary: Option<Arc<CompiledPolicy>>,
    /// Session policies; `None` when the session was made without any.
    pub session: Option<Vec<Arc<CompiledPolicy>>>,
    /// The policy of the resource.
    pub resource: Option<Arc<CompiledPolicy>>,
}

/// Who wants to do what to what, under which circumstances.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// What.
    pub action: &'a Action,
    /// On what: an ARN, or `*` for actions that know no resource.
    pub resource: &'a str,
    /// The account that owns the resource; `None`: the caller's.
    pub resource_account: Option<AccountId>,
    /// Condition keys.
    pub context: &'a Context,
}

impl<'a> Request<'a> {
    /// A request on a resource of the caller's own account.
    pub fn new(principal: &'a Principal, action: &'a Action, resource: &'a str, context: &'a Context) -> Self {
        Self { principal, action, resource, resource_account: None, context }
    }

    /// The values of a condition key in lower case.
    pub(crate) fn values(&self, key: &str) -> Option<Values<'a>> {
        if let Some(value) = self.principal.key(key) {
            return Some(match value {
                PrincipalValue::Text(text) => Values::One(Cow::Borrowed(text)),
                PrincipalValue::Account(account) => Values::One(Cow::Owned(account.to_string())),
            });
        }
        self.context.get(key).map(|v| match v {
            crate::Value::One(text) => Values::One(Cow::Borrowed(text)),
            crate::Value::Many(texts) => Values::Many(texts),
        })
    }

    fn variable(&self, key: &str) -> Option<Cow<'a, str>> {
        match self.values(key)? {
            Values::One(text) => Some(text),
            Values::Many(_) => None,
        }
    }
}

/// The values of one key.
pub(crate) enum Values<'a> {
    One(Cow<'a, str>),
    Many(&'a [String]),
}

impl Values<'_> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Self::One(text) => (Some(&**text), &[][..]),
            Self::Many(texts) => (None, *texts),
        };
        one.into_iter().chain(many.iter().map(String::as_str))
    }
}

/// The outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It may be done.
    Allow,
    /// Nothing allows it.
    ImplicitDeny,
    /// A statement denies it.
    ExplicitDeny,
}

/// One statement of one policy.
#[derive(Clone, Debug)]
pub struct StatementRef {
    /// The policy.
    pub policy: Arc<CompiledPolicy>,
    /// The statement's place in it, from 0.
    pub index: usize,
}

impl StatementRef {
    /// The statement's name.
    pub fn sid(&self) -> Option<&str> {
        self.policy.statements.get(self.index).and_then(|s| s.sid.as_deref())
    }

    /// Line and column, from 1, where the statement starts and ends in the policy's text.
    pub fn position(&self) -> ((usize, usize), (usize, usize)) {
        let span = self.policy.statements.get(self.index).map(|s| s.span).unwrap_or_default();
        let place = |offset| line_and_column(self.policy.text(), offset);
        (place(span.start), place(span.end))
    }
}

/// A decision and what decided it.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The outcome.
    pub effect: Effect,
    /// The type of policy that denied, or that did not allow. `None` when allowed.
    pub policy_type: Option<PolicyType>,
    /// The statements that decided: the deny, or the allow of each type that had to allow.
    pub statements: SmallVec<[StatementRef; 2]>,
}

impl Decision {
    fn deny(effect: Effect, policy_type: PolicyType, statement: Option<StatementRef>) -> Self {
        Self { effect, policy_type: Some(policy_type), statements: statement.into_iter().collect() }
    }

    /// Whether it may be done.
    pub fn is_allowed(&self) -> bool {
        self.effect == Effect::Allow
    }
}

/// What one policy says: the first deny, else the allow that names the caller most directly.
#[derive(Default)]
struct Said {
    deny: Option<StatementRef>,
    allow: Option<(Named, StatementRef)>,
}

fn ask(policies: &[Arc<CompiledPolicy>], request: &Request<'_>) -> Said {
    let mut said = Said::default();
    for policy in policies {
        for (index, statement) in policy.candidates(request.action) {
            let useful = statement.effect == StatementEffect::Deny
                || said.allow.as_ref().is_none_or(|(named, _)| *named < Named::Anyone);
            let Some(named) = (if useful { applies(statement, request) } else { None }) else { continue };
            let found = StatementRef { policy: Arc::clone(policy), index };
            if statement.effect == StatementEffect::Deny {
                said.deny = Some(found);
                return said;
            }
            if said.allow.as_ref().is_none_or(|(old, _)| *old < named) {
                said.allow = Some((named, found));
            }
        }
    }
    said
}

/// Whether a statement applies, and how it names the caller.
fn applies(statement: &CompiledStatement, request: &Request<'_>) -> Option<Named> {
    if !statement.covers_action(request.action) {
        return None;
    }
    let named = statement.names(request.principal);
    let lookup = |key: &str| request.variable(key);
    let all = named != Named::No
        && statement.covers_resource(request.resource, &lookup)
        && statement.conditions.iter().all(|c| condition_holds(c, request));
    all.then_some(named)
}

/// Whether a condition holds. Values are joined by or, negated operators hold when no value matches.
pub(crate) fn condition_holds(condition: &CompiledCondition, request: &Request<'_>) -> bool {
    let operator = condition.operator;
    let values = request.values(&condition.key);
    if operator.comparison == Comparison::Null {
        let absent = values.is_none_or(|v| v.iter().next().is_none());
        return condition.values.iter().any(|v| matches!(v, Template::Plain(t) if t.eq_ignore_ascii_case("true") == absent));
    }
    let matches = |actual: &str| {
        let any = condition.values.iter().any(|wanted| value_matches(condition, wanted, actual, request));
        any != operator.negated
    };
    let set = || values.iter().flat_map(Values::iter).filter(|v| !v.is_empty());
    match (operator.qualifier, &values) {
        (Qualifier::ForAllValues, _) => set().all(matches),
        (Qualifier::ForAnyValue, None) => operator.if_exists,
        (Qualifier::ForAnyValue, Some(_)) => set().any(matches),
        (Qualifier::None, None) => operator.if_exists || operator.negated,
        (Qualifier::None, Some(values)) if operator.negated => values.iter().all(matches),
        (Qualifier::None, Some(values)) => values.iter().any(matches),
    }
}

fn value_matches(condition: &CompiledCondition, wanted: &Template, actual: &str, request: &Request<'_>) -> bool {
    let comparison = condition.operator.comparison;
    if let Template::Plain(text) = wanted {
        return holds(comparison, text, actual);
    }
    let Some(tokens) = wanted.expand(&|key: &str| request.variable(key)) else { return false };
    let literal = || -> String {
        let bytes = tokens.iter().map(|t| match t {
            Token::Star => b'*',
            Token::Any => b'?',
            Token::Byte(b) => *b,
        });
        String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned()
    };
    match comparison {
        Comparison::StringLike => matches_tokens(&tokens, actual.as_bytes()),
        Comparison::ArnLike => {
            let with_stars = tokens.contains(&Token::Star) || tokens.contains(&Token::Any);
            if with_stars { matches_tokens(&tokens, actual.as_bytes()) && arn_like(&literal(), actual) } else { literal() == actual }
        }
        _ => holds(comparison, &literal(), actual),
    }
}

/// Decides. An explicit deny anywhere wins; else every type of policy that limits the caller must allow, and one that grants.
pub fn authorize(set: &PolicySet, request: &Request<'_>) -> Decision {
    let identity = ask(&set.identity, request);
    let boundary = set.boundary.as_ref().map(|b| ask(core::slice::from_ref(b), request));
    let session = set.session.as_ref().map(|s| ask(s, request));
    let resource = set.resource.as_ref().map(|r| ask(core::slice::from_ref(r), request));
    let resource_type = resource_type(set);
    let said = [
        (PolicyType::Identity, Some(&identity)),
        (PolicyType::Boundary, boundary.as_ref()),
        (PolicyType::Session, session.as_ref()),
        (resource_type, resource.as_ref()),
    ];
    for (policy_type, said) in said {
        if let Some(deny) = said.and_then(|s| s.deny.clone()) {
            return Decision::deny(Effect::ExplicitDeny, policy_type, Some(deny));
        }
    }
    let foreign = request.resource_account.is_some_and(|a| request.principal.account != Some(a));
    let by_resource = resource.and_then(|r| r.allow);
    if foreign && by_resource.is_none() {
        return Decision::deny(Effect::ImplicitDeny, resource_type, None);
    }
    let waives = if foreign { Waives::default() } else { Waives::by(by_resource.as_ref().map(|(n, _)| *n), request.principal.kind) };
    let mut statements: SmallVec<[StatementRef; 2]> = by_resource.into_iter().map(|(_, s)| s).collect();
    if request.principal.kind == PrincipalKind::Root {
        return Decision { effect: Effect::Allow, policy_type: None, statements };
    }
    let federated_without = request.principal.kind == PrincipalKind::FederatedUser && set.session.is_none();
    let steps = [
        (PolicyType::Identity, waives.identity, Some(identity)),
        (PolicyType::Boundary, waives.boundary, boundary),
        (PolicyType::Session, waives.session, session.or_else(|| federated_without.then(Said::default))),
    ];
    for (policy_type, waived, said) in steps {
        let (Some(said), false) = (said, waived) else { continue };
        match said.allow {
            Some((_, statement)) => statements.push(statement),
            None => return Decision::deny(Effect::ImplicitDeny, policy_type, None),
        }
    }
    Decision { effect: Effect::Allow, policy_type: None, statements }
}

pub(crate) fn resource_type(set: &PolicySet) -> PolicyType {
    match set.resource.as_ref().map(|r| r.source()) {
        Some(crate::PolicySource::Trust(_)) => PolicyType::Trust,
        _ => PolicyType::Resource,
    }
}

/// Which implicit denies a resource policy of the same account overrides: the table of AWS's page "Policy evaluation logic".
#[derive(Default)]
struct Waives {
    identity: bool,
    boundary: bool,
    session: bool,
}

impl Waives {
    fn by(named: Option<Named>, kind: PrincipalKind) -> Self {
        match named {
            None | Some(Named::No | Named::Delegated) => Self::default(),
            Some(Named::Identity) if kind == PrincipalKind::AssumedRole => Self { identity: true, ..Self::default() },
            Some(Named::Identity) => Self { identity: true, boundary: true, session: kind != PrincipalKind::FederatedUser },
            Some(Named::Session | Named::Anyone) => Self { identity: true, boundary: true, session: true },
        }
    }
}

#[cfg(test)]
mod tests;
