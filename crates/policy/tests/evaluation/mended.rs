//! Changes that are said to keep a policy's meaning keep it: every request is decided as before.

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::Value as Json;
use tidegate_policy::{PolicyKind, authorize, mend};

use super::{
    case::{Texts, compile_all},
    generate::{ask, texts},
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

fn mended(texts: &Texts) -> (Texts, usize) {
    let mut made = 0;
    let mut keep = |policy: &Json, kind| {
        let (policy, count) = kept(policy, kind);
        made += count;
        policy
    };
    let resource = if texts.trust { PolicyKind::Trust } else { PolicyKind::Resource };
    let all = Texts {
        identity: texts.identity.iter().map(|p| keep(p, PolicyKind::Identity)).collect(),
        boundary: texts.boundary.as_ref().map(|p| keep(p, PolicyKind::Boundary)),
        resource: texts.resource.as_ref().map(|p| keep(p, resource)),
        ..texts.clone()
    };
    (all, made)
}

/// Advice looks through the whole catalogue, so that a case costs as much as a hundred decisions.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 4, ..usual }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_said_to_keep_the_meaning_keeps_it(texts in texts(), asks in prop::collection::vec(ask(), 4)) {
        let (after, made) = mended(&texts);
        if made > 0 {
            let (before, after) = (compile_all(&texts), compile_all(&after));
            for ask in asks {
                let asked = ask.asked();
                let [before, after] = [&before, &after].map(|set| authorize(set, &asked.request()));
                prop_assert_eq!(before.effect, after.effect);
                prop_assert_eq!(before.policy_type, after.policy_type);
            }
        }
    }

    #[test]
    fn a_mended_policy_has_nothing_left_to_mend(texts in texts()) {
        for policy in &texts.identity {
            let once = mend(&policy.to_string(), PolicyKind::Identity);
            let again = mend(&once.text, PolicyKind::Identity);
            prop_assert_eq!(&again.amendments, &[]);
            prop_assert_eq!(again.text, once.text);
        }
    }
}

#[test]
fn the_generator_reaches_such_changes_often() {
    let mut runner = TestRunner::deterministic();
    let made: usize =
        (0..100).map(|_| mended(&texts().new_tree(&mut runner).unwrap().current()).1).sum();
    assert!(made > 40, "{made}");
}
