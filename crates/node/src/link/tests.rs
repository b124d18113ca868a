//! The link model keeps its word: same seed, same fate; bad numbers are refused.

use super::*;

fn region(name: &str) -> RegionName {
    RegionName::new(name).unwrap()
}

fn wild() -> Link {
    Link {
        delay: Delay::LogNormal { median: Duration::from_millis(40), sigma: 0.5 },
        loss: 0.2,
        duplication: 0.2,
        reordering: 0.5,
        ..Link::default()
    }
}

fn fates(seed: u64) -> Vec<Verdict> {
    let model = LinkModel::new(seed);
    model.set(region("a"), region("b"), wild()).unwrap();
    (0..200).map(|_| model.verdict(&region("a"), &region("b"))).collect()
}

#[test]
fn one_seed_gives_one_sequence_of_fates() {
    assert_eq!(fates(7), fates(7));
    assert_ne!(fates(7), fates(8));
}

#[test]
fn every_fate_occurs() {
    let fates = fates(7);
    assert!(fates.contains(&Verdict::Lost));
    assert!(fates.iter().any(|v| matches!(v, Verdict::Deliver { after, .. } if after.len() == 2)));
    assert!(fates.iter().any(|v| matches!(v, Verdict::Deliver { ordered: false, .. })));
}

#[test]
fn a_partition_loses_and_a_freeze_holds_only_their_own_direction() {
    let model = LinkModel::new(1);
    model.set(region("a"), region("b"), Link { partitioned: true, ..Link::default() }).unwrap();
    model.set(region("b"), region("a"), Link { frozen: true, ..Link::default() }).unwrap();
    assert_eq!(model.verdict(&region("a"), &region("b")), Verdict::Lost);
    assert_eq!(model.verdict(&region("b"), &region("a")), Verdict::Held);
    assert!(matches!(model.verdict(&region("a"), &region("c")), Verdict::Deliver { .. }));
    model.clear();
    assert!(matches!(model.verdict(&region("a"), &region("b")), Verdict::Deliver { .. }));
}

#[test]
fn bad_numbers_are_refused_and_change_nothing() {
    let model = LinkModel::new(1);
    for bad in [
        Link { loss: 1.5, ..Link::default() },
        Link { duplication: f64::NAN, ..Link::default() },
        Link { reordering: -0.1, ..Link::default() },
        Link::delayed(Duration::from_secs(61)),
        Link {
            delay: Delay::Uniform(Duration::from_secs(2), Duration::from_secs(1)),
            ..Link::default()
        },
    ] {
        assert!(model.set(region("a"), region("b"), bad).is_err());
    }
    assert!(model.links().is_empty());
}
