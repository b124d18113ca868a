//! Grants of a user with a boundary.

use super::*;
use crate::backwards::AccountDetails;

fn account(policy: &str, boundary: &str) -> Account {
    let text = format!(
        r#"{{"UserDetailList": [{{"Arn": "arn:aws:iam::123456789012:user/ada", "UserId": "AIDAADA", "UserPolicyList":
            [{{"PolicyName": "p", "PolicyDocument": {{"Version": "2012-10-17", "Statement": [{policy}]}}}}],
            "PermissionsBoundary": {{"PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/b"}}}}],
          "Policies": [{{"Arn": "arn:aws:iam::123456789012:policy/b", "PolicyVersionList":
            [{{"IsDefaultVersion": true, "Document": {{"Statement": [{boundary}]}}}}]}}]}}"#
    );
    Account::new(&serde_json::from_str::<AccountDetails>(&text).unwrap(), None).unwrap()
}

const ALL: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;

fn told(policy: &str, boundary: &str) -> Vec<String> {
    let account = account(policy, boundary);
    let member = account.member("arn:aws:iam::123456789012:user/ada").unwrap();
    let found = what_can(&account, &member);
    found.grants.iter().map(|g| format!("{} on {}: {}", g.action, g.resource, g.when)).collect()
}

#[test]
fn grants_without_what_is_taken_out_again() {
    let home = r#"{"Effect": "Allow", "Action": ["s3:Get*", "s3:GetObject"], "Resource": "arn:aws:s3:::home/${aws:username}/*"}"#;
    assert_eq!(told(home, ALL), ["s3:Get* on arn:aws:s3:::home/ada/*: always"]);
    let not = r#"{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::secret/*"}"#;
    assert_eq!(
        told(not, ALL),
        [
            "* on *: not action `iam:*` and (not action `s3:*` or not resource `arn:aws:s3:::secret/*`)"
        ]
    );
    let only = r#"{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}"#;
    assert_eq!(
        told(home, only),
        ["s3:Get* on arn:aws:s3:::home/ada/*: Bool aws:SecureTransport `true`"]
    );
    assert!(told(r#"{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}"#, only).is_empty());
}

#[test]
fn services_are_summed_up() {
    let policy = r#"{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}, {"Effect": "Deny", "Action": "sts:Assume*", "Resource": "*"},
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:eu-west-1:123456789012:q"}"#;
    let account = account(policy, ALL);
    let member = account.member("arn:aws:iam::123456789012:user/ada").unwrap();
    let found = what_can(&account, &member);
    let names: Vec<&str> = found.services.iter().map(|service| service.service).collect();
    assert_eq!(names, ["sqs", "sts"]);
    let sqs = found.services[0].levels[&AccessLevel::Write];
    assert_eq!((sqs.full, sqs.limited), (0, 1));
    let sts: usize = found.services[1].levels.values().map(|level| level.full).sum();
    let total: usize = found.services[1].levels.values().map(|level| level.total).sum();
    assert!(sts > 0 && sts < total, "{sts} {total}");
    let grant = &found.grants[0];
    assert!(grant.actions().iter().all(|action| !action.name.starts_with("Assume")));
    let root = account.member("arn:aws:iam::123456789012:root").unwrap();
    let root = what_can(&account, &root);
    assert_eq!((root.grants.len(), &root.grants[0].when), (1, &Formula::True));
}
