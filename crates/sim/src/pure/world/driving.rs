//! The driver of each machine: what the contract of `Replica` demands, and nothing more.

use std::{sync::Arc, time::Duration};

use rand::{Rng, RngCore};
use tidegate_replica::{
    Alarm, Clock, ConfirmId, Dot, GroupId, MergeBatch, NodeId, Origin, Output, PropagationEvent,
    Replica, ReplicaConfig,
};

use super::{Event, TICK, World, is_poison};
use crate::pure::{
    bug::Bug,
    clocks::{DRIFT_PPM_MAX, LocalClock, at_most},
    containing::lane,
    disk::{Pending, Then},
    home::origin,
    invariants::Seen,
    layout::{self, MEMBERS},
    state::Rows,
};

/// How late a voter hears of a commit of its leader.
const TOLD_AFTER: Duration = Duration::from_millis(2);

impl World {
    /// A node begins a life from what its disk holds.
    pub(crate) fn start(&mut self, id: NodeId) {
        let bug = self.options.bug;
        let seed = if bug == Bug::NonceReused { id.0 } else { self.random.lives.next_u64() };
        let shows = Duration::from_millis(self.random.lives.random_range(0..1_000_000_000));
        let drift = self.random.lives.random_range(-DRIFT_PPM_MAX..=DRIFT_PPM_MAX);
        let phase = Duration::from_micros(self.random.lives.random_range(0..20_000));
        let now = self.now;
        if self.nodes.get(&id).is_some_and(|n| n.disk.is_damaged()) {
            // A start reads everything.
            self.give_up(id);
            return;
        }
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let config = ReplicaConfig::new(id, layout::region_name(node.region));
        let clock = node.disk.clock();
        let mut replica = Replica::new(config, clock.clone(), seed);
        replica
            .set_validator(|r| if is_poison(r) { Err("unknown form".to_owned()) } else { Ok(()) });
        replica.write_as(1);
        node.told = clock.get(lane(id));
        replica.published(&clock, &node.disk.durable.digests(&clock));
        node.replica = Some(replica);
        node.clock = LocalClock::new(now, shows, drift);
        let life = node.life;
        self.counts.lives += 1;
        self.see_members(id);
        let moved: Vec<GroupId> = clock.iter().filter_map(|(o, _)| o.group()).collect();
        self.look_at_view(id, &moved);
        self.look_at_lanes(id);
        self.note_published(id, &clock);
        self.schedule(phase, Event::Tick { node: id, life });
        self.mark(id, "start", || "starts".to_owned());
        self.drain(id);
    }

    /// The power of a node goes.
    pub(crate) fn stop(&mut self, id: NodeId, kept: usize) {
        let Some(node) = self.nodes.get_mut(&id).filter(|n| n.replica.is_some()) else { return };
        if let Some(replica) = &node.replica {
            self.counts.add(&replica.counters());
        }
        self.counts.writes_lost += node.stop(kept) as u64;
        self.mark(id, "stop", || "stops".to_owned());
    }

