//! The port that a storage engine implements.

use core::ops::Bound;

use bytes::Bytes;

use crate::{StoreError, Tree};

/// Largest value of a row, in bytes. Past it sled writes a file of its own, which no sync of ours would cover.
pub const ROW_MAX: usize = 60 << 10;

/// One change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Writes a row.
    Put {
        /// What the row is.
        tree: Tree,
        /// Its key.
        key: Bytes,
        /// Its value, at most [`ROW_MAX`] bytes.
        value: Bytes,
    },
    /// Removes a row, if it is there.
    Delete {
        /// What the row is.
        tree: Tree,
        /// Its key.
        key: Bytes,
    },
}

/// Changes that happen together or not at all, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch(pub(crate) Vec<Op>);

impl Batch {
    /// Adds a write.
    pub fn put(&mut self, tree: Tree, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.0.push(Op::Put { tree, key: key.into(), value: value.into() });
    }

    /// Adds a removal.
    pub fn delete(&mut self, tree: Tree, key: impl Into<Bytes>) {
        self.0.push(Op::Delete { tree, key: key.into() });
    }

    /// Adds all of another batch behind this one.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The changes.
    pub fn ops(&self) -> &[Op] {
        &self.0
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses rows that are too large.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let too_large = self.0.iter().find_map(|op| match op {
            Op::Put { value, .. } if value.len() > ROW_MAX => Some(value.len()),
            _ => None,
        });
        too_large.map_or(Ok(()), |size| Err(StoreError::TooLarge(size)))
    }
}

/// Rows in order.
pub type Rows = Vec<(Bytes, Bytes)>;

/// An ordered key space with atomic batches.
pub trait Engine: Send + Sync + core::fmt::Debug + 'static {
    /// The value of a row.
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Bytes>, StoreError>;
    /// Up to `limit` rows between two keys, ascending.
    fn scan(
        &self,
        tree: Tree,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
    ) -> Result<Rows, StoreError>;
    /// The last row whose key starts with `prefix`.
    fn last(&self, tree: Tree, prefix: &[u8]) -> Result<Option<(Bytes, Bytes)>, StoreError>;
    /// Applies a batch: whole, visible at once, durable only after the next [`Engine::sync`].
    fn apply(&self, batch: &Batch) -> Result<(), StoreError>;
    /// Makes everything durable that was applied before the call.
    fn sync(&self) -> Result<(), StoreError>;
    /// Whether room for more is nearly used up: new work should be refused before the engine has to.
    fn is_nearly_full(&self) -> bool {
        false
    }
    /// Bytes that are free where the engine writes; `None`: it has no disk.
    fn available_bytes(&self) -> Option<u64> {
        None
    }
}
