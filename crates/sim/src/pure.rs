//! The pure world: many convergence machines under an event loop of the simulator's own, without threads, tasks or sockets.
//!
//! The machines are the real ones of `tidegate_replica`; their drivers, disks, network, clocks and homes are models as small as they can
//! be and as hostile as their contracts allow. What must hold is looked at as it happens, by one invariant a file.

mod account;
mod base;
pub mod bug;
pub(crate) mod clocks;
mod containing;
pub mod counts;
mod disk;
mod home;
pub mod invariants;
pub mod layout;
pub mod net;
mod node;
pub mod plan;
pub mod repair;
pub mod run;
pub mod scale;
mod state;
pub mod urgent;
mod world;
