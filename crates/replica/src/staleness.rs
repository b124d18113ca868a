//! How old the view may be, without comparing two machines' clocks.
//!
//! I ask a voter "how far is your group?" at my own time t0. It answers with a position that a quorum confirmed after the question
//! had arrived. Once my published view covers that position, the view is no older than t0. Only my own clock is ever read.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use crate::{Clock, GroupId, NodeId, Origin};

/// Echoes that wait for the view to catch up. Past it the oldest are forgotten: newer ones tell more.
const WAITING_MAX: usize = 1_024;
/// Questions under way. Past it the oldest are forgotten.
const ASKED_MAX: usize = 4_096;

/// The bounds of all groups.
#[derive(Debug, Default)]
pub(crate) struct Staleness {
    asked: BTreeMap<u64, Duration>,
    waiting: VecDeque<(Origin, u64, Duration)>,
    fresh_since: BTreeMap<GroupId, Duration>,
    answered: BTreeMap<GroupId, NodeId>,
}

impl Staleness {
    /// A question leaves now.
    pub(crate) fn asked(&mut self, now: Duration, nonce: u64) {
        self.asked.insert(nonce, now);
        while self.asked.len() > ASKED_MAX {
            self.asked.pop_first();
        }
    }

    /// The answer to a question.
    pub(crate) fn echoed(&mut self, from: NodeId, nonce: u64, positions: &[(Origin, u64)], published: &Clock) {
        let Some(t0) = self.asked.remove(&nonce) else { return };
        for (origin, position) in positions {
            if let Some(group) = origin.group() {
                self.answered.insert(group, from);
            }
            self.waiting.push_back((*origin, *position, t0));
        }
        while self.waiting.len() > WAITING_MAX {
            self.waiting.pop_front();
        }
        self.published(published);
    }

    /// The view was published at these positions.
    pub(crate) fn published(&mut self, published: &Clock) {
        let fresh = &mut self.fresh_since;
        self.waiting.retain(|(origin, position, t0)| {
            let covered = published.get(*origin) >= *position;
            if let (true, Some(group)) = (covered, origin.group()) {
                let since = fresh.entry(group).or_default();
                *since = (*since).max(*t0);
            }
            !covered
        });
    }

    /// Since when the view of a group is known to be complete.
    pub(crate) fn fresh_since(&self, group: GroupId) -> Option<Duration> {
        self.fresh_since.get(&group).copied()
    }

    /// Who answered for a group last.
    pub(crate) fn answered(&self, group: GroupId) -> Option<NodeId> {
        self.answered.get(&group).copied()
    }

    /// Nobody answered for this group: whoever did before is not asked first any more.
    pub(crate) fn forget(&mut self, group: GroupId) {
        self.answered.remove(&group);
    }
}
