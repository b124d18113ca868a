//! The laws, for each lattice and for each composition that is replicated.

use core::fmt::Debug;
use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{Clock, GroupId, NodeId, Origin, Stamp};

fn merged<L: Lattice + Clone>(a: &L, b: &L) -> L {
    let mut a = a.clone();
    a.merge(b);
    a
}

fn laws<L: Lattice + Clone + PartialEq + Debug>(a: &L, b: &L, c: &L) {
    assert_eq!(merged(a, b), merged(b, a), "commutative");
    assert_eq!(merged(&merged(a, b), c), merged(a, &merged(b, c)), "associative");
    assert_eq!(merged(a, a), *a, "idempotent");
    assert_eq!(merged(&merged(a, b), b), merged(a, b), "monotone");
}

fn lww() -> impl Strategy<Value = LwwRecord> {
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..2).prop_map(Bytes::from));
    (value, 0..2u64, 0..3u64)
        .prop_map(|(v, epoch, revision)| LwwRecord::new(v, Stamp { epoch, revision }))
}

/// What a node may do to a set.
fn two_phase() -> impl Strategy<Value = TwoPhaseSet<u8>> {
    prop::collection::vec((any::<bool>(), 0..6u8), 0..10).prop_map(|steps| {
        let mut set = TwoPhaseSet::default();
        for (add, member) in steps {
            if add { set.add(member) } else { set.remove([member]) }
        }
        set
    })
}

/// Counters as replicas have them: each node counts for itself alone, so equal counts of one node are one history.
fn counter() -> impl Strategy<Value = WindowedCounter> {
    (0..3u32, prop::collection::vec((0..3u64, 0..3u64), 0..6), 0..3u64).prop_map(
        |(resets, events, oldest)| {
            let mut counter = WindowedCounter::default();
            (0..resets).for_each(|_| counter.reset());
            for (window, node) in events {
                counter.increment(window, NodeId(node));
            }
            counter.expire(oldest);
            counter
        },
    )
}

fn clock() -> impl Strategy<Value = Clock> {
    prop::collection::vec((0..3u32, 0..2u32, 0..9u64), 0..6).prop_map(|positions| {
        let origin = |group, generation| Origin::Group { group: GroupId(group), generation };
        positions.into_iter().map(|(group, generation, s)| (origin(group, generation), s)).collect()
    })
}

fn last_used() -> impl Strategy<Value = BTreeMap<u8, MaxReg<(u64, u8)>>> {
    prop::collection::btree_map(0..4u8, (0..9u64, any::<u8>()).prop_map(MaxReg), 0..4)
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
    #[test]
    fn clocks(a in clock(), b in clock(), c in clock()) { laws(&a, &b, &c); }
    #[test]
    fn map_of_max_reg(a in last_used(), b in last_used(), c in last_used()) { laws(&a, &b, &c); }

    /// Each write moves a value up: a merge with what was before changes nothing.
    #[test]
    fn writes_move_up(set in two_phase(), count in counter(), member in 0..6u8, window in 0..4u64) {
        let (mut added, mut removed) = (set.clone(), set.clone());
        added.add(member);
        removed.remove([member]);
        prop_assert_eq!(merged(&added, &set), added);
        prop_assert_eq!(merged(&removed, &set), removed);
        let (mut more, mut none, mut fewer) = (count.clone(), count.clone(), count.clone());
        more.increment(window, NodeId(1));
        none.reset();
        fewer.expire(window);
        prop_assert_eq!(merged(&more, &count), more);
        prop_assert_eq!(merged(&none, &count), none);
        prop_assert_eq!(merged(&fewer, &count), fewer);
    }
}

#[test]
fn a_removed_member_never_comes_back_and_a_newer_one_stays() {
    let mut set = TwoPhaseSet::default();
    set.add(1);
    set.remove([1]);
    set.add(1);
    set.add(2);
    assert_eq!(set.iter().collect::<Vec<_>>(), [&2]);
    assert!(set.contains(&2) && !set.contains(&1));
}

#[test]
fn one_stamp_with_two_values_is_noticed() {
    let stamp = Stamp { epoch: 0, revision: 1 };
    let record = |v: &'static str| LwwRecord::new(Some(v.into()), stamp);
    assert!(record("a").conflicts(&record("b")));
    assert!(!record("a").conflicts(&record("a")));
}

#[test]
fn counts_add_up_over_nodes_and_end_with_a_reset_or_their_window() {
    let (mut a, mut b) = (WindowedCounter::default(), WindowedCounter::default());
    a.increment(7, NodeId(1));
    a.increment(7, NodeId(1));
    b.increment(7, NodeId(2));
    b.increment(8, NodeId(2));
    a.merge(&b);
    assert_eq!((a.count(7), a.count(8), a.count(9)), (3, 1, 0));
    a.expire(8);
    a.merge(&b);
    assert_eq!((a.count(7), a.count(8)), (0, 1));
    a.reset();
    a.merge(&b);
    assert_eq!(a.count(8), 0);
}
