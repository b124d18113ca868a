//! What people are told. Whole texts of real cases stand in `testdata/explain`.

use std::sync::Arc;

use super::*;
use crate::{
    Action, Arn, CompiledPolicy, Context, PolicyDocument, PolicyKind, PolicySource, PolicyType,
    Principal, authorize, aws_managed,
};

const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Photos",
      "Effect": "Allow",
      "Action": "s3:Get*",
      "Resource": ["arn:aws:s3:::photos/*", "arn:aws:s3:::films/*"],
      "Condition": {"Bool": {"aws:SecureTransport": true}, "StringEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-west-2"]}}
    },
    {"Effect": "Deny", "Action": "*", "Resource": "arn:aws:s3:::photos/private/*"}
  ]
}"#;

fn compile(text: &str, kind: PolicyKind, source: PolicySource) -> Arc<CompiledPolicy> {
    let document = PolicyDocument::parse(text, kind).unwrap();
    Arc::new(CompiledPolicy::compile(source, &document))
}

fn inline(name: &str, text: &str) -> Arc<CompiledPolicy> {
    let source = PolicySource::UserInline { user: "ada".into(), name: name.into() };
    compile(text, PolicyKind::Identity, source)
}

fn ada() -> Principal {
    Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDAADA0000000000000")
}

fn why(set: &PolicySet, principal: &Principal, action: &str, resource: &str) -> Explanation {
    let (action, context) = (Action::parse(action).unwrap(), Context::default());
    explain(set, &Request::new(principal, &action, resource, &context))
}

fn check(resource: &str, region: Option<&str>, expected: &str) {
    let source =
        PolicySource::Managed(Arn::parse("arn:aws:iam::123456789012:policy/photos").unwrap());
    let policy = compile(POLICY, PolicyKind::Identity, source);
    let set = PolicySet { identity: vec![policy], ..PolicySet::default() };
    let principal = ada();
    let mut context = Context::default().with("aws:SecureTransport", true);
    if let Some(region) = region {
        context.insert("aws:RequestedRegion", region);
    }
    let action = Action::parse("s3:GetObject").unwrap();
    let request = Request::new(&principal, &action, resource, &context);
    let explanation = explain(&set, &request);
    assert_eq!(explanation.decision.effect, authorize(&set, &request).effect);
    let told = explanation.to_string();
    let told = told.split("\n\nAll seven checks:").next().unwrap();
    assert_eq!(told, expected.trim_end());
}

#[test]
fn an_allow_names_its_statement() {
    let expected =
        "allowed by `Photos` of arn:aws:iam::123456789012:policy/photos (line 4, column 5)";
    check("arn:aws:s3:::photos/cat.jpg", Some("eu-west-1"), expected);
}

#[test]
fn an_explicit_deny_names_the_policy_as_aws_does_since_2026() {
    let expected = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::photos/private/x with an explicit deny in an identity-based policy: arn:aws:iam::123456789012:policy/photos

Why: statement 2 of arn:aws:iam::123456789012:policy/photos (line 11, column 5) denies it, and no allow can undo that.

What would allow it (tried: it does):
  - in arn:aws:iam::123456789012:policy/photos, statement 2: remove the statement
A deny is usually meant: ask its owner before you change it.
";
    check("arn:aws:s3:::photos/private/x", Some("eu-west-1"), expected);
}

#[test]
fn a_near_miss_names_element_and_both_values() {
    let expected = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::films/x because no identity-based policy allows the s3:GetObject action

Why: `Photos` of arn:aws:iam::123456789012:policy/photos (line 4, column 5) would allow it, but its Condition does not match:
       policy:  StringEquals aws:RequestedRegion `eu-west-1`, `eu-west-2`
       request: `us-east-1`

What would allow it (tried: it does):
  - make the request with aws:RequestedRegion = `eu-west-1`
";
    check("arn:aws:s3:::films/x", Some("us-east-1"), expected);
}

#[test]
fn a_missing_key_is_named_as_it_is_written() {
    let expected = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::films/x because no identity-based policy allows the s3:GetObject action

Why: `Photos` of arn:aws:iam::123456789012:policy/photos (line 4, column 5) would allow it, but its Condition does not match:
       policy:  StringEquals aws:RequestedRegion `eu-west-1`, `eu-west-2`
       request: it has no aws:RequestedRegion

What would allow it (tried: it does):
  - make the request with aws:RequestedRegion = `eu-west-1`
";
    check("arn:aws:s3:::films/x", None, expected);
    let set = PolicySet { identity: vec![inline("p", POLICY)], ..PolicySet::default() };
    let told = why(&set, &ada(), "s3:GetObject", "arn:aws:s3:::films/x");
    assert_eq!(told.missing_keys, ["aws:SecureTransport", "aws:RequestedRegion"]);
}

