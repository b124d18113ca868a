//! A group as the rest of the node uses it.

use core::time::Duration;
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use openraft::{
    Config, EmptyNode, Raft, ReadPolicy, ServerState, SnapshotPolicy,
    async_runtime::WatchReceiver,
    errors::{ClientWriteError, Fatal, ForwardReason, LinearizableReadError, RaftError},
};
use tidegate_replica::{GroupId, NodeId};
use tidegate_store::NodeStore;
use tokio::sync::Semaphore;

mod membership;

pub use membership::{MembershipError, forget_group, is_half_forgotten, is_remembered, remembered};

use crate::{
    log::GroupLog,
    machine::{Driver, Machine},
    network::{Network, Transport},
    serve::Server,
    types::{ENTRY_MAX, Payload, Runtime, Types},
};

/// Proposals that may be under way in one group. Past it callers are refused and may retry.
const PROPOSALS_MAX: usize = 4_096;

/// Raft's timing.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// Between heartbeats.
    pub heartbeat: Duration,
    /// Shortest election timeout.
    pub election_min: Duration,
    /// Longest election timeout.
    pub election_max: Duration,
    /// Entries after which a snapshot is taken.
    pub snapshot_every: u64,
}

/// What a group needs to know.
pub struct GroupConfig {
    /// This node.
    pub me: NodeId,
    /// The group.
    pub group: GroupId,
    /// Its timing.
    pub timings: Timings,
    /// The wall clock, in milliseconds since the Unix epoch: stamps what is proposed here.
    pub now: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl core::fmt::Debug for GroupConfig {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("GroupConfig")
            .field("me", &self.me)
            .field("group", &self.group)
            .field("timings", &self.timings)
            .finish_non_exhaustive()
    }
}

/// Why a group did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its timing contradicts itself.
    #[error("the Raft timing can't be used: {0}")]
    Timing(String),
    /// Its stored state can't be read.
    #[error("the group's stored state can't be read")]
    Store(#[from] std::io::Error),
    /// openraft refused.
    #[error("the group can't be started: {0}")]
    Raft(String),
}

/// Why a proposal has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Another node leads. Nothing was changed.
    #[error("this node does not lead the group")]
    NotLeader {
        /// Who does, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// This node led but has lost its quorum. Nothing was changed.
    #[error("no quorum of the group answers")]
    NoQuorum,
    /// No outcome within the deadline: it may yet be committed. Retry under the same request id.
    #[error("no outcome in time: it may yet take effect")]
    Unknown,
    /// Too much is under way. Nothing was changed.
    #[error("the group has too much under way")]
    Overloaded,
    /// The payload is larger than an entry may be. Nothing was changed.
    #[error("{0} bytes are too large for one entry")]
    TooLarge(usize),
    /// The disk is nearly full. Nothing was changed.
    #[error("the disk is nearly full")]
    DiskFull,
    /// The group has stopped, for a failure of the disk or for good.
    #[error("the group has stopped: {0}")]
    Stopped(String),
}

impl From<RaftError<Types, ClientWriteError<Types>>> for ProposeError {
    fn from(error: RaftError<Types, ClientWriteError<Types>>) -> Self {
        match error {
            RaftError::APIError(ClientWriteError::ForwardToLeader(to))
                if to.reason == ForwardReason::LeaseExpired =>
            {
                Self::NoQuorum
            }
            RaftError::APIError(ClientWriteError::ForwardToLeader(to)) => {
                Self::NotLeader { leader: to.leader_id.map(NodeId) }
            }
            RaftError::APIError(ClientWriteError::LogEntryDiscarded(_)) => Self::Unknown,
            other => Self::Stopped(other.to_string()),
        }
    }
}

/// Why no linearizable read was possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Another node leads.
    #[error("this node does not lead the group")]
    NotLeader {
        /// Who does, as far as this node knows.
        leader: Option<NodeId>,
    },
    /// No quorum answered.
    #[error("no quorum of the group answered")]
    NoQuorum,
    /// The group has stopped.
    #[error("the group has stopped: {0}")]
    Stopped(String),
}

/// The outcome of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// Its log index.
    pub index: u64,
    /// What the machine answered.
    pub response: Bytes,
}

