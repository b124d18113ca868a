//! A run of the pure world, from its seed to its verdict: first safety under faults, then faults off and liveness.

use std::time::Duration;

use super::{
    bug::Bug,
    counts::Counts,
    home::origin,
    invariants::{Knowledge, Last, Mask, Seen, Violation},
    plan::{Event, Plan},
    world::{Options, World},
};
use crate::{
    scenario::{Scenario, ScenarioError},
    timeline::Timeline,
};

/// How much longer than its state a node's knowledge of the others may take: who was held for dead is called again every second, and
/// believed after a round of questions.
const KNOWLEDGE: Duration = Duration::from_secs(8);
/// How long a move that was under way, and the writes of an account, may still take once all is repaired: some ten steps, one after the other,
/// of which each is a way through the whole network.
const FINISH: Duration = Duration::from_secs(20);
/// How long the directory may take for the changes of members that are left when the faults are over: two hundred.
const CHANGES: Duration = Duration::from_secs(20);
/// How often it is looked whether everything is repaired.
const LOOK: Duration = Duration::from_millis(50);

/// What is run.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Everything follows from it.
    pub seed: u64,
    /// What the seed need not draw.
    pub scenario: Scenario,
    /// What is wrong on purpose.
    pub bug: Bug,
    /// The invariants that are looked at.
    pub mask: Mask,
    /// Of the planned faults only these, by their places.
    pub only: Option<Vec<usize>>,
    /// Write every event down.
    pub trace: bool,
    /// Keep what a timeline shows.
    pub timeline: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// How many faults were planned, before any was left out.
    pub planned: usize,
    /// The faults, each with its place in the plan.
    pub faults: Vec<(usize, Event)>,
    /// What happened.
    pub counts: Counts,
    /// A sum over all events.
    pub fingerprint: u64,
    /// Simulated time.
    pub simulated: Duration,
    /// How long after the last fault all nodes had everything.
    pub converged: Option<Duration>,
    /// Every event, where it was asked for.
    pub trace: String,
    /// What a timeline shows, where it was asked for.
    pub timeline: Timeline,
}

/// Runs a seed.
///
/// # Errors
/// The scenario names a fault that there is not.
pub fn run(settings: &Settings) -> Result<Outcome, ScenarioError> {
    let mut plan = Plan::draw(settings.seed, &settings.scenario)?;
    let planned = plan.events.len();
    let mut faults: Vec<(usize, Event)> = plan.events.iter().copied().enumerate().collect();
    if let Some(only) = &settings.only {
        faults.retain(|(place, _)| only.contains(place));
        plan.events = faults.iter().map(|(_, event)| *event).collect();
    }
    let (length, converge) = (plan.length, plan.converge);
    let mut options = Options::new(settings.seed, settings.bug, settings.mask.clone());
    (options.trace, options.timeline) = (settings.trace, settings.timeline);
    let mut world = World::new(plan, options);
    world.run_until(length);
    let mut converged = None;
    if world.judge.violations.is_empty() {
        world.heal();
        let healed = world.change_the_rest(length);
        converged = world.repair(healed + converge);
        world.settle(healed + converge + KNOWLEDGE);
        world.finish(FINISH);
    }
    world.end_of_run();
    Ok(Outcome {
        seed: settings.seed,
        violations: world.judge.violations,
        planned,
        faults,
        counts: world.counts,
        fingerprint: world.fingerprint,
        simulated: world.now,
        converged,
        trace: world.trace,
        timeline: world.timeline,
    })
}

impl World {
    fn holds_everything(&self) -> bool {
        self.nodes.iter().all(|(id, node)| {
            node.replica.is_some()
                && self.homes.values().all(|h| self.stands(*id, h.group) == h.end())
        }) && self.lanes_are_equal()
    }

    /// Lets the directory make the changes of members that the faults still left to it, one after the other: what is being written can't be
    /// everywhere yet. Gives when all faults and these were over.
    fn change_the_rest(&mut self, length: Duration) -> Duration {
        let mut over = length;
        while !self.changes.is_empty()
            && over < length + CHANGES
            && self.judge.violations.is_empty()
        {
            over += LOOK;
            self.run_until(over);
        }
        over
    }

