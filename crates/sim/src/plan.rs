//! The faults of a run, drawn from its seed before anything happens.

use std::{fmt, time::Duration};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    pure::clocks::DRIFT_PPM_MAX,
    scenario::{Scenario, ScenarioError},
};

/// The region whose nodes vote.
pub const HOME: &str = "eu-central-1";

/// The nodes at the start and the region of each.
pub const NODES: [(u64, &str); 5] =
    [(1, HOME), (2, HOME), (3, HOME), (4, "us-east-1"), (5, "ap-southeast-2")];

/// Who votes at the start.
pub const VOTERS: [u64; 3] = [1, 2, 3];

/// A node, by its place among those that there are when the fault strikes, counted round.
pub type Who = usize;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A node loses power: of what was not synced it keeps some.
    Crash(Who),
    /// All nodes of the voters' region lose power at once.
    Power,
    /// Nothing passes between two nodes.
    Partition(Who, Who),
    /// Nothing passes from one node to another.
    OneWay(Who, Who),
    /// What is sent between two nodes waits until the fault is over.
    Hold(Who, Who),
    /// A node hears nobody and nobody hears it; its clients still reach it.
    Isolate(Who),
    /// Messages between two nodes take so long.
    Slow(Who, Who, Duration),
    /// A disk has no room: nothing that is written becomes durable, and new work should be refused.
    FullDisk(Who),
    /// A node's clocks leap: its monotonic clock forward, as after the sleep of its machine, and its wall clock by so many milliseconds
    /// forward or back, as when somebody sets it.
    Clocks(Who, Duration, i64),
    /// A node's clocks run so many parts per million too fast from now on.
    Drift(Who, i64),
    /// The power goes in the middle of a write.
    Torn(Who),
    /// A sync fails, and what it should have written is lost, though the next one succeeds.
    SyncFails(Who),
    /// A row of a disk, by its number, is no longer what was written.
    BitRot(Who, usize),
    /// Nothing goes to a node or comes from it, clients included, until it goes on: then everything at once.
    Pause(Who),
    /// A node that votes nowhere is away until the end of the faults, and comes back with its old disk.
    Gone(Who),
    /// A node joins and takes the votes of another, which leaves.
    Voters(Who),
    /// A node joins in the region of one of the first nodes.
    Join(Who),
    /// A node that votes nowhere leaves.
    Leave(Who),
    /// A node loses its disk for good; another takes its place and its votes.
    Wipe(Who),
    /// The clients' account moves to the other group of its home region.
    Move,
    /// It moves to a group whose home is another region, or back. The first time a node is picked that such a group is made of.
    MoveHome(Who),
}

/// The kinds of faults, as scenario files and reports name them.
pub const KINDS: [&str; 21] = [
    "crash",
    "power",
    "partition",
    "one-way",
    "hold",
    "isolate",
    "slow",
    "full-disk",
    "clocks",
    "drift",
    "torn",
    "sync-fails",
    "bit-rot",
    "pause",
    "gone",
    "voters",
    "join",
    "leave",
    "wipe",
    "move",
    "move-home",
];

impl Fault {
    /// Its place in [`KINDS`].
    pub fn kind(&self) -> usize {
        match self {
            Self::Crash(_) => 0,
            Self::Power => 1,
            Self::Partition(..) => 2,
            Self::OneWay(..) => 3,
            Self::Hold(..) => 4,
            Self::Isolate(_) => 5,
            Self::Slow(..) => 6,
            Self::FullDisk(_) => 7,
            Self::Clocks(..) => 8,
            Self::Drift(..) => 9,
            Self::Torn(_) => 10,
            Self::SyncFails(_) => 11,
            Self::BitRot(..) => 12,
            Self::Pause(_) => 13,
            Self::Gone(_) => 14,
            Self::Voters(_) => 15,
            Self::Join(_) => 16,
            Self::Leave(_) => 17,
            Self::Wipe(_) => 18,
            Self::Move => 19,
            Self::MoveHome(_) => 20,
        }
    }

    /// The name of its kind.
    pub fn name(&self) -> &'static str {
        KINDS.get(self.kind()).copied().unwrap_or_default()
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

fn fault(rng: &mut ChaCha8Rng, kind: usize) -> Fault {
    let (who, other): (Who, Who) = (rng.random_range(0..64), rng.random_range(0..64));
    match kind {
        0 => Fault::Crash(who),
        1 => Fault::Power,
        2 => Fault::Partition(who, other),
        3 => Fault::OneWay(who, other),
        4 => Fault::Hold(who, other),
        5 => Fault::Isolate(who),
        6 => Fault::Slow(who, other, Duration::from_millis(rng.random_range(50..1_500))),
        7 => Fault::FullDisk(who),
        8 => {
            let leap = Duration::from_millis(rng.random_range(0..30_000));
            Fault::Clocks(who, leap, rng.random_range(-1_500..4_000))
        }
        9 => Fault::Drift(who, rng.random_range(-DRIFT_PPM_MAX..=DRIFT_PPM_MAX)),
        10 => Fault::Torn(who),
        11 => Fault::SyncFails(who),
        12 => Fault::BitRot(who, rng.random_range(0..1 << 20)),
        13 => Fault::Pause(who),
        14 => Fault::Gone(who),
        15 => Fault::Voters(who),
        16 => Fault::Join(who),
        17 => Fault::Leave(who),
        18 => Fault::Wipe(who),
        19 => Fault::Move,
        _ => Fault::MoveHome(who),
    }
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
        let kind = mix.pick(&mut rng);
        let fault = fault(&mut rng, kind);
        let lasts = Duration::from_millis(rng.random_range(50..last_ms));
        let end = if matches!(fault, Fault::Gone(_)) { length } else { (at + lasts).min(length) };
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
    fn faults_stay_within_the_run_and_every_kind_occurs() {
        let mut struck = [0; KINDS.len()];
        for seed in 0..100 {
            let events = drawn(seed);
            assert!(!events.is_empty(), "seed {seed}");
            for Event { start, end, fault } in events {
                assert!(CALM < start && start < end && end <= LENGTH);
                struck[fault.kind()] += 1;
            }
        }
        assert!(struck.iter().all(|n| *n > 0), "{struck:?}");
    }

    #[test]
    fn each_kind_has_the_name_that_its_place_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (place, name) in KINDS.iter().enumerate() {
            let drawn = fault(&mut rng, place);
            assert_eq!((drawn.kind(), drawn.name()), (place, *name));
        }
    }
}
