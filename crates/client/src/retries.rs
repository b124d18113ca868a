//! When a call is tried again, as a pure function of the try and a share of chance.

use std::{fmt, sync::Arc, time::Duration};

/// How often a call is tried again, and how long it waits in between: the pause doubles, and a random part of it is waited.
///
/// Only what may be retried is: reads, and changes that carry a `request_id`, by which the server gives the first outcome again. Every
/// change of Tidegate's carries one. A refusal is tried again when the server says that this may help.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// Tries in all, at least one.
    pub tries_max: u32,
    /// The first pause at most.
    pub pause_first: Duration,
    /// Any pause at most.
    pub pause_max: Duration,
    /// How long one try may take. Above the longest wait that a node allows, which is 30 s by default.
    pub try_max: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            tries_max: 5,
            pause_first: Duration::from_millis(50),
            pause_max: Duration::from_secs(2),
            try_max: Duration::from_secs(40),
        }
    }
}

impl Retries {
    /// The pause after try number `tries` (from 1): between half and all of the doubled first pause, as `share` (0 to 1) says.
    pub fn pause(&self, tries: u32, share: f64) -> Duration {
        let doublings = tries.saturating_sub(1).min(31);
        let whole = self.pause_first.saturating_mul(1 << doublings).min(self.pause_max);
        whole.mul_f64(0.5 + share.clamp(0.0, 1.0) / 2.0)
    }
}

/// Where the shares of chance come from: 0 to 1, spread evenly.
#[derive(Clone)]
pub(crate) struct Jitter(pub(crate) Arc<dyn Fn() -> f64 + Send + Sync>);

impl fmt::Debug for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jitter")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound_and_half_of_each_is_chance() {
        let retries = Retries { pause_max: Duration::from_millis(300), ..Retries::default() };
        let pauses = |share| [1, 2, 3, 4, 99].map(|tries| retries.pause(tries, share).as_millis());
        assert_eq!(pauses(1.0), [50, 100, 200, 300, 300]);
        assert_eq!(pauses(0.0), [25, 50, 100, 150, 150]);
        assert_eq!(retries.pause(0, 7.0), retries.pause(1, 1.0), "what is out of range is clamped");
    }
}
