//! Homes and their clients: writes, elections, changes of the directory, reads with tokens, and waiting until a change is everywhere.

use std::time::Duration;

use bytes::Bytes;
use tidegate_replica::{Clock, Dot, GroupId, NodeId, Scope};

use super::{Change, Event, GOVERN, World};
use crate::pure::{
    bug::Bug,
    home::origin,
    invariants::{Answer, Seen},
    layout::{self, MEMBERS},
};

/// A group that can't be led for so long elects another leader.
const ELECTION: Duration = Duration::from_millis(600);

impl World {
    /// Whether a node has a majority of the voters of a group around it.
    fn has_majority(&self, id: NodeId, group: GroupId) -> bool {
        let Some(home) = self.homes.get(&group) else { return false };
        let writes = |v: &NodeId| self.nodes.get(v).is_some_and(|n| !n.disk.full);
        let hears = |v: &&NodeId| self.acts(**v) && self.net.talk(id, **v) && writes(v);
        self.acts(id) && 2 * home.voters.iter().filter(hears).count() > home.voters.len()
    }

    /// Whether a node leads a group and a quorum says so.
    pub(super) fn leads(&self, id: NodeId, group: GroupId) -> bool {
        self.homes.get(&group).is_some_and(|h| h.leader == id) && self.has_majority(id, group)
    }

    /// Commits, where a leader has its majority. Gives the position.
    pub(super) fn commit(
        &mut self,
        group: GroupId,
        hole: u64,
        values: Vec<(Bytes, Option<Bytes>)>,
    ) -> Option<u64> {
        let leader = self.homes.get(&group)?.leader;
        if !self.leads(leader, group) {
            self.counts.refused_writes += 1;
            return None;
        }
        let now = self.now;
        let at = self.homes.get_mut(&group)?.commit(now, hole, values);
        self.counts.commits += 1;
        self.apply_own(leader);
        Some(at)
    }

    pub(super) fn key(&mut self, group: GroupId) -> Bytes {
        let group = u8::try_from(group.0).unwrap_or(u8::MAX);
        let key = self.below(u64::from(self.plan.keys));
        [&[group][..], &u32::try_from(key).unwrap_or(0).to_be_bytes()].concat().into()
    }

    /// A value or its deletion, or, now and then, nothing at all.
    fn value(&mut self, group: GroupId) -> Vec<(Bytes, Option<Bytes>)> {
        let key = self.key(group);
        match self.below(20) {
            0 => Vec::new(),
            _ if self.below(100) < share(self.plan.deletes) => vec![(key, None)],
            n => {
                let size = if n == 1 { 600 } else { 24 };
                vec![(key, Some(vec![u8::try_from(n).unwrap_or(0); size].into()))]
            }
        }
    }

    pub(super) fn write(&mut self, group: GroupId) {
        if self.healed || self.plan.writes_per_second == 0 {
            return;
        }
        // The directory changes rarely.
        let rate = if group == GroupId::DIRECTORY { 2 } else { self.plan.writes_per_second };
        let values = self.value(group);
        let hole = self.below(3) / 2;
        self.commit(group, hole, values);
        let pause = self.below(2_000_000 / u64::from(rate));
        self.schedule(Duration::from_micros(pause), Event::Write(group));
    }

