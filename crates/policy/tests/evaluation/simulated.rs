//! Simulations decide as the evaluator does, list the statements that its explanation lists, and miss no key that matters.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tidegate_policy::{
    Effect, PolicySource, PolicyType, StatementRef, authorize, explain,
    simulate::{
        self, ContextEntry, EvalDecision, EvaluationResult, SimulationRequest, SimulationSource,
    },
};

use super::{
    case::{ACCOUNT, Ask, Asked, Texts, Who, compile_all},
    generate::{ask, texts},
    oracle::{self, Verdict},
};

/// Keys of which a simulation's context speaks first, and an evaluator's never.
const NOT_OF_THE_CONTEXT: [&str; 4] =
    ["aws:username", "aws:multifactorauthpresent", "aws:principaltag/team", "aws:resourceorgid"];

/// The same request as both understand it.
fn common(mut ask: Ask) -> Ask {
    ask.facts = None;
    ask.context.retain(|(key, ..)| !NOT_OF_THE_CONTEXT.contains(&&*key.to_ascii_lowercase()));
    if ask.resource.contains(ACCOUNT) {
        ask.owner = Some(ACCOUNT);
    }
    ask
}

fn has_account(ask: &Ask) -> bool {
    !matches!(ask.caller.who, Who::Service(_) | Who::Provider(_) | Who::Anonymous)
}

/// Whether a resource of another account is asked for, whose policy nobody knows.
fn is_one_sided(texts: &Texts, ask: &Ask) -> bool {
    let abroad = ask.owner.is_some_and(|owner| owner != ACCOUNT);
    abroad && has_account(ask) && texts.resource.is_none()
}

fn request(ask: &Ask) -> SimulationRequest {
    let entry = |(key, values, many): &(&str, Vec<&str>, bool)| ContextEntry {
        context_key_name: (*key).to_owned(),
        context_key_values: values.iter().map(|value| (*value).to_owned()).collect(),
        context_key_type: many.then(|| "stringList".to_owned()),
    };
    SimulationRequest {
        action_names: vec![ask.action.clone()],
        resource_arns: vec![ask.resource.to_owned()],
        resource_owner: ask.owner.map(str::to_owned),
        context_entries: ask.context.iter().map(entry).collect(),
        ..SimulationRequest::default()
    }
}

fn simulated(texts: &Texts, asked: &Asked, request: &SimulationRequest) -> EvaluationResult {
    let source =
        SimulationSource { principal: Some(asked.principal.clone()), policies: compile_all(texts) };
    simulate::principal(request, &source).unwrap().evaluation_results.remove(0)
}

fn denies(found: &StatementRef) -> bool {
    let text: Json = serde_json::from_str(found.policy.text()).unwrap();
    text["Statement"][found.index]["Effect"] == "Deny"
}

/// What a simulation calls a policy of the generated cases.
fn id(source: &PolicySource) -> String {
    match source {
        PolicySource::Resource(_) => "ResourcePolicy".to_owned(),
        PolicySource::Managed(arn) => arn.resource().rsplit('/').next().unwrap().to_owned(),
        other => other.to_string(),
    }
}

fn with(request: &SimulationRequest, key: &str, value: &str) -> SimulationRequest {
    let mut request = request.clone();
    request.context_entries.push(ContextEntry {
        context_key_name: key.to_owned(),
        context_key_values: vec![value.to_owned()],
        context_key_type: None,
    });
    request
}

/// Keys that only the context brings, each with values that policies ask for.
const SUPPLIED: [(&str, &[&str]); 10] = [
    ("s3:prefix", &["b", "red", "c"]),
    ("s3:max", &["5", "10"]),
    ("s3:blob", &["QQ=="]),
    ("aws:SourceIp", &["10.1.2.3", "11.0.0.1"]),
    ("aws:CurrentTime", &["2026-01-01T00:00:00Z", "2024-01-01T00:00:00Z"]),
    ("aws:SecureTransport", &["true", "false"]),
    ("aws:SourceArn", &["arn:aws:s3:::b", "arn:aws:iam::123456789012:user/x"]),
    ("aws:ResourceTag/Team", &["red", "ada"]),
    ("aws:TagKeys", &["red", "Ada"]),
    ("no:such", &["red", "ada"]),
];

