//! "What is published was durable before": a loss of power takes nothing away that anybody has decided on.

use super::{Homes, Invariant, Seen, Verdict};

/// Compares each published view with what the disk would still have without power.
#[derive(Debug)]
pub(super) struct PublishedWasDurable;

impl Invariant for PublishedWasDurable {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        let Seen::Published { node, positions, durable, .. } = seen else { return Verdict::Pass };
        let ahead = positions.iter().find(|(origin, at)| durable.get(*origin) < *at);
        match ahead {
            None => Verdict::Holds,
            Some((origin, at)) => Verdict::Broken(format!(
                "{node} decides on {origin}:{at}, its disk has {} for sure",
                durable.get(origin)
            )),
        }
    }
}
