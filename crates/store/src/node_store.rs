//! What a node keeps: records with their index and clock, and the rows of its Raft groups.

use core::ops::Bound;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use tidegate_replica::{
    Clock, Dot, GroupId, Header, Origin, RangePage, Record, Records, Replaced,
    lattice::{Lattice, LwwRecord},
};

use crate::{Batch, Committer, Engine, StoreError, Tree, keys, rows};

/// The format of this store. Format 1 had no rows of [`Tree::Tombstone`].
const FORMAT: u32 = 2;
/// Rows that one step of a scan reads.
const SCAN_STEP: usize = 1_024;
/// Bytes that a record takes in a message besides its key and value.
const RECORD_OVERHEAD: usize = 64;

/// A row of an origin's index.
struct IndexRow {
    sequence: u64,
    key: Bytes,
    /// The row's own key.
    row: Bytes,
}

fn read_position(row: &[u8]) -> Result<u64, StoreError> {
    let sequence = <[u8; 8]>::try_from(row)
        .map_err(|_| StoreError::Corrupt("a row of the clock".to_owned()))?;
    Ok(u64::from_be_bytes(sequence))
}

/// A record that a batch writes, and what stood there before.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What stood there.
    pub old: Option<Record>,
    /// What stands there now.
    pub new: Record,
}

/// Puts a record's row into the index, and among the tombstones where it is one.
fn put_index(batch: &mut Batch, record: &Record) {
    let row = keys::index(record.dot.origin, record.dot.sequence, &record.key);
    if record.value.is_none() {
        batch.put(Tree::Tombstone, row.clone(), Bytes::new());
    }
    batch.put(Tree::Index, row, Bytes::new());
}

/// Takes a record's row out of the index, and out of the tombstones where it is one.
fn delete_index(batch: &mut Batch, record: &Record) {
    let row = keys::index(record.dot.origin, record.dot.sequence, &record.key);
    if record.value.is_none() {
        batch.delete(Tree::Tombstone, row.clone());
    }
    batch.delete(Tree::Index, row);
}

/// The durable state of one node.
#[derive(Clone, Debug)]
pub struct NodeStore {
    engine: Arc<dyn Engine>,
    committer: Committer,
}

impl NodeStore {
    /// Opens the store in an engine. An empty one is given the present format; another format is refused.
    pub fn open(engine: Arc<dyn Engine>, committer: Committer) -> Result<Self, StoreError> {
        match engine.get(Tree::Store, b"format")? {
            None => {
                let mut batch = Batch::default();
                batch.put(
                    Tree::Store,
                    Bytes::from_static(b"format"),
                    FORMAT.to_be_bytes().to_vec(),
                );
                engine.apply(&batch)?;
                engine.sync()?;
            }
            Some(found) => match <[u8; 4]>::try_from(&*found).map_or(0, u32::from_be_bytes) {
                FORMAT => {}
                1 => {
                    let store = Self { engine, committer };
                    store.upgrade_format_1()?;
                    return Ok(store);
                }
                found => return Err(StoreError::Format { found, expected: FORMAT }),
            },
        }
        let store = Self { engine, committer };
        store.empty_if_condemned()?;
        Ok(store)
    }

