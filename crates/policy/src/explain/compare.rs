//! Statement by statement: those that apply, those that nearly did, and what was compared in each.

use core::cell::LazyCell;
use std::sync::Arc;

use crate::{
    ActionBlock, CompiledPolicy, ConditionEntry, PrincipalBlock, PrincipalKind, Request,
    ResourceBlock, Statement, StatementRef, Version,
    document::StatementEffect,
    key::Key,
    statement::CompiledStatement,
    template::{Template, needed_variables},
    voices::Hearing,
};

use super::{Hint, Place, place::Written};

/// The element of a statement that did not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailedElement {
    /// `Action` or `NotAction`.
    Action,
    /// `Principal` or `NotPrincipal`.
    Principal,
    /// `Resource` or `NotResource`.
    Resource,
    /// `Condition`.
    Condition,
}

/// What a policy wants beside what the request has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The element.
    pub element: FailedElement,
    /// Whether the list is one of exceptions: `NotAction`, `NotResource`, `NotPrincipal`.
    pub negated: bool,
    /// Operator and key where the element is a condition: `StringEquals aws:RequestedRegion`.
    pub condition: Option<String>,
    /// Which condition of the statement this is, from 0.
    pub number: usize,
    /// What the policy lists, as it is written there.
    pub wanted: Vec<String>,
    /// The same with the request's values in place of variables, where that differs; a variable without a value stays as it is.
    pub resolved: Option<Vec<String>>,
    /// What the request has; empty when it has no such key.
    pub actual: Vec<String>,
    /// Condition keys that were asked for, as a key or in a variable, and that the request does not have, as they are written.
    pub missing_keys: Vec<String>,
    /// What is probably meant by a name that nearly matches.
    pub hint: Option<Hint>,
    /// Where it stands in the policy's text.
    pub place: Place,
}

/// A statement that nearly applied: everything in it that kept it from that.
#[derive(Clone, Debug)]
pub struct NearMiss {
    /// The statement.
    pub statement: StatementRef,
    /// What the statement would have done.
    pub effect: StatementEffect,
    /// What failed, in the order action, principal, resource, conditions.
    pub failures: Vec<Compared>,
}

/// A statement that applied.
#[derive(Clone, Debug)]
pub struct Match {
    /// The statement.
    pub statement: StatementRef,
    /// What it does.
    pub effect: StatementEffect,
    /// Its conditions, all of which let it apply.
    pub conditions: Vec<Compared>,
}

/// What a list of policies says, statement by statement.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Denying ones first.
    pub(super) matched: Vec<Match>,
    /// The nearest first.
    pub(super) near_misses: Vec<NearMiss>,
}

/// Hears every statement that speaks of the action, and those allowing ones of the same service that only the action keeps away.
pub(super) fn hear(policies: &[Arc<CompiledPolicy>], hearing: Hearing<'_>) -> Heard {
    let mut heard = Heard::default();
    for policy in policies {
        // Most policies have no statement that comes near.
        let written = LazyCell::new(|| Written::new(policy));
        for (index, statement) in policy.statements().iter().enumerate() {
            let speaks = statement.covers_action(hearing.request);
            if !speaks && !nearly_speaks(statement, hearing.request) {
                continue;
            }
            let comparison = Comparison { policy, written: &written, index, statement, hearing };
            let failures = comparison.failures();
            let (effect, found) = (statement.effect, comparison.reference());
            if failures.is_empty() {
                let conditions = comparison.conditions(|_| true);
                heard.matched.push(Match { statement: found, effect, conditions });
            } else if speaks || failures.len() == 1 {
                heard.near_misses.push(NearMiss { statement: found, effect, failures });
            }
        }
    }
    heard.matched.sort_by_key(|matched| matched.effect == StatementEffect::Allow);
    heard.near_misses.sort_by_key(NearMiss::distance);
    heard
}

