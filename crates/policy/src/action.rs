//! An action that somebody wants to take: `service:Name`, compared without regard to case.

use core::{cmp::Ordering, fmt};

use crate::action_test::{ActionStart, Initials};

/// A single action, such as `s3:GetObject`. Wildcards belong to policies, not here.
#[derive(Clone)]
pub struct Action {
    text: Box<str>,
    lower: Box<str>,
    start: ActionStart,
    initial: Initials,
    colon: usize,
}

/// A text that is no action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an action: expected `service:Name` in letters, digits, hyphens, and no wildcard"
)]
pub struct ActionError(String);

/// The longest action that is read, in characters. AWS's longest is far below.
const ACTION_MAX: usize = 256;

impl Action {
    /// Reads an action.
    pub fn parse(text: &str) -> Result<Self, ActionError> {
        let refuse = || ActionError(text.chars().take(ACTION_MAX).collect());
        let (service, name) = text.split_once(':').ok_or_else(refuse)?;
        let well_formed = |s: &str| {
            !s.is_empty()
                && s.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.')
        };
        if text.len() > ACTION_MAX || !well_formed(service) || !well_formed(name) {
            return Err(refuse());
        }
        Ok(Self::new(text, service.len()))
    }

    /// Some action, where it does not matter which.
    pub(crate) fn some() -> Self {
        Self::new("any:Thing", 3)
    }

    fn new(text: &str, colon: usize) -> Self {
        let lower: Box<str> = text.to_ascii_lowercase().into();
        Self {
            text: text.into(),
            start: ActionStart::new(&lower),
            initial: Initials::of_action(lower.get(colon + 1..).unwrap_or_default()),
            lower,
            colon,
        }
    }

    /// The letter that its name starts with.
    pub(crate) fn initial(&self) -> Initials {
        self.initial
    }

    /// The first bytes of the action in lower case.
    pub(crate) fn start(&self) -> &ActionStart {
        &self.start
    }

    /// The action as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The action in lower case: what policies are compared with.
    pub fn lower(&self) -> &str {
        &self.lower
    }

    /// The service's prefix, in lower case.
    pub fn service(&self) -> &str {
        self.lower.get(..self.colon).unwrap_or_default()
    }

    /// The name as it was written.
    pub fn name(&self) -> &str {
        self.text.get(self.colon + 1..).unwrap_or_default()
    }
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.lower == other.lower
    }
}
impl Eq for Action {}
impl core::hash::Hash for Action {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.lower.hash(state);
    }
}
impl PartialOrd for Action {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Action {
    fn cmp(&self, other: &Self) -> Ordering {
        self.lower.cmp(&other.lower)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_and_is_kept() {
        let action = Action::parse("S3:getObject").unwrap();
        assert_eq!(action, Action::parse("s3:GetObject").unwrap());
        assert_eq!((action.service(), action.name()), ("s3", "getObject"));
        for bad in ["", "s3", "s3:", ":Get", "s3:Get*", "s3:Get:Object", "s3:Get Object"] {
            assert!(Action::parse(bad).is_err(), "{bad}");
        }
    }
}
