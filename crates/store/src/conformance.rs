//! One suite for every engine.

use core::ops::Bound;
use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use tidegate_replica::{Clock, Dot, GroupId, Origin, Record, Records, Replaced, Stamp};

use crate::{
    Batch, Committer, Engine, Faults, FaultyEngine, MemoryEngine, NodeStore, ROW_MAX, SledEngine,
    SledOptions, StoreError, Tree,
};

const ORIGIN: Origin = Origin::Group { group: GroupId(1), generation: 0 };

fn suite(engine: Arc<dyn Engine>) {
    rows(&*engine);
    let store = NodeStore::open(Arc::clone(&engine), Committer::inline(engine)).unwrap();
    records(&store);
    many_records_of_one_sequence(&store);
    a_whole_state(&store);
    format_1(&store);
    unreadable_ranges_say_that_there_is_more(&store);
}

fn rows(engine: &dyn Engine) {
    let mut batch = Batch::default();
    for n in 0..5u8 {
        batch.put(Tree::Log, vec![1, n], vec![n]);
    }
    batch.put(Tree::Meta, vec![1], vec![9]);
    batch.delete(Tree::Log, vec![1, 2]);
    engine.apply(&batch).unwrap();
    engine.sync().unwrap();
    assert_eq!(engine.get(Tree::Log, &[1, 1]).unwrap().as_deref(), Some(&[1u8][..]));
    assert_eq!(engine.get(Tree::Log, &[1, 2]).unwrap(), None, "later operations of a batch win");
    let keys = |from, to, limit| -> Vec<u8> {
        engine.scan(Tree::Log, from, to, limit).unwrap().iter().map(|(k, _)| k[1]).collect()
    };
    assert_eq!(keys(Bound::Unbounded, Bound::Unbounded, 9), [0, 1, 3, 4]);
    assert_eq!(keys(Bound::Excluded(&[1, 0]), Bound::Included(&[1, 3]), 9), [1, 3]);
    assert_eq!(keys(Bound::Unbounded, Bound::Unbounded, 2), [0, 1]);
    assert!(keys(Bound::Included(&[2]), Bound::Included(&[1]), 9).is_empty());
    assert_eq!(engine.last(Tree::Log, &[1]).unwrap().unwrap().0[1], 4);
    assert_eq!(engine.last(Tree::Log, &[7]).unwrap(), None);
    let mut large = Batch::default();
    large.put(Tree::Local, vec![1], vec![0; 1]);
    large.put(Tree::Local, vec![2], vec![0; ROW_MAX + 1]);
    assert_eq!(engine.apply(&large), Err(StoreError::TooLarge(ROW_MAX + 1)));
    assert_eq!(engine.get(Tree::Local, &[1]).unwrap(), None, "a refused batch changes nothing");
}

/// The end of a whole state that came in one batch.
fn whole(origin: Origin) -> Replaced {
    Replaced { origin, kept: BTreeSet::new() }
}

fn record(key: &'static str, value: Option<&'static str>, n: u64) -> Record {
    Record {
        key: key.into(),
        value: value.map(Into::into),
        stamp: Stamp { epoch: 0, revision: n },
        dot: Dot { origin: ORIGIN, sequence: n },
    }
}

