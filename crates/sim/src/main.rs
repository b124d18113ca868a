//! `tidegate-sim`: runs a cluster under a seed and says whether a promise was broken.

mod cli;

use std::process::ExitCode;

// A run is made of small messages, each of many short-lived pieces.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
