//! Three voters in one process, and openraft's own suite on our log.

use std::{future::Future, io, pin::Pin};

use openraft::testing::log::{StoreBuilder, Suite};
use tidegate_store::{Batch, Committer, Engine, MemoryEngine, SledEngine, SledOptions, Tree};

use super::*;
use crate::{Applied, EntryPosition, Frozen, RaftMessage, TransportError};

/// A machine that remembers what it applied.
#[derive(Default)]
struct Remember(Mutex<Vec<(u64, Bytes)>>);

struct FrozenRows(Vec<(u64, Bytes)>);

impl Frozen for FrozenRows {
    fn chunks(&self) -> Vec<Bytes> {
        self.0.iter().map(|(n, b)| [&n.to_be_bytes()[..], b].concat().into()).collect()
    }
}

impl Machine for Remember {
    fn apply(&self, at: EntryPosition, payload: Option<&Bytes>) -> io::Result<Applied> {
        let mut batch = Batch::default();
        if let Some(bytes) = payload {
            self.0.lock().push((at.index, bytes.clone()));
            batch.put(Tree::Local, at.index.to_be_bytes().to_vec(), bytes.clone());
        }
        Ok(Applied { response: payload.cloned().unwrap_or_default(), batch })
    }

    fn stored(&self, _at: EntryPosition, _leading: bool) {}

    fn freeze(&self) -> Arc<dyn Frozen> {
        Arc::new(FrozenRows(self.0.lock().clone()))
    }

    fn restore(&self, chunks: Vec<Bytes>, _index: u64) -> io::Result<Batch> {
        let rows = chunks.iter().map(|c| (u64::from_be_bytes(c[..8].try_into().unwrap()), c.slice(8..)));
        *self.0.lock() = rows.collect();
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
        deadline: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, TransportError>> + Send>> {
        let target = self.0.lock().get(&to).cloned();
        Box::pin(async move {
            let Some(group) = target else { return Err(TransportError::Unreachable("down".into())) };
            let answer = tokio::time::timeout(deadline, group.handle(message.kind, message.body));
            answer.await.map_err(|_| TransportError::Deadline)?.map_err(TransportError::Refused)
        })
    }
}

struct Cluster {
    wires: Wires,
    engines: BTreeMap<NodeId, Arc<MemoryEngine>>,
    machines: BTreeMap<NodeId, Arc<Remember>>,
}

const VOTERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

impl Cluster {
    async fn start() -> Self {
        let mut cluster = Self { wires: Wires::default(), engines: BTreeMap::new(), machines: BTreeMap::new() };
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
        let machine = Arc::new(Remember::default());
        self.machines.insert(node, Arc::clone(&machine));
        let timings = Timings {
            heartbeat: Duration::from_millis(50),
            election_min: Duration::from_millis(300),
            election_max: Duration::from_millis(600),
            snapshot_every: 50,
        };
        let config = GroupConfig { me: node, group: GroupId(1), timings, now: Arc::new(|| 7) };
        let group = Group::start(config, store, Arc::new(self.wires.clone()), machine).await.unwrap();
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

    async fn propose(&self, text: &str) -> Proposed {
        for _ in 0..200 {
            let groups: Vec<Group> = self.wires.0.lock().values().cloned().collect();
            for group in groups {
                if let Ok(done) = group.propose(Bytes::copy_from_slice(text.as_bytes()), Duration::from_secs(1)).await {
                    return done;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no leader");
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
    let words = |node: NodeId| -> Vec<Bytes> { cluster.machines[&node].0.lock().iter().map(|(_, b)| b.clone()).collect() };
    for _ in 0..100 {
        if words(dead).last().is_some_and(|w| w == "last") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let expected: Vec<Bytes> =
        (0..20).map(|n| format!("a{n}")).chain((0..200).map(|n| format!("b{n}"))).chain(["last".into()]).map(Into::into).collect();
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

struct Build {
    sled: bool,
}

impl StoreBuilder<Types, GroupLog, Driver, Option<tempfile::TempDir>> for Build {
    async fn build(&self) -> Result<(Option<tempfile::TempDir>, GroupLog, Driver), openraft::StorageError<Types>> {
        let folder = self.sled.then(|| tempfile::tempdir().unwrap());
        let engine: Arc<dyn Engine> = match &folder {
            Some(folder) => Arc::new(SledEngine::open(folder.path(), SledOptions::default()).unwrap()),
            None => Arc::new(MemoryEngine::default()),
        };
        let committer = Committer::threaded(Arc::clone(&engine)).unwrap();
        let store = NodeStore::open(engine, committer).unwrap();
        let driver = Driver::open(GroupId(1), store.clone(), Arc::new(Remember::default()), Arc::new(|| false)).unwrap();
        Ok((folder, GroupLog::new(GroupId(1), store), driver))
    }
}

#[test]
fn openrafts_suite_passes_in_memory() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(Suite::test_all(Build { sled: false })).unwrap();
}

#[test]
fn openrafts_suite_passes_on_sled() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(Suite::test_all(Build { sled: true })).unwrap();
}
