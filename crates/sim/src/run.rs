//! A run from its seed to its verdict.

use std::{sync::Arc, time::Duration};

use tidegate_history::quarantines;
use tokio::task::JoinSet;
use turmoil::Sim;

use crate::{
    counts::{self, Counts},
    history::{self, What},
    office::{self, SharedOffice},
    plan::{self, Event},
    scenario::{Scenario, ScenarioError},
    workload::{self, Failure, Seen, Shared},
    world::{Bug, CLIENTS_HOST, Cluster, Files},
};

/// Clients that work at once.
const CLIENTS: u32 = 3;
/// One step of the simulation, in milliseconds, where the scenario does not say it: messages take whole ones. Timers within a node are as fine
/// as ever. Much of a run's cost is that of its steps, of which each wakes every host.
const TICK_MS: u64 = 5;
/// How long a cluster may take to be founded before faults begin.
const CALM: Duration = Duration::from_secs(5);
/// How long a cluster may take to serve and converge when all faults are over.
const HEALED: Duration = Duration::from_secs(60);
/// Writes that are acknowledged in each 300 seconds, at the least: where faults allowed for fewer, the clients go on until there are as many.
const WRITES_LEAST: u64 = 200;

/// Most milliseconds that clients rest between two calls: in one seed of five they hurry. Where they don't, most of what happens is the
/// cluster's own doing, and faults find it at rest.
fn pace(seed: u64) -> u64 {
    if seed.is_multiple_of(5) { 100 } else { 1_000 }
}

/// What is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Everything follows from it.
    pub seed: u64,
    /// For how long there are faults.
    pub length: Duration,
    /// What the seed need not draw.
    pub scenario: Scenario,
    /// Of the planned faults only these, by their places.
    pub only: Option<Vec<usize>>,
    /// What is wrong with the system on purpose.
    pub bug: Bug,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// What the clients saw.
    pub seen: Seen,
    /// What contradicts the promises.
    pub violations: Vec<String>,
    /// The faults, each with its place in the plan.
    pub faults: Vec<(usize, Event)>,
    /// What happened.
    pub counts: Counts,
    /// Time that was simulated.
    pub simulated: Duration,
}

/// The faults of a run, each with its place in the plan.
///
/// # Errors
/// The scenario names a fault that there is not.
pub fn planned(settings: &Settings) -> Result<Vec<(usize, Event)>, ScenarioError> {
    let events = plan::faults(settings.seed, CALM, settings.length, &settings.scenario)?;
    let only = settings.only.as_ref();
    let kept = |(place, _): &(usize, Event)| only.is_none_or(|only| only.contains(place));
    Ok(events.into_iter().enumerate().filter(kept).collect())
}

/// Runs it.
///
/// # Errors
/// A node or a client ended, or the cluster did not serve again in time: what a client has begun it tries until it succeeds.
pub fn run(settings: &Settings, files: &Files) -> Result<Outcome, Failure> {
    let Settings { seed, length, bug, .. } = *settings;
    let tick = Duration::from_millis(settings.scenario.tick_ms.unwrap_or(TICK_MS));
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(tick)
        .simulation_duration(length + 10 * HEALED)
        .min_message_latency(tick)
        .max_message_latency(2 * tick)
        .tcp_capacity(1 << 16)
        .enable_random_order()
        .build();
    let (office, shared) = (SharedOffice::default(), Shared::default());
    let mut cluster = Cluster::start(&mut sim, files, seed, bug, Arc::clone(&office));
    let least = (WRITES_LEAST * length.as_secs()).div_ceil(300);
    let pause_ms = settings.scenario.workload.pause_ms.unwrap_or_else(|| pace(seed));
    let knows = |name| workload::Knows {
        name,
        seed,
        end: length,
        writes_least: least,
        pause_ms,
        shared: Arc::clone(&shared),
        office: Arc::clone(&office),
    };
    let clients = settings.scenario.workload.clients.unwrap_or(CLIENTS);
    let sessions: Vec<_> = (1..=clients).map(|name| workload::work(knows(name))).collect();
    let (prepared, office_work) =
        (workload::prepare(knows(0)), office::work(seed, Arc::clone(&office)));
    // All on one host: each costs every step something.
    sim.client(CLIENTS_HOST, async move {
        let mut all = JoinSet::new();
        all.spawn_local(prepared);
        all.spawn_local(office_work);
        for one in sessions {
            all.spawn_local(one);
        }
        while let Some(ended) = all.join_next().await {
            ended??;
        }
        Ok(())
    });
    let faults = planned(settings)?;
    let mut counts = Counts::default();
    work(&mut sim, &mut cluster, &faults, length, &mut counts)?;
    sim.client("look", workload::look(HEALED, knows(0)));
    // Who ended a moment before the faults did is still to be started again.
    while !sim.step()? {
        cluster.tend(&mut sim);
    }
    counts.add("runs that were served again", 1);
    let seen = shared.lock().clone();
    let violations = verdict(&seen, &mut counts);
    tell_events(&cluster, &office, &mut counts);
    if office.lock().moves > 0 {
        let over = seen.moving.values().filter(|moves| **moves == Some(0)).count();
        counts.add("nodes that knew all moves to be over", over as u64);
    }
    let simulated = sim.elapsed();
    counts.add("simulated seconds", simulated.as_secs());
    Ok(Outcome { seen, violations, faults, counts, simulated })
}

