//! The pure world as the gate runs it: seeds keep what must hold, every fault and every invariant has its turn, and a seed is a run.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::process::Command;

use tidegate_sim::pure::{
    counts::Counts,
    run::{Settings, run},
};

/// Seeds of the gate. Enough for every kind of fault to strike and for every invariant to be looked at, which is asserted.
const SEEDS: u64 = 120;

/// Seeds that once broke something. 96 and 191: a question that came twice was answered twice, of different states, and pages of both
/// answers were taken for one catch-up. 6873: a store that could not be read looked like one that held no more to who had been sent what
/// was not published yet; since 49245 that would do no harm. 49245 and 52981: a source gave pages of what was not durable yet, lost that, and
/// then said that there was no more; the asker took its half for the whole. These and the first live on as deliberate bugs. 62065: two nodes
/// that had ended, and were taken out by a change that had not come yet, were asked in turn while others had been heard all the time.
const REGRESSIONS: [u64; 6] = [96, 191, 6873, 49_245, 52_981, 62_065];

fn hold(seeds: impl Iterator<Item = u64>) -> Counts {
    let mut sum = Counts::default();
    for seed in seeds {
        let outcome = run(&Settings { seed, ..Settings::default() }).unwrap();
        assert!(
            outcome.violations.is_empty(),
            "cargo run --package tidegate-sim -- --world pure --seed {seed}\n{:#?}",
            outcome.violations
        );
        sum += &outcome.counts;
    }
    sum
}

#[test]
fn seeds_keep_what_must_hold_and_every_fault_and_invariant_has_its_turn() {
    let (first, second) = std::thread::scope(|scope| {
        let even = scope.spawn(|| hold((0..SEEDS).step_by(2)));
        let odd = hold((1..SEEDS).step_by(2));
        (even.join().unwrap(), odd)
    });
    let mut sum = first;
    sum += &second;
    assert_eq!(sum.missed(), [""; 0], "none of these in {SEEDS} seeds");
}

#[test]
fn seeds_that_once_broke_something_hold() {
    hold(REGRESSIONS.into_iter());
}

#[test]
fn a_seed_gives_the_same_run_byte_for_byte() {
    let trace = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate-sim"));
        command.args(["--world", "pure", "--seed", "5", "--trace", "events"]);
        command.output().unwrap().stdout
    };
    let first = trace();
    assert!(first.len() > 500_000, "only {} bytes were traced", first.len());
    assert!(first == trace(), "the same seed gave another run");
}
