//! The faults of a run, drawn from its seed before anything happens.

use std::{fmt, time::Duration};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::scenario::{Scenario, ScenarioError};

/// The nodes and the region of each; the first three vote.
pub const NODES: [(u64, &str); 5] = [
    (1, "eu-central-1"),
    (2, "eu-central-1"),
    (3, "eu-central-1"),
    (4, "us-east-1"),
    (5, "ap-southeast-2"),
];

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nodes lose power at once: of what was not synced each keeps some.
    Crash(Vec<u64>),
    /// Nothing passes between two nodes, in one direction or in both.
    Partition {
        /// From here.
        from: u64,
        /// To there.
        to: u64,
        /// Also back.
        both: bool,
    },
    /// What is sent between two nodes waits until the fault is over.
    Hold(u64, u64),
    /// A node hears nobody and nobody hears it; its clients still reach it.
    Isolate(u64),
    /// Messages between two nodes take so long.
    Slow(u64, u64, Duration),
    /// A disk has no room: nothing that is written becomes durable, and new work should be refused.
    FullDisk(u64),
    /// A node's clocks leap: its monotonic clock forward, as after the sleep of its machine, and its wall clock by so many milliseconds
    /// forward or back, as when somebody sets it.
    Clocks(u64, Duration, i64),
}

/// The kinds of faults, as scenario files and reports name them.
pub const KINDS: [&str; 8] =
    ["crash", "power", "partition", "hold", "isolate", "slow", "full-disk", "clocks"];

impl Fault {
    /// Its place in [`KINDS`].
    pub fn kind(&self) -> usize {
        match self {
            Self::Crash(nodes) => usize::from(nodes.len() > 1),
            Self::Partition { .. } => 2,
            Self::Hold(..) => 3,
            Self::Isolate(_) => 4,
            Self::Slow(..) => 5,
            Self::FullDisk(_) => 6,
            Self::Clocks(..) => 7,
        }
    }

    /// Whom it strikes.
    pub fn nodes(&self) -> Vec<u64> {
        match self {
            Self::Crash(nodes) => nodes.clone(),
            Self::Partition { from: a, to: b, .. } | Self::Hold(a, b) | Self::Slow(a, b, _) => {
                vec![*a, *b]
            }
            Self::Isolate(node) | Self::FullDisk(node) | Self::Clocks(node, ..) => vec![*node],
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} to {:?}: {:?}", self.start, self.end, self.fault)
    }
}

/// A fault and when it begins and ends, from the start of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it begins.
    pub start: Duration,
    /// When it ends.
    pub end: Duration,
    /// What it is.
    pub fault: Fault,
}

/// How likely each kind of fault is in this run: a swarm, so that some runs are mostly of one kind.
#[derive(Clone, Copy, Debug)]
struct Mix {
    weights: [u32; KINDS.len()],
    /// Between two faults, on average, in milliseconds.
    pause_ms: u64,
}

impl Mix {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        let mut weights = [0; KINDS.len()];
        for weight in &mut weights {
            *weight = if rng.random_bool(0.6) { rng.random_range(1..=4) } else { 0 };
        }
        if weights.iter().all(|w| *w == 0) {
            weights = [1; KINDS.len()];
        }
        Self { weights, pause_ms: rng.random_range(500..4_000) }
    }

    /// The place of the kind that `rng` picks.
    fn pick(&self, rng: &mut ChaCha8Rng) -> usize {
        let mut left = rng.random_range(0..self.weights.iter().sum::<u32>());
        for (place, weight) in self.weights.iter().enumerate() {
            if left < *weight {
                return place;
            }
            left -= weight;
        }
        0
    }
}

fn node(rng: &mut ChaCha8Rng) -> u64 {
    rng.random_range(1..=NODES.len() as u64)
}

/// Two different nodes.
fn pair(rng: &mut ChaCha8Rng) -> (u64, u64) {
    let a = node(rng);
    let b = (a + rng.random_range(0..NODES.len() as u64 - 1)) % NODES.len() as u64 + 1;
    (a, b)
}

/// The faults of a run of `length` that begin after `calm`. All are over at the end.
///
/// # Errors
/// The scenario names a fault that there is not.
pub fn faults(
    seed: u64,
    calm: Duration,
    length: Duration,
    scenario: &Scenario,
) -> Result<Vec<Event>, ScenarioError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut mix = Mix::draw(&mut rng);
    if let Some(weights) = scenario.weights(&KINDS)? {
        for (weight, said) in mix.weights.iter_mut().zip(weights) {
            *weight = said;
        }
    }
    mix.pause_ms = scenario.faults.every_ms.unwrap_or(mix.pause_ms);
    let last_ms = scenario.faults.last_ms.unwrap_or(6_000).max(51);
    let mut events = Vec::new();
    let mut at = calm;
    while mix.weights.iter().any(|w| *w > 0) {
        at += Duration::from_millis(rng.random_range(1..=2 * mix.pause_ms));
        if at >= length {
            break;
        }
        let fault = match mix.pick(&mut rng) {
            0 => Fault::Crash(vec![node(&mut rng)]),
            // The power of a whole region.
            1 => Fault::Crash(vec![1, 2, 3]),
            2 => {
                let (from, to) = pair(&mut rng);
                Fault::Partition { from, to, both: rng.random_bool(0.5) }
            }
            3 => {
                let (a, b) = pair(&mut rng);
                Fault::Hold(a, b)
            }
            4 => Fault::Isolate(node(&mut rng)),
            6 => Fault::FullDisk(node(&mut rng)),
            7 => {
                let leap = Duration::from_millis(rng.random_range(0..30_000));
                Fault::Clocks(node(&mut rng), leap, rng.random_range(-1_500..4_000))
            }
            _ => {
                let (a, b) = pair(&mut rng);
                Fault::Slow(a, b, Duration::from_millis(rng.random_range(50..1_500)))
            }
        };
        let end = (at + Duration::from_millis(rng.random_range(50..last_ms))).min(length);
        events.push(Event { start: at, end, fault });
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Duration = Duration::from_secs(5);
    const LENGTH: Duration = Duration::from_secs(600);

    fn drawn(seed: u64) -> Vec<Event> {
        faults(seed, CALM, LENGTH, &Scenario::default()).unwrap()
    }

    #[test]
    fn one_seed_gives_one_plan_and_another_another() {
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn faults_stay_within_the_run_and_name_nodes_that_are_there() {
        for seed in 0..100 {
            let events = drawn(seed);
            assert!(!events.is_empty(), "seed {seed}");
            for Event { start, end, fault } in events {
                assert!(CALM < start && start < end && end <= LENGTH);
                let nodes = fault.nodes();
                assert!(fault.kind() < KINDS.len());
                assert!(nodes.windows(2).all(|n| n[0] != n[1]), "seed {seed}");
                assert!(nodes.iter().all(|n| (1..=5).contains(n)), "seed {seed}: {nodes:?}");
            }
        }
    }
}
