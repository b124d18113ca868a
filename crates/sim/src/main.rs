//! `tidegate-sim`: runs a cluster under a seed and says whether a promise was broken.

use std::{process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};
use rand10::SeedableRng;
use tidegate_sim::{
    run::{Outcome, Settings, run},
    world::{Bug, Files},
};
use tracing_subscriber::{
    EnvFilter,
    fmt::{format::Writer, time::FormatTime},
};

/// Runs five whole nodes on a simulated network, clock and disk, with clients and faults that follow from one seed, and checks what
/// the clients saw.
#[derive(Debug, Parser)]
#[command(name = "tidegate-sim", version)]
struct Args {
    /// Everything follows from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated seconds with faults.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Something that is wrong with the system on purpose: the run should find it.
    #[arg(long, value_enum, default_value_t)]
    bug: Bug,
    /// What to trace on standard output, in the words of `RUST_LOG`.
    #[arg(long, default_value = "off")]
    trace: String,
}

/// Simulated time.
struct SimTime;

impl FormatTime for SimTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{:?}", tidegate_sim::world::elapsed())
    }
}

fn report(args: &Args, outcome: &Outcome) -> ExitCode {
    let Outcome { history, violations, faults, simulated } = outcome;
    println!(
        "seed {}: {} answers, {} users, {faults} faults in {simulated:?}: {} promises broken",
        args.seed,
        history.ops.len(),
        history.created.len(),
        violations.len()
    );
    for violation in violations.iter().take(20) {
        println!("  {violation}");
    }
    if violations.is_empty() { ExitCode::SUCCESS } else { again(args) }
}

fn again(args: &Args) -> ExitCode {
    let bug = args.bug.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
    println!(
        "again: cargo run --package tidegate-sim -- --seed {} --seconds {} --bug {bug} --trace info",
        args.seed, args.seconds
    );
    ExitCode::FAILURE
}

fn main() -> ExitCode {
    let args = Args::parse();
    if !cfg!(tokio_unstable) {
        eprintln!(
            "tidegate-sim: built without `--cfg tokio_unstable`, which .cargo/config.toml sets: a seed would not give one run"
        );
        return ExitCode::from(2);
    }
    let files = match Files::write() {
        Ok(files) => files,
        Err(error) => {
            eprintln!("tidegate-sim: the nodes' files can't be written: {error}");
            return ExitCode::from(2);
        }
    };
    mad_turmoil::rand::set_rng(rand10::rngs::StdRng::seed_from_u64(args.seed));
    let _clock = mad_turmoil::time::SimClocksGuard::init();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&args.trace))
        .with_timer(SimTime)
        .with_ansi(false)
        .init();
    let settings =
        Settings { seed: args.seed, length: Duration::from_secs(args.seconds), bug: args.bug };
    match run(settings, &files) {
        Ok(outcome) => report(&args, &outcome),
        Err(error) => {
            println!("seed {}: {error}", args.seed);
            again(&args)
        }
    }
}
