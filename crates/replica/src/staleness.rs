//! How old the view may be, without comparing two machines' clocks.
//!
//! I ask a voter "how far is your group?" at my own time t0. It answers with a position that a quorum confirmed after the question
//! had arrived. Once my published view covers that position, the view is no older than t0. Only my own clock is ever read.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::{Clock, GroupId, NodeId, Origin};

/// Echoes that wait for the view to catch up. Past it the oldest are forgotten: newer ones tell more.
const WAITING_MAX: usize = 4_096;
/// Questions under way. Past it the oldest are forgotten.
const ASKED_MAX: usize = 4_096;
/// A voter that owes an answer for this long is not asked any more: longer than any round trip on earth and a quorum's word.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Question {
    to: NodeId,
    at: Duration,
    groups: Vec<GroupId>,
}

/// An answer that the view does not cover yet.
#[derive(Debug)]
struct Waiting {
    origin: Origin,
    position: u64,
    asked: Duration,
}

#[derive(Debug, Default)]
struct Bound {
    /// The view is complete as of this time.
    since: Option<Duration>,
    /// Which of the voters is asked.
    turn: usize,
    source: Option<NodeId>,
    /// Since when the source owes an answer.
    owes: Option<Duration>,
}

impl Bound {
    fn pass_on(&mut self) {
        self.turn = self.turn.wrapping_add(1);
        self.owes = None;
    }
}

/// The bounds of all groups.
#[derive(Debug, Default)]
pub(crate) struct Staleness {
    asked: BTreeMap<u64, Question>,
    waiting: VecDeque<Waiting>,
    bounds: BTreeMap<GroupId, Bound>,
}

impl Staleness {
    /// Whom to ask for a group now: the same voter as long as it answers, else the next one. `None` where there is no voter.
    pub(crate) fn source(
        &mut self,
        now: Duration,
        group: GroupId,
        voters: &[NodeId],
    ) -> Option<NodeId> {
        let bound = self.bounds.entry(group).or_default();
        if bound.owes.is_some_and(|since| now > since + PATIENCE) {
            bound.pass_on();
        }
        bound.source = voters.get(bound.turn.checked_rem(voters.len())?).copied();
        bound.owes.get_or_insert(now);
        bound.source
    }

    /// A question leaves now. Nonces must grow, and no earlier life of this node may have used them.
    pub(crate) fn asked(&mut self, now: Duration, nonce: u64, to: NodeId, groups: Vec<GroupId>) {
        self.asked.insert(nonce, Question { to, at: now, groups });
        while self.asked.len() > ASKED_MAX {
            self.asked.pop_first();
        }
    }

    /// The answer to a question. Answers that nobody asked for, or not this node, change nothing.
    pub(crate) fn echoed(
        &mut self,
        from: NodeId,
        nonce: u64,
        positions: &[(Origin, u64)],
        published: &Clock,
    ) {
        if self.asked.get(&nonce).is_none_or(|q| q.to != from) {
            return;
        }
        let Some(question) = self.asked.remove(&nonce) else { return };
        for group in question.groups {
            let confirmed = positions.iter().find(|(origin, _)| origin.group() == Some(group));
            let bound = self.bounds.entry(group).or_default();
            if let Some((origin, position)) = confirmed {
                bound.owes = None;
                let asked = question.at;
                self.waiting.push_back(Waiting { origin: *origin, position: *position, asked });
            } else if bound.source == Some(from) {
                // It does not lead the group; one answer of several under way passes the question on.
                bound.pass_on();
                bound.source = None;
            }
        }
        while self.waiting.len() > WAITING_MAX {
            self.waiting.pop_front();
        }
        self.published(published);
    }

    /// The view was published at these positions.
    pub(crate) fn published(&mut self, published: &Clock) {
        let bounds = &mut self.bounds;
        self.waiting.retain(|w| {
            let covered = published.get(w.origin) >= w.position;
            if let (true, Some(group)) = (covered, w.origin.group()) {
                let bound = bounds.entry(group).or_default();
                bound.since = bound.since.max(Some(w.asked));
            }
            !covered
        });
    }

    /// Since when the view of a group is known to be complete.
    pub(crate) fn fresh_since(&self, group: GroupId) -> Option<Duration> {
        self.bounds.get(&group).and_then(|b| b.since)
    }
}

#[cfg(test)]
mod tests;
