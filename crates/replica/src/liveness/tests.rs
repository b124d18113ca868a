//! Nodes come, fall silent and come back.

use super::*;
use crate::{Member, RegionName};

/// Packets need this long.
const ONE_WAY: Duration = Duration::from_millis(20);

fn members(count: u64) -> Arc<Members> {
    let member =
        |n| Member { node: NodeId(n), region: RegionName::new("a").unwrap(), voter_of: vec![] };
    Arc::new((1..=count).map(member).collect())
}

fn meeting(node: u64, seed: u64, members: &Arc<Members>) -> Liveness {
    let mut liveness = Liveness::new(NodeId(node), seed);
    liveness.set_members(Arc::clone(members));
    liveness
}

/// Nodes that talk; `silent` ones are neither heard nor hear.
struct Room {
    now: Duration,
    nodes: BTreeMap<NodeId, Liveness>,
    flying: Vec<(Duration, NodeId, Bytes)>,
    silent: Option<NodeId>,
}

impl Room {
    fn new(count: u64) -> Self {
        let members = members(count);
        let node = |n| (NodeId(n), meeting(n, n, &members));
        let nodes = (1..=count).map(node).collect();
        Self { now: Duration::ZERO, nodes, flying: Vec::new(), silent: None }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += Duration::from_millis(10);
            let mut sent = Vec::new();
            let (due, later) =
                core::mem::take(&mut self.flying).into_iter().partition(|(at, ..)| *at <= self.now);
            self.flying = later;
            let due: Vec<(Duration, NodeId, Bytes)> = due;
            for (_, to, packet) in due {
                let packets = self.nodes.get_mut(&to).unwrap().receive(self.now, &packet);
                sent.extend(packets.into_iter().map(|(other, p)| (to, other, p)));
            }
            for (me, node) in &mut self.nodes {
                let packets = node.tick(self.now);
                sent.extend(packets.into_iter().map(|(other, p)| (*me, other, p)));
            }
            for (from, to, packet) in sent {
                if self.silent != Some(from) && self.silent != Some(to) {
                    self.flying.push((self.now + ONE_WAY, to, packet));
                }
            }
        }
    }

    /// Who holds whom for dead.
    fn dead(&self) -> Vec<(u64, u64)> {
        let pairs = self.nodes.keys().flat_map(|a| self.nodes.keys().map(move |b| (*a, *b)));
        let dead = pairs.filter(|(a, b)| a != b && !self.nodes[a].is_alive(*b));
        dead.map(|(a, b)| (a.0, b.0)).collect()
    }
}

#[test]
fn the_silent_are_noticed_and_come_back() {
    let mut room = Room::new(5);
    room.run(Duration::from_secs(3));
    assert_eq!(room.dead(), [], "all have met");
    room.silent = Some(NodeId(3));
    room.run(Duration::from_secs(15));
    let noticed: Vec<_> = room.dead().into_iter().filter(|(a, _)| *a != 3).collect();
    assert_eq!(noticed, [(1, 3), (2, 3), (4, 3), (5, 3)], "and nobody else is suspected");
    room.silent = None;
    room.run(Duration::from_secs(5));
    assert_eq!(room.dead(), []);
}

#[test]
fn a_node_that_restarts_is_taken_back() {
    let mut room = Room::new(4);
    room.run(Duration::from_secs(3));
    room.nodes.insert(NodeId(2), meeting(2, 77, &members(4)));
    room.run(Duration::from_secs(5));
    assert_eq!(room.dead(), []);
}

#[test]
fn packets_that_cannot_be_read_change_nothing() {
    let mut liveness = Liveness::new(NodeId(1), 1);
    for packet in [&b""[..], b"\xff\xff\xff\xff\xff", &[0; 1_400]] {
        liveness.receive(Duration::ZERO, packet);
    }
    assert!(liveness.alive.is_empty());
}

#[test]
fn a_large_cluster_that_starts_at_once_calls_few_and_meets_all() {
    let mut room = Room::new(100);
    let first: usize =
        room.nodes.values_mut().map(|n| n.tick(Duration::from_millis(1)).len()).sum();
    assert!(first <= 100 * (ANNOUNCES_MAX + 2), "{first} packets");
    room.run(Duration::from_secs(8));
    assert_eq!(room.dead(), [], "all have met");
}
