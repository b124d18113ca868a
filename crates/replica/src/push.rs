//! Where a fresh change goes: to two relays in each other region, and on from them to their neighbours.

use std::collections::BTreeMap;

use crate::{Dot, GroupId, Member, NodeId, RegionName};

/// Relays a region, on paths of their own: with one, a lost message is found only by repair.
const RELAYS: usize = 2;

/// FNV-1a: the same relays for the same change in every build.
fn rank(dot: Dot, node: NodeId) -> u64 {
    let bytes = dot
        .origin
        .to_bytes()
        .into_iter()
        .chain(dot.sequence.to_be_bytes())
        .chain(node.0.to_be_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

fn votes(member: &Member, group: Option<GroupId>) -> bool {
    group.is_some_and(|g| member.voter_of.contains(&g))
}

/// Who gets a change from its home, and with how many hops behind it: two relays of each region, the living first, that pass it on (0), and
/// all other non-voters of the home's own region, that need not (1): if each of these did, a change would cost the square of their number.
/// Voters of the group have it from their log.
pub(crate) fn from_home(
    dot: Dot,
    home: &RegionName,
    members: &BTreeMap<NodeId, Member>,
    alive: impl Fn(NodeId) -> bool,
) -> Vec<(NodeId, u32)> {
    let mut regions: BTreeMap<&RegionName, Vec<NodeId>> = BTreeMap::new();
    for member in members.values().filter(|m| !votes(m, dot.origin.group())) {
        regions.entry(&member.region).or_default().push(member.node);
    }
    let mut targets = Vec::new();
    for (region, mut nodes) in regions {
        nodes.sort_by_key(|n| (!alive(*n), rank(dot, *n)));
        if region != home {
            nodes.truncate(RELAYS);
        }
        targets.extend(nodes.into_iter().enumerate().map(|(n, to)| (to, u32::from(n >= RELAYS))));
    }
    targets
}

/// Who gets a change from a relay: everybody else of its region who does not have it from a log.
pub(crate) fn from_relay(dot: Dot, me: NodeId, members: &BTreeMap<NodeId, Member>) -> Vec<NodeId> {
    let Some(region) = members.get(&me).map(|m| &m.region) else { return Vec::new() };
    members
        .values()
        .filter(|m| m.node != me && m.region == *region && !votes(m, dot.origin.group()))
        .map(|m| m.node)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;

    fn members() -> BTreeMap<NodeId, Member> {
        let regions = [("a", 1..=4u64), ("b", 5..=9), ("c", 10..=10)];
        let mut all = BTreeMap::new();
        for (region, nodes) in regions {
            for n in nodes {
                let voter_of = if n <= 3 { vec![GroupId(1)] } else { Vec::new() };
                let region = RegionName::new(region).unwrap();
                all.insert(NodeId(n), Member { node: NodeId(n), region, voter_of });
            }
        }
        all
    }

    fn dot(sequence: u64) -> Dot {
        Dot { origin: Origin::Group { group: GroupId(1), generation: 0 }, sequence }
    }

    #[test]
    fn a_change_goes_to_two_relays_a_region_and_to_home_replicas_never_to_voters() {
        let home = RegionName::new("a").unwrap();
        let targets = from_home(dot(1), &home, &members(), |_| true);
        let in_b = targets.iter().filter(|(n, _)| (5..=9).contains(&n.0)).count();
        assert_eq!((targets.len(), in_b), (4, 2));
        assert!(targets.contains(&(NodeId(4), 0)) && targets.contains(&(NodeId(10), 0)));
    }

    #[test]
    fn of_many_replicas_beside_the_home_two_pass_a_change_on() {
        let mut all = members();
        let home = RegionName::new("a").unwrap();
        for n in 20..60 {
            let node = NodeId(n);
            all.insert(node, Member { node, region: home.clone(), voter_of: Vec::new() });
        }
        let targets = from_home(dot(1), &home, &all, |_| true);
        let beside: Vec<u32> =
            targets.iter().filter(|(n, _)| all[n].region == home).map(|(_, hops)| *hops).collect();
        assert_eq!(beside.len(), 41);
        assert_eq!(beside.iter().filter(|hops| **hops == 0).count(), RELAYS);
    }

    #[test]
    fn relays_change_with_the_change_and_the_dead_come_last() {
        let home = RegionName::new("a").unwrap();
        let chosen: std::collections::BTreeSet<_> = (0..50)
            .flat_map(|s| from_home(dot(s), &home, &members(), |_| true))
            .map(|(n, _)| n)
            .collect();
        assert_eq!(chosen.len(), 7, "everybody is a relay at some time");
        let alive = |n: NodeId| n.0 >= 8;
        for s in 0..50 {
            let targets = from_home(dot(s), &home, &members(), alive);
            assert!(targets.contains(&(NodeId(8), 0)) && targets.contains(&(NodeId(9), 0)));
        }
    }

    #[test]
    fn a_relay_passes_on_to_its_whole_region() {
        let mut targets = from_relay(dot(1), NodeId(6), &members());
        targets.sort();
        assert_eq!(targets, [5, 7, 8, 9].map(NodeId));
    }
}
