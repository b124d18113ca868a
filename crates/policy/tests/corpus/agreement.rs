//! The corpus decided in every other way that there is: composed, explained, and by the naive evaluator.

use serde_json::Value as Json;
use tidegate_policy::{
    ComposedPolicies, Effect, PolicySet, PolicyType, Request, authorize, cases::Situation, explain,
};

use crate::{files, load, oracle};

/// What the naive evaluator does not know. Cases with these are judged by what they expect alone.
const UNKNOWN_KEYS: [&str; 3] =
    ["aws:principaltype", "aws:principalisawsservice", "aws:principalservicename"];
const KNOWN_OPERATORS: [&str; 13] = [
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "ArnEquals",
    "ArnLike",
    "NumericEquals",
    "NumericLessThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateLessThanEquals",
    "DateGreaterThan",
    "Bool",
    "IpAddress",
];

#[test]
fn every_way_to_decide_gives_one_effect() {
    for file in files() {
        for (name, situation) in file.situations(&load) {
            let Situation { set, .. } = situation.as_ref().unwrap_or_else(|e| panic!("{name}: {e}"));
            let composed = ComposedPolicies::new(set.clone());
            for request in situation.as_ref().unwrap().requests() {
                let effect = authorize(set, &request).effect;
                assert_eq!(composed.authorize(&request).effect, effect, "composed: {name}");
                assert_eq!(explain(set, &request).decision.effect, effect, "explained: {name}");
            }
        }
    }
}

#[test]
fn the_naive_evaluator_agrees_where_it_knows_the_words() {
    let (mut asked, mut left_out) = (0, 0);
    let mut differing = Vec::new();
    for file in files() {
        let report = file.run(&load);
        let known: Vec<&str> = report.known().map(|case| case.name.as_str()).collect();
        for (name, situation) in file.situations(&load) {
            let situation = situation.unwrap_or_else(|e| panic!("{name}: {e}"));
            let Some(texts) = texts(&situation.set).filter(|_| !known.contains(&name)) else {
                left_out += 1;
                continue;
            };
            for request in situation.requests() {
                asked += 1;
                let (engine, naive) = (effect(&situation, &request), oracle::decide(&texts, &request));
                if engine != naive {
                    differing.push(format!("{name}: engine {engine:?}, naive {naive:?}"));
                }
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(asked > 2 * left_out, "{asked} requests asked, {left_out} cases left out");
}

fn effect(situation: &Situation, request: &Request<'_>) -> Effect {
    authorize(&situation.set, request).effect
}

/// The policies as the naive evaluator reads them; `None` where one of them has words that it does not know.
fn texts(set: &PolicySet) -> Option<oracle::Texts> {
    let read = |policy: &std::sync::Arc<tidegate_policy::CompiledPolicy>| {
        let json: Json = serde_json::from_str(policy.text()).unwrap();
        is_known(&json).then_some(json)
    };
    let many = |policies: &[_]| policies.iter().map(read).collect::<Option<Vec<_>>>();
    let session = match &set.session {
        Some(policies) => Some(many(policies)?),
        None => None,
    };
    let trust = set.resource.as_ref().is_some_and(|policy| {
        matches!(policy.source(), tidegate_policy::PolicySource::Trust(_))
    });
    Some(oracle::Texts {
        identity: many(&set.identity)?,
        boundary: match &set.boundary {
            Some(policy) => Some(read(policy)?),
            None => None,
        },
        session,
        resource: match &set.resource {
            Some(policy) => Some(read(policy)?),
            None => None,
        },
        trust,
    })
}

fn is_known(policy: &Json) -> bool {
    let statements = match &policy["Statement"] {
        Json::Array(statements) => statements.clone(),
        one => vec![one.clone()],
    };
    statements.iter().all(|statement| {
        let named = ["Principal", "NotPrincipal"].map(|element| &statement[element]);
        let federated = named.iter().any(|element| element.get("Federated").is_some());
        let conditions = statement["Condition"].as_object().cloned().unwrap_or_default();
        !federated && conditions.iter().all(|(operator, keys)| is_known_condition(operator, keys))
    })
}

fn is_known_condition(operator: &str, keys: &Json) -> bool {
    let base = operator.rsplit(':').next().unwrap_or_default().trim_end_matches("IfExists");
    let known = operator == "Null" || KNOWN_OPERATORS.contains(&base.replace("Not", "").as_str());
    // It reads only whole dates in UTC.
    let dates = |values: &Json| {
        let text = values.to_string();
        !base.starts_with("Date") || text.split(',').all(|v| v.contains('Z') || !v.contains('-'))
    };
    let keys = keys.as_object().cloned().unwrap_or_default();
    known
        && keys.iter().all(|(key, values)| {
            !UNKNOWN_KEYS.contains(&key.to_lowercase().as_str()) && dates(values)
        })
}

/// The types of policy that the cases speak of, so that none is forgotten.
#[test]
fn every_type_of_policy_decides_some_case() {
    let mut seen = std::collections::BTreeSet::new();
    for file in files() {
        for (_, situation) in file.situations(&load) {
            let situation = situation.unwrap();
            seen.extend(situation.requests().filter_map(|r| authorize(&situation.set, &r).policy_type));
        }
    }
    for policy_type in [
        PolicyType::Identity,
        PolicyType::Resource,
        PolicyType::Boundary,
        PolicyType::Session,
        PolicyType::Trust,
    ] {
        assert!(seen.contains(&policy_type), "no case is decided by a {policy_type}");
    }
}
