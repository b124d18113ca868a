//! Outlooks as people read them.

use super::*;
use crate::{PolicyDocument, PolicyKind, PolicySource};

fn set(identity: &str, boundary: Option<&str>) -> PolicySet {
    let compile = |text: &str, kind| {
        let source = PolicySource::Session(0);
        Arc::new(CompiledPolicy::compile(source, &PolicyDocument::parse(text, kind).unwrap()))
    };
    PolicySet {
        identity: vec![compile(identity, PolicyKind::Identity)],
        boundary: boundary.map(|text| compile(text, PolicyKind::Boundary)),
        ..PolicySet::default()
    }
}

const MFA: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"},
    {"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*",
     "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}]}"#;
const ONLY_READS: &str =
    r#"{"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}"#;

#[test]
fn verdicts_as_text() {
    let ada = Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDAADA");
    for (boundary, action, resource, expected) in [
        (None, "s3:GetObject", "arn:aws:s3:::b/k", "always"),
        (None, "S3:get*", "arn:aws:s3:::b/*", "always"),
        (None, "ec2:*", "arn:aws:s3:::b/k", "never"),
        (None, "s3:Get*", "arn:aws:s3:::*", "when resource `arn:aws:s3:::b/*`"),
        (
            None,
            "s3:DeleteObject",
            "arn:aws:s3:::b/k",
            "when not BoolIfExists aws:MultiFactorAuthPresent `false`",
        ),
        (
            None,
            "s3:*",
            "arn:aws:s3:::b/k",
            "when not action `s3:Delete*` or not BoolIfExists aws:MultiFactorAuthPresent `false`",
        ),
        (
            Some(ONLY_READS),
            "s3:*",
            "arn:aws:s3:::b/k",
            "when action `s3:Get*` and (not action `s3:Delete*` or not BoolIfExists aws:MultiFactorAuthPresent `false`)",
        ),
        (Some(ONLY_READS), "s3:Put*", "arn:aws:s3:::b/k", "never"),
    ] {
        let found = outlook(&set(MFA, boundary), &Asked::new(&ada, action, resource));
        assert_eq!(found.verdict().to_string(), expected, "{action} {resource}");
    }
}

#[test]
fn a_known_session_decides_its_conditions() {
    let ada = Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDAADA");
    let asked = Asked::new(&ada, "s3:DeleteObject", "arn:aws:s3:::b/k");
    let set = set(MFA, None);
    // Long-term keys have no such key, so that `IfExists` denies.
    let found = outlook(&set, &Asked { open: Open::Nothing, ..asked });
    assert_eq!(found.verdict(), Verdict::Never);
    assert_eq!((found.grants.len(), found.denies.len()), (1, 1));
}
