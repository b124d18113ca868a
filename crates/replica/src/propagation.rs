//! How long a change takes to each node, on the home's clock alone.
//!
//! The commit is stamped here, and the acknowledgement arrives here: their difference bounds the propagation time from above.
//! Half the smallest round trip taken off it is the estimate.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::{Clock, Dot, NodeId, Origin, RegionName};

/// Commits of one origin that are remembered while they travel: sixteen seconds of a thousand a second. Older ones are measured no more.
const COMMITS_MAX: usize = 16_384;

/// A change has arrived at a node.
#[derive(Clone, Debug, PartialEq)]
pub struct PropagationEvent {
    /// The change.
    pub dot: Dot,
    /// Where it has arrived.
    pub node: NodeId,
    /// That node's region.
    pub region: RegionName,
    /// Commit to acknowledgement: never below the truth.
    pub upper: Duration,
    /// The upper bound less half the smallest round trip.
    pub estimate: Duration,
}

#[derive(Debug, Default)]
struct Travelling {
    /// (sequence, time of commit), ascending.
    commits: VecDeque<(u64, Duration)>,
    /// What each node has acknowledged.
    arrived: BTreeMap<NodeId, u64>,
}

/// The commits of this node's groups under way.
#[derive(Debug, Default)]
pub(crate) struct Propagation {
    origins: BTreeMap<Origin, Travelling>,
}

impl Propagation {
    /// A change leaves now. Sequences of an origin ascend.
    pub(crate) fn committed(&mut self, now: Duration, dot: Dot) {
        let travelling = self.origins.entry(dot.origin).or_default();
        if travelling.commits.len() >= COMMITS_MAX {
            travelling.commits.pop_front();
        }
        travelling.commits.push_back((dot.sequence, now));
    }

    /// A node acknowledged positions: one event for each commit that was not yet known to have arrived there.
    pub(crate) fn arrived(
        &mut self,
        now: Duration,
        node: NodeId,
        region: &RegionName,
        rtt: Option<Duration>,
        published: &Clock,
    ) -> Vec<PropagationEvent> {
        let mut events = Vec::new();
        for (origin, upto) in published.iter() {
            let Some(travelling) = self.origins.get_mut(&origin) else { continue };
            let before = travelling.arrived.get(&node).copied().unwrap_or(0);
            if upto <= before {
                continue;
            }
            travelling.arrived.insert(node, upto);
            let start = travelling.commits.partition_point(|(s, _)| *s <= before);
            for (sequence, at) in travelling.commits.range(start..).take_while(|(s, _)| *s <= upto)
            {
                let upper = now.saturating_sub(*at);
                events.push(PropagationEvent {
                    dot: Dot { origin, sequence: *sequence },
                    node,
                    region: region.clone(),
                    upper,
                    estimate: upper.saturating_sub(rtt.unwrap_or_default() / 2),
                });
            }
        }
        events
    }

    /// Forgets commits that all of `members` have.
    pub(crate) fn collect(&mut self, members: &[NodeId]) {
        for travelling in self.origins.values_mut() {
            let arrived = &travelling.arrived;
            let at = |member| arrived.get(member).copied().unwrap_or(0);
            let all = members.iter().map(at).min().unwrap_or(0);
            while travelling.commits.front().is_some_and(|(s, _)| *s <= all) {
                travelling.commits.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests;
