//! The network between the nodes: how long a message takes, and whether it arrives at all.

use std::{collections::BTreeMap, time::Duration};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tidegate_replica::NodeId;

/// How messages fare where no other fault is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weather {
    /// Share of messages that are lost.
    pub loss: f64,
    /// Share of messages that come twice.
    pub doubling: f64,
    /// How much later than its way demands a message may come: it may overtake others.
    pub jitter_max: Duration,
}

impl Weather {
    /// Nothing is lost, doubled or late.
    pub const CALM: Self =
        Self { loss: 0.0, doubling: 0.0, jitter_max: Duration::from_micros(200) };
}

/// From whom to whom.
pub(crate) type Way = (NodeId, NodeId);

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is lost.
    Lost,
    /// It waits until the way is free.
    Held,
    /// It arrives after each of these times.
    Arrives(Duration, Option<Duration>),
}

/// The network.
#[derive(Debug)]
pub(crate) struct Net {
    /// One-way times between regions, by their places.
    latency: Vec<Vec<Duration>>,
    pub(crate) weather: Weather,
    /// How many faults close a way.
    closed: BTreeMap<Way, u32>,
    held: BTreeMap<Way, u32>,
    slow: BTreeMap<Way, Duration>,
    /// When the last message of each way arrives.
    last: BTreeMap<Way, Duration>,
    /// Lost and doubled messages.
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) overtook: u64,
}

fn count(ways: &mut BTreeMap<Way, u32>, way: Way, more: bool) {
    let n = ways.entry(way).or_default();
    *n = if more { *n + 1 } else { n.saturating_sub(1) };
    if *n == 0 {
        ways.remove(&way);
    }
}

impl Net {
    pub(crate) fn new(latency: Vec<Vec<Duration>>, weather: Weather) -> Self {
        Self {
            latency,
            weather,
            closed: BTreeMap::new(),
            held: BTreeMap::new(),
            slow: BTreeMap::new(),
            last: BTreeMap::new(),
            lost: 0,
            doubled: 0,
            overtook: 0,
        }
    }

    /// A fault closes a way, or one that did is over.
    pub(crate) fn close(&mut self, way: Way, closed: bool) {
        count(&mut self.closed, way, closed);
    }

    /// What is sent on a way waits, or no more.
    pub(crate) fn hold(&mut self, way: Way, held: bool) {
        count(&mut self.held, way, held);
    }

    /// A way takes so much longer.
    pub(crate) fn slow(&mut self, way: Way, by: Option<Duration>) {
        match by {
            Some(by) => drop(self.slow.insert(way, by)),
            None => drop(self.slow.remove(&way)),
        }
    }

    /// Whether a message could pass.
    pub(crate) fn is_open(&self, way: Way) -> bool {
        !self.closed.contains_key(&way)
    }

    /// Whether a fault closes some way to or from a node.
    pub(crate) fn is_cut(&self, node: NodeId) -> bool {
        self.closed.keys().any(|(a, b)| *a == node || *b == node)
    }

    /// Whether two nodes can talk, in both directions and soon.
    pub(crate) fn talk(&self, a: NodeId, b: NodeId) -> bool {
        let free = |way| self.is_open(way) && !self.held.contains_key(&way);
        a == b || free((a, b)) && free((b, a))
    }

    /// What becomes of a message between nodes of two regions.
    pub(crate) fn send(
        &mut self,
        now: Duration,
        way: Way,
        regions: (usize, usize),
        random: &mut ChaCha8Rng,
    ) -> Fate {
        if !self.is_open(way) {
            return Fate::Lost;
        }
        let Weather { loss, doubling, jitter_max } = self.weather;
        if loss > 0.0 && random.random_bool(loss) {
            self.lost += 1;
            return Fate::Lost;
        }
        if self.held.contains_key(&way) {
            return Fate::Held;
        }
        let slow = self.slow.get(&way).copied().unwrap_or_default();
        let jitter_nanos = u64::try_from(jitter_max.as_nanos()).unwrap_or(u64::MAX).max(1);
        let mut takes = || {
            let jitter = Duration::from_nanos(random.random_range(0..jitter_nanos));
            self.latency.get(regions.0).and_then(|r| r.get(regions.1)).copied().unwrap_or_default()
                + slow
                + jitter
        };
        let first = takes();
        let again = doubling > 0.0 && random.random_bool(doubling);
        let second =
            again.then(|| Duration::from_nanos(random.random_range(0..jitter_nanos)) + first);
        self.doubled += u64::from(again);
        let last = self.last.entry(way).or_default();
        self.overtook += u64::from(now + first < *last);
        *last = (now + first).max(*last);
        Fate::Arrives(first, second)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_way_is_open_again_once_every_fault_that_closed_it_is_over() {
        let mut net = Net::new(vec![vec![Duration::from_millis(1)]], Weather::CALM);
        let way = (NodeId(1), NodeId(2));
        let mut random = ChaCha8Rng::seed_from_u64(1);
        net.close(way, true);
        net.close(way, true);
        net.close(way, false);
        let now = Duration::ZERO;
        assert_eq!(net.send(now, way, (0, 0), &mut random), Fate::Lost);
        assert!(net.is_open((NodeId(2), NodeId(1))), "the other direction is another way");
        net.close(way, false);
        assert!(matches!(net.send(now, way, (0, 0), &mut random), Fate::Arrives(_, None)));
        net.hold(way, true);
        assert_eq!(net.send(now, way, (0, 0), &mut random), Fate::Held);
        assert!(!net.talk(NodeId(2), NodeId(1)));
    }
}
