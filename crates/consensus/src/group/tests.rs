//! Three voters in one process, and openraft's own suite on our log.

use core::{
    ops::Bound,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};
use std::{collections::BTreeSet, future::Future, io, pin::Pin};

use openraft::testing::log::{StoreBuilder, Suite};
use tidegate_store::{Batch, Committer, Engine, MemoryEngine, SledEngine, SledOptions, Tree};

use parking_lot::Mutex;

use super::*;
use crate::{Applied, Committed, EntryPosition, Frozen, RaftMessage, TransportError};

/// What was applied: log index, time, bytes.
type Row = (u64, u64, Bytes);

/// A machine that remembers what it applied.
#[derive(Default)]
struct Remember {
    rows: Mutex<Vec<Row>>,
    restored: AtomicBool,
}

struct FrozenRows(Vec<Row>);

impl Frozen for FrozenRows {
    fn chunks(&self) -> Vec<Bytes> {
        self.0
            .iter()
            .map(|(n, t, b)| [&n.to_be_bytes()[..], &t.to_be_bytes(), b].concat().into())
            .collect()
    }
}

impl Remember {
    /// The machine as it stands in a store.
    fn read(engine: &dyn Engine) -> Self {
        let rows =
            engine.scan(Tree::Local, Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap();
        let number = |b: &[u8]| u64::from_be_bytes(b[..8].try_into().unwrap());
        let rows = rows.into_iter().map(|(k, v)| (number(&k), number(&v), v.slice(8..))).collect();
        Self { rows: Mutex::new(rows), restored: AtomicBool::new(false) }
    }
}

fn engine_of(store: &NodeStore) -> Arc<dyn Engine> {
    Arc::clone(store.engine())
}

impl Machine for Remember {
    fn apply(&self, entries: &[Committed]) -> io::Result<Applied> {
        let mut batch = Batch::default();
        for Committed { at, payload } in entries {
            let Some(bytes) = payload else { continue };
            self.rows.lock().push((at.index, at.time, bytes.clone()));
            batch.put(
                Tree::Local,
                at.index.to_be_bytes().to_vec(),
                [&at.time.to_be_bytes()[..], bytes].concat(),
            );
        }
        let responses = entries.iter().map(|e| e.payload.clone().unwrap_or_default()).collect();
        Ok(Applied { responses, batch })
    }

    fn stored(&self, _at: EntryPosition, _leading: bool) {}

    fn freeze(&self) -> io::Result<Arc<dyn Frozen>> {
        Ok(Arc::new(FrozenRows(self.rows.lock().clone())))
    }

    fn restore(&self, chunks: Vec<Bytes>, _index: u64) -> io::Result<Batch> {
        let rows = chunks.iter().map(|c| {
            let number = |from: usize| u64::from_be_bytes(c[from..from + 8].try_into().unwrap());
            (number(0), number(8), c.slice(16..))
        });
        let rows: Vec<Row> = rows.collect();
        let mut batch = Batch::default();
        for (index, _, _) in self.rows.lock().iter() {
            batch.delete(Tree::Local, index.to_be_bytes().to_vec());
        }
        for (index, time, bytes) in &rows {
            batch.put(
                Tree::Local,
                index.to_be_bytes().to_vec(),
                [&time.to_be_bytes()[..], bytes].concat(),
            );
        }
        *self.rows.lock() = rows;
        self.restored.store(true, Ordering::Relaxed);
        Ok(batch)
    }
}

#[derive(Clone, Default)]
struct Wires(Arc<Mutex<BTreeMap<NodeId, Group>>>);

impl Transport for Wires {
    fn call(
        &self,
        to: NodeId,
        message: RaftMessage,
        deadline: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, TransportError>> + Send>> {
        let target = self.0.lock().get(&to).cloned();
        Box::pin(async move {
            let Some(group) = target else {
                return Err(TransportError::Unreachable("down".into()));
            };
            let answer = tokio::time::timeout(deadline, group.handle(message.kind, message.body));
            answer.await.map_err(|_| TransportError::Deadline)?.map_err(TransportError::Refused)
        })
    }
}

struct Cluster {
    wires: Wires,
    engines: BTreeMap<NodeId, Arc<MemoryEngine>>,
    machines: BTreeMap<NodeId, Arc<Remember>>,
    clocks: BTreeMap<NodeId, Arc<AtomicU64>>,
}

const VOTERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

impl Cluster {
    async fn start() -> Self {
        let mut cluster = Self {
            wires: Wires::default(),
            engines: BTreeMap::new(),
            machines: BTreeMap::new(),
            clocks: BTreeMap::new(),
        };
        for node in VOTERS {
            cluster.engines.insert(node, Arc::default());
            cluster.start_node(node).await;
        }
        cluster.group(NodeId(1)).initialize(&VOTERS).await.unwrap();
        cluster
    }

