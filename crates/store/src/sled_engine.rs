//! sled behind the engine port, with a real fsync.
//!
//! Batches are gathered in an [`Overlay`], made durable by a [`Journal`], and handed to sled when many have come together: a sync of sled's
//! own costs several waits for the device. A start hands over what the journal holds.
//!
//! On Linux sled's `flush` starts the write-back but does not wait for the device. So handing over also calls `sync_data` on a second
//! descriptor of the database file, and only then is the journal let go. `flush_async` is never used: it hangs under load.

use core::{ops::Bound, time::Duration};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    thread::JoinHandle,
    time::Instant,
};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::{
    Batch, Engine, StoreError, Tree,
    engine::Rows,
    journal::{self, Journal},
    keys::{self, full},
    overlay::{Layer, Overlay, laid_over},
};

/// Bytes that are gathered before they are handed to the database: many rewrites of a row become one, and the start after a crash reads
/// no more than twice this.
const GATHERED_MAX: usize = 16 << 20;
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

/// What was applied and is not in the database yet.
#[derive(Debug, Default)]
struct Gathered {
    overlay: Overlay,
    /// The same as a body for the journal, as far as it is not there.
    unlogged: Vec<u8>,
}

/// What the thread that hands over shares with the engine.
#[derive(Debug)]
struct Shared {
    db: sled::Db,
    file: File,
    folder: PathBuf,
    sync: SyncMode,
    gathered: Mutex<Gathered>,
    broken: OnceLock<StoreError>,
}

/// The journal that is written, and the thread that hands over what the one before holds.
#[derive(Debug)]
struct Writing {
    journal: Journal,
    handing_over: Option<JoinHandle<()>>,
}

/// sled in a folder.
#[derive(Debug)]
pub struct SledEngine {
    shared: Arc<Shared>,
    options: SledOptions,
    /// Held for a whole sync: one at a time.
    writing: Mutex<Writing>,
    /// Bytes left on the disk, and when they were counted.
    space: Mutex<Option<(Instant, u64)>>,
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

impl Shared {
    /// Breaks the store: what the device holds is not known any more.
    fn fail<T>(&self, error: StoreError) -> Result<T, StoreError> {
        let _first = self.broken.set(error.clone()).is_ok();
        Err(error)
    }