    /// Writes what a store of format 1 lacks. A crash in between leaves a store of format 1.
    fn upgrade_format_1(&self) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        self.for_each_record(|record| {
            if record.value.is_none() {
                put_index(&mut batch, &record);
            }
        })?;
        batch.put(Tree::Store, Bytes::from_static(b"format"), FORMAT.to_be_bytes().to_vec());
        self.engine.apply(&batch)?;
        self.engine.sync()
    }

    /// The key space itself.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// Makes batches durable.
    pub fn committer(&self) -> &Committer {
        &self.committer
    }

    /// Reads a fact of the store itself.
    pub fn fact(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        self.engine.get(Tree::Store, name.as_bytes())
    }

    /// How far each origin is merged.
    pub fn clock(&self) -> Result<Clock, StoreError> {
        let rows = self.engine.scan(Tree::Clock, Bound::Unbounded, Bound::Unbounded, usize::MAX)?;
        rows.into_iter()
            .map(|(key, row)| {
                let origin = Origin::from_bytes(&key)
                    .ok_or_else(|| StoreError::Corrupt("a row of the clock".to_owned()))?;
                Ok((origin, read_position(&row)?))
            })
            .collect()
    }

    /// The stored record of a key.
    pub fn record(&self, key: &[u8]) -> Result<Option<Record>, StoreError> {
        let row = self.engine.get(Tree::Record, key)?;
        row.map(|row| rows::read(Bytes::copy_from_slice(key), &row)).transpose()
    }

    /// Stored records whose keys begin with `prefix` and lie behind `after`, in order of their keys, at most `limit` of them.
    pub fn records_under(
        &self,
        prefix: &[u8],
        after: &[u8],
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let from = if after < prefix { Bound::Included(prefix) } else { Bound::Excluded(after) };
        let end = keys::end_of_prefix(prefix);
        let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.engine.scan(Tree::Record, from, to, limit)?;
        rows.into_iter().map(|(key, row)| rows::read(key, &row)).collect()
    }

    /// Calls `each` with every stored record, in order of their keys. Ends at the first damaged one.
    pub fn for_each_record(&self, mut each: impl FnMut(Record)) -> Result<(), StoreError> {
        let mut from: Option<Bytes> = None;
        loop {
            let start = from.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let step = self.engine.scan(Tree::Record, start, Bound::Unbounded, SCAN_STEP)?;
            let Some((last, _)) = step.last() else { return Ok(()) };
            from = Some(last.clone());
            for (key, row) in step {
                each(rows::read(key, &row)?);
            }
        }
    }

    /// The batch that writes those of `records` that are newer than what is stored, with index and clock, and what it changes.
    /// `replaced`: at the end of a whole state, what else stood of its origin goes; for each record that goes the changes hold a
    /// tombstone, so that a view forgets it, too.
    pub fn merge(
        &self,
        records: &[Record],
        clock: &Clock,
        replaced: Option<&Replaced>,
    ) -> Result<(Batch, Vec<Change>), StoreError> {
        let mut batch = Batch::default();
        let mut changes: BTreeMap<Bytes, Change> = BTreeMap::new();
        let mut gone = Vec::new();
        if let Some(Replaced { origin, kept }) = replaced {
            let here: BTreeSet<&Bytes> = records.iter().map(|r| &r.key).chain(kept).collect();
            let upto = clock.get(*origin);
            gone = self.drop_origin(*origin, &here, &mut batch)?;
            for change in &mut gone {
                change.new.dot.sequence = upto;
            }
            // Tombstones that the sender had collected are missing here, too.
            self.raise_floor(*origin, upto, &mut batch)?;
        }
        for record in records {
            let old = match changes.get(&record.key) {
                Some(change) => Some(change.new.clone()),
                None => self.record(&record.key)?,
            };
            // The join of the lattice: what adds nothing is left.
            let stands = old.as_ref().map(|r| LwwRecord::new(r.value.clone(), r.stamp));
            let arrived = LwwRecord::new(record.value.clone(), record.stamp);
            if stands.is_some_and(|stands| {
                let mut joined = stands.clone();
                joined.merge(&arrived);
                joined == stands
            }) {
                continue;
            }
            if let Some(old) = &old {
                delete_index(&mut batch, old);
            }
            batch.put(Tree::Record, record.key.clone(), rows::write(record));
            put_index(&mut batch, record);
            let change = changes.entry(record.key.clone());
            change
                .and_modify(|c| c.new = record.clone())
                .or_insert(Change { old, new: record.clone() });
        }
        for (origin, sequence) in clock.iter() {
            // A clock never goes back, whatever is merged again.
            if self.position(origin)? >= sequence {
                continue;
            }
            let key = Bytes::copy_from_slice(&origin.to_bytes());
            batch.put(Tree::Clock, key, sequence.to_be_bytes().to_vec());
        }
        gone.extend(changes.into_values());
        Ok((batch, gone))
    }

    /// Drops what an origin wrote but these keys, and says which live records that takes away.
    fn drop_origin(
        &self,
        origin: Origin,
        kept: &BTreeSet<&Bytes>,
        batch: &mut Batch,
    ) -> Result<Vec<Change>, StoreError> {
        let (mut gone, mut after) = (Vec::new(), None);
        while let Some(step) = self.index_step(origin, 0, after.as_ref())? {
            for IndexRow { sequence, key, row } in step {
                if !kept.contains(&key) {
                    batch.delete(Tree::Index, row.clone());
                    batch.delete(Tree::Tombstone, row.clone());
                    // A key that another origin has written since stays.
                    let record = self.record(&key)?.filter(|r| r.dot == (Dot { origin, sequence }));
                    if let Some(old) = record {
                        batch.delete(Tree::Record, key);
                        let new = Record { value: None, ..old.clone() };
                        gone.extend(old.value.is_some().then_some(Change { old: Some(old), new }));
                    }
                }
                after = Some(row);
            }
        }
        Ok(gone)
    }

    fn raise_floor(&self, origin: Origin, upto: u64, batch: &mut Batch) -> Result<(), StoreError> {
        if self.collected(origin)? < upto {
            let key = Bytes::copy_from_slice(&origin.to_bytes());
            batch.put(Tree::Floor, key, upto.to_be_bytes().to_vec());
        }
        Ok(())
    }

    /// Up to which sequence tombstones of an origin were collected here.
    pub fn collected(&self, origin: Origin) -> Result<u64, StoreError> {
        let row = self.engine.get(Tree::Floor, &origin.to_bytes())?;
        row.map_or(Ok(0), |row| read_position(&row))
    }

    /// Adds to `batch` that tombstones of an origin up to `upto` go, at most `limit` of them, and how many those are. Keys that `batch`
    /// writes anew are `written`; their rows are left alone.
    ///
    /// # Safety of the data
    /// Only what every member has merged may be collected: whoever still had an older record of such a key would bring it back. Whoever
    /// is further behind is given a whole state: [`Records::floor`] says so.
    pub fn collect(
        &self,
        origin: Origin,
        upto: u64,
        limit: usize,
        written: &BTreeSet<Bytes>,
        batch: &mut Batch,
    ) -> Result<usize, StoreError> {
        let (first, behind) =
            (keys::index(origin, 0, &[]), keys::index(origin, upto.saturating_add(1), &[]));
        let rows = self.engine.scan(
            Tree::Tombstone,
            Bound::Included(&first),
            Bound::Excluded(&behind),
            limit,
        )?;
        let mut floor = if rows.len() < limit { upto } else { 0 };
        for (row, _) in &rows {
            let (_, sequence, key) = keys::read_index(row)
                .ok_or_else(|| StoreError::Corrupt("a row of the tombstones".to_owned()))?;
            floor = floor.max(sequence);
            if written.contains(&key) {
                continue;
            }
            batch.delete(Tree::Tombstone, row.clone());
            batch.delete(Tree::Index, row.clone());
            batch.delete(Tree::Record, key);
        }
        if !rows.is_empty() {
            self.raise_floor(origin, floor, batch)?;
        }
        Ok(rows.len())
    }

    /// How many tombstones are kept.
    pub fn tombstones(&self) -> Result<usize, StoreError> {
        let rows =
            self.engine.scan(Tree::Tombstone, Bound::Unbounded, Bound::Unbounded, usize::MAX)?;
        Ok(rows.len())
    }

    /// The batch that makes the store forget everything that an origin wrote, its place in the clock included.
    pub fn forget(&self, origin: Origin) -> Result<Batch, StoreError> {
        let mut batch = Batch::default();
        let _gone = self.drop_origin(origin, &BTreeSet::new(), &mut batch)?;
        batch.delete(Tree::Floor, Bytes::copy_from_slice(&origin.to_bytes()));
        batch.delete(Tree::Clock, Bytes::copy_from_slice(&origin.to_bytes()));
        Ok(batch)
    }

    /// The batch that forgets the records between two keys that `over` names, with their rows in the index. Positions stay: what was merged
    /// was merged.
    pub fn sweep(
        &self,
        from: &[u8],
        to: &[u8],
        over: impl Fn(&Record) -> bool,
    ) -> Result<Batch, StoreError> {
        let mut batch = Batch::default();
        let mut start = Bound::Included(Bytes::copy_from_slice(from));
        loop {
            let after = start.as_ref().map(|key| &**key);
            let step = self.engine.scan(Tree::Record, after, Bound::Excluded(to), SCAN_STEP)?;
            let Some((last, _)) = step.last() else { return Ok(batch) };
            start = Bound::Excluded(last.clone());
            for (key, row) in step {
                let record = rows::read(key, &row)?;
                if over(&record) {
                    let Dot { origin, sequence } = record.dot;
                    batch.delete(Tree::Index, keys::index(origin, sequence, &record.key));
                    batch.delete(Tree::Record, record.key);
                }
            }
        }
    }

    /// The next rows of an origin's index: those behind sequence `floor`, and behind the row `after` where a step has been read already.
    /// One sequence may have many rows, so a step is continued behind its last row, never behind its last sequence.
    fn index_step(
        &self,
        origin: Origin,
        floor: u64,
        after: Option<&Bytes>,
    ) -> Result<Option<Vec<IndexRow>>, StoreError> {
        let first = keys::index(origin, floor.saturating_add(1), &[]);
        let from = after.map_or(Bound::Included(&*first), |row| Bound::Excluded(&**row));
        let end = keys::index_end(origin);
        let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = self.engine.scan(Tree::Index, from, to, SCAN_STEP)?;
        let read = rows.into_iter().map(|(row, _)| {
            let (_, sequence, key) = keys::read_index(&row)
                .ok_or_else(|| StoreError::Corrupt("a row of the index".to_owned()))?;
            Ok(IndexRow { sequence, key, row })
        });
        let step = read.collect::<Result<Vec<_>, StoreError>>()?;
        Ok((!step.is_empty()).then_some(step))
    }

    /// The records that an origin wrote behind `after`, by its index: what [`Records::range`] gives, where an error must not look like
    /// an empty range.
    pub fn page(
        &self,
        origin: Origin,
        after: u64,
        limit_bytes: usize,
    ) -> Result<RangePage, StoreError> {
        let mut page = RangePage { upto: after, ..RangePage::default() };
        // Read before the records: what is written meanwhile lies above it and comes with the next page.
        let end = self.position(origin)?;
        let (mut bytes, mut last) = (0, None);
        while let Some(step) = self.index_step(origin, after, last.as_ref())? {
            for IndexRow { sequence, key, row } in step {
                // The records of one sequence are never divided between pages.
                if bytes >= limit_bytes && sequence > page.upto {
                    page.more = true;
                    page.end = self.position(origin)?;
                    return Ok(page);
                }
                // A row whose record has moved on counts no more.
                if let Some(record) =
                    self.record(&key)?.filter(|r| r.dot == (Dot { origin, sequence }))
                {
                    bytes += record.key.len()
                        + record.value.as_ref().map_or(0, Bytes::len)
                        + RECORD_OVERHEAD;
                    page.records.push(record);
                }
                page.upto = sequence;
                last = Some(row);
            }
        }
        page.upto = page.upto.max(end);
        page.end = end;
        Ok(page)
    }

    /// How far one origin is merged.
    pub fn position(&self, origin: Origin) -> Result<u64, StoreError> {
        match self.engine.get(Tree::Clock, &origin.to_bytes())? {
            None => Ok(0),
            Some(row) => read_position(&row),
        }
    }

    /// Key of a row of a group, for [`Tree::Log`], [`Tree::Meta`] and [`Tree::Local`].
    pub fn group_key(group: GroupId, rest: &[u8]) -> Bytes {
        keys::of_group(group, rest)
    }
}

impl Records for NodeStore {
    fn header(&self, key: &[u8]) -> Option<Header> {
        let record = self.record(key).unwrap_or_else(|error| {
            self.committer.fail(&error);
            None
        })?;
        Some(Header { stamp: record.stamp, dot: record.dot })
    }

    fn range(&self, origin: Origin, after: u64, limit_bytes: usize) -> RangePage {
        self.page(origin, after, limit_bytes).unwrap_or_else(|error| {
            tracing::error!(%error, %origin, "records can't be read; the peer will ask another node");
            self.committer.fail(&error);
            // Never "this is all": what is written and not yet published may lie behind it.
            RangePage { upto: after, more: true, ..RangePage::default() }
        })
    }

    fn floor(&self, origin: Origin) -> u64 {
        self.collected(origin).unwrap_or_else(|error| {
            tracing::error!(%error, %origin, "the floor can't be read; the peer is given a whole state");
            self.committer.fail(&error);
            u64::MAX
        })
    }
}
