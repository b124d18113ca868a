//! Each code with a policy that has it and one that nearly has it; all policies of AWS; the document of the codes.

use std::{collections::BTreeMap, collections::BTreeSet, fmt::Write as _};

use super::*;

mod cases;

use cases::{CASES, LENGTHS};

/// A whole policy, or the one that has a statement alone.
fn policy(text: &str) -> String {
    if text.contains("\"Statement\"") {
        return text.to_owned();
    }
    format!(r#"{{"Version":"2012-10-17","Statement":{text}}}"#)
}

/// A policy for each code that has it.
pub(super) fn raising() -> impl Iterator<Item = (PolicyKind, String)> {
    CASES.iter().map(|case| (case.kind, policy(case.raises)))
}

fn codes(findings: &[Finding]) -> Vec<LintCode> {
    findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn each_case_has_its_code_and_the_near_miss_has_none() {
    for case in CASES {
        let (raises, near_miss) = (policy(case.raises), policy(case.near_miss));
        let found = codes(&lint_text(&raises, case.kind));
        let expected = match case.code {
            // A policy of the old version is both.
            LintCode::VariableUnsupportedInVersion => vec![LintCode::MissingVersion, case.code],
            code => vec![code],
        };
        assert_eq!(found, expected, "{raises}");
        assert_eq!(codes(&lint_text(&near_miss, case.kind)), [], "near {}: {near_miss}", case.code);
    }
}

#[test]
fn each_fix_ends_its_finding_and_brings_no_other() {
    let mut fixed = BTreeSet::new();
    for case in CASES {
        let text = policy(case.raises);
        for finding in lint_text(&text, case.kind) {
            let Some(fix) = &finding.fix else { continue };
            let mended = fix.apply(&text);
            assert_eq!(codes(&lint_text(&mended, case.kind)), [], "{} {mended}", finding.code);
            fixed.insert(finding.code);
        }
    }
    assert_eq!(fixed.len(), 19, "codes whose finding suggests a change: {fixed:?}");
}

/// What the only finding of a policy with this condition would put into the text.
fn suggested(condition: &str) -> Option<String> {
    let text = policy(&format!(
        r#"{{"Effect":"Deny","Action":"*","Resource":"*","Condition":{condition}}}"#
    ));
    let findings = lint_text(&text, PolicyKind::Identity);
    let [finding] = findings.as_slice() else { panic!("{condition}: {findings:?}") };
    finding.fix.as_ref().map(|fix| fix.replacement.to_string())
}

#[test]
fn an_operator_is_changed_only_where_no_other_key_would_change_with_it() {
    for (condition, expected) in [
        (r#"{"StringEquals":{"aws:TagKeys":"a"}}"#, Some("ForAnyValue:StringEquals")),
        (r#"{"StringNotEquals":{"aws:TagKeys":"a"}}"#, Some("ForAllValues:StringNotEquals")),
        (r#"{"StringEquals":{"aws:TagKeys":"a","aws:username":"b"}}"#, None),
        (r#"{"StringEquals":{"s3:prefix":"a*"}}"#, Some("StringLike")),
        (r#"{"StringNotEqualsIfExists":{"s3:prefix":"a*"}}"#, Some("StringNotLikeIfExists")),
        (r#"{"StringEqualsIgnoreCase":{"s3:prefix":"a*"}}"#, None),
        (r#"{"ForAllValues:StringLike":{"s3:prefix":"a"}}"#, Some("StringLike")),
        (r#"{"Bool":{"aws:MultiFactorAuthPresent":false}}"#, Some("BoolIfExists")),
    ] {
        let expected = expected.map(|operator| format!("\"{operator}\""));
        assert_eq!(suggested(condition), expected, "{condition}");
    }
}

#[test]
fn a_block_of_addresses_is_written_as_it_is_read() {
    let block = |text: &str| {
        let condition = format!(r#"{{"IpAddress":{{"aws:SourceIp":"{text}"}}}}"#);
        let text =
            format!(r#"{{"Effect":"Deny","Action":"*","Resource":"*","Condition":{condition}}}"#);
        let found = lint_text(&policy(&text), PolicyKind::Identity);
        let suggested = found.first().and_then(|finding| finding.fix.as_ref());
        (codes(&found), suggested.map(|fix| fix.replacement.to_string()))
    };
    let improved = |fix: &str| (vec![LintCode::ImproveIpRange], Some(format!("\"{fix}\"")));
    assert_eq!(block("203.0.113.9/24"), improved("203.0.113.0/24"));
    assert_eq!(block("::ffff:203.0.113.9/120"), improved("203.0.113.0/24"));
    assert_eq!(block("::ffff:203.0.113.9"), (vec![], None));
    assert_eq!(block("::ffff:203.0.113.0/120"), (vec![], None));
    assert_eq!(block("::ffff:10.1.2.3"), (vec![LintCode::PrivateIpAddress], None));
    assert_eq!(block("::ffff:203.0.113.9/64"), improved("::/64"));
}

#[test]
fn a_fix_leaves_a_text_alone_that_it_is_not_for() {
    let fix = Fix { span: Span { start: 2, end: 4 }, replacement: "x".into() };
    for (text, expected) in [("abcdef", "abxef"), ("abcd", "abx"), ("abc", "abc"), ("aéb", "aéb")]
    {
        assert_eq!(fix.apply(text), expected, "{text}");
    }
}

#[test]
fn every_code_has_a_case() {
    let with_case: BTreeSet<LintCode> =
        CASES.iter().map(|case| case.code).chain(LENGTHS.iter().map(|length| length.0)).collect();
    let all: BTreeSet<LintCode> = LintCode::ALL.iter().copied().collect();
    assert_eq!(all.difference(&with_case).collect::<Vec<_>>(), [&LintCode::MissingVersion; 0]);
    let texts: BTreeSet<&str> = LintCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!((all.len(), texts.len()), (LintCode::ALL.len(), LintCode::ALL.len()));
    assert!(LintCode::ALL.is_sorted_by_key(|code| code.level()), "the worst first");
}

#[test]
fn lengths_are_counted_as_each_quota_counts() {
    for (code, kind, most) in LENGTHS {
        let organization = matches!(kind, PolicyKind::ServiceControl | PolicyKind::ResourceControl);
        let all_counts = organization || *code == LintCode::DocumentTooLarge;
        let text = |counted: usize, space: usize| {
            let principal =
                if kind.names_principals() { r#""Principal":{"AWS":"*"},"# } else { "" };
            let resource = if *kind == PolicyKind::Trust { "" } else { r#","Resource":"*""# };
            let start = r#"{"Version":"2012-10-17","Statement":{"Sid":""#;
            let action = if *kind == PolicyKind::Trust { "sts:AssumeRole" } else { "s3:*" };
            let end = format!(r#"","Effect":"Deny",{principal}"Action":"{action}"{resource}}}}}"#);
            let sid = "a".repeat(counted - start.len() - end.len());
            format!("{start}{sid}{}{}", end, " ".repeat(space))
        };
        assert_eq!(codes(&lint_text(&text(*most, 0), *kind)), [], "{code}");
        assert_eq!(codes(&lint_text(&text(*most + 1, 0), *kind)), [*code]);
        let spaced = codes(&lint_text(&text(*most, 1), *kind));
        assert_eq!(
            spaced,
            if all_counts { vec![*code] } else { vec![] },
            "{code} with white space"
        );
    }
}

#[test]
fn findings_stand_where_they_are() {
    let text = "{\n  \"Statement\": [\n    {\"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": \"*\"},\n    {\n      \"Effect\": \"Allow\",\n      \"Action\": [\"iam:GetRole\", \"iam:PassRole\"],\n      \"Resource\": \"*\",\n      \"Condition\": {\"Bool\": {\"aws:SecureTransport\": [\"yes\"]}}\n    }\n  ]\n}";
    let found: Vec<String> =
        lint_text(text, PolicyKind::Identity).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "line 1, column 1: warning MISSING_VERSION",
            "line 6, column 33: security warning PASS_ROLE_WITH_STAR_IN_RESOURCE: `iam:PassRole`",
            "line 8, column 54: warning TYPE_MISMATCH_BOOLEAN: `yes`",
        ]
    );
    // Whatever is named stands there, in the cases of all codes.
    for case in CASES {
        let text = policy(case.raises);
        for finding in lint_text(&text, case.kind) {
            let (start, end) = (finding.span.start, finding.span.end);
            assert_eq!((finding.line, finding.column), line_and_column(&text, start));
            let there = text.get(start..end).unwrap_or_else(|| panic!("{finding}"));
            let named = !finding.subject.is_empty() && there.starts_with('"');
            assert!(!named || there == format!("\"{}\"", finding.subject), "{finding}: {there}");
        }
    }
}

#[test]
fn a_text_that_can_not_be_read_is_one_finding() {
    let found = lint_text("{\"Statement\": [\n  {\"Effect\" \"Deny\"}]}", PolicyKind::Identity);
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["line 2, column 13: error JSON_SYNTAX_ERROR: `\\\"`"]);
    assert_eq!((found[0].statement, found[0].fix.as_ref()), (None, None));
    assert_eq!(LintLevel::SecurityWarning.as_str(), "SECURITY_WARNING");
}

/// Texts that nobody wrote on purpose: each case with a stretch left out. Nothing panics, and all places lie in the text.
#[test]
fn theorem_any_text_can_be_looked_at() {
    let mut read = 0;
    for (number, case) in CASES.iter().enumerate() {
        let text = policy(case.raises);
        for start in (number % 13..text.len()).step_by(13) {
            let end = (start + 1 + start % 5).min(text.len());
            let (Some(before), Some(after)) = (text.get(..start), text.get(end..)) else {
                continue;
            };
            let cut = format!("{before}{after}");
            let findings = lint_text(&cut, case.kind);
            read += usize::from(PolicyDocument::parse(&cut, case.kind).is_ok());
            for finding in &findings {
                assert!(
                    cut.get(finding.span.start..finding.span.end).is_some(),
                    "{finding}: {cut}"
                );
                assert_eq!(
                    (finding.line, finding.column),
                    line_and_column(&cut, finding.span.start),
                    "{cut}"
                );
            }
            assert_eq!(findings, lint_text(&cut, case.kind), "twice the same: {cut}");
        }
    }
    assert!(read > 100, "policies that can be read: {read}");
}

/// What the linter says of AWS's own policies. AWS's reference lags behind them, so what it does not list is common, and is never called
/// an error.
const OF_AWS: &[(LintCode, usize)] = &[
    (LintCode::MissingArnAccount, 2),
    (LintCode::InvalidArnResource, 13),
    (LintCode::MissingQualifier, 3),
    (LintCode::VariableUnsupportedInElement, 1),
    (LintCode::AllowWithNotAction, 2),
    (LintCode::AllowWithNotResource, 7),
    (LintCode::PassRoleWithStarInResource, 8),
    (LintCode::ForAllValuesWithSingleValuedKey, 2),
    (LintCode::UnknownService, 332),
    (LintCode::UnknownAction, 987),
    (LintCode::UnknownResourceType, 97),
    (LintCode::UnknownConditionKey, 13),
    (LintCode::ResourceMismatch, 913),
    (LintCode::IrrelevantConditionKey, 6),
    (LintCode::UnsupportedActionForConditionKey, 85),
    (LintCode::CreateSlrWithStarInResource, 4),
    (LintCode::ForAnyValueWithSingleValuedKey, 2),
    (LintCode::TypeMismatch, 2),
    (LintCode::PolicySizeExceedsIdentityPolicyQuota, 84),
    (LintCode::ResourceWithoutAction, 377),
    (LintCode::RedundantAction, 48),
    (LintCode::RedundantResource, 179),
];

/// The errors among them, looked at one by one.
const ERRORS_OF_AWS: &[(LintCode, &str)] = &[
    // Keys always have an account.
    (LintCode::MissingArnAccount, "arn:aws:kms:*::*"),
    // A stack's name is followed by its id: without a star these match no stack.
    (
        LintCode::InvalidArnResource,
        "arn:aws:cloudformation:*:*:stack/ams-detective-controls-config-recorder",
    ),
    (
        LintCode::InvalidArnResource,
        "arn:aws:cloudformation:*:*:stack/ams-detective-controls-config-rules-cdk",
    ),
    (
        LintCode::InvalidArnResource,
        "arn:aws:cloudformation:*:*:stack/ams-detective-controls-infrastructure-cdk",
    ),
    // A slash stands before its id.
    (LintCode::InvalidArnResource, "arn:aws:ec2:*:*:vpc-endpoint:*"),
    // `app`, `net` or `gwy` stands before its name.
    (LintCode::InvalidArnResource, "arn:aws:elasticloadbalancing:*:*:listener/awseb-*"),
    (LintCode::InvalidArnResource, "arn:aws:elasticloadbalancing:*:*:listener/eb-*"),
    // A slash stands before its id, says the reference.
    (LintCode::InvalidArnResource, "arn:aws:pricingplanmanager::*:subscription:*"),
    // `vpcConnection` and `stateMachine`; the case of resources matters.
    (LintCode::InvalidArnResource, "arn:aws:quicksight:*:*:vpcconnection/*"),
    (LintCode::InvalidArnResource, "arn:aws:states:*:*:statemachine:*sagemaker*"),
    // Of several values, says the reference; the same statements use `ForAllValues` for its sister `events:source`.
    (LintCode::MissingQualifier, "events:detail-type"),
    // AWS documents variables behind the fifth colon only.
    (LintCode::VariableUnsupportedInElement, "arn:*:kms:*:${aws:PrincipalAccount}:key/*"),
];

#[test]
fn the_policies_of_aws_have_hardly_an_error() {
    let mut counts: BTreeMap<LintCode, usize> = BTreeMap::new();
    let mut errors: BTreeSet<(LintCode, String)> = BTreeSet::new();
    for policy in crate::aws_managed::all() {
        for finding in lint_text(&policy.document, PolicyKind::Identity) {
            *counts.entry(finding.code).or_default() += 1;
            if finding.code.level() == LintLevel::Error {
                errors.insert((finding.code, finding.subject.into()));
            }
        }
    }
    let counts: Vec<(LintCode, usize)> = counts.into_iter().collect();
    assert_eq!(counts, OF_AWS);
    let errors: Vec<(LintCode, &str)> = errors.iter().map(|(c, s)| (*c, s.as_str())).collect();
    assert_eq!(errors, ERRORS_OF_AWS);
}

/// The lists of codes in `docs/lint.md`, one for each level.
fn listed() -> String {
    let mut text = String::new();
    let mut level = None;
    for code in LintCode::ALL {
        if level != Some(code.level()) {
            text.push_str("|--|--|\n");
            level = Some(code.level());
        }
        let _ = writeln!(text, "| `{code}` | {} |", code.description());
    }
    text
}

#[test]
fn the_document_lists_the_codes() {
    let document = include_str!("../../../../docs/lint.md");
    let rows =
        document.lines().filter(|row| row.starts_with('|') && *row != "| code | what it means |");
    let rows: Vec<&str> = rows.collect();
    assert_eq!(rows, listed().lines().collect::<Vec<_>>());
    let titles = ["Errors", "Security warnings", "Warnings", "Suggestions"];
    let found: Vec<&str> =
        document.lines().filter_map(|l| l.strip_prefix("## ")?.split(':').next()).collect();
    assert_eq!(found, titles, "a list for each level");
}
