//! The form that decisions run on: lower-cased, indexed by service, variables split out, immutable and shared.

use core::fmt;
use std::sync::Arc;

use crate::{
    AccountId, Action, Arn, Operator, Principal, PrincipalKind,
    document::{
        ActionBlock, PolicyDocument, PolicyKind, PrincipalBlock, ResourceBlock, Span, StatementEffect, Version,
    },
    wildcard::{Token, matches_tokens, wildcard_matches},
};

/// Where a policy comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicySource {
    /// A managed policy, AWS's or the customer's.
    Managed(Arn),
    /// Inline in a user.
    UserInline {
        /// The user's name.
        user: Arc<str>,
        /// The policy's name.
        name: Arc<str>,
    },
    /// Inline in a group.
    GroupInline {
        /// The group's name.
        group: Arc<str>,
        /// The policy's name.
        name: Arc<str>,
    },
    /// Inline in a role.
    RoleInline {
        /// The role's name.
        role: Arc<str>,
        /// The policy's name.
        name: Arc<str>,
    },
    /// A managed policy used as permissions boundary.
    Boundary(Arn),
    /// The trust policy of a role.
    Trust(Arc<str>),
    /// The n-th session policy.
    Session(usize),
    /// The policy of a resource.
    Resource(Arc<str>),
}

impl fmt::Display for PolicySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Managed(arn) | Self::Boundary(arn) => write!(f, "{arn}"),
            Self::UserInline { user, name } => write!(f, "user/{user}/{name}"),
            Self::GroupInline { group, name } => write!(f, "group/{group}/{name}"),
            Self::RoleInline { role, name } => write!(f, "role/{role}/{name}"),
            Self::Trust(role) => write!(f, "role/{role}/trust"),
            Self::Session(n) => write!(f, "session/{n}"),
            Self::Resource(name) => write!(f, "resource/{name}"),
        }
    }
}

/// The type of a policy in AWS's access-denied sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyType {
    /// Attached to the caller.
    Identity,
    /// Attached to the resource.
    Resource,
    /// The caller's permissions boundary.
    Boundary,
    /// The session's policy.
    Session,
    /// A role's trust policy.
    Trust,
}

impl fmt::Display for PolicyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity-based policy",
            Self::Resource => "resource-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Trust => "role trust policy",
        })
    }
}

/// Text with policy variables in it.
#[derive(Clone, Debug)]
pub(crate) enum Template {
    Plain(Box<str>),
    Parts(Box<[Part]>),
}

#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// Text whose `*` and `?` are wildcards.
    Pattern(Box<str>),
    /// Text that stands for itself: an escape such as `${*}`.
    Literal(Box<str>),
    /// The value of a condition key, in lower case, or the default.
    Variable { key: Box<str>, default: Option<Box<str>> },
}

impl Template {
    fn new(text: &str, variables: bool) -> Self {
        if !variables || !text.contains("${") {
            return Self::Plain(text.into());
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let Some(len) = rest.get(start..).and_then(|r| r.find('}')) else { break };
            let (before, from) = rest.split_at(start);
            if !before.is_empty() {
                parts.push(Part::Pattern(before.into()));
            }
            let inner = from.get(2..len).unwrap_or_default();
            parts.push(Self::part(inner));
            rest = from.get(len + 1..).unwrap_or_default();
        }
        if !rest.is_empty() {
            parts.push(Part::Pattern(rest.into()));
        }
        Self::Parts(parts.into())
    }

    fn part(inner: &str) -> Part {
        if matches!(inner, "*" | "?" | "$") {
            return Part::Literal(inner.into());
        }
        let (key, default) = match inner.split_once(',') {
            Some((key, default)) => (key, Some(default.trim().trim_matches('\'').into())),
            None => (inner, None),
        };
        Part::Variable { key: key.trim().to_ascii_lowercase().into(), default }
    }

    /// The text with its variables replaced, wildcards told from literals; `None` when a variable has no value.
    pub(crate) fn expand<'v>(&self, lookup: &dyn Fn(&str) -> Option<std::borrow::Cow<'v, str>>) -> Option<Vec<Token>> {
        let mut tokens = Vec::new();
        let literal = |tokens: &mut Vec<Token>, text: &str| tokens.extend(text.bytes().map(Token::Byte));
        match self {
            Self::Plain(text) => tokens.extend(Token::pattern(text)),
            Self::Parts(parts) => {
                for part in parts {
                    match part {
                        Part::Pattern(text) => tokens.extend(Token::pattern(text)),
                        Part::Literal(text) => literal(&mut tokens, text),
                        Part::Variable { key, default } => match (lookup(key), default) {
                            (Some(value), _) => literal(&mut tokens, &value),
                            (None, Some(default)) => literal(&mut tokens, default),
                            (None, None) => return None,
                        },
                    }
                }
            }
        }
        Some(tokens)
    }
}

