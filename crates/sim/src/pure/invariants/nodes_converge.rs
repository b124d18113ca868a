//! "After faults end, all clocks become equal within a stated time": and equal to the log, with all of its live records.

use super::{Homes, Invariant, Seen, Verdict};
use crate::pure::home::origin;

/// Looks at all nodes once the time is over.
#[derive(Debug)]
pub(super) struct NodesConverge;

impl Invariant for NodesConverge {
    fn look(&mut self, seen: &Seen<'_>, homes: &Homes) -> Verdict {
        let Seen::Healed { nodes, .. } = seen else { return Verdict::Pass };
        for last in *nodes {
            for home in homes.values() {
                let at = last.published.get(origin(home.group));
                if at != home.end() {
                    return Verdict::Broken(format!(
                        "{} still stands at {}:{at} of {}",
                        last.node,
                        home.group,
                        home.end()
                    ));
                }
            }
        }
        Verdict::Holds
    }
}
