//! What can go wrong with stored data.

/// A store that did not do what was asked. Unless a variant says otherwise, nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full, or nearly: writes are refused until there is room.
    #[error("the disk is full: {available} bytes are left, {reserve} are kept in reserve")]
    Full {
        /// Bytes left.
        available: u64,
        /// Bytes that are never used.
        reserve: u64,
    },
    /// The disk failed. What was written since the last sync may be lost.
    #[error("the disk failed: {0}")]
    Io(String),
    /// A row is not what was written. Signals damage: the node must be rebuilt from its peers.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
    /// The store was written by another version.
    #[error("the store has format {found}, this program reads {expected}")]
    Format {
        /// What the store says.
        found: u32,
        /// What this program knows.
        expected: u32,
    },
    /// A row is larger than a row may be. The caller's request is too large.
    #[error("a row of {0} bytes is too large")]
    TooLarge(usize),
    /// The store was to be opened in a way that can lose what it promises.
    #[error("refused: {0}")]
    Unsafe(&'static str),
    /// The store was shut.
    #[error("the store is closed")]
    Closed,
}
