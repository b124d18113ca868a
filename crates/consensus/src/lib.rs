//! One Raft group on one node: an ordered, durable sequence of entries, applied to a machine. The only crate that names openraft.
//!
//! The one idea: openraft decides, we own the bytes. What goes to disk and over the wire are messages of this crate, so that another
//! version of the library is no migration. The world is met through [`Transport`], the replicated state through [`Machine`].
//!
//! Invariants:
//! - an append is reported as flushed only after the fsync that covers it; a vote is durable before it is answered;
//! - entries are applied in log order, each exactly once as far as the store is durable, and applying reads no clock;
//! - every call to a peer has a deadline.

mod group;
mod log;
mod machine;
mod network;
mod receive;
mod recovery;
mod row;
mod serve;
mod tail;
mod types;
mod wire;

pub use group::{
    Group, GroupConfig, GroupStatus, MembershipError, ProposeError, Proposed, ReadError,
    StartError, Timings, forget_group, is_half_forgotten, is_remembered, remembered,
};
pub use machine::{Applied, Committed, EntryPosition, Frozen, Machine, applied_index};
pub use network::{Transport, TransportError};
pub use recovery::{LogEnd, begin_at, commit_tail, log_end, tail};
pub use types::ENTRY_MAX;
pub use wire::RaftMessage;
