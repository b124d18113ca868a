//! Holds back, on purpose, changes that have arrived and could decide: named propagation models, freeze and thaw, and single changes.
//!
//! It exists for people who test their own software against a cluster in development mode, and lies between the store and the view: what
//! is held is durable and does not decide, so that tokens, staleness bounds and acknowledgements stay true. Each group keeps its order, since
//! that is promised; between groups any order is. What a voter applies from its own log is not held: it decides at once, as the home.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    str::FromStr,
    time::Duration,
};

use parking_lot::Mutex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tidegate_replica::{Clock, GroupId, NodeId, Origin, Record};

use crate::link::Delay;

/// Steps that may wait. Past it the oldest decide: legal, and the memory is bounded.
const HELD_MAX: usize = 65_536;

/// How long changes take to decide once they have arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    /// No time.
    #[default]
    Instant,
    /// As AWS IAM: deleted keys were measured to be valid for 3 to 4 s.
    AwsLike,
    /// As Google Cloud IAM states it: typically 2 minutes, 7 or more possible.
    GoogleLike,
    /// Each change of each group at each node at once or after 10 s, by a coin: the order between groups, and between nodes, is as bad as is
    /// allowed.
    WorstLegalOrder,
}

/// All models by name.
const MODELS: [(Model, &str); 4] = [
    (Model::Instant, "instant"),
    (Model::AwsLike, "aws-like"),
    (Model::GoogleLike, "google-like"),
    (Model::WorstLegalOrder, "worst-legal-order"),
];

/// A name that no model has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no propagation model: there are instant, aws-like, google-like and worst-legal-order"
)]
pub struct NoSuchModel(pub String);

impl FromStr for Model {
    type Err = NoSuchModel;

