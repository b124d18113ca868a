//! "After faults end" everybody also knows it: views are fresh, the living are held for alive, homes have heard of every arrival.

use std::time::Duration;

use super::{Homes, Invariant, Seen, Verdict};

/// How old a view may be said to be in a healthy world: a round trip of it, and the time between two questions.
const FRESH: Duration = Duration::from_millis(1_200);

/// Looks at all nodes at the end.
#[derive(Debug)]
pub(super) struct EverybodyKnows;

impl Invariant for EverybodyKnows {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        let Seen::Settled(nodes) = seen else { return Verdict::Pass };
        for known in *nodes {
            let node = known.node;
            if known.bound.is_none_or(|b| b > FRESH) {
                return Verdict::Broken(format!("{node} holds its view for {:?} old", known.bound));
            }
            if !known.dead.is_empty() {
                return Verdict::Broken(format!("{node} holds {:?} for dead", known.dead));
            }
            if let Some((group, unheard)) = known.unheard.first() {
                return Verdict::Broken(format!(
                    "{node} leads {group} and has not heard that {unheard:?} have all of it"
                ));
            }
        }
        Verdict::Holds
    }
}