fn records(store: &NodeStore) {
    let write = |records: &[Record], upto: u64| {
        let (batch, changes) =
            store.merge(records, &Clock::from_iter([(ORIGIN, upto)]), None).unwrap();
        store.engine().apply(&batch).unwrap();
        changes.len()
    };
    assert_eq!(
        write(
            &[record("a", Some("1"), 1), record("b", Some("2"), 2), record("a", Some("3"), 3)],
            3
        ),
        2
    );
    assert_eq!(write(&[record("a", Some("old"), 2)], 3), 0, "an older record changes nothing");
    assert_eq!(write(&[record("b", None, 5)], 6), 1);
    assert_eq!(store.clock().unwrap().get(ORIGIN), 6);
    let page = store.range(ORIGIN, 0, 1 << 20);
    let found: Vec<_> = page.records.iter().map(|r| (r.key.clone(), r.dot.sequence)).collect();
    assert_eq!(found, [(Bytes::from_static(b"a"), 3), (Bytes::from_static(b"b"), 5)]);
    assert_eq!((page.upto, page.more), (6, false));
    let first = store.range(ORIGIN, 0, 1);
    assert_eq!((first.records.len(), first.upto, first.more), (1, 3, true));
    assert_eq!(store.range(ORIGIN, 3, 1).records[0].dot.sequence, 5);
    let mut all = Vec::new();
    store.for_each_record(|r| all.push(r.key)).unwrap();
    assert_eq!(all, ["a", "b"]);
    let (batch, _) =
        store.merge(&[record("c", Some("x"), 9)], &Clock::default(), Some(&whole(ORIGIN))).unwrap();
    store.engine().apply(&batch).unwrap();
    assert_eq!(
        store.range(ORIGIN, 0, 1 << 20).records.len(),
        1,
        "a replaced origin keeps only what replaces it"
    );
}

/// A row that can't be read is never the end of what there is.
fn unreadable_ranges_say_that_there_is_more(store: &NodeStore) {
    let origin = Origin::Group { group: GroupId(3), generation: 0 };
    let mut batch = Batch::default();
    batch.put(Tree::Clock, origin.to_bytes().to_vec(), b"no position".to_vec());
    store.engine().apply(&batch).unwrap();
    let page = store.range(origin, 9, 1 << 20);
    assert_eq!((page.records.len(), page.upto, page.more), (0, 9, true));
}

/// One entry may write more records than a scan reads at once, and a page must still hold all of them.
fn many_records_of_one_sequence(store: &NodeStore) {
    let origin = Origin::Group { group: GroupId(2), generation: 0 };
    let dot = Dot { origin, sequence: 7 };
    let stamp = Stamp { epoch: 0, revision: 7 };
    let all: Vec<Record> = (0..3_000)
        .map(|n| Record {
            key: format!("many{n:05}").into(),
            value: Some(Bytes::from_static(b"x")),
            stamp,
            dot,
        })
        .collect();
    let (batch, changes) = store.merge(&all, &Clock::from_iter([(origin, 7)]), None).unwrap();
    assert_eq!(changes.len(), 3_000);
    store.engine().apply(&batch).unwrap();
    let page = store.range(origin, 0, 1 << 30);
    assert_eq!((page.records.len(), page.upto, page.more), (3_000, 7, false));
    let small = store.range(origin, 0, 1);
    assert_eq!(small.records.len(), 3_000, "the records of one sequence are never divided");
    let (batch, _) = store.merge(&[], &Clock::from_iter([(origin, 3)]), None).unwrap();
    store.engine().apply(&batch).unwrap();
    assert_eq!(store.clock().unwrap().get(origin), 7, "a clock never goes back");
    let (batch, _) = store.merge(&all[..2], &Clock::default(), Some(&whole(origin))).unwrap();
    store.engine().apply(&batch).unwrap();
    let left: Vec<_> = store.range(origin, 0, 1 << 30).records.into_iter().map(|r| r.key).collect();
    assert_eq!(left, ["many00000", "many00001"], "a whole-state transfer drops every other key");
}

