//! What people are told.

use super::*;
use crate::{Action, Arn, Context, PolicyDocument, PolicyKind, PolicySource, Principal};

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

fn check(resource: &str, region: Option<&str>, expected: &str) {
    let document = PolicyDocument::parse(POLICY, PolicyKind::Identity).unwrap();
    let source =
        PolicySource::Managed(Arn::parse("arn:aws:iam::123456789012:policy/photos").unwrap());
    let policy = Arc::new(CompiledPolicy::compile(source, &document));
    let set = PolicySet { identity: vec![policy], ..PolicySet::default() };
    let principal =
        Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDAADA0000000000000");
    let mut context = Context::default().with("aws:SecureTransport", true);
    if let Some(region) = region {
        context.insert("aws:RequestedRegion", region);
    }
    let action = Action::parse("s3:GetObject").unwrap();
    let request = Request::new(&principal, &action, resource, &context);
    let explanation = explain(&set, &request);
    assert_eq!(explanation.decision.effect, crate::authorize(&set, &request).effect);
    assert_eq!(explanation.to_string(), expected);
}

#[test]
fn an_allow_names_its_statement() {
    let expected = "allowed by `Photos` of arn:aws:iam::123456789012:policy/photos (line 4, column 5)
  identity-based policy: allows
    `Photos` of arn:aws:iam::123456789012:policy/photos (line 4, column 5) matches
    statement 2 of arn:aws:iam::123456789012:policy/photos (line 11, column 5) would deny, but the resource is `arn:aws:s3:::photos/cat.jpg`; wanted `arn:aws:s3:::photos/private/*`
";
    check("arn:aws:s3:::photos/cat.jpg", Some("eu-west-1"), expected);
}

#[test]
fn an_explicit_deny_comes_first() {
    let expected = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::photos/private/x with an explicit deny in an identity-based policy
  identity-based policy: denies
    statement 2 of arn:aws:iam::123456789012:policy/photos (line 11, column 5) matches
    `Photos` of arn:aws:iam::123456789012:policy/photos (line 4, column 5) matches
";
    check("arn:aws:s3:::photos/private/x", Some("eu-west-1"), expected);
}

#[test]
fn a_near_miss_names_element_and_both_values() {
    let expected = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::films/x because no identity-based policy allows the s3:GetObject action
  identity-based policy: does not allow
    `Photos` of arn:aws:iam::123456789012:policy/photos (line 4, column 5) would allow, but StringEquals aws:RequestedRegion found `us-east-1`; wanted `eu-west-1`, `eu-west-2`
    statement 2 of arn:aws:iam::123456789012:policy/photos (line 11, column 5) would deny, but the resource is `arn:aws:s3:::films/x`; wanted `arn:aws:s3:::photos/private/*`
";
    check("arn:aws:s3:::films/x", Some("us-east-1"), expected);
}

#[test]
fn a_missing_key_is_named() {
    let expected = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::films/x because no identity-based policy allows the s3:GetObject action
  identity-based policy: does not allow
    `Photos` of arn:aws:iam::123456789012:policy/photos (line 4, column 5) would allow, but StringEquals aws:RequestedRegion is not in the request; wanted `eu-west-1`, `eu-west-2`
    statement 2 of arn:aws:iam::123456789012:policy/photos (line 11, column 5) would deny, but the resource is `arn:aws:s3:::films/x`; wanted `arn:aws:s3:::photos/private/*`
  keys that the request did not have: aws:requestedregion
";
    check("arn:aws:s3:::films/x", None, expected);
}

#[test]
fn sentences_leave_out_a_resource_that_is_none() {
    let principal =
        Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDAADA0000000000000");
    let (action, context) = (Action::parse("s3:ListAllMyBuckets").unwrap(), Context::default());
    let request = Request::new(&principal, &action, "*", &context);
    let sentence = explain(&PolicySet::default(), &request).sentence.unwrap();
    assert_eq!(
        sentence,
        "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: s3:ListAllMyBuckets because no identity-based policy allows the s3:ListAllMyBuckets action"
    );
}

#[test]
fn silence_and_the_root_user_are_named() {
    let document = PolicyDocument::parse(
        r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#,
        PolicyKind::Identity,
    );
    let policy = Arc::new(CompiledPolicy::compile(PolicySource::Session(0), &document.unwrap()));
    let set = PolicySet { boundary: Some(policy), ..PolicySet::default() };
    let account = "123456789012".parse().unwrap();
    let (action, context) = (Action::parse("iam:GetUser").unwrap(), Context::default());
    let told = |set: &PolicySet, principal: &Principal| {
        explain(set, &Request::new(principal, &action, "*", &context)).to_string()
    };
    let ada = told(&set, &Principal::user(account, "/", "ada", "AIDAADA0000000000000"));
    let expected = "
  identity-based policy: does not allow
    there is none
  permissions boundary: does not allow
    its only statement does not speak of the action
";
    assert!(ada.ends_with(expected), "{ada}");
    let root = told(&PolicySet::default(), &Principal::root(account));
    assert!(root.starts_with("allowed: the root user needs no policy\n"), "{root}");
}
