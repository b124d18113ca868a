//! One node of a Tidegate cluster: the thin shell around the pure crates.
//!
//! The one idea: every decision is made elsewhere, by values; here is only what waits. One task owns the convergence machine, openraft owns
//! the groups, one pointer holds the view that all answers come from, and the world is met through [`platform::Platform`] alone.

mod attempts;
mod aws;
mod carrying;
mod clock;
mod collection;
pub mod config;
mod core;
mod departure;
mod dial;
mod divergence;
mod federation;
mod founding;
pub mod gate;
mod gossip;
mod grpc;
pub mod join;
pub mod link;
mod machine;
mod moves;
mod node;
mod operations;
mod patience;
mod peers;
mod planting;
pub mod platform;
mod raft_lane;
mod recovery;
mod region;
mod returning;
mod sealing;
mod shaper;
pub mod telemetry;
mod tls;
mod upgrade;
mod views;
mod voters;
mod vouching;
mod warden;

pub use node::{Node, StartError};
pub use planting::{Planted, PlantedKey};
pub use tls::{TlsError, node_name};
