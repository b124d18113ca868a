//! Two evaluators that share nothing must agree.

use std::collections::BTreeMap;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{
    compare::difference,
    generate::{ask, texts},
    oracle::{self, Verdict},
};

/// Four times what is usual, each with four requests; `cargo run --release -p tidegate-policy --example differential` runs for as
/// long as one likes.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases.saturating_mul(4), ..usual }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_way_to_decide_agrees_with_the_oracle(texts in texts(), asks in prop::collection::vec(ask(), 4)) {
        prop_assert_eq!(difference(&texts, &asks), None);
    }
}

/// A differential test proves nothing where the generated requests all end alike: each verdict by each type of policy comes up.
#[test]
fn the_generator_reaches_every_verdict_often() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<Verdict, usize> = BTreeMap::new();
    for _ in 0..4_000 {
        let texts = texts().new_tree(&mut runner).unwrap().current();
        let ask = ask().new_tree(&mut runner).unwrap().current();
        *seen.entry(oracle::decide(&texts, &ask)).or_default() += 1;
    }
    let types = [
        "identity-based policy",
        "resource-based policy",
        "role trust policy",
        "permissions boundary",
        "session policy",
        "service control policy",
        "resource control policy",
        "VPC endpoint policy",
    ];
    let wanted = types.iter().flat_map(|t| [Verdict::Silence(t), Verdict::Deny(t)]);
    for verdict in wanted.chain([Verdict::Allow]) {
        assert!(seen.get(&verdict).is_some_and(|n| *n >= 20), "{verdict:?}: {seen:#?}");
    }
    assert!(seen[&Verdict::Allow] >= 400, "{seen:#?}");
}
