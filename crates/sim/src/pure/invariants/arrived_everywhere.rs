//! "`WaitForPropagation` streams acknowledgements until the scope is covered": once a node says so, everybody decides on the change.

use super::{Homes, Invariant, Seen, Verdict};

/// Compares a node's word with the truth.
#[derive(Debug)]
pub(super) struct ArrivedEverywhere;

impl Invariant for ArrivedEverywhere {
    fn look(&mut self, seen: &Seen<'_>, _homes: &Homes) -> Verdict {
        let Seen::Everywhere { node, lacking } = seen else { return Verdict::Pass };
        Verdict::of(lacking.is_empty(), || {
            format!("{node} says that a change is everywhere, and {lacking:?} lack it")
        })
    }
}
