//! Deciding in process, Tidegate beside other policy engines: one run, one core, in turns.

mod allocator;
mod engine;
mod measure;
mod policy;
mod report;
mod workload;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

use crate::{measure::Plan, workload::Shape};

/// Numbers of policies of eight statements.
const POLICIES: [usize; 3] = [1, 10, 50];

/// Measures engines side by side and prints Markdown.
#[derive(Debug, Parser)]
struct Options {
    /// Distinct requests of a cell; half of them are allowed.
    #[arg(long, default_value_t = 100_000)]
    requests: usize,
    /// Rounds; in each every engine has a turn, and another one begins.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The most seconds of a turn. An engine that can't answer all requests in them gets another part of them in each round.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Where the requests come from.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Only the engines whose name holds this text, or one of several with commas between them, and Tidegate composed, which the
    /// ratios need.
    #[arg(long, default_value = "")]
    only: String,
}

/// Fails where Tidegate, the first of all engines, answered otherwise than it must.
fn main() -> ExitCode {
    let options = Options::parse();
    let plan = Plan {
        requests: options.requests.max(8),
        rounds: options.rounds.max(1),
        turn: Duration::from_secs_f64(options.seconds),
        seed: options.seed,
    };
    let mut cells = Vec::new();
    for shape in Shape::ALL {
        for policies in POLICIES {
            eprintln!("{}, {policies} policies", shape.title());
            cells.push(measure::cell(shape, policies, plan, &options.only));
        }
    }
    let flags =
        if cfg!(feature = "rustfs") { " --ignore-rust-version --features rustfs" } else { "" };
    let command = format!(
        "cargo run --release{flags} --manifest-path peers/Cargo.toml -- --requests {} --rounds {} --seconds {} --seed {}",
        plan.requests, plan.rounds, options.seconds, plan.seed
    );
    report::print(&cells, &command, plan.requests);
    let wrong = cells.iter().filter_map(|cell| cell.rows.first()).any(|row| row.wrong > 0);
    if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
