//! A group as the rest of the node uses it.

use core::time::Duration;
use std::{collections::BTreeMap, sync::{Arc, OnceLock}};

use bytes::Bytes;
use openraft::{
    Config, EmptyNode, Raft, ReadPolicy, ServerState, Snapshot, SnapshotPolicy,
    async_runtime::WatchReceiver,
    errors::{ClientWriteError, LinearizableReadError, RaftError},
    raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest},
};
use parking_lot::Mutex;
use prost::Message;
use tidegate_replica::{GroupId, NodeId};
use tidegate_store::NodeStore;
use tokio::sync::Semaphore;

use crate::{
    log::GroupLog,
    machine::{Driver, Machine, SnapshotData},
    network::{Network, Transport},
    types::{ENTRY_MAX, Payload, Types},
    wire::{self, AppendReplyW, AppendW, SnapshotW, VoteReplyW, VoteRequestW},
};

/// Proposals that may be under way in one group. Past it callers are refused and may retry.
const PROPOSALS_MAX: usize = 4_096;
/// Bytes of a snapshot that is being received.
const SNAPSHOT_MAX: usize = 4 << 30;

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

#[derive(Default)]
struct Receiving {
    head: Option<SnapshotW>,
    chunks: Vec<Bytes>,
    bytes: usize,
    next: u64,
}

struct Inner {
    raft: Raft<Types, Driver>,
    me: NodeId,
    group: GroupId,
    store: NodeStore,
    now: Arc<dyn Fn() -> u64 + Send + Sync>,
    proposals: Semaphore,
    receiving: Mutex<Receiving>,
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
        send_snapshot_timeout: 600_000,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(timings.snapshot_every),
        max_in_snapshot_log_to_keep: timings.snapshot_every / 4,
        max_payload_entries: 512,
        enable_pre_vote: Some(true),
        quorum_loss_probe_interval: Some(2 * election_max),
        ..Config::default()
    };
    config.validate().map_err(|e| StartError::Timing(e.to_string()))
}

impl Group {
    /// Starts the group from what is stored. Nothing happens in a group without voters until [`Group::initialize`].
    pub async fn start(
        config: GroupConfig,
        store: NodeStore,
        transport: Arc<dyn Transport>,
        machine: Arc<dyn Machine>,
    ) -> Result<Self, StartError> {
        let GroupConfig { me, group, timings, now } = config;
        let raft_config = Arc::new(self::config(group, timings)?);
        let cell: Arc<OnceLock<Raft<Types, Driver>>> = Arc::default();
        let leads = Arc::clone(&cell);
        let leading = Arc::new(move || leads.get().is_some_and(Raft::is_leader));
        let driver = Driver::open(group, store.clone(), machine, leading)?;
        let log = GroupLog::new(group, store.clone());
        let network = Network { group, transport };
        let raft = Raft::new(me.0, raft_config, network, log, driver)
            .await
            .map_err(|e| StartError::Raft(e.to_string()))?;
        let _first = cell.set(raft.clone()).is_ok();
        Ok(Self(Arc::new(Inner {
            raft,
            me,
            group,
            store,
            now,
            proposals: Semaphore::new(PROPOSALS_MAX),
            receiving: Mutex::default(),
        })))
    }

    /// Gives a new group its voters. Does nothing when it has some.
    pub async fn initialize(&self, voters: &[NodeId]) -> Result<(), StartError> {
        let nodes: BTreeMap<u64, EmptyNode> = voters.iter().map(|v| (v.0, EmptyNode {})).collect();
        match self.0.raft.initialize(nodes).await {
            Ok(()) | Err(RaftError::APIError(openraft::errors::InitializeError::NotAllowed(_))) => Ok(()),
            Err(e) => Err(StartError::Raft(e.to_string())),
        }
    }

    /// The group's number.
    pub fn id(&self) -> GroupId {
        self.0.group
    }

