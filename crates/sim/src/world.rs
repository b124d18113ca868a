//! The cluster on turmoil's network: its hosts and disks, and what becomes of them when a fault begins and ends.

mod disk;
mod platform;
mod striking;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tidegate_client::{Client, ClientError, Credentials, Retries};
use tidegate_node::{
    Node, StartError,
    config::{
        Federation, Founding, Gossip, Limits, Listen, NodeConfig, Peer, Raft, Store, Telemetry, Tls,
    },
    platform::{BoxFuture, Platform},
};
use tidegate_store::StoreError;
use tonic::transport::Endpoint;
use turmoil::{Sim, net::TcpStream};

use self::{
    disk::{Alert, Alerts, Disk},
    platform::{SimPlatform, Skew},
};
use crate::{
    office::{ACCOUNT, GROUPS, SharedOffice},
    plan::{NODES, VOTERS},
};

/// The wall clock at the start of every run: 2026-01-01T00:00:00Z.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);
/// When a node that has ended is started again.
const RESTART: Duration = Duration::from_secs(1);
/// Where all clients are.
pub const CLIENTS_HOST: &str = "clients";
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

/// Where peers and where clients dial a node.
pub fn address(node: u64) -> (String, String) {
    (format!("{}:{}", host(node), PORTS.1), format!("{}:{}", host(node), PORTS.0))
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

fn config(folder: &Path, node: u64, region: &str, peers: &[(u64, String)]) -> NodeConfig {
    let (peer, grpc) = address(node);
    let nothing = PathBuf::new;
    let founding = VOTERS.contains(&node).then(|| Founding {
        development: true,
        groups: GROUPS,
        voters: Vec::from(VOTERS),
        operator_account: ACCOUNT.to_owned(),
        operator_email: "operator@sim.tidegate".to_owned(),
        operator_access_key_id: KEY_ID.to_owned(),
        operator_secret_file: folder.join("operator.secret"),
    });
    let known = |(node, region): &(u64, String)| {
        let (address, grpc) = address(*node);
        Peer { node: *node, region: region.clone(), address, grpc }
    };
    NodeConfig {
        cluster: "sim".to_owned(),
        node,
        region: region.to_owned(),
        data: nothing(),
        listen: Listen {
            grpc,
            peer,
            aws: String::new(),
            metrics: String::new(),
            advertised_grpc: None,
            advertised_peer: None,
        },
        tls: Tls { ca: nothing(), certificate: nothing(), key: nothing() },
        cluster_key: folder.join("cluster.key"),
        sealing_key: None,
        recovery_key: None,
        peers: peers.iter().filter(|(n, _)| *n != node).map(known).collect(),
        founding,
        store: Store::default(),
        // Snapshots and purged logs are to be met in a short run as well, and tombstones that are collected.
        raft: Raft { snapshot_every: 100, ..Raft::default() },
        gossip: Gossip { tombstone_grace_ms: 5_000, ..Gossip::default() },
        limits: Limits { wait_ms_max: 5_000, ..Limits::default() },
        telemetry: Telemetry::default(),
        federation: Federation::default(),
        links: Vec::new(),
        relearn: false,
    }
}

/// One machine.
#[derive(Debug)]
struct Machine {
    disk: Arc<Disk>,
    /// What its next life starts with.
    config: Arc<Mutex<NodeConfig>>,
    skew: Arc<Mutex<Skew>>,
}

/// What has happened to the cluster beside the faults themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Nodes that ended by themselves and were started again.
    pub restarts: u64,
    /// Rows that rotted and were read.
    pub rot_found: u64,
    /// Batches that power cuts took.
    pub batches_lost: u64,
}

/// The cluster's machines, and what is under way.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    machines: BTreeMap<u64, Machine>,
    bug: Bug,
    alerts: Alerts,
    office: SharedOffice,
    /// Nodes that have ended, and when each is started again.
    restarts: BTreeMap<u64, Duration>,
    /// The node whose disk is not what it should be: at most one at a time, as a majority of disks must be well.
    ailing: Option<u64>,
    /// Nodes that a fault that has begun struck, by its place in the plan.
    struck: BTreeMap<usize, Vec<u64>>,
    /// Voters of the directory that a node knew when it went away for long.
    knew: BTreeMap<u64, BTreeSet<u64>>,
    /// When a row that rots counts as one that nothing depends on.
    well_again: Option<Duration>,
    random: ChaCha8Rng,
    next_node: u64,
    /// What has happened.
    pub events: Events,
}

