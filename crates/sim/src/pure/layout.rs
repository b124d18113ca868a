//! The cluster of a pure world at its start: regions, nodes, groups and their voters.

use std::time::Duration;

use bytes::Bytes;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tidegate_replica::{GroupId, Member, NodeId, RegionName};

use crate::scenario::Scenario;

/// Who is where.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Each node and the place of its region.
    pub nodes: Vec<(NodeId, usize)>,
    /// One-way times between regions, by their places.
    pub latency: Vec<Vec<Duration>>,
    /// Each group, the directory first, and its voters.
    pub groups: Vec<(GroupId, Vec<NodeId>)>,
}

/// Nodes of each region where the scenario does not say it: mostly few, so that many seeds fit into an hour.
fn sizes(random: &mut ChaCha8Rng) -> Vec<u32> {
    (0..random.random_range(2..=3)).map(|_| random.random_range(1..=3)).collect()
}

impl Layout {
    /// Draws what the scenario leaves open.
    pub fn draw(random: &mut ChaCha8Rng, scenario: &Scenario) -> Self {
        let cluster = &scenario.cluster;
        let drawn = sizes(random);
        let sizes = cluster.nodes.clone().unwrap_or(drawn);
        let mut nodes = Vec::new();
        for (region, size) in sizes.iter().enumerate() {
            for _ in 0..*size {
                nodes.push((NodeId(nodes.len() as u64 + 1), region));
            }
        }
        let far = cluster.latency_ms.unwrap_or(random.random_range(20..120));
        let latency = |a: usize, b: usize| match a.abs_diff(b) {
            0 => Duration::from_micros(500),
            n => Duration::from_millis(far * u64::try_from(n).unwrap_or(1).min(3)),
        };
        let regions = 0..sizes.len();
        let latency =
            regions.clone().map(|a| regions.clone().map(|b| latency(a, b)).collect()).collect();
        let (groups, voters) = (random.random_range(1..=2), *pick(random, &[1, 3]));
        let groups = cluster.groups.unwrap_or(groups);
        let voters = cluster.voters.unwrap_or(voters) as usize;
        let home = |group: u32| {
            let region = group as usize % sizes.len();
            nodes.iter().filter(|(_, r)| *r == region).map(|(n, _)| *n).take(voters).collect()
        };
        let groups = (0..=groups).map(|g| (GroupId(g), home(g))).collect();
        Self { nodes, latency, groups }
    }

    /// Has a second group of accounts, at home in the next region where there is one, for an account to move to.
    pub(crate) fn widen(&mut self) {
        if self.groups.len() > 2 {
            return;
        }
        let voters = self.groups.first().map_or(1, |(_, voters)| voters.len());
        let region = 2 % self.latency.len().max(1);
        let home = self.nodes.iter().filter(|(_, r)| *r == region).map(|(n, _)| *n);
        self.groups.push((GroupId(2), home.take(voters).collect()));
    }

    /// The members at the start.
    pub(crate) fn members(&self) -> Vec<Member> {
        self.nodes.iter().map(|(node, region)| self.member(*node, *region)).collect()
    }

    /// A node as the directory has it.
    pub(crate) fn member(&self, node: NodeId, region: usize) -> Member {
        let votes = self.groups.iter().filter(|(_, voters)| voters.contains(&node));
        Member { node, region: region_name(region), voter_of: votes.map(|(g, _)| *g).collect() }
    }
}

/// One of some.
pub(crate) fn pick<'a, T>(random: &mut ChaCha8Rng, all: &'a [T]) -> &'a T {
    let place = random.random_range(0..all.len().max(1));
    all.get(place).unwrap_or_else(|| unreachable!("one of nothing was asked for"))
}

/// The name of a region.
pub(crate) fn region_name(region: usize) -> RegionName {
    let name = RegionName::new(&format!("r{region}"));
    name.unwrap_or_else(|_| unreachable!("letters and digits make a region"))
}

/// The key of the directory under which the members stand.
pub(crate) const MEMBERS: &[u8] = b"\0members";

/// The members as the value of a record: node, region and groups, eight bytes each, with the number of groups before these.
pub(crate) fn encode(members: &[Member]) -> Bytes {
    let mut bytes = Vec::new();
    let mut put = |n: u64| bytes.extend(n.to_be_bytes());
    for member in members {
        put(member.node.0);
        put(member.region.as_str().get(1..).and_then(|r| r.parse().ok()).unwrap_or(0));
        put(member.voter_of.len() as u64);
        for group in &member.voter_of {
            put(u64::from(group.0));
        }
    }
    bytes.into()
}

/// What [`encode`] wrote; what can't be read is left out.
pub(crate) fn decode(bytes: &[u8]) -> Vec<Member> {
    let mut numbers =
        bytes.chunks_exact(8).filter_map(|c| c.try_into().ok().map(u64::from_be_bytes));
    let mut members = Vec::new();
    while let (Some(node), Some(region), Some(groups)) =
        (numbers.next(), numbers.next(), numbers.next())
    {
        let voter_of = numbers
            .by_ref()
            .take(usize::try_from(groups).unwrap_or(0))
            .filter_map(|g| u32::try_from(g).ok().map(GroupId))
            .collect();
        let region = region_name(usize::try_from(region).unwrap_or(0));
        members.push(Member { node: NodeId(node), region, voter_of });
    }
    members
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn members_survive_their_bytes() {
        for seed in 0..20 {
            let layout = Layout::draw(&mut ChaCha8Rng::seed_from_u64(seed), &Scenario::default());
            let members = layout.members();
            assert_eq!(decode(&encode(&members)), members);
            assert!(layout.groups.iter().all(|(_, voters)| !voters.is_empty()), "seed {seed}");
        }
    }
}
