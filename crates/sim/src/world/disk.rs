//! The disk of a simulated node: what was synced outlives its node, and whatever a disk can do wrong it does when it is told to.

use std::{
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::Mutex;
use tidegate_store::{Batch, Engine, MemoryEngine, Rows, StoreError, Tree};

use super::Bug;

/// What a host tells the world, which alone can end and begin it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alert {
    /// The power went in the middle of a write.
    Torn,
    /// Its node has ended: it could not start, or not go on.
    Ended,
}

/// Alerts, each with the number of its node.
pub(super) type Alerts = Arc<Mutex<Vec<(u64, Alert)>>>;

/// A row that is no longer what was written, unless it was written anew since.
#[derive(Clone, Debug)]
struct Rot {
    tree: Tree,
    key: Bytes,
    was: Bytes,
    found: bool,
}

/// What is wrong with a disk.
#[derive(Debug, Default)]
struct Illness {
    /// There is no room for what would become durable.
    full: bool,
    /// The power goes at the next sync.
    tears: bool,
    /// It has gone.
    dead: bool,
    /// The next sync fails, and what it should have written is lost.
    sync_fails: bool,
    rot: Option<Rot>,
}

/// A disk.
#[derive(Debug)]
pub(super) struct Disk {
    node: u64,
    rows: MemoryEngine,
    bug: Bug,
    alerts: Alerts,
    /// Whether anything is wrong: mostly nothing is.
    ill: AtomicBool,
    illness: Mutex<Illness>,
}

impl Disk {
    pub(super) fn new(node: u64, bug: Bug, alerts: Alerts) -> Self {
        let (rows, illness) = (MemoryEngine::default(), Mutex::default());
        Self { node, rows, bug, alerts, ill: AtomicBool::new(false), illness }
    }

    fn set(&self, change: impl FnOnce(&mut Illness)) {
        let mut illness = self.illness.lock();
        change(&mut illness);
        let Illness { full, tears, dead, sync_fails, rot } = &*illness;
        let ill = *full || *tears || *dead || *sync_fails || rot.is_some();
        self.ill.store(ill, Ordering::Relaxed);
    }

    fn is_ill(&self) -> bool {
        self.ill.load(Ordering::Relaxed)
    }

    pub(super) fn fill(&self, full: bool) {
        self.set(|i| i.full = full);
    }

    /// The power goes at the next sync, or not after all. Gives whether that was still to come.
    pub(super) fn tear(&self, tears: bool) -> bool {
        let mut was = false;
        self.set(|i| was = core::mem::replace(&mut i.tears, tears));
        was
    }

    /// The next sync fails, or not after all. Gives whether that was still to come.
    pub(super) fn fail_sync(&self, fails: bool) -> bool {
        let mut was = false;
        self.set(|i| was = core::mem::replace(&mut i.sync_fails, fails));
        was
    }

    /// The `number`th durable row rots. Gives whether there is one.
    pub(super) fn rot(&self, number: usize) -> bool {
        let row = self.rows.nth_durable(number);
        let rots = row.is_some();
        self.set(|i| i.rot = row.map(|(tree, key, was)| Rot { tree, key, was, found: false }));
        rots
    }

    /// Whether somebody has read the row that rots.
    pub(super) fn rot_was_found(&self) -> bool {
        self.illness.lock().rot.as_ref().is_some_and(|rot| rot.found)
    }

    /// The row is what it was.
    pub(super) fn cure(&self) {
        self.set(|i| i.rot = None);
    }

    /// The power has gone: of what was not synced the first `kept` batches are there nevertheless.
    pub(super) fn lose_unsynced(&self, kept: usize) {
        self.rows.lose_unsynced(kept);
        self.set(|i| i.dead = false);
    }

    /// Batches that a loss of power would take.
    pub(super) fn unsynced(&self) -> usize {
        self.rows.unsynced()
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.is_ill() && self.illness.lock().dead {
            return Err(StoreError::Io("the power is gone".to_owned()));
        }
        Ok(())
    }

