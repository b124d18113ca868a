//! Catching up: one pull an origin at a time, its pages held back until the sender's cut is reached, so that no half-way state is
//! ever decided on.
//!
//! A page is complete for (after, upto] *together with all later ones up to the cut*: a key that was written again behind the page is
//! left out of it. Hence nothing of a pull is published, and the clock does not move, before its last page. A source that is silent is
//! asked again for the page that did not come; with another source the pull begins anew, since that one may not know what was left out.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::{Continuation, Frame, NodeId, Origin, Record};

/// A source that is silent for this long is asked again: more than two round trips on earth.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// How often a source is asked again before the pull begins anew with another.
pub(crate) const RETRIES: u32 = 2;
/// Each time that it begins anew it asks twice as often, up to this: a link that is only slow must not be given up for ever.
const RETRIES_MAX: u32 = 16;
/// Pages of one pull that may wait for their turn: as many as one question brings, twice.
const EARLY_MAX: usize = 2 * PAGES_AT_ONCE;
/// Bytes of one page: small enough that nothing on its connection waits long behind it.
pub(crate) const PAGE_BYTES: usize = 256 << 10;
/// Pages that one question brings: with one, a catch-up would move a page a round trip.
pub(crate) const PAGES_AT_ONCE: usize = 4;
/// Bytes that one question brings.
pub(crate) const ANSWER_BYTES: usize = PAGES_AT_ONCE * PAGE_BYTES;
/// Pulls of groups under way at once: repair must not crowd out what is new. As many again of nodes: what they write waits for no group.
const PULLS_MAX: usize = 16;
/// Bytes of pages that are held back, over all pulls. Past it they are written ahead of the clock, unpublished.
const STAGED_MAX: usize = 256 << 20;

/// A question for a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) to: NodeId,
    pub(crate) origin: Origin,
    pub(crate) after: u64,
    pub(crate) base: u64,
    pub(crate) nonce: u64,
}

/// One page, as a source sent it.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) nonce: u64,
    pub(crate) answer: u64,
    pub(crate) frame: Frame,
    pub(crate) cut: u64,
    pub(crate) next: Continuation,
    pub(crate) replaces: bool,
}

/// A source that owes an answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Silence {
    pub(crate) origin: Origin,
    pub(crate) source: NodeId,
    /// It was asked often enough.
    pub(crate) hopeless: bool,
    /// How often to ask the next one again.
    pub(crate) retries: u32,
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
    /// They end a whole state: of the origin everything is void but them and these keys, which came with it earlier.
    pub(crate) replaces: Option<BTreeSet<Bytes>>,
    /// What vouches for the state at the end, where this is the end and the source gave it.
    pub(crate) proof: Option<Bytes>,
    /// Whether others of the same pull went to the store before.
    pub(crate) spilled: bool,
}

#[derive(Debug)]
struct Pull {
    from: NodeId,
    /// Names the last question: pages of an earlier one were made of an older state and don't fit to those of this one.
    nonce: u64,
    /// The answer to it whose pages are taken: where the question came twice, another was made of another state.
    answer: Option<u64>,
    heard: Duration,
    /// How often it may be asked again until it is heard.
    retries: u32,
    /// How often it was.
    retried: u32,
    /// Where the next page must begin.
    next: u64,
    /// Tombstones collected up to here are not missed: the position that the pull began from, or the cut at which a whole state began.
    base: u64,
    staged: Vec<Record>,
    /// How far a source of these pages was: what is staged is complete only together with everything up to here.
    cut: u64,
    /// Pages that came before their turn, by what they begin behind.
    early: BTreeMap<u64, Page>,
    bytes: usize,
    /// A whole state is under way: the keys of it that were written already. What was there before is void only at its end, so that a
    /// pull that is given up, or a node that restarts, has lost nothing.
    written: Option<BTreeSet<Bytes>>,
    /// The question that a whole state answered.
    replaced_by: Option<u64>,
    /// What vouches for the state at the end of the last page.
    proof: Option<Bytes>,
    /// Whether records went to the store before the end.
    spilled: bool,
}

impl Pull {
    fn ask(&mut self, origin: Origin, nonce: u64) -> Question {
        self.nonce = nonce;
        self.answer = None;
        self.early.clear();
        let base = self.base.max(self.next);
        Question { to: self.from, origin, after: self.next, base, nonce }
    }

    /// Holds a page back whose turn has come.
    fn stage(&mut self, page: Page) -> Continuation {
        self.next = page.frame.upto;
        self.cut = self.cut.max(page.cut);
        self.bytes += page.frame.size();
        self.proof = page.frame.proof;
        self.staged.extend(page.frame.records);
        page.next
    }

    /// Records that go to the store before the end.
    fn spill(&mut self) -> Staged {
        self.bytes = 0;
        let records = core::mem::take(&mut self.staged);
        if let Some(written) = &mut self.written {
            written.extend(records.iter().map(|r| r.key.clone()));
        }
        Staged {
            records,
            replaces: None,
            proof: None,
            spilled: core::mem::replace(&mut self.spilled, true),
        }
    }

