//! All changes that findings suggest, made one after the other.

use super::{Finding, Fix, LintCode, lint_text};
use crate::PolicyKind;

/// Most rounds of reading and changing. Each change ends its finding, so that few are ever needed; a text of which more are left
/// stays as it is then.
const ROUNDS_MAX: usize = 64;

/// A text with the suggested changes made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The text: the same where there was nothing to change.
    pub text: String,
    /// What was changed, in the order in which it was.
    pub amendments: Vec<Amendment>,
}

/// A finding that was ended by a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// What was found, and where it stood in the text as it was then.
    pub finding: Finding,
    /// The change.
    pub fix: Fix,
    /// Whether the policy decides as before. Else it comes to decide as it seems to have been meant.
    pub keeps_meaning: bool,
}

/// Makes every change that the findings on a text suggest, until none is left. Whatever is not changed stays as it is written.
///
/// ```
/// use tidegate_policy::{PolicyKind, mend};
///
/// let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["s3:*", "s3:GetObject"], "Resource": "*"}}"#;
/// let mended = mend(text, PolicyKind::Identity);
/// assert!(mended.text.contains(r#""Action": ["s3:*"], "#));
/// assert!(mended.amendments.iter().all(|amendment| amendment.keeps_meaning));
/// assert_eq!(mend(&mended.text, PolicyKind::Identity).amendments, []);
/// ```
pub fn mend(text: &str, kind: PolicyKind) -> Mended {
    let mut mended = Mended { text: text.to_owned(), amendments: Vec::new() };
    for _ in 0..ROUNDS_MAX {
        let round = apart(lint_text(&mended.text, kind));
        if round.is_empty() {
            break;
        }
        let variables = mended.text.contains("${");
        // From the end on, so that the places of the others stay right.
        for (_, fix) in round.iter().rev() {
            mended.text = fix.apply(&mended.text);
        }
        mended.amendments.extend(round.into_iter().map(|(finding, fix)| Amendment {
            keeps_meaning: keeps_meaning(finding.code, variables),
            finding,
            fix,
        }));
    }
    mended
}

/// The changes that do not touch each other, as they stand in the text.
fn apart(findings: Vec<Finding>) -> Vec<(Finding, Fix)> {
    let mut fixes: Vec<(Finding, Fix)> =
        findings.into_iter().filter_map(|f| f.fix.clone().map(|fix| (f, fix))).collect();
    fixes.sort_by_key(|(_, fix)| (fix.span.start, fix.span.end));
    let mut end = 0;
    fixes.retain(|(_, fix)| {
        let free = fix.span.start >= end;
        if free {
            // An insertion keeps its place for itself.
            end = fix.span.end.max(fix.span.start + 1);
        }
        free
    });
    fixes
}

/// Whether a policy decides as before without the finding.
fn keeps_meaning(code: LintCode, variables: bool) -> bool {
    match code {
        LintCode::RedundantAction
        | LintCode::RedundantResource
        | LintCode::RedundantPrincipal
        | LintCode::RedundantConditionValue
        | LintCode::ImproveIpRange
        | LintCode::RoleTrustPolicyUnsupportedWildcardInPrincipal => true,
        LintCode::MissingVersion => !variables,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