/// What a whole state does not hold is gone, from the store and for whoever shows it; what came with it earlier stays.
fn a_whole_state(store: &NodeStore) {
    let origin = Origin::Group { group: GroupId(3), generation: 0 };
    let at = |key, value, n| Record { dot: Dot { origin, sequence: n }, ..record(key, value, n) };
    let before = [at("w1", Some("1"), 1), at("w2", Some("2"), 2), at("w3", None, 3)];
    let (batch, _) = store.merge(&before, &Clock::from_iter([(origin, 3)]), None).unwrap();
    store.engine().apply(&batch).unwrap();
    let early = [at("w4", Some("4"), 8)];
    let (batch, _) = store.merge(&early, &Clock::default(), None).unwrap();
    store.engine().apply(&batch).unwrap();
    let replaced = Replaced { origin, kept: BTreeSet::from([Bytes::from_static(b"w4")]) };
    let late = [at("w2", Some("2b"), 7)];
    let (batch, changes) =
        store.merge(&late, &Clock::from_iter([(origin, 9)]), Some(&replaced)).unwrap();
    store.engine().apply(&batch).unwrap();
    let told: Vec<_> = changes.into_iter().map(|c| (c.new.key, c.new.value)).collect();
    assert_eq!(told, [("w1".into(), None), ("w2".into(), Some("2b".into()))]);
    let left: Vec<_> = store.range(origin, 0, 1 << 20).records.into_iter().map(|r| r.key).collect();
    assert_eq!(left, ["w2", "w4"]);
    assert_eq!(store.floor(origin), 9, "tombstones that the sender had collected are missing here");
}

/// A store of the format before has its tombstones found when it is opened.
fn format_1(store: &NodeStore) {
    let dot = Dot { origin: ORIGIN, sequence: 20 };
    let dead = Record { dot, ..record("dead", None, 20) };
    let (batch, _) = store.merge(&[dead], &Clock::from_iter([(ORIGIN, 20)]), None).unwrap();
    store.engine().apply(&batch).unwrap();
    let tombstones = store.tombstones().unwrap();
    let engine = Arc::clone(store.engine());
    let mut older = Batch::default();
    older.put(Tree::Store, Bytes::from_static(b"format"), 1u32.to_be_bytes().to_vec());
    for (row, _) in
        engine.scan(Tree::Tombstone, Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap()
    {
        older.delete(Tree::Tombstone, row);
    }
    engine.apply(&older).unwrap();
    let again = NodeStore::open(Arc::clone(&engine), Committer::inline(engine)).unwrap();
    assert_eq!(again.tombstones().unwrap(), tombstones);
    assert!(tombstones > 0);
}

#[test]
fn memory() {
    suite(Arc::new(MemoryEngine::default()));
}

#[test]
fn faulty() {
    suite(Arc::new(FaultyEngine::new(MemoryEngine::default())));
}

#[test]
fn sled() {
    let folder = tempfile::tempdir().unwrap();
    suite(Arc::new(SledEngine::open(folder.path(), SledOptions::default()).unwrap()));
}

#[test]
fn sled_keeps_what_it_had_over_a_restart_and_refuses_another_format() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(SledEngine::open(folder.path(), SledOptions::default()).unwrap());
    let engine = open();
    let store = NodeStore::open(engine.clone(), Committer::inline(engine)).unwrap();
    let (batch, _) =
        store.merge(&[record("a", Some("1"), 1)], &Clock::from_iter([(ORIGIN, 1)]), None).unwrap();
    store.engine().apply(&batch).unwrap();
    store.engine().sync().unwrap();
    drop(store);
    let engine = open();
    let store = NodeStore::open(engine.clone(), Committer::inline(engine.clone())).unwrap();
    assert_eq!(store.record(b"a").unwrap(), Some(record("a", Some("1"), 1)));
    let mut batch = Batch::default();
    batch.put(Tree::Store, Bytes::from_static(b"format"), 7u32.to_be_bytes().to_vec());
    engine.apply(&batch).unwrap();
    let refused = NodeStore::open(engine.clone(), Committer::inline(engine)).unwrap_err();
    assert_eq!(refused, StoreError::Format { found: 7, expected: 2 });
}

