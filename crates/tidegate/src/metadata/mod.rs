//! What a workload's SDK asks of the machine that it runs on: instance metadata as in EC2, version 2 alone, and the credentials endpoint of
//! containers. Both hand out the credentials of one instance's role, which a source fetches anew before they end.

mod answers;
mod source;
mod tokens;

pub(crate) use answers::{CONTAINER, Doors, Place};
pub(crate) use source::{Source, State};
