//! sled behind the engine port, with a real fsync.
//!
//! On Linux sled's own `flush` starts the write-back but does not wait for the device. So every sync also calls `sync_data` on a second
//! descriptor of the database file. `flush_async` is never used: it hangs under load.

use core::{ops::Bound, time::Duration};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::{
    Batch, Engine, Op, StoreError, Tree,
    engine::Rows,
    keys::{self, full},
};

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
    let config =
        sled::Config::default().path(folder).cache_capacity(cache_bytes).flush_every_ms(None);
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
        // The names of the files themselves must be durable too.
        File::open(folder).and_then(|f| f.sync_all()).map_err(|e| io_failed(&e))?;
        Ok(Self { db, file, folder: folder.to_path_buf(), options })
    }

    /// Starts writing back, and waits for the device as the mode says.
    fn write_back(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(|e| failed(&e))?;
        match self.options.sync {
            SyncMode::Fsync => self.file.sync_data().map_err(|e| io_failed(&e)),
            SyncMode::FlushOnly => Ok(()),
        }
    }

    fn available(&self) -> u64 {
        fs4::available_space(&self.folder).unwrap_or(u64::MAX)
    }
}

fn row((key, value): (sled::IVec, sled::IVec)) -> (Bytes, Bytes) {
    (Bytes::copy_from_slice(key.get(1..).unwrap_or_default()), Bytes::copy_from_slice(&value))
}

impl Engine for SledEngine {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let found = self.db.get(full(tree, key)).map_err(|e| failed(&e))?;
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
        self.db.range(range).take(limit).map(|r| r.map(row).map_err(|e| failed(&e))).collect()
    }

    fn last(&self, tree: Tree, prefix: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError> {
        let found = self
            .db
            .scan_prefix(full(tree, prefix))
            .next_back()
            .transpose()
            .map_err(|e| failed(&e))?;
        Ok(found.map(row))
    }

    fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        batch.check()?;
        let mut native = sled::Batch::default();
        for op in batch.ops() {
            match op {
                Op::Put { tree, key, value } => native.insert(&*full(*tree, key), &**value),
                Op::Delete { tree, key } => native.remove(&*full(*tree, key)),
            }
        }
        self.db.apply_batch(native).map_err(|e| failed(&e))
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
