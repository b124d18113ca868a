//! How long a decision takes: `cargo bench -p tidegate-policy`.
//!
//! The workload of `testdata/decision-workload`: a user with K policies of eight statements, 64 requests, half of them allowed. The
//! request with its context is built outside the measured part; nothing is cached between decisions. One item is one decision.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a benchmark that can't read its data must stop"
)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use divan::{Bencher, black_box, counter::ItemsCount};
use serde_json::Value as Json;
use tidegate_policy::{
    Action, CompiledPolicy, ComposedPolicies, Context, PolicyDocument, PolicyKind, PolicySet,
    PolicySource, Principal, Request, SessionContext, UnixMillis, authorize, aws_managed,
};

fn main() {
    divan::main();
}

const K: [usize; 3] = [1, 10, 50];

fn data(k: usize) -> (&'static str, &'static str) {
    macro_rules! data {
        ($k:literal) => {
            (
                include_str!(concat!("../testdata/decision-workload/", $k, "/policies.json")),
                include_str!(concat!("../testdata/decision-workload/", $k, "/requests.json")),
            )
        };
    }
    match k {
        1 => data!("k1"),
        10 => data!("k10"),
        _ => data!("k50"),
    }
}

fn documents(k: usize) -> Vec<String> {
    let policies: Vec<Json> = serde_json::from_str(data(k).0).unwrap();
    policies.iter().map(ToString::to_string).collect()
}

fn compile(text: &str) -> Arc<CompiledPolicy> {
    compile_as(PolicyKind::Identity, text)
}

fn compile_as(kind: PolicyKind, text: &str) -> Arc<CompiledPolicy> {
    let document = PolicyDocument::parse(text, kind).unwrap();
    Arc::new(CompiledPolicy::compile(PolicySource::Session(0), &document))
}

fn set(k: usize) -> PolicySet {
    PolicySet {
        identity: documents(k).iter().map(|text| compile(text)).collect(),
        ..PolicySet::default()
    }
}

/// The user of the workload, with temporary credentials.
fn ada(mfa: bool) -> Principal {
    let session = SessionContext::new(UnixMillis(1_767_225_600_000));
    let session = if mfa { session.with_mfa(Duration::from_secs(60)) } else { session };
    Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDAADA0000000000000")
        .with_session(session)
}

fn decide_all(bencher: Bencher<'_, '_>, k: usize, decide: impl Fn(&Request<'_>) -> bool + Sync) {
    let rows: Vec<Json> = serde_json::from_str(data(k).1).unwrap();
    let text = |row: &Json, key: &str| row[key].as_str().unwrap().to_owned();
    let requests: Vec<(Principal, Action, String, Context)> = rows
        .iter()
        .map(|row| {
            let context = Context::default()
                .with("aws:RequestedRegion", text(row, "region"))
                .with("aws:SourceIp", text(row, "ip"));
            let action = Action::parse(&text(row, "action")).unwrap();
            (ada(row["mfa"] == true), action, text(row, "resource"), context)
        })
        .collect();
    bencher.counter(ItemsCount::new(requests.len())).bench_local(|| {
        for (principal, action, resource, context) in &requests {
            black_box(decide(black_box(&Request::new(principal, action, resource, context))));
        }
    });
}

/// Each policy searched through its own index.
#[divan::bench(args = K)]
fn decide_policy_by_policy(bencher: Bencher<'_, '_>, k: usize) {
    let set = set(k);
    decide_all(bencher, k, |request| authorize(&set, request).is_allowed());
}

/// All policies of the user under one index.
#[divan::bench(args = K)]
fn decide_composed(bencher: Bencher<'_, '_>, k: usize) {
    let composed = ComposedPolicies::new(set(k));
    decide_all(bencher, k, |request| composed.authorize(request).is_allowed());
}

/// A large company's user: twenty managed policies, ten groups with one each, a boundary, a session policy and service control
/// policies at three levels.
fn busy() -> PolicySet {
    let full =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let regions = r#"{"Version":"2012-10-17","Statement":{"Sid":"Regions","Effect":"Deny","NotAction":["iam:*","sts:*","organizations:*","support:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","eu-central-1","us-east-1"]},"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/breakglass"}}}}"#;
    let guard = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Trail","Effect":"Deny","Action":["cloudtrail:StopLogging","cloudtrail:DeleteTrail"],"Resource":"*"},{"Sid":"Public","Effect":"Deny","Action":"s3:PutBucketPublicAccessBlock","Resource":"*"}]}"#;
    let managed = [
        "AmazonS3ReadOnlyAccess",
        "AmazonEC2ReadOnlyAccess",
        "AmazonDynamoDBReadOnlyAccess",
        "AWSLambda_ReadOnlyAccess",
        "CloudWatchReadOnlyAccess",
        "CloudWatchLogsReadOnlyAccess",
        "AmazonSQSReadOnlyAccess",
        "AmazonSNSReadOnlyAccess",
        "AmazonRDSReadOnlyAccess",
        "AmazonRoute53ReadOnlyAccess",
        "AmazonVPCReadOnlyAccess",
        "AmazonECS_FullAccess",
        "AmazonKinesisReadOnlyAccess",
        "AmazonElastiCacheReadOnlyAccess",
        "AWSCloudFormationReadOnlyAccess",
        "AWSCodeBuildReadOnlyAccess",
        "IAMReadOnlyAccess",
        "SecurityAudit",
        "ViewOnlyAccess",
        "PowerUserAccess",
    ];
    let named = |name: &str| {
        let found = aws_managed::all().iter().find(|policy| &*policy.name == name);
        found.and_then(aws_managed::ManagedPolicy::compiled).unwrap_or_else(|| unknown(name))
    };
    let level = |texts: &[&str]| {
        texts.iter().map(|text| compile_as(PolicyKind::ServiceControl, text)).collect()
    };
    let groups = documents(10);
    PolicySet {
        identity: managed
            .into_iter()
            .map(named)
            .chain(groups.iter().map(|text| compile(text)))
            .collect(),
        boundary: Some(named("PowerUserAccess")),
        session: Some(vec![compile(full)]),
        service_control: vec![level(&[full, guard]), level(&[full, regions]), level(&[full])],
        ..PolicySet::default()
    }
}

fn unknown(name: &str) -> ! {
    panic!("AWS has no managed policy {name}")
}

/// Each policy of the large company's user searched through its own index.
#[divan::bench]
fn decide_busy_policy_by_policy(bencher: Bencher<'_, '_>) {
    let set = busy();
    decide_all(bencher, 10, |request| authorize(&set, request).is_allowed());
}

/// The large company's user under one index.
#[divan::bench]
fn decide_busy_composed(bencher: Bencher<'_, '_>) {
    let composed = ComposedPolicies::new(busy());
    decide_all(bencher, 10, |request| composed.authorize(request).is_allowed());
}

/// A bucket's policy of five hundred statements, each for a role and its folder; every other one with a condition.
fn large_resource_policy() -> Arc<CompiledPolicy> {
    let statement = |n: usize| {
        let condition = if n.is_multiple_of(2) {
            r#","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#
        } else {
            ""
        };
        format!(
            r#"{{"Sid":"S{n}","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::123456789012:role/team-{n}"}},"Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::shared/team-{n}/*"{condition}}}"#
        )
    };
    let statements: Vec<String> = (0..500).map(statement).collect();
    compile_as(
        PolicyKind::Resource,
        &format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(",")),
    )
}