impl NearMiss {
    /// How far it is from what was asked: a slip is nearest, then a statement that was meant for other circumstances, then one for
    /// another resource or caller, then one for another action; then the number of failures.
    fn distance(&self) -> (usize, usize) {
        let far = |failed: &Compared| match (failed.element, &failed.hint) {
            (_, Some(_)) => 0,
            (FailedElement::Condition, None) => 1,
            (FailedElement::Resource | FailedElement::Principal, None) => 2,
            (FailedElement::Action, None) => 3,
        };
        (self.failures.iter().map(far).max().unwrap_or_default(), self.failures.len())
    }
}

/// Whether a statement applies.
pub(super) fn applies(
    statement: &CompiledStatement,
    Hearing { request, bounded }: Hearing<'_>,
) -> bool {
    statement.covers_action(request)
        && statement.covers_resource(request)
        && statement.names(request.principal, bounded).is_some()
        && statement.failing_condition(request).is_none()
}

/// Whether a statement allows other actions of the same service.
fn nearly_speaks(statement: &CompiledStatement, request: &Request<'_>) -> bool {
    let service = request.action.service();
    let of_service = |pattern: &str| pattern.split(':').next() == Some(service);
    statement.effect == StatementEffect::Allow
        && statement.actions.patterns.iter().any(|pattern| of_service(pattern))
}

/// One statement beside one request.
struct Comparison<'a> {
    policy: &'a Arc<CompiledPolicy>,
    written: &'a Written<'a>,
    index: usize,
    statement: &'a CompiledStatement,
    hearing: Hearing<'a>,
}

