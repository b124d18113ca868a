//! What a cluster of many nodes costs: propagation, traffic and hashing in a healthy pure world, with every message counted as bytes.
//!
//! Nodes share what they were sent (a record's bytes exist once), and nothing is compared with the log, so that thousands fit into memory.

use std::{collections::BTreeMap, fmt, time::Duration};

use tidegate_replica::{Dot, GroupId};

use super::{
    bug::Bug,
    home::origin,
    invariants::Mask,
    plan::Plan,
    world::{Options, World},
};
use crate::scenario::{Scenario, ScenarioError};

/// Nodes get to know each other first.
const WARM: Duration = Duration::from_secs(3);
/// What was written last is not measured: it is still on its way at the end.
const DRAIN: Duration = Duration::from_secs(1);
/// Records of a page, as many as fit into one of 256 KiB.
const PAGE: usize = 2_000;

/// What a cluster costs.
#[derive(Clone, Debug)]
pub struct Costs {
    /// Nodes.
    pub nodes: usize,
    /// Commits that were measured.
    pub changes: usize,
    /// Commit to publication at each node, ascending.
    pub delays: Vec<Duration>,
    /// Pairs of change and node that were not there at the end.
    pub missing: usize,
    /// Messages and bytes of each kind in the measured time.
    pub sent: BTreeMap<&'static str, (u64, u64)>,
    /// How long was measured.
    pub measured: Duration,
    /// Hashes for digests, and bytes that went into them, over all nodes.
    pub hashed: (u64, u64),
    /// Events of the loop in all.
    pub events: u64,
    /// Pulls that were needed.
    pub pulls: u64,
}

impl Costs {
    /// The delay that so many of a thousand are within.
    pub fn within(&self, of_thousand: usize) -> Duration {
        let place =
            (self.delays.len() * of_thousand / 1_000).min(self.delays.len().saturating_sub(1));
        self.delays.get(place).copied().unwrap_or_default()
    }
}

fn share(part: u64, whole: u64) -> u64 {
    part.checked_div(whole).unwrap_or(0)
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nodes, changes) = (self.nodes as u64, self.changes as u64);
        writeln!(
            f,
            "{nodes} nodes, {changes} changes, {:?} measured, {} events; {} arrivals missing, {} pulls",
            self.measured, self.events, self.missing, self.pulls
        )?;
        let [p50, p99, p999, all] = [500, 990, 999, 1_000].map(|n| self.within(n).as_micros());
        writeln!(
            f,
            "commit to publication: p50 {p50} us, p99 {p99} us, p99.9 {p999} us, longest {all} us"
        )?;
        let hashes = share(100 * self.hashed.0, changes * nodes);
        writeln!(
            f,
            "digest: {hashes} hashes a hundred changes and node, {} bytes each",
            share(self.hashed.1, self.hashed.0)
        )?;
        let millis = u64::try_from(self.measured.as_millis()).unwrap_or(1).max(1);
        for (kind, (messages, bytes)) in &self.sent {
            writeln!(
                f,
                "{kind}: {} messages and {} bytes a node and second, {} bytes a change and node",
                share(messages * 1_000, millis * nodes),
                share(bytes * 1_000, millis * nodes),
                share(*bytes, changes * nodes)
            )?;
        }
        Ok(())
    }
}

/// Runs a seed without faults and measures it.
///
/// # Errors
/// The scenario names a fault that there is not.
pub fn measure(seed: u64, scenario: &Scenario) -> Result<Costs, ScenarioError> {
    let mut plan = Plan::draw(seed, scenario)?;
    // Answers are not compared here, so that nobody asks.
    (plan.events, plan.bytes, plan.clients) = (Vec::new(), true, 0);
    let end = (WARM + DRAIN + Duration::from_millis(500)).max(plan.length);
    let mut options = Options::new(seed, Bug::None, Mask::default());
    (options.checks, options.page_records) = (false, PAGE);
    options.filled = scenario.workload.filled.unwrap_or(false);
    let mut world = World::new(plan, options);
    world.run_until(WARM);
    let (before, hashed) = (world.counts.sent.clone(), world.hashed());
    world.run_until(end);
    let mut costs = Costs {
        nodes: world.nodes.len(),
        changes: 0,
        delays: Vec::new(),
        missing: 0,
        sent: world.counts.sent.clone(),
        measured: end.saturating_sub(WARM),
        hashed: world.hashed(),
        events: world.counts.events,
        pulls: world
            .nodes
            .values()
            .filter_map(|n| n.replica.as_ref())
            .map(|r| r.counters().pulls)
            .sum(),
    };
    for (kind, (messages, bytes)) in before {
        if let Some(sum) = costs.sent.get_mut(kind) {
            *sum = (sum.0 - messages, sum.1 - bytes);
        }
    }
    costs.hashed = (costs.hashed.0 - hashed.0, costs.hashed.1 - hashed.1);
    for home in world.homes.values().filter(|h| h.group != GroupId::DIRECTORY) {
        for entry in home.entries.iter().filter(|e| e.at >= WARM) {
            costs.changes += 1;
            if entry.at + DRAIN > end {
                continue;
            }
            let dot = Dot { origin: origin(home.group), sequence: entry.frame.upto };
            for node in world.nodes.keys() {
                match world.published_at(*node, dot) {
                    Some(at) => costs.delays.push(at.saturating_sub(entry.at)),
                    None => costs.missing += 1,
                }
            }
        }
    }
    costs.delays.sort_unstable();
    Ok(costs)
}

impl World {
    fn hashed(&self) -> (u64, u64) {
        let all = self.nodes.values().map(|n| n.disk.written.hashed);
        all.fold((0, 0), |(hashes, bytes), (h, b)| (hashes + h, bytes + b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_healthy_cluster_has_every_change_within_a_one_way_trip_and_a_little() {
        let mut scenario = Scenario::default();
        scenario.cluster.nodes = Some(vec![4, 4, 4]);
        scenario.cluster.latency_ms = Some(40);
        scenario.messages.loss = Some(0.0);
        scenario.messages.jitter_ms = Some(1);
        scenario.workload.writes_per_second = Some(50);
        scenario.seconds = Some(6);
        let costs = measure(3, &scenario).unwrap();
        assert!(costs.changes > 50 && costs.missing == 0, "{costs}");
        // Two regions away it is 80 ms; two syncs and a hop within the region are the little.
        assert!(costs.within(990) <= Duration::from_millis(100), "{costs}");
        assert!(costs.sent.get("push").is_some_and(|(_, bytes)| *bytes > 0));
        assert!(costs.hashed.0 >= (costs.changes as u64) * 6, "{costs}");
    }
}