#[test]
fn sentences_leave_out_a_resource_that_is_none() {
    let sentence = why(&PolicySet::default(), &ada(), "s3:ListAllMyBuckets", "*").sentence.unwrap();
    assert_eq!(
        sentence,
        "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: s3:ListAllMyBuckets because no identity-based policy allows the s3:ListAllMyBuckets action"
    );
}

#[test]
fn there_are_seven_checks_and_each_has_its_outcome() {
    let text = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    let boundary = compile(text, PolicyKind::Boundary, PolicySource::Session(0));
    let set = PolicySet { boundary: Some(boundary), ..PolicySet::default() };
    let outcomes = |told: &Explanation| -> Vec<(&'static str, Outcome)> {
        told.checks.iter().map(|check| (check.policy_type.aws_name(), check.outcome)).collect()
    };
    let absent = Outcome::Spared(Spared::Absent);
    let told = why(&set, &ada(), "iam:GetUser", "*");
    let expected = [
        ("RESOURCE_CONTROL_POLICY", absent),
        ("SERVICE_CONTROL_POLICY", absent),
        ("VPC_ENDPOINT_POLICY", absent),
        ("RESOURCE_BASED_POLICY", absent),
        ("IDENTITY_BASED_POLICY", Outcome::Lacks),
        ("PERMISSIONS_BOUNDARY", Outcome::Lacks),
        ("SESSION_POLICY", absent),
    ];
    assert_eq!(outcomes(&told), expected);
    let root = Principal::root("123456789012".parse().unwrap());
    let told = why(&set, &root, "iam:GetUser", "*");
    assert_eq!(outcomes(&told)[4], ("IDENTITY_BASED_POLICY", Outcome::Spared(Spared::Root)));
    assert!(told.to_string().starts_with("allowed: the root user needs no policy\n"), "{told}");
    let told = why(&set, &Principal::service("ec2.amazonaws.com"), "iam:GetUser", "*");
    assert_eq!(outcomes(&told)[3], ("RESOURCE_BASED_POLICY", Outcome::Lacks));
    assert_eq!(outcomes(&told)[5], ("PERMISSIONS_BOUNDARY", Outcome::Spared(Spared::Homeless)));
}

/// What is advised, a change a line.
fn advised(told: &Explanation) -> Vec<String> {
    let changes = told.suggestion.iter().flat_map(|suggestion| &suggestion.changes);
    changes.map(ToString::to_string).collect()
}

#[test]
fn what_can_not_be_changed_is_taken_off_or_copied() {
    let managed = |name: &str| aws_managed::compiled(&format!("arn:aws:iam::aws:policy/{name}"));
    let (all, nothing) = (managed("AdministratorAccess").unwrap(), managed("AWSDenyAll").unwrap());
    let set = PolicySet { identity: vec![nothing, Arc::clone(&all)], ..PolicySet::default() };
    let told = why(&set, &ada(), "iam:GetUser", "*");
    assert_eq!(advised(&told), ["take arn:aws:iam::aws:policy/AWSDenyAll off"]);
    let boundary = managed("AmazonS3ReadOnlyAccess");
    let set = PolicySet { identity: vec![all], boundary, ..PolicySet::default() };
    let told = why(&set, &ada(), "s3:PutObject", "arn:aws:s3:::photos/cat.jpg");
    assert_eq!(
        advised(&told),
        [
            "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess is AWS's own: use a copy of it with this statement added"
        ]
    );
}

