//! A world of replicas under one seed: delays, loss, doubling, reordering, partitions, crashes and clocks that disagree.
//!
//! Two groups write: one in region `a` with two voters, one in region `c` with one; and each node writes for itself. Each node has a store that is durable some time
//! after it was told to be, and a clock of its own that begins anew with each life. What must hold is checked as it happens, against
//! the log of each group, and what does not is collected in `violations`.

use core::time::Duration;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};

mod region;

use super::memory::Memory;
use crate::{
    Alarm, Clock, Continuation, Dot, Frame, GroupId, Member, MergeBatch, Message, NodeId, Origin,
    Output, PropagationEvent, Record, RegionName, Replica, ReplicaConfig, Scope, Stamp,
    StateDigest,
};

/// Nodes, their regions and the group that each votes in. The first voter of a group leads it.
const LAYOUT: [(u64, &str, Option<u32>); 8] = [
    (1, "a", Some(1)),
    (2, "a", Some(1)),
    (3, "a", None),
    (4, "b", None),
    (5, "b", None),
    (6, "b", None),
    (7, "c", Some(2)),
    (8, "c", None),
];
const LEADERS: [(GroupId, NodeId); 2] = [(GroupId(1), NodeId(1)), (GroupId(2), NodeId(7))];
/// How coarsely time passes.
const STEP: Duration = Duration::from_millis(5);
/// Keys of a group: few, so that they are written over and deleted all the time.
const KEYS: u8 = 12;

/// A deliberate fault of the machine or of its driver. Each must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    None,
    /// Frames are merged whatever they begin behind.
    NoGapCheck,
    /// A page is taken for the whole catch-up.
    HalfCatchUp,
    /// A whole state is merged into what stands, instead of replacing it.
    OldStateKept,
    /// The view is published before it is durable.
    PublishBeforeDurable,
    /// A home answers a probe by what it knew a little earlier, as a lease would have it.
    EchoByLease,
    /// Acknowledgements name what is merged, not what is published.
    AcknowledgeMerged,
    /// A node sends what it writes before that is durable.
    AppendBeforeDurable,
    /// A node whose store was lost goes on under its old incarnation.
    SameIncarnation,
}

pub(super) fn origin(group: GroupId) -> Origin {
    Origin::Group { group, generation: 0 }
}

pub(super) struct Node {
    pub(super) replica: Replica,
    pub(super) store: Memory,
    region: &'static str,
    votes: Option<GroupId>,
    /// What this life's clock shows when the world's shows zero.
    clock_offset: Duration,
    life: u32,
    /// Under which incarnation it writes.
    incarnation: u32,
    /// Its how-manieth write is under way.
    appending: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Deliver { from: NodeId, to: NodeId, bytes: Vec<u8> },
    Durable { node: NodeId, life: u32, batch: u64 },
    Apply { node: NodeId },
    Appended { node: NodeId, life: u32, sequence: u64, key: u8 },
}

/// What a group has committed, which is the truth.
#[derive(Default)]
struct Log {
    frames: Vec<(Duration, Frame)>,
    /// The state at each position.
    digests: BTreeMap<u64, StateDigest>,
    truth: Memory,
}

impl Log {
    fn end(&self) -> u64 {
        self.frames.last().map_or(0, |(_, f)| f.upto)
    }

    /// What was committed behind a position.
    fn behind(&self, position: u64) -> &[(Duration, Frame)] {
        let start = self.frames.partition_point(|(_, f)| f.upto <= position);
        self.frames.get(start..).unwrap_or_default()
    }

    fn committed_at(&self, sequence: u64) -> Duration {
        self.behind(sequence - 1).first().unwrap().0
    }

    fn end_at(&self, time: Duration) -> u64 {
        let by_then = self.frames.partition_point(|(at, _)| *at <= time);
        by_then.checked_sub(1).map_or(0, |last| self.frames[last].1.upto)
    }
}

/// How likely a message is lost or doubled, and how much later it may come.
struct Mix {
    loss: f64,
    doubling: f64,
    jitter_max: u64,
}

impl Mix {
    fn new(rng: &mut StdRng) -> Self {
        let loss = [0.0, 0.01, 0.08, 0.2][rng.random_range(0..4)];
        let doubling = [0.0, 0.08, 0.3][rng.random_range(0..3)];
        let jitter_max = [1, 40, 200][rng.random_range(0..3)];
        Self { loss, doubling, jitter_max }
    }
}

