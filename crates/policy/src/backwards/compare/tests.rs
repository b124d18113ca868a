//! Small policies whose differences can be seen with the eye.

use std::sync::Arc;

use super::*;
use crate::{CompiledPolicy, PolicyDocument, PolicyKind, PolicySource, Principal};

fn set(text: &str, kind: PolicyKind) -> PolicySet {
    let document = PolicyDocument::parse(text, kind).unwrap();
    let source = PolicySource::Resource("p".into());
    alone(&Arc::new(CompiledPolicy::compile(source, &document)), kind)
}

fn statement(text: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": [{text}]}}"#)
}

fn ada() -> Scope {
    let account = "123456789012".parse().unwrap();
    Scope::of(Principal::user(account, "/", "ada", "AIDAADA"))
}

fn told(old: &str, new: &str) -> Vec<String> {
    let set = |text| set(&statement(text), PolicyKind::Identity);
    let found = compare(&set(old), &set(new), &ada());
    assert_eq!(found.limits, BTreeSet::new());
    let told = |difference: &Difference| format!("{:?}: {}", difference.change, difference.witness);
    found.differences.iter().map(told).collect()
}

const READS: &str =
    r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/*"}"#;
const BY: &str = " by arn:aws:iam::123456789012:user/ada";

#[test]
fn the_same_policy_is_equal() {
    assert!(told(READS, READS).is_empty());
    let other =
        r#"{"Effect": "Allow", "Resource": ["arn:aws:s3:::photos/*"], "Action": ["S3:getobject"]}"#;
    assert!(told(READS, other).is_empty());
    let split = r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/a*"},
        {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::photos/a*"},
        {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::photos/*"}"#;
    assert!(told(READS, split).is_empty());
}

#[test]
fn each_difference_is_shown_by_a_request() {
    let narrower = READS.replace("photos/*", "photos/2026/*");
    assert_eq!(
        told(READS, &narrower),
        [format!("Narrowed: s3:GetObject on arn:aws:s3:::photos/x{BY}")]
    );
    assert_eq!(
        told(&narrower, READS),
        [format!("Widened: s3:GetObject on arn:aws:s3:::photos/x{BY}")]
    );
    let both = READS.replace("photos/*", "films/*");
    assert_eq!(
        told(READS, &both),
        [
            format!("Widened: s3:GetObject on arn:aws:s3:::films/x{BY}"),
            format!("Narrowed: s3:GetObject on arn:aws:s3:::photos/x{BY}")
        ]
    );
}

#[test]
fn what_is_left_out_is_told_apart() {
    let but = |element: &str| format!(r#"{{"Effect": "Allow", {element}}}"#);
    let all = but(r#""Action": "*", "Resource": "*""#);
    assert_eq!(
        told(&all, &but(r#""NotAction": "sts:Assume*", "Resource": "*""#)).len(),
        1,
        "an action"
    );
    let found = told(
        &but(r#""NotAction": "s3:*", "Resource": "*""#),
        &but(r#""NotAction": "s3:Get*", "Resource": "*""#),
    );
    assert!(found.len() == 1 && found[0].starts_with("Widened: s3:"), "{found:?}");
    let found = told(&all, &but(r#""Action": "*", "NotResource": "arn:aws:s3:::b/*""#));
    assert!(found.len() == 1 && found[0].starts_with("Narrowed: s3:"), "{found:?}");
}

#[test]
fn conditions_are_told_apart_by_their_values() {
    let when = |condition: &str| {
        READS.replace(
            r#""Effect": "Allow""#,
            &format!(r#""Effect": "Allow", "Condition": {{{condition}}}"#),
        )
    };
    for (old, new, expected) in [
        (
            r#""IpAddress": {"aws:SourceIp": "10.0.0.0/8"}"#,
            r#""IpAddress": {"aws:SourceIp": "10.0.0.0/9"}"#,
            "Narrowed aws:SourceIp = `10.128.0.0`",
        ),
        (
            r#""NumericLessThan": {"s3:max-keys": "10"}"#,
            r#""NumericLessThanEquals": {"s3:max-keys": "10"}"#,
            "Widened s3:max-keys = `10`",
        ),
        (
            r#""Bool": {"aws:MultiFactorAuthPresent": "true"}"#,
            r#""BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}"#,
            "Widened",
        ),
        (
            r#""StringLike": {"s3:prefix": "a*"}"#,
            r#""StringLike": {"s3:prefix": "a*b"}"#,
            "Narrowed s3:prefix = `ax`",
        ),
        (
            r#""StringEquals": {"s3:prefix": "a"}"#,
            r#""StringEqualsIgnoreCase": {"s3:prefix": "a"}"#,
            "Widened s3:prefix = `A`",
        ),
        (
            r#""DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}"#,
            r#""DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}"#,
            "Widened aws:CurrentTime = `2026-01-01T00:00:00Z`",
        ),
        (
            r#""ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}"#,
            r#""ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}"#,
            "Widened aws:TagKeys = [`a`, `x`] Narrowed",
        ),
        (
            r#""ArnLike": {"aws:SourceArn": "arn:aws:s3:*:1:f/*"}"#,
            r#""StringLike": {"aws:SourceArn": "arn:aws:s3:*:1:f/*"}"#,
            "Widened",
        ),
    ] {
        let found = told(&when(old), &when(new));
        let said = found.iter().map(|line| {
            let change = line.split(':').next().unwrap();
            let with = line.split_once(" with ").map(|(_, with)| format!(" {with}"));
            change.to_owned() + &with.unwrap_or_default()
        });
        let said = said.collect::<Vec<_>>().join(" ");
        assert!(said.starts_with(expected), "{old} {new}: {said}");
    }
}

#[test]
fn who_is_named_is_told_apart() {
    let bucket = |principal: &str| {
        set(
            &statement(&format!(
                r#"{{"Effect": "Allow", "Principal": {principal}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}}"#
            )),
            PolicyKind::Resource,
        )
    };
    let (old, new) = (bucket(r#"{"AWS": "111122223333"}"#), bucket(r#""*""#));
    let owner = "123456789012".parse().ok();
    let found = compare(&old, &new, &Scope::everybody(&old, &new, owner));
    let names: Vec<&str> =
        found.differences.iter().flat_map(|d| d.callers.iter().map(|name| &**name)).collect();
    assert!(names.contains(&"*") && names.contains(&"anonymous"), "{names:?}");
    assert!(!names.contains(&"111122223333"), "{names:?}");
    assert!(found.any(Change::Widened) && !found.any(Change::Narrowed));
    assert!(found.limits.contains(&Limit::Callers));
}

#[test]
fn what_hangs_on_variables_is_found_and_said_to_be_incomplete() {
    let of = |variable: &str| {
        let text = READS.replace("photos/*", &format!("photos/${{{variable}}}/*"));
        set(&statement(&text), PolicyKind::Identity)
    };
    let (old, new) = (of("aws:username"), of("s3:prefix"));
    let found = compare(&old, &new, &ada());
    assert!(found.limits.contains(&Limit::OpenVariables));
    assert!(found.any(Change::Widened) && found.any(Change::Narrowed), "{found:#?}");
}
