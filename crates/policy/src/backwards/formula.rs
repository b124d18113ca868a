//! When: a small boolean formula over what the elements of statements say, which people can read and requests can be held against.

use core::fmt;

use crate::{Request, StatementRef, truth::Truth, wildcard::wildcard_matches};

/// When something is so.
///
/// `Not` stands before literals only, and neither list is empty, holds one item, or holds a list of its own kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Formula {
    /// Always.
    True,
    /// Never.
    False,
    /// When this is said of the request.
    Is(Literal),
    /// When it is not.
    Not(Literal),
    /// When all of these.
    All(Vec<Formula>),
    /// When any of these.
    Any(Vec<Formula>),
}

/// One thing that a statement asks of a request: a pattern of its action or resource, or a condition. Two are equal when they ask the
/// same, wherever they stand.
#[derive(Clone, Debug)]
pub struct Literal {
    pub(crate) asks: Asks,
    /// Where it stands.
    pub(crate) statement: StatementRef,
    /// Its place in the list of the element.
    pub(crate) place: usize,
    /// What the condition must be at least: one that can't be evaluated keeps a deny, but no allow.
    pub(crate) needed: Truth,
}

/// What a literal asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// That the action matches.
    Action(Box<str>),
    /// That the resource matches. `variables`: whether `${...}` is one.
    Resource { pattern: Box<str>, variables: bool },
    /// That every variable of a pattern has a value.
    Resolves { pattern: Box<str>, variables: bool },
    /// That a condition holds.
    Condition { operator: Box<str>, key: Box<str>, values: Box<[Box<str>]>, variables: bool },
}

impl PartialEq for Literal {
    fn eq(&self, other: &Self) -> bool {
        self.asks == other.asks && self.needed == other.needed
    }
}
impl Eq for Literal {}

impl Literal {
    /// The statement that asks it.
    pub fn statement(&self) -> &StatementRef {
        &self.statement
    }

    /// The condition key that it is about, as it is written; `None` where it is about the action or the resource.
    pub fn condition_key(&self) -> Option<&str> {
        match &self.asks {
            Asks::Condition { key, .. } => Some(key),
            _ => None,
        }
    }

    /// Whether it is so of a request.
    pub fn holds(&self, request: &Request<'_>) -> bool {
        let statement = self.statement.policy.statements().get(self.statement.index);
        let pattern = || statement?.resources.as_ref()?.patterns.get(self.place);
        match &self.asks {
            Asks::Action(pattern) => {
                wildcard_matches(&pattern.to_ascii_lowercase(), request.action.lower())
            }
            Asks::Resource { .. } => pattern().is_some_and(|p| p.like(request.resource, request)),
            Asks::Resolves { .. } => pattern().is_some_and(|p| p.resolves(request)),
            Asks::Condition { .. } => statement
                .and_then(|s| s.conditions.get(self.place))
                .is_some_and(|condition| condition.holds(request) >= self.needed),
        }
    }
}

impl From<bool> for Formula {
    fn from(known: bool) -> Self {
        if known { Self::True } else { Self::False }
    }
}

