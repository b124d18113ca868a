//! The command line: which seeds of which world, how they are run side by side, and what is said of them.

mod nodes;
mod pure;
mod report;

use std::{ops::Range, path::PathBuf, process::ExitCode};

use clap::Parser;
use tidegate_sim::scenario::{Scenario, World};

/// Exit code of words that can't be used.
const USAGE: u8 = 64;
/// Exit code of a run that could not be made.
const FAILED: u8 = 2;

/// Seeds from the first up to, without, the last.
fn range(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("a range is written FROM..TO")?;
    let number = |t: &str| t.trim().parse::<u64>().map_err(|e| format!("`{t}`: {e}"));
    let range = number(from)?..number(to)?;
    if range.is_empty() { Err("the range is empty".to_owned()) } else { Ok(range) }
}

/// Runs a cluster on a simulated network, clock and disk, with clients and faults that follow from one seed, and checks what must hold.
///
/// Exit codes: 0 everything held, 1 something did not, 2 a run could not be made, 64 wrong usage.
#[derive(Clone, Debug, Parser)]
#[command(name = "tidegate-sim", version)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of the command line")]
pub(crate) struct Args {
    /// Convergence machines alone (pure), or five whole nodes (nodes); as the scenario says, else nodes.
    #[arg(long, value_enum)]
    world: Option<World>,
    /// Everything follows from it.
    #[arg(long, default_value_t = 1, conflicts_with = "seeds")]
    seed: u64,
    /// Many seeds: FROM..TO, the last not included.
    #[arg(long, value_parser = range)]
    seeds: Option<Range<u64>>,
    /// Seeds at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    jobs: u32,
    /// Cluster, workload, faults and length: a TOML file. What it does not say each seed draws.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Simulated seconds with faults; as the scenario says, else 300 for nodes and drawn for pure.
    #[arg(long)]
    seconds: Option<u64>,
    /// Something that is wrong with the system on purpose: the run should find it.
    #[arg(long, default_value = "none")]
    bug: String,
    /// Of the planned faults only these, by their numbers; none: an empty text.
    #[arg(long, value_name = "NUMBERS")]
    only: Option<String>,
    /// Leaves these invariants of the pure world out.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    without: Vec<String>,
    /// Looks at these invariants of the pure world alone.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "without")]
    just: Vec<String>,
    /// What to trace on standard output: in the words of `RUST_LOG` for nodes, `events` for pure.
    #[arg(long, default_value = "off")]
    trace: String,
    /// Writes what happened when: a page if the name ends in .html, else text.
    #[arg(long, value_name = "FILE")]
    timeline: Option<PathBuf>,
    /// Shorter lists of faults that are tried for a seed that fails; 0: the list is not made shorter.
    #[arg(long, default_value_t = 200)]
    shrink: u32,
    /// Measures what a healthy pure world costs instead of looking for what does not hold.
    #[arg(long)]
    costs: bool,
    /// Measures how a node of a pure world catches up that was cut off for the scenario's seconds.
    #[arg(long, conflicts_with = "costs")]
    repair: bool,
    /// Fails as well where some kind of fault, some rule or some other thing that is counted did not occur in all seeds together.
    #[arg(long)]
    everything: bool,
    /// Runs whole nodes here instead of in a process of their own.
    #[arg(long, hide = true)]
    here: bool,
    /// Says what happened in a form that is added up.
    #[arg(long, hide = true)]
    counted: bool,
}

impl Args {
    /// The command line of one seed of this, to be run again.
    fn again(&self, world: &str, seed: u64, only: Option<&str>) -> Vec<String> {
        let mut words =
            vec!["--world".to_owned(), world.to_owned(), "--seed".to_owned(), seed.to_string()];
        let mut say = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
        if let Some(file) = &self.scenario {
            say("--scenario", file.display().to_string());
        }
        if let Some(seconds) = self.seconds {
            say("--seconds", seconds.to_string());
        }
        if self.bug != "none" {
            say("--bug", self.bug.clone());
        }
        for (flag, names) in [("--without", &self.without), ("--just", &self.just)] {
            if !names.is_empty() {
                say(flag, names.join(","));
            }
        }
        if let Some(only) = only.or(self.only.as_deref()) {
            say("--only", if only.is_empty() { "''".to_owned() } else { only.to_owned() });
        }
        words
    }

    fn only(&self) -> Result<Option<Vec<usize>>, std::num::ParseIntError> {
        let number = |n: &str| n.trim().parse();
        let places =
            |list: &str| list.split(',').filter(|n| !n.trim().is_empty()).map(number).collect();
        self.only.as_deref().map(places).transpose()
    }

    fn seeds(&self) -> Range<u64> {
        self.seeds.clone().unwrap_or(self.seed..self.seed + 1)
    }
}

/// Why nothing was run.
pub(crate) type Failure = Box<dyn std::error::Error>;

fn scenario(args: &Args) -> Result<Scenario, Failure> {
    let mut scenario = match &args.scenario {
        Some(file) => Scenario::read(file)?,
        None => Scenario::default(),
    };
    scenario.seconds = args.seconds.or(scenario.seconds);
    Ok(scenario)
}

fn failed(error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("tidegate-sim: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  {error}");
        cause = error.source();
    }
    ExitCode::from(code)
}

/// Runs what the command line says.
pub(crate) fn run() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let wrong = error.use_stderr();
            let _printed = error.print();
            return if wrong { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let scenario = match scenario(&args) {
        Ok(scenario) => scenario,
        Err(error) => return failed(&*error, USAGE),
    };
    if args.costs {
        return pure::costs(&args, &scenario).unwrap_or_else(|error| failed(&*error, FAILED));
    }
    if args.repair {
        return pure::repair(&args, &scenario).unwrap_or_else(|error| failed(&*error, FAILED));
    }
    let ran = match args.world.or(scenario.world).unwrap_or_default() {
        World::Pure => pure::run(&args, &scenario),
        World::Nodes if args.here => nodes::here(&args, &scenario),
        World::Nodes => nodes::run(&args, &scenario),
    };
    ran.unwrap_or_else(|error| failed(&*error, FAILED))
}
