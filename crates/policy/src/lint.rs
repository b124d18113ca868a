//! Advice on a policy with stable codes: what is refused, what does not do what it says, what lets in more than is usually meant.
//!
//! Codes and levels are those of AWS's "IAM policy validation check reference"; [`LintCode`] lists them with a sentence each, and so
//! does `docs/lint.md`. Names of services, actions, resource types and condition keys are looked up in [`crate::catalogue`].
//!
//! Advice on one of AWS's managed policies took half a millisecond on average (`cargo bench -p tidegate-policy --bench catalogue`).

use core::fmt;

use crate::{
    document::{PolicyDocument, PolicyKind, Span, Statement, Version, line_and_column},
    json,
    wildcard::wildcard_matches,
};

mod access;
mod actions;
mod brought;
mod code;
mod conditions;
mod fix;
mod mend;
mod organization;
mod principals;
mod redundancy;
mod resources;
mod shape;
mod similar;
mod values;
mod variables;
mod view;

pub use code::{LintCode, LintLevel};
pub use fix::Fix;
pub use mend::{Amendment, Mended, mend};
pub(crate) use similar::is_slip;
use view::View;

/// One piece of advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub code: LintCode,
    /// The statement's place, from 0; `None` when it is about the whole policy, or when the policy can't be read.
    pub statement: Option<usize>,
    /// Line of what it is about, from 1.
    pub line: usize,
    /// Column of what it is about, from 1, in characters.
    pub column: usize,
    /// What it is about, as a stretch of the text.
    pub span: Span,
    /// The value that it is about, as it is written.
    pub subject: Box<str>,
    /// A change of the text that ends it, where there is just one that suggests itself.
    pub fix: Option<Fix>,
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

/// Advice on a policy: on the whole of it, then statement by statement, the worst of each first.
///
/// ```
/// use tidegate_policy::{LintCode, PolicyDocument, PolicyKind, lint};
///
/// let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}}"#;
/// let findings = lint(&PolicyDocument::parse(text, PolicyKind::Identity)?);
/// assert_eq!(findings.iter().map(|f| f.code).collect::<Vec<_>>(), [LintCode::PassRoleWithStarInResource]);
/// # Ok::<(), tidegate_policy::PolicyError>(())
/// ```
pub fn lint(document: &PolicyDocument) -> Vec<Finding> {
    // A document has been read from its source, so the source is JSON.
    let Ok(read) = json::read(document.source()) else { return Vec::new() };
    let Some(root) = read.root() else { return Vec::new() };
    let located = view::statements(root);
    let mut findings = Vec::new();
    let mut whole = Notes::default();
    check_document(document, root, &mut whole);
    findings.extend(whole.findings(document, None));
    for (number, statement) in document.statements().iter().enumerate() {
        let view = View::new(document, statement, located.get(number).copied());
        let mut notes = Notes::default();
        check_statement(&view, &mut notes);
        let earlier = document.statements().get(..number).unwrap_or_default();
        redundancy::statement(&view, earlier, &mut notes);
        if let Some(&located) = located.get(number) {
            shape::check(located, &mut notes);
        }
        findings.extend(notes.findings(document, Some(number)));
    }
    findings
}

