//! The bytes of Raft messages and of log rows. Fields are only ever added.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use openraft::{EmptyNode, EntryPayload};
use prost::Message;
use tidegate_replica::GroupId;

use crate::types::{
    Entry, LeaderId, LogId, Membership, Payload, SnapshotMeta, StoredMembership, Vote,
};

/// One message of one group, as the transport carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaftMessage {
    /// The group.
    pub group: GroupId,
    /// Its generation at the sender, which the transport fills in: of another one nothing is heard.
    pub generation: u32,
    /// What it is.
    pub kind: u32,
    /// Its body.
    pub body: Bytes,
}

pub(crate) const APPEND: u32 = 1;
pub(crate) const VOTE: u32 = 2;
pub(crate) const PRE_VOTE: u32 = 3;
pub(crate) const SNAPSHOT: u32 = 4;
pub(crate) const TRANSFER: u32 = 5;

/// Bytes that are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a Raft message can't be read: {0}")]
pub(crate) struct WireError(String);

impl From<prost::DecodeError> for WireError {
    fn from(e: prost::DecodeError) -> Self {
        Self(e.to_string())
    }
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct LogIdW {
    #[prost(uint64, tag = "1")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) node: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) index: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct VoteW {
    #[prost(uint64, tag = "1")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) node: u64,
    #[prost(bool, tag = "3")]
    pub(crate) committed: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeSetW {
    #[prost(uint64, repeated, tag = "1")]
    pub(crate) nodes: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MembershipW {
    #[prost(message, repeated, tag = "1")]
    configs: Vec<NodeSetW>,
    #[prost(uint64, repeated, tag = "2")]
    nodes: Vec<u64>,
    #[prost(message, optional, tag = "3")]
    log_id: Option<LogIdW>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct EntryW {
    #[prost(message, optional, tag = "1")]
    pub(crate) log_id: Option<LogIdW>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(crate) payload: Option<Bytes>,
    #[prost(uint64, tag = "3")]
    pub(crate) time: u64,
    #[prost(message, optional, tag = "4")]
    pub(crate) membership: Option<MembershipW>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AppendW {
    #[prost(message, optional, tag = "1")]
    pub(crate) vote: Option<VoteW>,
    #[prost(message, optional, tag = "2")]
    pub(crate) prev: Option<LogIdW>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) entries: Vec<EntryW>,
    #[prost(message, optional, tag = "4")]
    pub(crate) commit: Option<LogIdW>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AppendReplyW {
    /// 0 success, 1 partial success, 2 conflict, 3 higher vote.
    #[prost(uint32, tag = "1")]
    pub(crate) kind: u32,
    #[prost(message, optional, tag = "2")]
    pub(crate) log_id: Option<LogIdW>,
    #[prost(message, optional, tag = "3")]
    pub(crate) vote: Option<VoteW>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct VoteRequestW {
    #[prost(message, optional, tag = "1")]
    pub(crate) vote: Option<VoteW>,
    #[prost(message, optional, tag = "2")]
    pub(crate) last: Option<LogIdW>,
    #[prost(bool, tag = "3")]
    pub(crate) transfer: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct VoteReplyW {
    #[prost(message, optional, tag = "1")]
    pub(crate) vote: Option<VoteW>,
    #[prost(bool, tag = "2")]
    pub(crate) granted: bool,
    #[prost(message, optional, tag = "3")]
    pub(crate) last: Option<LogIdW>,
}

/// A part of a snapshot. Parts are numbered; the last says so.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SnapshotW {
    #[prost(message, optional, tag = "1")]
    pub(crate) vote: Option<VoteW>,
    #[prost(message, optional, tag = "2")]
    pub(crate) last: Option<LogIdW>,
    #[prost(message, optional, tag = "3")]
    pub(crate) membership: Option<MembershipW>,
    #[prost(uint64, tag = "4")]
    pub(crate) part: u64,
    #[prost(bool, tag = "5")]
    pub(crate) is_last: bool,
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub(crate) chunks: Vec<Bytes>,
    /// The time of the last entry, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "7")]
    pub(crate) time: u64,
}

/// A leader steps down for another voter.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TransferW {
    #[prost(message, optional, tag = "1")]
    pub(crate) from: Option<VoteW>,
    #[prost(uint64, tag = "2")]
    pub(crate) to: u64,
    #[prost(message, optional, tag = "3")]
    pub(crate) last: Option<LogIdW>,
}

/// Whether a voter takes part in a transfer; what it has instead of what was expected when not.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TransferReplyW {
    /// Set: its vote has changed.
    #[prost(message, optional, tag = "1")]
    pub(crate) vote: Option<VoteW>,
    /// Set: its log does not reach far enough.
    #[prost(message, optional, tag = "2")]
    pub(crate) flushed: Option<FlushedW>,
}

/// How far a log is durable.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct FlushedW {
    #[prost(message, optional, tag = "1")]
    pub(crate) last: Option<LogIdW>,
}

/// How far a machine has applied, as it is stored.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AppliedW {
    #[prost(message, optional, tag = "1")]
    pub(crate) last: Option<LogIdW>,
    #[prost(message, optional, tag = "2")]
    pub(crate) membership: Option<MembershipW>,
    #[prost(uint64, tag = "3")]
    pub(crate) time: u64,
}

pub(crate) fn log_id(id: &LogId) -> LogIdW {
    LogIdW { term: id.leader_id.term, node: id.leader_id.node_id, index: id.index }
}

pub(crate) fn read_log_id(w: LogIdW) -> LogId {
    LogId::new(LeaderId { term: w.term, node_id: w.node }, w.index)
}

pub(crate) fn vote(vote: &Vote) -> VoteW {
    VoteW { term: vote.leader_id.term, node: vote.leader_id.node_id, committed: vote.committed }
}

pub(crate) fn read_vote(w: Option<VoteW>) -> Result<Vote, WireError> {
    let w = w.ok_or_else(|| WireError("no vote".to_owned()))?;
    let mut vote = Vote::new(w.term, w.node);
    vote.committed = w.committed;
    Ok(vote)
}

fn membership(m: &Membership) -> MembershipW {
    MembershipW {
        configs: m
            .get_joint_config()
            .iter()
            .map(|c| NodeSetW { nodes: c.iter().copied().collect() })
            .collect(),
        nodes: m.nodes().map(|(n, _)| *n).collect(),
        log_id: None,
    }
}

fn read_membership(w: &MembershipW) -> Result<Membership, WireError> {
    let configs: Vec<BTreeSet<u64>> =
        w.configs.iter().map(|c| c.nodes.iter().copied().collect()).collect();
    if configs.is_empty() {
        return Ok(Membership::default());
    }
    #[expect(clippy::zero_sized_map_values, reason = "the form that openraft takes")]
    let nodes: BTreeMap<u64, EmptyNode> = w.nodes.iter().map(|n| (*n, EmptyNode {})).collect();
    Membership::new(configs, nodes).map_err(|e| WireError(e.to_string()))
}

pub(crate) fn stored_membership(m: &StoredMembership) -> MembershipW {
    MembershipW { log_id: m.log_id().as_ref().map(log_id), ..membership(m.membership()) }
}

pub(crate) fn read_stored_membership(
    w: Option<&MembershipW>,
) -> Result<StoredMembership, WireError> {
    match w {
        None => Ok(StoredMembership::default()),
        Some(w) => Ok(StoredMembership::new(w.log_id.map(read_log_id), read_membership(w)?)),
    }
}

pub(crate) fn entry(entry: &Entry) -> EntryW {
    let mut w = EntryW { log_id: Some(log_id(&entry.log_id)), ..EntryW::default() };
    match &entry.payload {
        EntryPayload::Blank => {}
        EntryPayload::Normal(payload) => {
            w.payload = Some(payload.bytes.clone());
            w.time = payload.time;
        }
        EntryPayload::Membership(m) => w.membership = Some(membership(m)),
    }
    w
}

pub(crate) fn read_entry(w: EntryW) -> Result<Entry, WireError> {
    let log_id =
        read_log_id(w.log_id.ok_or_else(|| WireError("an entry without a place".to_owned()))?);
    let payload = match (w.payload, w.membership) {
        (Some(bytes), _) => EntryPayload::Normal(Payload { time: w.time, bytes }),
        (None, Some(m)) => EntryPayload::Membership(read_membership(&m)?),
        (None, None) => EntryPayload::Blank,
    };
    Ok(Entry { log_id, payload })
}

impl SnapshotW {
    pub(crate) fn meta(&self) -> Result<SnapshotMeta, WireError> {
        Ok(SnapshotMeta {
            last_log_id: self.last.map(read_log_id),
            last_membership: read_stored_membership(self.membership.as_ref())?,
        })
    }
}
