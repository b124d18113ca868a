//! Faults begin and end.

use std::time::Duration;

use tidegate_replica::{Dot, GroupId, NodeId};

use super::{Change, World};
use crate::pure::{
    home::origin,
    net::{Way, Weather},
    node::{Node, SYNC},
    plan::{Event as Planned, Fault, Who},
    state::Rows,
};

/// A cluster does not become smaller or larger than this by itself.
const MEMBERS_LEAST: usize = 2;
const MEMBERS_MOST: usize = 14;

impl World {
    fn whoever(&self, who: Who) -> Option<NodeId> {
        self.nodes.keys().nth(who % self.nodes.len().max(1)).copied()
    }

    fn is_up(&self, id: NodeId) -> bool {
        self.nodes.get(&id).is_some_and(|n| n.replica.is_some())
    }

    /// Somebody who votes nowhere.
    fn replica_only(&self, who: Who) -> Option<NodeId> {
        let votes = |id: &NodeId| self.homes.values().any(|h| h.voters.contains(id));
        let all: Vec<NodeId> = self.nodes.keys().copied().filter(|id| !votes(id)).collect();
        all.get(who % all.len().max(1)).copied()
    }

    fn pair(&self, a: Who, b: Who) -> Option<Way> {
        let (a, b) = (self.whoever(a)?, self.whoever(b)?);
        (a != b).then_some((a, b))
    }

    fn region_of(&self, region: usize) -> usize {
        region % self.plan.layout.latency.len().max(1)
    }

    fn in_region(&self, region: usize) -> Vec<NodeId> {
        let region = self.region_of(region);
        self.nodes.iter().filter(|(_, n)| n.region == region).map(|(id, _)| *id).collect()
    }

