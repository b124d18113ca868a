//! `tidegate check`: drives a cluster with a mixed workload under faults, and judges what was seen.
//!
//! - [`fleet`]: the nodes as the checker reaches them, and the lies that it can be made to tell itself.
//! - [`operations`]: the registers, and how each kind is written and read over public calls.
//! - [`recorder`]: the one log, on the checker's own clock.
//! - [`workload`]: sessions that write, read, carry tokens and wait.
//! - [`nemesis`]: kills, pauses, partitions and delays.
//! - [`local`]: nodes as processes of the checker's own.
//! - [`ending`]: waits until the nodes are equal, looks once more, and cleans up.
//! - [`report`] and [`page`]: what came of it, for programs and for people.

pub(crate) mod ending;
pub(crate) mod fleet;
pub(crate) mod local;
pub(crate) mod nemesis;
pub(crate) mod operations;
pub(crate) mod page;
pub(crate) mod recorder;
pub(crate) mod report;
pub(crate) mod workload;
