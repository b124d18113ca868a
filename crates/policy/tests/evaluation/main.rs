//! The evaluator against everything that can judge it: a second evaluator, theorems, a measured workload.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets what it did not expect must fail, and says where"
)]

mod backwards;
mod case;
mod compare;
mod differential;
mod explained;
mod generate;
mod language;
mod mended;
mod oracle;
mod questions;
mod simulated;
mod theorems;
mod words;
mod workload;
