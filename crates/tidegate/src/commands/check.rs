//! `tidegate check`: drives a cluster under faults and says which guarantees held.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rand::Rng;
use tidegate_history::judge::judge;
use tidegate_proto::cluster::v1::DescribeClusterRequest;

use super::{
    Failure, Globals,
    node::told_to_stop,
    output::{for_programs, print},
    report::{Usage, code},
};
use crate::{
    check::{
        ending,
        fleet::{Fleet, Lie},
        local::Local,
        nemesis::{Fault, Kind, Nemesis},
        page::page,
        report::Outcome,
        workload::{Session, Shared},
    },
    profile,
};

/// What to do to whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long to work, before the last look.
    #[arg(long, default_value = "1m")]
    duration: humantime::Duration,
    /// Sessions that work at once.
    #[arg(long, default_value_t = 8)]
    clients: u32,
    /// Average pause of a session between two operations.
    #[arg(long, default_value = "50ms")]
    pause: humantime::Duration,
    /// Faults to make: kill and pause need --local or --pids, partition and delay a cluster in development mode and its operator.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KINDS")]
    nemesis: Vec<Kind>,
    /// Starts a cluster of this many processes in three regions for the check alone, and ends it afterwards.
    #[arg(long, value_name = "NODES", value_parser = clap::value_parser!(u64).range(1..=30))]
    local: Option<u64>,
    /// Processes of nodes, as n1=4711; whoever started them must start them again.
    #[arg(long, value_delimiter = ',', value_name = "NODE=PID", value_parser = pid)]
    pids: Vec<(u64, u32)>,
    /// How long the nodes may take to become equal once the faults are over.
    #[arg(long, default_value = "60s")]
    settle: humantime::Duration,
    /// What workload and faults are drawn from; another one each time by default.
    #[arg(long)]
    seed: Option<u64>,
    /// Writes the report as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Writes the report as a page to look at.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Breaks a guarantee between the cluster and the log, to see that it is found.
    #[arg(long, value_enum)]
    lie: Option<Lie>,
}

fn pid(word: &str) -> Result<(u64, u32), String> {
    let wrong = || format!("`{word}` is no process: expected n1=4711");
    let (node, pid) = word.split_once('=').ok_or_else(wrong)?;
    let node = node.trim_start_matches('n').parse().map_err(|_| wrong())?;
    Ok((node, pid.parse().map_err(|_| wrong())?))
}

/// Refuses faults that can't be made here.
async fn check_nemesis(args: &Args, fleet: &Fleet) -> Result<(), Failure> {
    let has = |kinds: &[Kind]| args.nemesis.iter().any(|k| kinds.contains(k));
    if has(&[Kind::Kill, Kind::Pause]) && args.local.is_none() && args.pids.is_empty() {
        return Err(Usage("kill and pause need --local or --pids".to_owned()).into());
    }
    if has(&[Kind::Partition, Kind::Delay]) {
        let node = fleet.nodes.first().ok_or("the profile names no node")?;
        if !node.client().send(&DescribeClusterRequest {}).await?.development {
            let message = "partition and delay need a cluster in development mode";
            return Err(Usage(message.to_owned()).into());
        }
    }
    Ok(())
}

/// Ends the work when its time is over or somebody says so.
async fn until_over(shared: &Shared, duration: Duration) {
    tokio::select! {
        biased;
        stopped = told_to_stop() => {
            if let Err(error) = stopped {
                tracing::warn!(%error, "signals are not heard");
            }
            eprintln!("stopping early; what was made is cleaned up");
        }
        () = tokio::time::sleep(duration) => {}
    }
    shared.over.store(true, Ordering::Relaxed);
}

/// Lets the sessions work among faults, and looks at the nodes meanwhile and afterwards. Gives what struck, and the processes.
async fn work(
    args: &Args,
    seed: u64,
    nemesis: Nemesis,
    shared: &Arc<Shared>,
) -> Result<(Vec<Fault>, Option<Local>), Failure> {
    let sessions = tokio::task::LocalSet::new();
    for number in 1..=args.clients {
        let session = Session::new(number, seed, Arc::clone(shared));
        sessions.spawn_local(session.work(*args.pause));
    }
    let nemesis = tokio::spawn(nemesis.rage());
    let watch = tokio::spawn(ending::watch(Arc::clone(shared)));
    sessions.run_until(until_over(shared, *args.duration)).await;
    // The faults end first: a write that is under way finds its outcome.
    let ended = sessions.run_until(nemesis).await?;
    sessions.await;
    watch.await?;
    eprintln!("the faults are over; waiting for the nodes to become equal");
    ending::settle(shared, *args.settle).await;
    ending::last_look(shared).await;
    Ok(ended)
}

/// Runs the check; the exit code says whether every guarantee held.
pub(crate) async fn run(args: Args, globals: &Globals) -> Result<ExitCode, Failure> {
    let local = match args.local {
        Some(count) => {
            eprintln!("starting {count} nodes");
            Some(Local::start_all(count).await?)
        }
        None => None,
    };
    let profile = match &local {
        Some(local) => local.profile()?,
        None => profile::read(&globals.profile)?,
    };
    let fleet = Fleet::connect(&profile, &globals.at, args.lie).await?;
    check_nemesis(&args, &fleet).await?;
    let seed = args.seed.unwrap_or_else(|| rand::rng().random());
    let prefix = format!("tidegate-check-{:08x}", rand::rng().random::<u32>());
    let nodes = fleet.nodes.iter().map(|n| (n.number, n.name.clone(), n.region.clone())).collect();
    let shared = Arc::new(Shared::new(fleet, prefix));
    eprintln!("checking under `{}` with seed {seed}", shared.path());
    let prepared = Session::new(0, seed, Arc::clone(&shared)).prepare().await;
    let mut faults = Vec::new();
    let mut local = local;
    let began = shared.recorder.now();
    if prepared.is_ok() {
        let pids: BTreeMap<u64, u32> = args.pids.iter().copied().collect();
        let nemesis =
            Nemesis::new(args.nemesis.clone(), local.take(), pids, Arc::clone(&shared), seed);
        (faults, local) = work(&args, seed, nemesis, &shared).await?;
    }
    let duration = shared.recorder.now().saturating_sub(began).min(*args.duration);
    let cleaner = profile::connect(&profile, &globals.at).await?;
    let left_over = ending::clean_up(&cleaner, &shared).await;
    prepared?;
    drop(local);
    let (log, calls) = shared.recorder.finish();
    let judgement = judge(&log);
    let clients = args.clients;
    let outcome =
        Outcome { seed, clients, duration, nodes, log, judgement, calls, faults, left_over };
    write(&args, &outcome)?;
    if !for_programs(globals.output, &outcome.json())? {
        print(&outcome.text()?)?;
    }
    Ok(if outcome.broken() { ExitCode::from(code::BROKEN) } else { ExitCode::SUCCESS })
}

fn write(args: &Args, outcome: &Outcome) -> Result<(), Failure> {
    let put = |path: &Option<PathBuf>, text: String| match path {
        Some(path) => fs::write(path, text)
            .map_err(|e| Failure::from(format!("`{}` can't be written: {e}", path.display()))),
        None => Ok(()),
    };
    put(&args.report, serde_json::to_string_pretty(&outcome.json())? + "\n")?;
    put(&args.page, page(outcome)?)
}