impl Comparison<'_> {
    fn reference(&self) -> StatementRef {
        StatementRef { policy: Arc::clone(self.policy), index: self.index }
    }

    fn failures(&self) -> Vec<Compared> {
        let Hearing { request, bounded } = self.hearing;
        let (statement, written) = (self.statement, self.written.statement(self.index));
        let mut failures = Vec::new();
        if !statement.covers_action(request) {
            let (negated, listed) = written.map(actions).unwrap_or_default();
            let actual = vec![request.action.to_string()];
            failures.push(self.listed(FailedElement::Action, negated, listed, actual));
        }
        if statement.names(request.principal, bounded).is_none() {
            let (negated, listed) = written.map(principals).unwrap_or_default();
            // A session can be named by its own ARN or by that of whoever is behind it.
            let (own, behind) = (&request.principal.arn, &request.principal.entity_arn);
            let names = match request.principal.kind {
                PrincipalKind::Anonymous => ["anonymous".to_owned(), String::new()],
                _ => [own, behind].map(ToString::to_string),
            };
            let actual = names.iter().take(if own == behind { 1 } else { 2 }).cloned().collect();
            failures.push(self.listed(FailedElement::Principal, negated, listed, actual));
        }
        if !statement.covers_resource(request) {
            let (negated, listed) = written.map(resources).unwrap_or_default();
            let actual = vec![request.resource.to_owned()];
            failures.push(self.listed(FailedElement::Resource, negated, listed, actual));
        }
        failures.extend(self.conditions(|number| !statement.lets_apply(number, request)));
        failures
    }

    fn listed(
        &self,
        element: FailedElement,
        negated: bool,
        wanted: Vec<String>,
        actual: Vec<String>,
    ) -> Compared {
        let request = self.hearing.request;
        let names = element == FailedElement::Resource;
        let resolved = if names { self.resolved(&wanted) } else { None };
        let hint = match (element, negated, actual.as_slice()) {
            (FailedElement::Resource, false, [actual]) => self
                .of_version(&wanted, actual)
                .or_else(|| Hint::among(resolved.as_ref().unwrap_or(&wanted), actual)),
            (FailedElement::Action, false, [actual]) => Hint::of_action(&wanted, actual),
            _ => None,
        };
        let missing_keys =
            if names { self.missing_variables(&wanted, request) } else { Vec::new() };
        let place = self.written.element(self.index, element.name());
        Compared {
            element,
            negated,
            condition: None,
            number: 0,
            wanted,
            resolved,
            actual,
            missing_keys,
            hint,
            place,
        }
    }

    /// The conditions of the numbers that are asked for.
    fn conditions(&self, asked: impl Fn(usize) -> bool) -> Vec<Compared> {
        let written = self.written.statement(self.index);
        let entries = written.map(|s| s.conditions.as_slice()).unwrap_or_default();
        let numbered = entries.iter().enumerate().filter(|(number, _)| asked(*number));
        numbered.map(|(number, entry)| self.condition(number, entry)).collect()
    }

    fn condition(&self, number: usize, entry: &ConditionEntry) -> Compared {
        let request = self.hearing.request;
        let wanted: Vec<String> = entry.values.iter().map(ToString::to_string).collect();
        let key = Key::new(&entry.key);
        let values = key.values(request);
        let actual: Vec<String> = values.iter().flat_map(|v| v.iter()).map(str::to_owned).collect();
        let takes_variables = entry.operator.takes_variables();
        let resolved = if takes_variables { self.resolved(&wanted) } else { None };
        let mut missing_keys: Vec<String> = Vec::new();
        if values.is_none() {
            missing_keys.push(entry.key.to_string());
        }
        if takes_variables {
            missing_keys.extend(self.missing_variables(&wanted, request));
        }
        let hint = match actual.as_slice() {
            [actual] if entry.operator.minds_case() => {
                let here = resolved.as_ref().unwrap_or(&wanted);
                let case = || Hint::among(here, actual).filter(|h| matches!(h, Hint::Case { .. }));
                let wildcard = Hint::of_operator(entry.operator, here, actual);
                self.of_version(&wanted, actual).or(wildcard).or_else(case)
            }
            _ => None,
        };
        Compared {
            element: FailedElement::Condition,
            negated: false,
            condition: Some(format!("{} {}", entry.operator, entry.key)),
            number,
            wanted,
            resolved,
            actual,
            missing_keys,
            hint,
            place: self.written.condition(self.index, number),
        }
    }

    fn of_version(&self, listed: &[String], actual: &str) -> Option<Hint> {
        let old = !self.knows_variables();
        old.then(|| Hint::of_version(listed, self.hearing.request, actual)).flatten()
    }

    fn knows_variables(&self) -> bool {
        self.written.version() == Version::V2012
    }

    /// The listed texts with the request's values; `None` where there is no variable in them.
    fn resolved(&self, listed: &[String]) -> Option<Vec<String>> {
        if !self.knows_variables() || !listed.iter().any(|text| text.contains("${")) {
            return None;
        }
        let filled = |text: &String| {
            Template::new(text, true).filled(self.hearing.request).unwrap_or_else(|| text.clone())
        };
        Some(listed.iter().map(filled).collect())
    }

    fn missing_variables(&self, listed: &[String], request: &Request<'_>) -> Vec<String> {
        if !self.knows_variables() {
            return Vec::new();
        }
        let names = listed.iter().flat_map(|text| needed_variables(text));
        let missing = names.filter(|name| Key::new(name).values(request).is_none());
        missing.map(str::to_owned).collect()
    }
}

impl FailedElement {
    /// The element's name as policies write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Action => "Action",
            Self::Principal => "Principal",
            Self::Resource => "Resource",
            Self::Condition => "Condition",
        }
    }
}

fn texts(list: &[Box<str>]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn actions(statement: &Statement) -> (bool, Vec<String>) {
    match &statement.actions {
        ActionBlock::Action(list) => (false, texts(list)),
        ActionBlock::NotAction(list) => (true, texts(list)),
    }
}

fn principals(statement: &Statement) -> (bool, Vec<String>) {
    let names = |list: &[(Box<str>, Box<str>)]| list.iter().map(|(_, v)| v.to_string()).collect();
    match &statement.principals {
        PrincipalBlock::Principal(list) => (false, names(list)),
        PrincipalBlock::NotPrincipal(list) => (true, names(list)),
        PrincipalBlock::None => (false, Vec::new()),
    }
}

fn resources(statement: &Statement) -> (bool, Vec<String>) {
    match &statement.resources {
        ResourceBlock::Resource(list) => (false, texts(list)),
        ResourceBlock::NotResource(list) => (true, texts(list)),
        ResourceBlock::None => (false, Vec::new()),
    }
}