    /// Lets nodes repair what the faults left, for so long at the most; gives how long it took.
    fn repair(&mut self, until: Duration) -> Option<Duration> {
        let begun = self.now;
        while !self.holds_everything() && self.now < until && self.judge.violations.is_empty() {
            self.run_until(self.now + LOOK);
        }
        if !self.judge.violations.is_empty() {
            return None;
        }
        let took = self.holds_everything().then(|| self.now.saturating_sub(begun));
        let view = |(id, node): (&_, &'_ super::node::Node)| -> (tidegate_replica::NodeId, _) {
            (*id, node.replica.as_ref().map(|r| r.published_clock().clone()).unwrap_or_default())
        };
        let clocks: Vec<_> = self.nodes.iter().map(view).collect();
        let last: Vec<Last<'_>> = clocks
            .into_iter()
            .filter_map(|(id, published)| {
                let view = self.nodes.get(&id)?.disk.view();
                Some(Last { node: id, view, published })
            })
            .collect();
        let seen = Seen::Healed { nodes: &last, lanes: &self.lanes };
        self.judge.look(self.now, &seen, &self.homes);
        took
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        let groups: Vec<_> = self.homes.keys().copied().collect();
        let alive: Vec<_> = self.nodes.keys().copied().collect();
        let mut all = Vec::new();
        for (id, node) in &self.nodes {
            let Some(replica) = &node.replica else { continue };
            let led = self.homes.values().filter(|h| h.leader == *id);
            let unheard = |home: &super::home::Home| {
                let of = origin(home.group);
                let behind = |n: &tidegate_replica::NodeId| {
                    n != id && replica.peer_clock(*n).is_none_or(|c| c.get(of) < home.end())
                };
                (home.group, alive.iter().copied().filter(behind).collect::<Vec<_>>())
            };
            all.push(Knowledge {
                node: *id,
                bound: replica.staleness(node.clock.at(self.now), &groups),
                dead: alive.iter().copied().filter(|n| !replica.is_alive(*n)).collect(),
                unheard: led.map(unheard).filter(|(_, who)| !who.is_empty()).collect(),
            });
        }
        all
    }

    /// Lets the nodes hear of each other, for so long at the most.
    fn settle(&mut self, until: Duration) {
        while self.judge.violations.is_empty() {
            let knowledge = self.knowledge();
            let seen = Seen::Settled(&knowledge);
            let mut look = super::invariants::Judge::new(&self.options.mask);
            look.look(self.now, &seen, &self.homes);
            if look.violations.is_empty() || self.now >= until {
                self.judge.look(self.now, &seen, &self.homes);
                return;
            }
            self.run_until(self.now + LOOK);
        }
    }

    /// Lets what was begun with the account that moves come to its end, for so long at the most.
    fn finish(&mut self, patience: Duration) {
        if !self.judge.violations.is_empty() || !self.finish_account() {
            return;
        }
        let until = self.now + patience;
        while !(self.account_is_done() && self.holds_everything())
            && self.now < until
            && self.judge.violations.is_empty()
        {
            self.run_until(self.now + LOOK);
        }
        if self.judge.violations.is_empty() {
            self.look_at_account_at_the_end();
        }
    }

    fn end_of_run(&mut self) {
        for node in self.nodes.values() {
            if let Some(replica) = &node.replica {
                self.counts.add(&replica.counters());
            }
        }
        self.counts.looked = self.judge.looked;
        (self.counts.lost, self.counts.doubled) = (self.net.lost, self.net.doubled);
        self.counts.overtook = self.net.overtook;
        if self.options.timeline {
            for violation in &self.judge.violations {
                let label = format!("{}: {}", violation.invariant, violation.why);
                self.timeline.mark("all", violation.at, "violation", label);
            }
        }
    }
}
