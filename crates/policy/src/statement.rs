//! One statement as decisions run on it: lower-cased, variables and typed values found, elements in the order of their price.

use crate::{
    Principal, Request,
    condition::Condition,
    document::{
        ActionBlock, PolicyKind, PrincipalBlock, ResourceBlock, Span, Statement, StatementEffect,
        Version,
    },
    principal_element::{Named, PrincipalElement},
    template::Template,
    wildcard::wildcard_matches,
};

/// A compiled statement.
#[derive(Clone, Debug)]
pub(crate) struct CompiledStatement {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: StatementEffect,
    pub(crate) span: Span,
    /// `None` where the policy's kind names nobody: whoever it is attached to.
    principals: Option<PrincipalElement>,
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

impl<P> Element<P> {
    fn covers(&self, matches: impl Fn(&P) -> bool) -> bool {
        self.patterns.iter().any(matches) != self.negated
    }
}

impl CompiledStatement {
    pub(crate) fn new(statement: &Statement, kind: PolicyKind, version: Version) -> Self {
        let variables = version == Version::V2012;
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
                PrincipalBlock::Principal(list) => Some(PrincipalElement::new(false, list)),
                PrincipalBlock::NotPrincipal(list) => Some(PrincipalElement::new(true, list)),
                PrincipalBlock::None => None,
            },
            actions: Element {
                negated: no_action,
                patterns: actions.iter().map(|a| a.to_ascii_lowercase().into()).collect(),
            },
            resources: resources.map(|(negated, list)| Element {
                negated,
                patterns: list.iter().map(|r| Template::new(r, variables)).collect(),
            }),
            conditions: statement.conditions.iter().map(|c| Condition::new(c, variables)).collect(),
        }
    }

    /// How the statement names the caller; `None` when it does not.
    pub(crate) fn names(&self, principal: &Principal) -> Option<Named> {
        match &self.principals {
            None => Some(Named::Identity),
            Some(element) => element.names(principal, self.effect),
        }
    }

    /// Whether it speaks of the request's action.
    pub(crate) fn covers_action(&self, request: &Request<'_>) -> bool {
        self.actions.covers(|pattern| wildcard_matches(pattern, request.action.lower()))
    }

    /// Whether it speaks of the request's resource. A variable without a value matches nothing, also in `NotResource`, where
    /// the pattern that holds it then excludes nothing.
    pub(crate) fn covers_resource(&self, request: &Request<'_>) -> bool {
        self.resources
            .as_ref()
            .is_none_or(|element| element.covers(|pattern| pattern.like(request.resource, request)))
    }

    /// The first condition that does not hold.
    pub(crate) fn failing_condition(&self, request: &Request<'_>) -> Option<usize> {
        self.conditions.iter().position(|condition| !condition.holds(request))
    }
}
