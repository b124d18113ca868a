//! The write-ahead journal before the database: one append and one fsync make many batches durable.
//!
//! A sync of the database alone costs three waits for the device and two changes of thread. So batches are written here first, one frame
//! for each sync; what is in the journal is handed to the database at leisure, and the journal begun anew. A start reads what is left.
//!
//! A file: [`MAGIC`], then frames of length (u32), CRC-32 of the body (u32) and body, little endian. A body: rows, each a byte of kind (1
//! written, 0 removed), key length (u32), key and, when written, value length (u32) and value. The last frame may be torn: it was never
//! acknowledged. A torn frame anywhere else is damage.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::{Buf, BufMut, Bytes};

use crate::{Batch, Op, StoreError, keys::full, overlay::Layer};

const MAGIC: &[u8; 8] = b"TGJRNL01";
/// Length and checksum.
const HEAD: usize = 8;

/// Adds a batch to a body.
pub(crate) fn write_rows(batch: &Batch, body: &mut Vec<u8>) {
    // Keys and values are far below 4 GiB: rows are bounded.
    let length = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    for op in batch.ops() {
        match op {
            Op::Put { tree, key, value } => {
                let key = full(*tree, key);
                body.put_u8(1);
                body.put_u32_le(length(key.len()));
                body.put_slice(&key);
                body.put_u32_le(length(value.len()));
                body.put_slice(value);
            }
            Op::Delete { tree, key } => {
                let key = full(*tree, key);
                body.put_u8(0);
                body.put_u32_le(length(key.len()));
                body.put_slice(&key);
            }
        }
    }
}

fn take(body: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(body.try_get_u32_le().ok()?).ok()?;
    (length <= body.len()).then(|| body.split_to(length))
}

/// Lays the rows of a body over those before. `None`: the body is not one.
fn read_rows(mut body: Bytes, rows: &mut Layer) -> Option<()> {
    while let Ok(kind) = body.try_get_u8() {
        let key = take(&mut body)?;
        let value = match kind {
            0 => None,
            1 => Some(take(&mut body)?),
            _ => return None,
        };
        rows.insert(key, value);
    }
    Some(())
}

/// Reads a file's frames. Gives whether it ends with a whole one.
fn read_file(mut rest: Bytes, rows: &mut Layer) -> bool {
    if rest.len() < MAGIC.len() || rest.split_to(MAGIC.len()) != MAGIC.as_slice() {
        return false;
    }
    while !rest.is_empty() {
        let (Ok(length), Ok(sum)) = (rest.try_get_u32_le(), rest.try_get_u32_le()) else {
            return false;
        };
        let Ok(length) = usize::try_from(length) else { return false };
        if length > rest.len() {
            return false;
        }
        let body = rest.split_to(length);
        if crc32fast::hash(&body) != sum || read_rows(body, rows).is_none() {
            return false;
        }
    }
    true
}

fn failed(error: &io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::StorageFull {
        StoreError::Full { available: 0, reserve: 0 }
    } else {
        StoreError::Io(error.to_string())
    }
}

fn number(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("journal-")?.parse().ok()
}

/// The journals of a folder, the oldest first.
fn files(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let paths =
        fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    let mut files: Vec<_> = paths.into_iter().filter_map(|p| Some((number(&p)?, p))).collect();
    files.sort();
    Ok(files)
}

/// What the journals of a folder hold, and their files, the oldest first.
pub(crate) fn left_over(folder: &Path) -> Result<(Layer, Vec<PathBuf>), StoreError> {
    let (mut rows, mut paths) = (Layer::new(), Vec::new());
    let files = files(folder).map_err(|e| failed(&e))?;
    let last = files.len().saturating_sub(1);
    for (n, (_, path)) in files.into_iter().enumerate() {
        let bytes = fs::read(&path).map_err(|e| failed(&e))?;
        let whole = read_file(bytes.into(), &mut rows);
        if !whole && n < last {
            return Err(StoreError::Corrupt(format!("{} is damaged", path.display())));
        }
        paths.push(path);
    }
    Ok((rows, paths))
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes journals whose rows the database has, the oldest first: at no moment may an older one be left without a newer one.
pub(crate) fn remove(folder: &Path, paths: &[PathBuf]) -> Result<(), StoreError> {
    for path in paths {
        fs::remove_file(path).map_err(|e| failed(&e))?;
        sync_folder(folder).map_err(|e| failed(&e))?;
    }
    Ok(())
}

/// The journal that is written now.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    number: u64,
    file: File,
    /// Bytes that are whole frames.
    length: u64,
}

impl Journal {
    /// Begins journal `number`.
    pub(crate) fn begin(folder: &Path, number: u64) -> Result<Self, StoreError> {
        let path = folder.join(format!("journal-{number}"));
        let make = || {
            let mut file = File::options().create_new(true).write(true).open(&path)?;
            file.write_all(MAGIC)?;
            file.sync_all()?;
            sync_folder(folder)?;
            Ok(file)
        };
        let file = make().map_err(|e: io::Error| failed(&e))?;
        Ok(Self { folder: folder.into(), number, file, length: MAGIC.len() as u64 })
    }

    /// Appends a frame, and waits for the device when `sync`.
    ///
    /// # Errors
    /// [`StoreError::Full`]: nothing was appended. Any other: what the device holds is not known.
    pub(crate) fn append(&mut self, body: &[u8], sync: bool) -> Result<(), StoreError> {
        let length = u32::try_from(body.len()).map_err(|_| StoreError::TooLarge(body.len()))?;
        let mut frame = Vec::with_capacity(HEAD + body.len());
        frame.put_u32_le(length);
        frame.put_u32_le(crc32fast::hash(body));
        frame.put_slice(body);
        if let Err(error) = self.file.write_all(&frame) {
            // Part of the frame may be there: a later one must not stand behind it.
            self.file.set_len(self.length).map_err(|e| StoreError::Io(e.to_string()))?;
            io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.length))
                .map_err(|e| StoreError::Io(e.to_string()))?;
            return Err(failed(&error));
        }
        self.length += frame.len() as u64;
        if sync {
            self.file.sync_data().map_err(|e| StoreError::Io(e.to_string()))?;
        }
        Ok(())
    }

    /// Begins the next journal in the place of this one. Gives the file of this one.
    pub(crate) fn rotate(&mut self) -> Result<PathBuf, StoreError> {
        let old = self.folder.join(format!("journal-{}", self.number));
        *self = Self::begin(&self.folder, self.number + 1)?;
        Ok(old)
    }
}

/// The number for a journal behind `paths`.
pub(crate) fn next_number(paths: &[PathBuf]) -> u64 {
    paths.iter().filter_map(|p| number(p)).max().map_or(1, |n| n + 1)
}

#[cfg(test)]
mod tests;
