//! The durable key space of one node: the only crate that names sled.
//!
//! The one idea: everything lies in one ordered key space whose first byte says what a row is, so that records, index, clock and log
//! change in one atomic batch. A batch is visible at once and durable after the next [`Committer::sync`]; one thread syncs for all
//! who wait, so that many writers share one fsync.
//!
//! Invariants:
//! - a batch is applied whole or not at all, also over a crash;
//! - what was applied before a `sync` that returned is there after a loss of power;
//! - a row that fails its checksum is a typed error, never a value;
//! - a store of an unknown format is refused and left as it is.

mod commit;
mod condemn;
mod engine;
mod error;
mod faulty;
mod journal;
mod keys;
mod memory;
mod node_store;
mod overlay;
mod rows;
mod sled_engine;

pub use commit::Committer;
pub use engine::{Batch, Engine, Op, ROW_MAX, Rows};
pub use error::StoreError;
pub use faulty::{Faults, FaultyEngine};
pub use keys::Tree;
pub use memory::MemoryEngine;
pub use node_store::{Change, NodeStore};
pub use sled_engine::{SledEngine, SledOptions, SyncMode};

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod crash;
