//! The round trips to one peer, in a sliding window: half the smallest is what an acknowledgement's way back took at the least.

use core::time::Duration;
use std::collections::VecDeque;

/// Round trips that the minimum is taken over: three seconds of them at two pings a second, so that a changed route is soon seen.
const WINDOW: usize = 6;

/// The recent round trips.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoundTrips {
    recent: VecDeque<Duration>,
}

impl RoundTrips {
    pub(crate) fn add(&mut self, trip: Duration) {
        if self.recent.len() >= WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(trip);
    }

    /// The smallest of the recent ones.
    pub(crate) fn smallest(&self) -> Option<Duration> {
        self.recent.iter().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_slides() {
        let mut trips = RoundTrips::default();
        assert_eq!(trips.smallest(), None);
        trips.add(Duration::from_millis(1));
        for _ in 0..WINDOW {
            assert_eq!(trips.smallest(), Some(Duration::from_millis(1)));
            trips.add(Duration::from_millis(5));
        }
        assert_eq!(trips.smallest(), Some(Duration::from_millis(5)));
    }
}