/// Advice on a text. One that can't be read has a single finding: where the reading ended, and why.
///
/// ```
/// use tidegate_policy::{PolicyKind, lint_text};
///
/// let findings = lint_text("{\n  \"Statement\": {\"Effect\": \"Alow\"}\n}", PolicyKind::Identity);
/// assert_eq!(findings[0].to_string(), "line 2, column 27: error INVALID_EFFECT: `Alow`");
/// ```
pub fn lint_text(text: &str, kind: PolicyKind) -> Vec<Finding> {
    let error = match PolicyDocument::parse(text, kind) {
        Ok(document) => return lint(&document),
        Err(error) => error,
    };
    // What else can't be read has no one repair.
    let bare_star = error.lint_code() == LintCode::RoleTrustPolicyUnsupportedWildcardInPrincipal;
    let fix = bare_star.then(|| Fix { span: error.span(), replacement: r#"{"AWS": "*"}"#.into() });
    // What was found is a name in backticks, or said in words.
    let name = error.found().strip_prefix('`').and_then(|found| found.split_once('`'));
    vec![Finding {
        code: error.lint_code(),
        statement: None,
        line: error.line(),
        column: error.column(),
        span: error.span(),
        subject: name.map_or("", |(name, _)| name).into(),
        fix,
    }]
}

fn check_statement(view: &View<'_>, notes: &mut Notes) {
    access::check(view, notes);
    actions::check(view, notes);
    brought::check(view, notes);
    conditions::check(view, notes);
    organization::check(view, notes);
    principals::check(view, notes);
    redundancy::lists(view, notes);
    resources::check(view, notes);
    values::check(view, notes);
    variables::check(view, notes);
}

fn check_document(document: &PolicyDocument, root: json::Located<'_, '_>, notes: &mut Notes) {
    if document.version() == Version::V2008 {
        let (span, fix) = fix::newest_version(document.source(), root);
        notes.add_with(LintCode::MissingVersion, span, "", fix);
    }
    // AWS, "IAM and STS quotas" and "Quotas for AWS Organizations": characters without white space; organizations count all.
    let all = document.source().chars().count();
    let (code, size, quota) = match document.kind() {
        PolicyKind::Identity | PolicyKind::Boundary => {
            (LintCode::PolicySizeExceedsIdentityPolicyQuota, document.counted_size(), 6144)
        }
        PolicyKind::Trust => {
            (LintCode::PolicySizeExceedsRoleTrustPolicyQuota, document.counted_size(), 2048)
        }
        PolicyKind::Session => {
            (LintCode::PolicySizeExceedsSessionPolicyQuota, document.counted_size(), 2048)
        }
        PolicyKind::ServiceControl => (LintCode::PolicySizeExceedsScpQuota, all, 5120),
        PolicyKind::ResourceControl => (LintCode::PolicySizeExceedsRcpQuota, all, 5120),
        // Each service has a quota of its own.
        PolicyKind::Resource => return,
    };
    if size > quota {
        notes.add(code, root.span(), &format!("{size} of {quota}"));
    }
}

/// What is found in a policy or a statement, before it has lines and columns.
#[derive(Debug, Default)]
struct Notes(Vec<Note>);

#[derive(Debug)]
struct Note {
    code: LintCode,
    span: Span,
    subject: Box<str>,
    fix: Option<Fix>,
}

impl Notes {
    fn add(&mut self, code: LintCode, span: Span, subject: &str) {
        self.add_with(code, span, subject, None);
    }

    fn add_with(&mut self, code: LintCode, span: Span, subject: &str, fix: Option<Fix>) {
        self.0.push(Note { code, span, subject: subject.into(), fix });
    }

    /// The findings, the worst first and then as they stand in the text.
    fn findings(mut self, document: &PolicyDocument, statement: Option<usize>) -> Vec<Finding> {
        self.0.sort_by_key(|note| (note.code.level(), note.span.start, note.code));
        let finding = |note: Note| {
            let (line, column) = line_and_column(document.source(), note.span.start);
            let Note { code, span, subject, fix } = note;
            Finding { code, statement, line, column, span, subject, fix }
        };
        self.0.into_iter().map(finding).collect()
    }
}

/// Whether a pattern of the policy reaches an action, whatever its case.
fn reaches(pattern: &str, action: &str) -> bool {
    wildcard_matches(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())
}

/// Whether a statement has a condition on one of these keys, in lower case.
fn has_condition(statement: &Statement, keys: &[&str]) -> bool {
    let named = |key: &str| keys.contains(&key.to_ascii_lowercase().as_str());
    statement.conditions.iter().any(|condition| named(&condition.key))
}

#[cfg(test)]
mod tests;
