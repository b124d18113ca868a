//! One node of a pure world: a machine, its disk, its clock, and what its driver remembers.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tidegate_replica::{GroupId, NodeId, Origin, Records, Replica};

use super::{
    clocks::LocalClock,
    disk::{Disk, Rot},
    state::{Rotten, Unreadable},
    world::Event,
};

/// How long a sync takes on a disk that is well.
pub(crate) const SYNC: Duration = Duration::from_millis(3);

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) region: usize,
    /// `None` while it is down.
    pub(crate) replica: Option<Replica>,
    pub(crate) disk: Disk,
    pub(crate) clock: LocalClock,
    /// Events of an earlier life say nothing to a later one.
    pub(crate) life: u32,
    pub(crate) paused: bool,
    /// What came meanwhile.
    pub(crate) inbox: Vec<Event>,
    /// Groups that it votes in.
    pub(crate) votes: Vec<GroupId>,
    /// Groups that it was elected to lead, until it hears of another leader.
    pub(crate) thinks_it_leads: BTreeSet<GroupId>,
    pub(crate) sync_takes: Duration,
    /// The next sync fails.
    pub(crate) disk_fails: bool,
    /// The power goes in the middle of the next sync.
    pub(crate) tears: bool,
    /// It has read a row that is not what was written.
    pub(crate) damaged: bool,
    /// Up to where it has told what it wrote itself.
    pub(crate) told: u64,
    /// For the bugs: questions that are under way, and the last word of each voter.
    pub(crate) asked: BTreeSet<Origin>,
    pub(crate) echoes: BTreeMap<NodeId, Vec<(Origin, u64)>>,
}

impl Node {
    pub(crate) fn new(region: usize, disk: Disk) -> Self {
        Self {
            region,
            replica: None,
            disk,
            clock: LocalClock::new(Duration::ZERO, Duration::ZERO, 0),
            life: 0,
            paused: false,
            inbox: Vec::new(),
            votes: Vec::new(),
            thinks_it_leads: BTreeSet::new(),
            sync_takes: SYNC,
            disk_fails: false,
            tears: false,
            damaged: false,
            told: 0,
            asked: BTreeSet::new(),
            echoes: BTreeMap::new(),
        }
    }

    /// Whether it does anything now.
    pub(crate) fn acts(&self) -> bool {
        self.replica.is_some() && !self.paused
    }

    /// Its machine at work: with the time of its clock and the records that it may read.
    pub(crate) fn with<R>(
        &mut self,
        now: Duration,
        work: impl FnOnce(&mut Replica, Duration, &dyn Records) -> R,
    ) -> Option<R> {
        let local = self.clock.at(now);
        let replica = self.replica.as_mut()?;
        Some(if self.disk.unreadable {
            work(replica, local, &Unreadable(&self.disk.written))
        } else if let Some(Rot { key, .. }) = self.disk.rotten() {
            let found = Cell::new(false);
            let done =
                work(replica, local, &Rotten { state: &self.disk.written, key, found: &found });
            self.damaged |= found.get();
            done
        } else {
            work(replica, local, &self.disk.written)
        })
    }

    /// The power goes. Gives how many writes are lost.
    pub(crate) fn stop(&mut self, kept: usize) -> usize {
        self.replica = None;
        self.life += 1;
        self.inbox.clear();
        self.asked.clear();
        self.echoes.clear();
        self.thinks_it_leads.clear();
        self.disk_fails = false;
        self.tears = false;
        self.disk.lose_unsynced(kept)
    }
}
