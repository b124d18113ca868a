//! How fast three voters of one process commit, each with a disk of its own: a sanity check by default, a measurement when asked.
//!
//! `TIDEGATE_THROUGHPUT_SECONDS=10 cargo test -p tidegate-consensus --test throughput -- --nocapture`
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tidegate_consensus::{
    Applied, Committed, EntryPosition, Frozen, Group, GroupConfig, Machine, RaftMessage, Timings,
    Transport, TransportError,
};
use tidegate_replica::{GroupId, NodeId};
use tidegate_store::{Batch, Committer, NodeStore, SledEngine, SledOptions, Tree};

/// Writes what it is given under the last byte of the payload's number.
#[derive(Default)]
struct Rows(AtomicU64);

struct Nothing;

impl Frozen for Nothing {
    fn chunks(&self) -> Vec<Bytes> {
        Vec::new()
    }
}

impl Machine for Rows {
    fn apply(&self, entries: &[Committed]) -> io::Result<Applied> {
        let mut batch = Batch::default();
        for Committed { at, payload } in entries {
            let Some(bytes) = payload else { continue };
            self.0.fetch_add(1, Ordering::Relaxed);
            batch.put(Tree::Local, (at.index % 10_000).to_be_bytes().to_vec(), bytes.clone());
        }
        Ok(Applied { responses: vec![Bytes::new(); entries.len()], batch })
    }

    fn stored(&self, _at: EntryPosition, _leading: bool) {}

    fn freeze(&self) -> io::Result<Arc<dyn Frozen>> {
        Ok(Arc::new(Nothing))
    }

    fn restore(&self, _chunks: Vec<Bytes>, _index: u64) -> io::Result<Batch> {
        Ok(Batch::default())
    }
}

#[derive(Clone, Default)]
struct Wires(Arc<Mutex<BTreeMap<NodeId, Group>>>);

impl Transport for Wires {
    fn call(
        &self,
        to: NodeId,
        message: RaftMessage,
        _deadline: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, TransportError>> + Send>> {
        let target = self.0.lock().get(&to).cloned();
        Box::pin(async move {
            let group =
                target.ok_or_else(|| TransportError::Unreachable("not started".to_owned()))?;
            group.handle(message.kind, message.body).await.map_err(TransportError::Refused)
        })
    }
}

async fn start(folders: &[tempfile::TempDir]) -> (Group, Vec<Arc<Rows>>) {
    let (wires, mut machines) = (Wires::default(), Vec::new());
    let voters: Vec<NodeId> = (1..=folders.len() as u64).map(NodeId).collect();
    for (me, folder) in voters.iter().zip(folders) {
        let engine = Arc::new(SledEngine::open(folder.path(), SledOptions::default()).unwrap());
        let store = NodeStore::open(engine.clone(), Committer::threaded(engine).unwrap()).unwrap();
        let machine = Arc::new(Rows::default());
        machines.push(Arc::clone(&machine));
        let timings = Timings {
            heartbeat: Duration::from_millis(250),
            election_min: Duration::from_secs(1),
            election_max: Duration::from_secs(2),
            snapshot_every: 100_000,
        };
        let now = || {
            u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis())
                .unwrap()
        };
        let config = GroupConfig { me: *me, group: GroupId(1), timings, now: Arc::new(now) };
        let group = Group::start(config, store, Arc::new(wires.clone()), machine).await.unwrap();
        wires.0.lock().insert(*me, group);
    }
    let first = wires.0.lock()[&NodeId(1)].clone();
    first.initialize(&voters).await.unwrap();
    loop {
        let leader = wires.0.lock().values().find(|g| g.is_leading()).cloned();
        if let Some(leader) = leader {
            return (leader, machines);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn measure(leader: &Group, clients: usize, duration: Duration) -> (f64, Duration, Duration) {
    let until = Instant::now() + duration;
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let leader = leader.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                while Instant::now() < until {
                    let begun = Instant::now();
                    leader
                        .propose(Bytes::from(vec![7; 256]), Duration::from_secs(10))
                        .await
                        .unwrap();
                    times.push(begun.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await.unwrap());
    }
    times.sort();
    #[expect(clippy::cast_precision_loss, reason = "a rate to look at")]
    let rate = times.len() as f64 / duration.as_secs_f64();
    (rate, times[times.len() / 2], times[times.len() * 99 / 100])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it alone, in release, on an idle machine"]
async fn three_voters_commit_durably_at_a_useful_rate() {
    let seconds =
        std::env::var("TIDEGATE_THROUGHPUT_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let (leader, machines) = start(&folders).await;
    let mut proposed = 0.0;
    for clients in [1, 64] {
        let (rate, half, most) = measure(&leader, clients, Duration::from_secs(seconds)).await;
        println!("{clients:>3} clients: {rate:>6.0}/s, p50 {half:?}, p99 {most:?}");
        assert!(rate > 20.0, "{clients} clients got {rate} writes a second");
        #[expect(clippy::cast_precision_loss, reason = "a count to compare")]
        let count = rate * seconds as f64;
        proposed += count;
    }
    #[expect(clippy::cast_precision_loss, reason = "a count to compare")]
    let most = machines.iter().map(|m| m.0.load(Ordering::Relaxed) as f64).fold(0.0, f64::max);
    assert!(most >= proposed - 0.5, "{proposed} were answered, {most} applied");
}
