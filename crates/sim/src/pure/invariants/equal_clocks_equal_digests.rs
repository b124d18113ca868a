//! "Equal clocks mean equal state digests": whatever way a node came to a position, its digest there is the home's, and so everybody's.

use super::{Homes, Invariant, Seen, Verdict};

/// Compares the digest of each published view with that of the log.
#[derive(Debug)]
pub(super) struct EqualClocksEqualDigests;

impl Invariant for EqualClocksEqualDigests {
    fn look(&mut self, seen: &Seen<'_>, homes: &Homes) -> Verdict {
        let Seen::Published { node, view, positions, moved, .. } = seen else {
            return Verdict::Pass;
        };
        for (origin, position) in positions.iter() {
            let group = origin.group().filter(|g| moved.contains(g));
            let Some(home) = group.and_then(|g| homes.get(&g)) else { continue };
            let digest = home.at(position).map(|e| e.digest);
            if digest.is_some_and(|d| d.to_bytes() != view.digest(home.group).to_bytes()) {
                return Verdict::Broken(format!(
                    "{node} and the home have different digests at {origin}:{position}"
                ));
            }
        }
        Verdict::Holds
    }
}
