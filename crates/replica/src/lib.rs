//! Convergence: how records written in one place come to stand at every node, and how far each node has come.
//!
//! The one idea: a record carries the *dot* (origin, sequence) that wrote it, a node's *clock* says up to which sequence of each
//! origin it has merged everything, and every frame says "complete for (after, upto]". So a gap is seen, never guessed. Nothing here
//! knows what a record means, waits, or reads a clock: [`Replica`] is fed with messages and time, and gives back what to do.
//!
//! Invariants:
//! - a node's clock covers a dot only once everything that its origin wrote up to that dot is merged;
//! - clocks and published positions never go back;
//! - merging is commutative, associative and idempotent: equal clocks mean equal states, and equal digests;
//! - what is acknowledged was published before, and what is published was durable before;
//! - the staleness bound adds up only durations of one machine's clock, and is never below the truth.
//!
//! ```
//! use tidegate_replica::{Clock, Dot, GroupId, Origin};
//!
//! let origin = Origin::Group { group: GroupId(1), generation: 0 };
//! let mut clock = Clock::default();
//! clock.advance(origin, 7);
//! assert!(clock.covers(Dot { origin, sequence: 7 }));
//! assert!(!clock.covers(Dot { origin, sequence: 8 }));
//! ```

mod id;

mod clock;
mod record;

pub mod lattice;

mod message;

mod machine;

mod catch_up;
mod early;
mod push;

mod coverage;
mod digest;
mod liveness;
mod propagation;
mod round_trips;
mod staleness;

pub use clock::Clock;
pub use coverage::{Coverage, Scope};
pub use digest::StateDigest;
pub use id::{Dot, GroupId, NodeId, Origin, RegionName, RegionNameError};
pub use machine::{
    Alarm, ConfirmId, Counters, Lane, Member, MergeBatch, MergeId, Output, Replica, ReplicaConfig,
};
pub use message::{Continuation, DecodeError, Message};
pub use propagation::PropagationEvent;
pub use record::{Frame, Header, RangePage, Record, Records, Stamp};
