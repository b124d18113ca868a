//! A world of replicas under one seed: delays, loss, doubling, reordering, partitions and restarts; then quiet, and convergence.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use super::*;
use crate::{Header, RangePage, Stamp, StateDigest};

const ORIGIN: Origin = Origin::Group { group: GroupId(1), generation: 0 };
const HOME: u64 = 1;
const LEADER: NodeId = NodeId(HOME);

/// A store in memory.
#[derive(Clone, Default)]
struct Memory {
    records: BTreeMap<bytes::Bytes, Record>,
    clock: Clock,
}

impl Memory {
    fn write(&mut self, record: &Record) {
        let newer = self.records.get(&record.key).is_none_or(|old| old.stamp < record.stamp);
        if newer {
            self.records.insert(record.key.clone(), record.clone());
        }
    }

    fn digest(&self) -> StateDigest {
        let mut digest = StateDigest::default();
        self.records.values().for_each(|r| digest.add(r));
        digest
    }
}

impl Records for Memory {
    fn header(&self, key: &[u8]) -> Option<Header> {
        self.records.get(key).map(|r| Header { stamp: r.stamp, dot: r.dot })
    }

    fn range(&self, origin: Origin, after: u64, limit: usize) -> RangePage {
        let mut all: Vec<_> =
            self.records.values().filter(|r| r.dot.origin == origin && r.dot.sequence > after).cloned().collect();
        all.sort_by_key(|r| r.dot.sequence);
        // Small pages, so that catching up takes several.
        let take = (limit >> 18).max(1);
        let more = all.len() > take;
        all.truncate(take);
        let upto = if more { all.last().map_or(after, |r| r.dot.sequence) } else { self.clock.get(origin) };
        RangePage { records: all, upto, more }
    }

    fn floor(&self, _origin: Origin) -> u64 {
        0
    }
}

struct Node {
    replica: Replica,
    store: Memory,
    region: &'static str,
}

struct World {
    now: Duration,
    nodes: BTreeMap<NodeId, Node>,
    flying: BinaryHeap<Reverse<(Duration, u64, NodeId, NodeId, Vec<u8>)>>,
    rng: StdRng,
    count: u64,
    revision: u64,
    faults: bool,
    cut: Option<NodeId>,
    published_at: BTreeMap<(NodeId, u64), Duration>,
    committed_at: BTreeMap<u64, Duration>,
    events: Vec<PropagationEvent>,
    published: BTreeMap<NodeId, Clock>,
}

const LAYOUT: [(u64, &str); 7] = [(1, "a"), (2, "a"), (3, "b"), (4, "b"), (5, "b"), (6, "c"), (7, "c")];

fn config(node: u64, region: &str) -> ReplicaConfig {
    ReplicaConfig {
        me: NodeId(node),
        region: RegionName::new(region).unwrap(),
        digest_every: Duration::from_millis(250),
        antientropy_every: Duration::from_secs(1),
        probe_every: Duration::from_millis(200),
    }
}

fn start(node: u64, region: &str, clock: Clock, seed: u64) -> Replica {
    let mut replica = Replica::new(config(node, region), clock, seed);
    replica.set_members(LAYOUT.map(|(n, r)| Member {
        node: NodeId(n),
        region: RegionName::new(r).unwrap(),
        voter_of: if n == HOME { vec![GroupId(1)] } else { vec![] },
    }));
    if node == HOME {
        replica.set_own_groups([GroupId(1)]);
    }
    replica
}

impl World {
    fn new(seed: u64) -> Self {
        let nodes = LAYOUT.map(|(n, region)| {
            let replica = start(n, region, Clock::default(), seed + n);
            (NodeId(n), Node { replica, store: Memory::default(), region })
        });
        Self {
            now: Duration::ZERO,
            nodes: nodes.into_iter().collect(),
            flying: BinaryHeap::new(),
            rng: StdRng::seed_from_u64(seed),
            count: 0,
            revision: 0,
            faults: true,
            cut: None,
            published_at: BTreeMap::new(),
            committed_at: BTreeMap::new(),
            events: Vec::new(),
            published: BTreeMap::new(),
        }
    }

    fn write(&mut self) {
        self.revision += 1;
        let (now, revision) = (self.now, self.revision);
        let key = bytes::Bytes::from(vec![self.rng.random_range(0..20u8)]);
        let value = self.rng.random_bool(0.8).then(|| bytes::Bytes::from(revision.to_be_bytes().to_vec()));
        let dot = Dot { origin: ORIGIN, sequence: revision };
        let record = Record { key, value, stamp: Stamp { epoch: 0, revision }, dot };
        let home = self.nodes.get_mut(&LEADER).unwrap();
        home.store.write(&record);
        home.store.clock.advance(ORIGIN, revision);
        let frame = Frame { origin: ORIGIN, after: revision - 1, upto: revision, records: vec![record], trace: None };
        home.replica.committed(now, frame, true);
        let digest = vec![(GroupId(1), home.store.digest().to_bytes())];
        home.replica.published(&home.store.clock.clone(), &digest);
        self.committed_at.insert(revision, now);
        self.drain(LEADER);
    }

