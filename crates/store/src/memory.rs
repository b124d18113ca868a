//! The engine in memory: for the simulator and tests. It forgets on demand what was not synced.

use core::ops::Bound;
use std::collections::BTreeMap;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::{
    Batch, Engine, Op, StoreError, Tree,
    engine::Rows,
    keys::{self, full},
};

#[derive(Debug, Default)]
struct State {
    now: BTreeMap<Bytes, Bytes>,
    /// Batches applied since the last sync.
    unsynced: Vec<Batch>,
    durable: BTreeMap<Bytes, Bytes>,
}

/// A key space in memory with the durability of a disk that keeps only what was synced.
#[derive(Debug, Default)]
pub struct MemoryEngine(Mutex<State>);

fn write(rows: &mut BTreeMap<Bytes, Bytes>, batch: &Batch) {
    for op in batch.ops() {
        match op {
            Op::Put { tree, key, value } => drop(rows.insert(full(*tree, key), value.clone())),
            Op::Delete { tree, key } => drop(rows.remove(&full(*tree, key))),
        }
    }
}

impl MemoryEngine {
    /// Loses what was not synced, but for the first `kept` unsynced batches: a disk may have written some.
    pub fn lose_unsynced(&self, kept: usize) {
        let mut state = self.0.lock();
        let State { now, unsynced, durable } = &mut *state;
        for batch in unsynced.drain(..).take(kept) {
            write(durable, &batch);
        }
        now.clone_from(durable);
    }

    /// What was not synced will never be, and is seen until it is lost: as after a sync that failed, when the kernel holds the pages for
    /// clean.
    pub fn forget_unsynced(&self) {
        self.0.lock().unsynced.clear();
    }

    /// Batches that were applied since the last sync.
    pub fn unsynced(&self) -> usize {
        self.0.lock().unsynced.len()
    }

    /// A durable row, the `number`th counted round, or none where there is none.
    pub fn nth_durable(&self, number: usize) -> Option<(Tree, Bytes, Bytes)> {
        let state = self.0.lock();
        let place = number % state.durable.len().max(1);
        let (key, value) = state.durable.iter().nth(place)?;
        Some((Tree::from_byte(*key.first()?)?, key.slice(1..), value.clone()))
    }
}

impl Engine for MemoryEngine {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.0.lock().now.get(&full(tree, key)).cloned())
    }

    fn scan(
        &self,
        tree: Tree,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Rows, StoreError> {
        let state = self.0.lock();
        let Some(range) = keys::range(tree, from, to) else { return Ok(Vec::new()) };
        Ok(state.now.range(range).take(limit).map(|(k, v)| (k.slice(1..), v.clone())).collect())
    }

    fn last(&self, tree: Tree, prefix: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        let state = self.0.lock();
        let prefix = full(tree, prefix);
        let end = keys::end_of_prefix(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        let found = state.now.range((Bound::Included(prefix), end)).next_back();
        Ok(found.map(|(k, v)| (k.slice(1..), v.clone())))
    }

    fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        batch.check()?;
        let mut state = self.0.lock();
        write(&mut state.now, batch);
        state.unsynced.push(batch.clone());
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        let mut state = self.0.lock();
        let State { unsynced, durable, .. } = &mut *state;
        for batch in unsynced.drain(..) {
            write(durable, &batch);
        }
        Ok(())
    }
}
