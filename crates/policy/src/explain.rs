//! Why: each type of policy with its outcome, what matched, what nearly did, and AWS's sentence.

use core::fmt;
use std::sync::Arc;

use crate::{
    compile::{CompiledPolicy, CompiledStatement, Named, PolicyType},
    decide::{Decision, Effect, PolicySet, Request, StatementRef, Values, authorize, condition_holds, resource_type},
    document::StatementEffect,
};

/// A statement that speaks of the action but did not apply, and the first element that failed.
#[derive(Clone, Debug)]
pub struct NearMiss {
    /// The statement.
    pub statement: StatementRef,
    /// The element: `Principal`, `Resource` or `Condition`.
    pub element: &'static str,
    /// What was compared, for people.
    pub comparison: String,
}

/// What one type of policy said.
#[derive(Clone, Debug)]
pub struct TypeOutcome {
    /// The type.
    pub policy_type: PolicyType,
    /// Its effect taken alone.
    pub effect: Effect,
    /// The statements that applied.
    pub matched: Vec<StatementRef>,
    /// The statements that nearly did.
    pub near_misses: Vec<NearMiss>,
}

/// The whole answer to "why".
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// Each type of policy that had a say.
    pub types: Vec<TypeOutcome>,
    /// Condition keys that were asked for and not given, in lower case.
    pub missing_keys: Vec<Box<str>>,
    /// AWS's access-denied sentence; `None` when allowed.
    pub sentence: Option<String>,
}

/// Decides and says why. Costs what it looks at; [`authorize`] does not pay for it.
pub fn explain(set: &PolicySet, request: &Request<'_>) -> Explanation {
    let decision = authorize(set, request);
    let mut missing = Vec::new();
    let mut types = Vec::new();
    let mut one = |policy_type, policies: &[Arc<CompiledPolicy>]| {
        types.push(type_outcome(policy_type, policies, request, &mut missing));
    };
    one(PolicyType::Identity, &set.identity);
    if let Some(boundary) = &set.boundary {
        one(PolicyType::Boundary, core::slice::from_ref(boundary));
    }
    if let Some(session) = &set.session {
        one(PolicyType::Session, session);
    }
    if let Some(resource) = &set.resource {
        one(resource_type(set), core::slice::from_ref(resource));
    }
    missing.sort();
    missing.dedup();
    let sentence = denied_sentence(&decision, request);
    Explanation { decision, types, missing_keys: missing, sentence }
}

/// The sentence in which AWS denies; `None` when allowed.
pub(crate) fn denied_sentence(decision: &Decision, request: &Request<'_>) -> Option<String> {
    let policy_type = decision.policy_type?;
    let (caller, action) = (&request.principal.arn, request.action);
    let on = if request.resource == "*" { String::new() } else { format!(" on resource: {}", request.resource) };
    let article = if policy_type == PolicyType::Identity { "an" } else { "a" };
    let why = match decision.effect {
        Effect::Allow => return None,
        Effect::ImplicitDeny => format!("because no {policy_type} allows the {action} action"),
        Effect::ExplicitDeny => format!("with an explicit deny in {article} {policy_type}"),
    };
    Some(format!("User: {caller} is not authorized to perform: {action}{on} {why}"))
}

impl Decision {
    /// The sentence in which AWS denies this request; `None` when allowed.
    pub fn denied_sentence(&self, request: &Request<'_>) -> Option<String> {
        denied_sentence(self, request)
    }
}

fn type_outcome(
    policy_type: PolicyType,
    policies: &[Arc<CompiledPolicy>],
    request: &Request<'_>,
    missing: &mut Vec<Box<str>>,
) -> TypeOutcome {
    let mut outcome =
        TypeOutcome { policy_type, effect: Effect::ImplicitDeny, matched: Vec::new(), near_misses: Vec::new() };
    for policy in policies {
        for (index, statement) in policy.candidates(request.action) {
            if !statement.covers_action(request.action) {
                continue;
            }
            let found = StatementRef { policy: Arc::clone(policy), index };
            match failing(statement, request, missing) {
                Some((element, comparison)) => {
                    outcome.near_misses.push(NearMiss { statement: found, element, comparison });
                }
                None => {
                    outcome.effect = match (statement.effect, outcome.effect) {
                        (StatementEffect::Deny, _) | (_, Effect::ExplicitDeny) => Effect::ExplicitDeny,
                        _ => Effect::Allow,
                    };
                    outcome.matched.push(found);
                }
            }
        }
    }
    outcome
}

fn failing(
    statement: &CompiledStatement,
    request: &Request<'_>,
    missing: &mut Vec<Box<str>>,
) -> Option<(&'static str, String)> {
    if statement.names(request.principal) == Named::No {
        return Some(("Principal", format!("the caller is {}", request.principal.arn)));
    }
    let text = |key: &str| match request.values(key)? {
        Values::One(text) => Some(text),
        Values::Many(_) => None,
    };
    if !statement.covers_resource(request.resource, &text) {
        return Some(("Resource", format!("the resource is {}", request.resource)));
    }
    let failed = statement.conditions.iter().find(|c| !condition_holds(c, request))?;
    let actual = match request.values(&failed.key) {
        Some(values) => {
            let all: Vec<&str> = values.iter().collect();
            format!("the request has `{}`", all.join("`, `"))
        }
        None => {
            missing.push(failed.key.clone());
            "the request does not have it".to_owned()
        }
    };
    Some(("Condition", format!("{} on {}: {actual}", failed.operator, failed.key)))
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sentence {
            Some(sentence) => writeln!(f, "{sentence}")?,
            None => writeln!(f, "allowed")?,
        }
        for t in &self.types {
            let outcome = match t.effect {
                Effect::Allow => "allows",
                Effect::ImplicitDeny => "says nothing",
                Effect::ExplicitDeny => "denies",
            };
            writeln!(f, "  {}: {outcome}", t.policy_type)?;
            for m in &t.matched {
                let ((line, column), _) = m.position();
                let name = m.sid().map_or_else(|| format!("statement {}", m.index), str::to_owned);
                writeln!(f, "    matched {name} of {} (line {line}, column {column})", m.policy.source())?;
            }
            for miss in &t.near_misses {
                let ((line, column), _) = miss.statement.position();
                let policy = miss.statement.policy.source();
                writeln!(f, "    nearly: {policy} (line {line}, column {column}): {} did not match, {}", miss.element, miss.comparison)?;
            }
        }
        if !self.missing_keys.is_empty() {
            writeln!(f, "  keys that the request did not have: {}", self.missing_keys.join(", "))?;
        }
        Ok(())
    }
}
