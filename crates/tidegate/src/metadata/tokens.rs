//! The tokens of instance metadata: drawn, good for a time, bounded in number.

use std::{collections::BTreeMap, time::Duration};

/// Tokens that are good at a time. Past it the one that would end first is forgotten: its holder fetches another.
const TOKENS_MAX: usize = 4_096;
/// Longest life of a token, in seconds (EC2 User Guide, "Use `IMDSv2`").
pub(super) const SECONDS_MAX: u32 = 21_600;

/// Tokens that are good, with when each ends on the machine's monotonic clock.
#[derive(Default)]
pub(super) struct Tokens(BTreeMap<String, Duration>);

impl Tokens {
    /// Lets a token that was drawn be good for some seconds.
    pub(super) fn issue(&mut self, token: String, seconds: u32, now: Duration) {
        self.0.retain(|_, until| *until > now);
        while self.0.len() >= TOKENS_MAX {
            let first = self.0.iter().min_by_key(|(_, until)| **until).map(|(t, _)| t.clone());
            let Some(first) = first else { break };
            self.0.remove(&first);
        }
        self.0.insert(token, now + Duration::from_secs(u64::from(seconds)));
    }

    /// Whether a token is good.
    pub(super) fn holds(&self, token: &str, now: Duration) -> bool {
        self.0.get(token).is_some_and(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_time_and_their_number_is_bounded() {
        let mut tokens = Tokens::default();
        let at = Duration::from_secs;
        tokens.issue("a".into(), 60, at(0));
        assert!(
            tokens.holds("a", at(59)) && !tokens.holds("a", at(60)) && !tokens.holds("b", at(0))
        );
        for n in 0..TOKENS_MAX {
            tokens.issue(format!("t{n}"), 100, at(1));
        }
        assert_eq!(tokens.0.len(), TOKENS_MAX);
        assert!(!tokens.holds("a", at(1)), "the one that ends first goes");
        tokens.issue("late".into(), 1, at(200));
        assert_eq!(tokens.0.len(), 1, "what is over takes no place");
    }
}
