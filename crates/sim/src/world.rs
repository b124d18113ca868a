//! The platform of a simulated node, and the cluster on turmoil's network.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tidegate_client::{Client, ClientError, Credentials, Retries};
use tidegate_node::{
    Node,
    config::{
        Federation, Founding, Gossip, Limits, Listen, NodeConfig, Peer, Raft, Store, Telemetry, Tls,
    },
    platform::{Accepting, BoxFuture, BoxedIo, Listener, Platform},
};
use tidegate_policy::UnixMillis;
use tidegate_store::{Engine, MemoryEngine, StoreError};
use tonic::transport::Endpoint;
use turmoil::{
    Sim,
    net::{TcpListener, TcpStream},
};

use crate::plan::{Fault, NODES};

/// The wall clock at the start of every run: 2026-01-01T00:00:00Z.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);
/// Wall clocks are within this: NTP keeps them much closer.
const AHEAD_MAX: Duration = Duration::from_secs(4);
/// When a node that could not start is started again.
const RESTART: Duration = Duration::from_secs(1);
/// Port of clients and port of peers.
const PORTS: (u16, u16) = (7401, 7402);
/// The operator's key.
const KEY_ID: &str = "AKIAAAAAAAABSIMULATE";
const SECRET: &str = "simulated/secret/simulated/secret/simula";
/// One-way latency between the regions, in milliseconds.
const LATENCY: [(&str, &str, u64); 3] = [
    ("eu-central-1", "us-east-1", 40),
    ("us-east-1", "ap-southeast-2", 80),
    ("eu-central-1", "ap-southeast-2", 120),
];

/// Time since the start of the run.
pub fn elapsed() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

/// The name of a node's host.
pub fn host(node: u64) -> String {
    format!("n{node}")
}

/// A deliberate fault of the system itself, to know that the checks would see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Bug {
    /// There is none.
    #[default]
    None,
    /// A sync returns without having made anything durable.
    SkipSync,
}

/// A disk: what was synced outlives its node.
#[derive(Debug)]
struct Disk {
    rows: MemoryEngine,
    bug: Bug,
    /// There is no room for what would become durable.
    full: AtomicBool,
}

impl Engine for Disk {
    fn get(
        &self,
        tree: tidegate_store::Tree,
        key: &[u8],
    ) -> Result<Option<bytes::Bytes>, StoreError> {
        self.rows.get(tree, key)
    }

    fn scan(
        &self,
        tree: tidegate_store::Tree,
        from: core::ops::Bound<&[u8]>,
        to: core::ops::Bound<&[u8]>,
        limit: usize,
    ) -> Result<tidegate_store::Rows, StoreError> {
        self.rows.scan(tree, from, to, limit)
    }

    fn last(
        &self,
        tree: tidegate_store::Tree,
        prefix: &[u8],
    ) -> Result<Option<(bytes::Bytes, bytes::Bytes)>, StoreError> {
        self.rows.last(tree, prefix)
    }

    fn apply(&self, batch: &tidegate_store::Batch) -> Result<(), StoreError> {
        self.rows.apply(batch)
    }

    fn sync(&self) -> Result<(), StoreError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(StoreError::Full { available: 0, reserve: 0 });
        }
        if self.bug == Bug::SkipSync { Ok(()) } else { self.rows.sync() }
    }

    fn is_nearly_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
}

/// The world outside one node.
struct SimPlatform {
    name: String,
    disk: Arc<Disk>,
    random: Mutex<ChaCha8Rng>,
    /// Where this life of the node has its monotonic zero, which no other node shares.
    started: Duration,
    skew: Arc<Mutex<Skew>>,
}

/// How far a machine's clocks are ahead of true time; what its faults add stays over its crashes.
#[derive(Clone, Copy, Debug, Default)]
struct Skew {
    wall: Duration,
    monotonic: Duration,
}

impl fmt::Debug for SimPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimPlatform").field("name", &self.name).finish_non_exhaustive()
    }
}

struct SimListener(TcpListener);

impl Listener for SimListener {
    fn accept(&mut self) -> Accepting<'_> {
        Box::pin(async move {
            let (stream, from) = self.0.accept().await?;
            Ok((Box::new(stream) as BoxedIo, from.ip()))
        })
    }

    fn local_address(&self) -> String {
        self.0.local_addr().map(|a| a.to_string()).unwrap_or_default()
    }
}

impl Platform for SimPlatform {
    fn bind(&self, address: &str) -> BoxFuture<io::Result<Box<dyn Listener>>> {
        // A host listens on all of its addresses; its name is for the others.
        let port = address.rsplit(':').next().unwrap_or_default().to_owned();
        Box::pin(async move {
            let listener = TcpListener::bind(format!("0.0.0.0:{port}")).await?;
            Ok(Box::new(SimListener(listener)) as Box<dyn Listener>)
        })
    }

