//! The records of one node, or of the truth: by group, with an index by dot, a clock, floors and digests.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use bytes::Bytes;
use tidegate_replica::{
    Clock, Dot, GroupId, Header, Origin, RangePage, Record, Records, Replaced, StateDigest,
};

use super::{base::Base, bug::Bug};

/// Records of one page, so that a catch-up takes several questions. A scenario of scale has larger pages.
pub(crate) const PAGE_RECORDS: usize = 3;

/// Records to be written in one atomic step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) records: Vec<Record>,
    /// Those of them that are not to be decided on.
    pub(crate) aside: Vec<Dot>,
    pub(crate) clock: Clock,
    /// They end a whole state: of its origin all else is void.
    pub(crate) replaced: Option<Replaced>,
    /// Tombstones up to here are to be forgotten.
    pub(crate) collect: Vec<(Origin, u64)>,
}

/// One group's records.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GroupRows {
    pub(crate) records: BTreeMap<Bytes, Record>,
    index: BTreeMap<(Origin, u64), Vec<Bytes>>,
    digest: StateDigest,
}

/// All records of one node at one moment.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) groups: BTreeMap<GroupId, GroupRows>,
    pub(crate) clock: Clock,
    pub(crate) aside: BTreeSet<Dot>,
    /// What is there below the records of its own; empty but in a world of scale.
    base: Base,
    floors: BTreeMap<Origin, u64>,
    page_records: usize,
    /// Hashes that were computed for digests, and bytes that went into them.
    pub(crate) hashed: (u64, u64),
    bug: Bug,
}

/// Where the records of nodes lie: beside those of the groups, and in no digest.
pub(crate) const LANES: GroupId = GroupId(u8::MAX as u32);

fn group(origin: Origin) -> GroupId {
    origin.group().unwrap_or(LANES)
}

impl State {
    pub(crate) fn new(bug: Bug, page_records: usize) -> Self {
        Self {
            groups: BTreeMap::new(),
            clock: Clock::default(),
            aside: BTreeSet::new(),
            base: Base::new(),
            floors: BTreeMap::new(),
            page_records,
            hashed: (0, 0),
            bug,
        }
    }

    /// Stands on what all have from the start.
    pub(crate) fn stand_on(&mut self, base: &Base) {
        for (group, rows) in base {
            self.groups.entry(*group).or_default().digest = rows.digest;
            self.clock.advance(super::home::origin(*group), super::base::POSITION);
        }
        self.base = base.clone();
    }

    /// The record of a key, decided on or not.
    pub(crate) fn record(&self, of: GroupId, key: &[u8]) -> Option<&Record> {
        let own = self.groups.get(&of).and_then(|g| g.records.get(key));
        own.or_else(|| self.base.get(&of)?.get(key))
    }

    /// What a decision sees of a key: a live record that was not set aside.
    pub(crate) fn decided(&self, of: GroupId, key: &[u8]) -> Option<&Record> {
        let shown = |r: &&Record| {
            r.value.is_some() && (self.bug == Bug::PoisonDecides || !self.aside.contains(&r.dot))
        };
        self.record(of, key).filter(shown)
    }

    pub(crate) fn digest(&self, of: GroupId) -> StateDigest {
        self.groups.get(&of).map(|g| g.digest).unwrap_or_default()
    }

    /// The digest's bytes for each group that has a position in `clock`.
    pub(crate) fn digests(&self, clock: &Clock) -> Vec<(GroupId, [u8; 32])> {
        let groups = clock.iter().filter_map(|(origin, _)| origin.group());
        groups.map(|g| (g, self.digest(g).to_bytes())).collect()
    }

    fn hash(&mut self, record: &Record) {
        if record.value.is_some() {
            self.hashed.0 += 1;
            self.hashed.1 += record.size() as u64;
        }
    }

    fn forget(&mut self, of: GroupId, key: &Bytes) -> Option<Record> {
        let rows = self.groups.get_mut(&of)?;
        let Some(old) = rows.records.remove(key) else {
            // What stands below goes out of the digest, and is never looked at again once something stands above it.
            let old = self.base.get(&of)?.get(key)?.clone();
            rows.digest.remove(&old);
            self.hash(&old);
            return Some(old);
        };
        let place = (old.dot.origin, old.dot.sequence);
        if let Some(keys) = rows.index.get_mut(&place) {
            keys.retain(|k| k != key);
            if keys.is_empty() {
                rows.index.remove(&place);
            }
        }
        if self.bug != Bug::DigestNotUpdated {
            rows.digest.remove(&old);
        }
        self.aside.remove(&old.dot);
        self.hash(&old);
        Some(old)
    }

    /// Writes a record where it is newer than what stands.
    pub(crate) fn write(&mut self, record: &Record) {
        let of = group(record.dot.origin);
        let stands = self.record(of, &record.key).map(|old| old.stamp);
        if stands.is_some_and(|stands| stands >= record.stamp) {
            return;
        }
        self.forget(of, &record.key);
        if self.bug == Bug::ForgetTombstone && record.value.is_none() {
            return;
        }
        self.hash(record);
        let rows = self.groups.entry(of).or_default();
        rows.digest.add(record);
        rows.records.insert(record.key.clone(), record.clone());
        let place = (record.dot.origin, record.dot.sequence);
        rows.index.entry(place).or_default().push(record.key.clone());
    }