/// How a group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStatus {
    /// Who leads, as far as this node knows.
    pub leader: Option<NodeId>,
    /// Whether this node leads.
    pub leading: bool,
    /// The current term.
    pub term: u64,
    /// Log index up to which this node has applied.
    pub applied: u64,
    /// The voters.
    pub voters: Vec<NodeId>,
}

struct Inner {
    raft: Raft<Types, Driver>,
    me: NodeId,
    group: GroupId,
    store: NodeStore,
    now: Arc<dyn Fn() -> u64 + Send + Sync>,
    proposals: Semaphore,
    server: Server,
}

/// One group on this node. Clones are the same group.
#[derive(Clone)]
pub struct Group(Arc<Inner>);

impl core::fmt::Debug for Group {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Group").field("group", &self.0.group).finish_non_exhaustive()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn config(group: GroupId, timings: Timings) -> Result<Config, StartError> {
    let election_max = millis(timings.election_max);
    let config = Config {
        cluster_name: group.to_string(),
        heartbeat_interval: millis(timings.heartbeat),
        election_timeout_min: millis(timings.election_min),
        election_timeout_max: election_max,
        install_snapshot_timeout: 10_000,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(timings.snapshot_every),
        max_in_snapshot_log_to_keep: timings.snapshot_every / 4,
        max_payload_entries: 512,
        enable_pre_vote: Some(true),
        // A restarted leader may have lost what it had applied: it must win an election before it answers anything.
        enable_leader_restore: Some(false),
        quorum_loss_probe_interval: Some(2 * election_max),
        ..Config::default()
    };
    config.validate().map_err(|e| StartError::Timing(e.to_string()))
}

impl Group {
    /// Starts the group from what is stored. Nothing happens in a group without voters until [`Group::initialize`].
    ///
    /// Election timeouts are drawn from a seed made of node, group and clock. See [`Group::start_seeded`].
    pub async fn start(
        config: GroupConfig,
        store: NodeStore,
        transport: Arc<dyn Transport>,
        machine: Arc<dyn Machine>,
    ) -> Result<Self, StartError> {
        let seed = (config.now)()
            ^ config.me.0.rotate_left(48)
            ^ u64::from(config.group.0).rotate_left(24);
        Self::start_seeded(config, seed, store, transport, machine).await
    }

    /// As [`Group::start`], with everything random drawn from `seed`: under a simulated clock and transport the same seed gives the
    /// same run. The voters of one group must have different seeds, else they stand for election at the same moments.
    pub async fn start_seeded(
        config: GroupConfig,
        seed: u64,
        store: NodeStore,
        transport: Arc<dyn Transport>,
        machine: Arc<dyn Machine>,
    ) -> Result<Self, StartError> {
        let GroupConfig { me, group, timings, now } = config;
        let raft_config = Arc::new(self::config(group, timings)?);
        let cell: Arc<OnceLock<Raft<Types, Driver>>> = Arc::default();
        let leads = Arc::clone(&cell);
        let leading = Arc::new(move || leads.get().is_some_and(Raft::is_leader));
        let network =
            Network { group, transport, machine: Arc::clone(&machine), told: Arc::default() };
        let driver = Driver::open(group, store.clone(), machine, leading)?;
        let log = GroupLog::new(group, store.clone());
        let raft = Runtime::scope(seed, Raft::new(me.0, raft_config, network, log, driver))
            .await
            .map_err(|e| StartError::Raft(e.to_string()))?;
        let _first = cell.set(raft.clone()).is_ok();
        let server = Server::new(raft.clone(), store.clone());
        Ok(Self(Arc::new(Inner {
            raft,
            me,
            group,
            store,
            now,
            proposals: Semaphore::new(PROPOSALS_MAX),
            server,
        })))
    }

    /// Gives a new group its voters. Does nothing when it has some.
    pub async fn initialize(&self, voters: &[NodeId]) -> Result<(), StartError> {
        #[expect(clippy::zero_sized_map_values, reason = "the form that openraft takes")]
        let nodes: BTreeMap<u64, EmptyNode> = voters.iter().map(|v| (v.0, EmptyNode {})).collect();
        match self.0.raft.initialize(nodes).await {
            Ok(()) | Err(RaftError::APIError(openraft::errors::InitializeError::NotAllowed(_))) => {
                Ok(())
            }
            Err(e) => Err(StartError::Raft(e.to_string())),
        }
    }

