//! The one log of a run, on the checker's own clock: when an answer was there is said by whoever writes it down, so that the log is in
//! the order of its ends.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tidegate_history::log::{Did, Event, Log, WriteId};

/// Counts of calls by their end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Calls {
    /// Answered.
    pub(crate) answered: u64,
    /// Refused, or without an answer: nothing was claimed.
    pub(crate) refused: u64,
}

/// Writes down what is seen.
#[derive(Debug)]
pub(crate) struct Recorder {
    began: Instant,
    log: Mutex<Log>,
    calls: Mutex<std::collections::BTreeMap<&'static str, Calls>>,
    made: AtomicU64,
}

impl Recorder {
    /// An empty log that begins now.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            log: Mutex::default(),
            calls: Mutex::default(),
            made: AtomicU64::new(0),
        }
    }

    /// Time since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A name that no other write of the run has.
    pub(crate) fn next_write(&self) -> WriteId {
        self.made.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Writes down what began at `start` and is over now, and gives its place in the log.
    pub(crate) fn done(&self, session: u32, node: u64, start: Duration, did: Did) -> usize {
        let mut log = self.log.lock();
        // Under the lock: ends are in the order of the log.
        let end = self.began.elapsed();
        log.events.push(Event { session, node, start, end, did });
        log.events.len() - 1
    }

    /// A new register with a name for people.
    pub(crate) fn register(&self, name: String) -> u32 {
        let mut log = self.log.lock();
        log.registers.push(name);
        u32::try_from(log.registers.len() - 1).unwrap_or(u32::MAX)
    }

    /// Counts a call.
    pub(crate) fn called(&self, what: &'static str, answered: bool) {
        let mut calls = self.calls.lock();
        let calls = calls.entry(what).or_default();
        if answered { calls.answered += 1 } else { calls.refused += 1 }
    }

    /// How long the nodes took to become equal.
    pub(crate) fn converged(&self, after: Option<Duration>) {
        self.log.lock().converged = after;
    }

    /// The log, and the counts.
    pub(crate) fn finish(&self) -> (Log, std::collections::BTreeMap<&'static str, Calls>) {
        (core::mem::take(&mut *self.log.lock()), self.calls.lock().clone())
    }
}
