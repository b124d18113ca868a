//! Why: each type of policy with its outcome, what matched, what nearly did, and AWS's sentence.
//!
//! Nothing here is paid for by [`crate::authorize`]: an explanation asks again, slowly, and reads the policies' text again for the
//! values as they were written.

use core::fmt;
use std::{collections::BTreeSet, sync::Arc};

use crate::{
    CompiledPolicy, Decision, Effect, PolicySet, PolicyType, Request, StatementRef,
    decide::weigh,
    document::{PrincipalBlock, ResourceBlock, Statement, StatementEffect},
    statement::CompiledStatement,
    voices::Hearing,
};

/// The element of a statement that did not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailedElement {
    /// `Principal` or `NotPrincipal`.
    Principal,
    /// `Resource` or `NotResource`.
    Resource,
    /// `Condition`.
    Condition,
}

/// A statement that speaks of the action but did not apply, and the first element that failed.
#[derive(Clone, Debug)]
pub struct NearMiss {
    /// The statement.
    pub statement: StatementRef,
    /// What the statement would have done.
    pub effect: StatementEffect,
    /// The element.
    pub element: FailedElement,
    /// Operator and key where the element is a condition: `StringEquals aws:RequestedRegion`.
    pub condition: Option<String>,
    /// What the policy wants, as it is written there.
    pub wanted: Vec<String>,
    /// What the request has; empty when it has no such key.
    pub actual: Vec<String>,
}

/// What one type of policy said.
#[derive(Clone, Debug)]
pub struct TypeOutcome {
    /// The type.
    pub policy_type: PolicyType,
    /// Which level of an organization this is, from 0 for its root; `None` for other types.
    pub level: Option<usize>,
    /// Its effect taken alone.
    pub effect: Effect,
    /// How many statements its policies have, whatever they speak of.
    pub statements: usize,
    /// The statements that applied, denying ones first.
    pub matched: Vec<StatementRef>,
    /// The statements that nearly did.
    pub near_misses: Vec<NearMiss>,
}

/// The whole answer to "why". Displayed, it is a text for people.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// Each type of policy that had a say.
    pub types: Vec<TypeOutcome>,
    /// Condition keys that a statement asked for and the request did not have.
    pub missing_keys: Vec<Box<str>>,
    /// AWS's access-denied sentence; `None` when allowed.
    pub sentence: Option<String>,
}

/// Decides and says why.
pub fn explain(set: &PolicySet, request: &Request<'_>) -> Explanation {
    let voices = set.voices(request);
    let decision = weigh(&voices, request);
    let mut missing = BTreeSet::new();
    let types = voices
        .all()
        .flat_map(|(policy_type, _)| lists(set, policy_type).map(move |list| (policy_type, list)))
        .map(|(policy_type, (level, policies))| {
            let (effect, matched, near_misses) = hear(policies, set.hearing(request), &mut missing);
            let statements = policies.iter().map(|policy| policy.len()).sum();
            TypeOutcome { policy_type, level, effect, statements, matched, near_misses }
        });
    let types = types.collect();
    let sentence = decision.denied_sentence(request);
    Explanation { decision, types, missing_keys: missing.into_iter().collect(), sentence }
}

impl Decision {
    /// The sentence in which AWS denies this request; `None` when allowed.
    pub fn denied_sentence(&self, request: &Request<'_>) -> Option<String> {
        let policy_type = self.policy_type?;
        let (caller, action) = (&request.principal.arn, request.action);
        let on = if request.resource == "*" {
            String::new()
        } else {
            format!(" on resource: {}", request.resource)
        };
        let why = match self.effect {
            Effect::Allow => return None,
            Effect::ImplicitDeny => format!("because no {policy_type} allows the {action} action"),
            Effect::ExplicitDeny => {
                format!("with an explicit deny in {}", policy_type.with_article())
            }
        };
        Some(format!("User: {caller} is not authorized to perform: {action}{on} {why}"))
    }
}

/// The policies of a type, list by list; where they stand at the levels of an organization, with the level.
fn lists(
    set: &PolicySet,
    policy_type: PolicyType,
) -> impl Iterator<Item = (Option<usize>, &[Arc<CompiledPolicy>])> {
    let (levels, list): (&[Vec<_>], Option<&[_]>) = match policy_type {
        PolicyType::ServiceControl => (&set.service_control, None),
        PolicyType::ResourceControl => (&set.resource_control, None),
        PolicyType::Identity => (&[], Some(&set.identity)),
        PolicyType::Boundary => (&[], Some(set.boundary.as_slice())),
        PolicyType::Session => (&[], Some(set.session.as_deref().unwrap_or_default())),
        PolicyType::Resource | PolicyType::Trust => (&[], Some(set.resource.as_slice())),
        PolicyType::VpcEndpoint => (&[], Some(set.endpoint.as_slice())),
    };
    let levels = levels.iter().enumerate().map(|(level, list)| (Some(level), &**list));
    levels.chain(list.map(|list| (None, list)))
}

/// Every statement that speaks of the action: those that apply, denying ones first, and the others with what failed.
fn hear(
    policies: &[Arc<CompiledPolicy>],
    hearing: Hearing<'_>,
    missing: &mut BTreeSet<Box<str>>,
) -> (Effect, Vec<StatementRef>, Vec<NearMiss>) {
    let (mut denying, mut allowing, mut near_misses) = (Vec::new(), Vec::new(), Vec::new());
    for policy in policies {
        for (index, statement) in policy.statements().iter().enumerate() {
            if !statement.covers_action(hearing.request) {
                continue;
            }
            let found = StatementRef { policy: Arc::clone(policy), index };
            match (near_miss(found.clone(), statement, hearing, missing), statement.effect) {
                (Some(miss), _) => near_misses.push(miss),
                (None, StatementEffect::Deny) => denying.push(found),
                (None, StatementEffect::Allow) => allowing.push(found),
            }
        }
    }
    let effect = match (denying.is_empty(), allowing.is_empty()) {
        (false, _) => Effect::ExplicitDeny,
        (true, false) => Effect::Allow,
        (true, true) => Effect::ImplicitDeny,
    };
    denying.append(&mut allowing);
    (effect, denying, near_misses)
}

