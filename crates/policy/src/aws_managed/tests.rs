//! That what is shipped is whole, and that nothing is lost when it is printed.

use super::*;
use crate::{Action, Context, Effect, PolicySet, Principal, Request, authorize};

/// Actions of the services that the policies speak of most, and one of nobody's.
const ACTIONS: [&str; 16] = [
    "s3:GetObject",
    "s3:PutObject",
    "s3:ListAllMyBuckets",
    "iam:PassRole",
    "iam:CreateServiceLinkedRole",
    "ec2:RunInstances",
    "ec2:DescribeInstances",
    "ec2:CreateTags",
    "logs:PutLogEvents",
    "kms:Decrypt",
    "sts:AssumeRole",
    "lambda:InvokeFunction",
    "cloudwatch:PutMetricData",
    "sns:Publish",
    "organizations:DescribeOrganization",
    "nobody:Knows",
];
const RESOURCES: [&str; 4] = [
    "*",
    "arn:aws:s3:::aws-logs/b",
    "arn:aws:iam::123456789012:role/aws-service-role/x",
    "arn:aws:ec2:us-east-1:123456789012:instance/i-1",
];

fn effects(document: &PolicyDocument, context: &Context) -> Vec<Effect> {
    let arn = Arn::parse("arn:aws:iam::aws:policy/Any").unwrap();
    let policy = Arc::new(CompiledPolicy::compile(PolicySource::Managed(arn), document));
    let set = PolicySet { identity: vec![policy], ..PolicySet::default() };
    let principal =
        Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDA1234567890EXAMPLE");
    let actions = ACTIONS.map(|action| Action::parse(action).unwrap());
    let pairs = actions.iter().flat_map(|action| RESOURCES.map(|resource| (action, resource)));
    pairs
        .map(|(action, resource)| {
            authorize(&set, &Request::new(&principal, action, resource, context)).effect
        })
        .collect()
}

#[test]
fn every_policy_parses_prints_and_decides_the_same_again() {
    assert_eq!(all().len(), 1582);
    let context = Context::default()
        .with("aws:RequestedRegion", "us-east-1")
        .with("aws:ResourceTag/Owner", "x");
    let mut seen = std::collections::BTreeSet::new();
    for policy in all() {
        let parse = |text: &str| {
            PolicyDocument::parse(text, PolicyKind::Identity)
                .unwrap_or_else(|e| panic!("{}: {e}", policy.arn))
        };
        let document = parse(&policy.document);
        let again = parse(&document.to_json());
        assert_eq!(document.statements().len(), again.statements().len(), "{}", policy.arn);
        assert!(
            document.statements().iter().zip(again.statements()).all(|(a, b)| a.says_the_same(b)),
            "{}",
            policy.arn
        );
        let effects = effects(&document, &context);
        assert_eq!(effects, self::effects(&again, &context), "{}", policy.arn);
        seen.extend(effects);
    }
    assert_eq!(seen.len(), 3, "the grid sees each effect somewhere");
}

#[test]
fn they_are_found_by_arn() {
    let policy = find("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess").unwrap();
    assert_eq!((&*policy.name, &*policy.path), ("AmazonS3ReadOnlyAccess", "/"));
    assert!(Arc::ptr_eq(&policy.compiled().unwrap(), &compiled(policy.arn.as_str()).unwrap()));
    assert!(find("arn:aws:iam::aws:policy/NoSuchPolicy").is_none());
    assert!(all().is_sorted_by(|a, b| a.arn < b.arn), "ordered, each once");
}

#[test]
fn trap_read_only_does_not_write() {
    let read_only = PolicyDocument::parse(
        &find("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess").unwrap().document,
        PolicyKind::Identity,
    );
    let effects = effects(&read_only.unwrap(), &Context::default());
    assert_eq!(effects.first(), Some(&Effect::Allow), "{}", ACTIONS[0]);
    assert_eq!(effects.get(RESOURCES.len()), Some(&Effect::ImplicitDeny), "{}", ACTIONS[1]);
}
