//! A store in memory, as naive as can be: the second implementation that the machine is checked against.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    Clock, GroupId, Header, MergeBatch, Origin, RangePage, Record, Records, Replaced, StateDigest,
};

/// Records of one page, so that a catch-up takes several.
const PAGE_RECORDS: usize = 3;

/// Records, clock, floors and digests; all of it durable at once.
#[derive(Clone, Default)]
pub(super) struct Memory {
    pub(super) records: BTreeMap<Bytes, Record>,
    pub(super) clock: Clock,
    digests: BTreeMap<GroupId, StateDigest>,
    floors: BTreeMap<Origin, u64>,
}

fn group(record: &Record) -> GroupId {
    record.dot.origin.group().unwrap_or_default()
}

impl Memory {
    /// Writes a record where it is newer than what stands.
    pub(super) fn write(&mut self, record: &Record) {
        if self.records.get(&record.key).is_some_and(|old| old.stamp >= record.stamp) {
            return;
        }
        let digest = self.digests.entry(group(record)).or_default();
        digest.add(record);
        if let Some(old) = self.records.insert(record.key.clone(), record.clone()) {
            digest.remove(&old);
        }
    }

    /// One batch, atomically.
    pub(super) fn merge(&mut self, batch: &MergeBatch) {
        if let Some(Replaced { origin, kept }) = &batch.replaced {
            let kept =
                |key: &Bytes| kept.contains(key) || batch.writes.iter().any(|w| w.key == *key);
            let void: Vec<Record> = self
                .records
                .values()
                .filter(|r| r.dot.origin == *origin && !kept(&r.key))
                .cloned()
                .collect();
            for record in void {
                self.records.remove(&record.key);
                self.digests.entry(group(&record)).or_default().remove(&record);
            }
            // What was collected here before is collected at the source, too, or comes anew as tombstone.
            self.floors.insert(*origin, batch.clock.get(*origin));
        }
        batch.writes.iter().for_each(|record| self.write(record));
        self.clock.join(&batch.clock);
    }

    /// Forgets tombstones up to a position.
    pub(super) fn collect(&mut self, origin: Origin, upto: u64) {
        let upto = upto.min(self.clock.get(origin));
        self.records
            .retain(|_, r| r.value.is_some() || r.dot.origin != origin || r.dot.sequence > upto);
        let floor = self.floors.entry(origin).or_default();
        *floor = upto.max(*floor);
    }

    pub(super) fn digest(&self, group: GroupId) -> StateDigest {
        self.digests.get(&group).copied().unwrap_or_default()
    }

    pub(super) fn live(&self) -> BTreeMap<&Bytes, &Record> {
        self.records.iter().filter(|(_, r)| r.value.is_some()).collect()
    }
}

impl Records for Memory {
    fn header(&self, key: &[u8]) -> Option<Header> {
        self.records.get(key).map(|r| Header { stamp: r.stamp, dot: r.dot })
    }

    fn range(&self, origin: Origin, after: u64, _limit_bytes: usize) -> RangePage {
        let behind = |r: &&Record| r.dot.origin == origin && r.dot.sequence > after;
        let mut all: Vec<_> = self.records.values().filter(behind).cloned().collect();
        all.sort_by_key(|r| r.dot.sequence);
        let more = all.len() > PAGE_RECORDS;
        all.truncate(PAGE_RECORDS);
        let (last, end) = (all.last().map_or(after, |r| r.dot.sequence), self.clock.get(origin));
        RangePage { records: all, upto: if more { last } else { last.max(end) }, more, end }
    }

    fn floor(&self, origin: Origin) -> u64 {
        self.floors.get(&origin).copied().unwrap_or(0)
    }
}
