//! A policy as it was written, in types that cannot be wrong.

use std::sync::Arc;

use crate::{Operator, PolicyError, parse, print};

/// What a policy is for: each kind has grammar rules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// Attached to a user, group or role. No `Principal`.
    Identity,
    /// Attached to a resource. `Principal` is required.
    Resource,
    /// Who may assume a role. `Principal` is required, `Resource` forbidden.
    Trust,
    /// The most that an identity may have.
    Boundary,
    /// Passed when a session is made.
    Session,
    /// An organization's limit on the principals of its accounts. No `Principal`. Everything else may be used with either effect, as
    /// AWS allows since 2025; the classic syntax, which knew `NotAction` and conditions only with `Deny`, is not enforced.
    ServiceControl,
    /// An organization's limit on the resources of its accounts: `Deny` with `"Principal": "*"` and listed actions, besides AWS's own
    /// policy that allows everything.
    ResourceControl,
}

impl PolicyKind {
    /// Whether statements of this kind name principals.
    pub fn names_principals(self) -> bool {
        matches!(self, Self::Resource | Self::Trust | Self::ResourceControl)
    }
}

/// A stretch of the source text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

/// The language version. Without one a policy is read as 2008-10-17, which knows no variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// The older one: `${...}` is literal text.
    #[default]
    V2008,
    /// The present one, with policy variables.
    V2012,
}

/// What a statement does when it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatementEffect {
    /// It allows.
    Allow,
    /// It denies, whatever others allow.
    Deny,
}

/// `Action` or `NotAction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionBlock {
    /// These actions.
    Action(Vec<Box<str>>),
    /// All actions but these.
    NotAction(Vec<Box<str>>),
}

/// `Resource` or `NotResource`; `None` where the kind has neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceBlock {
    /// These resources.
    Resource(Vec<Box<str>>),
    /// All resources but these.
    NotResource(Vec<Box<str>>),
    /// Not written: the resource that the policy is attached to.
    None,
}

/// The kind of a principal (`AWS`, `Service`, `Federated`, `CanonicalUser`, `*`) and its value.
pub type PrincipalPair = (Box<str>, Box<str>);

/// `Principal` or `NotPrincipal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalBlock {
    /// These principals.
    Principal(Vec<PrincipalPair>),
    /// All principals but these.
    NotPrincipal(Vec<PrincipalPair>),
    /// Not written: whoever the policy is attached to.
    None,
}

/// One operator with one key and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionEntry {
    /// The operator with its qualifier and suffix.
    pub operator: Operator,
    /// The condition key as written.
    pub key: Box<str>,
    /// The values as written, numbers and booleans as their text.
    pub values: Vec<Box<str>>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name, where it has one.
    pub sid: Option<Box<str>>,
    /// What it does.
    pub effect: StatementEffect,
    /// Who.
    pub principals: PrincipalBlock,
    /// What.
    pub actions: ActionBlock,
    /// On what.
    pub resources: ResourceBlock,
    /// When: all of these must hold.
    pub conditions: Vec<ConditionEntry>,
    /// Where it stands in the source.
    pub span: Span,
}

impl Statement {
    /// The statement printed as it stands in [`PolicyDocument::to_json`], from the left margin.
    pub fn to_json(&self) -> String {
        print::one_statement(self)
    }

    /// Whether both say the same, wherever they stand.
    pub fn says_the_same(&self, other: &Self) -> bool {
        *self == Self { span: self.span, ..other.clone() }
    }
}

/// A parsed policy with the text that it was parsed from.
#[derive(Clone, Debug)]
pub struct PolicyDocument {
    pub(crate) source: Arc<str>,
    pub(crate) kind: PolicyKind,
    pub(crate) version: Version,
    pub(crate) id: Option<Box<str>>,
    pub(crate) statements: Vec<Statement>,
}

impl PolicyDocument {
    /// Parses and validates a policy of the given kind. The error names line, column, what was expected and what was found.
    pub fn parse(text: &str, kind: PolicyKind) -> Result<Self, PolicyError> {
        parse::document(text, kind)
    }

    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The kind that it was parsed as.
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// Its language version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Its `Id`, where it has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Its statements in the order written.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The policy printed in one canonical form: parsing it again gives an equal policy.
    pub fn to_json(&self) -> String {
        print::document(self)
    }

    /// Line and column of a byte of the source, both from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        line_and_column(&self.source, offset)
    }

    /// Characters that count against AWS's size quotas: all but white space (service control policies count it too: use the length
    /// of the source).
    pub fn counted_size(&self) -> usize {
        self.source.chars().filter(|c| !c.is_whitespace()).count()
    }
}

/// Line and column of a byte of `text`, both from 1; columns count characters.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}
