//! The benchmarks that need a running cluster: `cargo run --release -p tidegate-tests --bin bench -- <what>`, after
//! `cargo build --release`. Each prints a table for `docs/performance.md`; peers run in the same run, in turns.

mod aws;
mod echo;
mod etcd;
mod figures;
mod grpc;
mod memory;
mod propagation;
mod urgent;
mod writes;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use tidegate_tests::Failure;

/// Benchmarks beside peers, in one run.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    /// The tidegate binary; by default the one beside this one.
    #[arg(long, global = true)]
    binary: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Unary, streamed and batched decisions over gRPC beside a bare tonic echo.
    Grpc(grpc::Args),
    /// `GetUser` through the door for clients of AWS, from the request's bytes to the answer's.
    Aws(aws::Args),
    /// Durable writes on three nodes beside three nodes of etcd, and the disk's own rate.
    Writes(writes::Args),
    /// How long changes take to decide elsewhere, beside what is published about it.
    Propagation(propagation::Args),
    /// How long a quarantine takes when the cluster is idle, busy, or has changes to catch up on.
    Urgent(urgent::Args),
    /// Memory and start-up time with many users.
    Memory(memory::Args),
    /// The echo, in a process of its own.
    #[command(hide = true)]
    Echo(echo::Args),
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let beside = std::env::current_exe()?.with_file_name("tidegate");
    let binary = cli.binary.unwrap_or(beside);
    match cli.what {
        What::Grpc(args) => grpc::run(&binary, &args).await,
        What::Aws(args) => aws::run(&binary, &args).await,
        What::Writes(args) => writes::run(&binary, &args).await,
        What::Propagation(args) => propagation::run(&binary, &args).await,
        What::Urgent(args) => urgent::run(&binary, &args).await,
        What::Memory(args) => memory::run(&binary, &args).await,
        What::Echo(args) => echo::run(args).await,
    }
}

/// The same allocator as the product's: the echo must not be slower for want of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