    fn finish(&mut self) -> Staged {
        let replaces = self.written.take();
        Staged { replaces, proof: self.proof.take(), ..self.spill() }
    }
}

/// The pulls under way.
#[derive(Debug)]
pub(crate) struct Pulls {
    under_way: BTreeMap<Origin, Pull>,
    nonce: u64,
}

impl Pulls {
    /// No pull is under way. Nonces begin with `nonce`, which no earlier life of this node may have come near.
    pub(crate) fn new(nonce: u64) -> Self {
        Self { under_way: BTreeMap::new(), nonce }
    }

    /// Begins a pull of what `origin` wrote behind `after`, unless one is under way or too many are.
    pub(crate) fn begin(
        &mut self,
        now: Duration,
        origin: Origin,
        from: NodeId,
        after: u64,
        retries: u32,
    ) -> Option<Question> {
        let alike = |other: &&Origin| other.group().is_some() == origin.group().is_some();
        let count = self.under_way.keys().filter(alike).count();
        if self.under_way.contains_key(&origin) || count >= PULLS_MAX {
            return None;
        }
        let mut pull = Pull {
            from,
            nonce: 0,
            answer: None,
            heard: now,
            retries,
            retried: 0,
            next: after,
            base: after,
            staged: Vec::new(),
            cut: 0,
            early: BTreeMap::new(),
            bytes: 0,
            written: None,
            replaced_by: None,
            proof: None,
            spilled: false,
        };
        self.nonce += 1;
        let question = pull.ask(origin, self.nonce);
        self.under_way.insert(origin, pull);
        Some(question)
    }

    /// Takes a page. Pages that nobody asked for or that come twice change nothing; those that come early wait for their turn.
    pub(crate) fn page(&mut self, now: Duration, from: NodeId, page: Page) -> Step {
        let held_back: usize = self.under_way.values().map(|p| p.bytes).sum();
        let origin = page.frame.origin;
        self.nonce += 1;
        let asked = |p: &&mut Pull| {
            p.from == from && p.nonce == page.nonce && p.answer.is_none_or(|a| a == page.answer)
        };
        let Some(pull) = self.under_way.get_mut(&origin).filter(asked) else {
            return Step::Wait;
        };
        if page.replaces && pull.replaced_by != Some(page.nonce) {
            if page.cut <= pull.base {
                return Step::Wait;
            }
            // What came before this answer is void too: tombstones among it were collected meanwhile.
            (pull.bytes, pull.next, pull.base, pull.cut) = (0, 0, page.cut, 0);
            pull.staged.clear();
            pull.written = Some(BTreeSet::new());
            pull.replaced_by = Some(page.nonce);
        }
        if page.frame.after < pull.next || page.frame.upto < page.frame.after {
            return Step::Wait;
        }
        (pull.heard, pull.retried) = (now, 0);
        pull.answer = Some(page.answer);
        pull.early.insert(page.frame.after, page);
        if pull.early.len() > EARLY_MAX {
            pull.early.pop_last();
        }
        let mut step = Step::Wait;
        while let Some(page) = pull.early.remove(&pull.next) {
            match pull.stage(page) {
                // The source has lost its store since it began to answer.
                Continuation::Done if pull.next < pull.cut => {
                    self.under_way.remove(&origin);
                    return Step::Wait;
                }
                Continuation::Done => {
                    let (staged, upto) = (pull.finish(), pull.next);
                    self.under_way.remove(&origin);
                    return Step::Done(staged, upto);
                }
                Continuation::Ask => step = Step::Ask(pull.ask(origin, self.nonce)),
                Continuation::Follows => {}
            }
        }
        if held_back.max(pull.bytes) > STAGED_MAX {
            let question = if let Step::Ask(question) = step { Some(question) } else { None };
            return Step::Spill(pull.spill(), question);
        }
        step
    }

    /// The sources that owe an answer.
    pub(crate) fn silent(&self, now: Duration) -> Vec<Silence> {
        let silent = self.under_way.iter().filter(|(_, p)| now >= p.heard + PATIENCE);
        let silence = |(origin, pull): (&Origin, &Pull)| Silence {
            origin: *origin,
            source: pull.from,
            hopeless: pull.retried >= pull.retries,
            retries: RETRIES_MAX.min(2 * pull.retries),
        };
        silent.map(silence).collect()
    }

    /// The question for the page that has not come.
    pub(crate) fn ask_again(&mut self, now: Duration, origin: Origin) -> Option<Question> {
        let pull = self.under_way.get_mut(&origin)?;
        pull.heard = now;
        pull.retried += 1;
        self.nonce += 1;
        Some(pull.ask(origin, self.nonce))
    }

    /// Gives up the pulls of other origins than these.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Origin) -> bool) {
        self.under_way.retain(|origin, _| keep(origin));
    }

    /// Who is being asked for what `origin` wrote.
    pub(crate) fn source(&self, origin: Origin) -> Option<NodeId> {
        self.under_way.get(&origin).map(|pull| pull.from)
    }

    /// Gives a pull up; whatever it held back is forgotten.
    pub(crate) fn abandon(&mut self, origin: Origin) {
        self.under_way.remove(&origin);
    }
}

#[cfg(test)]
mod tests;