proptest! {
    #[test]
    fn a_simulation_decides_as_the_evaluator_and_lists_what_it_lists(texts in texts(), ask in ask()) {
        let ask = common(ask);
        let one_sided = is_one_sided(&texts, &ask);
        let mut whole = texts.clone();
        if one_sided {
            whole.resource = Some(json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}));
        }
        let asked = ask.asked();
        let found = simulated(&texts, &asked, &request(&ask));
        let set = compile_all(&whole);
        let why = explain(&set, &asked.request());
        prop_assert_eq!(found.eval_decision, EvalDecision::from(authorize(&set, &asked.request()).effect));
        let by_oracle = match oracle::decide(&whole, &ask) {
            Verdict::Allow => EvalDecision::Allowed,
            Verdict::Silence(_) => EvalDecision::ImplicitDeny,
            Verdict::Deny(_) => EvalDecision::ExplicitDeny,
        };
        prop_assert_eq!(found.eval_decision, by_oracle);

        let denied = why.decision.effect == Effect::ExplicitDeny;
        let granting = [PolicyType::Identity, PolicyType::Resource, PolicyType::Trust];
        let mut expected = Vec::new();
        let parts = || why.checks.iter().flat_map(|c| c.parts.iter().map(move |part| (c.policy_type, part)));
        for (policy_type, part) in parts() {
            let stands_in = one_sided && policy_type == PolicyType::Resource;
            for statement in part.matched.iter().map(|m| &m.statement).filter(|_| !stands_in) {
                let listed = if denies(statement) { true } else { !denied && granting.contains(&policy_type) };
                if listed {
                    expected.push((id(statement.policy.source()), statement.position().1));
                }
            }
        }
        let mut listed: Vec<_> = found
            .matched_statements
            .iter()
            .map(|s| (s.source_policy_id.clone(), (s.end_position.line, s.end_position.column)))
            .collect();
        // All policies of a case have the same name, so that two statements can look like one.
        for list in [&mut expected, &mut listed] {
            list.sort();
            list.dedup();
        }
        prop_assert_eq!(listed, expected);

        let said = |wanted| parts().filter(move |(policy_type, _)| *policy_type == wanted);
        let allows = |wanted| said(wanted).all(|(_, part)| part.effect == Effect::Allow);
        let boundary = found.permissions_boundary_decision_detail.map(|d| d.allowed_by_permissions_boundary);
        prop_assert_eq!(boundary, texts.boundary.as_ref().map(|_| allows(PolicyType::Boundary)));
        let limits = [PolicyType::ServiceControl, PolicyType::ResourceControl];
        let has_say = limits.into_iter().any(|wanted| said(wanted).next().is_some());
        let by_all = limits.into_iter().all(allows);
        let organizations = found.organizations_decision_detail.map(|d| d.allowed_by_organizations);
        prop_assert_eq!(organizations, has_say.then_some(by_all));
    }

    /// What is not missing changes nothing, and what is missing is asked for and not there.
    #[test]
    fn missing_are_the_keys_that_could_matter_and_no_others(texts in texts(), ask in ask()) {
        let ask = common(ask);
        let asked = ask.asked();
        let request = request(&ask);
        let found = simulated(&texts, &asked, &request);
        let missing: Vec<String> = found.missing_context_values.iter().map(|k| k.to_ascii_lowercase()).collect();
        for (key, values) in SUPPLIED {
            let lower = key.to_ascii_lowercase();
            let there = ask.context.iter().any(|(known, ..)| known.eq_ignore_ascii_case(key));
            if there || missing.contains(&lower) {
                continue;
            }
            for value in values {
                let again = simulated(&texts, &asked, &with(&request, key, value));
                prop_assert_eq!(found.eval_decision, again.eval_decision, "{} = {}", key, value);
                prop_assert_eq!(&found.matched_statements, &again.matched_statements, "{} = {}", key, value);
            }
        }
        let written = format!("{texts:?}").to_ascii_lowercase();
        for key in &found.missing_context_values {
            let lower = key.to_ascii_lowercase();
            prop_assert!(written.contains(&lower), "nobody asks for {}", key);
            prop_assert!(ask.context.iter().all(|(known, ..)| !known.eq_ignore_ascii_case(key)));
            let again = simulated(&texts, &asked, &with(&request, key, "red"));
            prop_assert!(again.missing_context_values.iter().all(|k| !k.eq_ignore_ascii_case(key)), "{}", key);
        }
        let mut once = missing.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), missing.len());
    }
}

/// The properties above prove nothing where no key is ever missing or no statement ever listed.
#[test]
fn the_generator_reaches_lists_and_missing_keys_often() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut missing, mut listed, mut several) = (0, 0, 0);
    for _ in 0..1_000 {
        let texts = texts().new_tree(&mut runner).unwrap().current();
        let ask = common(ask().new_tree(&mut runner).unwrap().current());
        let found = simulated(&texts, &ask.asked(), &request(&ask));
        missing += usize::from(!found.missing_context_values.is_empty());
        listed += usize::from(!found.matched_statements.is_empty());
        several += usize::from(found.matched_statements.len() > 1);
    }
    assert!(missing > 100 && listed > 300 && several > 50, "{missing} {listed} {several}");
}