    /// A row as it is read: one that carries its own checksum comes with a bit turned over, of the others the engine's own says so.
    fn read(&self, tree: Tree, key: &[u8], row: Bytes) -> Result<Bytes, StoreError> {
        if !self.is_ill() {
            return Ok(row);
        }
        let mut illness = self.illness.lock();
        let Some(rot) =
            illness.rot.as_mut().filter(|r| r.tree == tree && r.key == key && r.was == row)
        else {
            return Ok(row);
        };
        rot.found = true;
        if !matches!(tree, Tree::Record | Tree::Log) || row.is_empty() {
            return Err(StoreError::Corrupt(format!("a row of {tree:?}")));
        }
        let mut bytes = row.to_vec();
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 0x10;
        }
        Ok(bytes.into())
    }
}

impl Engine for Disk {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.check()?;
        self.rows.get(tree, key)?.map(|row| self.read(tree, key, row)).transpose()
    }

    fn scan(
        &self,
        tree: Tree,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Rows, StoreError> {
        self.check()?;
        let rows = self.rows.scan(tree, from, to, limit)?;
        if !self.is_ill() {
            return Ok(rows);
        }
        let read = |(key, row): (Bytes, Bytes)| {
            let row = self.read(tree, &key, row)?;
            Ok((key, row))
        };
        rows.into_iter().map(read).collect()
    }

    fn last(&self, tree: Tree, prefix: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        self.check()?;
        let Some((key, row)) = self.rows.last(tree, prefix)? else { return Ok(None) };
        let row = self.read(tree, &key, row)?;
        Ok(Some((key, row)))
    }

    fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        self.check()?;
        self.rows.apply(batch)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.check()?;
        if self.is_ill() {
            let mut illness = self.illness.lock();
            if illness.full {
                return Err(StoreError::Full { available: 0, reserve: 0 });
            }
            if core::mem::take(&mut illness.tears) {
                illness.dead = true;
                self.alerts.lock().push((self.node, Alert::Torn));
                return Err(StoreError::Io("the power went".to_owned()));
            }
            if core::mem::take(&mut illness.sync_fails) {
                // As the kernel does it: the pages count as clean, and the next sync is a success.
                self.rows.forget_unsynced();
                return Err(StoreError::Io("a sync failed".to_owned()));
            }
        }
        if self.bug == Bug::SkipSync { Ok(()) } else { self.rows.sync() }
    }

    fn is_nearly_full(&self) -> bool {
        self.is_ill() && self.illness.lock().full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Disk {
        let disk = Disk::new(1, Bug::None, Alerts::default());
        let mut batch = Batch::default();
        batch.put(Tree::Record, &b"k"[..], &b"value"[..]);
        batch.put(Tree::Clock, &b"o"[..], &b"12345678"[..]);
        disk.apply(&batch).unwrap();
        disk
    }

    #[test]
    fn what_a_failed_sync_should_have_written_is_lost_though_the_next_succeeds() {
        let disk = written();
        disk.fail_sync(true);
        assert!(matches!(disk.sync(), Err(StoreError::Io(_))));
        disk.sync().unwrap();
        assert!(disk.get(Tree::Record, b"k").unwrap().is_some());
        disk.lose_unsynced(usize::MAX);
        assert_eq!(disk.get(Tree::Record, b"k").unwrap(), None);
    }

    #[test]
    fn after_a_torn_write_nothing_answers_until_the_power_is_back() {
        let disk = written();
        assert!(!disk.tear(true));
        assert!(disk.sync().is_err());
        assert_eq!(*disk.alerts.lock(), [(1, Alert::Torn)]);
        assert!(disk.get(Tree::Record, b"k").is_err());
        disk.lose_unsynced(1);
        assert!(disk.get(Tree::Record, b"k").unwrap().is_some());
    }

    #[test]
    fn a_row_that_rots_is_never_read_as_it_was_until_it_is_written_anew() {
        let disk = written();
        disk.sync().unwrap();
        assert!(disk.rot(0));
        assert!(!disk.rot_was_found());
        assert_ne!(disk.get(Tree::Record, b"k").unwrap().unwrap(), &b"value"[..]);
        assert!(disk.rot_was_found());
        assert!(disk.rot(1));
        let all = disk.scan(Tree::Clock, Bound::Unbounded, Bound::Unbounded, 9);
        assert!(matches!(all, Err(StoreError::Corrupt(_))));
        let mut batch = Batch::default();
        batch.put(Tree::Clock, &b"o"[..], &b"12345679"[..]);
        disk.apply(&batch).unwrap();
        assert_eq!(disk.get(Tree::Clock, b"o").unwrap().unwrap(), &b"12345679"[..]);
    }
}
