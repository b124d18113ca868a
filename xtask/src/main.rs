//! The commands of the house: `cargo xtask verify` checks everything and writes nothing, `fix` writes, `tidy` checks the conventions.

mod catalogue;
mod tidy;
mod verify;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// The commands of the house.
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks everything: format, lints, conventions, dependencies, protocol files, all tests. Writes nothing.
    Verify {
        /// A checker that is not installed is an error, not a note.
        #[arg(long)]
        strict: bool,
    },
    /// Formats, and applies what the lints can mend by themselves.
    Fix,
    /// Checks the conventions that no compiler knows.
    Tidy,
    /// Packs the service authorization reference (one JSON object a line, a service each) into the file that the policy crate embeds.
    Catalogue {
        /// The reference.
        source: PathBuf,
    },
}

/// The workspace's folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

fn main() -> ExitCode {
    let root = root();
    let done = match Cli::parse().command {
        Command::Verify { strict } => verify::verify(&root, strict),
        Command::Fix => verify::fix(&root),
        Command::Tidy => tidy::report(&root),
        Command::Catalogue { source } => catalogue::pack(&root, &source),
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
