//! "A quarantine is durable before the reply": the node that took it has it for ever after, and whoever covers it shows it.

use super::{Homes, Invariant, Seen, Verdict};
use crate::pure::{containing::writer, state::LANES};

/// Looks at what each node shows of the quarantines that were acknowledged.
#[derive(Debug)]
pub(super) struct QuarantinesAreKept;

impl Invariant for QuarantinesAreKept {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        let Seen::Contained { node, view, lanes } = seen else { return Verdict::Pass };
        for (dot, key) in &lanes.accepted {
            let covered = view.clock.covers(*dot);
            if !covered && writer(dot.origin) == Some(*node) {
                return Verdict::Broken(format!("{node} took {dot}, and knows nothing of it"));
            }
            if covered && view.record(LANES, key).map(|r| r.dot) != Some(*dot) {
                return Verdict::Broken(format!("{node} covers {dot}, and does not show it"));
            }
        }
        Verdict::Holds
    }
}
