//! Catching up: one pull an origin at a time, its pages held back until the sender's cut is reached.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::{Frame, NodeId, Origin, Record};

/// A pull that has no answer for this long is given up; the next digest names a source again.
const PULL_MAX: Duration = Duration::from_secs(3);
/// Bytes of pages that are held back. Past it they are merged before the cut is reached.
pub(crate) const STAGED_MAX: usize = 256 << 20;
/// Frames that came before their turn, for one origin.
const EARLY_MAX: usize = 1_024;

#[derive(Debug)]
struct Pull {
    from: NodeId,
    asked: Duration,
    staged: Vec<Record>,
    staged_bytes: usize,
    replaces: bool,
}

/// What to do with the pages of a pull.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) records: Vec<Record>,
    pub(crate) replaces: bool,
}

/// Pulls under way and frames that wait for the gap before them to close.
#[derive(Debug, Default)]
pub(crate) struct Pulls {
    pulls: BTreeMap<Origin, Pull>,
    early: BTreeMap<Origin, BTreeMap<u64, Frame>>,
}

fn size(record: &Record) -> usize {
    record.key.len() + record.value.as_ref().map_or(0, bytes::Bytes::len) + 64
}

impl Pulls {
    /// Begins a pull unless one is under way; `true` when the question should be sent.
    pub(crate) fn begin(&mut self, now: Duration, origin: Origin, from: NodeId) -> bool {
        if self.pulls.get(&origin).is_some_and(|p| now < p.asked + PULL_MAX) {
            return false;
        }
        let pull = Pull { from, asked: now, staged: Vec::new(), staged_bytes: 0, replaces: false };
        self.pulls.insert(origin, pull);
        true
    }

    /// Whether pages of `origin` are expected from `from`.
    pub(crate) fn expects(&self, origin: Origin, from: NodeId) -> bool {
        self.pulls.get(&origin).is_some_and(|p| p.from == from)
    }

    /// Takes a page. Gives the records back once the cut is reached or too much is held back.
    pub(crate) fn page(&mut self, now: Duration, frame: Frame, more: bool, replaces: bool) -> Option<Staged> {
        let pull = self.pulls.get_mut(&frame.origin)?;
        pull.asked = now;
        pull.replaces |= replaces;
        pull.staged_bytes += frame.records.iter().map(size).sum::<usize>();
        pull.staged.extend(frame.records);
        if more && pull.staged_bytes < STAGED_MAX {
            return None;
        }
        let staged = Staged { records: core::mem::take(&mut pull.staged), replaces: pull.replaces };
        pull.staged_bytes = 0;
        pull.replaces = false;
        if !more {
            self.pulls.remove(&frame.origin);
        }
        Some(staged)
    }

    /// Keeps a frame whose turn has not come. Past the bound the farthest is dropped: the pull brings it again.
    pub(crate) fn keep(&mut self, frame: Frame) {
        let early = self.early.entry(frame.origin).or_default();
        early.insert(frame.after, frame);
        if early.len() > EARLY_MAX {
            early.pop_last();
        }
    }

    /// The next frame whose turn has come now that everything up to `merged` is there.
    pub(crate) fn next_early(&mut self, origin: Origin, merged: u64) -> Option<Frame> {
        let early = self.early.get_mut(&origin)?;
        while let Some(first) = early.first_entry() {
            if *first.key() > merged {
                return None;
            }
            let frame = first.remove();
            if frame.upto > merged {
                return Some(frame);
            }
        }
        None
    }
}
