//! Seeds of the world of whole nodes: a process a seed, since each replaces the clock and the random source of its process.

use std::{
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use clap::ValueEnum;
use rand10::SeedableRng;
use tidegate_sim::{
    history::{Op, What},
    plan::KINDS,
    run::{Outcome, Settings, planned, run as run_seed},
    scenario::Scenario,
    shrink::shrink,
    timeline::Timeline,
    world::{Bug, Files},
};
use tracing_subscriber::{
    EnvFilter,
    fmt::{format::Writer, time::FormatTime},
};

use super::{Args, Failure, report};

/// Simulated seconds with faults where nobody says it.
const SECONDS: u64 = 30;
/// A shorter list of faults takes a whole run to be tried.
const SHRINK_MAX: u32 = 24;

/// Simulated time.
struct SimTime;

impl FormatTime for SimTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{:?}", tidegate_sim::world::elapsed())
    }
}

fn settings(args: &Args, scenario: &Scenario, seed: u64) -> Result<Settings, Failure> {
    Ok(Settings {
        seed,
        length: Duration::from_secs(scenario.seconds.unwrap_or(SECONDS)),
        scenario: scenario.clone(),
        only: args.only()?,
        bug: Bug::from_str(&args.bug, true)?,
    })
}

/// Begins a process for one seed.
fn begin(args: &Args, seed: u64, only: Option<&str>, quiet: bool) -> Result<Child, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut words = args.again("nodes", seed, only);
    // What a shell takes for an empty text is one already.
    words.iter_mut().filter(|w| *w == "''").for_each(String::clear);
    command.arg("--here").args(words).args(["--trace", &args.trace]);
    if let Some(file) = args.timeline.as_ref().filter(|_| !quiet) {
        command.arg("--timeline").arg(file);
    }
    if quiet {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    }
    Ok(command.spawn()?)
}

/// Runs them all, so many at once.
pub(super) fn run(args: &Args, scenario: &Scenario) -> Result<ExitCode, Failure> {
    settings(args, scenario, args.seed).and_then(|s| Ok(planned(&s)?))?;
    let mut running: Vec<(u64, Child)> = Vec::new();
    let mut failed = Vec::new();
    let seeds = args.seeds();
    let many = seeds.end - seeds.start;
    let mut wait = |running: &mut Vec<(u64, Child)>| -> Result<(), Failure> {
        let (seed, mut child) = running.remove(0);
        if !child.wait()?.success() {
            failed.push(seed);
        }
        Ok(())
    };
    for seed in seeds {
        if running.len() >= args.jobs as usize {
            wait(&mut running)?;
        }
        running.push((seed, begin(args, seed, None, false)?));
    }
    while !running.is_empty() {
        wait(&mut running)?;
    }
    if many > 1 {
        println!("{many} seeds: {} broke a promise {failed:?}", failed.len());
    }
    for seed in failed.iter().take(3) {
        tell_failure(args, scenario, *seed)?;
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell_failure(args: &Args, scenario: &Scenario, seed: u64) -> Result<(), Failure> {
    report::again(&args.again("nodes", seed, None));
    if args.shrink == 0 || args.only.is_some() {
        return Ok(());
    }
    let all = planned(&settings(args, scenario, seed)?)?;
    let fails = |list: &[usize]| {
        let child = begin(args, seed, Some(&report::places(list)), true);
        child.and_then(|mut c| Ok(c.wait()?)).is_ok_and(|status| !status.success())
    };
    let kept = shrink(all.len(), args.shrink.min(SHRINK_MAX) as usize, fails);
    let faults: Vec<_> = all
        .iter()
        .filter(|(place, _)| kept.contains(place))
        .map(|(place, event)| (*place, event.to_string()))
        .collect();
    report::shrunk(all.len(), &faults, &args.again("nodes", seed, Some(&report::places(&kept))));
    Ok(())
}

/// Runs one seed in this process.
pub(super) fn here(args: &Args, scenario: &Scenario) -> Result<ExitCode, Failure> {
    if !cfg!(tokio_unstable) {
        return Err("built without `--cfg tokio_unstable`, which .cargo/config.toml sets: a seed would not give one run".into());
    }
    let settings = settings(args, scenario, args.seed)?;
    let files = Files::write()?;
    mad_turmoil::rand::set_rng(rand10::rngs::StdRng::seed_from_u64(args.seed));
    let _clock = mad_turmoil::time::SimClocksGuard::init();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&args.trace))
        .with_timer(SimTime)
        .with_ansi(false)
        .init();
    match run_seed(&settings, &files) {
        Ok(outcome) => {
            if let Some(file) = &args.timeline {
                report::write(&timeline(&outcome, args), file)?;
            }
            Ok(tell(args.seed, &outcome))
        }
        Err(error) => {
            println!("seed {}: {error}", args.seed);
            Ok(ExitCode::FAILURE)
        }
    }
}

fn tell(seed: u64, outcome: &Outcome) -> ExitCode {
    let Outcome { history, violations, faults, simulated } = outcome;
    let count = |of: fn(&What) -> bool| history.ops.iter().filter(|op| of(&op.what)).count();
    let written = count(|w| matches!(w, What::Write { revision: Some(_), .. }));
    let read = count(|w| matches!(w, What::Read { .. }));
    let arrived = count(|w| matches!(w, What::Arrived { .. }));
    let struck: Vec<String> = KINDS
        .iter()
        .enumerate()
        .map(|(place, kind)| {
            let times = faults.iter().filter(|(_, e)| e.fault.kind() == place).count();
            format!("{times} {kind}")
        })
        .collect();
    println!(
        "seed {seed}: {written} writes, {read} reads, {arrived} arrivals, {} users in {simulated:?}; {}: {} promises broken",
        history.created.len(),
        struck.join(", "),
        violations.len()
    );
    for violation in violations.iter().take(20) {
        println!("  {violation}");
    }
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A lane for each node, with its faults and what was read there; writes and arrivals, which have no node, stand in a lane of their own.
fn timeline(outcome: &Outcome, args: &Args) -> Timeline {
    let title = format!("whole nodes, {}", args.again("nodes", args.seed, None).join(" "));
    let mut timeline = Timeline::default();
    timeline.title = title;
    for (_, event) in &outcome.faults {
        let kind = KINDS.get(event.fault.kind()).copied().unwrap_or_default();
        for node in event.fault.nodes() {
            let (lane, label) = (format!("n{node}"), format!("{:?}", event.fault));
            timeline.bar(&lane, event.start, event.end, kind, label);
        }
    }
    for Op { end, what, .. } in &outcome.history.ops {
        match what {
            What::Write { register, id, revision: Some(revision) } => {
                let label = format!("{id} to register {register} at revision {revision}");
                timeline.mark("clients", *end, "write", label);
            }
            What::Write { .. } => {}
            What::Read { register, node, seen, .. } => {
                let label = format!("of register {register}: {seen:?}");
                timeline.mark(&format!("n{node}"), *end, "read", label);
            }
            What::Arrived { id } => {
                timeline.mark("clients", *end, "everywhere", id.to_string());
            }
        }
    }
    for violation in &outcome.violations {
        timeline.mark("clients", outcome.simulated, "violation", violation.to_string());
    }
    timeline
}
