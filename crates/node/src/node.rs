//! One node: opens its store, starts its parts, founds or joins its cluster, and stops in order.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    path::Path,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use tidegate_authn::{ClusterKey, PUBLIC_KEY_BYTES, recovery_public_key};
use tidegate_consensus::{Group, StartError as GroupStartError};
use tidegate_model::region::{RegionState, check_writer};
use tidegate_replica::{
    Clock, GroupId, NodeId, RegionName, RegionNameError, Replica, ReplicaConfig,
};
use tidegate_service::{ServiceError, Token, View};
use tidegate_store::{Committer, Engine, NodeStore, SledEngine, StoreError};
use tokio::task::JoinHandle;

use crate::{
    attempts::Attempts,
    aws,
    clock::ClusterClock,
    collection::Collection,
    config::NodeConfig,
    core::{Core, OwnHealth, Standing},
    departure,
    dial::{Dialer, Greeting, incoming},
    divergence::{self, Fences},
    federation::Issuers,
    founding,
    gate::Gate,
    gossip::{Confirm, Driver, Gossip},
    grpc,
    link::LinkModel,
    machine::{AnyState, Digests},
    moves,
    peers::{Me, Peers},
    planting::{self, Planted},
    platform::Platform,
    recovery::Recoveries,
    region::{self, RegionLane, Uses},
    returning, sealing,
    telemetry::{metrics::Metrics, server},
    tls::{NodeTls, TlsError},
    upgrade,
    views::Views,
    voters,
    vouching::{self, Beside, Vouching},
    warden::Warden,
};

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its settings.
    #[error("the configuration can't be used")]
    Config(#[from] crate::config::ConfigError),
    /// The region's name.
    #[error(transparent)]
    Region(#[from] RegionNameError),
    /// Its certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The cluster key.
    #[error("the cluster key in `{path}` can't be used: {why}")]
    ClusterKey {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The recovery key.
    #[error("the recovery key in `{path}` can't be used: {why}")]
    RecoveryKey {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Its store.
    #[error("the store can't be opened")]
    Store(#[from] StoreError),
    /// An address.
    #[error("`{address}` can't be listened on")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// A Raft group.
    #[error("a Raft group did not start")]
    Group(#[from] GroupStartError),
    /// A group is at a later apply version than this build knows.
    #[error(
        "{group} is applied by version {version}, and this node knows {max} at most: start a newer build"
    )]
    Version {
        /// Which.
        group: GroupId,
        /// Its version.
        version: u32,
        /// What is known here.
        max: u32,
    },
    /// The state of a group.
    #[error("the state of a group can't be read")]
    State(#[from] std::io::Error),
}

impl StartError {
    /// What the store has to do with it: what can't be read now can't be read at a second try either.
    pub(crate) fn of_the_store(&self) -> Option<StoreError> {
        let error = match self {
            Self::Store(error) => return Some(error.clone()),
            Self::Group(GroupStartError::Store(error)) | Self::State(error) => error,
            _ => return None,
        };
        match error.get_ref().and_then(|inner| inner.downcast_ref::<StoreError>()) {
            Some(inner) => Some(inner.clone()),
            None if error.kind() == std::io::ErrorKind::InvalidData => {
                Some(StoreError::Corrupt(error.to_string()))
            }
            None => None,
        }
    }
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    core: Arc<Core>,
    committer: Committer,
    tasks: Vec<JoinHandle<()>>,
    stop: tokio::sync::watch::Sender<bool>,
}

/// How many tries a listener gets: a port may be in `TIME_WAIT` for a moment after a restart.
const BIND_TRIES: u32 = 400;
/// Pause between two of them.
const BIND_AGAIN: Duration = Duration::from_millis(5);

async fn bind(
    platform: &Arc<dyn Platform>,
    address: &str,
) -> Result<Box<dyn crate::platform::Listener>, StartError> {
    let mut tries = 0;
    loop {
        match platform.bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(_) if tries < BIND_TRIES => {
                tries += 1;
                tokio::time::sleep(BIND_AGAIN).await;
            }
            Err(source) => return Err(StartError::Listen { address: address.to_owned(), source }),
        }
    }
}

fn open_store(config: &NodeConfig, platform: &dyn Platform) -> Result<NodeStore, StoreError> {
    if let Some(engine) = platform.engine() {
        let committer = Committer::inline(Arc::clone(&engine));
        return NodeStore::open(engine, committer);
    }
    let engine: Arc<dyn Engine> = Arc::new(SledEngine::open(&config.data, config.store.options())?);
    let committer = Committer::threaded(Arc::clone(&engine))?;
    NodeStore::open(engine, committer)
}

/// How the gossip's driver asks the groups that this node leads how far they are.
fn confirm(core: &Arc<Core>) -> Confirm {
    let core = Arc::downgrade(core);
    Arc::new(move |groups| {
        let core = core.upgrade();
        Box::pin(async move {
            match core {
                Some(core) => core.read_index_here(groups).await,
                None => Vec::new(),
            }
        })
    })
}

/// Opens the node's doors: peers, clients, and clients of AWS and metrics where the settings ask for them.
async fn listen(
    core: &Arc<Core>,
    tls: Option<NodeTls>,
    stopped: tokio::sync::watch::Receiver<bool>,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let at = &core.config.listen;
    let connections_max = core.config.limits.connections_max;
    let peer_greeting = tls.clone().map_or(Greeting::Plain, Greeting::Peers);
    let aws_greeting = tls.clone().map_or(Greeting::Plain, Greeting::Aws);
    let client_greeting = tls.map_or(Greeting::Plain, Greeting::Clients);
    let listener = incoming(bind(&core.platform, &at.peer).await?, peer_greeting, connections_max);
    let peers = grpc::serve_peers(Arc::clone(core), listener, stopped.clone());
    let mut tasks = vec![tokio::spawn(peers)];
    let listener =
        incoming(bind(&core.platform, &at.grpc).await?, client_greeting, connections_max);
    tasks.push(tokio::spawn(grpc::serve_clients(Arc::clone(core), listener, stopped.clone())));
    if !at.aws.is_empty() {
        let listener =
            incoming(bind(&core.platform, &at.aws).await?, aws_greeting, connections_max);
        tasks.push(tokio::spawn(aws::serve(Arc::clone(core), listener, stopped)));
    }
    if !at.metrics.is_empty() {
        let listener = bind(&core.platform, &at.metrics).await?;
        let views = Arc::clone(&core.views);
        let ready = Arc::new(move || views.load().directory.cluster().is_some());
        tasks.push(tokio::spawn(server::serve(listener, Arc::clone(&core.metrics), ready)));
    }
    Ok(tasks)
}

/// Forgets origins of which there are records beyond the clock: a catch-up that was too large for one step was broken off, and what it
/// has overwritten is gone. Such an origin is taken anew from its beginning; until then its accounts are not known here.
fn drop_unfinished(store: &NodeStore) -> Result<(), StoreError> {
    let clock = store.clock()?;
    let mut unfinished = BTreeSet::new();
    store.for_each_record(|record| {
        if record.dot.sequence > clock.get(record.dot.origin) {
            unfinished.insert(record.dot.origin);
        }
    })?;
    for origin in unfinished {
        tracing::warn!(%origin, "a catch-up was broken off; it begins anew");
        store.engine().apply(&store.forget(origin)?)?;
    }
    Ok(())
}

/// The view and the digests that the stored records make.
fn load(store: &NodeStore, secret: [u8; 32]) -> Result<(View, Digests), StoreError> {
    drop_unfinished(store)?;
    let mut states: BTreeMap<GroupId, AnyState> = BTreeMap::new();
    let digests = Digests::keyed(secret);
    let mut region = RegionState::default();
    store.for_each_record(|record| {
        let Some(group) = record.dot.origin.group() else {
            if let Err(error) = region.absorb(&record) {
                tracing::error!(%error, dot = %record.dot, "a stored record was set aside");
            }
            return;
        };
        let state = states.entry(group).or_insert_with(|| AnyState::new(group));
        if let Err(error) = state.absorb(&record) {
            tracing::error!(%error, dot = %record.dot, "a stored record was set aside");
        }
        digests.change(&[tidegate_store::Change { old: None, new: record }]);
    })?;
    let mut view = View { positions: store.clock()?, region, ..View::default() };
    let loaded = digests.of(view.positions.iter().filter_map(|(o, _)| o.group()));
    digests.publish(&view.positions, &loaded);
    for (group, state) in states {
        match state {
            AnyState::Directory(state) => view.directory = state,
            AnyState::Accounts(state) => drop(view.groups.insert(group.0, state)),
        }
    }
    Ok((view, digests))
}

/// The driver of the gossip, which begins from the stored clock.
async fn driver(core: &Arc<Core>, store: &NodeStore, clock: Clock, seed: u64) -> Driver {
    let gossip = &core.config.gossip;
    let config = ReplicaConfig {
        me: core.me,
        region: core.region.clone(),
        digest_every: Duration::from_millis(gossip.digest_ms),
        antientropy_every: Duration::from_millis(gossip.anti_entropy_ms),
        probe_every: Duration::from_millis(gossip.probe_ms),
    };
    let mut replica = Replica::new(config, clock, seed);
    replica.write_as(core.region_lane.incarnation().await);
    let groups = replica.published_clock().iter().filter_map(|(origin, _)| origin.group());
    let digests = core.digests.of(groups);
    replica.begin_with(&digests);
    replica.set_validator(check_writer);
    replica.believe_writers_and_voters();
    Driver {
        replica,
        gossip: core.gossip.clone(),
        store: store.clone(),
        views: Arc::clone(&core.views),
        digests: Arc::clone(&core.digests),
        gate: Arc::clone(&core.gate),
        peers: Arc::clone(&core.peers),
        platform: Arc::clone(&core.platform),
        metrics: Arc::clone(&core.metrics),
        confirm: confirm(core),
        me: core.me,
        home_region: core.config.region.clone(),
        waiting: crate::gossip::Waiting::default(),
        fresh_noted: Duration::ZERO,
        collection: Collection::new(Duration::from_millis(gossip.tombstone_grace_ms)),
        collecting: Clock::default(),
        lane: Arc::clone(&core.region_lane),
        vouching: Arc::clone(&core.vouching),
        forgotten: false,
        answers: VecDeque::new(),
        swept: core.platform.monotonic(),
    }
}

/// What the node can say of itself from its start on.
fn own_health(platform: &dyn Platform, tls: Option<&NodeTls>, store: &NodeStore) -> OwnHealth {
    OwnHealth {
        started: platform.monotonic(),
        expires: tls.map(|t| t.expires).unwrap_or_default(),
        engine: Arc::clone(store.engine()),
    }
}

impl Node {
    /// Starts a node. It serves at once, from what its store has; [`Node::ready`] says when it decides.
    #[expect(clippy::too_many_lines, reason = "the one place that puts the parts together")]
    pub async fn start(
        mut config: NodeConfig,
        platform: Arc<dyn Platform>,
    ) -> Result<Self, StartError> {
        config.check()?;
        let region = RegionName::new(&config.region)?;
        let me = NodeId(config.node);
        let tls =
            if platform.tls() { Some(NodeTls::load(&config.tls, &config.cluster)?) } else { None };
        let cluster_key = read_keys(&config)?;
        let recovery_key = config.recovery_key.as_deref().map(read_recovery_key).transpose()?;
        let store = open_store(&config, platform.as_ref())?;
        if store.began_anew()? {
            // It belongs to a cluster that knows it, and must never found another.
            config.founding = None;
        }
        let (view, digests) = load(&store, cluster_key.digest_key())?;
        let max = config.raft.apply_version_max;
        if let Some((group, version)) = upgrade::beyond(&view, max) {
            return Err(StartError::Version { group, version, max });
        }
        let clock = view.positions.clone();
        // Nothing that comes of the directory could be verified.
        let new = view.directory.placement(GroupId::DIRECTORY).is_none();
        let cluster_clock = Arc::new(ClusterClock::new(platform));
        cluster_clock.follow(view.directory.cluster());
        let platform: Arc<dyn Platform> = Arc::<ClusterClock>::clone(&cluster_clock);
        let mut fresh = [0; 8];
        platform.entropy(&mut fresh);
        let seed = u64::from_le_bytes(fresh);
        let link = Arc::new(LinkModel::new(config.node));
        let views = Arc::new(Views::new(view, Arc::clone(&platform)));
        let identity = Me {
            cluster: config.cluster.clone(),
            node: me,
            region: region.clone(),
            views: Arc::clone(&views),
            suspected: Arc::default(),
        };
        let dialer = Dialer { platform: Arc::clone(&platform), tls: tls.clone() };
        let peers = Arc::new(Peers::new(identity, dialer, Arc::clone(&link)));
        let (gossip, queues) = Gossip::new();
        let lane = RegionLane::open(
            me,
            store.clone(),
            Arc::clone(&views),
            gossip.clone(),
            Arc::clone(&platform),
        );
        let region_lane = Arc::new(lane.await?);
        let node_key = Arc::new(vouching::signing_key(&store, platform.as_ref()).await?);
        let cluster_key = cluster_key.issuing_as(config.node, Arc::clone(&node_key));
        let vouching = Arc::new(Vouching::new(
            me,
            node_key,
            Arc::clone(&views),
            Arc::clone(&platform),
            Arc::clone(&gossip.freshness),
        ));
        if config.relearn {
            tracing::warn!(
                "this node believes of the directory what the nodes of its settings say"
            );
        }
        if config.relearn || new {
            vouching.learn_from(config.peers.iter().map(|p| p.node));
        }
        region_lane.sign_with(Arc::clone(&vouching));
        let recoveries = Arc::new(Recoveries::open(&store)?);
        let empty = digests.empty();
        vouching.know(Beside { recoveries: Arc::clone(&recoveries), empty });
        let metrics = Arc::new(Metrics::new());
        let core = Arc::new(Core {
            me,
            region: region.clone(),
            platform: Arc::clone(&platform),
            clock: cluster_clock,
            link,
            gate: Arc::new(Gate::new(me)),
            own: own_health(platform.as_ref(), tls.as_ref(), &store),
            views,
            digests: Arc::new(digests),
            gossip,
            region_lane,
            uses: Uses::default(),
            vouching,
            attempts: Attempts::default(),
            peers: Arc::clone(&peers),
            metrics: Arc::clone(&metrics),
            cluster_key,
            signing_keys: tidegate_authn::SigningKeyCache::default(),
            issuers: Issuers::new(&config.federation, Arc::clone(&platform))?,
            groups: RwLock::new(BTreeMap::new()),
            last_token: arc_swap::ArcSwap::default(),
            fresh_before_start: crate::gossip::read_freshness(&store)?,
            leaders: RwLock::new(BTreeMap::new()),
            standing: tokio::sync::watch::Sender::new(Standing::Serving),
            store: store.clone(),
            recoveries,
            recovery_key,
            fences: Fences::default(),
            recovering: tokio::sync::Mutex::default(),
            look_again: tokio::sync::Notify::new(),
            config: config.clone(),
        });
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut tasks = Vec::new();
        let driver = driver(&core, &store, clock, seed).await;
        tasks.push(tokio::spawn(driver.run(queues)));
        let links = config.links.iter().map(crate::config::Link::read);
        let links = Mutex::new(links.collect::<Result<_, _>>()?);
        let committer = store.committer().clone();
        let warden = Warden {
            core: Arc::clone(&core),
            store: store.clone(),
            known: Mutex::default(),
            links,
        };
        let changes = core.views.changes();
        warden.look().await?;
        tasks.extend(listen(&core, tls, stopped).await?);
        tasks.push(tokio::spawn(warden.watch(changes)));
        divergence::reopen(&core)?;
        tasks.push(tokio::spawn(divergence::run(Arc::clone(&core))));
        tasks.push(tokio::spawn(founding::run(Arc::clone(&core))));
        tasks.push(tokio::spawn(voters::run(Arc::clone(&core))));
        tasks.push(tokio::spawn(upgrade::run(Arc::clone(&core))));
        tasks.push(tokio::spawn(sealing::run(Arc::clone(&core))));
        tasks.push(tokio::spawn(departure::run(Arc::clone(&core))));
        tasks.push(tokio::spawn(moves::run(Arc::clone(&core), store.clone())));
        tasks.push(tokio::spawn(returning::run(Arc::clone(&core), store)));
        tasks.push(tokio::spawn(vouching::register(Arc::clone(&core))));
        tasks.push(tokio::spawn(region::import(Arc::clone(&core))));
        tasks.push(tokio::spawn(region::tell_uses(Arc::clone(&core))));
        Ok(Self { core, committer, tasks, stop })
    }

    /// Returns once the node knows its cluster and the operator's account: from then on it decides.
    pub async fn ready(&self) {
        let mut changes = self.core.views.changes();
        loop {
            let view = self.core.views.load();
            let operator = view
                .directory
                .cluster()
                .and_then(|c| tidegate_policy::AccountId::from_u64(c.operator).ok());
            if operator.is_some_and(|o| view.account(o).is_ok()) {
                return;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Returns once the node was evicted, has handed over what it alone had, and its store is to be emptied: it must be shut down, and
    /// begins anew with its next start.
    pub async fn evicted(&self) {
        let mut standing = self.core.standing.subscribe();
        if standing.wait_for(|s| *s == Standing::Void).await.is_err() {
            core::future::pending::<()>().await;
        }
    }

    /// Returns once the node can't go on, with the reason: a disk that failed, or a row that is not what was written. Whoever runs it must
    /// end it then, and start it again: a start reads what is really there, and refuses what is damaged. Until it is ended it answers from
    /// what it has, which grows old.
    pub async fn failed(&self) -> StoreError {
        self.committer.failed().await
    }

    /// Waits until the published view covers a token: from then on the node decides on what the token's holder has seen. Gives when
    /// that view was published, in the monotonic time of the platform; `None` when `patience` ran out first.
    ///
    /// # Errors
    /// The token is none of this cluster's.
    pub async fn covers(
        &self,
        token: &str,
        patience: Duration,
    ) -> Result<Option<Duration>, ServiceError> {
        let view = self.core.views.load();
        let token = Token::read_in(&self.core.cluster_key, &view, token)?;
        let covering = self.core.views.covering(&token.positions, patience).await;
        Ok(covering.map(|view| view.published_at))
    }

    /// Its number.
    pub fn id(&self) -> NodeId {
        self.core.me
    }

    /// The cluster's id and whether it was created in development mode; `None` before it was founded.
    pub fn cluster(&self) -> Option<(String, bool)> {
        let view = self.core.views.load();
        view.directory.cluster().map(|c| (c.id.clone(), c.development))
    }

    /// Makes accounts with chosen ids and keys, in development mode. Gives a token that covers them.
    ///
    /// # Errors
    /// See [`Planted`]: the cluster is not in development mode, or refuses a command.
    pub async fn plant(&self, accounts: &[Planted]) -> Result<String, ServiceError> {
        planting::plant(&self.core, accounts).await
    }

    /// Its links, for whoever runs it in development mode.
    pub fn links(&self) -> &Arc<LinkModel> {
        &self.core.link
    }

    /// What holds back changes that have arrived, for whoever runs it in development mode.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.core.gate
    }

    /// Its metrics, as Prometheus reads them.
    pub fn metrics(&self) -> String {
        self.core.metrics.text()
    }

    /// Stops the node: no new calls, groups down, tasks ended. What was acknowledged is durable already.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        let groups: Vec<Group> = self.core.groups.read().values().cloned().collect();
        for group in groups {
            group.shutdown().await;
        }
        for task in self.tasks {
            task.abort();
            // Its listener is free once it has ended.
            let _aborted = task.await.is_err();
        }
        self.core.peers.set(&BTreeMap::new());
        self.core.groups.write().clear();
    }
}

fn read_keys(config: &NodeConfig) -> Result<ClusterKey, StartError> {
    let refused =
        |path: &Path, why: String| StartError::ClusterKey { path: path.to_path_buf(), why };
    let read = |path: &Path| fs::read_to_string(path).map_err(|e| refused(path, e.to_string()));
    let path = &config.cluster_key;
    let key = ClusterKey::from_hex(&read(path)?).map_err(|e| refused(path, e.to_string()))?;
    match &config.sealing_key {
        Some(path) => key.with_secrets(&read(path)?).map_err(|e| refused(path, e.to_string())),
        None => Ok(key),
    }
}

fn read_recovery_key(path: &Path) -> Result<[u8; PUBLIC_KEY_BYTES], StartError> {
    let refused = |why: String| StartError::RecoveryKey { path: path.to_path_buf(), why };
    let text = fs::read_to_string(path).map_err(|e| refused(e.to_string()))?;
    recovery_public_key(&text).map_err(|e| refused(e.to_string()))
}