/// Resource patterns: whole-string for `*`, part by part for ARNs.
#[derive(Clone, Debug)]
pub(crate) struct ResourcePattern {
    pub(crate) template: Template,
}

impl ResourcePattern {
    pub(crate) fn matches<'v>(
        &self,
        resource: &str,
        lookup: &dyn Fn(&str) -> Option<std::borrow::Cow<'v, str>>,
    ) -> bool {
        match &self.template {
            Template::Plain(pattern) if &**pattern == "*" => true,
            Template::Plain(pattern) => resource_matches(pattern, resource),
            Template::Parts(_) => {
                self.template.expand(lookup).is_some_and(|tokens| matches_tokens(&tokens, resource.as_bytes()))
            }
        }
    }
}

fn resource_matches(pattern: &str, resource: &str) -> bool {
    // Most patterns end behind a long literal head: compare that first.
    let head = pattern.find(['*', '?']).unwrap_or(pattern.len());
    let (Some(literal), Some(start)) = (pattern.get(..head), resource.get(..head)) else { return false };
    literal == start && wildcard_matches(pattern.get(head..).unwrap_or_default(), resource.get(head..).unwrap_or_default())
}

#[derive(Clone, Debug)]
pub(crate) enum PrincipalPattern {
    Anyone,
    Account(AccountId),
    Arn(Box<str>),
    UniqueId(Box<str>),
    Service(Box<str>),
    Federated(Box<str>),
}

/// How a statement names the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Named {
    No,
    /// Through its account: the account's own policies decide.
    Delegated,
    /// The IAM user or the role itself.
    Identity,
    /// The session itself.
    Session,
    /// `*`.
    Anyone,
}

impl PrincipalPattern {
    fn new(kind: &str, value: &str) -> Self {
        match (kind, value) {
            ("*", _) | ("AWS", "*") => Self::Anyone,
            ("Service", name) => Self::Service(name.into()),
            ("Federated" | "CanonicalUser", name) => Self::Federated(name.into()),
            (_, text) => {
                let account = text.parse().ok().or_else(|| {
                    let arn = Arn::parse(text).ok()?;
                    if arn.resource() == "root" { arn.account_id() } else { None }
                });
                match account {
                    Some(account) => Self::Account(account),
                    None if text.starts_with("arn:") => Self::Arn(text.into()),
                    None => Self::UniqueId(text.into()),
                }
            }
        }
    }

