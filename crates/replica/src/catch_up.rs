//! Catching up: one pull an origin at a time, its pages held back until the sender's cut is reached, so that no half-way state is
//! ever decided on.
//!
//! A page is complete for (after, upto] *together with all later ones up to the cut*: a key that was written again behind the page is
//! left out of it. Hence nothing of a pull is published, and the clock does not move, before its last page; and a pull whose source
//! falls silent begins anew with another, which may not know what the first one left out.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::{Continuation, Frame, NodeId, Origin, Record};

/// A pull whose source is silent for this long begins anew with another: several round trips on earth, less than a person notices.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// Pulls under way at once: repair must not crowd out what is new.
const PULLS_MAX: usize = 16;
/// Bytes of pages that are held back, over all pulls. Past it they are written ahead of the clock, unpublished.
const STAGED_MAX: usize = 256 << 20;
/// What a record costs in memory beside its bytes.
const RECORD_OVERHEAD: usize = 64;

/// A question for a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) to: NodeId,
    pub(crate) origin: Origin,
    pub(crate) after: u64,
    pub(crate) base: u64,
}

/// One page, as a source sent it.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) frame: Frame,
    pub(crate) cut: u64,
    pub(crate) next: Continuation,
    pub(crate) replaces: bool,
}

/// What a page leads to.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// Nothing: the page was not expected, or more of it is under way.
    Wait,
    /// The source must be asked for more.
    Ask(Question),
    /// Too much is held back: these records go to the store ahead of the clock.
    Spill(Staged, Option<Question>),
    /// The cut is reached: these records, then the clock at `upto`.
    Done(Staged, u64),
}

/// Records that were held back.
#[derive(Debug, PartialEq)]
pub(crate) struct Staged {
    pub(crate) records: Vec<Record>,
    /// What this node had of the origin is void.
    pub(crate) replaces: bool,
}

#[derive(Debug)]
struct Pull {
    from: NodeId,
    heard: Duration,
    /// Where the next page must begin.
    next: u64,
    /// Tombstones collected up to here are not missed: the position that the pull began from, or the cut at which a whole state began.
    base: u64,
    staged: Vec<Record>,
    bytes: usize,
    /// The next records written void what was there.
    replaces: bool,
}

impl Pull {
    fn question(&self, origin: Origin) -> Question {
        Question { to: self.from, origin, after: self.next, base: self.base.max(self.next) }
    }

    fn take(&mut self) -> Staged {
        self.bytes = 0;
        Staged {
            records: core::mem::take(&mut self.staged),
            replaces: core::mem::take(&mut self.replaces),
        }
    }
}

/// The pulls under way.
#[derive(Debug, Default)]
pub(crate) struct Pulls {
    under_way: BTreeMap<Origin, Pull>,
}

fn size(record: &Record) -> usize {
    record.key.len() + record.value.as_ref().map_or(0, bytes::Bytes::len) + RECORD_OVERHEAD
}

impl Pulls {
    /// Begins a pull of what `origin` wrote behind `after`, unless one is under way or too many are.
    pub(crate) fn begin(
        &mut self,
        now: Duration,
        origin: Origin,
        from: NodeId,
        after: u64,
    ) -> Option<Question> {
        if self.under_way.contains_key(&origin) || self.under_way.len() >= PULLS_MAX {
            return None;
        }
        let pull = Pull {
            from,
            heard: now,
            next: after,
            base: after,
            staged: Vec::new(),
            bytes: 0,
            replaces: false,
        };
        let question = pull.question(origin);
        self.under_way.insert(origin, pull);
        Some(question)
    }

    /// Takes a page. Pages that nobody asked for, that come twice or out of their order change nothing.
    pub(crate) fn page(&mut self, now: Duration, from: NodeId, page: Page) -> Step {
        let held_back: usize = self.under_way.values().map(|p| p.bytes).sum();
        let origin = page.frame.origin;
        let Some(pull) = self.under_way.get_mut(&origin).filter(|p| p.from == from) else {
            return Step::Wait;
        };
        if page.replaces && page.frame.after == 0 {
            // What came before this page is void too: tombstones among it were collected meanwhile.
            pull.take();
            (pull.next, pull.base, pull.replaces) = (0, page.cut, true);
        } else if page.replaces || page.frame.after != pull.next {
            return Step::Wait;
        }
        pull.heard = now;
        pull.next = page.frame.upto;
        let arrived = page.frame.records.iter().map(size).sum::<usize>();
        pull.bytes += arrived;
        pull.staged.extend(page.frame.records);
        if page.next == Continuation::Done {
            let upto = pull.next;
            let staged = pull.take();
            self.under_way.remove(&origin);
            return Step::Done(staged, upto);
        }
        let ask = (page.next == Continuation::Ask).then(|| pull.question(origin));
        if held_back + arrived > STAGED_MAX {
            return Step::Spill(pull.take(), ask);
        }
        ask.map_or(Step::Wait, Step::Ask)
    }

    /// The pulls whose source is silent, with that source.
    pub(crate) fn silent(&self, now: Duration) -> Vec<(Origin, NodeId)> {
        let silent = self.under_way.iter().filter(|(_, p)| now >= p.heard + SILENCE_MAX);
        silent.map(|(origin, p)| (*origin, p.from)).collect()
    }

    /// Gives up the pulls of other origins than these.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Origin) -> bool) {
        self.under_way.retain(|origin, _| keep(origin));
    }

    /// Gives a pull up; whatever it held back is forgotten.
    pub(crate) fn abandon(&mut self, origin: Origin) {
        self.under_way.remove(&origin);
    }
}

#[cfg(test)]
mod tests;
