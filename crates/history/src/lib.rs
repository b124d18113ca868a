//! What clients saw of a cluster, and what in it contradicts what Tidegate promises.
//!
//! The one idea: a client may see any state that a promise does not forbid, and the server says with each write where it stands in its
//! account's order. So a check is linear, and a breach is shown by two or three operations.
//!
//! - [`registers`]: reads and writes of values, and the rules for them. What the simulator records.
//! - [`quarantines`]: who took them, who lifted them, and who was refused.
//! - [`log`]: what `tidegate check` records of a live cluster.
//! - [`guarantee`]: the promises by name, as docs/consistency.md has them.
//! - [`judge`]: which of them a log holds, breaks or does not exercise, with the smallest evidence.

pub mod guarantee;
pub mod judge;
pub mod log;
pub mod quarantines;
pub mod registers;
