//! The faults of a run, drawn from its seed before anything happens.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

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
    weights: [u32; 6],
    /// Between two faults, on average, in milliseconds.
    pause_ms: u64,
}

impl Mix {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        let mut weights = [0; 6];
        for weight in &mut weights {
            *weight = if rng.random_bool(0.6) { rng.random_range(1..=4) } else { 0 };
        }
        if weights.iter().all(|w| *w == 0) {
            weights = [1; 6];
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
pub fn faults(seed: u64, calm: Duration, length: Duration) -> Vec<Event> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mix = Mix::draw(&mut rng);
    let mut events = Vec::new();
    let mut at = calm;
    loop {
        at += Duration::from_millis(rng.random_range(1..=2 * mix.pause_ms));
        if at >= length {
            return events;
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
            _ => {
                let (a, b) = pair(&mut rng);
                Fault::Slow(a, b, Duration::from_millis(rng.random_range(50..1_500)))
            }
        };
        let end = (at + Duration::from_millis(rng.random_range(50..6_000))).min(length);
        events.push(Event { start: at, end, fault });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Duration = Duration::from_secs(5);
    const LENGTH: Duration = Duration::from_secs(600);

    #[test]
    fn one_seed_gives_one_plan_and_another_another() {
        assert_eq!(faults(7, CALM, LENGTH), faults(7, CALM, LENGTH));
        assert_ne!(faults(7, CALM, LENGTH), faults(8, CALM, LENGTH));
    }

    #[test]
    fn faults_stay_within_the_run_and_name_nodes_that_are_there() {
        for seed in 0..100 {
            let events = faults(seed, CALM, LENGTH);
            assert!(!events.is_empty(), "seed {seed}");
            for Event { start, end, fault } in events {
                assert!(CALM < start && start < end && end <= LENGTH);
                let nodes = match fault {
                    Fault::Crash(nodes) => nodes,
                    Fault::Partition { from: a, to: b, .. }
                    | Fault::Hold(a, b)
                    | Fault::Slow(a, b, _) => {
                        assert_ne!(a, b, "seed {seed}");
                        vec![a, b]
                    }
                    Fault::Isolate(a) => vec![a],
                };
                assert!(nodes.iter().all(|n| (1..=5).contains(n)), "seed {seed}: {nodes:?}");
            }
        }
    }
}
