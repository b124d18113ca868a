//! Seeds of the pure world: a thread a job.

use std::{
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use clap::ValueEnum;
use tidegate_sim::{
    pure::{
        bug::Bug,
        counts::Counts,
        invariants::{Mask, NAMES},
        plan::KINDS,
        run::{Outcome, Settings, run as run_seed},
        scale::measure,
    },
    scenario::Scenario,
    shrink::shrink,
};

use super::{Args, Failure, report};

/// Failing seeds that are told of in full; of more only the number.
const TOLD_MAX: usize = 5;

/// What many runs come to.
#[derive(Debug, Default)]
struct Sum {
    runs: u64,
    counts: Counts,
    simulated: Duration,
    slowest: Option<(Duration, u64)>,
    failed: Vec<Outcome>,
    failures: u64,
}

impl Sum {
    fn add(&mut self, outcome: Outcome) {
        self.runs += 1;
        self.counts += &outcome.counts;
        self.simulated += outcome.simulated;
        self.slowest = self.slowest.max(outcome.converged.map(|took| (took, outcome.seed)));
        if !outcome.violations.is_empty() {
            self.failures += 1;
            self.failed.push(outcome);
            self.failed.sort_by_key(|o| o.seed);
            self.failed.truncate(TOLD_MAX);
        }
    }
}

pub(super) fn settings(args: &Args, scenario: &Scenario) -> Result<Settings, Failure> {
    let only = !args.just.is_empty();
    let names = if only { &args.just } else { &args.without };
    Ok(Settings {
        seed: args.seed,
        scenario: scenario.clone(),
        bug: Bug::from_str(&args.bug, true)?,
        mask: Mask::new(names, only)?,
        only: args.only()?,
        trace: args.trace != "off",
        timeline: args.timeline.is_some(),
    })
}

/// Measures one seed.
pub(super) fn costs(args: &Args, scenario: &Scenario) -> Result<ExitCode, Failure> {
    print!("{}", measure(args.seed, scenario)?);
    Ok(ExitCode::SUCCESS)
}

/// Measures the repair of one seed.
pub(super) fn repair(args: &Args, scenario: &Scenario) -> Result<ExitCode, Failure> {
    print!("{}", tidegate_sim::pure::repair::repair(args.seed, scenario)?);
    Ok(ExitCode::SUCCESS)
}

/// Runs them all.
pub(super) fn run(args: &Args, scenario: &Scenario) -> Result<ExitCode, Failure> {
    let settings = settings(args, scenario)?;
    // What a scenario names that there is not is found before any thread begins.
    tidegate_sim::pure::plan::Plan::draw(args.seed, scenario)?;
    let sum = Mutex::new(Sum::default());
    let seeds = args.seeds();
    let next = AtomicU64::new(seeds.start);
    std::thread::scope(|scope| {
        for _ in 0..args.jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let Ok(outcome) = run_seed(&Settings { seed, ..settings.clone() }) else {
                        return;
                    };
                    if let Ok(mut sum) = sum.lock() {
                        print!("{}", outcome.trace);
                        if seeds.end - seeds.start == 1 {
                            tell_one(&outcome);
                        }
                        if let Some(file) = &args.timeline {
                            write_timeline(&outcome, file, args);
                        }
                        sum.add(outcome);
                    }
                }
            });
        }
    });
    let sum = sum.into_inner().map_err(|_| "a run ended its thread")?;
    if seeds.end - seeds.start > 1 {
        tell_all(&sum);
    }
    for outcome in &sum.failed {
        tell_failure(args, &settings, outcome);
    }
    let missed = sum.counts.missed();
    if args.everything && sum.failures == 0 && !missed.is_empty() {
        println!("in {} seeds there was none of: {}", sum.runs, missed.join(", "));
        return Ok(ExitCode::FAILURE);
    }
    Ok(if sum.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write_timeline(outcome: &Outcome, file: &std::path::Path, args: &Args) {
    let mut timeline = outcome.timeline.clone();
    timeline.title = format!("pure world, {}", args.again("pure", outcome.seed, None).join(" "));
    if let Err(error) = report::write(&timeline, file) {
        eprintln!("tidegate-sim: the timeline was not written: {error}");
    }
}

fn tell_one(outcome: &Outcome) {
    let Outcome { seed, counts, faults, simulated, converged, fingerprint, violations, .. } =
        outcome;
    let converged = converged.map_or("not".to_owned(), |took| format!("in {took:?}"));
    println!(
        "seed {seed}: {} events, {} commits, {} answers, {} faults in {simulated:?}, repaired {converged}, sum {fingerprint:016x}: {} promises broken",
        counts.events,
        counts.commits,
        counts.answers,
        faults.len(),
        violations.len()
    );
}

fn tell_all(sum: &Sum) {
    println!(
        "{} seeds, {} events, {:?} simulated: {} seeds broke a promise",
        sum.runs, sum.counts.events, sum.simulated, sum.failures
    );
    if let Some((took, seed)) = sum.slowest {
        println!("the slowest repair took {took:?}, of seed {seed}");
    }
    println!("what happened:");
    for (name, number) in sum.counts.named() {
        println!("  {name}: {number}");
    }
    println!("faults that struck:");
    for (name, (hit, missed)) in KINDS.iter().zip(sum.counts.struck) {
        println!("  {name}: {hit} ({missed} found nothing to strike)");
    }
    println!("invariants that were looked at:");
    for (name, looked) in NAMES.iter().zip(sum.counts.looked) {
        println!("  {name}: {looked}");
    }
}

fn tell_failure(args: &Args, settings: &Settings, outcome: &Outcome) {
    let seed = outcome.seed;
    println!("seed {seed} broke:");
    for violation in outcome.violations.iter().take(10) {
        println!("  {violation}");
    }
    report::again(&args.again("pure", seed, None));
    if args.shrink == 0 || settings.only.is_some() {
        return;
    }
    let with = |list: &[usize]| Settings {
        seed,
        only: Some(list.to_vec()),
        trace: false,
        timeline: false,
        ..settings.clone()
    };
    let fails = |list: &[usize]| run_seed(&with(list)).is_ok_and(|o| !o.violations.is_empty());
    let kept = shrink(outcome.planned, args.shrink as usize, fails);
    let Ok(small) = run_seed(&with(&kept)) else { return };
    let faults: Vec<_> = small.faults.iter().map(|(n, e)| (*n, e.to_string())).collect();
    report::shrunk(
        outcome.planned,
        &faults,
        &args.again("pure", seed, Some(&report::places(&kept))),
    );
    if let Some(violation) = small.violations.first() {
        println!("  which break: {violation}");
    }
}
