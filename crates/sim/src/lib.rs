//! Whole nodes in one process under a seed: real gRPC, real Raft, real gossip, on a simulated network, clock and disk; and, beside them,
//! a world of the convergence machines alone.
//!
//! One seed gives the cluster's faults, the workload and every random number, so that the same seed gives the same run, byte for byte.
//! What the clients saw is kept as a [`History`](history::History) and held against what Tidegate promises.
//!
//! - [`plan`]: which faults come when. Pure.
//! - [`history`]: what was seen, and what contradicts the promises: the registers of `tidegate-history`. Pure.
//! - [`world`]: the platform of a node, and the cluster on the simulated network.
//! - [`workload`]: clients that write, read and remember.
//! - [`office`]: who belongs to the cluster, and the operator who changes it.
//! - [`run`]: a run from its seed to its verdict; [`counts`]: what happened in it.
//!
//! - [`pure`]: the other world: convergence machines alone, many seeds a second.
//! - [`scenario`], [`shrink`], [`timeline`]: what both have in common.
//!
//! For the whole nodes the process must be one whose clock and random source are simulated as well: that is what the program `tidegate-sim` is.

pub mod counts;
pub mod office;
pub mod plan;
pub mod pure;
pub mod run;
pub mod scenario;
pub mod shrink;
pub mod timeline;
pub mod workload;
pub mod world;

pub use tidegate_history::registers as history;
