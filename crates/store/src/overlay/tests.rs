//! sled under the overlay answers what a plain map answers, wherever the syncs fall.

use proptest::prelude::*;

use super::*;
use crate::{Engine, MemoryEngine, SledEngine, SledOptions, StoreError, Tree};

#[derive(Clone, Debug)]
enum Step {
    /// Writes keys of one byte; a value of 0 removes.
    Apply(Vec<(u8, u8)>),
    Sync,
    Scan {
        from: u8,
        to: u8,
        limit: usize,
    },
    Get(u8),
    Last(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => prop::collection::vec((0..16u8, 0..3u8), 0..6).prop_map(Step::Apply),
        1 => Just(Step::Sync),
        2 => (0..17u8, 0..17u8, 0..20usize).prop_map(|(from, to, limit)| Step::Scan { from, to, limit }),
        1 => (0..16u8).prop_map(Step::Get),
        1 => (0..5u8).prop_map(Step::Last),
    ];
    prop::collection::vec(step, 1..40)
}

/// Two bytes, so that prefixes of one byte hold several keys.
fn key(n: u8) -> [u8; 2] {
    [n / 4, n]
}

fn batch(writes: &[(u8, u8)]) -> Batch {
    let mut batch = Batch::default();
    for (n, value) in writes {
        match value {
            0 => batch.delete(Tree::Log, key(*n).to_vec()),
            value => batch.put(Tree::Log, key(*n).to_vec(), vec![*value]),
        }
    }
    // Neighbours in the one key space, which no answer may show.
    batch.put(Tree::Clock, vec![255, 255], vec![1]);
    batch.put(Tree::Meta, vec![0], vec![1]);
    batch
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sled_answers_as_a_plain_map(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let options = SledOptions { cache_bytes: 1 << 20, ..SledOptions::default() };
        let sled = SledEngine::open(folder.path(), options).unwrap();
        let plain = MemoryEngine::default();
        for step in steps {
            match step {
                Step::Apply(writes) => {
                    let batch = batch(&writes);
                    sled.apply(&batch).unwrap();
                    plain.apply(&batch).unwrap();
                }
                Step::Sync => {
                    sled.sync().unwrap();
                    plain.sync().unwrap();
                }
                Step::Scan { from, to, limit } => {
                    let (from, to) = (key(from), key(to));
                    for bounds in [
                        (Bound::Included(&from[..]), Bound::Excluded(&to[..])),
                        (Bound::Excluded(&from[..]), Bound::Included(&to[..])),
                        (Bound::Unbounded, Bound::Included(&to[..])),
                        (Bound::Included(&from[..]), Bound::Unbounded),
                    ] {
                        let [a, b] = [&sled as &dyn Engine, &plain].map(|e| e.scan(Tree::Log, bounds.0, bounds.1, limit));
                        prop_assert_eq!(a, b, "{:?} limit {}", bounds, limit);
                    }
                }
                Step::Get(n) => prop_assert_eq!(sled.get(Tree::Log, &key(n)), plain.get(Tree::Log, &key(n))),
                Step::Last(n) => prop_assert_eq!(sled.last(Tree::Log, &[n]), plain.last(Tree::Log, &[n])),
            }
        }
        // What was synced, and what a clean end wrote, is there when it is opened again.
        drop(sled);
        let sled = SledEngine::open(folder.path(), options).unwrap();
        let all = |e: &dyn Engine| e.scan(Tree::Log, Bound::Unbounded, Bound::Unbounded, usize::MAX);
        prop_assert_eq!(all(&sled), all(&plain));
    }
}

#[test]
fn rows_that_reach_the_engine_behind_its_end_come_once() {
    let row = |n: u8| (Bytes::from(vec![n]), Bytes::from(vec![n]));
    let over = (1..=3).map(row).map(|(key, value)| (key, Some(value))).collect();
    // At its end at first, and then with what was handed over.
    let mut calls = 0_u8;
    let under = core::iter::from_fn(|| {
        calls += 1;
        (2..=4).contains(&calls).then(|| Ok::<_, StoreError>(row(calls - 1)))
    });
    assert_eq!(laid_over(over, under, 10).unwrap(), (1..=3).map(row).collect::<Vec<_>>());
}

