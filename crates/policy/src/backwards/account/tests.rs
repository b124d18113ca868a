//! A dump of AWS, read.

use super::*;

const DUMP: &str = r#"{
  "UserDetailList": [{"Path": "/team/", "UserName": "ada", "UserId": "AIDAADA", "Arn": "arn:aws:iam::123456789012:user/team/ada",
    "CreateDate": "2026-01-01T00:00:00+00:00", "GroupList": ["Ops"],
    "UserPolicyList": [{"PolicyName": "photos", "PolicyDocument":
      {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::photos/*"}]}}],
    "AttachedManagedPolicies": [{"PolicyName": "ReadOnlyAccess", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}],
    "PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/own"},
    "Tags": [{"Key": "team", "Value": "red"}]}],
  "GroupDetailList": [{"Path": "/", "GroupName": "ops", "GroupId": "AGPAOPS", "Arn": "arn:aws:iam::123456789012:group/ops",
    "GroupPolicyList": [{"PolicyName": "logs", "PolicyDocument":
      "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22logs%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D"}],
    "AttachedManagedPolicies": []}],
  "RoleDetailList": [{"Path": "/ops/", "RoleName": "deploy", "RoleId": "AROADEPLOY", "Arn": "arn:aws:iam::123456789012:role/ops/deploy",
    "AssumeRolePolicyDocument": {"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
    "InstanceProfileList": [], "RolePolicyList": [],
    "AttachedManagedPolicies": [{"PolicyName": "own", "PolicyArn": "arn:aws:iam::123456789012:policy/own"}]}],
  "Policies": [{"PolicyName": "own", "Arn": "arn:aws:iam::123456789012:policy/own", "DefaultVersionId": "v2", "PolicyVersionList": [
    {"VersionId": "v1", "IsDefaultVersion": false, "Document": {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}},
    {"VersionId": "v2", "IsDefaultVersion": true, "Document": {"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}}]}]
}"#;

fn read(text: &str) -> Result<Account, AccountError> {
    Account::new(&serde_json::from_str(text).unwrap(), None)
}

#[test]
fn a_dump_becomes_members_with_their_policies() {
    let account = read(DUMP).unwrap();
    assert_eq!(account.id.to_string(), "123456789012");
    let found: Vec<(String, Vec<String>, Option<String>)> = account
        .members
        .iter()
        .map(|member| {
            let names = member.identity.iter().map(|policy| policy.source().to_string());
            let boundary = member.boundary.as_ref().map(|policy| policy.text().to_owned());
            (member.arn.to_string(), names.collect(), boundary)
        })
        .collect();
    let own =
        r#"{"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}"#.to_owned();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        found,
        [
            ("arn:aws:iam::123456789012:root".to_owned(), vec![], None),
            (
                "arn:aws:iam::123456789012:user/team/ada".to_owned(),
                names(&[
                    "user/ada/photos",
                    "arn:aws:iam::aws:policy/ReadOnlyAccess",
                    "group/ops/logs"
                ]),
                Some(own),
            ),
            (
                "arn:aws:iam::123456789012:role/ops/deploy".to_owned(),
                names(&["arn:aws:iam::123456789012:policy/own"]),
                None
            ),
        ]
    );
    assert_eq!(account.members[1].principal.tag("Team"), Some("red"));
    assert!(account.trust.contains_key("arn:aws:iam::123456789012:role/ops/deploy"));
    let session = account.member("arn:aws:sts::123456789012:assumed-role/deploy/s1").unwrap();
    assert_eq!(&*session.principal.user_id, "AROADEPLOY:s1");
    assert_eq!(&*session.principal.principal_arn, "arn:aws:iam::123456789012:role/ops/deploy");
    assert!(account.member("arn:aws:iam::123456789012:user/ada").is_none());
}

#[test]
fn what_is_missing_is_named() {
    for (from, to, expected) in [
        (
            r#""GroupName": "ops""#,
            r#""GroupName": "dev""#,
            "the group `Ops` of `arn:aws:iam::123456789012:user/team/ada`",
        ),
        (
            "policy/ReadOnlyAccess",
            "policy/NoSuchThing",
            "`arn:aws:iam::aws:policy/NoSuchThing` is attached to",
        ),
        (
            "123456789012:role/ops",
            "210987654321:role/ops",
            "`arn:aws:iam::210987654321:role/ops/deploy` is no user or role",
        ),
        (r#""Action": "s3:*""#, r#""Action": 1"#, "policy `user/ada/photos` can't be read"),
    ] {
        let error = read(&DUMP.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(matches!(read("{}"), Err(AccountError::NoAccount)));
}
