//! The faults of a run in the pure world, drawn from its seed before anything happens.

use std::{fmt, time::Duration};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    layout::{Layout, pick},
    net::Weather,
};
use crate::scenario::{Scenario, ScenarioError};

/// A node, by its place among those that are members when the fault strikes.
pub type Who = usize;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// A node loses power; of the writes that were not durable it keeps so many.
    Crash(Who, usize),
    /// All nodes of a region lose power.
    CrashRegion(usize),
    /// A node is away for most of the run, with its disk.
    Gone(Who),
    /// A disk fails in the middle of a write: its node stops.
    DiskFails(Who),
    /// Nothing can be read from a disk but what is in memory.
    Unreadable(Who),
    /// A disk takes so long for a sync.
    SlowDisk(Who, Duration),
    /// A node stands still while its clock goes on.
    Pause(Who),
    /// A clock leaps forward.
    Leap(Who, Duration),
    /// Nothing passes between two nodes.
    Partition(Who, Who),
    /// Nothing passes from one node to another.
    OneWay(Who, Who),
    /// A node hears nobody and nobody hears it.
    Isolate(Who),
    /// A node hears nobody, and everybody hears it.
    Deaf(Who),
    /// A region hears no other.
    Island(usize),
    /// What is sent between two nodes waits until the fault is over.
    Hold(Who, Who),
    /// Messages between two nodes take so much longer.
    Slow(Who, Who, Duration),
    /// The weather of the whole network.
    Storm(Weather),
    /// Another voter leads a group.
    Elect(usize),
    /// Tombstones are collected at all nodes that are up: what these all have, whatever others lack.
    Collect,
    /// A group writes a record that the nodes' build can't read.
    Poison(usize),
    /// A group commits so many entries at once.
    Burst(usize, u32),
    /// A node loses its disk, and a new one takes its place.
    Wipe(Who),
    /// A node joins.
    Join(usize),
    /// A node leaves.
    Leave(Who),
    /// The power goes in the middle of a write: of what was being made durable some is there, and the next batch only in part.
    Torn(Who),
    /// A disk has no room: nothing becomes durable, and new work is refused.
    FullDisk(Who),
    /// A row on a disk is no longer what was written; which one follows from the number.
    BitRot(Who, u64),
    /// A node takes a quarantine, one that is cut off where there is one.
    Quarantine(Who),
    /// A group lifts the quarantines that its leader knows of.
    Lift(usize),
    /// The account moves to another group, which is at home in another region.
    Move,
}

/// The kinds of faults, as scenario files and reports name them.
pub const KINDS: [&str; 29] = [
    "crash",
    "crash-region",
    "gone",
    "disk-fails",
    "unreadable",
    "slow-disk",
    "pause",
    "leap",
    "partition",
    "one-way",
    "isolate",
    "deaf",
    "island",
    "hold",
    "slow",
    "storm",
    "elect",
    "collect",
    "poison",
    "burst",
    "wipe",
    "join",
    "leave",
    "torn",
    "full-disk",
    "bit-rot",
    "quarantine",
    "lift",
    "move",
];

impl Fault {
    /// Its place in [`KINDS`].
    pub(crate) fn kind(self) -> usize {
        match self {
            Self::Crash(..) => 0,
            Self::CrashRegion(_) => 1,
            Self::Gone(_) => 2,
            Self::DiskFails(_) => 3,
            Self::Unreadable(_) => 4,
            Self::SlowDisk(..) => 5,
            Self::Pause(_) => 6,
            Self::Leap(..) => 7,
            Self::Partition(..) => 8,
            Self::OneWay(..) => 9,
            Self::Isolate(_) => 10,
            Self::Deaf(_) => 11,
            Self::Island(_) => 12,
            Self::Hold(..) => 13,
            Self::Slow(..) => 14,
            Self::Storm(_) => 15,
            Self::Elect(_) => 16,
            Self::Collect => 17,
            Self::Poison(_) => 18,
            Self::Burst(..) => 19,
            Self::Wipe(_) => 20,
            Self::Join(_) => 21,
            Self::Leave(_) => 22,
            Self::Torn(_) => 23,
            Self::FullDisk(_) => 24,
            Self::BitRot(..) => 25,
            Self::Quarantine(_) => 26,
            Self::Lift(_) => 27,
            Self::Move => 28,
        }
    }

