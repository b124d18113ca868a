//! Answers about a small account.

use super::*;
use crate::backwards::AccountDetails;

fn policy(text: &str, kind: PolicyKind, source: PolicySource) -> Arc<CompiledPolicy> {
    Arc::new(CompiledPolicy::compile(source, &PolicyDocument::parse(text, kind).unwrap()))
}

fn account() -> Account {
    let user = |name: &str, policy: &str| {
        format!(
            r#"{{"Arn": "arn:aws:iam::123456789012:user/{name}", "UserId": "AIDA{name}", "UserPolicyList": [{{"PolicyName": "p", "PolicyDocument": {policy}}}]}}"#
        )
    };
    let role = |name: &str, policy: &str| {
        format!(
            r#"{{"Arn": "arn:aws:iam::123456789012:role/{name}", "RoleId": "AROA{name}",
            "AssumeRolePolicyDocument": {{"Statement": {{"Effect": "Allow", "Principal": {{"AWS": "arn:aws:iam::210987654321:root", "Service": "ec2.amazonaws.com"}}, "Action": "sts:AssumeRole"}}}},
            "RolePolicyList": [{{"PolicyName": "p", "PolicyDocument": {policy}}}]}}"#
        )
    };
    let reads = r#"{"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}"#;
    let mfa = r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}}"#;
    let none = r#"{"Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}"#;
    let text = format!(
        r#"{{"UserDetailList": [{}, {}, {}], "RoleDetailList": [{}]}}"#,
        user("ada", reads),
        user("bob", mfa),
        user("cy", none),
        role("deploy", reads)
    );
    let details: AccountDetails = serde_json::from_str(&text).unwrap();
    Account::new(&details, None).unwrap()
}

fn told(account: &Account, target: &Target<'_>) -> Vec<String> {
    let said = |can: &Can| {
        let own = if can.own_account_decides { ", if its account lets it" } else { "" };
        format!("{} {}: {}{own}", can.caller.kind.name(), can.caller.name, can.verdict)
    };
    who_can(account, target).iter().map(said).collect()
}

#[test]
fn everybody_of_the_account() {
    assert_eq!(
        told(&account(), &Target::new("s3:GetObject", "arn:aws:s3:::b/k")),
        [
            "root arn:aws:iam::123456789012:root: always",
            "user arn:aws:iam::123456789012:user/ada: always",
            "user arn:aws:iam::123456789012:user/bob: when Bool aws:MultiFactorAuthPresent `true`",
            "user arn:aws:iam::123456789012:user/cy: never",
            "role arn:aws:iam::123456789012:role/deploy: always",
        ]
    );
}

#[test]
fn the_resource_names_others() {
    let text = r#"{"Statement": [
        {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::123456789012:user/cy", "arn:aws:sts::123456789012:assumed-role/deploy/s1",
            "210987654321", "arn:aws:iam::210987654321:role/x/theirs"], "Service": "logs.amazonaws.com"}, "Action": "s3:PutObject", "Resource": "*"},
        {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}"#;
    let bucket = policy(text, PolicyKind::Resource, PolicySource::Resource("b".into()));
    let target =
        Target { policy: Some(&bucket), ..Target::new("s3:PutObject", "arn:aws:s3:::b/k") };
    let https = "not Bool aws:SecureTransport `false`";
    let org = "StringEquals aws:PrincipalOrgID `o-1`";
    assert_eq!(
        told(&account(), &target),
        [
            format!("root arn:aws:iam::123456789012:root: when {https}"),
            "user arn:aws:iam::123456789012:user/ada: never".to_owned(),
            format!(
                "user arn:aws:iam::123456789012:user/bob: when Bool aws:MultiFactorAuthPresent `true` and {https}"
            ),
            format!("user arn:aws:iam::123456789012:user/cy: when {https}"),
            "role arn:aws:iam::123456789012:role/deploy: never".to_owned(),
            format!("role-session arn:aws:sts::123456789012:assumed-role/deploy/s1: when {https}"),
            format!("any-account *: when {org}, if its account lets it"),
            "anonymous anonymous: never".to_owned(),
            "account 210987654321: always, if its account lets it".to_owned(),
            "role arn:aws:iam::210987654321:role/x/theirs: always, if its account lets it"
                .to_owned(),
            "service logs.amazonaws.com: always".to_owned(),
        ]
    );
}

#[test]
fn a_role_is_assumed_by_those_whom_it_trusts() {
    let target = Target::new("sts:AssumeRole", "arn:aws:iam::123456789012:role/deploy");
    let allowed: Vec<String> =
        told(&account(), &target).into_iter().filter(|line| !line.ends_with("never")).collect();
    assert_eq!(
        allowed,
        [
            "account arn:aws:iam::210987654321:root: always, if its account lets it",
            "service ec2.amazonaws.com: always",
        ]
    );
}
