//! How long a decision takes: `cargo bench -p tidegate-policy`.
//!
//! The workload of `testdata/decision-workload`: a user with K policies of eight statements, 64 requests, half of them allowed. The
//! request with its context is built outside the measured part; nothing is cached between decisions. One item is one decision.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark that can't read its data must stop"
)]

use std::sync::Arc;

use divan::{Bencher, black_box, counter::ItemsCount};
use serde_json::Value as Json;
use tidegate_policy::{
    Action, CompiledPolicy, ComposedPolicies, Context, PolicyDocument, PolicyKind, PolicySet,
    PolicySource, Principal, Request, authorize, aws_managed,
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
    let document = PolicyDocument::parse(text, PolicyKind::Identity).unwrap();
    Arc::new(CompiledPolicy::compile(PolicySource::Session(0), &document))
}

fn set(k: usize) -> PolicySet {
    PolicySet {
        identity: documents(k).iter().map(|text| compile(text)).collect(),
        ..PolicySet::default()
    }
}

fn decide_all(bencher: Bencher<'_, '_>, k: usize, decide: impl Fn(&Request<'_>) -> bool + Sync) {
    let rows: Vec<Json> = serde_json::from_str(data(k).1).unwrap();
    let principal = Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDAADA");
    let text = |row: &Json, key: &str| row[key].as_str().unwrap().to_owned();
    let requests: Vec<(Action, String, Context)> = rows
        .iter()
        .map(|row| {
            let context = Context::default()
                .with("aws:RequestedRegion", text(row, "region"))
                .with("aws:SourceIp", text(row, "ip"))
                .with("aws:MultiFactorAuthPresent", row["mfa"].as_bool().unwrap());
            (Action::parse(&text(row, "action")).unwrap(), text(row, "resource"), context)
        })
        .collect();
    bencher.counter(ItemsCount::new(requests.len())).bench_local(|| {
        for (action, resource, context) in &requests {
            black_box(decide(black_box(&Request::new(&principal, action, resource, context))));
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