fn near_miss(
    found: StatementRef,
    statement: &CompiledStatement,
    Hearing { request, bounded }: Hearing<'_>,
    missing: &mut BTreeSet<Box<str>>,
) -> Option<NearMiss> {
    let written = || found.policy.document()?.statements().get(found.index).cloned();
    let (element, condition, wanted, actual) =
        if statement.names(request.principal, bounded).is_none() {
            let wanted = written().map(|s| principals(&s)).unwrap_or_default();
            (FailedElement::Principal, None, wanted, vec![request.principal.arn.to_string()])
        } else if !statement.covers_resource(request) {
            let wanted = written().map(|s| resources(&s)).unwrap_or_default();
            (FailedElement::Resource, None, wanted, vec![request.resource.to_owned()])
        } else {
            let number = statement.failing_condition(request)?;
            let failed = statement.conditions.get(number)?;
            let values = failed.key.values(request);
            if values.is_none() {
                missing.insert(failed.key.to_string().into());
            }
            let entry = written().and_then(|s| s.conditions.get(number).cloned())?;
            let wanted = entry.values.iter().map(ToString::to_string).collect();
            let actual = values.iter().flat_map(|v| v.iter()).map(str::to_owned).collect();
            (
                FailedElement::Condition,
                Some(format!("{} {}", entry.operator, entry.key)),
                wanted,
                actual,
            )
        };
    Some(NearMiss {
        statement: found,
        effect: statement.effect,
        element,
        condition,
        wanted,
        actual,
    })
}

fn principals(statement: &Statement) -> Vec<String> {
    match &statement.principals {
        PrincipalBlock::Principal(list) => {
            list.iter().map(|(_, value)| value.to_string()).collect()
        }
        PrincipalBlock::NotPrincipal(list) => {
            list.iter().map(|(_, value)| format!("not {value}")).collect()
        }
        PrincipalBlock::None => Vec::new(),
    }
}

fn resources(statement: &Statement) -> Vec<String> {
    match &statement.resources {
        ResourceBlock::Resource(list) => list.iter().map(ToString::to_string).collect(),
        ResourceBlock::NotResource(list) => {
            list.iter().map(|value| format!("not {value}")).collect()
        }
        ResourceBlock::None => Vec::new(),
    }
}

/// More wanted values than this are not printed.
const WANTED_MAX: usize = 4;

impl fmt::Display for StatementRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((line, column), _) = self.position();
        match self.sid() {
            Some(sid) => write!(f, "`{sid}`")?,
            None => write!(f, "statement {}", self.index + 1)?,
        }
        write!(f, " of {} (line {line}, column {column})", self.policy.source())
    }
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let would =
            if self.effect == StatementEffect::Allow { "would allow" } else { "would deny" };
        let subject = match (self.element, &self.condition) {
            (FailedElement::Principal, _) => "the caller is",
            (FailedElement::Resource, _) => "the resource is",
            (FailedElement::Condition, Some(condition)) => condition,
            (FailedElement::Condition, None) => "a condition",
        };
        write!(f, "{} {would}, but {subject} ", self.statement)?;
        match (self.element, self.actual.is_empty()) {
            (FailedElement::Condition, true) => write!(f, "is not in the request")?,
            (FailedElement::Condition, false) => write!(f, "found `{}`", self.actual.join("`, `"))?,
            _ => write!(f, "`{}`", self.actual.join("`, `"))?,
        }
        let shown: Vec<&str> = self.wanted.iter().take(WANTED_MAX).map(String::as_str).collect();
        write!(f, "; wanted `{}`", shown.join("`, `"))?;
        match self.wanted.len().saturating_sub(WANTED_MAX) {
            0 => Ok(()),
            more => write!(f, " or {more} more"),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by: Vec<String> = self.decision.statements.iter().map(ToString::to_string).collect();
        match &self.sentence {
            Some(sentence) => writeln!(f, "{sentence}")?,
            None if by.is_empty() => writeln!(f, "allowed: the root user needs no policy")?,
            None => writeln!(f, "allowed by {}", by.join(" and "))?,
        }
        for outcome in &self.types {
            let verb = match outcome.effect {
                Effect::Allow => "allows",
                Effect::ImplicitDeny => "does not allow",
                Effect::ExplicitDeny => "denies",
            };
            match outcome.level {
                Some(level) => {
                    writeln!(f, "  {} at level {}: {verb}", outcome.policy_type, level + 1)?;
                }
                None => writeln!(f, "  {}: {verb}", outcome.policy_type)?,
            }
            if outcome.matched.is_empty() && outcome.near_misses.is_empty() {
                match outcome.statements {
                    0 => writeln!(f, "    there is none")?,
                    1 => writeln!(f, "    its only statement does not speak of the action")?,
                    many => writeln!(f, "    none of its {many} statements speaks of the action")?,
                }
            }
            for matched in &outcome.matched {
                writeln!(f, "    {matched} matches")?;
            }
            for miss in &outcome.near_misses {
                writeln!(f, "    {miss}")?;
            }
        }
        if !self.missing_keys.is_empty() {
            writeln!(f, "  keys that the request did not have: {}", self.missing_keys.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
