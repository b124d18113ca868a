//! One statement as decisions run on it: lower-cased, variables and typed values found, elements in the order of their price.

use crate::{
    Principal, Request,
    condition::Condition,
    deliberate::{Bug, bug},
    document::{
        ActionBlock, PolicyKind, PrincipalBlock, ResourceBlock, Span, Statement, StatementEffect,
        Version,
    },
    principal_element::{Named, PrincipalElement},
    template::Template,
    truth::Truth,
    wildcard::wildcard_matches,
};

/// A compiled statement.
#[derive(Clone, Debug)]
pub(crate) struct CompiledStatement {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: StatementEffect,
    pub(crate) span: Span,
    /// `None` where the policy's kind names nobody: whoever it is attached to.
    principals: Option<Box<PrincipalElement>>,
    pub(crate) actions: Element<Box<str>>,
    /// `None` where the policy's kind names no resource: whatever it is attached to.
    pub(crate) resources: Option<Element<Template>>,
    pub(crate) conditions: Box<[Condition]>,
}

/// A list that is either what is meant (`Action`) or what is not (`NotAction`).
#[derive(Clone, Debug)]
pub(crate) struct Element<P> {
    pub(crate) negated: bool,
    pub(crate) patterns: Box<[P]>,
}

impl CompiledStatement {
    pub(crate) fn new(statement: &Statement, kind: PolicyKind, version: Version) -> Self {
        let variables = version == Version::V2012 || bug(Bug::OldVersionKnowsVariables);
        let (no_action, actions) = match &statement.actions {
            ActionBlock::Action(actions) => (false, actions),
            ActionBlock::NotAction(actions) => (true, actions),
        };
        let resources = match &statement.resources {
            ResourceBlock::Resource(resources) => Some((false, resources)),
            ResourceBlock::NotResource(resources) => Some((true, resources)),
            ResourceBlock::None => None,
        };
        Self {
            sid: statement.sid.clone(),
            effect: statement.effect,
            span: statement.span,
            principals: match &statement.principals {
                _ if !kind.names_principals() => None,
                PrincipalBlock::Principal(list) => {
                    Some(Box::new(PrincipalElement::new(false, list)))
                }
                PrincipalBlock::NotPrincipal(list) => {
                    Some(Box::new(PrincipalElement::new(true, list)))
                }
                PrincipalBlock::None => None,
            },
            actions: Element {
                negated: no_action,
                patterns: actions.iter().map(|action| in_lower_case(action)).collect(),
            },
            resources: resources.map(|(negated, list)| Element {
                negated,
                patterns: list.iter().map(|r| Template::new(r, variables)).collect(),
            }),
            conditions: statement.conditions.iter().map(|c| Condition::new(c, variables)).collect(),
        }
    }

    /// Whether it says whom it speaks of.
    pub(crate) fn names_principals(&self) -> bool {
        self.principals.is_some()
    }

    /// How the statement names the caller, who may have a permissions boundary; `None` when it does not.
    pub(crate) fn names(&self, principal: &Principal, bounded: bool) -> Option<Named> {
        match &self.principals {
            None => Some(Named::Identity),
            Some(element) => element.names(principal, self.effect, bounded),
        }
    }

    /// Whether it speaks of the request's action.
    pub(crate) fn covers_action(&self, request: &Request<'_>) -> bool {
        let (list, action) = (&self.actions, request.action.lower());
        list.patterns.iter().any(|pattern| wildcard_matches(pattern, action)) != list.negated
    }

    /// Whether it speaks of the request's resource. A variable without a value matches nothing. In `NotResource` nobody knows then
    /// what is excluded: such a statement denies everything else and allows nothing.
    pub(crate) fn covers_resource(&self, request: &Request<'_>) -> bool {
        let Some(element) = &self.resources else { return true };
        let listed = element.patterns.iter().any(|pattern| pattern.like(request.resource, request));
        if !element.negated || listed {
            return listed != element.negated;
        }
        self.effect == StatementEffect::Deny
            || element.patterns.iter().all(|pattern| pattern.resolves(request))
    }

    /// The first condition that keeps the statement from applying. One that can't be evaluated keeps an allow from it, but no deny.
    pub(crate) fn failing_condition(&self, request: &Request<'_>) -> Option<usize> {
        let needed = self.needed();
        self.conditions.iter().position(|condition| condition.holds(request) < needed)
    }

    /// Whether the condition of this number, alone, lets the statement apply.
    pub(crate) fn lets_apply(&self, number: usize, request: &Request<'_>) -> bool {
        let needed = self.needed();
        self.conditions.get(number).is_none_or(|condition| condition.holds(request) >= needed)
    }

    /// How true every condition must be.
    fn needed(&self) -> Truth {
        match self.effect {
            StatementEffect::Allow => Truth::True,
            StatementEffect::Deny => Truth::Unknown,
        }
    }
}

fn in_lower_case(action: &str) -> Box<str> {
    if bug(Bug::ActionsKeepTheirCase) { action.into() } else { action.to_ascii_lowercase().into() }
}