    /// The ways that a fault closes or slows down.
    fn ways(&self, fault: Fault, struck: &[NodeId]) -> Vec<Way> {
        let all = || self.nodes.keys().copied();
        match (fault, struck) {
            (Fault::OneWay(..), [a, b]) => vec![(*a, *b)],
            (Fault::Partition(..) | Fault::Hold(..) | Fault::Slow(..), [a, b]) => {
                vec![(*a, *b), (*b, *a)]
            }
            (Fault::Isolate(_), [a]) => all().flat_map(|b| [(*a, b), (b, *a)]).collect(),
            (Fault::Deaf(_), [a]) => all().map(|b| (b, *a)).collect(),
            (Fault::Island(_), inside) => {
                let outside: Vec<NodeId> = all().filter(|n| !inside.contains(n)).collect();
                let both = |a: &NodeId| {
                    outside.iter().flat_map(|b| [(*a, *b), (*b, *a)]).collect::<Vec<_>>()
                };
                inside.iter().flat_map(both).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whom a fault strikes; nobody: it does not fit the world as it is.
    fn victims(&self, fault: Fault) -> Vec<NodeId> {
        match fault {
            Fault::Crash(a, _) | Fault::Gone(a) | Fault::DiskFails(a) | Fault::Torn(a) => {
                self.whoever(a).filter(|id| self.is_up(*id)).into_iter().collect()
            }
            Fault::CrashRegion(region) => {
                self.in_region(region).into_iter().filter(|id| self.is_up(*id)).collect()
            }
            Fault::Island(region) => self.in_region(region),
            Fault::Slow(a, b, _)
            | Fault::Partition(a, b)
            | Fault::OneWay(a, b)
            | Fault::Hold(a, b) => self.pair(a, b).map(|(a, b)| vec![a, b]).unwrap_or_default(),
            Fault::Unreadable(a)
            | Fault::FullDisk(a)
            | Fault::SlowDisk(a, _)
            | Fault::Pause(a)
            | Fault::Leap(a, _)
            | Fault::Isolate(a)
            | Fault::Deaf(a) => self.whoever(a).into_iter().collect(),
            Fault::Quarantine(a) => self.container(a).into_iter().collect(),
            Fault::Wipe(a) | Fault::Leave(a) | Fault::BitRot(a, _) => {
                let room = self.nodes.len() > MEMBERS_LEAST;
                self.replica_only(a).filter(|_| room).into_iter().collect()
            }
            Fault::Storm(_)
            | Fault::Elect(_)
            | Fault::Collect
            | Fault::Poison(_)
            | Fault::Burst(..)
            | Fault::Lift(_)
            | Fault::Move
            | Fault::Join(_) => Vec::new(),
        }
    }

    fn group(&self, of: usize) -> GroupId {
        self.homes.keys().nth(of % self.homes.len().max(1)).copied().unwrap_or_default()
    }

    pub(super) fn begin(&mut self, n: usize) {
        let Some(Planned { fault, .. }) = self.plan.events.get(n).copied() else { return };
        let victims = self.victims(fault);
        let struck = self.strike(fault, &victims);
        self.counts.strike(fault.kind(), struck);
        if !struck {
            return;
        }
        let ways = self.ways(fault, &victims);
        for way in &ways {
            match fault {
                Fault::Hold(..) => self.net.hold(*way, true),
                Fault::Slow(_, _, by) => self.net.slow(*way, Some(by)),
                _ => self.net.close(*way, true),
            }
        }
        if self.options.timeline {
            let end = self.plan.events.get(n).map_or(self.now, |e| e.end);
            for node in if victims.is_empty() {
                vec!["all".to_owned()]
            } else {
                victims.iter().map(ToString::to_string).collect()
            } {
                self.timeline.bar(&node, self.now, end, fault.name(), fault.to_string());
            }
        }
        self.struck.insert(n, (victims, ways));
    }

    /// What a fault does beside closing ways. `false`: nothing.
    fn strike(&mut self, fault: Fault, victims: &[NodeId]) -> bool {
        match fault {
            Fault::Crash(_, kept) => self.crash(victims, kept),
            Fault::CrashRegion(_) | Fault::Gone(_) => self.crash(victims, 1),
            Fault::DiskFails(_) => self.each(victims, |n| n.disk_fails = true),
            Fault::Torn(_) => self.each(victims, |n| n.tears = true),
            Fault::FullDisk(_) => self.each(victims, |n| n.disk.full = true),
            Fault::BitRot(_, number) => self.each_that(victims, |world, id| {
                world.is_up(id) && world.nodes.get_mut(&id).is_some_and(|n| n.disk.rot(number))
            }),
            Fault::Quarantine(_) => self.each_that(victims, Self::contain),
            Fault::Lift(group) => self.lift(self.group(group)),
            Fault::Move => self.move_account(),
            Fault::Unreadable(_) => self.each(victims, |n| n.disk.unreadable = true),
            Fault::SlowDisk(_, takes) => self.each(victims, |n| n.sync_takes = takes),
            Fault::Pause(_) => self.each(victims, |n| n.paused = true),
            Fault::Leap(_, by) => {
                let now = self.now;
                self.each(victims, |n| n.clock.leap(now, by))
            }
            Fault::Storm(weather) => {
                self.net.weather = weather;
                true
            }
            Fault::Elect(group) => self.elect(self.group(group)).is_some(),
            Fault::Collect => self.collect(),
            Fault::Poison(group) => self.poison(self.group(group)),
            Fault::Burst(group, entries) => self.burst(self.group(group), entries),
            Fault::Wipe(_) => self.wipe(victims),
            Fault::Join(region) => {
                let room = self.nodes.len() < MEMBERS_MOST;
                if room {
                    self.join(self.region_of(region));
                }
                room
            }
            Fault::Leave(_) => {
                for node in victims {
                    self.ask_for(Change::Leave(*node));
                }
                !victims.is_empty()
            }
            _ => !victims.is_empty(),
        }
    }

    fn each(&mut self, victims: &[NodeId], change: impl Fn(&mut Node)) -> bool {
        let mut some = false;
        for id in victims {
            if let Some(node) = self.nodes.get_mut(id).filter(|n| n.replica.is_some()) {
                change(node);
                some = true;
            }
        }
        some
    }

    /// Does something to each; whether it worked with any.
    fn each_that(
        &mut self,
        victims: &[NodeId],
        mut work: impl FnMut(&mut Self, NodeId) -> bool,
    ) -> bool {
        let mut some = false;
        for id in victims {
            some |= work(self, *id);
        }
        some
    }

    fn crash(&mut self, victims: &[NodeId], kept: usize) -> bool {
        for id in victims {
            self.stop(*id, kept);
        }
        !victims.is_empty()
    }

    /// Everybody who is up forgets the tombstones that all who are up have; whoever is away will need a whole state.
    fn collect(&mut self) -> bool {
        let up: Vec<NodeId> =
            self.nodes.iter().filter(|(_, n)| n.replica.is_some()).map(|(id, _)| *id).collect();
        let groups: Vec<GroupId> = self.homes.keys().copied().collect();
        let floor = |g: &GroupId| up.iter().map(|id| self.stands(*id, *g)).min().unwrap_or(0);
        let floors: Vec<_> = groups.iter().map(|g| (origin(*g), floor(g))).collect();
        for id in &up {
            if let Some(node) = self.nodes.get_mut(id) {
                let rows = Rows { collect: floors.clone(), ..Rows::default() };
                node.disk.write(rows, crate::pure::disk::Then::Nothing);
            }
            self.sync(*id);
        }
        self.counts.collected_without_all += u64::from(up.len() < self.nodes.len());
        up.len() < self.nodes.len() || floors.iter().any(|(_, floor)| *floor > 0)
    }

    fn poison(&mut self, group: GroupId) -> bool {
        let key = self.key(group);
        // Its index is known before it is committed: it takes the next place.
        let sequence = self.homes.get(&group).map_or(1, |h| h.end() + 1);
        self.poison.insert(Dot { origin: origin(group), sequence });
        self.commit(group, 0, vec![(key, Some("poison".into()))]).is_some()
    }

    fn burst(&mut self, group: GroupId, entries: u32) -> bool {
        let mut some = false;
        for _ in 0..entries {
            let key = self.key(group);
            some |= self.commit(group, 0, vec![(key, Some("burst".into()))]).is_some();
        }
        some
    }

    pub(super) fn join(&mut self, region: usize) {
        self.next_node += 1;
        self.ask_for(Change::Join(NodeId(self.next_node), region));
    }

    fn wipe(&mut self, victims: &[NodeId]) -> bool {
        for id in victims {
            let Some(region) = self.nodes.get(id).map(|n| n.region) else { continue };
            self.stop(*id, 0);
            self.ask_for(Change::Leave(*id));
            self.join(region);
        }
        !victims.is_empty()
    }

    pub(super) fn end(&mut self, n: usize) {
        let Some(Planned { fault, .. }) = self.plan.events.get(n).copied() else { return };
        let Some((struck, ways)) = self.struck.remove(&n) else { return };
        for way in ways {
            match fault {
                Fault::Hold(..) => {
                    self.net.hold(way, false);
                    self.release(way);
                }
                Fault::Slow(..) => self.net.slow(way, None),
                _ => self.net.close(way, false),
            }
        }
        match fault {
            Fault::FullDisk(_) => {
                for id in &struck {
                    if let Some(node) = self.nodes.get_mut(id) {
                        node.disk.full = false;
                    }
                }
            }
            Fault::Crash(..)
            | Fault::CrashRegion(_)
            | Fault::Gone(_)
            | Fault::DiskFails(_)
            | Fault::Torn(_) => {
                for id in &struck {
                    self.restart(*id);
                }
            }
            Fault::Unreadable(_) => drop(self.each(&struck, |n| n.disk.unreadable = false)),
            Fault::SlowDisk(..) => drop(self.each(&struck, |n| n.sync_takes = SYNC)),
            Fault::Pause(_) => {
                for id in &struck {
                    self.resume(*id);
                }
            }
            Fault::Storm(_) => self.net.weather = self.plan.weather,
            _ => {}
        }
    }

    /// A node that is down begins anew, unless it waits to be taken out of the directory.
    fn restart(&mut self, id: NodeId) {
        let leaves = self.leaves(id);
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.disk_fails = false;
        node.tears = false;
        if node.replica.is_none() && !leaves {
            node.disk.unreadable = false;
            node.sync_takes = SYNC;
            node.paused = false;
            self.start(id);
        }
    }

    /// A node that stood still goes on, and hears all at once what came meanwhile.
    fn resume(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.paused = false;
        for event in core::mem::take(&mut node.inbox) {
            self.schedule(Duration::ZERO, event);
        }
    }

    /// All faults are over: whatever still lasts ends, and nobody writes any more.
    pub(crate) fn heal(&mut self) {
        for n in self.struck.keys().copied().collect::<Vec<_>>() {
            self.end(n);
        }
        self.scrub();
        self.net.weather = Weather::CALM;
        self.plan.weather = Weather::CALM;
        for id in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.restart(id);
        }
        self.healed = true;
    }
}
