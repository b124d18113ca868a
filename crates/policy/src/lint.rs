//! What is legal and still likely wrong: advice on a policy that can be read, with stable codes.
//!
//! The codes and levels are those of AWS's "Access Analyzer policy check reference", where each is argued. What the parser refuses is
//! not checked again.

use core::fmt;

use crate::{
    document::{PolicyDocument, PolicyKind, Statement, Version},
    wildcard::wildcard_matches,
};

mod access;
mod conditions;
mod redundancy;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LintLevel {
    /// It does not do what it says.
    Error,
    /// It lets in more than is usually meant.
    SecurityWarning,
    /// It is probably not meant.
    Warning,
    /// It could be shorter or clearer.
    Suggestion,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident $level:ident $text:literal,)*) => {
        /// What was found. Printed as its stable code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum LintCode {
            $($(#[$doc])* $code,)*
        }

        impl LintCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// How bad it is.
            pub fn level(self) -> LintLevel {
                match self {
                    $(Self::$code => LintLevel::$level,)*
                }
            }

            /// The stable code.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $text,)*
                }
            }
        }
    };
}

codes! {
    /// A value of `IpAddress` on `aws:SourceIp` is a private address, which never arrives.
    PrivateIpAddress Error "PRIVATE_IP_ADDRESS",
    /// A key that begins with `aws:` and is none of AWS's global keys.
    InvalidGlobalConditionKey Error "INVALID_GLOBAL_CONDITION_KEY",
    /// A trust policy speaks of an action that no trust policy decides on.
    MismatchedTrustAction Error "MISMATCHED_ACTION_FOR_TRUST_POLICY",
    /// `${...}` in a policy of version 2008-10-17, where it is text.
    UnsupportedVariableVersion Error "POLICY_VARIABLE_REQUIRES_2012_VERSION",
    /// `${` without its brace.
    VariableMissingBrace Error "POLICY_VARIABLE_MISSING_BRACE",
    /// `${}`.
    EmptyVariable Error "EMPTY_POLICY_VARIABLE",
    /// `${...}` in a value of an operator that knows no variables.
    VariableUnsupportedOperator Error "POLICY_VARIABLE_UNSUPPORTED_OPERATOR",

    /// `Allow` with `NotPrincipal`: everyone but some, anonymous callers too.
    AllowWithNotPrincipal SecurityWarning "ALLOW_WITH_NOT_PRINCIPAL",
    /// `Allow` with `NotAction` and a resource of `*`.
    AllowWithNotAction SecurityWarning "ALLOW_WITH_NOT_ACTION",
    /// `Allow` with `NotResource`.
    AllowWithNotResource SecurityWarning "ALLOW_WITH_NOT_RESOURCE",
    /// `iam:PassRole` on every role, without saying to which service.
    PassRoleWithStar SecurityWarning "PASS_ROLE_WITH_STAR_IN_RESOURCE",
    /// `ForAllValues` on a key of one value: it holds when the key is missing.
    ForAllValuesWithSingleValuedKey SecurityWarning "FORALLVALUES_WITH_SINGLE_VALUED_KEY",
    /// Anyone may assume the role or use the resource, without any condition.
    AnyonePrincipal SecurityWarning "ANYONE_PRINCIPAL_WITHOUT_CONDITION",
    /// A service is let in without saying on whose behalf: the confused deputy.
    RestrictServicePrincipal SecurityWarning "RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL",
    /// An identity provider that many share is let in without a condition on its subject.
    MissingSubjectCondition SecurityWarning "MISSING_CONDITION_KEY_FOR_OIDC_PRINCIPAL",

    /// No version, or the old one: policy variables do not work.
    MissingVersion Warning "MISSING_VERSION",
    /// `*` or `?` in a value of an operator that knows no wildcards.
    WildcardWithoutLike Warning "WILDCARD_WITHOUT_LIKE_OPERATOR",
    /// A value that its operator can't read, so that it matches nothing.
    TypeMismatch Warning "TYPE_MISMATCH",
    /// Longer than AWS's quota.
    SizeExceedsQuota Warning "POLICY_SIZE_EXCEEDS_QUOTA",

    /// A list without a value: the statement matches nothing, or everything.
    EmptyArray Suggestion "EMPTY_ARRAY",
    /// An action that another one of the statement covers.
    RedundantAction Suggestion "REDUNDANT_ACTION",
    /// A resource that another one of the statement covers.
    RedundantResource Suggestion "REDUNDANT_RESOURCE",
    /// A statement that says what an earlier one says.
    RedundantStatement Suggestion "REDUNDANT_STATEMENT",
    /// An address block with bits behind its prefix.
    ImproveIpRange Suggestion "IMPROVE_IP_RANGE",
}

