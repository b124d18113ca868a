//! What is published here is told, and what others published is heard: acknowledgements, digests, arrivals.

use core::time::Duration;
use std::collections::BTreeSet;

use super::{Alarm, Lane, MergeId, Output, Replica};
use crate::{Clock, Dot, GroupId, Message, NodeId, Origin};

impl Replica {
    /// A batch, and with it each one before, is durable.
    pub fn persisted(&mut self, _now: Duration, batch: MergeId) {
        while self.unsaved.front().is_some_and(|(id, _)| *id <= batch) {
            if let Some((_, clock)) = self.unsaved.pop_front() {
                self.durable.join(&clock);
            }
        }
    }

    /// The decision view stands at `positions`, with these digests of the groups that moved. Acknowledgements leave now.
    ///
    /// Positions that are not yet durable here are not acknowledged and raise [`Alarm::NotDurable`].
    pub fn published(&mut self, positions: &Clock, digests: &[(GroupId, [u8; 32])]) {
        let ahead = positions.iter().filter(|(o, s)| self.published.get(*o) < *s);
        let (moved, early): (Vec<_>, Vec<_>) =
            ahead.partition(|(o, s)| self.is_own(*o) || self.durable.get(*o) >= *s);
        for (origin, sequence) in early {
            self.alarm(Alarm::NotDurable { dot: Dot { origin, sequence } });
        }
        self.digests.extend(digests.iter().copied());
        if moved.is_empty() {
            return;
        }
        let moved: Clock = moved.into_iter().collect();
        self.published.join(&moved);
        // A group's apply may be heard of here before its frame is.
        self.merged.join(&moved);
        self.staleness.published(&self.published);
        self.acknowledge(&moved);
    }

    fn acknowledge(&mut self, moved: &Clock) {
        let groups: Vec<GroupId> = moved.iter().filter_map(|(o, _)| o.group()).collect();
        let digests: Vec<_> =
            groups.iter().filter_map(|g| self.digests.get(g).map(|d| (*g, *d))).collect();
        for to in self.measurers(moved) {
            let ack = Message::Ack { published: moved.clone(), digests: digests.clone() };
            self.send(to, Lane::Urgent, ack);
        }
    }

    /// Who measures the propagation of these origins: the voters of a group, since any of them may lead it, or the node that wrote;
    /// everybody where that is not known.
    fn measurers(&self, moved: &Clock) -> Vec<NodeId> {
        let mut concerned = BTreeSet::new();
        for (origin, _) in moved.iter() {
            match origin {
                Origin::Group { group, .. } => match self.members.voters().get(&group) {
                    Some(voters) => concerned.extend(voters),
                    None => return self.others(),
                },
                Origin::Node { node, .. } if self.members.contains(node) => {
                    concerned.insert(node);
                }
                Origin::Node { .. } => return self.others(),
            }
        }
        concerned.into_iter().collect()
    }

    /// Says how far this node is; `digests`: of its state, too.
    pub(super) fn send_digest(&mut self, to: NodeId, digests: bool) {
        let digests = self.digests.iter().filter(|_| digests).map(|(g, d)| (*g, *d)).collect();
        let (merged, published) = (self.merged.clone(), self.published.clone());
        self.send(to, Lane::Urgent, Message::Digest { merged, published, digests });
    }

    /// A peer said what it decides on.
    pub(super) fn acknowledged(
        &mut self,
        now: Duration,
        from: NodeId,
        published: &Clock,
        digests: &[(GroupId, [u8; 32])],
    ) {
        let trip = self.rtt(from);
        let Some(member) = self.members.get(from) else { return };
        let peer = self.peers.entry(from).or_default();
        peer.has_published(published);
        let events = self.propagation.arrived(now, from, &member.region, trip, published);
        self.outputs.extend(events.into_iter().map(Output::Propagated));
        for (group, digest) in digests {
            self.compare_digest(from, *group, published.of_group(*group), digest);
        }
    }

    /// Equal positions mean equal states. Where they don't, it is said once for each position.
    fn compare_digest(
        &mut self,
        with: NodeId,
        group: GroupId,
        theirs: Option<(Origin, u64)>,
        digest: &[u8; 32],
    ) {
        let Some(position) = theirs.filter(|t| self.published.of_group(group) == Some(*t)) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(&with) else { return };
        // Of a group that was recovered the state is that of all its generations.
        let past = |o: Origin| o.group() == Some(group) && o != position.0;
        let heard = &peer.published;
        let elsewhere = |(o, at): (Origin, u64)| past(o) && heard.get(o) != at;
        if self.published.iter().any(elsewhere) {
            return;
        }
        if self.digests.get(&group).is_none_or(|ours| ours == digest) {
            peer.differed.remove(&group);
        } else if peer.differed.insert(group, position) != Some(position) {
            self.counters.mismatches += 1;
            self.alarm(Alarm::DigestMismatch { with, group });
        }
    }
}