    /// The name of its kind.
    pub fn name(self) -> &'static str {
        KINDS.get(self.kind()).copied().unwrap_or_default()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::SlowDisk(_, by) | Self::Leap(_, by) | Self::Slow(_, _, by) => {
                write!(f, " by {by:?}")
            }
            Self::Burst(_, entries) => write!(f, " of {entries}"),
            Self::Storm(w) => write!(
                f,
                ": {:.0} % lost, {:.0} % doubled, up to {:?} late",
                100.0 * w.loss,
                100.0 * w.doubling,
                w.jitter_max
            ),
            _ => Ok(()),
        }
    }
}

/// A fault and when it begins and ends, from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// When it begins.
    pub start: Duration,
    /// When it ends.
    pub end: Duration,
    /// What it is.
    pub fault: Fault,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} to {:?}: {}", self.start, self.end, self.fault)
    }
}

/// All that is drawn before a run begins.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cluster.
    pub layout: Layout,
    /// How messages fare.
    pub weather: Weather,
    /// The faults, by their beginning.
    pub events: Vec<Event>,
    /// For how long there are faults.
    pub length: Duration,
    /// How soon after it all nodes must have everything.
    pub converge: Duration,
    /// Whether messages travel as bytes.
    pub bytes: bool,
    /// Keys of a group.
    pub keys: u32,
    /// Writes a second of each group.
    pub writes_per_second: u32,
    /// Clients at once.
    pub clients: u32,
    /// Share of the writes that delete.
    pub deletes: f64,
    /// Whether there is an account that moves.
    pub moves: bool,
}

/// Nothing goes wrong before this: the nodes get to know each other.
const CALM: Duration = Duration::from_millis(500);
/// How soon everything must be repaired, where the scenario does not say it: after a healed partition two seconds, which is twice the
/// patience with a silent source, and as long again for a question that went to one that was down.
const CONVERGE: Duration = Duration::from_secs(4);

/// How likely each kind of fault is in a run: a swarm, so that some runs are mostly of one kind.
fn swarm(random: &mut ChaCha8Rng) -> Vec<u32> {
    let on = *pick(random, &[0.15, 0.4, 0.8]);
    // Moves come by themselves: see `moves`.
    let weight = |_| if random.random_bool(on) { random.random_range(1..=4) } else { 0 };
    let mut weights: Vec<u32> = (0..MOVE).map(weight).collect();
    if weights.iter().all(|w| *w == 0) {
        weights.fill(1);
    }
    weights
}

/// The place of moves in [`KINDS`].
const MOVE: usize = KINDS.len() - 1;

/// Moves of the account, in one seed of three: from a stream of their own, beside whatever else goes wrong.
fn moves(seed: u64, length: Duration) -> Vec<Event> {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x006d_6f76_6573);
    let mut events = Vec::new();
    if !random.random_ratio(1, 3) {
        return events;
    }
    let mut start = CALM;
    loop {
        start += Duration::from_millis(random.random_range(100..2_500));
        if start >= length {
            return events;
        }
        let end = (start + Duration::from_millis(30)).min(length);
        events.push(Event { start, end, fault: Fault::Move });
    }
}

fn weighted(random: &mut ChaCha8Rng, weights: &[u32]) -> usize {
    let mut left = random.random_range(0..weights.iter().sum::<u32>().max(1));
    for (place, weight) in weights.iter().enumerate() {
        if left < *weight {
            return place;
        }
        left -= weight;
    }
    0
}

fn storm(random: &mut ChaCha8Rng) -> Weather {
    Weather {
        loss: *pick(random, &[0.0, 0.05, 0.2, 0.5]),
        doubling: *pick(random, &[0.0, 0.1, 0.4]),
        jitter_max: Duration::from_millis(*pick(random, &[1, 50, 400])),
    }
}