/// Lets everybody work while faults come and go, until all are done.
fn work(
    sim: &mut Sim<'_>,
    cluster: &mut Cluster,
    faults: &[(usize, Event)],
    length: Duration,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let both = |(place, e): &'_ (usize, Event)| {
        [(e.start, true, *place, e.fault.clone()), (e.end, false, *place, e.fault.clone())]
    };
    let mut changes: Vec<_> = faults.iter().flat_map(both).collect();
    changes.sort_by_key(|(at, ..)| *at);
    let mut changes = changes.into_iter().peekable();
    let (mut finished, mut healed) = (false, false);
    while !finished {
        while let Some((_, begins, place, fault)) = changes.next_if(|(at, ..)| *at <= sim.elapsed())
        {
            tracing::info!(at = ?sim.elapsed(), begins, ?fault, "fault");
            if begins {
                let struck = cluster.break_it(sim, place, &fault);
                counts.add(counts::fault(fault.name()), u64::from(struck));
            } else if cluster.mend(sim, place, &fault) {
                // It was waiting for its moment, and that did not come.
                counts.take_back(&counts::fault(fault.name()));
            }
        }
        cluster.tend(sim);
        if !healed && sim.elapsed() >= length {
            healed = true;
            cluster.heal();
        }
        finished = sim.step()? && sim.elapsed() >= length;
        if sim.elapsed() > length + HEALED {
            return Err(format!("not served again within {HEALED:?} after the last fault").into());
        }
    }
    Ok(())
}

/// What contradicts the promises, and how often each was put to the test.
fn verdict(seen: &Seen, counts: &mut Counts) -> Vec<String> {
    let registers = history::examine(&seen.registers);
    let quarantines = quarantines::examine(&seen.quarantines);
    for (rule, times) in registers.exercised.iter().chain(&quarantines.exercised) {
        counts.add(counts::rule(rule), *times);
    }
    let of = |what: fn(&What) -> bool| -> u64 {
        seen.registers.ops.iter().filter(|op| what(&op.what)).count() as u64
    };
    counts.add("writes acknowledged", seen.written);
    counts.add("reads answered", of(|w| matches!(w, What::Read { .. })));
    counts.add("arrivals everywhere", of(|w| matches!(w, What::Arrived { .. })));
    counts.add("users created", seen.registers.created.len() as u64);
    counts.add("quarantines taken", seen.contained);
    counts.add("quarantines taken while cut off", seen.contained_cut_off);
    counts.add("quarantines lifted", seen.lifted);
    counts.add("quarantines lifted while somebody was cut off", seen.lifted_cut_off);
    let moving = seen.moving.iter().filter(|(_, moves)| **moves != Some(0));
    let moving = moving.map(|(node, moves)| match moves {
        Some(_) => format!("at the end n{node} still has the account on its way"),
        None => format!("at the end n{node} does not say where accounts are"),
    });
    let registers = registers.violations.iter().map(ToString::to_string);
    let quarantines = quarantines.violations.iter().map(ToString::to_string);
    registers.chain(quarantines).chain(moving).collect()
}

fn tell_events(cluster: &Cluster, office: &SharedOffice, counts: &mut Counts) {
    let events = &cluster.events;
    counts.add("nodes that ended by themselves", events.restarts);
    counts.add("rotten rows found", events.rot_found);
    counts.add("batches lost with the power", events.batches_lost);
    let office = office.lock();
    counts.add("changes of membership", office.made);
    counts.add("moves of the account", office.moves);
    counts.add("moves of the account to another home", office.moves_home);
}