pub(super) struct World {
    now: Duration,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    batches: BTreeMap<u64, MergeBatch>,
    logs: BTreeMap<GroupId, Log>,
    /// What each incarnation of each node wrote and had durable: the truth.
    pub(super) writings: BTreeMap<Origin, BTreeMap<u64, (Duration, Record)>>,
    rng: StdRng,
    count: u64,
    bug: Bug,
    pub(super) faults: bool,
    /// Each seed has its own mix of faults.
    mix: Mix,
    /// These hear nobody but each other.
    pub(super) island: BTreeSet<NodeId>,
    published_at: BTreeMap<(NodeId, Dot), Duration>,
    pub(super) arrivals: Vec<PropagationEvent>,
    pub(super) violations: Vec<String>,
}

fn members() -> Vec<Member> {
    let member = |(node, region, group): (u64, &str, Option<u32>)| Member {
        node: NodeId(node),
        region: RegionName::new(region).unwrap(),
        voter_of: group.map(GroupId).into_iter().collect(),
    };
    LAYOUT.map(member).to_vec()
}

fn start(
    node: NodeId,
    region: &str,
    votes: Option<GroupId>,
    incarnation: u32,
    clock: Clock,
    seed: u64,
) -> Replica {
    let config = ReplicaConfig::new(node, RegionName::new(region).unwrap());
    let mut replica = Replica::new(config, clock, seed);
    replica.set_members(members());
    replica.set_own_groups(votes);
    replica.write_as(incarnation);
    replica
}

