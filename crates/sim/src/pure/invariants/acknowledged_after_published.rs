//! "What is acknowledged was published before", and "the arrival of an acknowledgement bounds the propagation time from above".

use super::{Homes, Invariant, Seen, Verdict};

/// Compares what a home says of an arrival with when the change was published there.
#[derive(Debug)]
pub(super) struct AcknowledgedAfterPublished;

impl Invariant for AcknowledgedAfterPublished {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        let Seen::Arrived { home, event, took } = seen else { return Verdict::Pass };
        let upper = super::super::clocks::at_most(event.upper);
        match took {
            Some(took) if upper >= *took => Verdict::Holds,
            Some(took) => Verdict::Broken(format!(
                "{home} says that {} took {upper:?} at most to {}, it took {took:?}",
                event.dot, event.node
            )),
            None => Verdict::Broken(format!(
                "{home} says that {} has arrived at {}, which does not decide on it",
                event.dot, event.node
            )),
        }
    }
}