    pub(super) fn tick(&mut self, id: NodeId, life: u32) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&id).filter(|n| n.life == life) else { return };
        if node.replica.is_none() {
            return;
        }
        if !node.paused {
            self.apply_own(id);
            // What waited for room.
            self.sync(id);
            if let Some(node) = self.nodes.get_mut(&id) {
                node.with(now, Replica::tick);
            }
            self.drain(id);
            if self.options.checks {
                self.check_bounds(id);
            }
        }
        self.schedule(TICK, Event::Tick { node: id, life });
    }

    /// A voter applies what its log holds beyond its state.
    pub(super) fn apply_own(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(&id).filter(|n| n.acts()) else { return };
        let mut wrote = false;
        for group in node.votes.clone() {
            let Some(home) = self.homes.get(&group) else { continue };
            let origin = origin(group);
            let have = node.disk.written.clock.get(origin);
            let upto = if home.leader == id {
                home.end()
            } else if self.net.talk(home.leader, id) {
                home.end_at(self.now.saturating_sub(TOLD_AFTER))
            } else {
                continue;
            };
            if upto <= have {
                continue;
            }
            let entries = home.behind(have).iter().take_while(|e| e.frame.upto <= upto);
            let mut frames: Vec<_> = entries.map(|e| e.frame.clone()).collect();
            let records: Vec<_> = frames.iter().flat_map(|f| f.records.iter().cloned()).collect();
            let aside = records.iter().filter(|r| is_poison(r)).map(|r| r.dot).collect();
            let clock = Clock::from_iter([(origin, upto)]);
            let leads = home.leader == id;
            if !leads {
                for frame in &mut frames {
                    frame.records.clear();
                }
            }
            let rows = Rows { records, aside, clock, ..Rows::default() };
            node.disk.write(rows, Then::Applied { frames, leads });
            wrote = true;
        }
        if wrote {
            self.sync(id);
        }
    }

    /// A sync begins, unless one runs or there is nothing to be made durable.
    pub(super) fn sync(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        if node.disk.syncing > 0 || node.disk.pending.is_empty() {
            return;
        }
        if node.disk.full && self.options.bug != Bug::FullIsDone {
            return;
        }
        node.disk.syncing = match self.options.bug {
            // Step by step, so that the power can go between the two.
            Bug::ClockFirst => 1,
            _ => node.disk.pending.len(),
        };
        let (takes, life) = (node.sync_takes, node.life);
        self.schedule(takes, Event::Synced { node: id, life });
    }

    pub(super) fn synced(&mut self, id: NodeId, life: u32) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&id).filter(|n| n.life == life) else { return };
        if node.paused {
            node.inbox.push(Event::Synced { node: id, life });
            return;
        }
        if node.disk_fails {
            self.counts.disks_failed += 1;
            self.stop(id, 0);
            return;
        }
        if node.tears {
            self.tear(id);
            return;
        }
        if node.disk.full && self.options.bug != Bug::FullIsDone {
            node.disk.syncing = 0;
            self.counts.no_room += 1;
            return;
        }
        let mut moved = Clock::default();
        for Pending { rows, then } in node.disk.synced() {
            let Some(node) = self.nodes.get_mut(&id) else { return };
            match then {
                Then::Merged { id: merge, publish } => {
                    node.with(now, |replica, local, _| replica.persisted(local, merge));
                    if publish {
                        moved.join(&rows.clock);
                    }
                }
                Then::Applied { frames, leads } => {
                    moved.join(&rows.clock);
                    for frame in frames {
                        if leads {
                            for record in &frame.records {
                                self.stamps.entry((id, record.dot)).or_insert(now);
                            }
                        }
                        node.with(now, |replica, local, _| replica.committed(local, frame, leads));
                    }
                }
                Then::Appended { record } => {
                    moved.join(&rows.clock);
                    self.appended(id, record);
                }
                Then::Nothing => {}
            }
        }
        self.publish(id, &moved);
        self.sync(id);
        self.drain(id);
    }

    /// The view comes to stand where the disk does.
    pub(super) fn publish(&mut self, id: NodeId, moved: &Clock) {
        if moved.is_empty() {
            return;
        }
        let groups: Vec<GroupId> = moved.iter().filter_map(|(o, _)| o.group()).collect();
        self.look_at_view(id, &groups);
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let view = node.disk.view();
        let positions: Clock = moved.iter().map(|(o, _)| (o, view.clock.get(o))).collect();
        let digests = view.digests(&positions);
        if let Some(replica) = &mut node.replica {
            replica.published(&positions, &digests);
        }
        self.note_published(id, &positions);
        self.counts.publications += 1;
        if positions.iter().any(|(o, _)| o.group().is_none()) {
            self.look_at_lanes(id);
        }
        if groups.contains(&GroupId::DIRECTORY) {
            self.see_members(id);
        }
        self.mark(id, "publish", || {
            positions.iter().map(|(o, n)| format!("{o}:{n}")).collect::<Vec<_>>().join(" ")
        });
    }

    fn note_published(&mut self, id: NodeId, positions: &Clock) {
        for (origin, at) in positions.iter() {
            let times = self.published.entry((id, origin)).or_default();
            if times.last().is_none_or(|(last, _)| *last < at) {
                times.push((at, self.now));
            }
        }
    }

    fn look_at_view(&mut self, id: NodeId, moved: &[GroupId]) {
        if !self.options.checks {
            return;
        }
        let Some(node) = self.nodes.get(&id) else { return };
        let (view, durable) = (node.disk.view(), &node.disk.durable.clock);
        let seen = Seen::Published { node: id, view, positions: &view.clock, moved, durable };
        self.judge.look(self.now, &seen, &self.homes);
    }

    /// What the directory of this node says of members and votes.
    fn see_members(&mut self, id: NodeId) {
        let bug = self.options.bug;
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let record = node.disk.view().record(GroupId::DIRECTORY, MEMBERS);
        let Some(value) = record.and_then(|r| r.value.clone()) else { return };
        if self.known.0 != value {
            self.known = (value.clone(), Arc::new(layout::decode(&value).into_iter().collect()));
        }
        let members = Arc::clone(&self.known.1);
        node.votes = members.get(id).map(|m| m.voter_of.clone()).unwrap_or_default();
        if let Some(replica) = &mut node.replica {
            let own = if bug == Bug::OwnGossip { Vec::new() } else { node.votes.clone() };
            replica.share_members(members);
            replica.set_own_groups(own);
        }
    }

    /// Carries out what a machine wants done.
    pub(super) fn drain(&mut self, id: NodeId) {
        while !self.nodes.get(&id).is_some_and(|n| n.damaged)
            && let Some(output) =
                self.nodes.get_mut(&id).and_then(|n| n.replica.as_mut()).and_then(Replica::poll)
        {
            match output {
                Output::Send { to, message, .. } => self.fly(id, to, message),
                Output::Merge(batch) => self.merge(id, batch),
                // Signatures are not part of this world: no source vouches, and nothing is to be checked.
                Output::Check(state) => {
                    let now = self.now;
                    let Some(node) = self.nodes.get_mut(&id) else { return };
                    node.with(now, |replica, local, records| {
                        replica.checked(local, state, true, records);
                    });
                }
                Output::Answer(answer) => {
                    let now = self.now;
                    let Some(node) = self.nodes.get_mut(&id) else { return };
                    node.with(now, |replica, _, records| replica.answer_on(answer, records));
                }
                Output::Confirm { id: confirm, groups } => self.confirm(id, confirm, &groups),
                Output::Propagated(event) => self.arrived(id, &event),
                Output::Alarm(alarm) => self.alarmed(id, &alarm),
            }
        }
        if self.nodes.get(&id).is_some_and(|n| n.damaged && n.replica.is_some()) {
            self.give_up(id);
        }
    }

    fn merge(&mut self, id: NodeId, batch: MergeBatch) {
        let bug = self.options.bug;
        let MergeBatch { id: merge, writes, aside, clock, replaced, publish, .. } = batch;
        let first = writes.first().map(|r| r.dot.origin);
        let Some(node) = self.nodes.get_mut(&id) else { return };
        for origin in first.into_iter().chain(clock.iter().map(|(o, _)| o)) {
            let votes = origin.group().is_some_and(|g| node.votes.contains(&g));
            let seen = Seen::Merging { node: id, origin, votes };
            self.judge.look(self.now, &seen, &self.homes);
        }
        self.counts.merges += 1;
        // What stands is read before it is written over.
        if node.disk.rotten().is_some_and(|rot| writes.iter().any(|r| r.key == rot.key)) {
            node.damaged = true;
            return;
        }
        if bug == Bug::PoisonStops && !aside.is_empty() {
            return;
        }
        let whole = replaced.is_some();
        let rows =
            Rows { records: writes, aside, clock: clock.clone(), replaced, ..Rows::default() };
        node.disk.write(rows, Then::Merged { id: merge, publish });
        if whole {
            self.mark(id, "whole", || "takes a whole state".to_owned());
        }
        if bug == Bug::PublishBeforeDurable && publish {
            self.publish(id, &clock);
        }
        self.sync(id);
    }

    /// A `ReadIndex` begins, for those of the groups that this node leads.
    fn confirm(&mut self, id: NodeId, confirm: ConfirmId, groups: &[GroupId]) {
        let Some(node) = self.nodes.get(&id) else { return };
        let life = node.life;
        if self.options.bug == Bug::EchoByLease {
            let leads = |g: &&GroupId| self.homes.get(g).is_some_and(|h| h.leader == id);
            let led = groups.iter().filter(|g| leads(g) || node.thinks_it_leads.contains(g));
            let own = |g: &GroupId| (origin(*g), node.disk.written.clock.get(origin(*g)));
            let positions = led.map(own).collect();
            self.confirmed(id, life, confirm, positions);
            return;
        }
        let led = groups.iter().filter(|g| self.leads(id, **g));
        let positions: Vec<_> =
            led.filter_map(|g| self.homes.get(g).map(|h| (origin(*g), h.end()))).collect();
        if positions.is_empty() {
            self.confirmed(id, life, confirm, positions);
        } else {
            let event = Event::Confirmed { node: id, life, id: confirm, positions };
            self.schedule(TOLD_AFTER, event);
        }
    }

    pub(super) fn confirmed(
        &mut self,
        id: NodeId,
        life: u32,
        confirm: ConfirmId,
        mut positions: Vec<(Origin, u64)>,
    ) {
        if self.options.bug != Bug::EchoByLease {
            positions.retain(|(o, _)| o.group().is_some_and(|g| self.leads(id, g)));
        }
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&id).filter(|n| n.life == life) else { return };
        if node.paused {
            node.inbox.push(Event::Confirmed { node: id, life, id: confirm, positions });
            return;
        }
        self.counts.confirmations += u64::from(!positions.is_empty());
        node.with(now, |replica, local, _| replica.confirmed(local, confirm, positions));
        self.drain(id);
    }

    /// When a change was published at a node.
    pub(crate) fn published_at(&self, node: NodeId, dot: Dot) -> Option<Duration> {
        let times = self.published.get(&(node, dot.origin))?;
        let place = times.partition_point(|(at, _)| *at < dot.sequence);
        times.get(place).map(|(_, time)| *time)
    }

    fn arrived(&mut self, home: NodeId, event: &PropagationEvent) {
        self.counts.arrivals += 1;
        if !self.options.checks {
            return;
        }
        let stamped = self.stamps.get(&(home, event.dot)).copied().unwrap_or_default();
        let took = self.published_at(event.node, event.dot).map(|at| at.saturating_sub(stamped));
        self.judge.look(self.now, &Seen::Arrived { home, event, took }, &self.homes);
    }

    fn alarmed(&mut self, id: NodeId, alarm: &Alarm) {
        self.counts.alarms += 1;
        self.mark(id, "alarm", || alarm.to_string());
        let seen = Seen::Alarmed { node: id, alarm, poison: &self.poison };
        self.judge.look(self.now, &seen, &self.homes);
    }

    /// The staleness bound is held against the age of the first commit that the node does not decide on.
    fn check_bounds(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get(&id) else { return };
        let Some(replica) = &node.replica else { return };
        let local = node.clock.at(self.now);
        for (group, home) in &self.homes {
            let Some(bound) = replica.staleness(local, &[*group]) else { continue };
            let stands = replica.published_clock().get(origin(*group));
            let lacks = home.behind(stands).first();
            let truth = lacks.map_or(Duration::ZERO, |e| self.now.saturating_sub(e.at));
            let seen = Seen::Bound { node: id, group: *group, bound: at_most(bound), truth };
            self.judge.look(self.now, &seen, &self.homes);
        }
    }
}