    fn names(&self, principal: &Principal) -> Named {
        match self {
            Self::Anyone => Named::Anyone,
            Self::Account(account) if principal.account == Some(*account) => Named::Delegated,
            Self::Arn(arn) if principal.kind == PrincipalKind::AssumedRole && **arn == *principal.arn => Named::Session,
            Self::Arn(arn) if **arn == *principal.principal_arn || **arn == *principal.arn => Named::Identity,
            Self::UniqueId(id) if principal.user_id.split(':').next() == Some(id) => Named::Identity,
            Self::Service(name) if principal.kind == PrincipalKind::Service && **name == *principal.arn => Named::Identity,
            Self::Federated(name) if **name == *principal.arn => Named::Identity,
            _ => Named::No,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct CompiledCondition {
    pub(crate) operator: Operator,
    pub(crate) key: Box<str>,
    pub(crate) values: Box<[Template]>,
}

#[derive(Clone, Debug)]
pub(crate) struct CompiledStatement {
    pub(crate) sid: Option<Arc<str>>,
    pub(crate) effect: StatementEffect,
    pub(crate) span: Span,
    principals: Option<(bool, Box<[PrincipalPattern]>)>,
    not_action: bool,
    actions: Box<[Box<str>]>,
    not_resource: bool,
    pub(crate) resources: Option<Box<[ResourcePattern]>>,
    pub(crate) conditions: Box<[CompiledCondition]>,
}

impl CompiledStatement {
    pub(crate) fn covers_action(&self, action: &Action) -> bool {
        self.actions.iter().any(|p| wildcard_matches(p, action.lower())) != self.not_action
    }

    pub(crate) fn covers_resource<'v>(
        &self,
        resource: &str,
        lookup: &dyn Fn(&str) -> Option<std::borrow::Cow<'v, str>>,
    ) -> bool {
        let Some(patterns) = &self.resources else { return true };
        patterns.iter().any(|p| p.matches(resource, lookup)) != self.not_resource
    }

    /// How the statement names the caller; identity policies name whoever they are attached to.
    pub(crate) fn names(&self, principal: &Principal) -> Named {
        match &self.principals {
            None => Named::Identity,
            Some((false, patterns)) => patterns.iter().map(|p| p.names(principal)).max().unwrap_or(Named::No),
            Some((true, patterns)) => {
                if patterns.iter().any(|p| p.names(principal) != Named::No) { Named::No } else { Named::Anyone }
            }
        }
    }
}

/// A policy ready to decide.
#[derive(Clone, Debug)]
pub struct CompiledPolicy {
    source: PolicySource,
    text: Arc<str>,
    pub(crate) statements: Box<[CompiledStatement]>,
    /// For each service, in order, the statements that may speak of its actions.
    by_service: Box<[(Box<str>, Box<[u32]>)]>,
    /// The statements that may speak of any service.
    any_service: Box<[u32]>,
}

impl CompiledPolicy {
    /// Compiles a parsed policy.
    pub fn compile(source: PolicySource, document: &PolicyDocument) -> Self {
        let variables = document.version() == Version::V2012;
        let trust = document.kind() == PolicyKind::Trust;
        let statements: Box<[CompiledStatement]> = document
            .statements()
            .iter()
            .map(|s| CompiledStatement {
                sid: s.sid.as_deref().map(Into::into),
                effect: s.effect,
                span: s.span,
                principals: match &s.principals {
                    PrincipalBlock::Principal(p) => Some((false, p.iter().map(|(k, v)| PrincipalPattern::new(k, v)).collect())),
                    PrincipalBlock::NotPrincipal(p) => Some((true, p.iter().map(|(k, v)| PrincipalPattern::new(k, v)).collect())),
                    PrincipalBlock::None => None,
                },
                not_action: matches!(s.actions, ActionBlock::NotAction(_)),
                actions: match &s.actions {
                    ActionBlock::Action(a) | ActionBlock::NotAction(a) => {
                        a.iter().map(|a| a.to_ascii_lowercase().into()).collect()
                    }
                },
                not_resource: matches!(s.resources, ResourceBlock::NotResource(_)),
                resources: match &s.resources {
                    ResourceBlock::Resource(r) | ResourceBlock::NotResource(r) if !trust => Some(
                        r.iter().map(|r| ResourcePattern { template: Template::new(r, variables) }).collect(),
                    ),
                    _ => None,
                },
                conditions: s
                    .conditions
                    .iter()
                    .map(|c| CompiledCondition {
                        operator: c.operator,
                        key: c.key.to_ascii_lowercase().into(),
                        values: c
                            .values
                            .iter()
                            .map(|v| Template::new(v, variables && c.operator.takes_variables()))
                            .collect(),
                    })
                    .collect(),
            })
            .collect();
        let (by_service, any_service) = index(&statements);
        Self { source, text: document.source.clone(), statements, by_service, any_service }
    }

    /// Where it comes from.
    pub fn source(&self) -> &PolicySource {
        &self.source
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Number of statements.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether there is no statement at all.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The statements that may speak of `action`, in no promised order.
    pub(crate) fn candidates(&self, action: &Action) -> impl Iterator<Item = (usize, &CompiledStatement)> {
        let found = self.by_service.binary_search_by(|(s, _)| (**s).cmp(action.service()));
        let own = found.ok().and_then(|n| self.by_service.get(n)).map_or(&[][..], |(_, list)| &**list);
        own.iter().chain(&*self.any_service).filter_map(|n| {
            let n = *n as usize;
            self.statements.get(n).map(|s| (n, s))
        })
    }
}

type ServiceIndex = Box<[(Box<str>, Box<[u32]>)]>;

fn index(statements: &[CompiledStatement]) -> (ServiceIndex, Box<[u32]>) {
    let mut by_service: std::collections::BTreeMap<&str, Vec<u32>> = std::collections::BTreeMap::new();
    let mut any = Vec::new();
    for (n, statement) in (0u32..).zip(statements) {
        let prefix = |a: &'_ Box<str>| -> bool { a.split(':').next().is_some_and(|s| !s.contains(['*', '?'])) };
        if statement.not_action || !statement.actions.iter().all(prefix) {
            any.push(n);
            continue;
        }
        for action in &statement.actions {
            let list = by_service.entry(action.split(':').next().unwrap_or_default()).or_default();
            if list.last() != Some(&n) {
                list.push(n);
            }
        }
    }
    (by_service.into_iter().map(|(s, list)| (s.into(), list.into())).collect(), any.into())
}
