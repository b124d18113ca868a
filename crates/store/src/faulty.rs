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
    /// One batch in so many fails, unapplied; 0: none.
    pub apply_fails_one_in: u64,
    /// One sync in so many fails; 0: none.
    pub sync_fails_one_in: u64,
}

#[derive(Debug, Default)]
struct State {
    faults: Faults,
    random: u64,
}

impl State {
    /// Whether it happens now, where it happens once in `one_in` times.
    fn happens(&mut self, one_in: u64) -> bool {
        // SplitMix64: the same seed gives the same faults.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        one_in != 0 && mixed.is_multiple_of(one_in)
    }
}

/// Wraps an engine and fails as [`FaultyEngine::set`] says.
#[derive(Debug)]
pub struct FaultyEngine<E> {
    inner: E,
    state: Mutex<State>,
}

impl<E: Engine> FaultyEngine<E> {
    /// Nothing fails yet.
    pub fn new(inner: E) -> Self {
        Self::seeded(inner, 0)
    }

    /// Nothing fails yet; what fails by chance later follows from the seed.
    pub fn seeded(inner: E, seed: u64) -> Self {
        Self { inner, state: Mutex::new(State { faults: Faults::default(), random: seed }) }
    }

    /// Sets what fails from now on.
    pub fn set(&self, faults: Faults) {
        self.state.lock().faults = faults;
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

    fn scan(
        &self,
        tree: Tree,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Rows, StoreError> {
        self.inner.scan(tree, from, to, limit)
    }

    fn last(&self, tree: Tree, prefix: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        self.inner.last(tree, prefix)
    }

    fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        let (faults, failed) = {
            let mut state = self.state.lock();
            let one_in = state.faults.apply_fails_one_in;
            (state.faults, state.happens(one_in))
        };
        if faults.full {
            return Err(StoreError::Full { available: 0, reserve: 0 });
        }
        if faults.apply_fails || failed {
            return Err(StoreError::Io("a write failed".to_owned()));
        }
        self.inner.apply(batch)
    }

    fn sync(&self) -> Result<(), StoreError> {
        let failed = {
            let mut state = self.state.lock();
            let one_in = state.faults.sync_fails_one_in;
            state.faults.sync_fails || state.happens(one_in)
        };
        if failed {
            return Err(StoreError::Io("a sync failed".to_owned()));
        }
        self.inner.sync()
    }

    fn is_nearly_full(&self) -> bool {
        self.state.lock().faults.full || self.inner.is_nearly_full()
    }

    fn available_bytes(&self) -> Option<u64> {
        self.inner.available_bytes()
    }
}