    /// Fails once the store is broken.
    fn check_whole(&self) -> Result<(), StoreError> {
        self.broken.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Hands rows to the database, and waits for the device as the mode says. Row by row: the journal holds all of them until this is done,
    /// and every reader in the process would wait for the end of a batch.
    fn hand_over(&self, rows: &Layer) -> Result<(), StoreError> {
        for (key, value) in rows {
            let before = match value {
                Some(value) => self.db.insert(&**key, &**value),
                None => self.db.remove(&**key),
            };
            drop(before.map_err(|e| failed(&e))?);
        }
        self.db.flush().map_err(|e| failed(&e))?;
        match self.sync {
            SyncMode::Fsync => self.file.sync_data().map_err(|e| io_failed(&e)),
            SyncMode::FlushOnly => Ok(()),
        }
    }

    /// Hands over what has left the overlay, and lets its journal go.
    fn settle(&self, rows: &Layer, journal: PathBuf) {
        let done = self.hand_over(rows).and_then(|()| {
            self.gathered.lock().overlay.left();
            journal::remove(&self.folder, &[journal])
        });
        if let Err(error) = done {
            tracing::error!(%error, "the journal can't be handed over; the store takes no more writes until it is opened anew");
            drop(self.fail::<()>(error));
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
        let shared = Shared {
            db,
            file,
            folder: folder.to_path_buf(),
            sync: options.sync,
            gathered: Mutex::default(),
            broken: OnceLock::new(),
        };
        let (rows, paths) = journal::left_over(folder)?;
        if !rows.is_empty() {
            shared.hand_over(&rows)?;
        }
        // First the old go: a crash must not leave one with a torn end before a newer one.
        journal::remove(folder, &paths)?;
        let journal = Journal::begin(folder, journal::next_number(&paths))?;
        Ok(Self {
            shared: Arc::new(shared),
            options,
            writing: Mutex::new(Writing { journal, handing_over: None }),
            space: Mutex::default(),
        })
    }

    /// Appends to the journal what it lacks. When much is gathered, begins to hand it to the database.
    fn write_back(&self) -> Result<(), StoreError> {
        let writing = &mut *self.writing.lock();
        let due = self.log(writing)? > GATHERED_MAX;
        if !due {
            return Ok(());
        }
        // One journal is handed over at a time: whoever comes too early waits.
        if let Some(thread) = writing.handing_over.take()
            && thread.join().is_err()
        {
            return self.shared.fail(StoreError::Closed);
        }
        self.shared.check_whole()?;
        let (body, leaving) = {
            let mut gathered = self.shared.gathered.lock();
            (core::mem::take(&mut gathered.unlogged), gathered.overlay.leave())
        };
        // Rows must be in the journal before they are in the database: a start lays the one over the other.
        let sync = self.options.sync == SyncMode::Fsync;
        let logged = if body.is_empty() { Ok(()) } else { writing.journal.append(&body, sync) };
        let old =
            logged.and_then(|()| writing.journal.rotate()).or_else(|e| self.shared.fail(e))?;
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new()
            .name("tidegate-hand-over".to_owned())
            .spawn(move || shared.settle(&leaving, old));
        writing.handing_over = Some(thread.or_else(|e| self.shared.fail(io_failed(&e)))?);
        Ok(())
    }

    /// Appends to the journal what it lacks. Gives the bytes that are gathered.
    fn log(&self, writing: &mut Writing) -> Result<usize, StoreError> {
        self.shared.check_whole()?;
        let (body, bytes) = {
            let mut gathered = self.shared.gathered.lock();
            (core::mem::take(&mut gathered.unlogged), gathered.overlay.bytes())
        };
        if body.is_empty() {
            return Ok(bytes);
        }
        match writing.journal.append(&body, self.options.sync == SyncMode::Fsync) {
            Ok(()) => Ok(bytes),
            Err(error @ StoreError::Full { .. }) => {
                // Nothing was written: the next sync tries again, in the same order.
                let unlogged = &mut self.shared.gathered.lock().unlogged;
                let later = core::mem::replace(unlogged, body);
                unlogged.extend(later);
                Err(error)
            }
            Err(error) => self.shared.fail(error),
        }
    }

    /// Bytes that are gathered.
    #[cfg(test)]
    pub(crate) fn gathered_bytes(&self) -> usize {
        self.shared.gathered.lock().overlay.bytes()
    }

    fn available(&self) -> u64 {
        let mut space = self.space.lock();
        match *space {
            Some((at, available)) if at.elapsed() < SPACE_EVERY => available,
            _ => {
                let available = fs4::available_space(&self.shared.folder).unwrap_or(u64::MAX);
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
        let over = self.shared.gathered.lock().overlay.get(&key);
        if let Some(value) = over {
            return Ok(value);
        }
        let found = self.shared.db.get(key).map_err(|e| failed(&e))?;
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
        let over = self.shared.gathered.lock().overlay.range(&range, limit);
        let under = self.shared.db.range(range).map(|r| r.map(row).map_err(|e| failed(&e)));
        let rows = laid_over(over, under, limit)?;
        Ok(rows.into_iter().map(|(key, value)| (key.slice(1..), value)).collect())
    }

    fn last(&self, tree: Tree, prefix: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        let prefix = full(tree, prefix);
        let end = keys::end_of_prefix(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        let mut over = self
            .shared
            .gathered
            .lock()
            .overlay
            .range(&(Bound::Included(prefix.clone()), end), usize::MAX);
        let mut under =
            self.shared.db.scan_prefix(&prefix).rev().map(|r| r.map(row).map_err(|e| failed(&e)));
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
        self.shared.check_whole()?;
        let bytes = {
            let mut gathered = self.shared.gathered.lock();
            journal::write_rows(batch, &mut gathered.unlogged);
            gathered.overlay.add(batch)
        };
        // Whoever applies and never syncs pays for it here.
        if bytes > 2 * GATHERED_MAX { self.write_back() } else { Ok(()) }
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

    fn available_bytes(&self) -> Option<u64> {
        Some(self.available())
    }
}

impl Drop for SledEngine {
    fn drop(&mut self) {
        let writing = self.writing.get_mut();
        if let Some(thread) = writing.handing_over.take()
            && thread.join().is_err()
        {
            tracing::warn!("the journal was not handed over; the next start does it");
        }
        // Nothing that was promised depends on this.
        if let Err(error) = self.write_back() {
            tracing::warn!(%error, "the store was not closed cleanly");
        }
        if let Some(thread) = self.writing.get_mut().handing_over.take() {
            let _settled = thread.join().is_ok();
        }
    }
}
