//! A run from its seed to its verdict.

use std::{sync::Arc, time::Duration};

use crate::{
    history::{History, Violation, check},
    plan::{self, Event},
    scenario::{Scenario, ScenarioError},
    workload::{self, Failure, Shared},
    world::{Bug, Cluster, Files},
};

/// Clients that work at once.
const CLIENTS: u32 = 3;
/// One step of the simulation.
const TICK: Duration = Duration::from_millis(1);
/// How long a cluster may take to be founded before faults begin.
const CALM: Duration = Duration::from_secs(5);
/// How long a cluster may take to serve and converge when all faults are over.
const HEALED: Duration = Duration::from_secs(60);

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
    pub history: History,
    /// What contradicts the promises.
    pub violations: Vec<Violation>,
    /// The faults, each with its place in the plan.
    pub faults: Vec<(usize, Event)>,
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
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .simulation_duration(length + 10 * HEALED)
        .min_message_latency(TICK)
        .max_message_latency(2 * TICK)
        .tcp_capacity(1 << 16)
        .enable_random_order()
        .build();
    let mut cluster = Cluster::start(&mut sim, files, seed, bug);
    let shared = Shared::default();
    sim.client("prepare", workload::prepare(seed, Arc::clone(&shared)));
    for name in 1..=settings.scenario.workload.clients.unwrap_or(CLIENTS) {
        sim.client(format!("c{name}"), workload::work(name, seed, length, Arc::clone(&shared)));
    }
    let events = planned(settings)?;
    let mut changes: Vec<(Duration, bool, &Event)> =
        events.iter().flat_map(|(_, e)| [(e.start, true, e), (e.end, false, e)]).collect();
    changes.sort_by_key(|(at, ..)| *at);
    let mut changes = changes.into_iter().peekable();
    let mut finished = false;
    while !finished {
        while let Some((_, begins, event)) = changes.next_if(|(at, ..)| *at <= sim.elapsed()) {
            tracing::info!(at = ?sim.elapsed(), begins, fault = ?event.fault, "fault");
            if begins {
                cluster.break_it(&mut sim, &event.fault);
            } else {
                cluster.mend(&mut sim, &event.fault);
            }
        }
        finished = sim.step()? && sim.elapsed() >= length;
        if sim.elapsed() > length + HEALED {
            return Err(format!("not served again within {HEALED:?} after the last fault").into());
        }
    }
    sim.client("look", workload::look(HEALED, Arc::clone(&shared)));
    while !sim.step()? {}
    let history = shared.lock().clone();
    let violations = check(&history);
    Ok(Outcome { history, violations, faults: events, simulated: sim.elapsed() })
}
