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
//! Three parts do it: what travels ([`Record`], [`Frame`], [`Clock`], [`Message`]), the laws that it merges by ([`lattice`]), and the one
//! machine that moves it ([`Replica`], whose page is the contract with its driver). Here one node tells another of a change:
//!
//! ```
//! use core::time::Duration;
//! use tidegate_replica::*;
//!
//! /// A store that holds nothing.
//! struct Empty;
//! impl Records for Empty {
//!     fn header(&self, _key: &[u8]) -> Option<Header> { None }
//!     fn range(&self, _: Origin, _: u64, _: usize) -> RangePage { RangePage::default() }
//!     fn floor(&self, _: Origin) -> u64 { 0 }
//! }
//!
//! # fn main() -> Result<(), RegionNameError> {
//! let member = |node, voter_of| Ok(Member { node, region: RegionName::new("eu-central-1")?, voter_of });
//! let members = [member(NodeId(1), vec![GroupId(1)])?, member(NodeId(2), vec![])?];
//! let machine = |me: NodeId| {
//!     let config = ReplicaConfig::new(me, RegionName::new("eu-central-1")?);
//!     let mut replica = Replica::new(config, Clock::default(), me.0);
//!     replica.set_members(members.clone());
//!     Ok(replica)
//! };
//! let (mut home, mut other) = (machine(NodeId(1))?, machine(NodeId(2))?);
//! home.set_own_groups([GroupId(1)]);
//!
//! // The home's group has committed its first write.
//! let (now, origin) = (Duration::ZERO, Origin::Group { group: GroupId(1), generation: 0 });
//! let stamp = Stamp { epoch: 0, revision: 1 };
//! let dot = Dot { origin, sequence: 1 };
//! let record = Record { key: "user/alice".into(), value: Some("...".into()), stamp, dot };
//! home.committed(now, Frame { origin, after: 0, upto: 1, records: vec![record], trace: None, proof: None }, true);
//!
//! // Its driver sends what it is told to, and the other's driver stores what it is told to, publishes, and says so.
//! let Some(Output::Send { to: NodeId(2), message, .. }) = home.poll() else { panic!() };
//! other.receive(now, NodeId(1), message, &Empty);
//! let Some(Output::Merge(batch)) = other.poll() else { panic!() };
//! assert_eq!(batch.writes.len(), 1);
//! other.persisted(now, batch.id);
//! other.published(&batch.clock, &[]);
//!
//! // The acknowledgement goes home, which now knows how long the change was on its way.
//! let Some(Output::Send { to: NodeId(1), message, .. }) = other.poll() else { panic!() };
//! home.receive(now + Duration::from_millis(3), NodeId(2), message, &Empty);
//! let Some(Output::Propagated(arrival)) = home.poll() else { panic!() };
//! assert_eq!((arrival.dot, arrival.node, arrival.upper), (dot, NodeId(2), Duration::from_millis(3)));
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test that meets the unexpected must stop"
    )
)]

mod id;
mod members;

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
mod set_hash;
mod staleness;
mod turns;

pub use clock::Clock;
pub use coverage::{Coverage, Scope};
pub use digest::StateDigest;
pub use id::{Dot, GroupId, NodeId, Origin, RegionName, RegionNameError};
pub use machine::{
    Alarm, Answer, CaughtUp, ConfirmId, Counters, Lane, Member, MergeBatch, MergeId, Output,
    Replaced, Replica, ReplicaConfig,
};
pub use members::Members;
pub use message::{Continuation, DecodeError, Message};
pub use propagation::PropagationEvent;
pub use record::{Frame, Header, Proof, RangePage, Record, Records, Stamp};
pub use set_hash::SetHash;
pub use turns::{Turn, Turns, Weight};