    fn drain(&mut self, node: NodeId) {
        let mut moved = false;
        loop {
            let Some(n) = self.nodes.get_mut(&node) else { return };
            let Some(output) = n.replica.poll() else { break };
            match output {
                Output::Send { to, message, .. } => self.fly(node, to, &message),
                Output::Merge(batch) => {
                    for record in &batch.writes {
                        n.store.write(record);
                    }
                    n.store.clock.join(&batch.clock);
                    n.replica.persisted(self.now, batch.id);
                    moved |= batch.publish;
                }
                Output::Confirm { id, groups } => {
                    let here = node == LEADER && groups.contains(&GroupId(1));
                    let positions = if here { vec![(ORIGIN, self.revision)] } else { Vec::new() };
                    n.replica.confirmed(self.now, id, positions);
                }
                Output::Propagated(event) => self.events.push(event),
                Output::Alarm(alarm) => panic!("{node}: {alarm:?}"),
            }
        }
        if moved {
            let n = self.nodes.get_mut(&node).unwrap();
            let clock = n.store.clock.clone();
            for revision in n.replica.published_clock().get(ORIGIN) + 1..=clock.get(ORIGIN) {
                self.published_at.entry((node, revision)).or_insert(self.now);
            }
            n.replica.published(&clock, &[(GroupId(1), n.store.digest().to_bytes())]);
            let before = self.published.insert(node, clock.clone());
            assert!(before.is_none_or(|b| clock.covers_clock(&b)), "published went back");
            self.drain(node);
        }
    }

    fn fly(&mut self, from: NodeId, to: NodeId, message: &Message) {
        let faulty = self.faults;
        if faulty && (self.rng.random_bool(0.1) || self.cut.is_some_and(|c| (c == from) != (c == to))) {
            return;
        }
        let copies = if faulty && self.rng.random_bool(0.1) { 2 } else { 1 };
        for _ in 0..copies {
            let far = self.nodes[&from].region != self.nodes[&to].region;
            let base = if far { 40 } else { 1 };
            let jitter = if faulty { self.rng.random_range(0..30) } else { 0 };
            self.count += 1;
            let due = self.now + Duration::from_millis(base + jitter);
            self.flying.push(Reverse((due, self.count, from, to, message.encode().to_vec())));
        }
    }

    fn run(&mut self, millis: u64, write_probability: f64) {
        for _ in 0..millis / 5 {
            self.now += Duration::from_millis(5);
            if self.rng.random_bool(write_probability) {
                self.write();
            }
            while self.flying.peek().is_some_and(|Reverse((due, ..))| *due <= self.now) {
                let Reverse((_, _, from, to, bytes)) = self.flying.pop().unwrap();
                let message = Message::decode(bytes.into()).unwrap();
                let Node { replica, store, .. } = self.nodes.get_mut(&to).unwrap();
                replica.receive(self.now, from, message, store);
                self.drain(to);
            }
            for node in LAYOUT.map(|(n, _)| NodeId(n)) {
                let Node { replica, store, .. } = self.nodes.get_mut(&node).unwrap();
                replica.tick(self.now, store);
                self.drain(node);
                self.check_staleness(node);
            }
        }
    }

    /// The bound is never below the truth: the age of the first commit that this node does not have.
    fn check_staleness(&self, node: NodeId) {
        let replica = &self.nodes[&node].replica;
        let Some(bound) = replica.staleness(self.now, &[GroupId(1)]) else { return };
        let missing = replica.published_clock().get(ORIGIN) + 1;
        if let Some(at) = self.committed_at.get(&missing) {
            assert!(bound >= self.now - *at, "{node}: bound {bound:?} below the truth {:?}", self.now - *at);
        }
    }

    fn restart(&mut self, node: NodeId) {
        let (now_seed, n) = (self.count, self.nodes.get_mut(&node).unwrap());
        n.replica = start(node.0, n.region, n.store.clock.clone(), now_seed);
        // A node's own clock starts anew with it; this world has one clock, so only the machine is new.
    }

    fn check_converged(&self) {
        let home = &self.nodes[&LEADER];
        for (id, node) in &self.nodes {
            assert_eq!(node.store.clock, home.store.clock, "{id} has another clock");
            assert_eq!(node.store.digest(), home.store.digest(), "{id} has another state");
            assert_eq!(node.store.records, home.store.records);
        }
        for event in &self.events {
            let revision = event.dot.sequence;
            let Some(at) = self.published_at.get(&(event.node, revision)) else { continue };
            let truth = *at - self.committed_at[&revision];
            assert!(event.upper >= truth, "upper bound {:?} below the truth {truth:?}", event.upper);
        }
    }
}

#[test]
fn replicas_converge_after_any_faults() {
    for seed in 0..12 {
        let mut world = World::new(seed * 100);
        world.run(2_000, 0.3);
        world.cut = Some(NodeId(1 + seed % 7));
        world.run(3_000, 0.3);
        world.cut = None;
        world.restart(NodeId(2 + seed % 6));
        world.run(2_000, 0.3);
        world.faults = false;
        world.run(6_000, 0.0);
        assert!(world.revision > 100 && !world.events.is_empty());
        world.check_converged();
    }
}

#[test]
fn a_healthy_network_delivers_within_one_way_and_a_little() {
    let mut world = World::new(5);
    world.faults = false;
    world.run(3_000, 0.0);
    for _ in 0..50 {
        world.write();
        world.run(20, 0.0);
    }
    world.run(1_000, 0.0);
    world.check_converged();
    for ((node, revision), at) in &world.published_at {
        let took = *at - world.committed_at[revision];
        assert!(took <= Duration::from_millis(60), "{node} took {took:?}");
    }
    let far: Vec<_> = world.events.iter().filter(|e| e.region.as_str() == "c").collect();
    assert!(far.len() >= 100);
    for event in far {
        let truth = world.published_at[&(event.node, event.dot.sequence)] - world.committed_at[&event.dot.sequence];
        assert!(event.estimate.abs_diff(truth) <= Duration::from_millis(10), "{:?} for {truth:?}", event.estimate);
    }
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let run = |seed| {
        let mut world = World::new(seed);
        world.run(3_000, 0.3);
        (world.count, world.revision, world.published_at)
    };
    assert_eq!(run(3), run(3));
}
