//! Which tombstones may go: those that every member has decided on for a while.

use core::time::Duration;
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use tidegate_replica::{Clock, Origin};
use tidegate_store::{Batch, StoreError};

use crate::gossip::Driver;

/// Looks that are remembered within the grace.
const LOOKS: u32 = 4;
/// Shortest pause between two looks.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Tombstones that are collected between two inputs at most.
const COLLECT_AT_ONCE: usize = 256;

/// Remembers what was stable when.
#[derive(Debug)]
pub(crate) struct Collection {
    grace: Duration,
    /// (monotonic time, what every member decided on), ascending.
    looks: VecDeque<(Duration, Clock)>,
}

impl Collection {
    /// Nothing was seen yet. `grace`: how long a position is stable before tombstones up to it go.
    pub(crate) fn new(grace: Duration) -> Self {
        Self { grace, looks: VecDeque::new() }
    }

    /// Whether it is time to look again.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        let pause = PAUSE_MIN.max(self.grace / LOOKS);
        self.looks.back().is_none_or(|(at, _)| now >= *at + pause)
    }

    /// Takes what is stable now, and gives what has been for the grace.
    pub(crate) fn look(&mut self, now: Duration, stable: Clock) -> Option<Clock> {
        self.looks.push_back((now, stable));
        let mut ripe = None;
        while self.looks.front().is_some_and(|(at, _)| *at + self.grace <= now) {
            ripe = self.looks.pop_front();
        }
        ripe.map(|(_, clock)| clock)
    }
}

impl Driver {
    /// Collects some tombstones that no member needs any more. Those of a group that this node votes in go with the next write of it, so
    /// that nothing but its log changes its rows.
    pub(crate) fn collect(&mut self, now: Duration) -> Result<(), StoreError> {
        if self.collection.is_due(now) {
            if let Some(ripe) = self.collection.look(now, self.replica.stable_clock()) {
                self.collecting = ripe.clone();
                self.gossip.collectable.store(Arc::new(ripe));
            }
            let kept = i64::try_from(self.store.tombstones()?).unwrap_or(i64::MAX);
            self.metrics.tombstones.set(kept);
        }
        let replica = &self.replica;
        let own = |o: &Origin| o.group().is_some_and(|g| replica.votes_in(g));
        let next = self.collecting.iter().find(|(origin, _)| !own(origin));
        let Some((origin, upto)) = next else { return Ok(()) };
        let mut batch = Batch::default();
        let found =
            self.store.collect(origin, upto, COLLECT_AT_ONCE, &BTreeSet::new(), &mut batch)?;
        self.store.engine().apply(&batch)?;
        if found < COLLECT_AT_ONCE {
            self.collecting = self.collecting.iter().filter(|(o, _)| *o != origin).collect();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tidegate_replica::GroupId;

    use super::*;

    #[test]
    fn only_what_was_stable_for_the_grace_may_go() {
        let mut collection = Collection::new(Duration::from_secs(8));
        let origin = Origin::Group { group: GroupId(1), generation: 0 };
        let at = |n| Clock::from_iter([(origin, n)]);
        let mut ripe = Vec::new();
        for second in 0..20u64 {
            let now = Duration::from_secs(second);
            if collection.is_due(now) {
                assert_eq!(second % 2, 0, "four looks in eight seconds");
                ripe.extend(collection.look(now, at(second)).map(|clock| (second, clock)));
            }
        }
        let expected: Vec<_> = (8..20).step_by(2).map(|second| (second, at(second - 8))).collect();
        assert_eq!(ripe, expected);
    }
}
