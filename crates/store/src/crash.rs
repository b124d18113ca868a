//! Whatever is merged, and wherever a crash falls: records, index and clock agree, and what was synced is there.

use core::ops::Bound;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use proptest::prelude::*;
use tidegate_replica::{Clock, Dot, GroupId, Origin, Record, Records, Replaced, Stamp};

use crate::{Batch, Committer, Engine, Faults, FaultyEngine, MemoryEngine, NodeStore, Tree, keys};

#[derive(Clone, Debug)]
enum Step {
    /// An origin writes some keys; a value of 0 is a tombstone.
    Merge {
        group: u32,
        writes: Vec<(u8, u8)>,
    },
    /// An origin is replaced as a whole.
    Replace {
        group: u32,
        writes: Vec<(u8, u8)>,
    },
    /// Tombstones of an origin are collected, but not those of its newest writes.
    Collect {
        group: u32,
        behind: u64,
        limit: usize,
    },
    Sync,
    /// Some of the unsynced batches survive.
    Crash {
        kept: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let writes = || prop::collection::vec((0..12u8, 0..4u8), 0..5);
    let step = prop_oneof![
        6 => (0..3u32, writes()).prop_map(|(group, writes)| Step::Merge { group, writes }),
        1 => (0..3u32, writes()).prop_map(|(group, writes)| Step::Replace { group, writes }),
        2 => (0..3u32, 0..3u64, 1..4usize).prop_map(|(group, behind, limit)| Step::Collect { group, behind, limit }),
        2 => Just(Step::Sync),
        1 => (0..4usize).prop_map(|kept| Step::Crash { kept }),
    ];
    prop::collection::vec(step, 1..60)
}

/// Every record has its one row in the index, every tombstone its one among the tombstones, every row its record, and the clock covers
/// them and the floors.
fn check(store: &NodeStore) {
    let mut of_records = Vec::new();
    let mut dead = Vec::new();
    store
        .for_each_record(|r| {
            let row = (r.dot.origin, r.dot.sequence, r.key);
            dead.extend(r.value.is_none().then(|| row.clone()));
            of_records.push(row);
        })
        .unwrap();
    of_records.sort();
    dead.sort();
    let index = |tree| -> Vec<_> {
        let rows =
            store.engine().scan(tree, Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap();
        rows.iter().map(|(row, _)| keys::read_index(row).unwrap()).collect()
    };
    let of_index = index(Tree::Index);
    assert_eq!(of_index, of_records);
    assert_eq!(index(Tree::Tombstone), dead);
    let clock = store.clock().unwrap();
    for (origin, sequence) in clock.iter() {
        assert!(store.floor(origin) <= sequence);
    }
    for (origin, sequence, _) in of_index {
        assert!(clock.covers(Dot { origin, sequence }));
    }
}

/// What a peer that reads everything in small pages ends up with is what is here.
fn check_pages(store: &NodeStore) {
    for (origin, end) in store.clock().unwrap().iter() {
        let (mut after, mut seen) = (0, BTreeMap::new());
        loop {
            let page = store.range(origin, after, 1);
            assert!(page.upto > after || !page.more, "a page gets somewhere");
            assert!(
                page.records.iter().all(|r| r.dot.sequence > after && r.dot.sequence <= page.upto)
            );
            seen.extend(page.records.into_iter().map(|r| (r.key.clone(), r)));
            after = page.upto;
            if !page.more {
                break;
            }
        }
        assert_eq!(after, end);
        let mut here = BTreeMap::new();
        store
            .for_each_record(|r| {
                here.extend((r.dot.origin == origin).then(|| (r.key.clone(), r)));
            })
            .unwrap();
        assert_eq!(seen, here);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn records_index_and_clock_agree_whatever_crashes(steps in steps(), seed: u64) {
        let engine = Arc::new(FaultyEngine::seeded(MemoryEngine::default(), seed));
        let store = NodeStore::open(engine.clone(), Committer::inline(engine.clone())).unwrap();
        engine.set(Faults { apply_fails_one_in: 5, ..Faults::default() });
        let mut sequences = [0u64; 3];
        let mut synced = Clock::default();
        for step in steps {
            match step {
                Step::Merge { group, writes } => write(&store, group, &writes, &mut sequences, false),
                Step::Replace { group, writes } => write(&store, group, &writes, &mut sequences, true),
                Step::Collect { group, behind, limit } => collect(&store, group, behind, limit),
                Step::Sync => {
                    engine.sync().unwrap();
                    synced = store.clock().unwrap();
                }
                Step::Crash { kept } => {
                    engine.inner().lose_unsynced(kept);
                    prop_assert!(store.clock().unwrap().covers_clock(&synced), "what was synced is there");
                }
            }
            check(&store);
        }
        check_pages(&store);
    }
}

fn write(
    store: &NodeStore,
    group: u32,
    writes: &[(u8, u8)],
    sequences: &mut [u64; 3],
    replace: bool,
) {
    let origin = Origin::Group { group: GroupId(group), generation: 0 };
    let next = &mut sequences[group as usize];
    *next += 1;
    let sequence = *next;
    let records: Vec<Record> = writes
        .iter()
        .map(|(key, value)| Record {
            // Each group owns its keys, as an account belongs to one group.
            key: Bytes::copy_from_slice(&[u8::try_from(group).unwrap(), *key]),
            value: (*value != 0).then(|| vec![*value].into()),
            stamp: Stamp { epoch: 0, revision: sequence },
            dot: Dot { origin, sequence },
        })
        .collect();
    let replaced = replace.then(|| Replaced { origin, kept: BTreeSet::new() });
    let clock = Clock::from_iter([(origin, sequence)]);
    let (batch, _) = store.merge(&records, &clock, replaced.as_ref()).unwrap();
    let before = rows(store);
    if store.engine().apply(&batch).is_err() {
        assert_eq!(rows(store), before, "a batch that failed changed nothing");
    }
}

fn collect(store: &NodeStore, group: u32, behind: u64, limit: usize) {
    let origin = Origin::Group { group: GroupId(group), generation: 0 };
    let upto = store.position(origin).unwrap().saturating_sub(behind);
    let mut batch = Batch::default();
    let found = store.collect(origin, upto, limit, &BTreeSet::new(), &mut batch).unwrap();
    if store.engine().apply(&batch).is_err() || found == limit {
        return;
    }
    store
        .for_each_record(|r| {
            let dead = r.value.is_none() && r.dot.origin == origin;
            assert!(!dead || r.dot.sequence > upto, "a tombstone was left");
        })
        .unwrap();
    assert!(found == 0 || store.floor(origin) >= upto, "who is behind must take a whole state");
}

fn rows(store: &NodeStore) -> Vec<(Bytes, Bytes)> {
    let trees = [Tree::Record, Tree::Index, Tree::Clock, Tree::Tombstone, Tree::Floor];
    let scan =
        |tree| store.engine().scan(tree, Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap();
    trees.into_iter().flat_map(scan).collect()
}
