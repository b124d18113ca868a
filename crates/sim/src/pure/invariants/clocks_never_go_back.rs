//! "A token never goes backwards on any node, also across its restart": the positions that a node decides on only ever advance.

use std::collections::BTreeMap;

use tidegate_replica::{Clock, NodeId};

use super::{Homes, Invariant, Seen, Verdict};

/// What each node was seen to decide on.
#[derive(Debug, Default)]
pub(super) struct ClocksNeverGoBack(BTreeMap<NodeId, Clock>);

impl Invariant for ClocksNeverGoBack {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        let Seen::Published { node, positions, .. } = seen else { return Verdict::Pass };
        let before = self.0.insert(*node, (*positions).clone()).unwrap_or_default();
        let back = before.iter().find(|(origin, at)| positions.get(*origin) < *at);
        match back {
            None => Verdict::Holds,
            Some((origin, at)) => Verdict::Broken(format!(
                "{node} went back from {origin}:{at} to {}",
                positions.get(origin)
            )),
        }
    }
}
