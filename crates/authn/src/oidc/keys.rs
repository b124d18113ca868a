//! When the keys of an issuer are used as they are, fetched again, or no longer believed: a decision over times alone.

use std::{sync::Arc, time::Duration};

use crate::JwkSet;

/// How long keys are used, and how often they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyTimes {
    /// Keys younger than this are used without asking the issuer.
    pub fresh: Duration,
    /// Keys older than this are not used, even where the issuer can't be reached.
    pub age_max: Duration,
    /// The issuer is not asked again within this time, whatever tokens come: neither a flood of unknown key ids nor an issuer that is down
    /// makes more of it.
    pub retry: Duration,
}

/// The keys of one issuer that a node has.
#[derive(Clone, Debug, Default)]
pub struct KeyShelf {
    held: Option<(Arc<JwkSet>, Duration)>,
    asked: Option<Duration>,
}

/// What to do for one token.
#[derive(Clone, Debug)]
pub enum KeyStep {
    /// Use these keys.
    Use(Arc<JwkSet>),
    /// Ask the issuer; where that fails, use these.
    Ask(Option<Arc<JwkSet>>),
    /// There are no keys to be had now.
    Refuse,
}

impl KeyShelf {
    /// What to do for a token at the time `now` (monotonic). `knows` says whether a set has a key that it may be signed with.
    pub fn step(
        &self,
        times: &KeyTimes,
        now: Duration,
        knows: impl Fn(&JwkSet) -> bool,
    ) -> KeyStep {
        let good = self.held.as_ref().filter(|(_, at)| now.saturating_sub(*at) < times.age_max);
        let fresh = good.is_some_and(|(_, at)| now.saturating_sub(*at) < times.fresh);
        let held = good.map(|(keys, _)| Arc::clone(keys));
        if let (true, Some(keys)) = (fresh, &held)
            && knows(keys)
        {
            return KeyStep::Use(Arc::clone(keys));
        }
        let waits = self.asked.is_some_and(|at| now.saturating_sub(at) < times.retry);
        match (waits, held) {
            (false, held) => KeyStep::Ask(held),
            (true, Some(keys)) => KeyStep::Use(keys),
            (true, None) => KeyStep::Refuse,
        }
    }

    /// Notes that the issuer is being asked.
    pub fn asking(&mut self, now: Duration) {
        self.asked = Some(now);
    }

    /// Puts the keys in place that the issuer gave.
    pub fn put(&mut self, keys: Arc<JwkSet>, now: Duration) {
        self.held = Some((keys, now));
    }

    /// When it was last of any use: what is oldest may be forgotten first.
    pub fn touched(&self) -> Duration {
        self.asked.unwrap_or_default().max(self.held.as_ref().map_or(Duration::ZERO, |(_, at)| *at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const TIMES: KeyTimes = KeyTimes { fresh: s(900), age_max: s(86_400), retry: s(10) };

    fn says(shelf: &KeyShelf, at: u64, known: bool) -> &'static str {
        match shelf.step(&TIMES, s(at), |_| known) {
            KeyStep::Use(_) => "use",
            KeyStep::Ask(Some(_)) => "ask, or use",
            KeyStep::Ask(None) => "ask",
            KeyStep::Refuse => "refuse",
        }
    }

    #[test]
    fn fresh_keys_are_used_and_old_ones_only_where_the_issuer_is_away() {
        let mut shelf = KeyShelf::default();
        assert_eq!(says(&shelf, 0, true), "ask");
        shelf.asking(s(0));
        assert_eq!(says(&shelf, 9, true), "refuse");
        assert_eq!(says(&shelf, 10, true), "ask");
        shelf.asking(s(10));
        shelf.put(Arc::default(), s(10));
        assert_eq!(says(&shelf, 11, true), "use");
        assert_eq!(says(&shelf, 909, true), "use");
        assert_eq!(says(&shelf, 910, true), "ask, or use");
        // The issuer is away: what is held is used until it is too old, and it is asked every ten seconds.
        shelf.asking(s(910));
        assert_eq!(says(&shelf, 915, true), "use");
        assert_eq!(says(&shelf, 86_409, true), "ask, or use");
        assert_eq!(says(&shelf, 86_410, true), "ask");
        shelf.asking(s(86_410));
        assert_eq!(says(&shelf, 86_411, true), "refuse");
    }

    #[test]
    fn an_unknown_key_asks_the_issuer_but_not_more_than_every_ten_seconds() {
        let mut shelf = KeyShelf::default();
        shelf.asking(s(100));
        shelf.put(Arc::default(), s(100));
        assert_eq!(says(&shelf, 101, false), "use", "it will be refused: the key is not there");
        assert_eq!(says(&shelf, 110, false), "ask, or use");
        shelf.asking(s(110));
        assert_eq!(says(&shelf, 111, false), "use");
        assert_eq!(says(&shelf, 111, true), "use");
    }
}
