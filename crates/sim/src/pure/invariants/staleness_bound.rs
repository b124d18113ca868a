//! "Staleness without trusting clocks": the bound adds up only durations of one machine's clock, and is never below the truth.

use super::{Homes, Invariant, Seen, Verdict};

/// Compares each bound with the age of the oldest change that the view lacks.
#[derive(Debug)]
pub(super) struct StalenessBound;

impl Invariant for StalenessBound {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        let Seen::Bound { node, group, bound, truth } = seen else { return Verdict::Pass };
        Verdict::of(bound >= truth, || {
            format!(
                "{node} says that its view of {group} is at most {bound:?} old, it is {truth:?}"
            )
        })
    }
}
