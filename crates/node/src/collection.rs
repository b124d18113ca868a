//! Which tombstones may go: those that every member has decided on for a while.

use core::time::Duration;
use std::collections::VecDeque;

use tidegate_replica::Clock;

/// Looks that are remembered within the grace.
const LOOKS: u32 = 4;
/// Shortest pause between two looks.
const PAUSE_MIN: Duration = Duration::from_secs(1);

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

#[cfg(test)]
mod tests {
    use tidegate_replica::GroupId;

    use super::*;
    use crate::machine::origin;

    #[test]
    fn only_what_was_stable_for_the_grace_may_go() {
        let mut collection = Collection::new(Duration::from_secs(8));
        let at = |n| Clock::from_iter([(origin(GroupId(1)), n)]);
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