/// What a host does: it runs a node until that ends, and says so.
async fn live(config: NodeConfig, platform: SimPlatform, node: u64, alerts: Alerts) {
    let platform: Arc<dyn Platform> = Arc::new(platform);
    loop {
        match Node::start(config.clone(), Arc::clone(&platform)).await {
            Ok(running) => {
                let why = running.failed().await;
                tracing::info!(%why, "a node ended");
                break;
            }
            // There may be room later.
            Err(StartError::Store(StoreError::Full { .. })) => {}
            Err(error) => {
                tracing::info!(%error, "a node could not start");
                break;
            }
        }
        tokio::time::sleep(RESTART).await;
    }
    alerts.lock().push((node, Alert::Ended));
    // Nobody but the world can end a process.
    std::future::pending::<()>().await;
}

impl Cluster {
    /// Puts five nodes on the network and sets the distances between them.
    pub fn start(
        sim: &mut Sim<'_>,
        files: &Files,
        seed: u64,
        bug: Bug,
        office: SharedOffice,
    ) -> Self {
        let mut cluster = Self {
            folder: files.folder.path().to_owned(),
            machines: BTreeMap::new(),
            bug,
            alerts: Alerts::default(),
            office,
            restarts: BTreeMap::new(),
            ailing: None,
            struck: BTreeMap::new(),
            knew: BTreeMap::new(),
            well_again: None,
            random: ChaCha8Rng::seed_from_u64(seed ^ 0x7469_6465),
            next_node: NODES.len() as u64 + 1,
            events: Events::default(),
        };
        for (node, _) in NODES {
            cluster.host(sim, node);
        }
        for (a, _) in NODES {
            for (b, _) in NODES.iter().filter(|(b, _)| *b > a) {
                cluster.set_distance(sim, a, *b);
            }
        }
        cluster
    }

    /// Puts a machine with an empty disk on the network.
    fn host(&mut self, sim: &mut Sim<'_>, node: u64) {
        let disk = Arc::new(Disk::new(node, self.bug, Arc::clone(&self.alerts)));
        let (region, peers) = {
            let office = self.office.lock();
            let serving = office.serving.iter();
            let peers: Vec<_> = serving.map(|n| (*n, office.region(*n))).collect();
            (office.region(node), peers)
        };
        let config = Arc::new(Mutex::new(config(&self.folder, node, &region, &peers)));
        let wall = Duration::from_millis(self.random.random_range(0..2_000));
        let skew = Arc::new(Mutex::new(Skew::new(wall)));
        let machine = Machine {
            disk: Arc::clone(&disk),
            config: Arc::clone(&config),
            skew: Arc::clone(&skew),
        };
        self.machines.insert(node, machine);
        let lives = Mutex::new(ChaCha8Rng::seed_from_u64(self.random.next_u64()));
        let alerts = Arc::clone(&self.alerts);
        sim.host(host(node), move || {
            let mut life = ChaCha8Rng::seed_from_u64(lives.lock().next_u64());
            let started = Duration::from_secs(life.random_range(0..1_000_000));
            let platform = SimPlatform {
                name: host(node),
                disk: Arc::clone(&disk),
                random: Mutex::new(life),
                started,
                skew: Arc::clone(&skew),
            };
            let (config, alerts) = (config.lock().clone(), Arc::clone(&alerts));
            async move {
                live(config, platform, node, alerts).await;
                Ok(())
            }
        });
    }

    fn set_distance(&self, sim: &Sim<'_>, a: u64, b: u64) {
        let office = self.office.lock();
        let distance = distance(&office.region(a), &office.region(b));
        sim.set_link_latency(host(a), host(b), distance);
    }

    /// The operator writes down who is there now in the settings of a node that comes back after long. Where at most one voter of the directory
    /// is left that it knew, which may have lost its disk meanwhile, the node is told to learn the directory anew.
    fn settle_again(&mut self, node: u64) {
        let Some(knew) = self.knew.remove(&node) else { return };
        let Some(machine) = self.machines.get(&node) else { return };
        let office = self.office.lock();
        let known = knew.intersection(&office.voters).count();
        let (region, serving) = (office.region(node), office.serving.iter());
        let peers: Vec<_> = serving.map(|n| (*n, office.region(*n))).collect();
        *machine.config.lock() =
            NodeConfig { relearn: known < 2, ..config(&self.folder, node, &region, &peers) };
    }

    fn others(&self, node: u64) -> Vec<u64> {
        self.machines.keys().copied().filter(|n| *n != node).collect()
    }
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
