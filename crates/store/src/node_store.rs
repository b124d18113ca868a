//! What a node keeps: records with their index and clock, and the rows of its Raft groups.

use core::ops::Bound;
use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use tidegate_replica::{Clock, GroupId, Header, Origin, RangePage, Record, Records};

use crate::{Batch, Committer, Engine, StoreError, Tree, keys, rows};

/// The format of this store.
const FORMAT: u32 = 1;
/// Rows that one step of a scan reads.
const SCAN_STEP: usize = 1_024;

/// A record that a batch writes, and what stood there before.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What stood there.
    pub old: Option<Record>,
    /// What stands there now.
    pub new: Record,
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
                batch.put(Tree::Store, Bytes::from_static(b"format"), FORMAT.to_be_bytes().to_vec());
                engine.apply(&batch)?;
                engine.sync()?;
            }
            Some(found) => {
                let found = <[u8; 4]>::try_from(&*found).map_or(0, u32::from_be_bytes);
                if found != FORMAT {
                    return Err(StoreError::Format { found, expected: FORMAT });
                }
            }
        }
        Ok(Self { engine, committer })
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
        let damaged = || StoreError::Corrupt("a row of the clock".to_owned());
        rows.into_iter()
            .map(|(k, v)| {
                let origin = Origin::from_bytes(&k).ok_or_else(damaged)?;
                let sequence = <[u8; 8]>::try_from(&*v).map_err(|_| damaged())?;
                Ok((origin, u64::from_be_bytes(sequence)))
            })
            .collect()
    }

    /// The stored record of a key.
    pub fn record(&self, key: &[u8]) -> Result<Option<Record>, StoreError> {
        let row = self.engine.get(Tree::Record, key)?;
        row.map(|row| rows::read(Bytes::copy_from_slice(key), &row)).transpose()
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
    /// `replaced`: origins whose other records go.
    pub fn merge(
        &self,
        records: &[Record],
        clock: &Clock,
        replaced: &[Origin],
    ) -> Result<(Batch, Vec<Change>), StoreError> {
        let mut batch = Batch::default();
        let mut changes: BTreeMap<Bytes, Change> = BTreeMap::new();
        for origin in replaced {
            self.drop_origin(*origin, records, &mut batch)?;
        }
        for record in records {
            let old = match changes.get(&record.key) {
                Some(change) => Some(change.new.clone()),
                None => self.record(&record.key)?,
            };
            if old.as_ref().is_some_and(|old| old.stamp >= record.stamp) {
                continue;
            }
            if let Some(old) = &old {
                batch.delete(Tree::Index, keys::index(old.dot.origin, old.dot.sequence, &old.key));
            }
            batch.put(Tree::Record, record.key.clone(), rows::write(record));
            batch.put(Tree::Index, keys::index(record.dot.origin, record.dot.sequence, &record.key), Bytes::new());
            let change = changes.entry(record.key.clone());
            change.and_modify(|c| c.new = record.clone()).or_insert(Change { old, new: record.clone() });
        }
        for (origin, sequence) in clock.iter() {
            let key = Bytes::copy_from_slice(&origin.to_bytes());
            batch.put(Tree::Clock, key, sequence.to_be_bytes().to_vec());
        }
        Ok((batch, changes.into_values().collect()))
    }

    fn drop_origin(&self, origin: Origin, kept: &[Record], batch: &mut Batch) -> Result<(), StoreError> {
        let page = self.index(origin, 0, usize::MAX)?;
        for (sequence, key) in page {
            if kept.iter().all(|r| r.key != key) {
                batch.delete(Tree::Index, keys::index(origin, sequence, &key));
                batch.delete(Tree::Record, key);
            }
        }
        Ok(())
    }

    fn index(&self, origin: Origin, after: u64, limit: usize) -> Result<Vec<(u64, Bytes)>, StoreError> {
        let from = keys::index(origin, after.saturating_add(1), &[]);
        let to = keys::index(origin, u64::MAX, &[0xff; 8]);
        let rows = self.engine.scan(Tree::Index, Bound::Included(&from), Bound::Included(&to), limit)?;
        let read = rows.iter().map(|(k, _)| {
            let (_, sequence, key) =
                keys::read_index(k).ok_or_else(|| StoreError::Corrupt("a row of the index".to_owned()))?;
            Ok((sequence, key))
        });
        read.collect()
    }

    fn page(&self, origin: Origin, after: u64, limit_bytes: usize) -> Result<RangePage, StoreError> {
        let mut page = RangePage { upto: after, ..RangePage::default() };
        let mut bytes = 0;
        loop {
            let step = self.index(origin, page.upto, SCAN_STEP)?;
            let whole = step.len() < SCAN_STEP;
            for (sequence, key) in step {
                if bytes >= limit_bytes && sequence > page.upto {
                    page.more = true;
                    return Ok(page);
                }
                // A row whose record has moved on counts no more.
                if let Some(record) = self.record(&key)?.filter(|r| r.dot.origin == origin && r.dot.sequence == sequence) {
                    bytes += record.key.len() + record.value.as_ref().map_or(0, Bytes::len) + 64;
                    page.records.push(record);
                }
                page.upto = sequence;
            }
            if whole {
                page.upto = page.upto.max(self.clock()?.get(origin));
                return Ok(page);
            }
        }
    }

    /// Key of a row of a group, for [`Tree::Log`], [`Tree::Meta`] and [`Tree::Local`].
    pub fn group_key(group: GroupId, rest: &[u8]) -> Bytes {
        keys::of_group(group, rest)
    }
}

impl Records for NodeStore {
    fn header(&self, key: &[u8]) -> Option<Header> {
        let record = self.record(key).ok()??;
        Some(Header { stamp: record.stamp, dot: record.dot })
    }

    fn range(&self, origin: Origin, after: u64, limit_bytes: usize) -> RangePage {
        self.page(origin, after, limit_bytes).unwrap_or_else(|error| {
            tracing::error!(%error, %origin, "records can't be read; the peer will ask another node");
            RangePage { records: Vec::new(), upto: after, more: false }
        })
    }

    fn floor(&self, _origin: Origin) -> u64 {
        // No tombstone has been collected in a store of this format.
        0
    }
}