    /// Looks whether each group is led, and lets the directory change.
    pub(super) fn govern(&mut self) {
        for group in self.homes.keys().copied().collect::<Vec<_>>() {
            let Some((leader, stuck)) = self.homes.get(&group).map(|h| (h.leader, h.stuck_since))
            else {
                continue;
            };
            let stuck = if self.leads(leader, group) { None } else { stuck.or(Some(self.now)) };
            if let Some(home) = self.homes.get_mut(&group) {
                home.stuck_since = stuck;
            }
            if stuck.is_some_and(|since| self.now >= since + ELECTION) {
                self.elect(group);
            }
        }
        self.change_members();
        for node in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.hear_of_leaders(node);
        }
        self.schedule(GOVERN, Event::Govern);
    }

    /// A node that hears the leader of a group knows that it is not it itself.
    fn hear_of_leaders(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let (homes, net) = (&self.homes, &self.net);
        node.thinks_it_leads
            .retain(|g| homes.get(g).is_some_and(|h| h.leader == id || !net.talk(h.leader, id)));
    }

    /// Another voter that has a majority leads from now on, where there is one.
    pub(super) fn elect(&mut self, group: GroupId) -> Option<NodeId> {
        let home = self.homes.get(&group)?;
        let old = home.leader;
        let voters = home.voters.clone();
        let able = voters.into_iter().filter(|v| *v != old && self.has_majority(*v, group));
        let able: Vec<NodeId> = able.collect();
        let place = self.below(able.len() as u64);
        let new = able.get(usize::try_from(place).ok()?).copied()?;
        let home = self.homes.get_mut(&group)?;
        home.leader = new;
        home.stuck_since = None;
        if let Some(node) = self.nodes.get_mut(&new) {
            node.thinks_it_leads.insert(group);
        }
        self.counts.elections += 1;
        self.mark(new, "leader", || format!("leads {group}"));
        Some(new)
    }

    pub(super) fn ask_for(&mut self, change: Change) {
        self.changes.push_back(change);
    }

    fn change_members(&mut self) {
        let Some(change) = self.changes.front().copied() else { return };
        let mut members = self.members();
        match change {
            Change::Join(node, region) => members.push(self.plan.layout.member(node, region)),
            Change::Leave(node) => members.retain(|m| m.node != node),
        }
        let members = layout::encode(&members);
        if self.commit(GroupId::DIRECTORY, 0, vec![(MEMBERS.into(), Some(members))]).is_none() {
            return;
        }
        self.changes.pop_front();
        match change {
            Change::Join(node, region) => {
                let disk =
                    crate::pure::disk::Disk::new(self.options.bug, self.options.page_records);
                self.nodes.insert(node, crate::pure::node::Node::new(region, disk));
                self.start(node);
                self.counts.joined += 1;
            }
            Change::Leave(node) => {
                self.stop(node, 0);
                self.nodes.remove(&node);
                self.counts.left += 1;
            }
        }
    }

    /// Nodes that a client can reach.
    pub(super) fn reachable(&mut self) -> Option<NodeId> {
        let up: Vec<NodeId> =
            self.nodes.iter().filter(|(_, n)| n.acts()).map(|(id, _)| *id).collect();
        let place = self.below(up.len() as u64);
        up.get(usize::try_from(place).ok()?).copied()
    }

    /// A client does something.
    pub(super) fn act(&mut self, session: usize) {
        let groups = self.homes.len() as u64 - 1;
        let group = GroupId(u32::try_from(1 + self.below(groups)).unwrap_or(1));
        match self.below(10) {
            0..=2 if !self.healed => {
                let values = self.value(group);
                if let Some(at) = self.commit(group, 0, values)
                    && let Some(tokens) = self.sessions.get_mut(session)
                {
                    tokens.advance(origin(group), at);
                }
            }
            3 => self.wait(session, group),
            _ => self.read(session, group),
        }
        let pause = 5 + self.below(60);
        self.schedule(Duration::from_millis(pause), Event::Act(session));
    }

    /// Asks some node for a key, with or without the tokens of the session.
    fn read(&mut self, session: usize, group: GroupId) {
        let key = self.key(group);
        let fresh = self.below(2) == 0;
        let Some(id) = self.reachable() else { return };
        let bug = self.options.bug;
        let of = origin(group);
        let Some(tokens) = self.sessions.get(session) else { return };
        let floor = if fresh { tokens.get(of) } else { 0 };
        let Some(node) = self.nodes.get(&id) else { return };
        let view = node.disk.view();
        let stands = view.clock.get(of);
        if stands < floor && bug != Bug::FloorIgnored {
            self.counts.not_yet += 1;
            return;
        }
        let merged = node.replica.as_ref().map_or(stands, |r| r.merged_clock().get(of));
        let token = if bug == Bug::TokenOfMerged { merged } else { stands };
        let seen = view.decided(group, &key);
        let answer = Answer { node: id, group, key: &key, seen, token, floor };
        self.judge.look(self.now, &Seen::Answered(answer), &self.homes);
        self.counts.answers += 1;
        if let Some(tokens) = self.sessions.get_mut(session) {
            tokens.advance(of, token);
        }
    }

    /// Asks a voter whether what the session has seen is everywhere.
    fn wait(&mut self, session: usize, group: GroupId) {
        let Some(at) =
            self.sessions.get(session).map(|t| t.get(origin(group))).filter(|at| *at > 0)
        else {
            return;
        };
        let voters = self.homes.get(&group).map(|h| h.voters.clone()).unwrap_or_default();
        let place = usize::try_from(self.below(voters.len() as u64)).unwrap_or(0);
        let Some(id) = voters.get(place).copied().filter(|v| self.acts(*v)) else { return };
        let Some(replica) = self.nodes.get(&id).and_then(|n| n.replica.as_ref()) else { return };
        let positions = Clock::from_iter([(origin(group), at)]);
        let coverage = replica.coverage(&positions, &Scope::All);
        let most = 2 * coverage.reached.len() > coverage.reached.len() + coverage.missing.len();
        let says = coverage.covered || self.options.bug == Bug::WaitAtMajority && most;
        if !says {
            self.counts.not_everywhere += 1;
            return;
        }
        let dot = Dot { origin: origin(group), sequence: at };
        let lacks = |id: &NodeId| {
            self.nodes.contains_key(id)
                && self.stands(*id, group) < at
                && self.published_at(*id, dot).is_none()
        };
        let lacking = replica.members().map(|m| m.node).filter(lacks).collect();
        self.counts.everywhere += 1;
        self.judge.look(self.now, &Seen::Everywhere { node: id, lacking }, &self.homes);
    }
}

/// A share as a number of hundred.
fn share(of_one: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 100"
    )]
    let hundred = (of_one * 100.0).clamp(0.0, 100.0) as u64;
    hundred
}
