//! "A voter applies its own groups' records only from its Raft log (gossip of those origins is ignored)".

use super::{Homes, Invariant, Seen, Verdict};

/// Looks at whose records a machine wants merged.
#[derive(Debug)]
pub(super) struct OwnGroupsFollowTheLog;

impl Invariant for OwnGroupsFollowTheLog {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        let Seen::Merging { node, origin, votes } = seen else { return Verdict::Pass };
        Verdict::of(!votes, || {
            format!("{node} votes in {origin} and merges its records from gossip")
        })
    }
}
