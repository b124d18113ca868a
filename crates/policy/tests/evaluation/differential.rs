//! Two evaluators that share nothing must agree.

use std::collections::BTreeMap;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use tidegate_policy::{ComposedPolicies, Effect, authorize, explain};

use crate::{
    generate::{ask, compile_all, texts},
    oracle,
};

/// Four times what is usual, each with four requests; `PROPTEST_CASES=100000` makes it an evening's run.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases.saturating_mul(4), ..usual }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_way_to_decide_agrees_with_the_oracle(texts in texts(), asks in prop::collection::vec(ask(), 4)) {
        let set = compile_all(&texts);
        let composed = ComposedPolicies::new(set.clone());
        for ask in &asks {
            let request = ask.request();
            let expected = oracle::decide(&texts, &request);
            prop_assert_eq!(authorize(&set, &request).effect, expected, "{:#?}", ask);
            prop_assert_eq!(composed.authorize(&request).effect, expected, "composed: {:#?}", ask);
            prop_assert_eq!(explain(&set, &request).decision.effect, expected, "explained: {:#?}", ask);
        }
    }
}

/// A differential test proves nothing where the generated requests all end alike.
#[test]
fn the_generator_reaches_every_effect_often() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<Effect, usize> = BTreeMap::new();
    for _ in 0..1_000 {
        let texts = texts().new_tree(&mut runner).unwrap().current();
        let ask = ask().new_tree(&mut runner).unwrap().current();
        *seen.entry(oracle::decide(&texts, &ask.request())).or_default() += 1;
    }
    for effect in [Effect::Allow, Effect::ImplicitDeny, Effect::ExplicitDeny] {
        assert!(seen.get(&effect).is_some_and(|n| *n >= 100), "{seen:?}");
    }
}
