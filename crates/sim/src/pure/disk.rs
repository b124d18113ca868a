//! A node's disk: what was written is seen at once, and outlives the node once a sync has made it durable.

use std::collections::VecDeque;

use bytes::Bytes;
use tidegate_replica::{Clock, Dot, Frame, GroupId, MergeId, Record};

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
    /// The node wrote something itself.
    Appended { record: Record },
    /// Nothing.
    Nothing,
}

/// A row that is no longer what was written, unless it was written anew since.
#[derive(Clone, Debug)]
pub(crate) struct Rot {
    pub(crate) group: GroupId,
    pub(crate) key: Bytes,
    dot: Dot,
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
    /// There is no room for what would become durable.
    pub(crate) full: bool,
    /// The power goes in the middle of a write: the batch behind those that are kept is there in part.
    pub(crate) torn: bool,
    rot: Option<Rot>,
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
            full: false,
            torn: false,
            rot: None,
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

    /// A row of what is durable rots, the `number`th counted round. Gives whether there was one.
    pub(crate) fn rot(&mut self, number: u64) -> bool {
        let all = self.durable.groups.iter();
        let rows = all.flat_map(|(g, rows)| rows.records.iter().map(|(k, r)| (*g, k, r.dot)));
        let many = rows.clone().count().max(1);
        let place = usize::try_from(number).unwrap_or(0) % many;
        self.rot =
            rows.clone().nth(place).map(|(group, key, dot)| Rot { group, key: key.clone(), dot });
        if let Some(Rot { group, key, .. }) =
            self.rot.as_ref().filter(|_| self.bug == Bug::RotServed)
        {
            self.durable.damage(*group, key);
            self.written.damage(*group, key);
        }
        self.rot.is_some()
    }

    fn rotten_in(&self, state: &State) -> Option<&Rot> {
        let stands = |rot: &&Rot| state.record(rot.group, &rot.key).map(|r| r.dot) == Some(rot.dot);
        self.rot.as_ref().filter(|_| self.bug != Bug::RotServed).filter(stands)
    }

    /// The rotten row among those that the node reads, where there is one.
    pub(crate) fn rotten(&self) -> Option<&Rot> {
        self.rotten_in(&self.written)
    }

    /// Whether a restart, which reads everything, would find a rotten row.
    pub(crate) fn is_damaged(&self) -> bool {
        self.rotten_in(&self.durable).is_some()
    }

    /// The sync that ran is over: what it covered is durable.
    pub(crate) fn synced(&mut self) -> Vec<Pending> {
        let done: Vec<Pending> =
            self.pending.drain(..self.syncing.min(self.pending.len())).collect();
        self.syncing = 0;
        if self.bug != Bug::SkipSync && !self.full {
            for pending in &done {
                self.durable.apply(&pending.rows);
            }
        }
        done
    }

    /// What the node may decide on.
    pub(crate) fn view(&self) -> &State {
        match self.bug {
            Bug::SkipSync | Bug::PublishBeforeDurable | Bug::FullIsDone => &self.written,
            _ => &self.durable,
        }
    }

    /// The power goes: of the writes that were not durable the first `kept` are there nevertheless.
    pub(crate) fn lose_unsynced(&mut self, kept: usize) -> usize {
        let lost = self.pending.len().saturating_sub(kept);
        let torn = core::mem::take(&mut self.torn) && self.bug == Bug::TornApplied;
        for (place, mut pending) in self.pending.drain(..).enumerate().take(kept + 1) {
            if place == kept {
                if !torn {
                    break;
                }
                let half = pending.rows.records.len() / 2;
                pending.rows.records.truncate(half);
            }
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
