//! sled behind the engine port, with a real fsync.
//!
//! On Linux sled's own `flush` starts the write-back but does not wait for the device. So every sync also calls `sync_data` on a second
//! descriptor of the database file. `flush_async` is never used: it hangs under load. Batches are gathered in an [`Overlay`] and handed over
//! as one at the next sync, because each batch costs sled a write of its own.

use core::{ops::Bound, time::Duration};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Instant,
};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::{
    Batch, Engine, StoreError, Tree,
    engine::Rows,
    keys::{self, full},
    overlay::{Overlay, laid_over},
};

/// Bytes that are gathered, at most, before they are handed to the database without waiting for a sync.
const GATHERED_MAX: usize = 4 << 20;
/// Bytes of a segment of the database file. sled writes whatever exceeds a quarter of it into a file of its own, without an fsync. A
/// leaf holds up to 17 rows before it is divided, so a quarter must exceed 17 times [`ROW_MAX`](crate::ROW_MAX), with room to spare.
/// Part of the format: a store is opened only with the size that it was made with.
const SEGMENT_BYTES: usize = 8 << 20;
/// How often the room on the disk is counted: seldom enough to cost nothing, often enough that no disk writes the reserve between.
const SPACE_EVERY: Duration = Duration::from_millis(50);
/// How often a folder that another store holds is tried, and the pause between: two seconds together.
const LOCK_TRIES: u32 = 41;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// What a sync does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncMode {
    /// Waits for the device. The only mode that keeps what was promised.
    #[default]
    Fsync,
    /// Leaves it to the operating system. Only to show in a test that losing power then loses data; refused in release builds.
    FlushOnly,
}

/// How the engine is opened.
#[derive(Clone, Copy, Debug)]
pub struct SledOptions {
    /// Bytes of cache. More than the hot part of the records is wasted.
    pub cache_bytes: u64,
    /// Bytes of disk that are never used, so that the engine itself never meets a full disk.
    pub reserve_bytes: u64,
    /// What a sync does.
    pub sync: SyncMode,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self { cache_bytes: 128 << 20, reserve_bytes: 64 << 20, sync: SyncMode::Fsync }
    }
}

/// sled in a folder.
#[derive(Debug)]
pub struct SledEngine {
    db: sled::Db,
    file: File,
    folder: PathBuf,
    options: SledOptions,
    overlay: Mutex<Overlay>,
    handing_over: Mutex<()>,
    /// Bytes left on the disk, and when they were counted.
    space: Mutex<Option<(Instant, u64)>>,
    broken: OnceLock<StoreError>,
}

fn failed(error: &sled::Error) -> StoreError {
    match error {
        sled::Error::Corruption { .. } => StoreError::Corrupt(error.to_string()),
        sled::Error::Io(e) if e.kind() == io::ErrorKind::StorageFull => {
            StoreError::Full { available: 0, reserve: 0 }
        }
        other => StoreError::Io(other.to_string()),
    }
}

fn io_failed(error: &io::Error) -> StoreError {
    StoreError::Io(error.to_string())
}

