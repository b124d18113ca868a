//! What is said backwards must be so forwards: formulas against the evaluator.

use proptest::{prelude::*, sample::select};
use tidegate_policy::{
    authorize,
    backwards::{Asked, Open, Verdict, outlook},
};

use crate::{
    case::{Ask, compile_all},
    generate::{ask, texts},
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