#[test]
fn a_deny_that_all_share_spares_only_the_caller() {
    let all = inline("all", r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#);
    let bucket = |conditions: &str| {
        let text = format!(
            r#"{{"Statement":{{"Sid":"No","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{{{conditions}}}}}}}"#
        );
        let policy = compile(&text, PolicyKind::Resource, PolicySource::Resource("b".into()));
        PolicySet {
            identity: vec![Arc::clone(&all)],
            resource: Some(policy),
            ..PolicySet::default()
        }
    };
    let advice =
        |conditions| advised(&why(&bucket(conditions), &ada(), "s3:GetObject", "arn:aws:s3:::b/x"));
    assert_eq!(
        advice(""),
        [
            "in the resource's policy, `No`: add the condition ArnNotEquals aws:PrincipalArn `arn:aws:iam::123456789012:user/ada`"
        ]
    );
    assert_eq!(
        advice(
            r#""StringNotLike": {"aws:PrincipalArn": ["arn:aws:iam::123456789012:role/admin"]}"#
        ),
        [
            "in the resource's policy, `No` (line 1, column 120): add `arn:aws:iam::123456789012:user/ada` to the values of StringNotLike aws:PrincipalArn"
        ]
    );
    // Two conditions of one operator stand in one block.
    let told =
        advice(r#""ArnNotEquals": {"aws:SourceArn": "arn:aws:s3:::c"}, "Null": {"s3:x": "true"}"#);
    assert_eq!(told, ["make the request with aws:SourceArn = `arn:aws:s3:::c`"]);
}

#[test]
fn a_header_that_two_conditions_want_gets_the_value_of_one() {
    let text = r#"{"Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*", "Condition": {"Null": {"s3:x-amz-server-side-encryption": true}}},
        {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*", "Condition": {"StringNotEqualsIfExists": {"s3:x-amz-server-side-encryption": "AES256"}}}]}"#;
    let set = PolicySet { identity: vec![inline("p", text)], ..PolicySet::default() };
    let told = why(&set, &ada(), "s3:PutObject", "arn:aws:s3:::b/x");
    assert_eq!(
        advised(&told),
        ["make the request with s3:x-amz-server-side-encryption = `AES256`"]
    );
}

#[test]
fn an_action_that_there_is_not_is_a_slip() {
    let text = r#"{"Statement": {"Effect": "Allow", "Action": ["s3:GetObjets", "s3:GetObjct"], "Resource": "*"}}"#;
    let set = PolicySet { identity: vec![inline("p", text)], ..PolicySet::default() };
    let told = why(&set, &ada(), "s3:GetObject", "arn:aws:s3:::b/x");
    assert_eq!(
        advised(&told),
        [
            "in user/ada/p, statement 1 (line 1, column 35): of the actions, write `s3:GetObject` for `s3:GetObjct`"
        ]
    );
}

#[test]
fn each_level_that_is_silent_is_mended() {
    let all = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let scp = |text: &str| {
        let source = PolicySource::ServiceControl("p-limit".into());
        compile(text, PolicyKind::ServiceControl, source)
    };
    let s3 = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    let set = PolicySet {
        identity: vec![inline("all", all)],
        service_control: vec![vec![scp(s3)], vec![scp(all)], Vec::new()],
        ..PolicySet::default()
    };
    let told = why(&set, &ada(), "ec2:RunInstances", "*");
    assert_eq!(
        advised(&told),
        [
            "in p-limit at level 1, add this statement",
            "add a service control policy at level 3 with this statement"
        ]
    );
    let blocking = told.checks.iter().filter(|check| check.outcome.blocks());
    let types: Vec<PolicyType> = blocking.map(|check| check.policy_type).collect();
    assert_eq!(types, [PolicyType::ServiceControl]);
}

#[test]
fn a_change_that_another_makes_needless_is_not_told() {
    // Whom the key's policy names as a user needs nothing else within the account.
    let facts = crate::ResourceFacts { policy_must_allow: true, ..Default::default() };
    let text = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:Encrypt","Resource":"*"}}"#;
    let policy = compile(text, PolicyKind::Resource, PolicySource::Resource("key".into()));
    let set = PolicySet { resource: Some(policy), ..PolicySet::default() };
    let (principal, context) = (ada(), Context::default());
    let action = Action::parse("kms:Decrypt").unwrap();
    let mut request = Request::new(
        &principal,
        &action,
        "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        &context,
    );
    request.resource_facts = Some(&facts);
    let told = explain(&set, &request);
    let blocking = told.checks.iter().filter(|check| check.outcome.blocks()).count();
    assert_eq!((blocking, advised(&told).len()), (2, 1), "{told}");
}

#[test]
fn plain_text_that_was_meant_as_more_is_pointed_at() {
    let advice = |text: &str, action: &str, resource: &str| {
        let set = PolicySet { identity: vec![inline("p", text)], ..PolicySet::default() };
        let told = why(&set, &ada(), action, resource);
        (told.to_string(), advised(&told))
    };
    let old = r#"{"Statement": {"Sid": "Own", "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/${aws:username}/*"}}"#;
    let (told, advised) = advice(old, "s3:GetObject", "arn:aws:s3:::b/ada/x");
    assert!(told.contains("`arn:aws:s3:::b/${aws:username}/*` is plain text here"), "{told}");
    assert_eq!(advised, ["in user/ada/p: make the Version 2012-10-17, which knows variables"]);
    let equals = r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringLike": {"aws:userid": "AIDA*"}, "StringEquals": {"aws:username": "a*", "aws:PrincipalType": "User"}}}}"#;
    let (told, advised) = advice(equals, "s3:GetObject", "arn:aws:s3:::b/ada/x");
    assert!(told.contains("The wildcard in `a*` is plain text here: StringLike would"), "{told}");
    assert_eq!(
        advised,
        [
            "in user/ada/p, statement 1 (line 1, column 140): compare the values of StringEquals aws:username by StringLike"
        ]
    );
    let objects = r#"{"Statement": {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "arn:aws:s3:::b/*"}}"#;
    let (told, advised) = advice(objects, "s3:ListBucket", "arn:aws:s3:::b");
    assert!(told.contains("the thing itself is `arn:aws:s3:::b`"), "{told}");
    assert_eq!(
        advised,
        ["in user/ada/p, statement 1 (line 1, column 80): add `arn:aws:s3:::b` to the resources"]
    );
}