/// Opens the database. Threads of sled's own may hold the lock a moment longer than a store that was just dropped in this process.
fn open_locked(folder: &Path, cache_bytes: u64) -> Result<sled::Db, StoreError> {
    let config = sled::Config::default()
        .path(folder)
        .cache_capacity(cache_bytes)
        .segment_size(SEGMENT_BYTES)
        .flush_every_ms(None);
    let mut tries = 1;
    loop {
        match config.open() {
            Ok(db) => return Ok(db),
            Err(sled::Error::Io(e))
                if tries < LOCK_TRIES && e.to_string().contains("could not acquire lock") =>
            {
                tries += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(e) => return Err(failed(&e)),
        }
    }
}

impl SledEngine {
    /// Opens the store in `folder`, making it when it is not there.
    pub fn open(folder: &Path, options: SledOptions) -> Result<Self, StoreError> {
        if options.sync == SyncMode::FlushOnly && !cfg!(debug_assertions) {
            return Err(StoreError::Unsafe("a store without fsync is for tests only"));
        }
        std::fs::create_dir_all(folder).map_err(|e| io_failed(&e))?;
        let db = open_locked(folder, options.cache_bytes)?;
        db.flush().map_err(|e| failed(&e))?;
        let file = File::options().read(true).open(folder.join("db")).map_err(|e| io_failed(&e))?;
        // sled leaves the file that its format stands in to the operating system.
        File::open(folder.join("conf")).and_then(|f| f.sync_all()).map_err(|e| io_failed(&e))?;
        // The names of the files themselves must be durable too.
        File::open(folder).and_then(|f| f.sync_all()).map_err(|e| io_failed(&e))?;
        Ok(Self {
            db,
            file,
            folder: folder.to_path_buf(),
            options,
            overlay: Mutex::default(),
            handing_over: Mutex::default(),
            space: Mutex::default(),
            broken: OnceLock::new(),
        })
    }

    /// Fails once handing over has failed: what is in the overlay could not be told from what is in the database any more.
    fn check_whole(&self) -> Result<(), StoreError> {
        self.broken.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Hands what is gathered to the database, as one batch.
    fn hand_over(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.handing_over.lock();
        self.check_whole()?;
        let leaving = self.overlay.lock().leave();
        if leaving.is_empty() {
            return Ok(());
        }
        let mut native = sled::Batch::default();
        for (key, value) in leaving.iter() {
            match value {
                Some(value) => native.insert(&**key, &**value),
                None => native.remove(&**key),
            }
        }
        self.db.apply_batch(native).map_err(|e| {
            let error = failed(&e);
            let _first = self.broken.set(error.clone()).is_ok();
            error
        })?;
        self.overlay.lock().left();
        Ok(())
    }

    /// Hands over, starts writing back, and waits for the device as the mode says.
    fn write_back(&self) -> Result<(), StoreError> {
        self.hand_over()?;
        self.db.flush().map_err(|e| failed(&e))?;
        match self.options.sync {
            SyncMode::Fsync => self.file.sync_data().map_err(|e| io_failed(&e)),
            SyncMode::FlushOnly => Ok(()),
        }
    }

    /// Bytes that are gathered.
    #[cfg(test)]
    pub(crate) fn gathered_bytes(&self) -> usize {
        self.overlay.lock().bytes()
    }

    fn available(&self) -> u64 {
        let mut space = self.space.lock();
        match *space {
            Some((at, available)) if at.elapsed() < SPACE_EVERY => available,
            _ => {
                let available = fs4::available_space(&self.folder).unwrap_or(u64::MAX);
                *space = Some((Instant::now(), available));
                available
            }
        }
    }
}

/// A row of the database, under its full key.
fn row((key, value): (sled::IVec, sled::IVec)) -> (Bytes, Bytes) {
    (Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value))
}

impl Engine for SledEngine {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let key = full(tree, key);
        let over = self.overlay.lock().get(&key);
        if let Some(value) = over {
            return Ok(value);
        }
        let found = self.db.get(key).map_err(|e| failed(&e))?;
        Ok(found.map(|v| Bytes::copy_from_slice(&v)))
    }

    fn scan(
        &self,
        tree: Tree,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Rows, StoreError> {
        // sled panics on a range that ends before it begins.
        let Some(range) = keys::range(tree, from, to) else { return Ok(Vec::new()) };
        let over = self.overlay.lock().range(&range, limit);
        let under = self.db.range(range).map(|r| r.map(row).map_err(|e| failed(&e)));
        let rows = laid_over(over, under, limit)?;
        Ok(rows.into_iter().map(|(key, value)| (key.slice(1..), value)).collect())
    }

    fn last(&self, tree: Tree, prefix: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        let prefix = full(tree, prefix);
        let end = keys::end_of_prefix(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        let mut over =
            self.overlay.lock().range(&(Bound::Included(prefix.clone()), end), usize::MAX);
        let mut under =
            self.db.scan_prefix(&prefix).rev().map(|r| r.map(row).map_err(|e| failed(&e)));
        let mut below = under.next().transpose()?;
        loop {
            let found = match (over.last(), &below) {
                (None, None) => return Ok(None),
                (Some((a, _)), Some((b, _))) if a < b => below.take(),
                (None, Some(_)) => below.take(),
                (Some(top), _) => {
                    if below.as_ref().is_some_and(|(b, _)| *b == top.0) {
                        below = under.next().transpose()?;
                    }
                    over.pop().and_then(|(key, value)| value.map(|value| (key, value)))
                }
            };
            if let Some((key, value)) = found {
                return Ok(Some((key.slice(1..), value)));
            }
        }
    }

    fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        batch.check()?;
        self.check_whole()?;
        let gathered = self.overlay.lock().add(batch);
        if gathered > GATHERED_MAX { self.hand_over() } else { Ok(()) }
    }

    fn sync(&self) -> Result<(), StoreError> {
        let (available, reserve) = (self.available(), self.options.reserve_bytes / 4);
        if available < reserve {
            return Err(StoreError::Full { available, reserve });
        }
        self.write_back()
    }

    fn is_nearly_full(&self) -> bool {
        self.available() < self.options.reserve_bytes
    }
}

impl Drop for SledEngine {
    fn drop(&mut self) {
        // Nothing that was promised depends on this: it spares the next start the recovery.
        if let Err(error) = self.write_back() {
            tracing::warn!(%error, "the store was not closed cleanly");
        }
    }
}