    async fn start_node(&mut self, node: NodeId) {
        let engine: Arc<dyn Engine> = self.engines[&node].clone();
        let store = NodeStore::open(Arc::clone(&engine), Committer::inline(engine)).unwrap();
        let machine = Arc::new(Remember::read(&*engine_of(&store)));
        self.machines.insert(node, Arc::clone(&machine));
        let timings = Timings {
            heartbeat: Duration::from_millis(50),
            election_min: Duration::from_millis(300),
            election_max: Duration::from_millis(600),
            snapshot_every: 50,
        };
        let clock = Arc::clone(self.clocks.entry(node).or_default());
        let now = Arc::new(move || clock.load(Ordering::Relaxed));
        let config = GroupConfig { me: node, group: GroupId(1), timings, now };
        let group =
            Group::start(config, store, Arc::new(self.wires.clone()), machine).await.unwrap();
        self.wires.0.lock().insert(node, group);
    }

    fn group(&self, node: NodeId) -> Group {
        self.wires.0.lock()[&node].clone()
    }

    async fn stop_node(&self, node: NodeId) {
        let group = self.wires.0.lock().remove(&node).unwrap();
        group.shutdown().await;
        drop(group);
        self.engines[&node].lose_unsynced(0);
    }

    /// All that node has applied, once it has applied `index`.
    async fn rows(&self, node: NodeId, index: u64) -> Vec<Row> {
        for _ in 0..200 {
            if self.group(node).status().applied >= index {
                return self.machines[&node].rows.lock().clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{node} did not apply {index}: {:?}", self.group(node).status());
    }

    async fn propose(&self, text: &str) -> Proposed {
        for _ in 0..200 {
            let groups: Vec<Group> = self.wires.0.lock().values().cloned().collect();
            for group in groups {
                if let Ok(done) = group
                    .propose(Bytes::copy_from_slice(text.as_bytes()), Duration::from_secs(1))
                    .await
                {
                    return done;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no leader");
    }

    /// Proposes entries until no running voter holds the one at `index` any more: who lacks it can only be given a snapshot.
    async fn purge(&self, index: u64) {
        for n in 0..2_000 {
            let groups: Vec<Group> = self.wires.0.lock().values().cloned().collect();
            let purged = |group: &Group| {
                group
                    .0
                    .raft
                    .metrics()
                    .borrow_watched()
                    .purged
                    .as_ref()
                    .is_some_and(|p| p.index > index)
            };
            if groups.iter().all(purged) {
                return;
            }
            self.propose(&format!("filler{n}")).await;
        }
        panic!("the log was not purged up to {index}");
    }

    fn leader(&self) -> NodeId {
        self.wires.0.lock().iter().find(|(_, g)| g.is_leading()).map(|(n, _)| *n).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_survive_the_leader_and_a_lagging_node_gets_a_snapshot() {
    let mut cluster = Cluster::start().await;
    for n in 0..20 {
        assert_eq!(cluster.propose(&format!("a{n}")).await.response, format!("a{n}"));
    }
    let dead = cluster.leader();
    cluster.stop_node(dead).await;
    for n in 0..200 {
        cluster.propose(&format!("b{n}")).await;
    }
    cluster.start_node(dead).await;
    let last = cluster.propose("last").await;
    let leader = cluster.leader();
    assert!(cluster.group(leader).read_index().await.unwrap() >= last.index);
    let words = |node: NodeId| -> Vec<Bytes> {
        cluster.machines[&node].rows.lock().iter().map(|(_, _, b)| b.clone()).collect()
    };
    for node in VOTERS {
        cluster.rows(node, last.index).await;
    }
    let expected: Vec<Bytes> = (0..20)
        .map(|n| format!("a{n}"))
        .chain((0..200).map(|n| format!("b{n}")))
        .chain(["last".into()])
        .map(Into::into)
        .collect();
    // A retried proposal may stand twice; order and presence are what counts.
    for node in VOTERS {
        let mut seen = words(node);
        seen.dedup();
        assert_eq!(seen, expected, "{node}");
    }
    let other = VOTERS.into_iter().find(|n| *n != leader).unwrap();
    assert!(matches!(cluster.group(other).read_index().await, Err(ReadError::NotLeader { .. })));
    let large = Bytes::from(vec![0; ENTRY_MAX + 1]);
    let refused = cluster.group(leader).propose(large, Duration::from_secs(1)).await;
    assert_eq!(refused, Err(ProposeError::TooLarge(ENTRY_MAX + 1)));
}

/// A clock that goes back, at another leader or at the same one, does not take the entries' times with it: also not at a node that
/// got the earlier entries as a snapshot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entry_times_never_go_back_and_are_the_same_at_every_node() {
    let mut cluster = Cluster::start().await;
    cluster.propose("early").await;
    let lagging = VOTERS.into_iter().find(|n| *n != cluster.leader()).unwrap();
    cluster.stop_node(lagging).await;
    // Nothing but the snapshot tells the lagging node of this time.
    for clock in cluster.clocks.values() {
        clock.store(1_000_000, Ordering::Relaxed);
    }
    let high = cluster.propose("high").await;
    for clock in cluster.clocks.values() {
        clock.store(5, Ordering::Relaxed);
    }
    for n in 0..200 {
        cluster.propose(&format!("low{n}")).await;
    }
    cluster.purge(high.index).await;
    cluster.start_node(lagging).await;
    let caught_up = cluster.propose("caught up").await;
    cluster.rows(lagging, caught_up.index).await;
    assert!(
        cluster.machines[&lagging].restored.load(Ordering::Relaxed),
        "it came back by a snapshot"
    );
    let last = cluster.propose("behind the snapshot").await;
    let mut seen = Vec::new();
    for node in VOTERS {
        seen.push(cluster.rows(node, last.index).await);
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[1], seen[2]);
    let after: Vec<u64> =
        seen[0].iter().skip_while(|(_, _, b)| b != "high").map(|(_, t, _)| *t).collect();
    assert!(after.len() > 200 && after.iter().all(|t| *t == 1_000_000), "{after:?}");
}

/// All three lose power at once, again and again: whatever was answered is there, in the order in which it was answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_loses_power_keeps_what_it_answered() {
    let mut cluster = Cluster::start().await;
    let mut answered = Vec::new();
    for round in 0..3 {
        for n in 0..30 {
            let text = format!("{round}.{n}");
            answered.push((cluster.propose(&text).await.index, text));
        }
        for node in VOTERS {
            cluster.stop_node(node).await;
        }
        for node in VOTERS {
            cluster.start_node(node).await;
        }
        let last = cluster.propose("again").await;
        for node in VOTERS {
            let rows = cluster.rows(node, last.index).await;
            let found = |index: u64| {
                rows.iter().find(|(at, _, _)| *at == index).map(|(_, _, bytes)| bytes.clone())
            };
            for (index, text) in &answered {
                assert_eq!(
                    found(*index).as_deref(),
                    Some(text.as_bytes()),
                    "{node} at {index} in round {round}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_moves_when_asked() {
    let cluster = Cluster::start().await;
    cluster.propose("one").await;
    let old = cluster.leader();
    let new = VOTERS.into_iter().find(|n| *n != old).unwrap();
    let refused = cluster.group(new).transfer_leader(old).await;
    assert!(matches!(refused, Err(ReadError::NotLeader { .. })), "{refused:?}");
    cluster.group(old).transfer_leader(new).await.unwrap();
    for _ in 0..100 {
        if cluster.group(new).is_leading() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(cluster.group(new).is_leading(), "{:?}", cluster.group(new).status());
    assert_eq!(
        cluster.group(new).propose("two".into(), Duration::from_secs(5)).await.unwrap().response,
        "two"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_nothing_is_promised_and_afterwards_nothing_is_lost() {
    let mut cluster = Cluster::start().await;
    let kept = cluster.propose("kept").await;
    let leader = cluster.leader();
    let others: Vec<NodeId> = VOTERS.into_iter().filter(|n| *n != leader).collect();
    for node in &others {
        cluster.stop_node(*node).await;
    }
    let group = cluster.group(leader);
    let lost = group.propose("unsure".into(), Duration::from_millis(300)).await;
    assert!(matches!(lost, Err(ProposeError::Unknown | ProposeError::NoQuorum)), "{lost:?}");
    assert!(group.read_index().await.is_err());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let refused = group.propose("refused".into(), Duration::from_secs(1)).await;
    assert!(
        matches!(
            refused,
            Err(ProposeError::NoQuorum | ProposeError::NotLeader { .. } | ProposeError::Unknown)
        ),
        "{refused:?}"
    );
    for node in others {
        cluster.start_node(node).await;
    }
    let last = cluster.propose("last").await;
    let mut seen = Vec::new();
    for node in VOTERS {
        seen.push(cluster.rows(node, last.index).await);
    }
    assert!(seen[0].iter().any(|(index, _, b)| *index == kept.index && b == "kept"));
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[1], seen[2]);
}

struct Build {
    sled: bool,
}

impl StoreBuilder<Types, GroupLog, Driver, Option<tempfile::TempDir>> for Build {
    async fn build(
        &self,
    ) -> Result<(Option<tempfile::TempDir>, GroupLog, Driver), openraft::StorageError<Types>> {
        let folder = self.sled.then(|| tempfile::tempdir().unwrap());
        let engine: Arc<dyn Engine> = match &folder {
            Some(folder) => {
                Arc::new(SledEngine::open(folder.path(), SledOptions::default()).unwrap())
            }
            None => Arc::new(MemoryEngine::default()),
        };
        let committer = Committer::threaded(Arc::clone(&engine)).unwrap();
        let store = NodeStore::open(engine, committer).unwrap();
        let driver = Driver::open(
            GroupId(1),
            store.clone(),
            Arc::new(Remember::default()),
            Arc::new(|| false),
        )
        .unwrap();
        Ok((folder, GroupLog::new(GroupId(1), store), driver))
    }
}

#[test]
fn openrafts_suite_passes_in_memory() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(Runtime::scope(1, Suite::test_all(Build { sled: false }))).unwrap();
}

#[test]
fn openrafts_suite_passes_on_sled() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(Runtime::scope(1, Suite::test_all(Build { sled: true }))).unwrap();
}

/// Two of three are lost; the third brings what its log holds, begins anew behind it by itself, and takes others in by a snapshot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_survivor_begins_anew_behind_all_that_its_log_held() {
    let mut cluster = Cluster::start().await;
    for n in 0..20 {
        cluster.propose(&format!("a{n}")).await;
    }
    let survivor = VOTERS.into_iter().find(|n| *n != cluster.leader()).unwrap();
    let last = cluster.propose("acknowledged").await;
    for node in VOTERS {
        cluster.stop_node(node).await;
    }
    let engine: Arc<dyn Engine> = cluster.engines[&survivor].clone();
    let store = NodeStore::open(Arc::clone(&engine), Committer::inline(engine)).unwrap();
    let machine = || Arc::new(Remember::read(&*engine_of(&store)));
    let end = crate::log_end(GroupId(1), &store).unwrap();
    let behind = crate::tail(GroupId(1), &store, machine()).unwrap();
    assert_eq!(end.last - end.applied, behind.len() as u64);
    let base = crate::commit_tail(GroupId(1), &store, machine()).await.unwrap();
    assert_eq!((base, crate::log_end(GroupId(1), &store).unwrap().applied), (end.last, end.last));
    // Whether it was among the two that acknowledged the last is chance; all before was committed when the last was proposed.
    assert!(base + 1 >= last.index);

    crate::begin_at(GroupId(1), &store, survivor, base, 7).await.unwrap();
    let began = crate::log_end(GroupId(1), &store).unwrap();
    assert!(began.term > end.term && (began.last, began.applied) == (base, base));
    let others: BTreeSet<NodeId> = VOTERS.into_iter().filter(|n| *n != survivor).collect();
    for node in &others {
        cluster.engines.insert(*node, Arc::default());
        cluster.start_node(*node).await;
    }
    cluster.start_node(survivor).await;
    let first = cluster.propose("anew").await;
    assert!(first.index > base, "indexes go on behind the base");
    for _ in 0..50 {
        let group = cluster.group(survivor);
        if group.change_voters(&VOTERS.into(), Duration::from_secs(5)).await == Ok(true) {
            break;
        }
    }
    let after = cluster.propose("by three").await;
    for node in VOTERS {
        let rows = cluster.rows(node, after.index).await;
        let texts: Vec<&[u8]> = rows.iter().map(|(_, _, b)| &**b).collect();
        assert!(texts.len() >= 22 && texts.contains(&&b"a19"[..]), "{node}");
        assert!(texts.ends_with(&[b"by three"]) && texts.contains(&&b"anew"[..]), "{node}");
    }
}
