//! Why a text is no policy.

use crate::{LintCode, document::Span};

/// What is wrong with a policy, and where. Nothing was stored.
///
/// ```
/// use tidegate_policy::{PolicyDocument, PolicyKind};
///
/// let error = PolicyDocument::parse(r#"{"Statement": [{"Effect": "Alow"}]}"#, PolicyKind::Identity).unwrap_err();
/// assert_eq!(error.to_string(), "line 1, column 27: expected `Allow` or `Deny`, found `Alow`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: expected {expected}, found {found}")]
pub struct PolicyError {
    pub(crate) lint_code: LintCode,
    pub(crate) span: Span,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl PolicyError {
    /// Line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Column, from 1, in characters.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What would have been right.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What was there.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What is wrong, as a stretch of the text; where something is missing, what it is missing from.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The linter's code, which tells the reasons apart.
    pub fn lint_code(&self) -> LintCode {
        self.lint_code
    }

    /// AWS's code for every policy that can't be read.
    pub fn code(&self) -> &'static str {
        "MalformedPolicyDocument"
    }
}