    fn connect(&self, address: &str) -> BoxFuture<io::Result<BoxedIo>> {
        let address = address.to_owned();
        Box::pin(async move { Ok(Box::new(TcpStream::connect(address).await?) as BoxedIo) })
    }

    fn wall(&self) -> UnixMillis {
        let now = EPOCH + elapsed() + self.skew.lock().wall;
        UnixMillis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started + elapsed() + self.skew.lock().monotonic
    }

    fn entropy(&self, buffer: &mut [u8]) {
        self.random.lock().fill_bytes(buffer);
    }

    fn tls(&self) -> bool {
        false
    }

    fn engine(&self) -> Option<Arc<dyn Engine>> {
        let disk: Arc<dyn Engine> = Arc::clone(&self.disk) as Arc<dyn Engine>;
        Some(disk)
    }
}

/// The files that every node reads at its start.
#[derive(Debug)]
pub struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    /// Writes them. To be called while the process still has its own random source: the folder's name comes from it.
    pub fn write() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("cluster.key"), "5a".repeat(32))?;
        fs::write(folder.path().join("operator.secret"), SECRET)?;
        Ok(Self { folder })
    }
}

fn peer(node: u64, region: &str) -> Peer {
    Peer {
        node,
        region: region.to_owned(),
        address: format!("{}:{}", host(node), PORTS.1),
        grpc: format!("{}:{}", host(node), PORTS.0),
    }
}

fn config(folder: &Path, node: u64, region: &str) -> NodeConfig {
    let me = peer(node, region);
    let nothing = PathBuf::new;
    let founding = (node <= 3).then(|| Founding {
        development: true,
        groups: 2,
        voters: vec![1, 2, 3],
        operator_account: "000000000001".to_owned(),
        operator_email: "operator@sim.tidegate".to_owned(),
        operator_access_key_id: KEY_ID.to_owned(),
        operator_secret_file: folder.join("operator.secret"),
    });
    NodeConfig {
        cluster: "sim".to_owned(),
        node,
        region: region.to_owned(),
        data: nothing(),
        listen: Listen {
            grpc: me.grpc,
            peer: me.address,
            aws: String::new(),
            metrics: String::new(),
            advertised_grpc: None,
            advertised_peer: None,
        },
        tls: Tls { ca: nothing(), certificate: nothing(), key: nothing() },
        cluster_key: folder.join("cluster.key"),
        peers: NODES.iter().filter(|(n, _)| *n != node).map(|(n, r)| peer(*n, r)).collect(),
        founding,
        store: Store::default(),
        // Snapshots and purged logs are to be met in a short run as well.
        raft: Raft { snapshot_every: 100, ..Raft::default() },
        gossip: Gossip::default(),
        limits: Limits { wait_ms_max: 5_000, ..Limits::default() },
        telemetry: Telemetry::default(),
        federation: Federation::default(),
        links: Vec::new(),
    }
}

/// The cluster's disks, and how many lives each node has had.
#[derive(Debug)]
pub struct Cluster {
    disks: BTreeMap<u64, Arc<Disk>>,
    clocks: BTreeMap<u64, Arc<Mutex<Skew>>>,
    random: ChaCha8Rng,
}

