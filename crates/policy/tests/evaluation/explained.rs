//! What an explanation says is so: its verdict is the decision's, the second evaluator allows what it advises and nothing less, and an
//! element that is said to have failed is what kept its statement from applying.

use std::sync::Arc;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::{Value as Json, json};
use tidegate_policy::{
    CompiledPolicy, Effect, Explanation, PolicyKind, PolicySet, PolicyType, explain,
    explain::{
        Bringer, Change, Check, Compared, FailedElement, NearMiss, Outcome, Part, PolicyChange,
        RequestChange,
    },
};

use crate::{
    case::{Ask, Texts, compile, compile_all},
    generate::{ask, texts},
    oracle::{self, Verdict},
};

fn told(texts: &Texts, ask: &Ask) -> Explanation {
    explain(&compile_all(texts), &ask.asked().request())
}

fn still(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// The same policies with a change made.
fn change_policy(texts: &mut Texts, change: &PolicyChange) {
    let document = change.document.as_ref().map(|text| serde_json::from_str(text).unwrap());
    let list = match change.policy_type {
        PolicyType::Boundary => return texts.boundary = document,
        PolicyType::VpcEndpoint => return texts.endpoint = document,
        PolicyType::Resource | PolicyType::Trust => return texts.resource = document,
        PolicyType::Identity => &mut texts.identity,
        PolicyType::Session => texts.session.get_or_insert_default(),
        PolicyType::ServiceControl => &mut texts.service_control[change.level.unwrap()],
        PolicyType::ResourceControl => &mut texts.resource_control[change.level.unwrap()],
    };
    match document {
        Some(document) if change.index == list.len() => list.push(document),
        Some(document) => list[change.index] = document,
        // Taken out when all others are in their places.
        None => list[change.index] = Json::Null,
    }
}

/// The same question with a change made.
fn change_request(ask: &mut Ask, change: &RequestChange) {
    let value = still(change.value.as_deref().unwrap_or("any"));
    let key = still(&change.key);
    let tag = key.split_once('/').map_or("", |(_, tag)| tag);
    let is = |known: &str, wanted: &str| known.eq_ignore_ascii_case(wanted);
    match (change.bringer, &mut ask.facts) {
        (Bringer::PrincipalTag, _) => {
            ask.caller.tags.retain(|(known, _)| !is(known, tag));
            ask.caller.tags.push((tag, value));
        }
        (Bringer::Session, _) => {
            let session = ask.caller.session.get_or_insert_default();
            session.retain(|(known, ..)| !is(known, key));
            session.push((key, vec![value], false));
        }
        (Bringer::ResourceTag, Some(facts)) => {
            facts.tags.retain(|(known, _)| !is(known, tag));
            facts.tags.push((tag, value));
        }
        (Bringer::Request, _) | (Bringer::ResourceTag, None) => {
            ask.context.retain(|(known, ..)| !is(known, key));
            ask.context.push((key, vec![value], false));
        }
    }
}

/// What the naive evaluator says with all changes made.
fn verdict_with(texts: &Texts, ask: &Ask, changes: &[Change]) -> Verdict {
    let (mut texts, mut ask) = (texts.clone(), ask.clone());
    for change in changes {
        match change {
            Change::Policy(change) => change_policy(&mut texts, change),
            Change::Request(change) => change_request(&mut ask, change),
        }
    }
    let Texts { identity, session, service_control, resource_control, .. } = &mut texts;
    let lists =
        [identity].into_iter().chain(session).chain(service_control).chain(resource_control);
    lists.for_each(|list| list.retain(|policy| !policy.is_null()));
    oracle::decide(&texts, &ask)
}

/// Whether the change at this place is the only one of its policy, so that all others can be made without it.
fn stands_alone(changes: &[Change], place: usize) -> bool {
    let slot = |change: &Change| match change {
        Change::Policy(change) => Some((change.policy_type, change.level, change.index)),
        Change::Request(_) => None,
    };
    let own = slot(&changes[place]);
    own.is_none() || changes.iter().filter(|change| slot(change) == own).count() == 1
}

/// Which check stands in the way first, and how.
fn first_in_the_way(checks: &[Check]) -> (Effect, Option<PolicyType>) {
    let first = |outcome| checks.iter().find(|check| check.outcome == outcome);
    match (first(Outcome::Denies), first(Outcome::Lacks)) {
        (Some(denies), _) => (Effect::ExplicitDeny, Some(denies.policy_type)),
        (None, Some(lacks)) => (Effect::ImplicitDeny, Some(lacks.policy_type)),
        (None, None) => (Effect::Allow, None),
    }
}

/// A check is what its parts say.
fn agrees(check: &Check) -> bool {
    let said = |effect| move |part: &Part| part.effect == effect;
    match check.outcome {
        Outcome::Denies => check.parts.iter().any(said(Effect::ExplicitDeny)),
        Outcome::Lacks => check.parts.iter().any(said(Effect::ImplicitDeny)),
        Outcome::Allows => check.parts.iter().all(said(Effect::Allow)),
        Outcome::Spared(_) => !check.parts.iter().any(said(Effect::ExplicitDeny)),
    }
}

/// The set with another policy in place of one.
fn replaced(set: &PolicySet, old: &Arc<CompiledPolicy>, new: &Arc<CompiledPolicy>) -> PolicySet {
    let mut set = set.clone();
    let PolicySet {
        identity,
        boundary,
        session,
        resource,
        service_control,
        resource_control,
        endpoint,
        ..
    } = &mut set;
    let lists =
        [identity].into_iter().chain(session).chain(service_control).chain(resource_control);
    let all = lists.flatten().chain(boundary).chain(resource).chain(endpoint);
    all.filter(|policy| Arc::ptr_eq(policy, old)).for_each(|policy| *policy = Arc::clone(new));
    set
}

fn kind(policy_type: PolicyType) -> PolicyKind {
    match policy_type {
        PolicyType::Identity => PolicyKind::Identity,
        PolicyType::Boundary => PolicyKind::Boundary,
        PolicyType::Session => PolicyKind::Session,
        PolicyType::Trust => PolicyKind::Trust,
        PolicyType::ServiceControl => PolicyKind::ServiceControl,
        PolicyType::ResourceControl => PolicyKind::ResourceControl,
        PolicyType::Resource | PolicyType::VpcEndpoint => PolicyKind::Resource,
    }
}

/// The policy with one element of a statement such that it matches every request.
fn matching(text: &str, index: usize, failed: &Compared, action: &str) -> Json {
    let mut policy: Json = serde_json::from_str(text).unwrap();
    let statement = match &mut policy["Statement"] {
        Json::Array(list) => &mut list[index],
        one => one,
    };
    let members = statement.as_object_mut().unwrap();
    let name = failed.element.name();
    let value = match failed.element {
        FailedElement::Condition => {
            let (operator, key) = failed.condition.as_ref().unwrap().split_once(' ').unwrap();
            let block = members["Condition"].as_object_mut().unwrap();
            let same = |known: &&String| known.eq_ignore_ascii_case(operator);
            let operator = block.keys().find(same).unwrap().clone();
            block[&operator].as_object_mut().unwrap().remove(key).unwrap();
            return policy;
        }
        FailedElement::Action => json!(action),
        // A trust policy, which names no resource, takes no bare `*`.
        FailedElement::Principal
            if !members.contains_key("Resource") && !members.contains_key("NotResource") =>
        {
            json!({"AWS": "*"})
        }
        FailedElement::Resource | FailedElement::Principal => json!("*"),
    };
    members.remove(&format!("Not{name}"));
    members.insert(name.to_owned(), value);
    policy
}

/// What still fails in a statement; `None` where it is not told of at all.
fn failing(part: &Part, policy: &Arc<CompiledPolicy>, index: usize) -> Option<Vec<String>> {
    let same = |found: &tidegate_policy::StatementRef| {
        Arc::ptr_eq(&found.policy, policy) && found.index == index
    };
    if part.matched.iter().any(|found| same(&found.statement)) {
        return Some(Vec::new());
    }
    let miss = part.near_misses.iter().find(|miss| same(&miss.statement))?;
    Some(miss.failures.iter().map(called).collect())
}

fn called(failed: &Compared) -> String {
    format!("{} {:?}", failed.element.name(), failed.condition)
}

/// The element stands where it is said to.
fn stands_there(text: &str, failed: &Compared) -> bool {
    // The generated texts are of one line and of characters of one byte.
    let (line, column) = failed.place.start;
    let there = &text[column - 1..failed.place.end.1 - 1];
    let not = if failed.negated { "Not" } else { "" };
    let key = match &failed.condition {
        Some(condition) => condition.split_once(' ').unwrap().1.to_owned(),
        None => format!("{not}{}", failed.element.name()),
    };
    line == 1 && there.starts_with(&format!("\"{key}\":"))
}

/// Mends each failure of a near miss alone, and says what is wrong then.
fn wrong_failure(
    set: &PolicySet,
    ask: &Ask,
    at: (usize, usize),
    miss: &NearMiss,
) -> Option<String> {
    let asked = ask.asked();
    let request = asked.request();
    let (policy, index) = (&miss.statement.policy, miss.statement.index);
    let policy_type = explain(set, &request).checks[at.0].policy_type;
    miss.failures.iter().find_map(|failed| {
        let text = matching(policy.text(), index, failed, &ask.action);
        let mended = compile(&text, kind(policy_type));
        let again = explain(&replaced(set, policy, &mended), &request);
        let found = failing(&again.checks[at.0].parts[at.1], &mended, index);
        let others = miss.failures.iter().map(called).filter(|other| *other != called(failed));
        let expected: Vec<String> = others.collect();
        let right = found.as_ref() == Some(&expected) && stands_there(policy.text(), failed);
        (!right).then(|| format!("{miss}\nthen {found:?}, not {expected:?}\n{}", policy.text()))
    })
}

proptest! {
    #[test]
    fn an_explanation_is_the_decision(texts in texts(), ask in ask()) {
        let told = told(&texts, &ask);
        let (effect, policy_type) = first_in_the_way(&told.checks);
        prop_assert_eq!((effect, policy_type), (told.decision.effect, told.decision.policy_type), "{}", told);
        prop_assert_eq!(told.checks.len(), 7);
        for check in &told.checks {
            prop_assert!(agrees(check), "{:#?}", check);
        }
        prop_assert_eq!(told.sentence.is_some(), effect != Effect::Allow);
        prop_assert!(told.suggestion.is_none() || effect != Effect::Allow);
    }

    #[test]
    fn the_oracle_allows_each_suggestion_and_nothing_less(texts in texts(), ask in ask()) {
        let told = told(&texts, &ask);
        if let Some(suggestion) = &told.suggestion {
            let changes = &suggestion.changes;
            prop_assert_eq!(verdict_with(&texts, &ask, changes), Verdict::Allow, "{}", told);
            for place in (0..changes.len()).filter(|place| stands_alone(changes, *place)) {
                let mut fewer = changes.clone();
                fewer.remove(place);
                prop_assert_ne!(verdict_with(&texts, &ask, &fewer), Verdict::Allow, "{}", told);
            }
        }
    }

    #[test]
    fn what_failed_is_what_failed(texts in texts(), ask in ask()) {
        let set = compile_all(&texts);
        let told = explain(&set, &ask.asked().request());
        for (n, check) in told.checks.iter().enumerate() {
            for (m, part) in check.parts.iter().enumerate() {
                for miss in &part.near_misses {
                    prop_assert_eq!(wrong_failure(&set, &ask, (n, m), miss), None);
                }
            }
        }
    }
}

/// Advice that is seldom given proves nothing: nearly every denial has one, and each kind of change comes up.
#[test]
fn suggestions_are_found_for_nearly_every_denial() {
    let mut runner = TestRunner::deterministic();
    let (mut denied, mut advised, mut of_policy, mut of_request) = (0, 0, 0, 0);
    for _ in 0..1_000 {
        let texts = texts().new_tree(&mut runner).unwrap().current();
        let ask = ask().new_tree(&mut runner).unwrap().current();
        let told = told(&texts, &ask);
        denied += usize::from(!told.decision.is_allowed());
        let Some(suggestion) = told.suggestion else { continue };
        advised += 1;
        let changes = || suggestion.changes.iter();
        of_policy += usize::from(changes().any(|change| matches!(change, Change::Policy(_))));
        of_request += usize::from(changes().any(|change| matches!(change, Change::Request(_))));
    }
    assert!(denied >= 500 && advised * 100 >= denied * 95, "{advised} of {denied}");
    assert!(of_policy >= 100 && of_request >= 50, "{of_policy} {of_request}");
}
