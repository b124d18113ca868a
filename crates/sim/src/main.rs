//! `tidegate-sim`: runs a cluster under a seed and says whether a promise was broken.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
