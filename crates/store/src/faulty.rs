//! An engine that fails as told: for tests of what happens then.

use core::ops::Bound;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::{Batch, Engine, StoreError, Tree, engine::Rows};

/// What fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Every write says that the disk is full.
    pub full: bool,
    /// Every sync fails.
    pub sync_fails: bool,
    /// Every batch fails, unapplied.
    pub apply_fails: bool,
}

/// Wraps an engine and fails as [`FaultyEngine::set`] says.
#[derive(Debug)]
pub struct FaultyEngine<E> {
    inner: E,
    faults: Mutex<Faults>,
}

impl<E: Engine> FaultyEngine<E> {
    /// Nothing fails yet.
    pub fn new(inner: E) -> Self {
        Self { inner, faults: Mutex::default() }
    }

    /// Sets what fails from now on.
    pub fn set(&self, faults: Faults) {
        *self.faults.lock() = faults;
    }

    /// The engine below.
    pub fn inner(&self) -> &E {
        &self.inner
    }
}

impl<E: Engine> Engine for FaultyEngine<E> {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(tree, key)
    }

    fn scan(&self, tree: Tree, from: Bound<&[u8]>, to: Bound<&[u8]>, limit: usize) -> Result<Rows, StoreError> {
        self.inner.scan(tree, from, to, limit)
    }

    fn last(&self, tree: Tree, prefix: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        self.inner.last(tree, prefix)
    }

    fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        let faults = *self.faults.lock();
        if faults.full {
            return Err(StoreError::Full { available: 0, reserve: 0 });
        }
        if faults.apply_fails {
            return Err(StoreError::Io("a write failed".to_owned()));
        }
        self.inner.apply(batch)
    }

    fn sync(&self) -> Result<(), StoreError> {
        if self.faults.lock().sync_fails {
            return Err(StoreError::Io("a sync failed".to_owned()));
        }
        self.inner.sync()
    }

    fn is_nearly_full(&self) -> bool {
        self.faults.lock().full || self.inner.is_nearly_full()
    }
}
