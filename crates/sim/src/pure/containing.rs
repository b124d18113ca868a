//! What nodes write themselves in the pure world: quarantines, which any node takes, also one that is cut off, and which a group lifts in
//! its order by naming them.

use std::collections::BTreeSet;

use bytes::Bytes;
use tidegate_replica::{Dot, GroupId, NodeId, Origin, Record, Stamp};

use super::state::{LANES, State};

/// Behind a group's number: the key of a record that lifts a quarantine.
const LIFT: &[u8] = b"lift";

/// Where a node writes. A node that lost its disk comes back under a new number, so that one incarnation is enough here.
pub(crate) fn lane(node: NodeId) -> Origin {
    Origin::Node { node, incarnation: 1 }
}

/// The node that writes there.
pub(crate) fn writer(origin: Origin) -> Option<NodeId> {
    match origin {
        Origin::Node { node, .. } => Some(node),
        Origin::Group { .. } => None,
    }
}

/// The record of a node's next quarantine.
pub(crate) fn quarantine(node: NodeId, sequence: u64) -> Record {
    let prefix = [u8::try_from(LANES.0).unwrap_or(u8::MAX)];
    let key = [&prefix[..], &node.0.to_be_bytes(), &sequence.to_be_bytes()].concat();
    Record {
        key: key.into(),
        value: Some("contained".into()),
        stamp: Stamp { epoch: 0, revision: sequence },
        dot: Dot { origin: lane(node), sequence },
    }
}

/// The key under which a group lifts a quarantine.
pub(crate) fn lift(group: GroupId, dot: Dot) -> Bytes {
    let group = [u8::try_from(group.0).unwrap_or(u8::MAX)];
    [&group[..], LIFT, &dot.origin.to_bytes(), &dot.sequence.to_be_bytes()].concat().into()
}

/// The quarantine that a key lifts, where it is one that does.
fn lifted(key: &[u8]) -> Option<Dot> {
    let (origin, sequence) = key.get(1..)?.strip_prefix(LIFT)?.split_at_checked(13)?;
    let sequence = u64::from_be_bytes(sequence.try_into().ok()?);
    Some(Dot { origin: Origin::from_bytes(origin)?, sequence })
}

/// The quarantines that bite in a view: those that are there and that no group lifted.
pub(crate) fn bites(view: &State) -> BTreeSet<Dot> {
    let keys = view.groups.values().flat_map(|g| g.records.keys());
    let lifted: BTreeSet<Dot> = keys.filter_map(|k| lifted(k)).collect();
    let all = view.live(LANES).map(|r| r.dot);
    all.filter(|dot| !lifted.contains(dot)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::{bug::Bug, state::Rows};

    #[test]
    fn a_quarantine_bites_until_a_group_lifts_it() {
        let mut view = State::new(Bug::None, 3);
        let taken = quarantine(NodeId(4), 1);
        view.apply(&Rows { records: vec![taken.clone()], ..Rows::default() });
        assert_eq!(bites(&view), BTreeSet::from([taken.dot]));
        let key = lift(GroupId(2), taken.dot);
        assert_eq!(lifted(&key), Some(taken.dot));
        let dot = Dot { origin: Origin::Group { group: GroupId(2), generation: 0 }, sequence: 7 };
        let stamp = Stamp { epoch: 0, revision: 7 };
        let lift = Record { key, value: Some("lifted".into()), stamp, dot };
        view.apply(&Rows { records: vec![lift], ..Rows::default() });
        assert_eq!(bites(&view), BTreeSet::new());
    }
}