    fn from_str(name: &str) -> Result<Self, NoSuchModel> {
        let found = MODELS.iter().find(|(_, n)| *n == name);
        found.map(|(model, _)| *model).ok_or_else(|| NoSuchModel(name.to_owned()))
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = MODELS.iter().find(|(model, _)| model == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl Model {
    /// How long the change at (`origin`, `sequence`) takes at `node`: the same every time.
    fn delay(self, seed: u64, node: NodeId, origin: Origin, sequence: u64) -> Duration {
        let group = origin.group().map_or(0, |g| u64::from(g.0));
        let mut mixed = seed;
        for part in [node.0, group, sequence] {
            // SplitMix64: every bit of each part reaches every bit of the result.
            mixed = (mixed ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(mixed);
        match self {
            Self::Instant => Duration::ZERO,
            Self::AwsLike => {
                Delay::Uniform(Duration::from_secs(3), Duration::from_secs(4)).draw(&mut rng)
            }
            Self::GoogleLike => {
                let around = Delay::LogNormal { median: Duration::from_secs(1), sigma: 0.5 };
                // The link model cuts its tails at a minute: here a second of it stands for two minutes.
                (around.draw(&mut rng) * 120).min(Duration::from_secs(600))
            }
            Self::WorstLegalOrder => Duration::from_secs(if rng.random_bool(0.5) { 10 } else { 0 }),
        }
    }
}

/// What has arrived and may be published in one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Arrived {
    pub(crate) records: Vec<Record>,
    pub(crate) positions: Clock,
    pub(crate) digests: Vec<(GroupId, [u8; 32])>,
    /// Groups of which these are all records that there are: what the view had of them is void.
    pub(crate) anew: BTreeSet<GroupId>,
}

/// A change that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The group.
    pub group: GroupId,
    /// Up to where it leads.
    pub sequence: u64,
    /// When its time has come, on the node's monotonic clock.
    pub due: Duration,
    /// Whether it waits for a release.
    pub held: bool,
}

#[derive(Debug)]
struct Waiting {
    upto: u64,
    due: Duration,
    arrived: Arrived,
}

#[derive(Debug, Default)]
struct State {
    model: Model,
    seed: u64,
    frozen: bool,
    /// From these sequences on nothing decides.
    holds: BTreeMap<Origin, u64>,
    /// Up to here everything decides.
    released: Clock,
    queues: BTreeMap<Origin, VecDeque<Waiting>>,
    /// What is in no one's way.
    open: Vec<Arrived>,
}

impl State {
    fn is_open(&self) -> bool {
        let idle = self.model == Model::Instant && !self.frozen && self.holds.is_empty();
        idle && self.queues.is_empty()
    }

    fn is_held(&self, origin: Origin, upto: u64) -> bool {
        let held = self.holds.get(&origin).is_some_and(|from| *from <= upto);
        (self.frozen || held) && self.released.get(origin) < upto
    }

    fn waiting(&self) -> usize {
        self.queues.values().map(VecDeque::len).sum()
    }
}

/// A change that can't be held: nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the change at {position} of {origin} decides here already")]
pub struct DecidesAlready {
    /// Whose.
    pub origin: Origin,
    /// Which.
    pub position: u64,
}

/// Between the store and the view of one node.
#[derive(Debug)]
pub struct Gate {
    me: NodeId,
    state: Mutex<State>,
}

impl Gate {
    /// One that holds nothing.
    pub(crate) fn new(me: NodeId) -> Self {
        Self { me, state: Mutex::default() }
    }

    /// Sets the model. What waits keeps its time, unless the model is instant: then it is due at once.
    pub fn set(&self, model: Model, seed: u64) {
        let mut state = self.state.lock();
        (state.model, state.seed) = (model, seed);
        if model == Model::Instant {
            for waiting in state.queues.values_mut().flatten() {
                waiting.due = Duration::ZERO;
            }
        }
    }

    /// The model, its seed, and whether the gate is frozen.
    pub fn setting(&self) -> (Model, u64, bool) {
        let state = self.state.lock();
        (state.model, state.seed, state.frozen)
    }

    /// Lets nothing through, or again what is due.
    pub fn freeze(&self, frozen: bool) {
        self.state.lock().frozen = frozen;
    }

    /// Holds back what stands at `positions`, and all that comes after it in the same groups. `published`: how far the view is.
    ///
    /// # Errors
    /// One of them decides here already.
    pub fn hold(&self, positions: &Clock, published: &Clock) -> Result<(), DecidesAlready> {
        let groups = || positions.iter().filter(|(origin, _)| origin.group().is_some());
        if let Some((origin, position)) = groups().find(|(o, n)| published.get(*o) >= *n) {
            return Err(DecidesAlready { origin, position });
        }
        let mut state = self.state.lock();
        for (origin, sequence) in groups() {
            let from = state.holds.entry(origin).or_insert(sequence);
            *from = sequence.min(*from);
        }
        Ok(())
    }

    /// Lets everything up to `positions` through, now or when it arrives.
    pub fn release(&self, positions: &Clock) {
        let mut state = self.state.lock();
        state.released.join(positions);
        let State { holds, released, .. } = &mut *state;
        holds.retain(|origin, from| released.get(*origin) < *from);
    }

    /// What waits, by group and position.
    pub fn held(&self) -> Vec<Held> {
        let state = self.state.lock();
        let of = |(origin, queue): (&Origin, &VecDeque<Waiting>)| {
            let group = origin.group().unwrap_or(GroupId::DIRECTORY);
            let held = |w: &Waiting| {
                let held = state.is_held(*origin, w.upto);
                Held { group, sequence: w.upto, due: w.due, held }
            };
            queue.iter().map(held).collect::<Vec<_>>()
        };
        state.queues.iter().flat_map(of).collect()
    }

    /// Takes what has arrived and is durable.
    pub(crate) fn take(&self, now: Duration, arrived: Arrived) {
        let mut state = self.state.lock();
        if state.is_open() {
            state.open.push(arrived);
            return;
        }
        for (origin, upto) in arrived.positions.iter() {
            let of_group = |(group, _): &&(GroupId, _)| origin.group() == Some(*group);
            let part = Arrived {
                records: arrived
                    .records
                    .iter()
                    .filter(|r| r.dot.origin == origin)
                    .cloned()
                    .collect(),
                positions: Clock::from_iter([(origin, upto)]),
                digests: arrived.digests.iter().filter(of_group).copied().collect(),
                anew: arrived.anew.iter().copied().filter(|g| origin.group() == Some(*g)).collect(),
            };
            if origin.group().is_none() {
                state.open.push(part);
                continue;
            }
            let due = now + state.model.delay(state.seed, self.me, origin, upto);
            state.queues.entry(origin).or_default().push_back(Waiting { upto, due, arrived: part });
        }
    }

    /// What may be published now, in its order.
    pub(crate) fn due(&self, now: Duration) -> Vec<Arrived> {
        let mut state = self.state.lock();
        let mut due = core::mem::take(&mut state.open);
        if state.queues.is_empty() {
            return due;
        }
        let mut beyond = state.waiting().saturating_sub(HELD_MAX);
        let mut queues = core::mem::take(&mut state.queues);
        for (origin, queue) in &mut queues {
            while let Some(first) = queue.front() {
                let released = state.released.get(*origin) >= first.upto;
                let passes = released || (first.due <= now && !state.is_held(*origin, first.upto));
                if !passes && beyond == 0 {
                    break;
                }
                beyond -= usize::from(!passes);
                due.extend(queue.pop_front().map(|w| w.arrived));
            }
        }
        queues.retain(|_, queue| !queue.is_empty());
        state.queues = queues;
        due
    }
}

#[cfg(test)]
mod tests;
