//! How often a secret that is short enough to be guessed may be guessed wrong at one node: codes of MFA devices, and old passwords.
//!
//! Three codes of a million are good at once. Five wrong ones every ten minutes at each of nine nodes are 6,480 a day, which is a chance of 2 %
//! a day, for somebody who already holds the user's access key; and each is refused aloud.

use std::{collections::BTreeMap, time::Duration};

use parking_lot::Mutex;

/// Wrong tries of one secret in one period.
const WRONG_MAX: u32 = 5;
/// How long a period is.
const PERIOD: Duration = Duration::from_secs(600);
/// Secrets of which tries are counted at once. Past it tries of others are refused until the period is over.
const COUNTED_MAX: usize = 10_000;

/// Tries of the present period.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    period: u64,
    tries: BTreeMap<String, u32>,
}

impl Attempts {
    /// Whether `secret` may be tried once more at `now`, on the node's monotonic clock. The try counts as a wrong one until it was
    /// [`Attempts::right`].
    pub(crate) fn take(&self, secret: &str, now: Duration) -> bool {
        let period = now.as_secs() / PERIOD.as_secs();
        let mut counted = self.0.lock();
        if counted.period != period {
            *counted = Counted { period, tries: BTreeMap::new() };
        }
        if let Some(count) = counted.tries.get_mut(secret) {
            let may = *count < WRONG_MAX;
            *count += u32::from(may);
            return may;
        }
        if counted.tries.len() >= COUNTED_MAX {
            return false;
        }
        counted.tries.insert(secret.to_owned(), 1);
        true
    }

    /// Takes back a try that was right.
    pub(crate) fn right(&self, secret: &str) {
        if let Some(count) = self.0.lock().tries.get_mut(secret) {
            *count = count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_tries_a_period_and_others_have_their_own() {
        let attempts = Attempts::default();
        let at = PERIOD + Duration::from_secs(1);
        for _ in 0..WRONG_MAX {
            assert!(attempts.take("phone", at));
            // Right ones do not count.
            assert!(attempts.take("watch", at));
            attempts.right("watch");
        }
        assert!(!attempts.take("phone", PERIOD + Duration::from_secs(599)));
        assert!(attempts.take("watch", at));
        assert!(attempts.take("phone", PERIOD * 2));
    }

    #[test]
    fn who_tries_very_many_secrets_does_not_fill_the_memory() {
        let attempts = Attempts::default();
        let taken = (0..COUNTED_MAX + 5).filter(|n| attempts.take(&n.to_string(), PERIOD)).count();
        assert_eq!(taken, COUNTED_MAX);
    }
}
