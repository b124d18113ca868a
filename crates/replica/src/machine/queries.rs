//! What may be asked of the machine. Nothing here changes it.

use core::time::Duration;

use super::{Counters, Member, Replica};
use crate::{Clock, Coverage, GroupId, NodeId, Scope, coverage::coverage};

impl Replica {
    /// Everything that is merged here.
    pub fn merged_clock(&self) -> &Clock {
        &self.merged
    }

    /// What this node decides on.
    pub fn published_clock(&self) -> &Clock {
        &self.published
    }

    /// Whether this node votes in a group: its state follows its log, not gossip.
    pub fn votes_in(&self, group: GroupId) -> bool {
        self.own.contains(&group)
    }

    /// Since when (monotonic) the published view of `group` is known to be complete.
    pub fn fresh_since(&self, group: GroupId) -> Option<Duration> {
        self.staleness.fresh_since(group)
    }

    /// How old the published view of `groups` may be at the most: the maximum over them. `None` while the home of one was never heard.
    pub fn staleness(&self, now: Duration, groups: &[GroupId]) -> Option<Duration> {
        let ages = groups.iter().map(|g| self.fresh_since(*g).map(|t| now.saturating_sub(t)));
        ages.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// The positions that a peer last said to decide on.
    pub fn peer_clock(&self, node: NodeId) -> Option<&Clock> {
        self.peers.get(&node).map(|p| &p.published)
    }

    /// Whether the liveness protocol holds a node for alive.
    pub fn is_alive(&self, node: NodeId) -> bool {
        node == self.config.me || self.liveness.is_alive(node)
    }

    /// The smallest recent round trip to a peer, or to its region where the peer itself was not measured.
    pub fn rtt(&self, node: NodeId) -> Option<Duration> {
        let measured = self.peers.get(&node).and_then(|p| p.trips.smallest());
        let region = self.members.get(node).map(|m| &m.region);
        // Of a large cluster not everybody is asked all the time; neighbours are as far.
        measured.or_else(|| self.region_trips.get(region?)?.smallest())
    }

    /// When a peer was last heard.
    pub fn heard(&self, node: NodeId) -> Option<Duration> {
        self.peers.get(&node).and_then(|p| p.heard)
    }

    /// The digests of the published view.
    pub fn digests(&self) -> impl Iterator<Item = (GroupId, [u8; 32])> + '_ {
        self.digests.iter().map(|(g, d)| (*g, *d))
    }

    /// All members, this node included.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    /// What has happened since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What every member decides on, as far as this node has heard: nobody holds anything older, so that tombstones up to here can be
    /// collected. Empty while a member was never heard, and as long as no member is known.
    pub fn stable_clock(&self) -> Clock {
        let of = |member: &NodeId| {
            if *member == self.config.me { Some(&self.published) } else { self.peer_clock(*member) }
        };
        let Some(clocks) = self.members.nodes().iter().map(of).collect::<Option<Vec<_>>>() else {
            return Clock::default();
        };
        let least = |origin| clocks.iter().map(|clock| clock.get(origin)).min().unwrap_or(0);
        let origins = clocks.first().into_iter().flat_map(|clock| clock.iter());
        origins.map(|(origin, _)| (origin, least(origin))).filter(|(_, n)| *n > 0).collect()
    }

    /// Which nodes of `scope` decide on `positions` by now, as far as this node has heard.
    pub fn coverage(&self, positions: &Clock, scope: &Scope) -> Coverage {
        let regions = self.members.iter().map(|m| (m.node, m.region.clone())).collect();
        let published = |node: NodeId| {
            if node == self.config.me { Some(&self.published) } else { self.peer_clock(node) }
        };
        coverage(&regions, published, positions, scope)
    }
}
