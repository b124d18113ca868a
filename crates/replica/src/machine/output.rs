//! What the machine wants done: effects are data, and the driver carries them out.

use core::fmt;
use std::collections::BTreeSet;

use bytes::Bytes;

use crate::{Clock, Dot, GroupId, Message, NodeId, Origin, PropagationEvent, Record};

/// Which of the two connections to a peer a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Acknowledgements, probes, digests, liveness, and all that nodes write themselves: nothing may stand before them.
    Urgent,
    /// Pushes and pages of what groups write.
    Bulk,
}

/// Names a merge. Later ones are greater.
pub type MergeId = u64;
/// Names a confirmation.
pub type ConfirmId = u64;

/// Records to be stored, in one atomic batch with the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeBatch {
    /// Its name.
    pub id: MergeId,
    /// Records to be written where they are newer than what is stored.
    pub writes: Vec<Record>,
    /// The dots of those `writes` that the validator refused. They are stored, so that peers can fetch them from here and a later
    /// build can read them, and they are never decided on.
    pub aside: Vec<Dot>,
    /// What the stored clock advances to. Empty in the middle of a catch-up.
    pub clock: Clock,
    /// This ends a whole state.
    pub replaced: Option<Replaced>,
    /// Whether the view may show these records now. `false` only in the middle of a catch-up that is too large to be held in memory, or of
    /// one that brings again what the store has [lost](crate::Replica::lost): its records stay out of the view until the batch of the same origin that has `true`. A node that restarts in between has
    /// records beyond its clock, never a clock beyond its records.
    pub publish: bool,
    /// `traceparent` of the change, to follow it.
    pub trace: Option<String>,
    /// What vouches for the state of the origin at the clock's position, to be stored with it. Opaque here.
    pub proof: Option<Bytes>,
}

/// A catch-up that has come to its source's cut, and what vouches for the state there. Nothing of it counts as merged.
#[derive(Clone, Debug, PartialEq)]
pub struct CaughtUp {
    /// The source.
    pub from: NodeId,
    /// Whose records they are.
    pub origin: Origin,
    /// The state that is vouched for is the one at this sequence.
    pub upto: u64,
    /// What leads there from what is stored.
    pub writes: Vec<Record>,
    /// They end a whole state.
    pub replaced: Option<Replaced>,
    /// What vouches for the state.
    pub proof: Bytes,
    /// Whether records of it went to the store before.
    pub spilled: bool,
}

/// The end of a whole state: what is stored of the origin and was not in it is void, because its tombstone was collected meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Of which origin.
    pub origin: Origin,
    /// Keys that came with it in earlier batches.
    pub kept: BTreeSet<Bytes>,
}

/// What a person must look at. Nothing else stops because of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// The validator refused a record; it was set aside.
    Poison {
        /// Who sent it; not always who wrote it.
        from: NodeId,
        /// Which write.
        dot: Dot,
        /// What was wrong.
        why: String,
    },
    /// Somebody sent what its writer had not written, or a state that is none of its origin's. Nothing of it was taken.
    Forged {
        /// Who sent it.
        from: NodeId,
        /// Whose write it claims to be, or up to where a state claims to be complete.
        dot: Dot,
        /// What was wrong.
        why: String,
    },
    /// At equal positions this node's state of a group differs from another's. Said once for each pair of node and position.
    DigestMismatch {
        /// The other.
        with: NodeId,
        /// The group.
        group: GroupId,
    },
    /// Two writes claim one stamp for one key. Stamps are unique by construction: a bug.
    StampConflict {
        /// The write that arrived.
        arrived: Dot,
        /// The write that stands.
        stands: Dot,
    },
    /// A peer has a write of this node that this node's own store has not: the store lost what was promised to be durable. Until the driver
    /// calls [`Replica::write_as`](crate::Replica::write_as) with a fresh incarnation, nothing that this node appends is sent.
    Forgotten {
        /// Who has it.
        from: NodeId,
        /// The write.
        dot: Dot,
    },
    /// The driver published what it had not reported as durable: a bug of the driver. The position is not acknowledged.
    NotDurable {
        /// The write that was published too early.
        dot: Dot,
    },
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poison { from, dot, why } => {
                write!(f, "record {dot}, sent by {from}, was set aside: {why}")
            }
            Self::Forged { from, dot, why } => {
                write!(f, "{from} sent a forgery in the name of {dot}: {why}")
            }
            Self::DigestMismatch { with, group } => {
                write!(f, "at equal positions the state of {group} differs from that of {with}")
            }
            Self::StampConflict { arrived, stands } => {
                write!(f, "{arrived} and {stands} claim one stamp for one key")
            }
            Self::Forgotten { from, dot } => {
                write!(f, "{from} has {dot}, which this node wrote and its own store has lost")
            }
            Self::NotDurable { dot } => write!(f, "{dot} was published before it was durable"),
        }
    }
}

/// The rest of an answer to a peer that asked for what it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who asked.
    pub to: NodeId,
    /// For what.
    pub origin: Origin,
    pub(super) nonce: u64,
    /// Names the answer.
    pub(super) number: u64,
    /// Tombstones collected up to here are not missed.
    pub(super) base: u64,
    /// Where the next page begins.
    pub(super) after: u64,
    /// How far this node was.
    pub(super) published: u64,
    /// Pages that are still to be sent.
    pub(super) pages: usize,
    pub(super) replaces: bool,
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a message.
    Send {
        /// To whom.
        to: NodeId,
        /// On which connection.
        lane: Lane,
        /// What.
        message: Message,
    },
    /// Make a batch durable, then call [`Replica::persisted`](crate::Replica::persisted).
    Merge(MergeBatch),
    /// See whether what is stored, with every batch before and these records, is the state that is vouched for; then call
    /// [`Replica::checked`](crate::Replica::checked) with the same, before anything else is done.
    Check(CaughtUp),
    /// Call [`Replica::answer_on`](crate::Replica::answer_on) with the same, soon: another page is to be sent. What is urgent goes before it.
    Answer(Answer),
    /// Run a `ReadIndex`, begun now, for those of the groups that this node leads; then call
    /// [`Replica::confirmed`](crate::Replica::confirmed).
    Confirm {
        /// Its name.
        id: ConfirmId,
        /// The groups that were asked for.
        groups: Vec<GroupId>,
    },
    /// A change of this node's groups has arrived somewhere.
    Propagated(PropagationEvent),
    /// Something is wrong.
    Alarm(Alarm),
}

/// What has happened since the start, for metrics. Nothing is dropped without being counted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records that the validator refused.
    pub poisoned: u64,
    /// Messages and states that were forged.
    pub forged: u64,
    /// Messages that nobody known vouches for, as while a key is on its way.
    pub unvouched: u64,
    /// Messages of nodes that are no members.
    pub strangers: u64,
    /// Frames that came before their turn and found the buffer full; a pull brings them again.
    pub early_dropped: u64,
    /// Pulls that were begun.
    pub pulls: u64,
    /// Pulls whose source fell silent and that began anew with another.
    pub pulls_rerouted: u64,
    /// Whole states that were taken because tombstones had been collected meanwhile.
    pub whole_states: u64,
    /// Groups whose digest differed at an equal position.
    pub mismatches: u64,
}
