//! What it costs to ask about a whole account: `cargo bench -p tidegate-policy --bench backwards`.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement must stop where its case can't be made"
)]

use std::{fmt::Write as _, sync::Arc};

use tidegate_policy::{
    CompiledPolicy, PolicyDocument, PolicyKind, PolicySet, PolicySource, Principal,
    backwards::{Account, Scope, Target, alone, compare, what_can, who_can},
};

fn main() {
    divan::main();
}

/// Principals of the account.
const MEMBERS: usize = 1_000;

/// An account of users with an inline policy each, and two managed ones of AWS.
fn account() -> Account {
    let mut text = r#"{"UserDetailList": ["#.to_owned();
    for n in 0..MEMBERS {
        let comma = if n == 0 { "" } else { "," };
        write!(
            text,
            r#"{comma}{{"Arn": "arn:aws:iam::123456789012:user/u{n}", "UserId": "AIDA{n}",
            "AttachedManagedPolicies": [{{"PolicyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}}, {{"PolicyArn": "arn:aws:iam::aws:policy/PowerUserAccess"}}],
            "UserPolicyList": [{{"PolicyName": "own", "PolicyDocument": {{"Version": "2012-10-17", "Statement": [
              {{"Effect": "Allow", "Action": ["s3:PutObject", "s3:DeleteObject"], "Resource": "arn:aws:s3:::home/${{aws:username}}/*"}},
              {{"Effect": "Deny", "Action": "s3:Delete*", "Resource": "*", "Condition": {{"BoolIfExists": {{"aws:MultiFactorAuthPresent": "false"}}}}}}]}}}}]}}"#
        )
        .unwrap();
    }
    text.push_str("]}");
    Account::new(&serde_json::from_str(&text).unwrap(), None).unwrap()
}

#[divan::bench]
fn who_can_of_a_thousand(bencher: divan::Bencher<'_, '_>) {
    let account = account();
    let target = Target::new("s3:DeleteObject", "arn:aws:s3:::home/*");
    bencher.bench(|| who_can(&account, &target).len());
}

#[divan::bench]
fn what_can_of_a_power_user(bencher: divan::Bencher<'_, '_>) {
    let account = account();
    let member = account.members.last().unwrap();
    bencher.bench(|| what_can(&account, member).grants.len());
}

#[divan::bench]
fn compare_two_versions(bencher: divan::Bencher<'_, '_>) {
    let set = |buckets: usize| -> PolicySet {
        let statement = |n: usize| {
            format!(
                r#"{{"Effect": "Allow", "Action": ["s3:Get*", "s3:Put*"], "Resource": "arn:aws:s3:::b{n}/*", "Condition": {{"IpAddress": {{"aws:SourceIp": "10.{n}.0.0/16"}}}}}}"#
            )
        };
        let statements: Vec<String> = (0..buckets).map(statement).collect();
        let text =
            format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, statements.join(","));
        let document = PolicyDocument::parse(&text, PolicyKind::Identity).unwrap();
        let policy = CompiledPolicy::compile(PolicySource::Resource("p".into()), &document);
        alone(&Arc::new(policy), PolicyKind::Identity)
    };
    let (old, new) = (set(30), set(31));
    let scope = Scope::of(Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDAADA"));
    bencher.bench(|| compare(&old, &new, &scope).differences.len());
}
