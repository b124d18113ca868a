//! The directory of accounts as values: entities, commands, and what a command does.
//!
//! The one idea: a group's state is a persistent value that changes in one way only, by absorbing records. A command that is applied
//! becomes records, and absorbing them is its whole effect; a restart absorbs what the store has; a read replica absorbs what gossip brings.
//! So the decision view of a group *is* a clone of its state, and it is the same everywhere.
//!
//! Invariants:
//! - the state after applying equals the fold of its records;
//! - a rejected command changes nothing and emits no record;
//! - applying reads no clock, no randomness and no map whose order is not fixed: time, ids and secrets come in the command;
//! - every command is authorized again at its own log index.

mod apply;
mod caller;
pub mod command;
mod directory;
pub mod federation;
pub mod ids;
mod key;
pub mod membership;
pub mod mfa;
mod permissions;
mod quota;
pub mod record;
pub mod recovery;
pub mod region;
mod rejection;
mod requests;
pub mod resource;
mod resource_tags;
pub mod secrets;
pub mod service_linked;
mod state;
mod validate;
pub mod version;

pub use caller::{Captured, Resolved};
pub use command::{CallerRef, Command, Envelope, Outcome, Reply};
pub use directory::DirectoryState;
pub use key::{EntityKind, Key};
pub use permissions::permissions;
pub use quota::*;
pub use rejection::{Rejection, RejectionKind};
pub use resource::ResourceKind;
pub use state::{
    AccountState, Applied, BadRecord, Entity, GroupState, LocalRow, Place, PolicyState,
};