    /// The group's number.
    pub fn id(&self) -> GroupId {
        self.0.group
    }

    /// Proposes an entry and waits until it is applied here.
    pub async fn propose(
        &self,
        payload: Bytes,
        deadline: Duration,
    ) -> Result<Proposed, ProposeError> {
        if payload.len() > ENTRY_MAX {
            return Err(ProposeError::TooLarge(payload.len()));
        }
        if self.0.store.engine().is_nearly_full() {
            return Err(ProposeError::DiskFull);
        }
        let Ok(_permit) = self.0.proposals.try_acquire() else {
            return Err(ProposeError::Overloaded);
        };
        let entry = Payload { time: (self.0.now)(), bytes: payload };
        match tokio::time::timeout(deadline, self.0.raft.client_write(entry)).await {
            Err(_late) => Err(ProposeError::Unknown),
            Ok(Ok(written)) => {
                Ok(Proposed { index: written.log_id.index, response: written.data.0 })
            }
            Ok(Err(error)) => Err(error.into()),
        }
    }

    /// A log index that a quorum has confirmed after the call began: whoever has applied it has seen every earlier write.
    pub async fn read_index(&self) -> Result<u64, ReadError> {
        match self.0.raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
            Ok(linearizer) => Ok(linearizer.read_log_id().log_id().index),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(to))) => {
                Err(ReadError::NotLeader { leader: to.leader_id.map(NodeId) })
            }
            Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => {
                Err(ReadError::NoQuorum)
            }
            Err(e) => Err(ReadError::Stopped(e.to_string())),
        }
    }

    /// Who leads, as far as this node knows.
    pub fn leader(&self) -> Option<NodeId> {
        self.0.raft.server_metrics().borrow_watched().current_leader.map(NodeId)
    }

    /// Whether this node leads.
    pub fn is_leading(&self) -> bool {
        self.leader() == Some(self.0.me) && self.0.raft.is_leader()
    }

    /// How the group is.
    pub fn status(&self) -> GroupStatus {
        let metrics = self.0.raft.metrics();
        let metrics = metrics.borrow_watched();
        GroupStatus {
            leader: metrics.current_leader.map(NodeId),
            leading: metrics.state == ServerState::Leader,
            term: metrics.current_term,
            applied: metrics.last_applied.as_ref().map_or(0, |id| id.index),
            voters: metrics.membership_config.membership().voter_ids().map(NodeId).collect(),
        }
    }

    /// Returns once the group has stopped on this node, with the reason where that was a failure.
    pub async fn stopped(&self) -> Option<String> {
        let mut metrics = self.0.raft.metrics();
        loop {
            let state = metrics.borrow_watched().running_state.clone();
            match state {
                Err(error @ (Fatal::StorageError(_) | Fatal::Panicked)) => {
                    return Some(error.to_string());
                }
                Err(Fatal::Stopped) => return None,
                Ok(()) => {}
            }
            if metrics.changed().await.is_err() {
                return None;
            }
        }
    }

    /// Answers a message of another voter.
    pub async fn handle(&self, kind: u32, body: Bytes) -> Result<Bytes, String> {
        self.0.server.handle(kind, body).await.map_err(|error| error.to_string())
    }

    /// Asks another voter to lead. Returns once it has been asked; [`Group::leader`] tells when it does.
    pub async fn transfer_leader(&self, to: NodeId) -> Result<(), ReadError> {
        if !self.is_leading() {
            return Err(ReadError::NotLeader { leader: self.leader() });
        }
        self.0
            .raft
            .trigger()
            .transfer_leader(to.0)
            .await
            .map_err(|e| ReadError::Stopped(e.to_string()))
    }

    /// Stops the group on this node.
    pub async fn shutdown(&self) {
        if let Err(error) = self.0.raft.shutdown().await {
            tracing::debug!(%error, group = %self.0.group, "a group did not stop cleanly");
        }
    }
}

#[cfg(test)]
mod tests;
