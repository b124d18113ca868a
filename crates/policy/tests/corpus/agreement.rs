//! The corpus decided in every other way that there is: composed, explained, and by the naive evaluator.

use std::collections::BTreeSet;

use tidegate_policy::{ComposedPolicies, PolicyType, authorize, explain};

use crate::{files, load, naive, oracle::decide};

#[test]
fn every_way_to_decide_gives_one_effect() {
    for file in files() {
        for (name, situation) in file.situations(&load) {
            let situation = situation.unwrap_or_else(|e| panic!("{name}: {e}"));
            let composed = ComposedPolicies::new(situation.set.clone());
            for request in situation.requests() {
                let effect = authorize(&situation.set, &request).effect;
                assert_eq!(composed.authorize(&request).effect, effect, "composed: {name}");
                let explained = explain(&situation.set, &request).decision.effect;
                assert_eq!(explained, effect, "explained: {name}");
            }
        }
    }
}

/// No more than this share of the cases may hold words that the naive evaluator does not know, in per cent.
const LEFT_OUT_MAX: usize = 10;

#[test]
fn the_naive_evaluator_agrees_where_it_knows_the_words() {
    let (mut cases, mut left_out) = (0, Vec::new());
    let mut differing = Vec::new();
    for file in files() {
        let report = file.run(&load);
        let known: BTreeSet<&str> = report.known().map(|case| case.name.as_str()).collect();
        for (name, situation) in file.situations(&load) {
            cases += 1;
            let situation = situation.unwrap_or_else(|e| panic!("{name}: {e}"));
            let Some(texts) = naive::texts(&situation).filter(|_| !known.contains(name)) else {
                left_out.push(name.to_owned());
                continue;
            };
            for request in situation.requests() {
                let engine = naive::verdict(&authorize(&situation.set, &request));
                let other = decide(&texts, &naive::ask(&situation, &request));
                if engine != other {
                    differing.push(format!("{name}: engine {engine:?}, naive {other:?}"));
                }
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    let share = left_out.len() * 100 / cases;
    assert!(share <= LEFT_OUT_MAX, "{share} % of {cases} cases left out: {left_out:#?}");
}

/// Every type of policy decides some case.
#[test]
fn every_type_of_policy_decides_some_case() {
    let mut seen = BTreeSet::new();
    for file in files() {
        for (_, situation) in file.situations(&load) {
            let situation = situation.unwrap();
            let types = |request| authorize(&situation.set, &request).policy_type;
            seen.extend(situation.requests().filter_map(types));
        }
    }
    for policy_type in [
        PolicyType::Identity,
        PolicyType::Resource,
        PolicyType::Boundary,
        PolicyType::Session,
        PolicyType::Trust,
        PolicyType::ServiceControl,
        PolicyType::ResourceControl,
        PolicyType::VpcEndpoint,
    ] {
        assert!(seen.contains(&policy_type), "no case is decided by a {policy_type}");
    }
}
