//! openraft's types as this crate uses them.

use core::fmt;

use bytes::Bytes;
use openraft::{EmptyNode, EntryPayload, Snapshot, alias};
use openraft_rt::deterministic_rng::DeterministicRng;
use openraft_rt_tokio::TokioRuntime;

use crate::machine::SnapshotData;

/// Largest payload of one entry, in bytes: an entry is one row of the store.
pub const ENTRY_MAX: usize = 56 << 10;

/// What a client proposed: a time for the entry and bytes that only the machine reads.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    pub(crate) time: u64,
    pub(crate) bytes: Bytes,
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What the machine answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply(pub(crate) Bytes);

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The runtime of all groups: tokio, with random numbers that follow from the seed that a group was started with.
pub(crate) type Runtime = DeterministicRng<TokioRuntime>;

openraft::declare_raft_types!(
    /// The types of all groups.
    pub Types:
        D = Payload,
        R = Reply,
        NodeId = u64,
        Node = EmptyNode,
        AsyncRuntime = Runtime,
);

pub(crate) type LogId = alias::LogIdOf<Types>;
pub(crate) type Vote = alias::VoteOf<Types>;
pub(crate) type Entry = alias::EntryOf<Types>;
pub(crate) type LeaderId = alias::CommittedLeaderIdOf<Types>;
pub(crate) type StoredMembership = alias::StoredMembershipOf<Types>;
pub(crate) type Membership = openraft::Membership<u64, EmptyNode>;
pub(crate) type SnapshotMeta = alias::SnapshotMetaOf<Types>;
pub(crate) type GroupSnapshot = Snapshot<LeaderId, u64, EmptyNode, SnapshotData>;
pub(crate) type GroupPayload = EntryPayload<Payload, u64, EmptyNode>;

/// Bytes that an entry takes besides its payload, at most, as long as few nodes vote.
const ENTRY_OVERHEAD: usize = 64;

/// About how many bytes an entry takes on the wire.
pub(crate) fn size(entry: &Entry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(payload) => payload.bytes.len() + ENTRY_OVERHEAD,
        EntryPayload::Blank | EntryPayload::Membership(_) => ENTRY_OVERHEAD,
    }
}
