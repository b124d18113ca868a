//! The one executable: `node`, `dev`, `demo`, and the client's commands.

mod commands;
mod dev;
mod profile;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    commands::run(commands::Cli::parse()).await
}
