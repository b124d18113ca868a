//! "A deleted record never comes back": what a node has once seen deleted it does not see again, unless it was written anew later.

use std::collections::BTreeMap;

use bytes::Bytes;
use tidegate_replica::{GroupId, NodeId, Stamp};

use super::{Homes, Invariant, Seen, Verdict};

/// The newest tombstone of each key that was ever shown at a node.
#[derive(Debug, Default)]
pub(super) struct DeletedStaysDeleted(BTreeMap<(NodeId, GroupId, Bytes), Stamp>);

impl Invariant for DeletedStaysDeleted {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        let Seen::Published { node, view, moved, .. } = seen else { return Verdict::Pass };
        for (group, rows) in view.groups.iter().filter(|(g, _)| moved.contains(g)) {
            for (key, record) in &rows.records {
                let place = (*node, *group, key.clone());
                let Some(deleted) = self.0.get_mut(&place) else {
                    if record.value.is_none() {
                        self.0.insert(place, record.stamp);
                    }
                    continue;
                };
                if record.value.is_none() {
                    *deleted = record.stamp.max(*deleted);
                } else if record.stamp < *deleted {
                    return Verdict::Broken(format!(
                        "{} is back at {node}, which has seen it deleted at revision {}",
                        record.dot, deleted.revision
                    ));
                }
            }
        }
        Verdict::Holds
    }
}