#[test]
fn memory_loses_what_was_not_synced() {
    let engine = MemoryEngine::default();
    let put = |n: u8| {
        let mut batch = Batch::default();
        batch.put(Tree::Log, vec![n], vec![n]);
        engine.apply(&batch).unwrap();
    };
    put(1);
    engine.sync().unwrap();
    put(2);
    put(3);
    engine.lose_unsynced(1);
    let left: Vec<u8> = engine
        .scan(Tree::Log, Bound::Unbounded, Bound::Unbounded, 9)
        .unwrap()
        .iter()
        .map(|(k, _)| k[0])
        .collect();
    assert_eq!(left, [1, 2]);
}

#[tokio::test]
async fn many_waiters_share_syncs_and_hear_of_failure() {
    let engine = Arc::new(FaultyEngine::new(MemoryEngine::default()));
    let committer = Committer::threaded(engine.clone()).unwrap();
    let all: Vec<_> = (0..100)
        .map(|_| {
            tokio::spawn({
                let c = committer.clone();
                async move { c.sync().await }
            })
        })
        .collect();
    for one in all {
        one.await.unwrap().unwrap();
    }
    engine.set(Faults { sync_fails: true, ..Faults::default() });
    assert!(matches!(committer.sync().await, Err(StoreError::Io(_))));
    engine.set(Faults::default());
    assert!(matches!(committer.sync().await, Err(StoreError::Io(_))), "a failed sync stays failed");
    let refused = committer.commit(&Batch::default()).await;
    assert!(matches!(refused, Err(StoreError::Io(_))), "{refused:?}");
}

#[tokio::test]
async fn a_full_disk_refuses_until_there_is_room() {
    let engine = Arc::new(FaultyEngine::new(MemoryEngine::default()));
    let committer = Committer::threaded(engine.clone()).unwrap();
    engine.set(Faults { full: true, ..Faults::default() });
    let mut batch = Batch::default();
    batch.put(Tree::Log, vec![1], vec![1]);
    assert!(matches!(committer.commit(&batch).await, Err(StoreError::Full { .. })));
    assert!(engine.is_nearly_full());
    assert_eq!(engine.get(Tree::Log, &[1]).unwrap(), None, "nothing half-written");
    engine.set(Faults::default());
    committer.commit(&batch).await.unwrap();
    assert_eq!(engine.get(Tree::Log, &[1]).unwrap().as_deref(), Some(&[1u8][..]));
}

#[test]
fn faults_follow_from_the_seed() {
    let run = |seed| -> Vec<bool> {
        let engine = FaultyEngine::seeded(MemoryEngine::default(), seed);
        engine.set(Faults { apply_fails_one_in: 3, ..Faults::default() });
        (0..64).map(|_| engine.apply(&Batch::default()).is_ok()).collect()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert!(run(1).contains(&true) && run(1).contains(&false));
}

/// sled writes a leaf that is too large for a segment into a file of its own, which the sync of the database file does not cover.
#[test]
fn no_rows_end_up_in_files_that_a_sync_does_not_cover() {
    let folder = tempfile::tempdir().unwrap();
    let engine = SledEngine::open(folder.path(), SledOptions::default()).unwrap();
    for round in 0..4u32 {
        for n in 0..200u32 {
            let mut batch = Batch::default();
            batch.put(
                Tree::Log,
                n.to_be_bytes().to_vec(),
                vec![u8::try_from(round).unwrap(); ROW_MAX],
            );
            engine.apply(&batch).unwrap();
            if n % 10 == 0 {
                engine.sync().unwrap();
            }
        }
    }
    engine.sync().unwrap();
    let blobs = std::fs::read_dir(folder.path().join("blobs")).unwrap().count();
    assert_eq!(blobs, 0, "leaves were written to files of their own");
}

#[test]
fn a_reserve_larger_than_the_disk_is_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let engine = SledEngine::open(
        folder.path(),
        SledOptions { reserve_bytes: u64::MAX, ..SledOptions::default() },
    )
    .unwrap();
    assert!(engine.is_nearly_full());
    assert!(matches!(engine.sync(), Err(StoreError::Full { .. })));
}
