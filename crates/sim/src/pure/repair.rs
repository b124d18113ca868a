//! How a node that was cut off catches up: how long it takes, and what is sent for it.
//!
//! What it costs follows from the keys that changed meanwhile, not from the changes: a key that was written a thousand times is sent once.

use std::{collections::BTreeSet, fmt, time::Duration};

use tidegate_replica::NodeId;

use super::{
    bug::Bug,
    counts::Counts,
    home::origin,
    invariants::Mask,
    net::Weather,
    plan::Plan,
    world::{Options, World},
};
use crate::scenario::{Scenario, ScenarioError};

/// Nodes get to know each other first.
const WARM: Duration = Duration::from_secs(3);
/// How often it is looked whether all is there.
const LOOK: Duration = Duration::from_millis(5);
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// Records of a page, as many as fit into one of 256 KiB.
const PAGE: usize = 2_000;

/// What a repair cost.
#[derive(Clone, Debug)]
pub struct Repair {
    /// How long the node was cut off.
    pub cut: Duration,
    /// Commits that it missed.
    pub changes: usize,
    /// Keys that they changed.
    pub keys: usize,
    /// From the healing to the view that has everything; `None`: never.
    pub took: Option<Duration>,
    /// Questions for more that it asked, and their bytes.
    pub pulls: (u64, u64),
    /// Pages that brought it, and their bytes. All of them are held back until the last one is there.
    pub pages: (u64, u64),
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cut, changes, keys, took, pulls, pages } = self;
        let took = took.map_or("not".to_owned(), |t| format!("in {} ms", t.as_millis()));
        let each = pages.1.checked_div(*keys as u64).unwrap_or(0);
        writeln!(
            f,
            "cut off for {cut:?}, {changes} changes of {keys} keys missed: caught up {took}"
        )?;
        writeln!(
            f,
            "{} pulls of {} bytes, {} pages of {} bytes: {each} bytes a changed key",
            pulls.0, pulls.1, pages.0, pages.1
        )
    }
}

impl World {
    fn isolate(&mut self, node: NodeId, cut: bool) {
        for other in self.nodes.keys().copied().filter(|n| *n != node).collect::<Vec<_>>() {
            self.net.close((node, other), cut);
            self.net.close((other, node), cut);
        }
    }

    fn has_everything(&self, node: NodeId) -> bool {
        self.homes.values().all(|h| self.stands(node, h.group) == h.end())
    }

    /// What the one that was away has asked, or was sent.
    fn sent_as(&self, kind: &str) -> (u64, u64) {
        self.toll.as_ref().and_then(|(_, c)| c.sent.get(kind).copied()).unwrap_or_default()
    }
}

/// Cuts the last node off for the scenario's length, heals it, and measures how it catches up. Nothing else goes wrong.
///
/// # Errors
/// The scenario names a fault that there is not.
pub fn repair(seed: u64, scenario: &Scenario) -> Result<Repair, ScenarioError> {
    let mut plan = Plan::draw(seed, scenario)?;
    (plan.events, plan.bytes, plan.clients, plan.weather) = (Vec::new(), true, 0, Weather::CALM);
    let cut = plan.length;
    let mut options = Options::new(seed, Bug::None, Mask::default());
    (options.checks, options.page_records) = (false, PAGE);
    let mut world = World::new(plan, options);
    world.run_until(WARM);
    let away = world.nodes.keys().next_back().copied().unwrap_or_default();
    world.isolate(away, true);
    world.run_until(WARM + cut);
    let (mut changes, mut keys) = (0, BTreeSet::new());
    for home in world.homes.values() {
        for entry in home.behind(world.stands(away, home.group)) {
            changes += 1;
            keys.extend(entry.frame.records.iter().map(|r| (origin(home.group), r.key.clone())));
        }
    }
    world.heal();
    world.isolate(away, false);
    world.toll = Some((away, Counts::default()));
    let healed = world.now;
    while !world.has_everything(away) && world.now < healed + PATIENCE {
        world.run_until(world.now + LOOK);
    }
    let took = world.has_everything(away).then(|| world.now.saturating_sub(healed));
    let (pulls, pages) = (world.sent_as("pull"), world.sent_as("page"));
    Ok(Repair { cut, changes, keys: keys.len(), took, pulls, pages })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: u32 = 2;

    fn after(keys: u32, writes_per_second: u32) -> Repair {
        let mut scenario = Scenario::default();
        scenario.cluster.nodes = Some(vec![3, 1, 1]);
        (scenario.cluster.latency_ms, scenario.cluster.groups) = (Some(40), Some(GROUPS));
        scenario.cluster.voters = Some(3);
        scenario.workload.keys = Some(keys);
        scenario.workload.writes_per_second = Some(writes_per_second);
        scenario.workload.deletes = Some(0.1);
        scenario.seconds = Some(30);
        repair(1, &scenario).unwrap()
    }

    #[test]
    fn a_healed_node_is_sent_the_keys_that_changed_once_each_and_has_them_within_two_seconds() {
        let (few, some, many) = (after(50, 100), after(500, 100), after(100_000, 100));
        assert!([&few, &some, &many].iter().all(|r| r.changes > 2_500), "{few}{some}{many}");
        assert!(few.keys <= 102 && some.keys > 400 && many.keys > 2_000, "{few}{some}{many}");
        for repair in [&few, &some, &many] {
            let (keys, groups) = (repair.keys as u64, u64::from(GROUPS));
            // The next word of how far the others are, a question, and its pages.
            assert!(repair.took.is_some_and(|t| t <= Duration::from_millis(500)), "{repair}");
            // A record is its key, its value of 24 bytes and now and then of 600, its stamp and its dot.
            assert!(repair.pages.1 <= 120 * keys + 10_000, "{repair}");
            // A page that is not full is a group's last.
            assert!(repair.pages.0 <= keys / PAGE as u64 + 3 * groups, "{repair}");
            assert!(repair.pulls.0 <= keys / (4 * PAGE as u64) + 3 * groups, "{repair}");
        }
        assert!(many.pages.1 > 20 * few.pages.1 && many.pages.1 > 4 * some.pages.1, "{some}{many}");
    }

    #[test]
    fn more_changes_of_the_same_keys_cost_no_more() {
        let (once, thrice) = (after(500, 100), after(500, 300));
        assert!(thrice.changes > 2 * once.changes, "{once}{thrice}");
        assert!(once.keys >= 400 && thrice.keys >= 400, "{once}{thrice}");
        assert!(thrice.pages.1 < once.pages.1 * 3 / 2, "{once}{thrice}");
    }
}