impl Cluster {
    /// Puts five nodes on the network and sets the distances between them.
    pub fn start(sim: &mut Sim<'_>, files: &Files, seed: u64, bug: Bug) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x7469_6465);
        let (mut disks, mut clocks) = (BTreeMap::new(), BTreeMap::new());
        for (node, region) in NODES {
            let disk =
                Arc::new(Disk { rows: MemoryEngine::default(), bug, full: AtomicBool::new(false) });
            disks.insert(node, Arc::clone(&disk));
            let config = config(files.folder.path(), node, region);
            let wall = Duration::from_millis(random.random_range(0..2_000));
            let skew = Arc::new(Mutex::new(Skew { wall, monotonic: Duration::ZERO }));
            clocks.insert(node, Arc::clone(&skew));
            let lives = Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(random.next_u64())));
            sim.host(host(node), move || {
                let (config, disk) = (config.clone(), Arc::clone(&disk));
                let skew = Arc::clone(&skew);
                let mut life = ChaCha8Rng::seed_from_u64(lives.lock().next_u64());
                let started = Duration::from_secs(life.random_range(0..1_000_000));
                let random = Mutex::new(life);
                let platform = SimPlatform { name: host(node), disk, random, started, skew };
                async move {
                    let platform: Arc<dyn Platform> = Arc::new(platform);
                    // A node that can't start, for want of room on its disk, ends; whoever keeps it running starts it again.
                    loop {
                        match Node::start(config.clone(), Arc::clone(&platform)).await {
                            Ok(_node) => std::future::pending::<()>().await,
                            Err(error) => tracing::info!(%error, "a node could not start"),
                        }
                        tokio::time::sleep(RESTART).await;
                    }
                }
            });
        }
        let cluster = Self { disks, clocks, random };
        for (a, region_a) in NODES {
            for (b, region_b) in NODES.iter().filter(|(b, _)| *b > a) {
                sim.set_link_latency(host(a), host(*b), distance(region_a, region_b));
            }
        }
        cluster
    }

    /// A fault begins.
    pub fn break_it(&mut self, sim: &mut Sim<'_>, fault: &Fault) {
        match fault {
            Fault::Crash(nodes) => {
                for node in nodes {
                    sim.crash(host(*node));
                    let kept = self.random.random_range(0..8);
                    if let Some(disk) = self.disks.get(node) {
                        disk.rows.lose_unsynced(kept);
                    }
                }
            }
            Fault::Partition { from, to, both: true } => sim.partition(host(*from), host(*to)),
            Fault::Partition { from, to, both: false } => {
                sim.partition_oneway(host(*from), host(*to));
            }
            Fault::Hold(a, b) => sim.hold(host(*a), host(*b)),
            Fault::Isolate(node) => {
                for other in others(*node) {
                    sim.partition(host(*node), host(other));
                }
            }
            Fault::Slow(a, b, delay) => sim.set_link_latency(host(*a), host(*b), *delay),
            Fault::FullDisk(node) => self.fill(*node, true),
            Fault::Clocks(node, leap, wall_ms) => {
                if let Some(skew) = self.clocks.get(node) {
                    let mut skew = skew.lock();
                    skew.monotonic += *leap;
                    let by = Duration::from_millis(wall_ms.unsigned_abs());
                    skew.wall = if *wall_ms < 0 {
                        skew.wall.saturating_sub(by)
                    } else {
                        (skew.wall + by).min(AHEAD_MAX)
                    };
                }
            }
        }
    }

    fn fill(&self, node: u64, full: bool) {
        if let Some(disk) = self.disks.get(&node) {
            disk.full.store(full, Ordering::Relaxed);
        }
    }

    /// A fault ends.
    pub fn mend(&mut self, sim: &mut Sim<'_>, fault: &Fault) {
        match fault {
            Fault::Crash(nodes) => {
                for node in
                    nodes.iter().filter(|n| !sim.is_host_running(host(**n))).collect::<Vec<_>>()
                {
                    sim.bounce(host(*node));
                }
            }
            Fault::Partition { from, to, .. } => sim.repair(host(*from), host(*to)),
            Fault::Hold(a, b) => sim.release(host(*a), host(*b)),
            Fault::FullDisk(node) => self.fill(*node, false),
            Fault::Clocks(..) => {}
            Fault::Isolate(node) => {
                for other in others(*node) {
                    sim.repair(host(*node), host(other));
                }
            }
            Fault::Slow(a, b, _) => {
                let region = |node: u64| NODES.iter().find(|(n, _)| *n == node).map_or("", |n| n.1);
                sim.set_link_latency(host(*a), host(*b), distance(region(*a), region(*b)));
            }
        }
    }
}

fn others(node: u64) -> impl Iterator<Item = u64> {
    NODES.into_iter().map(|(n, _)| n).filter(move |n| *n != node)
}

fn distance(a: &str, b: &str) -> Duration {
    let found = LATENCY.iter().find(|(x, y, _)| (*x, *y) == (a, b) || (*x, *y) == (b, a));
    Duration::from_millis(found.map_or(1, |(.., ms)| *ms))
}

/// A client of one node, with the operator's credentials. It tries each call once, and no longer than `patience`.
pub fn client(node: u64, patience: Duration) -> Result<Client, ClientError> {
    let connector = tower::service_fn(move |_: http::Uri| {
        Box::pin(async move { TcpStream::connect((host(node), PORTS.0)).await.map(TokioIo::new) })
            as BoxFuture<io::Result<TokioIo<TcpStream>>>
    });
    let address = format!("http://{}:{}", host(node), PORTS.0);
    let endpoint = Endpoint::from_shared(address.clone())
        .map_err(|source| ClientError::Connect { address: address.clone(), source })?
        .connect_timeout(Duration::from_secs(1))
        .http2_keep_alive_interval(Duration::from_secs(1))
        .keep_alive_timeout(Duration::from_secs(1));
    let channel = endpoint.connect_with_connector_lazy(connector);
    let credentials = Credentials {
        access_key_id: KEY_ID.to_owned(),
        secret_access_key: SECRET.to_owned(),
        session_token: None,
    };
    let retries = Retries { tries_max: 1, try_max: patience, ..Retries::default() };
    Ok(Client::over(vec![(address, channel)], credentials)?
        .with_retries(retries)
        .with_clock(|| SystemTime::UNIX_EPOCH + EPOCH + elapsed())
        .with_jitter(|| 0.5))
}