#[test]
fn what_grows_too_large_is_handed_over_without_a_sync() {
    let folder = tempfile::tempdir().unwrap();
    let sled = SledEngine::open(folder.path(), SledOptions::default()).unwrap();
    for n in 0..1_200u32 {
        let mut batch = Batch::default();
        batch.put(Tree::Log, n.to_be_bytes().to_vec(), vec![7; 40 << 10]);
        sled.apply(&batch).unwrap();
    }
    assert!(sled.gathered_bytes() < 33 << 20);
    assert_eq!(
        sled.scan(Tree::Log, Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap().len(),
        1_200
    );
}

#[test]
fn readers_see_every_row_once_while_rows_are_handed_over() {
    const ROWS: u32 = 600;
    let folder = tempfile::tempdir().unwrap();
    let sled = SledEngine::open(folder.path(), SledOptions::default()).unwrap();
    let write = |round: u8| {
        for n in 0..ROWS {
            let mut batch = Batch::default();
            batch.put(
                Tree::Log,
                n.to_be_bytes().to_vec(),
                vec![round; 1 + (n as usize % 2) * (55 << 10)],
            );
            // These come and go, so that leaves are divided and joined.
            let passing = n.to_be_bytes().to_vec();
            match round % 2 {
                0 => batch.put(Tree::Meta, passing, vec![round; 900]),
                _ => batch.delete(Tree::Meta, passing),
            }
            sled.apply(&batch).unwrap();
        }
        sled.sync().unwrap();
    };
    write(0);
    let done = core::sync::atomic::AtomicBool::new(false);
    let looked = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut looked = 0;
            while !done.load(core::sync::atomic::Ordering::Acquire) {
                let all = sled.scan(Tree::Log, Bound::Unbounded, Bound::Unbounded, usize::MAX);
                let keys = all.unwrap().into_iter().map(|(key, _)| key);
                assert!(keys.eq((0..ROWS).map(|n| Bytes::from(n.to_be_bytes().to_vec()))));
                for n in 0..ROWS {
                    assert!(sled.get(Tree::Log, &n.to_be_bytes()).unwrap().is_some(), "{n}");
                }
                let last = sled.last(Tree::Log, &[]).unwrap().map(|(key, _)| key);
                assert_eq!(last.as_deref(), Some(&(ROWS - 1).to_be_bytes()[..]));
                looked += 1;
            }
            looked
        });
        (1..=12).for_each(write);
        done.store(true, core::sync::atomic::Ordering::Release);
        reader.join().unwrap()
    });
    assert!(looked > 0);
}

#[test]
fn a_hand_over_that_a_crash_cut_short_is_done_again() {
    let (folder, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sled = SledEngine::open(folder.path(), SledOptions::default()).unwrap();
    let plain = MemoryEngine::default();
    for round in 1..=2 {
        let writes: Vec<(u8, u8)> =
            (0..16).map(|n| (n, if n % 5 == round { 0 } else { round })).collect();
        for engine in [&sled as &dyn Engine, &plain] {
            engine.apply(&batch(&writes)).unwrap();
            engine.sync().unwrap();
        }
    }
    // What the disk holds: all of it in the journal, and nothing of it in the database.
    for file in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), image.path().join(file.file_name())).unwrap();
        }
    }
    let all = |e: &dyn Engine| e.scan(Tree::Log, Bound::Unbounded, Bound::Unbounded, usize::MAX);
    let expected = all(&plain).unwrap();
    assert!(!expected.is_empty());
    // Every second row has reached the database.
    let half = sled::Config::default().path(image.path()).segment_size(8 << 20);
    let half = half.flush_every_ms(None).open().unwrap();
    assert_eq!(half.len(), 0);
    for (key, value) in expected.iter().step_by(2) {
        half.insert(full(Tree::Log, key), &**value).unwrap();
    }
    half.flush().unwrap();
    drop(half);
    let again = SledEngine::open(image.path(), SledOptions::default()).unwrap();
    assert_eq!(all(&again).unwrap(), expected);
}