/// A decision on the bucket with five hundred statements, half of them allowed.
#[divan::bench]
fn decide_large_resource_policy(bencher: Bencher<'_, '_>) {
    let set = PolicySet { resource: Some(large_resource_policy()), ..PolicySet::default() };
    let account = "123456789012".parse().unwrap();
    let action = Action::parse("s3:GetObject").unwrap();
    let context = Context::default().with("aws:SourceIp", "10.1.2.3");
    let asks: Vec<(Principal, String)> = (0..64)
        .map(|n| {
            let (role, folder) = (n * 7, n * 7 + n % 2);
            let role = format!("team-{role}");
            let caller = Principal::role_session(account, "/", &role, "AROATEAM", "s");
            (caller, format!("arn:aws:s3:::shared/team-{folder}/report.csv"))
        })
        .collect();
    bencher.counter(ItemsCount::new(asks.len())).bench_local(|| {
        for (caller, resource) in &asks {
            let request = Request::new(caller, &action, resource, &context);
            black_box(authorize(&set, black_box(&request)).is_allowed());
        }
    });
}

/// Parsing and compiling the K policies.
#[divan::bench(args = K)]
fn parse_and_compile(bencher: Bencher<'_, '_>, k: usize) {
    let documents = documents(k);
    bencher
        .counter(ItemsCount::new(documents.len()))
        .bench_local(|| documents.iter().map(|text| compile(black_box(text))).collect::<Vec<_>>());
}

/// Composing the K compiled policies.
#[divan::bench(args = K)]
fn compose(bencher: Bencher<'_, '_>, k: usize) {
    let set = set(k);
    bencher.bench_local(|| ComposedPolicies::new(black_box(set.clone())));
}

/// Parsing and compiling all managed policies of AWS.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn parse_and_compile_aws_managed(bencher: Bencher<'_, '_>) {
    let all = aws_managed::all();
    bencher.counter(ItemsCount::new(all.len())).bench_local(|| {
        all.iter().map(|policy| compile(black_box(&policy.document))).collect::<Vec<_>>()
    });
}

/// A policy of 6 KiB, every list written as one.
fn six_kib() -> String {
    let statement = |n: usize| {
        format!(
            r#"{{"Sid":"Statement{n}","Effect":"Allow","Action":["s3:GetObject","s3:PutObject","dynamodb:Query"],"Resource":["arn:aws:s3:::bucket-{n}/folder/*","arn:aws:dynamodb:eu-west-1:123456789012:table/t{n}"],"Condition":{{"StringEquals":{{"aws:RequestedRegion":["eu-west-1","eu-central-1"]}},"Bool":{{"aws:SecureTransport":["true"]}}}}}}"#
        )
    };
    let statements: Vec<String> = (0..19).map(statement).collect();
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

/// The same as a typed structure, for serde: no positions, no grammar, no duplicate keys.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
struct TypedPolicy {
    version: String,
    statement: Vec<TypedStatement>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only read")]
struct TypedStatement {
    sid: Option<String>,
    effect: String,
    action: Vec<String>,
    resource: Vec<String>,
    condition: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// Parsing and validating a policy of 6 KiB.
#[divan::bench]
fn parse_six_kib(bencher: Bencher<'_, '_>) {
    let text = six_kib();
    assert!((6_000..6_500).contains(&text.len()), "{}", text.len());
    bencher.bench_local(|| PolicyDocument::parse(black_box(&text), PolicyKind::Identity).unwrap());
}

/// Reading it with `serde_json`, to compare.
#[divan::bench]
fn parse_six_kib_with_serde(bencher: Bencher<'_, '_>) {
    let text = six_kib();
    bencher.bench_local(|| serde_json::from_str::<TypedPolicy>(black_box(&text)).unwrap());
}
