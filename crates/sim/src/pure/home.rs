//! A group as its home has it: a log with a leader. Consensus is taken for granted here; what it may and may not do is not.
//!
//! A leader commits only while it can talk to a majority, and answers a `ReadIndex` only then; who can't be led for long elects another.

use std::time::Duration;

use bytes::Bytes;
use imbl::OrdMap;
use tidegate_replica::{Dot, Frame, GroupId, NodeId, Origin, Record, Stamp, StateDigest};

/// The records of a group at one position.
pub(crate) type Fold = OrdMap<Bytes, Record>;

/// One commit.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// When, in true time.
    pub(crate) at: Duration,
    pub(crate) frame: Frame,
    /// The state behind it; empty in a world of scale.
    pub(crate) fold: Fold,
    pub(crate) digest: StateDigest,
}

/// A group.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) group: GroupId,
    pub(crate) voters: Vec<NodeId>,
    pub(crate) leader: NodeId,
    /// Since when it can't commit.
    pub(crate) stuck_since: Option<Duration>,
    pub(crate) entries: Vec<Entry>,
    /// Whether each position's state is kept.
    keeps_folds: bool,
    fold: Fold,
    digest: StateDigest,
}

/// The origin of a group.
pub(crate) fn origin(group: GroupId) -> Origin {
    Origin::Group { group, generation: 0 }
}

impl Home {
    pub(crate) fn new(group: GroupId, voters: Vec<NodeId>, keeps_folds: bool) -> Self {
        Self {
            group,
            leader: voters.first().copied().unwrap_or_default(),
            voters,
            stuck_since: None,
            entries: Vec::new(),
            keeps_folds,
            fold: Fold::new(),
            digest: StateDigest::default(),
        }
    }

    /// Begins behind what all have from the start.
    pub(crate) fn begin_at(&mut self, position: u64) {
        let origin = origin(self.group);
        let frame = Frame {
            origin,
            after: 0,
            upto: position,
            records: Vec::new(),
            trace: None,
            proof: None,
        };
        let (at, fold, digest) = (Duration::ZERO, Fold::new(), StateDigest::default());
        self.entries.push(Entry { at, frame, fold, digest });
    }

    /// Where the log ends.
    pub(crate) fn end(&self) -> u64 {
        self.entries.last().map_or(0, |e| e.frame.upto)
    }

    /// What was committed behind a position.
    pub(crate) fn behind(&self, position: u64) -> &[Entry] {
        let start = self.entries.partition_point(|e| e.frame.upto <= position);
        self.entries.get(start..).unwrap_or_default()
    }

    /// The commit that ends at a position.
    pub(crate) fn at(&self, position: u64) -> Option<&Entry> {
        let place = self.entries.partition_point(|e| e.frame.upto < position);
        self.entries.get(place).filter(|e| e.frame.upto == position)
    }

    /// Up to where a voter that hears the leader `delay` late has the log.
    pub(crate) fn end_at(&self, time: Duration) -> u64 {
        let by_then = self.entries.partition_point(|e| e.at <= time);
        by_then.checked_sub(1).and_then(|last| self.entries.get(last)).map_or(0, |e| e.frame.upto)
    }

    /// Commits values of keys, `hole` positions behind the last commit: what emits no record leaves holes. None at all is a blank entry.
    pub(crate) fn commit(
        &mut self,
        at: Duration,
        hole: u64,
        values: Vec<(Bytes, Option<Bytes>)>,
    ) -> u64 {
        let after = self.end();
        let upto = after + 1 + hole;
        let origin = origin(self.group);
        let record = |(key, value)| Record {
            key,
            value,
            stamp: Stamp { epoch: 0, revision: upto },
            dot: Dot { origin, sequence: upto },
        };
        let records: Vec<Record> = values.into_iter().map(record).collect();
        for record in &records {
            self.digest.add(record);
            if let Some(old) = self.fold.insert(record.key.clone(), record.clone()) {
                self.digest.remove(&old);
            }
        }
        let frame = Frame { origin, after, upto, records, trace: None, proof: None };
        let fold = if self.keeps_folds { self.fold.clone() } else { Fold::new() };
        self.entries.push(Entry { at, frame, fold, digest: self.digest });
        upto
    }

    /// The newest value of a key.
    pub(crate) fn newest(&self, key: &[u8]) -> Option<&Record> {
        self.fold.get(key)
    }
}
