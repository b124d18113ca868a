//! The monotonic clock of one life of a node: its own zero, its own speed, and leaps forward.

use std::time::Duration;

/// How much faster or slower than true time a clock may run, in parts per million. Quartz keeps within 100; ten times that is a broken one.
pub(crate) const DRIFT_PPM_MAX: i64 = 1_000;

/// A clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalClock {
    /// What it shows at `since`.
    shows: Duration,
    since: Duration,
    drift_ppm: i64,
}

impl LocalClock {
    /// A clock that shows `shows` at the true time `now`.
    pub(crate) fn new(now: Duration, shows: Duration, drift_ppm: i64) -> Self {
        Self { shows, since: now, drift_ppm: drift_ppm.clamp(-DRIFT_PPM_MAX, DRIFT_PPM_MAX) }
    }

    /// What it shows at the true time `now`.
    pub(crate) fn at(&self, now: Duration) -> Duration {
        let run = now.saturating_sub(self.since);
        let drift = run / 1_000_000 * u32::try_from(self.drift_ppm.unsigned_abs()).unwrap_or(0);
        let run = if self.drift_ppm < 0 { run.saturating_sub(drift) } else { run + drift };
        self.shows + run
    }

    /// It leaps, as after the sleep of its machine. A monotonic clock never leaps back.
    pub(crate) fn leap(&mut self, now: Duration, by: Duration) {
        self.shows = self.at(now) + by;
        self.since = now;
    }
}

/// The longest true time that may have passed while some clock measured `measured`. Whole parts per million are lost to rounding.
pub(crate) fn at_most(measured: Duration) -> Duration {
    let drift = u32::try_from(2 * DRIFT_PPM_MAX).unwrap_or(0);
    measured + measured / 1_000_000 * drift + Duration::from_micros(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_clock_drifts_and_leaps_and_never_goes_back() {
        let mut clock = LocalClock::new(SECOND, 100 * SECOND, -500);
        assert_eq!(clock.at(SECOND), 100 * SECOND);
        assert_eq!(clock.at(11 * SECOND), Duration::from_millis(109_995));
        let before = clock.at(12 * SECOND);
        clock.leap(12 * SECOND, 7 * SECOND);
        assert_eq!(clock.at(12 * SECOND), before + 7 * SECOND);
        let measured = clock.at(22 * SECOND).saturating_sub(clock.at(12 * SECOND));
        assert!(at_most(measured) >= 10 * SECOND);
    }
}
