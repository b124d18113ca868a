//! A node's disk: what was written is seen at once, and outlives the node once a sync has made it durable.

use std::collections::VecDeque;

use tidegate_replica::{Clock, Frame, MergeId};

use super::{
    bug::Bug,
    state::{Rows, State},
};

/// What must happen once a write is durable.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// A merge of the machine.
    Merged { id: MergeId, publish: bool },
    /// A voter applied its log. `leads`: it sends the frames out.
    Applied { frames: Vec<Frame>, leads: bool },
    /// Nothing.
    Nothing,
}

/// A write on its way to be durable.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) rows: Rows,
    pub(crate) then: Then,
}

/// A disk.
#[derive(Debug)]
pub(crate) struct Disk {
    /// What the node sees.
    pub(crate) written: State,
    /// What survives it.
    pub(crate) durable: State,
    /// Writes that are not durable yet, the oldest first.
    pub(crate) pending: VecDeque<Pending>,
    /// How many of them the sync that runs will cover; 0: none runs.
    pub(crate) syncing: usize,
    /// Every read of a range fails.
    pub(crate) unreadable: bool,
    bug: Bug,
}

impl Disk {
    pub(crate) fn new(bug: Bug, page_records: usize) -> Self {
        Self {
            written: State::new(bug, page_records),
            durable: State::new(bug, page_records),
            pending: VecDeque::new(),
            syncing: 0,
            unreadable: false,
            bug,
        }
    }

    /// Writes; durable after the next sync that begins.
    pub(crate) fn write(&mut self, rows: Rows, then: Then) {
        self.written.apply(&rows);
        if self.bug == Bug::ClockFirst && rows.clock.iter().next().is_some() {
            // Two steps where one was asked for: the clock, and then what it covers.
            let clock = Rows { clock: rows.clock.clone(), ..Rows::default() };
            self.pending.push_back(Pending { rows: clock, then: Then::Nothing });
        }
        self.pending.push_back(Pending { rows, then });
    }

    /// The sync that ran is over: what it covered is durable.
    pub(crate) fn synced(&mut self) -> Vec<Pending> {
        let done: Vec<Pending> =
            self.pending.drain(..self.syncing.min(self.pending.len())).collect();
        self.syncing = 0;
        if self.bug != Bug::SkipSync {
            for pending in &done {
                self.durable.apply(&pending.rows);
            }
        }
        done
    }

    /// What the node may decide on.
    pub(crate) fn view(&self) -> &State {
        match self.bug {
            Bug::SkipSync | Bug::PublishBeforeDurable => &self.written,
            _ => &self.durable,
        }
    }

    /// The power goes: of the writes that were not durable the first `kept` are there nevertheless.
    pub(crate) fn lose_unsynced(&mut self, kept: usize) -> usize {
        let lost = self.pending.len().saturating_sub(kept);
        for pending in self.pending.drain(..).take(kept) {
            self.durable.apply(&pending.rows);
        }
        self.durable = self.durable.reopened();
        self.written = self.durable.clone();
        self.syncing = 0;
        lost
    }

    /// What a restart begins from.
    pub(crate) fn clock(&self) -> Clock {
        self.durable.clock.clone()
    }
}