/// One piece of advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub code: LintCode,
    /// The statement's place, from 0; `None` when it is about the whole policy.
    pub statement: Option<usize>,
    /// Line of the statement, from 1.
    pub line: usize,
    /// Column of the statement, from 1.
    pub column: usize,
    /// The value that it is about, as it is written.
    pub subject: Box<str>,
}

impl fmt::Display for LintLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::SecurityWarning => "security warning",
            Self::Warning => "warning",
            Self::Suggestion => "suggestion",
        })
    }
}

impl fmt::Display for LintCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {} {}",
            self.line,
            self.column,
            self.code.level(),
            self.code
        )?;
        if self.subject.is_empty() { Ok(()) } else { write!(f, ": `{}`", self.subject) }
    }
}

/// Advice on a policy, statement by statement, the worst of each first.
///
/// ```
/// use tidegate_policy::{LintCode, PolicyDocument, PolicyKind, lint};
///
/// let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}}"#;
/// let findings = lint(&PolicyDocument::parse(text, PolicyKind::Identity)?);
/// assert_eq!(findings.iter().map(|f| f.code).collect::<Vec<_>>(), [LintCode::PassRoleWithStar]);
/// # Ok::<(), tidegate_policy::PolicyError>(())
/// ```
pub fn lint(document: &PolicyDocument) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut whole = Notes::default();
    check_document(document, &mut whole);
    findings.extend(whole.findings(document, None));
    for (number, statement) in document.statements().iter().enumerate() {
        let mut notes = Notes::default();
        access::check(statement, document.kind(), &mut notes);
        conditions::check(statement, document.version(), &mut notes);
        redundancy::check(
            statement,
            document.statements().get(..number).unwrap_or_default(),
            &mut notes,
        );
        findings.extend(notes.findings(document, Some((number, statement))));
    }
    findings
}

fn check_document(document: &PolicyDocument, notes: &mut Notes) {
    if document.version() == Version::V2008 {
        notes.add(LintCode::MissingVersion, "");
    }
    // AWS, "IAM and STS quotas": characters without white space, of service control policies all.
    let (size, quota) = match document.kind() {
        PolicyKind::Identity | PolicyKind::Boundary => (document.counted_size(), 6144),
        PolicyKind::Trust | PolicyKind::Session => (document.counted_size(), 2048),
        PolicyKind::ServiceControl | PolicyKind::ResourceControl => {
            (document.source().chars().count(), 5120)
        }
        PolicyKind::Resource => return,
    };
    if size > quota {
        notes.add(LintCode::SizeExceedsQuota, &format!("{size} of {quota}"));
    }
}

/// What the checks of one statement note.
#[derive(Debug, Default)]
struct Notes(Vec<(LintCode, Box<str>)>);

impl Notes {
    fn add(&mut self, code: LintCode, subject: &str) {
        self.0.push((code, subject.into()));
    }

    fn findings(
        mut self,
        document: &PolicyDocument,
        about: Option<(usize, &Statement)>,
    ) -> Vec<Finding> {
        self.0.sort_by_key(|(code, _)| (code.level(), *code));
        let (line, column) =
            document.position(about.map_or(0, |(_, statement)| statement.span.start));
        let finding = |(code, subject)| Finding {
            code,
            statement: about.map(|(n, _)| n),
            line,
            column,
            subject,
        };
        self.0.into_iter().map(finding).collect()
    }
}

/// Whether a pattern of the policy reaches `name`, whatever its case.
fn reaches(patterns: &[Box<str>], name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    patterns.iter().any(|pattern| wildcard_matches(&pattern.to_ascii_lowercase(), &name))
}

#[cfg(test)]
mod tests;
