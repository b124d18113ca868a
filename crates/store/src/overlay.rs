//! Rows that were applied but are not yet in the engine below.
//!
//! An atomic batch costs sled a write of its own, whatever its size. Gathered here and handed over as one batch at the next sync, the same
//! rows cost a tenth. Readers look here first, so that a batch is visible at once; a crash loses all of them or, once handed over, keeps
//! a prefix, as before.

use core::ops::Bound;
use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use crate::{Batch, Op, engine::Rows, keys::full};

/// Bytes that a row takes here besides its key and value.
const ROW_OVERHEAD: usize = 64;

/// Full key to value; `None`: removed.
pub(crate) type Layer = BTreeMap<Bytes, Option<Bytes>>;

/// Two layers over an engine: rows that are gathered, and under them rows that are being handed over.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    gathered: Layer,
    bytes: usize,
    leaving: Arc<Layer>,
}

impl Overlay {
    /// Adds a batch. Gives the bytes that are gathered now.
    pub(crate) fn add(&mut self, batch: &Batch) -> usize {
        for op in batch.ops() {
            let (key, value) = match op {
                Op::Put { tree, key, value } => (full(*tree, key), Some(value.clone())),
                Op::Delete { tree, key } => (full(*tree, key), None),
            };
            // A row that is written twice counts twice: the bound is on work, not on memory alone.
            self.bytes += key.len() + value.as_ref().map_or(0, Bytes::len) + ROW_OVERHEAD;
            self.gathered.insert(key, value);
        }
        self.bytes
    }

    /// Bytes that are gathered.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is here about a key: `None` when nothing is.
    #[expect(
        clippy::option_option,
        reason = "nothing is known here, or the row is known to be removed"
    )]
    pub(crate) fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        self.gathered.get(key).or_else(|| self.leaving.get(key)).cloned()
    }

    /// Begins to hand over what is gathered. It stays visible until [`Overlay::left`].
    pub(crate) fn leave(&mut self) -> Arc<Layer> {
        self.bytes = 0;
        self.leaving = Arc::new(core::mem::take(&mut self.gathered));
        Arc::clone(&self.leaving)
    }

    /// The engine below has what was handed over.
    pub(crate) fn left(&mut self) {
        self.leaving = Arc::default();
    }

    /// What is here in a range, ascending, as far as `limit` rows of an answer can depend on it.
    pub(crate) fn range(
        &self,
        range: &(Bound<Bytes>, Bound<Bytes>),
        limit: usize,
    ) -> Vec<(Bytes, Option<Bytes>)> {
        let mut upper = self.gathered.range(range.clone()).peekable();
        let mut lower = self.leaving.range(range.clone()).peekable();
        let (mut found, mut rows) = (Vec::new(), 0);
        while rows < limit {
            let from_lower = match (upper.peek(), lower.peek()) {
                (None, None) => break,
                (Some(_), None) => false,
                (None, Some(_)) => true,
                (Some((a, _)), Some((b, _))) => {
                    if a == b {
                        // The upper row hides the lower one.
                        lower.next();
                        continue;
                    }
                    b < a
                }
            };
            let next = if from_lower { lower.next() } else { upper.next() };
            if let Some((key, value)) = next {
                rows += usize::from(value.is_some());
                found.push((key.clone(), value.clone()));
            }
        }
        found
    }
}

/// The first `limit` rows of an engine's ascending rows with an overlay's laid over them.
pub(crate) fn laid_over<E>(
    over: Vec<(Bytes, Option<Bytes>)>,
    under: impl Iterator<Item = Result<(Bytes, Bytes), E>>,
    limit: usize,
) -> Result<Rows, E> {
    // An engine that has come to its end may go on when rows of the overlay reach it meanwhile.
    let mut under = under.fuse();
    let mut over = over.into_iter().peekable();
    let (mut rows, mut below) = (Vec::new(), None);
    while rows.len() < limit {
        if below.is_none() {
            below = under.next().transpose()?;
        }
        let take_over = match (over.peek(), &below) {
            (None, None) => break,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((a, _)), Some((b, _))) => {
                if a == b {
                    below = None;
                    continue;
                }
                a < b
            }
        };
        if take_over {
            if let Some((key, Some(value))) = over.next() {
                rows.push((key, value));
            }
        } else if let Some(row) = below.take() {
            rows.push(row);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