impl World {
    pub(super) fn new(seed: u64, bug: Bug) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let nodes = LAYOUT.map(|(n, region, votes)| {
            let (node, votes) = (NodeId(n), votes.map(GroupId));
            let replica = start(node, region, votes, 1, Clock::default(), rng.random());
            let clock_offset = Duration::from_secs(rng.random_range(0..1_000_000));
            let store = Memory::default();
            let (life, incarnation, appending) = (0, 1, 0);
            (
                node,
                Node { replica, store, region, votes, clock_offset, life, incarnation, appending },
            )
        });
        Self {
            now: Duration::ZERO,
            nodes: nodes.into_iter().collect(),
            events: BinaryHeap::new(),
            batches: BTreeMap::new(),
            writings: BTreeMap::new(),
            logs: LEADERS.map(|(group, _)| (group, Log::default())).into_iter().collect(),
            count: 0,
            bug,
            faults: true,
            mix: Mix::new(&mut rng),
            rng,
            island: BTreeSet::new(),
            published_at: BTreeMap::new(),
            arrivals: Vec::new(),
            violations: Vec::new(),
        }
    }

    fn node(&mut self, node: NodeId) -> &mut Node {
        self.nodes.get_mut(&node).unwrap()
    }

    fn local(&self, node: NodeId) -> Duration {
        self.now + self.nodes[&node].clock_offset
    }

    fn violated(&mut self, what: impl core::fmt::Display) {
        self.violations.push(format!("{:?}: {what}", self.now));
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.count += 1;
        self.events.push(Reverse((self.now + after, self.count, event)));
    }

    /// The leader of a group commits a change, or nothing, after a hole now and then.
    pub(super) fn write(&mut self, group: GroupId) {
        let leader = LEADERS.iter().find(|(g, _)| *g == group).unwrap().1;
        let key = vec![u8::try_from(group.0).unwrap(), self.rng.random_range(0..KEYS)];
        let live = self.rng.random_bool(0.7);
        let hole = self.rng.random_range(0..3) / 2;
        let empty = self.rng.random_bool(0.1);
        let log = self.logs.get_mut(&group).unwrap();
        let after = log.end();
        let upto = after + 1 + hole;
        let record = Record {
            key: key.into(),
            value: live.then(|| upto.to_be_bytes().to_vec().into()),
            stamp: Stamp { epoch: 0, revision: upto },
            dot: Dot { origin: origin(group), sequence: upto },
        };
        let records = if empty { Vec::new() } else { vec![record] };
        let frame = Frame { origin: origin(group), after, upto, records, trace: None, proof: None };
        frame.records.iter().for_each(|r| log.truth.write(r));
        log.digests.insert(upto, log.truth.digest(group));
        log.frames.push((self.now, frame));
        self.apply(leader);
        for (n, _, votes) in LAYOUT {
            if votes == Some(group.0) && NodeId(n) != leader {
                self.schedule(Duration::from_millis(20), Event::Apply { node: NodeId(n) });
            }
        }
    }

    /// A voter applies what its log holds beyond its state.
    fn apply(&mut self, node: NodeId) {
        let Some(group) = self.nodes[&node].votes else { return };
        let have = self.nodes[&node].store.clock.get(origin(group));
        let behind = self.logs[&group].behind(have);
        let frames: Vec<Frame> = behind.iter().map(|(_, f)| f.clone()).collect();
        let leads = LEADERS.contains(&(group, node));
        let now = self.local(node);
        for frame in frames {
            let n = self.node(node);
            frame.records.iter().for_each(|r| n.store.write(r));
            n.store.clock.advance(frame.origin, frame.upto);
            n.replica.committed(now, frame, leads);
        }
        self.publish(node);
        self.drain(node);
    }

    /// Carries out what a machine wants done.
    fn drain(&mut self, node: NodeId) {
        while let Some(output) = self.node(node).replica.poll() {
            match output {
                Output::Send { to, message, .. } => self.fly(node, to, message),
                Output::Merge(batch) => self.merge(node, batch),
                Output::Answer(answer) => {
                    let n = self.node(node);
                    n.replica.answer_on(answer, &n.store);
                }
                Output::Check(state) => panic!("nobody vouches for anything here: {state:?}"),
                Output::Confirm { id, groups } => {
                    let leads = |g: &GroupId| LEADERS.contains(&(*g, node));
                    let lease =
                        u32::from(self.bug == Bug::EchoByLease) * Duration::from_millis(200);
                    let begun = self.now.saturating_sub(lease);
                    let end = |g: GroupId| self.logs[&g].end_at(begun);
                    let led = groups.iter().filter(|g| leads(g));
                    let positions = led.map(|g| (origin(*g), end(*g))).collect();
                    let now = self.local(node);
                    self.node(node).replica.confirmed(now, id, positions);
                }
                Output::Propagated(event) => self.arrived(node, event),
                Output::Alarm(alarm) => self.alarmed(node, &alarm),
            }
        }
    }

    fn alarmed(&mut self, node: NodeId, alarm: &Alarm) {
        self.violated(format_args!("{node} alarms: {alarm:?}"));
    }

    fn merge(&mut self, node: NodeId, mut batch: MergeBatch) {
        if self.bug == Bug::OldStateKept {
            batch.replaced = None;
        }
        let life = self.nodes[&node].life;
        let id = batch.id;
        let early = (self.bug == Bug::PublishBeforeDurable).then(|| batch.clone());
        self.batches.insert(id, batch);
        // All batches of a node take equally long, so they stay in order.
        self.schedule(Duration::from_millis(7), Event::Durable { node, life, batch: id });
        if let Some(batch) = early {
            self.node(node).store.merge(&batch);
            self.publish(node);
        }
    }

    fn durable(&mut self, node: NodeId, life: u32, batch: u64) {
        let Some(batch) = self.batches.remove(&batch) else { return };
        if self.nodes[&node].life != life {
            return;
        }
        let now = self.local(node);
        let n = self.node(node);
        n.store.merge(&batch);
        n.replica.persisted(now, batch.id);
        if batch.publish {
            self.publish(node);
        }
        self.drain(node);
    }

    /// The view becomes what the store holds. It must be the fold of each group's log up to the position.
    fn publish(&mut self, node: NodeId) {
        let n = &self.nodes[&node];
        let (clock, before) = (n.store.clock.clone(), n.replica.published_clock().clone());
        let mut digests = Vec::new();
        for (origin, position) in clock.iter() {
            let Some(group) = origin.group() else {
                self.check_writings(node, origin, before.get(origin), position);
                continue;
            };
            let digest = self.nodes[&node].store.digest(group);
            if self.logs[&group].digests.get(&position) != Some(&digest) {
                self.violated(format_args!(
                    "{node} at {origin}:{position} is not the fold of the log"
                ));
            }
            digests.push((group, digest.to_bytes()));
            let behind = self.logs[&group].behind(before.get(origin)).iter();
            let new: Vec<u64> =
                behind.map(|(_, f)| f.upto).take_while(|upto| *upto <= position).collect();
            for dot in new.into_iter().map(|sequence| Dot { origin, sequence }) {
                self.published_at.entry((node, dot)).or_insert(self.now);
            }
        }
        if !clock.covers_clock(&before) {
            self.violated(format_args!("{node} went back from {before:?} to {clock:?}"));
        }
        self.node(node).replica.published(&clock, &digests);
    }

    /// The upper bound is never below the truth.
    fn arrived(&mut self, home: NodeId, event: PropagationEvent) {
        let committed = self.written_at(event.dot);
        match self.published_at.get(&(event.node, event.dot)) {
            Some(at) if event.upper >= at.saturating_sub(committed) => {}
            at => {
                let truth = format!("published at {at:?}, committed at {committed:?}");
                self.violated(format_args!("{home} says {event:?}; {truth}"));
            }
        }
        self.arrivals.push(event);
    }

    /// The staleness bound is never below the truth: the age of the first commit that the node does not decide on.
    fn check_staleness(&mut self, node: NodeId) {
        let replica = &self.nodes[&node].replica;
        for group in [GroupId(1), GroupId(2)] {
            let Some(bound) = replica.staleness(self.local(node), &[group]) else { continue };
            let published = replica.published_clock().get(origin(group));
            let missing = self.logs[&group].behind(published).first();
            let truth = missing.map_or(Duration::ZERO, |(at, _)| self.now.saturating_sub(*at));
            if bound < truth {
                self.violations.push(format!("{node}: bound {bound:?} below the truth {truth:?}"));
                return;
            }
        }
    }

    fn fly(&mut self, from: NodeId, to: NodeId, mut message: Message) {
        if self.island.contains(&from) != self.island.contains(&to)
            || (self.faults && self.rng.random_bool(self.mix.loss))
        {
            return;
        }
        self.sabotage(from, &mut message);
        let copies = 1 + usize::from(self.faults && self.rng.random_bool(self.mix.doubling));
        let far = self.nodes[&from].region != self.nodes[&to].region;
        for _ in 0..copies {
            let jitter =
                if self.faults { self.rng.random_range(0..self.mix.jitter_max) } else { 0 };
            let delay = Duration::from_millis(if far { 40 } else { 1 } + jitter);
            let bytes = message.encode().to_vec();
            self.schedule(delay, Event::Deliver { from, to, bytes });
        }
    }

    fn sabotage(&self, from: NodeId, message: &mut Message) {
        match (self.bug, message) {
            (Bug::NoGapCheck, Message::Push { frame, .. }) => frame.after = 0,
            (Bug::HalfCatchUp, Message::PullReply { next, .. }) => *next = Continuation::Done,
            (
                Bug::AcknowledgeMerged,
                Message::Digest { published, .. } | Message::Ack { published, .. },
            ) => {
                published.clone_from(self.nodes[&from].replica.merged_clock());
            }
            _ => {}
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Deliver { from, to, bytes } => {
                let message = Message::decode(bytes.into()).unwrap();
                let now = self.local(to);
                let Node { replica, store, .. } = self.node(to);
                replica.receive(now, from, message, store);
                self.drain(to);
            }
            Event::Durable { node, life, batch } => self.durable(node, life, batch),
            Event::Apply { node } => self.apply(node),
            Event::Appended { node, life, sequence, key } => {
                self.appended(node, life, sequence, key);
            }
        }
    }

    /// Lets time pass; each group writes with this probability in each step.
    pub(super) fn run(&mut self, time: Duration, write_probability: f64) {
        let end = self.now + time;
        while self.now < end && self.violations.is_empty() {
            self.now += STEP;
            for (group, _) in LEADERS {
                if self.rng.random_bool(write_probability) {
                    self.write(group);
                }
            }
            if self.rng.random_bool(write_probability / 4.0) {
                let writer = self.rng.random_range(0..LAYOUT.len());
                self.append(NodeId(LAYOUT[writer].0));
            }
            while self.events.peek().is_some_and(|Reverse((due, ..))| *due <= self.now) {
                let Some(Reverse((.., event))) = self.events.pop() else { break };
                self.happen(event);
            }
            for node in LAYOUT.map(|(n, ..)| NodeId(n)) {
                let now = self.local(node);
                let Node { replica, store, .. } = self.node(node);
                replica.tick(now, store);
                self.drain(node);
                self.check_staleness(node);
            }
        }
    }

    /// A node loses what was not durable, and its clock starts anew.
    pub(super) fn crash(&mut self, node: NodeId) {
        // In the middle of a write of its own.
        self.append(node);
        let seed = self.rng.random();
        let clock_offset = Duration::from_secs(self.rng.random_range(0..1_000_000));
        let n = self.node(node);
        let clock = n.store.clock.clone();
        n.replica = start(node, n.region, n.votes, n.incarnation, clock, seed);
        n.clock_offset = clock_offset;
        n.life += 1;
        n.appending = n.store.clock.get(Origin::Node { node, incarnation: n.incarnation });
        self.apply(node);
    }

    /// Nodes outside the island collect tombstones that all of them have: those on the island will need a whole state.
    pub(super) fn collect(&mut self) {
        let mainland: Vec<NodeId> =
            self.nodes.keys().copied().filter(|n| !self.island.contains(n)).collect();
        for (group, _) in LEADERS {
            let position = |n: &NodeId| self.nodes[n].replica.published_clock().get(origin(group));
            let Some(floor) = mainland.iter().map(position).min() else { continue };
            for node in &mainland {
                self.node(*node).store.collect(origin(group), floor);
            }
        }
    }

    /// Liveness: with faults off everybody has everything.
    pub(super) fn check_states(&mut self) {
        let mut wrong = Vec::new();
        self.forget_lost();
        let mut truth: Clock = self.logs.iter().map(|(g, log)| (origin(*g), log.end())).collect();
        let mut live = self.logs.values().flat_map(|l| l.truth.live()).collect::<BTreeMap<_, _>>();
        for writing in self.writings.values() {
            for (_, record) in writing.values() {
                truth.advance(record.dot.origin, record.dot.sequence);
                live.insert(&record.key, record);
            }
        }
        for (id, node) in &self.nodes {
            if *node.replica.published_clock() != truth || node.store.clock != truth {
                wrong.push(format!("{id} stands at {:?} of {truth:?}", node.store.clock));
            }
            if node.store.live() != live {
                wrong.push(format!("{id} has other records"));
            }
        }
        self.violations.extend(wrong);
    }

    /// And knows it: views are fresh, the living are held for alive, homes have heard of every arrival.
    pub(super) fn check_knowledge(&mut self) {
        let mut wrong = Vec::new();
        for (id, node) in &self.nodes {
            let local = self.now + node.clock_offset;
            let bound = node.replica.staleness(local, &[GroupId(1), GroupId(2)]);
            if bound.is_none_or(|b| b > Duration::from_millis(300)) {
                wrong.push(format!("{id} is {bound:?} stale in a healthy world"));
            }
            let dead = self.nodes.keys().filter(|other| !node.replica.is_alive(**other));
            wrong.extend(dead.map(|other| format!("{id} holds {other} for dead")));
        }
        for (group, leader) in LEADERS {
            let end = Clock::from_iter([(origin(group), self.logs[&group].end())]);
            if !self.nodes[&leader].replica.coverage(&end, &Scope::All).covered {
                wrong.push(format!("{leader} has not heard that all of {group} has arrived"));
            }
        }
        self.violations.extend(wrong);
    }

    /// Commit to publication, for each change and node.
    pub(super) fn delays(&self) -> Vec<Duration> {
        let committed = |dot: &Dot| self.written_at(*dot);
        self.published_at.iter().map(|((_, dot), at)| at.saturating_sub(committed(dot))).collect()
    }

    /// Everything that can be seen of this world, to compare two runs.
    pub(super) fn trace(&self) -> (u64, BTreeMap<(NodeId, Dot), Duration>, Vec<PropagationEvent>) {
        (self.count, self.published_at.clone(), self.arrivals.clone())
    }

    /// A random node but the leaders.
    pub(super) fn anyone(&mut self) -> NodeId {
        NodeId([2, 3, 4, 5, 6, 8][self.rng.random_range(0..6)])
    }
}
