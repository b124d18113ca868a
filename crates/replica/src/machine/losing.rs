//! What a store had of an origin is gone, while the view still shows it: it is asked for again, like any other gap.

use super::Replica;
use crate::{Clock, Origin};

impl Replica {
    /// The store has `origin` up to `stands` only, and the node decides on more: its driver dropped the rest, because the group's log was to
    /// bring it, and no log does any more. Batches that bring it again are not to be shown ([`publish`](crate::MergeBatch::publish) is
    /// `false`) before they have come as far as the view is: what is published never goes back.
    pub fn lost(&mut self, origin: Origin, stands: u64) {
        let without = |clock: &Clock| -> Clock {
            let others = clock.iter().filter(|(other, _)| *other != origin);
            others.chain((stands > 0).then_some((origin, stands))).collect()
        };
        self.merged = without(&self.merged);
        self.durable = without(&self.durable);
        for (_, clock) in &mut self.unsaved {
            *clock = clock.iter().filter(|(other, _)| *other != origin).collect();
        }
        self.pulls.abandon(origin);
        self.early.retain(|other| *other != origin);
    }
}
