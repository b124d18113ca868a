//! Seeds of the world of whole nodes: a process a seed, since each replaces the clock and the random source of its process.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use clap::ValueEnum;
use rand10::SeedableRng;
use tidegate_sim::{
    counts::Counts,
    history::{Op, What},
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
const SECONDS: u64 = 300;
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
    command.args(["--here", "--counted"]).args(words).args(["--trace", &args.trace]);
    if let Some(file) = args.timeline.as_ref().filter(|_| !quiet) {
        command.arg("--timeline").arg(file);
    }
    if quiet {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    } else {
        command.stdout(Stdio::piped());
    }
    Ok(command.spawn()?)
}

/// Passes on what a run says, but for its counts, which are added up, and waits for its end. Gives whether every promise was kept.
fn hear(mut child: Child, sum: &mut Counts) -> Result<bool, Failure> {
    if let Some(said) = child.stdout.take() {
        for line in BufReader::new(said).lines() {
            let line = line?;
            if !sum.read(&line) {
                println!("{line}");
            }
        }
    }
    Ok(child.wait()?.success())
}

/// Runs them all, so many at once.
pub(super) fn run(args: &Args, scenario: &Scenario) -> Result<ExitCode, Failure> {
    settings(args, scenario, args.seed).and_then(|s| Ok(planned(&s)?))?;
    let seeds = args.seeds();
    let many = seeds.end - seeds.start;
    let next = AtomicU64::new(seeds.start);
    let sum = Mutex::new((Counts::default(), Vec::new()));
    let work = || -> Result<(), String> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(());
            }
            let mut counts = Counts::default();
            let child = begin(args, seed, None, false).map_err(|e| e.to_string())?;
            let kept = hear(child, &mut counts).map_err(|e| e.to_string())?;
            let mut sum = sum.lock().map_err(|e| e.to_string())?;
            sum.0 += &counts;
            if !kept {
                sum.1.push(seed);
            }
        }
    };
    std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..args.jobs).map(|_| scope.spawn(work)).collect();
        let ended = jobs.into_iter().map(|job| job.join().map_err(|_| "a job panicked".to_owned()));
        ended.collect::<Result<Vec<_>, _>>()?.into_iter().collect::<Result<(), _>>()
    })?;
    let (counts, mut failed) = sum.into_inner().map_err(|e| e.to_string())?;
    failed.sort_unstable();
    if many > 1 {
        println!("{many} seeds: {} broke a promise {failed:?}", failed.len());
        print!("what happened:\n{counts}");
    }
    let missed = counts.missed();
    if args.everything && failed.is_empty() && !missed.is_empty() {
        println!("in {many} seeds there was none of: {}", missed.join(", "));
        return Ok(ExitCode::FAILURE);
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
            Ok(tell(args.seed, &outcome, args.counted))
        }
        Err(error) => {
            println!("seed {}: {error}", args.seed);
            Ok(ExitCode::FAILURE)
        }
    }
}

fn tell(seed: u64, outcome: &Outcome, counted: bool) -> ExitCode {
    let Outcome { seen, violations, faults, counts, simulated } = outcome;
    println!(
        "seed {seed}: {} writes, {} quarantines, {} of {} faults struck in {simulated:?}: {} promises broken",
        seen.written,
        seen.contained,
        counts.iter().filter(|(name, _)| name.starts_with("fault ")).map(|(_, n)| n).sum::<u64>(),
        faults.len(),
        violations.len()
    );
    for violation in violations.iter().take(20) {
        println!("  {violation}");
    }
    if counted {
        print!("{}", counts.lines());
    }
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A lane for each node, with what was read there; faults, and writes and arrivals, which have no node, stand in lanes of their own.
fn timeline(outcome: &Outcome, args: &Args) -> Timeline {
    let title = format!("whole nodes, {}", args.again("nodes", args.seed, None).join(" "));
    let mut timeline = Timeline::default();
    timeline.title = title;
    for (_, event) in &outcome.faults {
        let label = format!("{:?}", event.fault);
        timeline.bar("faults", event.start, event.end, event.fault.name(), label);
    }
    for Op { end, what, .. } in &outcome.seen.registers.ops {
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
