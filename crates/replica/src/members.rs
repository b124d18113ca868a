//! Who belongs to the cluster, with what a machine looks up of it all the time. A value that never changes, so that many may share it.

use std::collections::BTreeMap;

use crate::{GroupId, Member, NodeId};

/// The members of a cluster, as the directory has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    by_node: BTreeMap<NodeId, Member>,
    nodes: Vec<NodeId>,
    voters: BTreeMap<GroupId, Vec<NodeId>>,
}

impl FromIterator<Member> for Members {
    fn from_iter<I: IntoIterator<Item = Member>>(members: I) -> Self {
        let by_node: BTreeMap<NodeId, Member> = members.into_iter().map(|m| (m.node, m)).collect();
        let mut voters: BTreeMap<GroupId, Vec<NodeId>> = BTreeMap::new();
        for member in by_node.values() {
            for group in &member.voter_of {
                voters.entry(*group).or_default().push(member.node);
            }
        }
        Self { nodes: by_node.keys().copied().collect(), by_node, voters }
    }
}

impl Members {
    /// Whether nobody is named yet.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A member.
    pub fn get(&self, node: NodeId) -> Option<&Member> {
        self.by_node.get(&node)
    }

    /// Whether a node is a member.
    pub fn contains(&self, node: NodeId) -> bool {
        self.by_node.contains_key(&node)
    }

    /// All members, ordered by number.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_node.values()
    }

    /// Their numbers, in order.
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// Each group with those who vote in it, both in order.
    pub(crate) fn voters(&self) -> &BTreeMap<GroupId, Vec<NodeId>> {
        &self.voters
    }

    pub(crate) fn by_node(&self) -> &BTreeMap<NodeId, Member> {
        &self.by_node
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RegionName;

    #[test]
    fn voters_are_found_by_group() {
        let member = |node, voter_of: &[u32]| Member {
            node: NodeId(node),
            region: RegionName::new("a").unwrap(),
            voter_of: voter_of.iter().map(|g| GroupId(*g)).collect(),
        };
        let members = Members::from_iter([member(3, &[1]), member(1, &[0, 1]), member(2, &[])]);
        assert_eq!(members.nodes(), [1, 2, 3].map(NodeId));
        assert_eq!(members.voters()[&GroupId(1)], [NodeId(1), NodeId(3)]);
        assert!(members.contains(NodeId(2)) && members.get(NodeId(4)).is_none());
    }
}
