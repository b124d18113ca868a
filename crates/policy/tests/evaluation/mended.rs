//! Changes that are said to keep a policy's meaning keep it: every request is decided as before.

use proptest::{prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};
use serde_json::Value as Json;
use tidegate_policy::{PolicyKind, authorize, mend};

use super::{
    case::{Texts, compile_all},
    generate::{ask, policy},
};

/// The policy mended, where all of its changes keep its meaning, and how many there were.
fn kept(policy: &Json, kind: PolicyKind) -> (Json, usize) {
    let mended = mend(&policy.to_string(), kind);
    if mended.amendments.iter().all(|amendment| amendment.keeps_meaning) {
        (serde_json::from_str(&mended.text).unwrap(), mended.amendments.len())
    } else {
        (policy.clone(), 0)
    }
}

/// The policy alone: every decision hangs on it.
fn alone(policy: Json, kind: PolicyKind) -> Texts {
    match kind {
        PolicyKind::Identity => Texts { identity: vec![policy], ..Texts::default() },
        _ => Texts {
            resource: Some(policy),
            trust: kind == PolicyKind::Trust,
            identity: vec![
                serde_json::json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),
            ],
            ..Texts::default()
        },
    }
}

fn any_policy() -> impl Strategy<Value = (PolicyKind, Json)> {
    let kinds =
        vec![PolicyKind::Identity, PolicyKind::Identity, PolicyKind::Resource, PolicyKind::Trust];
    select(kinds).prop_flat_map(|kind| (Just(kind), policy(kind)))
}

/// Advice looks through the whole catalogue, so that a case costs as much as a hundred decisions.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 2, ..usual }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_said_to_keep_the_meaning_keeps_it(
        (kind, policy) in any_policy(), asks in prop::collection::vec(ask(), 100),
    ) {
        let (mended, made) = kept(&policy, kind);
        if made > 0 {
            let [before, after] = [policy, mended].map(|policy| compile_all(&alone(policy, kind)));
            for ask in asks {
                let asked = ask.asked();
                let [before, after] = [&before, &after].map(|set| authorize(set, &asked.request()));
                prop_assert_eq!(before.effect, after.effect, "{:?}", ask);
                prop_assert_eq!(before.policy_type, after.policy_type, "{:?}", ask);
            }
        }
    }

    #[test]
    fn a_mended_policy_has_nothing_left_to_mend((kind, policy) in any_policy()) {
        let once = mend(&policy.to_string(), kind);
        let again = mend(&once.text, kind);
        prop_assert_eq!(&again.amendments, &[]);
        prop_assert_eq!(again.text, once.text);
    }
}

#[test]
fn the_generator_reaches_such_changes_often() {
    let mut runner = TestRunner::deterministic();
    let mut any = || any_policy().new_tree(&mut runner).unwrap().current();
    let changed = (0..200).map(|_| any()).filter(|(kind, policy)| kept(policy, *kind).1 > 0);
    let changed = changed.count();
    assert!(changed > 30, "{changed}");
}
