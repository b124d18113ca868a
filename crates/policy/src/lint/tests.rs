//! Each code with a policy that has it and one that has not.

use std::collections::BTreeSet;

use super::*;

/// The codes found in a policy whose only statement is `statement`.
fn codes(kind: PolicyKind, statement: &str) -> Vec<&'static str> {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
    let document = PolicyDocument::parse(&text, kind).unwrap_or_else(|e| panic!("{e}: {text}"));
    lint(&document).iter().map(|finding| finding.code.as_str()).collect()
}

fn check(kind: PolicyKind, statement: &str, expected: &[&str]) {
    assert_eq!(codes(kind, statement), expected, "{statement}");
}

fn identity(elements: &str, expected: &[&str]) {
    check(PolicyKind::Identity, &format!(r#"{{"Effect":"Allow",{elements}}}"#), expected);
}

fn condition(condition: &str, expected: &[&str]) {
    identity(
        &format!(
            r#""Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{condition}"#
        ),
        expected,
    );
}

#[test]
fn access() {
    identity(r#""Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*""#, &[]);
    identity(r#""Action":"*","Resource":"*""#, &[]);
    identity(r#""NotAction":"iam:*","Resource":"*""#, &["ALLOW_WITH_NOT_ACTION"]);
    identity(r#""NotAction":"s3:*","Resource":"arn:aws:s3:::b/*""#, &[]);
    identity(r#""Action":"s3:*","NotResource":"arn:aws:s3:::b/*""#, &["ALLOW_WITH_NOT_RESOURCE"]);
    identity(r#""Action":"iam:Pass*","Resource":"*""#, &["PASS_ROLE_WITH_STAR_IN_RESOURCE"]);
    identity(r#""Action":"iam:PassRole","Resource":"arn:aws:iam::123456789012:role/r""#, &[]);
    identity(
        r#""Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}"#,
        &[],
    );
    check(PolicyKind::Identity, r#"{"Effect":"Deny","NotAction":"iam:*","Resource":"*"}"#, &[]);
}

#[test]
fn principals() {
    let resource = |elements: &str, expected: &[&str]| {
        let statement = format!(
            r#"{{"Effect":"Allow",{elements},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}"#
        );
        check(PolicyKind::Resource, &statement, expected);
    };
    resource(r#""NotPrincipal":{"AWS":"123456789012"}"#, &["ALLOW_WITH_NOT_PRINCIPAL"]);
    resource(r#""Principal":"*""#, &["ANYONE_PRINCIPAL_WITHOUT_CONDITION"]);
    resource(
        r#""Principal":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-abcdefghij"}}"#,
        &[],
    );
    resource(
        r#""Principal":{"Service":"sns.amazonaws.com"}"#,
        &["RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL"],
    );
    resource(
        r#""Principal":{"Service":"sns.amazonaws.com"},"Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"}}"#,
        &[],
    );
    let trust = |elements: &str, expected: &[&str]| {
        check(PolicyKind::Trust, &format!(r#"{{"Effect":"Allow",{elements}}}"#), expected);
    };
    trust(r#""Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole""#, &[]);
    trust(
        r#""Principal":{"AWS":"123456789012"},"Action":["sts:TagSession","s3:Get*"]"#,
        &["MISMATCHED_ACTION_FOR_TRUST_POLICY"],
    );
    let github = r#""Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity""#;
    trust(github, &["MISSING_CONDITION_KEY_FOR_OIDC_PRINCIPAL"]);
    let subject =
        r#""Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:a/b:*"}}"#;
    trust(&format!("{github},{subject}"), &[]);
}

#[test]
fn conditions() {
    condition(r#"{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}"#, &[]);
    condition(
        r#"{"StringEquals":{"aws:RequestedRegions":"eu-west-1"}}"#,
        &["INVALID_GLOBAL_CONDITION_KEY"],
    );
    condition(r#"{"StringEquals":{"aws:ResourceTag/Team":"a"}}"#, &[]);
    condition(
        r#"{"ForAllValues:StringEquals":{"aws:SourceVpc":"vpc-1"}}"#,
        &["FORALLVALUES_WITH_SINGLE_VALUED_KEY"],
    );
    condition(r#"{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}"#, &[]);
    condition(r#"{"StringEquals":{"s3:prefix":"home/*"}}"#, &["WILDCARD_WITHOUT_LIKE_OPERATOR"]);
    condition(r#"{"StringLike":{"s3:prefix":"home/*"}}"#, &[]);
    condition(r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#, &["PRIVATE_IP_ADDRESS"]);
    condition(r#"{"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"}}"#, &[]);
    condition(r#"{"IpAddress":{"aws:SourceIp":"203.0.113.9/24"}}"#, &["IMPROVE_IP_RANGE"]);
    for (operator, wrong, right) in [
        ("NumericLessThan", "ten", "10"),
        ("DateLessThan", "tomorrow", "2026-01-01"),
        ("Bool", "yes", "True"),
        ("Null", "maybe", "true"),
        ("IpAddress", "203.0.113.0/99", "203.0.113.0/24"),
    ] {
        condition(&format!(r#"{{"{operator}":{{"s3:any":"{wrong}"}}}}"#), &["TYPE_MISMATCH"]);
        condition(&format!(r#"{{"{operator}":{{"s3:any":"{right}"}}}}"#), &[]);
    }
}

#[test]
fn variables() {
    condition(r#"{"StringEquals":{"s3:prefix":"${aws:username}"}}"#, &[]);
    condition(
        r#"{"StringEquals":{"s3:prefix":"${aws:username"}}"#,
        &["POLICY_VARIABLE_MISSING_BRACE"],
    );
    condition(r#"{"StringEquals":{"s3:prefix":"${}"}}"#, &["EMPTY_POLICY_VARIABLE"]);
    condition(
        r#"{"NumericEquals":{"s3:max-keys":"${aws:username}"}}"#,
        &["POLICY_VARIABLE_UNSUPPORTED_OPERATOR"],
    );
    let old = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}"}}"#;
    let document = PolicyDocument::parse(old, PolicyKind::Identity).unwrap();
    let found: Vec<String> = lint(&document).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "line 1, column 1: warning MISSING_VERSION",
            "line 1, column 14: error POLICY_VARIABLE_REQUIRES_2012_VERSION: `arn:aws:s3:::b/${aws:username}`",
        ]
    );
}

#[test]
fn redundancy() {
    identity(
        r#""Action":["s3:GetObject","S3:get*"],"Resource":"arn:aws:s3:::b/*""#,
        &["REDUNDANT_ACTION"],
    );
    identity(
        r#""Action":["s3:GetObject","s3:getobject"],"Resource":"arn:aws:s3:::b/*""#,
        &["REDUNDANT_ACTION"],
    );
    identity(r#""Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::b/*""#, &[]);
    identity(
        r#""Action":"s3:GetObject","Resource":["arn:aws:s3:::b/*","arn:aws:s3:::b/a"]"#,
        &["REDUNDANT_RESOURCE"],
    );
    identity(r#""Action":[],"Resource":[]"#, &["EMPTY_ARRAY", "EMPTY_ARRAY"]);
    condition(r#"{"StringLike":{"s3:prefix":[]}}"#, &["EMPTY_ARRAY"]);
    let one =
        |sid: &str| format!(r#"{{"Sid":"{sid}","Effect":"Deny","Action":"s3:*","Resource":"*"}}"#);
    check(PolicyKind::Identity, &format!("[{},{}]", one("A"), one("B")), &["REDUNDANT_STATEMENT"]);
}

#[test]
fn sizes() {
    let long = |n: usize| format!(r#""Action":"s3:*","Resource":"arn:aws:s3:::{}""#, "b".repeat(n));
    identity(&long(6000), &[]);
    identity(&long(6100), &["POLICY_SIZE_EXCEEDS_QUOTA"]);
}

#[test]
fn codes_are_told_apart() {
    let texts: BTreeSet<&str> = LintCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(texts.len(), LintCode::ALL.len());
    // Behind its name in a case above.
    let cases = include_str!("tests.rs");
    let without: Vec<&str> = texts.into_iter().filter(|code| !cases.contains(code)).collect();
    assert_eq!(without, [""; 0], "codes without a case");
}

/// AWS's own policies are the best test against crying wolf: they know no other global keys, and all their values can be read.
#[test]
fn the_policies_of_aws_have_no_errors() {
    let mut errors = BTreeSet::new();
    for policy in crate::aws_managed::all() {
        let document = PolicyDocument::parse(&policy.document, PolicyKind::Identity).unwrap();
        let findings = lint(&document).into_iter();
        errors.extend(
            findings
                .filter(|f| f.code.level() == LintLevel::Error || f.code == LintCode::TypeMismatch)
                .map(|f| format!("{}: {} {}", policy.name, f.code, f.subject)),
        );
    }
    assert_eq!(errors.into_iter().collect::<Vec<_>>(), [""; 0]);
}