    /// One step, atomically.
    pub(crate) fn apply(&mut self, rows: &Rows) {
        if let Some(Replaced { origin, kept }) = &rows.replaced
            && self.bug != Bug::OldStateKept
        {
            let kept: BTreeSet<&Bytes> = rows.records.iter().map(|r| &r.key).chain(kept).collect();
            let of = group(*origin);
            let all = self.groups.get(&of).map(|g| &g.records).into_iter().flatten();
            let void: Vec<Bytes> = all
                .filter(|(key, r)| r.dot.origin == *origin && !kept.contains(key))
                .map(|(key, _)| key.clone())
                .collect();
            for key in void {
                self.forget(of, &key);
            }
            // What was collected here before is collected at the source, too, or comes anew as tombstone.
            self.raise_floor(*origin, rows.clock.get(*origin));
        }
        for record in &rows.records {
            self.write(record);
        }
        let aside = rows.aside.iter().copied();
        self.aside.extend(aside);
        self.clock.join(&rows.clock);
        for (origin, upto) in &rows.collect {
            self.collect(*origin, *upto);
        }
    }

    fn raise_floor(&mut self, origin: Origin, to: u64) {
        if self.bug != Bug::CollectWithoutFloor {
            let floor = self.floors.entry(origin).or_default();
            *floor = to.max(*floor);
        }
    }

    /// Forgets tombstones up to a position.
    fn collect(&mut self, origin: Origin, upto: u64) {
        let upto = upto.min(self.clock.get(origin));
        let of = group(origin);
        let all = self.groups.get(&of).map(|g| &g.records).into_iter().flatten();
        let old =
            |r: &Record| r.value.is_none() && r.dot.origin == origin && r.dot.sequence <= upto;
        let gone: Vec<Bytes> = all.filter(|(_, r)| old(r)).map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.forget(of, &key);
        }
        self.raise_floor(origin, upto);
    }

    /// A row rots: it is no longer what was written, and nothing else knows.
    pub(crate) fn damage(&mut self, of: GroupId, key: &Bytes) {
        if let Some(record) = self.groups.get_mut(&of).and_then(|g| g.records.get_mut(key)) {
            record.value = Some("rotten".into());
        }
    }

    /// What a restart finds of it.
    pub(crate) fn reopened(&self) -> Self {
        let mut state = self.clone();
        if self.bug == Bug::FloorForgotten {
            state.floors.clear();
        }
        state
    }

    /// Live records of a group.
    pub(crate) fn live(&self, of: GroupId) -> impl Iterator<Item = &Record> {
        let rows = self.groups.get(&of).map(|g| g.records.values()).into_iter().flatten();
        rows.filter(|r| r.value.is_some())
    }
}

impl Records for State {
    fn header(&self, key: &[u8]) -> Option<Header> {
        // A key names its group in its first byte.
        let of = GroupId(u32::from(*key.first()?));
        self.record(of, key).map(|r| Header { stamp: r.stamp, dot: r.dot })
    }

    fn range(&self, origin: Origin, after: u64, _limit_bytes: usize) -> RangePage {
        let clock = self.clock.get(origin);
        let end = if self.bug == Bug::CutIsDurable { 0 } else { clock };
        let mut page = RangePage { upto: after, end, ..RangePage::default() };
        if let Some(rows) = self.groups.get(&group(origin)) {
            for ((_, sequence), keys) in rows.index.range((origin, after + 1)..=(origin, u64::MAX))
            {
                if page.records.len() >= self.page_records {
                    page.more = true;
                    break;
                }
                page.upto = *sequence;
                page.records.extend(keys.iter().filter_map(|k| rows.records.get(k)).cloned());
            }
        }
        if !page.more {
            page.upto = page.upto.max(clock);
        }
        page
    }

    fn floor(&self, origin: Origin) -> u64 {
        self.floors.get(&origin).copied().unwrap_or(0)
    }
}

/// A store with a row that is not what was written: its checksum says so to whoever reads it.
#[derive(Debug)]
pub(crate) struct Rotten<'a> {
    pub(crate) state: &'a State,
    pub(crate) key: &'a Bytes,
    /// Whether it was read.
    pub(crate) found: &'a Cell<bool>,
}

impl Records for Rotten<'_> {
    fn header(&self, key: &[u8]) -> Option<Header> {
        if self.key == key {
            self.found.set(true);
            return None;
        }
        self.state.header(key)
    }

    fn range(&self, origin: Origin, after: u64, limit_bytes: usize) -> RangePage {
        let page = self.state.range(origin, after, limit_bytes);
        if page.records.iter().any(|r| r.key == self.key) {
            self.found.set(true);
            return RangePage { upto: after, more: true, ..RangePage::default() };
        }
        page
    }

    fn floor(&self, origin: Origin) -> u64 {
        self.state.floor(origin)
    }
}

/// A store whose ranges can't be read.
#[derive(Debug)]
pub(crate) struct Unreadable<'a>(pub(crate) &'a State);

impl Records for Unreadable<'_> {
    fn header(&self, key: &[u8]) -> Option<Header> {
        self.0.header(key)
    }

    fn range(&self, _origin: Origin, after: u64, _limit_bytes: usize) -> RangePage {
        RangePage { upto: after, more: true, ..RangePage::default() }
    }

    fn floor(&self, origin: Origin) -> u64 {
        self.0.floor(origin)
    }
}