impl Formula {
    /// And over many.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        join(parts, true)
    }

    /// Or over many.
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        join(parts, false)
    }

    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Is(literal) => Self::Not(literal),
            Self::Not(literal) => Self::Is(literal),
            Self::All(parts) => Self::any(parts.into_iter().map(Self::negated)),
            Self::Any(parts) => Self::all(parts.into_iter().map(Self::negated)),
        }
    }

    /// Whether it is so of a request.
    pub fn holds(&self, request: &Request<'_>) -> bool {
        match self {
            Self::True => true,
            Self::False => false,
            Self::Is(literal) => literal.holds(request),
            Self::Not(literal) => !literal.holds(request),
            Self::All(parts) => parts.iter().all(|part| part.holds(request)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(request)),
        }
    }

    /// The literals in it, as they come.
    pub fn literals(&self) -> Vec<&Literal> {
        match self {
            Self::True | Self::False => Vec::new(),
            Self::Is(literal) | Self::Not(literal) => vec![literal],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::literals).collect(),
        }
    }

    /// The same of one action, in lower case.
    pub(crate) fn about_action(&self, action: &str) -> Self {
        let known = |literal: &Literal| match &literal.asks {
            Asks::Action(pattern) => Some(wildcard_matches(&pattern.to_ascii_lowercase(), action)),
            _ => None,
        };
        match self {
            Self::True | Self::False => self.clone(),
            Self::Is(literal) => known(literal).map_or_else(|| self.clone(), Self::from),
            Self::Not(literal) => known(literal).map_or_else(|| self.clone(), |is| (!is).into()),
            Self::All(parts) => Self::all(parts.iter().map(|part| part.about_action(action))),
            Self::Any(parts) => Self::any(parts.iter().map(|part| part.about_action(action))),
        }
    }

    /// What it joins by and (or by or, where that is asked for); itself alone where it joins nothing so.
    fn parts(&self, by_and: bool) -> &[Self] {
        match self {
            Self::All(parts) if by_and => parts,
            Self::Any(parts) if !by_and => parts,
            other => core::slice::from_ref(other),
        }
    }

    /// Whether one is the plain opposite of the other.
    fn contradicts(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Is(a), Self::Not(b)) | (Self::Not(a), Self::Is(b)) => a == b,
            _ => false,
        }
    }
}

/// Joins by and, or by or: flat, each part once, and none that another makes needless.
fn join(parts: impl IntoIterator<Item = Formula>, by_and: bool) -> Formula {
    let (neutral, decisive) =
        if by_and { (Formula::True, Formula::False) } else { (Formula::False, Formula::True) };
    let mut all: Vec<Formula> = Vec::new();
    for part in parts {
        if part == decisive {
            return decisive;
        }
        let nested = match part {
            Formula::All(parts) if by_and => parts,
            Formula::Any(parts) if !by_and => parts,
            one => vec![one],
        };
        for part in nested {
            if all.iter().any(|known| known.contradicts(&part)) {
                return decisive;
            }
            if part != neutral && !all.contains(&part) {
                all.push(part);
            }
        }
    }
    let needless = |part: &Formula| {
        let holds = |list: &[Formula], other: &Formula| list.contains(other);
        all.iter().any(|other| {
            let (mine, theirs) = (part.parts(!by_and), other.parts(!by_and));
            other != part && theirs.len() < mine.len() && theirs.iter().all(|p| holds(mine, p))
        })
    };
    let needed: Vec<bool> = all.iter().map(|part| !needless(part)).collect();
    let mut kept = needed.iter();
    all.retain(|_| kept.next().copied().unwrap_or(true));
    match all.len() {
        0 => neutral,
        1 => all.pop().unwrap_or(neutral),
        _ if by_and => Formula::All(all),
        _ => Formula::Any(all),
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.asks {
            Asks::Action(pattern) => write!(f, "action `{pattern}`"),
            Asks::Resource { pattern, .. } => write!(f, "resource `{pattern}`"),
            Asks::Resolves { pattern, .. } => write!(f, "`{pattern}` has its values"),
            Asks::Condition { operator, key, values, .. } => {
                write!(f, "{operator} {key} `{}`", values.join("`, `"))
            }
        }
    }
}

impl fmt::Display for Formula {
    /// `a and (b or not c)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, word) = match self {
            Self::True => return f.write_str("always"),
            Self::False => return f.write_str("never"),
            Self::Is(literal) => return literal.fmt(f),
            Self::Not(literal) => return write!(f, "not {literal}"),
            Self::All(parts) => (parts, " and "),
            Self::Any(parts) => (parts, " or "),
        };
        for (n, part) in parts.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { word })?;
            match part {
                Self::All(_) | Self::Any(_) => write!(f, "({part})")?,
                one => one.fmt(f)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