    /// Proposes an entry and waits until it is applied here.
    pub async fn propose(&self, payload: Bytes, deadline: Duration) -> Result<Proposed, ProposeError> {
        if payload.len() > ENTRY_MAX {
            return Err(ProposeError::TooLarge(payload.len()));
        }
        if self.0.store.engine().is_nearly_full() {
            return Err(ProposeError::DiskFull);
        }
        let Ok(_permit) = self.0.proposals.try_acquire() else { return Err(ProposeError::Overloaded) };
        let entry = Payload { time: (self.0.now)(), bytes: payload };
        match tokio::time::timeout(deadline, self.0.raft.client_write(entry)).await {
            Err(_) => Err(ProposeError::Unknown),
            Ok(Ok(written)) => Ok(Proposed { index: written.log_id.index, response: written.data.0 }),
            Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to)))) => {
                Err(ProposeError::NotLeader { leader: to.leader_id.map(NodeId) })
            }
            Ok(Err(RaftError::APIError(ClientWriteError::LogEntryDiscarded(_)))) => Err(ProposeError::Unknown),
            Ok(Err(e)) => Err(ProposeError::Stopped(e.to_string())),
        }
    }

    /// A log index that a quorum has confirmed after the call began: whoever has applied it has seen every earlier write.
    pub async fn read_index(&self) -> Result<u64, ReadError> {
        match self.0.raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
            Ok(linearizer) => Ok(linearizer.read_log_id().log_id().index),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(to))) => {
                Err(ReadError::NotLeader { leader: to.leader_id.map(NodeId) })
            }
            Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => Err(ReadError::NoQuorum),
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

    /// Answers a message of another voter.
    pub async fn handle(&self, kind: u32, body: Bytes) -> Result<Bytes, String> {
        match kind {
            wire::APPEND => self.handle_append(body).await,
            wire::VOTE | wire::PRE_VOTE => self.handle_vote(kind, body).await,
            wire::SNAPSHOT => self.handle_snapshot(body).await,
            other => Err(format!("unknown kind {other}")),
        }
    }

    async fn handle_append(&self, body: Bytes) -> Result<Bytes, String> {
        let w = AppendW::decode(body).map_err(text)?;
        let entries = w.entries.into_iter().map(wire::read_entry).collect::<Result<_, _>>().map_err(text)?;
        let request = AppendEntriesRequest {
            vote: wire::read_vote(w.vote).map_err(text)?,
            prev_log_id: w.prev.map(wire::read_log_id),
            entries,
            leader_commit: w.commit.map(wire::read_log_id),
        };
        let reply = match self.0.raft.append_entries(request).await.map_err(text)? {
            AppendEntriesResponse::Success => AppendReplyW::default(),
            AppendEntriesResponse::PartialSuccess(id) => {
                AppendReplyW { kind: 1, log_id: id.as_ref().map(wire::log_id), vote: None }
            }
            AppendEntriesResponse::Conflict => AppendReplyW { kind: 2, ..AppendReplyW::default() },
            AppendEntriesResponse::HigherVote(vote) => {
                AppendReplyW { kind: 3, log_id: None, vote: Some(wire::vote(&vote)) }
            }
        };
        Ok(reply.encode_to_vec().into())
    }

    async fn handle_vote(&self, kind: u32, body: Bytes) -> Result<Bytes, String> {
        let w = VoteRequestW::decode(body).map_err(text)?;
        let mut request = VoteRequest::new(wire::read_vote(w.vote).map_err(text)?, w.last.map(wire::read_log_id));
        request.leadership_transfer = w.transfer;
        let reply = match kind {
            wire::VOTE => self.0.raft.vote(request).await,
            _ => self.0.raft.pre_vote(request).await,
        };
        let reply = reply.map_err(text)?;
        let w = VoteReplyW {
            vote: Some(wire::vote(&reply.vote)),
            granted: reply.vote_granted,
            last: reply.last_log_id.as_ref().map(wire::log_id),
        };
        Ok(w.encode_to_vec().into())
    }

    async fn handle_snapshot(&self, body: Bytes) -> Result<Bytes, String> {
        let w = SnapshotW::decode(body).map_err(text)?;
        let vote = wire::read_vote(w.vote).map_err(text)?;
        let whole = {
            let mut receiving = self.0.receiving.lock();
            let head = SnapshotW { chunks: Vec::new(), part: 0, is_last: false, ..w.clone() };
            if w.part == 0 || receiving.head.as_ref() != Some(&head) {
                *receiving = Receiving { head: Some(head), ..Receiving::default() };
            }
            if w.part != receiving.next {
                return Err(format!("part {} came where {} was expected", w.part, receiving.next));
            }
            receiving.next += 1;
            receiving.bytes += w.chunks.iter().map(Bytes::len).sum::<usize>();
            if receiving.bytes > SNAPSHOT_MAX {
                return Err("the snapshot is too large".to_owned());
            }
            receiving.chunks.extend(w.chunks.iter().cloned());
            w.is_last.then(|| core::mem::take(&mut *receiving).chunks)
        };
        let answered = match whole {
            None => vote,
            Some(chunks) => {
                let snapshot = Snapshot { meta: w.meta().map_err(text)?, snapshot: SnapshotData::Received(chunks) };
                self.0.raft.install_full_snapshot(vote, snapshot).await.map_err(text)?.vote
            }
        };
        let reply = VoteReplyW { vote: Some(wire::vote(&answered)), granted: true, last: None };
        Ok(reply.encode_to_vec().into())
    }

    /// Stops the group on this node.
    pub async fn shutdown(&self) {
        if let Err(error) = self.0.raft.shutdown().await {
            tracing::debug!(%error, group = %self.0.group, "a group did not stop cleanly");
        }
    }
}

fn text(error: impl core::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
