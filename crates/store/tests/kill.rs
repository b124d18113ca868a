//! A process that is killed while it writes: what it was told to be durable is there, and nothing half-written.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
};

use bytes::Bytes;
use tidegate_replica::{Clock, Dot, GroupId, Origin, Record, Stamp};
use tidegate_store::{Committer, NodeStore, SledEngine, SledOptions};

const FOLDER: &str = "TIDEGATE_TEST_KILL_FOLDER";
const ORIGIN: Origin = Origin::Group { group: GroupId(1), generation: 0 };
/// Keys that are written over and over.
const KEYS: u64 = 50;

fn open(folder: &std::path::Path) -> NodeStore {
    let engine = Arc::new(
        SledEngine::open(folder, SledOptions { cache_bytes: 4 << 20, ..SledOptions::default() })
            .unwrap(),
    );
    NodeStore::open(engine.clone(), Committer::threaded(engine).unwrap()).unwrap()
}

/// The child: writes for ever, and says after each sync how far it is.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = open(folder.as_ref());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let from = store.clock().unwrap().get(ORIGIN);
        for sequence in from + 1.. {
            let dot = Dot { origin: ORIGIN, sequence };
            let stamp = Stamp { epoch: 0, revision: sequence };
            let value = Bytes::from(format!("{sequence:0>200}"));
            let key = |n: u64| Bytes::from(format!("k{n}"));
            let records: Vec<Record> = [sequence % KEYS, (sequence * 7 + 1) % KEYS]
                .map(|n| Record { key: key(n), value: Some(value.clone()), stamp, dot })
                .into();
            let (batch, _) =
                store.merge(&records, &Clock::from_iter([(ORIGIN, sequence)]), None).unwrap();
            store.engine().apply(&batch).unwrap();
            if sequence % 3 == 0 {
                store.committer().sync().await.unwrap();
                println!("synced {sequence}");
            }
        }
    });
}

#[test]
fn a_killed_process_loses_nothing_that_was_synced() {
    let folder = tempfile::tempdir().unwrap();
    let mut synced = 0;
    for round in 1..=4u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let target = synced + 40 * round;
        for line in lines {
            let line = line.unwrap();
            // The harness prints the test's name before the first of them.
            if let Some(n) = line.rsplit_once("synced ").and_then(|(_, n)| n.parse().ok()) {
                synced = n;
            }
            if synced >= target {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let store = open(folder.path());
        let position = store.clock().unwrap().get(ORIGIN);
        assert!(position >= synced, "round {round}: {synced} was synced, {position} is there");
        // What the newest write of each key was, up to the position that is there: all of it and nothing else.
        let mut expected = std::collections::BTreeMap::new();
        for sequence in 1..=position {
            for n in [sequence % KEYS, (sequence * 7 + 1) % KEYS] {
                expected.insert(Bytes::from(format!("k{n}")), sequence);
            }
        }
        let mut found = std::collections::BTreeMap::new();
        store.for_each_record(|r| found.extend([(r.key, r.dot.sequence)])).unwrap();
        assert_eq!(found, expected, "round {round}");
    }
    assert!(synced >= 160);
}
