//! Who has arrived: the question that `WaitForPropagation` asks.

use std::collections::BTreeMap;

use crate::{Clock, NodeId, RegionName};

/// Which nodes must have arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every member.
    All,
    /// Every member of one region.
    Region(RegionName),
    /// More than half of the members of each region.
    QuorumOfEachRegion,
    /// These nodes.
    Nodes(Vec<NodeId>),
}

/// Who has arrived and who has not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Nodes of the scope whose published view covers the positions.
    pub reached: Vec<NodeId>,
    /// Nodes of the scope whose published view does not, or that are not known.
    pub missing: Vec<NodeId>,
    /// Whether the scope is satisfied.
    pub covered: bool,
}

/// Computes coverage from the published positions of each member.
pub(crate) fn coverage<'a>(
    members: &BTreeMap<NodeId, RegionName>,
    published: impl Fn(NodeId) -> Option<&'a Clock>,
    positions: &Clock,
    scope: &Scope,
) -> Coverage {
    let asked: Vec<NodeId> = match scope {
        Scope::All | Scope::QuorumOfEachRegion => members.keys().copied().collect(),
        Scope::Region(region) => {
            members.iter().filter(|(_, r)| *r == region).map(|(n, _)| *n).collect()
        }
        Scope::Nodes(nodes) => nodes.clone(),
    };
    let arrived = |node: &NodeId| published(*node).is_some_and(|p| p.covers_clock(positions));
    let (reached, missing): (Vec<_>, Vec<_>) = asked.into_iter().partition(arrived);
    let covered = match scope {
        Scope::QuorumOfEachRegion => {
            let mut regions: BTreeMap<&RegionName, (usize, usize)> = BTreeMap::new();
            for (node, region) in members {
                let (all, there) = regions.entry(region).or_default();
                *all += 1;
                *there += usize::from(reached.contains(node));
            }
            regions.values().all(|(all, there)| 2 * there > *all)
        }
        _ => missing.is_empty() && !reached.is_empty(),
    };
    Coverage { reached, missing, covered }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GroupId, Origin};

    #[test]
    fn scopes() {
        let region = |r: &str| RegionName::new(r).unwrap();
        let members: BTreeMap<_, _> = [(1, "a"), (2, "a"), (3, "a"), (4, "b")]
            .into_iter()
            .map(|(n, r)| (NodeId(n), region(r)))
            .collect();
        let origin = Origin::Group { group: GroupId(1), generation: 0 };
        let at = |n: u64| Clock::from_iter([(origin, n)]);
        let (behind, there) = (at(4), at(5));
        let published = |node: NodeId| Some(if node.0 == 3 { &behind } else { &there });
        let ask = |scope| coverage(&members, published, &at(5), &scope);
        assert_eq!(ask(Scope::All).missing, [NodeId(3)]);
        assert!(!ask(Scope::All).covered);
        assert!(ask(Scope::QuorumOfEachRegion).covered);
        assert!(ask(Scope::Region(region("b"))).covered);
        assert!(!ask(Scope::Region(region("c"))).covered, "nobody is not everybody");
        assert!(ask(Scope::Nodes(vec![NodeId(4)])).covered);
        assert!(!ask(Scope::Region(region("zz"))).covered);
    }
}
