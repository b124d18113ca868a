//! Buckets, keys and roles that are open, and those that only seem so.

use super::*;
use crate::{PolicyDocument, PolicyKind, PolicySource, backwards::AccountDetails};

const BUCKET: &str = "arn:aws:s3:::b";

fn found(resource: &str, statement: &str) -> External {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statement}]}}"#);
    let trust = resource.contains(":role/");
    let kind = if trust { PolicyKind::Trust } else { PolicyKind::Resource };
    let source = if trust {
        PolicySource::Trust("r".into())
    } else {
        PolicySource::Resource(resource.into())
    };
    let document = PolicyDocument::parse(&text, kind).unwrap();
    let policy = Arc::new(CompiledPolicy::compile(source, &document));
    let id = "123456789012".parse().unwrap();
    let account = Account::new(&AccountDetails::default(), Some(id)).unwrap();
    let zone = Zone {
        accounts: [id, "123456789013".parse().unwrap()].into(),
        organization: Some("o-own".to_owned()),
        networks: ["vpc-own".to_owned()].into(),
    };
    external_access(&account, &zone, resource, &policy, false)
}

fn told(resource: &str, statement: &str) -> Vec<String> {
    let external = found(resource, statement);
    assert_eq!(external.limits, BTreeSet::new(), "{statement}");
    let told = |access: &ExternalAccess| {
        let public = if access.public { "public " } else { "" };
        format!("{public}{} {}", access.caller.kind.name(), access.caller.name)
    };
    external.found.iter().map(told).collect()
}

fn by(principal: &str, condition: &str) -> String {
    format!(
        r#"{{"Effect": "Allow", "Principal": {principal}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*", "Condition": {{{condition}}}}}"#
    )
}

#[test]
fn who_gets_in_from_outside() {
    let public = ["public any-account *", "public anonymous anonymous"];
    let limited = ["any-account *", "anonymous anonymous"];
    let nobody: [&str; 0] = [];
    let both = r#""*""#;
    for (principal, condition, expected) in [
        (both, "", &public[..]),
        (r#"{"AWS": "123456789012"}"#, "", &nobody),
        (r#"{"AWS": "arn:aws:iam::123456789013:role/r"}"#, "", &nobody),
        (r#"{"AWS": "210987654321"}"#, "", &["account 210987654321"]),
        (
            r#"{"AWS": "arn:aws:iam::210987654321:user/u"}"#,
            "",
            &["user arn:aws:iam::210987654321:user/u"],
        ),
        (r#"{"Service": "logs.amazonaws.com"}"#, "", &["service logs.amazonaws.com"]),
        (
            r#"{"Service": "logs.amazonaws.com"}"#,
            r#""StringEquals": {"aws:SourceAccount": "123456789012"}"#,
            &nobody,
        ),
        (
            r#"{"Service": "logs.amazonaws.com"}"#,
            r#""StringEquals": {"aws:SourceAccount": "210987654321"}"#,
            &["service logs.amazonaws.com"],
        ),
        (
            r#"{"Service": "logs.amazonaws.com"}"#,
            r#""ArnLike": {"aws:SourceArn": "arn:aws:logs:*:123456789012:*"}"#,
            &nobody,
        ),
        (both, r#""StringEquals": {"aws:PrincipalOrgID": "o-own"}"#, &nobody),
        (both, r#""StringEquals": {"aws:PrincipalOrgID": "o-other"}"#, &["any-account *"]),
        (both, r#""ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-own/r-1/*"}"#, &nobody),
        (both, r#""StringNotEquals": {"aws:PrincipalOrgID": "o-own"}"#, &public),
        (both, r#""StringEquals": {"aws:SourceAccount": "123456789012"}"#, &nobody),
        (both, r#""StringEquals": {"aws:SourceVpc": "vpc-own"}"#, &nobody),
        (both, r#""StringEquals": {"aws:SourceVpc": "vpc-1"}"#, &limited),
        (both, r#""StringLike": {"aws:SourceVpc": "*"}"#, &public),
        (both, r#""IpAddress": {"aws:SourceIp": "203.0.113.0/24"}"#, &limited),
        (both, r#""IpAddress": {"aws:SourceIp": "0.0.0.0/0"}"#, &public),
        (both, r#""NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}"#, &public),
        (both, r#""Bool": {"aws:SecureTransport": "true"}"#, &public),
        (
            both,
            r#""ArnLike": {"aws:PrincipalArn": "arn:aws:iam::210987654321:role/ops-*"}"#,
            &["role arn:aws:iam::210987654321:role/ops-x"],
        ),
        (
            both,
            r#""ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/ops-*"}"#,
            &nobody,
        ),
        (
            both,
            r#""StringEquals": {"aws:PrincipalAccount": "210987654321"}"#,
            &["account 210987654321"],
        ),
    ] {
        assert_eq!(told(BUCKET, &by(principal, condition)), expected, "{principal} {condition}");
    }
}

#[test]
fn denies_and_roles_count() {
    let deny = r#", {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-own"}}}"#;
    assert!(told(BUCKET, &(by(r#""*""#, "") + deny)).is_empty());
    let role = "arn:aws:iam::123456789012:role/r";
    let trust = |principal: &str, condition: &str| {
        format!(
            r#"{{"Effect": "Allow", "Principal": {principal}, "Action": "sts:AssumeRole", "Condition": {{{condition}}}}}"#
        )
    };
    let partner = r#"{"AWS": "210987654321"}"#;
    let found = found(role, &trust(partner, r#""StringEquals": {"sts:ExternalId": "s3cret"}"#));
    let access = &found.found[0];
    assert_eq!(access.when.to_string(), "when StringEquals sts:ExternalId `s3cret`");
    assert_eq!(access.actions, ["sts:AssumeRole"]);
    assert_eq!(
        access.witness.to_string(),
        format!(
            "sts:AssumeRole on {role} by arn:aws:iam::210987654321:user/somebody with sts:ExternalId = `s3cret`"
        )
    );
    assert_eq!(told(role, &trust(r#"{"AWS": "123456789013"}"#, "")), [""; 0]);
}