fn fault(random: &mut ChaCha8Rng, kind: usize) -> Fault {
    let who: Who = random.random_range(0..64);
    let other: Who = random.random_range(0..64);
    let millis = |random: &mut ChaCha8Rng, range| Duration::from_millis(random.random_range(range));
    match kind {
        0 => Fault::Crash(who, random.random_range(0..4)),
        1 => Fault::CrashRegion(who),
        2 => Fault::Gone(who),
        3 => Fault::DiskFails(who),
        4 => Fault::Unreadable(who),
        5 => Fault::SlowDisk(who, millis(random, 20..800)),
        6 => Fault::Pause(who),
        7 => Fault::Leap(who, millis(random, 100..60_000)),
        8 => Fault::Partition(who, other),
        9 => Fault::OneWay(who, other),
        10 => Fault::Isolate(who),
        11 => Fault::Deaf(who),
        12 => Fault::Island(who),
        13 => Fault::Hold(who, other),
        14 => Fault::Slow(who, other, millis(random, 50..1_500)),
        15 => Fault::Storm(storm(random)),
        16 => Fault::Elect(who),
        17 => Fault::Collect,
        18 => Fault::Poison(who),
        19 => Fault::Burst(who, random.random_range(5..60)),
        20 => Fault::Wipe(who),
        21 => Fault::Join(who),
        22 => Fault::Leave(who),
        23 => Fault::Torn(who),
        24 => Fault::FullDisk(who),
        25 => Fault::BitRot(who, random.random_range(0..1 << 20)),
        26 => Fault::Quarantine(who),
        27 => Fault::Lift(who),
        _ => Fault::Move,
    }
}

impl Plan {
    /// Draws what the scenario leaves open.
    ///
    /// # Errors
    /// The scenario names a fault that there is not.
    pub fn draw(seed: u64, scenario: &Scenario) -> Result<Self, ScenarioError> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let random = &mut random;
        let mut layout = Layout::draw(random, scenario);
        let drawn = random.random_range(3..=6);
        let length = Duration::from_secs(scenario.seconds.unwrap_or(drawn));
        let swarm = swarm(random);
        let weights = scenario.weights(&KINDS)?.unwrap_or(swarm);
        let drawn = random.random_range(60..900);
        let every = scenario.faults.every_ms.unwrap_or(drawn);
        let last = scenario.faults.last_ms.unwrap_or(2_500).max(50);
        let mut events = Vec::new();
        let mut at = CALM;
        while weights.iter().any(|w| *w > 0) {
            at += Duration::from_millis(random.random_range(1..=2 * every));
            if at >= length {
                break;
            }
            let kind = weighted(random, &weights);
            let fault = fault(random, kind);
            let lasts = Duration::from_millis(random.random_range(30..=last));
            let end =
                if matches!(fault, Fault::Gone(_)) { length } else { (at + lasts).min(length) };
            events.push(Event { start: at, end, fault });
        }
        if scenario.faults.weights.is_none() {
            events.extend(moves(seed, length));
            events.sort_by_key(|event: &Event| event.start);
        }
        let moves = events.iter().any(|event| event.fault == Fault::Move);
        if moves {
            layout.widen();
        }
        let mut weather = storm(random);
        weather.loss /= 4.0;
        let messages = &scenario.messages;
        weather.loss = messages.loss.unwrap_or(weather.loss);
        weather.doubling = messages.doubling.unwrap_or(weather.doubling);
        weather.jitter_max = messages.jitter_ms.map_or(weather.jitter_max, Duration::from_millis);
        let workload = &scenario.workload;
        let (keys, writes) = (random.random_range(2..16), random.random_range(5..80));
        let bytes = random.random_bool(0.5);
        let deletes = *pick(random, &[0.1, 0.3, 0.6]);
        Ok(Self {
            layout,
            weather,
            events,
            length,
            converge: scenario.converge_ms.map_or(CONVERGE, Duration::from_millis),
            bytes,
            keys: workload.keys.unwrap_or(keys),
            writes_per_second: workload.writes_per_second.unwrap_or(writes),
            clients: workload.clients.unwrap_or(3),
            deletes: workload.deletes.unwrap_or(deletes),
            moves,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_plan_and_every_kind_occurs() {
        let plan = |seed| Plan::draw(seed, &Scenario::default()).unwrap();
        assert_eq!(plan(7).events, plan(7).events);
        assert_ne!(plan(7).events, plan(8).events);
        let mut struck = [0; KINDS.len()];
        for seed in 0..200 {
            let Plan { events, length, .. } = plan(seed);
            for Event { start, end, fault } in events {
                assert!(CALM < start && start < end && end <= length, "seed {seed}");
                struck[fault.kind()] += 1;
            }
        }
        assert!(struck.iter().all(|n| *n > 0), "{struck:?}");
    }

    #[test]
    fn each_kind_has_the_name_that_its_place_says() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for (place, name) in KINDS.iter().enumerate() {
            let drawn = fault(&mut random, place);
            assert_eq!((drawn.kind(), drawn.name()), (place, *name));
        }
    }
}
