//! Nodes take quarantines, and groups lift them.

use tidegate_replica::{Clock, Frame, GroupId, NodeId, Record};

use super::World;
use crate::pure::{
    bug::Bug,
    containing::{bites, lane, lift, quarantine},
    disk::Then,
    invariants::Seen,
    plan::Who,
    state::Rows,
};

impl World {
    /// Whoever shall take a quarantine: somebody who is cut off, where there is one.
    pub(super) fn container(&self, who: Who) -> Option<NodeId> {
        let acting = self.nodes.iter().filter(|(_, n)| n.acts()).map(|(id, _)| *id);
        let (cut, free): (Vec<_>, Vec<_>) = acting.partition(|id| self.net.is_cut(*id));
        let among = if cut.is_empty() { free } else { cut };
        among.get(who % among.len().max(1)).copied()
    }

    /// A node takes a quarantine: it is acknowledged once it is durable. `false`: it refuses.
    pub(super) fn contain(&mut self, id: NodeId) -> bool {
        let Some(node) = self.nodes.get_mut(&id).filter(|n| n.acts() && !n.disk.full) else {
            return false;
        };
        let sequence = node.disk.written.clock.get(lane(id)) + 1;
        let record = quarantine(id, sequence);
        let clock = Clock::from_iter([(lane(id), sequence)]);
        let rows = Rows { records: vec![record.clone()], clock, ..Rows::default() };
        node.disk.write(rows, Then::Appended { record: record.clone() });
        if self.options.bug == Bug::ContainedTooEarly {
            self.accept(id, &record);
        }
        self.sync(id);
        true
    }

    fn accept(&mut self, id: NodeId, record: &Record) {
        self.lanes.accepted.insert(record.dot, record.key.clone());
        self.counts.contained += 1;
        self.counts.contained_cut_off += u64::from(self.net.is_cut(id));
        self.mark(id, "quarantine", || record.dot.to_string());
    }

    /// What a node wrote is durable: it is acknowledged, and told.
    pub(super) fn appended(&mut self, id: NodeId, record: Record) {
        let now = self.now;
        self.accept(id, &record);
        self.stamps.entry((id, record.dot)).or_insert(now);
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let (origin, upto) = (record.dot.origin, record.dot.sequence);
        let after = core::mem::replace(&mut node.told, upto);
        let frame = Frame { origin, after, upto, records: vec![record], trace: None, proof: None };
        node.with(now, |replica, local, _| replica.appended(local, &frame));
    }

    /// Looks at the quarantines that a node decides on.
    pub(super) fn look_at_lanes(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get(&id).filter(|_| self.options.checks) else { return };
        let seen = Seen::Contained { node: id, view: node.disk.view(), lanes: &self.lanes };
        self.judge.look(self.now, &seen, &self.homes);
    }

    /// A group lifts what its leader knows of. `false`: that is nothing, or the group has no leader.
    pub(super) fn lift(&mut self, group: GroupId) -> bool {
        let leader = self.homes.get(&group).and_then(|h| self.nodes.get(&h.leader));
        let Some(known) = leader.map(|n| bites(n.disk.view())).filter(|k| !k.is_empty()) else {
            return false;
        };
        let lifts = known.iter().map(|dot| (lift(group, *dot), Some("lifted".into()))).collect();
        if self.commit(group, 0, lifts).is_none() {
            return false;
        }
        let cut = self.nodes.keys().any(|n| self.net.is_cut(*n));
        self.counts.lifted += known.len() as u64;
        self.counts.lifted_cut_off += if cut { known.len() as u64 } else { 0 };
        self.lanes.lifted.extend(known);
        true
    }

    /// Whether all nodes have the same of what nodes wrote.
    pub(crate) fn lanes_are_equal(&self) -> bool {
        let clock = |n: &crate::pure::node::Node| -> Clock {
            let all = n.disk.view().clock.iter().filter(|(o, _)| o.group().is_none());
            all.collect()
        };
        let mut clocks = self.nodes.values().map(clock);
        let first = clocks.next().unwrap_or_default();
        clocks.all(|c| c.covers_clock(&first) && first.covers_clock(&c))
    }
}
