//! What is said backwards must be so forwards: formulas against the evaluator.

use proptest::{prelude::*, sample::select};
use tidegate_policy::{
    PolicyKind, authorize,
    backwards::{Asked, Change, Open, Scope, Verdict, compare, outlook},
};

use crate::{
    case::{Ask, Texts, Who, compile_all},
    generate::{ask, policy, texts},
    words::{ACTION_PATTERNS, RESOURCE_PATTERNS},
};

/// Patterns that match what is asked: itself, one that may match others too, or everything.
fn around(ask: &Ask, action: &str, resource: &str) -> (String, String) {
    let pattern = |pattern: &str, text: &str| {
        let matches = tidegate_policy::wildcard_matches(pattern, text);
        if matches { pattern.to_owned() } else { text.to_owned() }
    };
    let lower = ask.action.to_ascii_lowercase();
    (pattern(&action.to_ascii_lowercase(), &lower), pattern(resource, ask.resource))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn the_outlook_is_what_comes(
        texts in texts(),
        ask in ask(),
        action in select(&ACTION_PATTERNS[..]),
        resource in select(&RESOURCE_PATTERNS[..]),
        session_known in any::<bool>(),
    ) {
        let set = compile_all(&texts);
        let asked = ask.asked();
        let request = asked.request();
        let (action, resource) = around(&ask, action, resource);
        let mut principal = asked.principal.clone();
        if !session_known {
            principal.session = None;
        }
        let found = outlook(&set, &Asked {
            resource_account: request.resource_account,
            policy_must_allow: request.resource_facts.is_some_and(|facts| facts.policy_must_allow),
            open: if session_known { Open::Nothing } else { Open::Session },
            ..Asked::new(&principal, &action, &resource)
        });
        let allowed = authorize(&set, &request).is_allowed();
        prop_assert_eq!(found.formula().holds(&request), allowed, "{:#?}", found);
        match found.verdict() {
            Verdict::Always => prop_assert!(allowed),
            Verdict::Never => prop_assert!(!allowed),
            Verdict::When(formula) => prop_assert_eq!(formula.holds(&request), allowed),
        }
    }
}

/// A theorem about formulas says little where most of them are constant.
#[test]
fn every_verdict_comes_up() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut seen = [0; 3];
    for _ in 0..1_000 {
        let texts = texts().new_tree(&mut runner).unwrap().current();
        let ask = ask().new_tree(&mut runner).unwrap().current();
        let asked = ask.asked();
        let found =
            outlook(&compile_all(&texts), &Asked::new(&asked.principal, &ask.action, ask.resource));
        seen[match found.verdict() {
            Verdict::Always => 0,
            Verdict::Never => 1,
            Verdict::When(_) => 2,
        }] += 1;
    }
    assert!(seen.iter().all(|times| *times >= 50), "{seen:?}");
}

/// The policies of one version, and of another that differs in one type of policy. In many of them two policies stand alone, so that
/// it is their conditions that decide.
fn versions() -> impl Strategy<Value = (Texts, Texts)> {
    let one = || {
        policy(PolicyKind::Identity)
            .prop_map(|policy| Texts { identity: vec![policy], ..Texts::default() })
    };
    prop_oneof![2 => whole_versions(), 3 => (one(), one())]
}

fn whole_versions() -> impl Strategy<Value = (Texts, Texts)> {
    (texts(), texts(), 0..7_u8).prop_map(|(old, other, which)| {
        let mut new = old.clone();
        match which {
            0 | 1 => new.identity = other.identity,
            2 => new.boundary = other.boundary,
            3 => new.session = other.session,
            4 => (new.resource, new.trust) = (other.resource, other.trust),
            5 => new.service_control = other.service_control,
            _ => new.resource_control = other.resource_control,
        }
        (old, new)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_comparison_finds_what_a_request_finds(
        (old, new) in versions(),
        asks in prop::collection::vec(ask(), 24),
    ) {
        let (old, new) = (compile_all(&old), compile_all(&new));
        let first = &asks[0];
        let mut principal = first.asked().principal;
        principal.session = None;
        let owner = first.owner.map(|owner| owner.parse().unwrap());
        let scope = Scope { owner, ..Scope::of(principal) };
        prop_assert!(compare(&old, &old, &scope).differences.is_empty());
        let found = compare(&old, &new, &scope);
        for difference in &found.differences {
            let request = difference.witness.request();
            let allowed = |set| authorize(set, &request).is_allowed();
            let decided = (allowed(&old), allowed(&new));
            prop_assert_eq!(decided.0, difference.change == Change::Narrowed);
            prop_assert_eq!(decided.1, difference.change == Change::Widened);
        }
        // Whatever the circumstances: those of every ask, under the same caller.
        for ask in &asks {
            let mut ask = Ask { owner: first.owner, facts: None, ..ask.clone() };
            let session = ask.caller.session.take();
            ask.caller = first.caller.clone();
            ask.caller.session = session.filter(|_| !matches!(ask.caller.who, Who::Service(_) | Who::Provider(_) | Who::Anonymous));
            let asked = ask.asked();
            let allowed = |set| authorize(set, &asked.request()).is_allowed();
            let change = match (allowed(&old), allowed(&new)) {
                (false, true) => Change::Widened,
                (true, false) => Change::Narrowed,
                _ => continue,
            };
            prop_assert!(found.any(change) || !found.limits.is_empty(), "{:#?}\n{:#?}", ask, found);
        }
    }
}

/// The theorem about comparisons says something only of those that claim to be complete, where requests differ.
#[test]
fn complete_comparisons_with_differences_come_up() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut complete, mut different, mut equal) = (0, 0, 0);
    for _ in 0..60 {
        let (old, new) = versions().new_tree(&mut runner).unwrap().current();
        let asked = ask().new_tree(&mut runner).unwrap().current().asked();
        let scope = Scope::of(asked.principal);
        let found = compare(&compile_all(&old), &compile_all(&new), &scope);
        complete += usize::from(found.limits.is_empty());
        different += usize::from(found.limits.is_empty() && !found.differences.is_empty());
        equal += usize::from(found.limits.is_empty() && found.differences.is_empty());
    }
    assert!(complete >= 15 && different >= 5 && equal >= 5, "{complete} {different} {equal}");
}
