//! The laws, for each lattice.

use core::fmt::Debug;

use proptest::prelude::*;

use super::*;

fn merged<L: Lattice + Clone>(a: &L, b: &L) -> L {
    let mut a = a.clone();
    a.merge(b);
    a
}

fn laws<L: Lattice + Clone + PartialEq + Debug>(a: &L, b: &L, c: &L) {
    assert_eq!(merged(a, b), merged(b, a), "commutative");
    assert_eq!(merged(&merged(a, b), c), merged(a, &merged(b, c)), "associative");
    assert_eq!(merged(a, a), *a, "idempotent");
    assert_eq!(merged(&merged(a, b), b), merged(a, b), "monotone: what was merged stays below");
}

fn lww() -> impl Strategy<Value = LwwRecord> {
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..2).prop_map(Bytes::from));
    (value, 0..2u64, 0..3u64)
        .prop_map(|(v, epoch, revision)| LwwRecord::new(v, Stamp { epoch, revision }))
}

fn two_phase() -> impl Strategy<Value = TwoPhaseSet<u8>> {
    (prop::collection::vec(0..6u8, 0..5), prop::collection::vec(0..6u8, 0..5)).prop_map(
        |(add, remove)| {
            let mut set = TwoPhaseSet::default();
            add.into_iter().for_each(|m| set.add(m));
            set.remove(remove);
            set
        },
    )
}

/// Counters as replicas have them: each node counts for itself alone, so equal counts of one node are one history.
fn counter() -> impl Strategy<Value = WindowedCounter> {
    (0..3u64, prop::collection::vec((0..3u64, 0..3u64), 0..6)).prop_map(|(epoch, events)| {
        let mut counter = WindowedCounter { epoch, ..WindowedCounter::default() };
        events.into_iter().for_each(|(window, node)| counter.increment(window, NodeId(node)));
        counter
    })
}

proptest! {
    #[test]
    fn lww_record(a in lww(), b in lww(), c in lww()) { laws(&a, &b, &c); }
    #[test]
    fn max_reg(a: u8, b: u8, c: u8) { laws(&MaxReg(a), &MaxReg(b), &MaxReg(c)); }
    #[test]
    fn two_phase_set(a in two_phase(), b in two_phase(), c in two_phase()) { laws(&a, &b, &c); }
    #[test]
    fn windowed_counter(a in counter(), b in counter(), c in counter()) { laws(&a, &b, &c); }
}

#[test]
fn a_removed_member_never_comes_back_and_a_newer_one_stays() {
    let mut set = TwoPhaseSet::default();
    set.add(1);
    set.remove([1]);
    set.add(1);
    set.add(2);
    assert_eq!(set.iter().collect::<Vec<_>>(), [&2]);
}

#[test]
fn one_stamp_with_two_values_is_noticed() {
    let stamp = Stamp { epoch: 0, revision: 1 };
    let record = |v: &'static str| LwwRecord::new(Some(v.into()), stamp);
    assert!(record("a").conflicts(&record("b")));
    assert!(!record("a").conflicts(&record("a")));
}
