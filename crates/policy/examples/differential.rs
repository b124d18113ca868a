//! Compares the evaluator with the second, naive one for as long as one likes:
//! `cargo run --release -p tidegate-policy --example differential -- --seconds 1800 --seed 7`.
//!
//! Prints how many decisions were compared, and each difference with the command that repeats it. Ends with status 1 when there was
//! one. `--case N` compares one case alone.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a run for people: it measures its time, and must stop where a case can't be made"
)]

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

// The same cases and the same oracle as in `tests/evaluation`.
#[path = "../tests/evaluation/case.rs"]
mod case;
#[path = "../tests/evaluation/compare.rs"]
mod compare;
#[path = "../tests/evaluation/generate.rs"]
mod generate;
#[path = "../tests/evaluation/language.rs"]
mod language;
#[path = "../tests/evaluation/oracle.rs"]
mod oracle;
#[path = "../tests/evaluation/words.rs"]
mod words;

/// Decisions compared on each set of policies.
const ASKS: usize = 8;
/// More differences than this are not printed.
const DIFFERENCES_MAX: usize = 10;

/// The number behind an option; `None` when it is not given.
fn option(name: &str) -> Option<u64> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map(|value| value.parse().unwrap_or_else(|_| panic!("{name} {value}")))
}

/// What is wrong with the case of this number, if anything is: it depends on seed and number alone.
fn compare_case(seed: u64, number: u64) -> Option<String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let cases = (generate::texts(), proptest::collection::vec(generate::ask(), ASKS));
    let (texts, asks) = cases.new_tree(&mut runner).unwrap().current();
    compare::difference(&texts, &asks)
}

fn main() -> ExitCode {
    let seed = option("--seed").unwrap_or(0);
    let seconds = Duration::from_secs(option("--seconds").unwrap_or(60));
    let only = option("--case");
    let started = Instant::now();
    let (mut compared, mut differences) = (0, 0);
    let numbers = only.map_or(0..u64::MAX, |number| number..number + 1);
    for number in numbers {
        if only.is_none() && started.elapsed() >= seconds || differences >= DIFFERENCES_MAX {
            break;
        }
        if let Some(difference) = compare_case(seed, number) {
            differences += 1;
            println!("case {number} differs: {difference}");
            println!(
                "repeat: cargo run --release -p tidegate-policy --example differential -- --seed {seed} --case {number}"
            );
        }
        compared += ASKS;
    }
    println!(
        "{compared} decisions compared in {:.0} s with seed {seed}, {differences} differences",
        started.elapsed().as_secs_f64()
    );
    if differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
