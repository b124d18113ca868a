//! Records and frames: what travels, and what says that nothing is missing between.

use bytes::Bytes;

use crate::{Dot, Origin, Weight};

/// Bytes of a record's key.
pub(crate) const KEY_BYTES_MAX: usize = 4 << 10;
/// Bytes of a record's value: what a row of a store holds, less the record's own facts. Whoever makes records keeps well below it; whoever
/// is sent more takes nothing of the message.
pub(crate) const VALUE_BYTES_MAX: usize = 56 << 10;

/// Bytes of what vouches for a frame: a signature, some hashes, and a path in a tree of all frames of a step.
pub(crate) const PROOF_BYTES_MAX: usize = 2 << 10;

/// What a record costs beside its key and value: its stamp, its dot and the places where they stand.
const OVERHEAD: usize = 64;

/// The marker by which the newer of two values of one key is told: the placement epoch of the account, then the revision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Raised when the key's home changes.
    pub epoch: u64,
    /// The log index that wrote it.
    pub revision: u64,
}

/// The unit of replication: one entity or one edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its key. Opaque here.
    pub key: Bytes,
    /// Its value; `None`: a tombstone.
    pub value: Option<Bytes>,
    /// How new it is.
    pub stamp: Stamp,
    /// Which write wrote it.
    pub dot: Dot,
}

impl Record {
    /// Bytes that it costs, in memory and, about, on the wire.
    pub fn size(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len) + OVERHEAD
    }
}

/// What is known of a stored record without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How new it is.
    pub stamp: Stamp,
    /// Which write wrote it.
    pub dot: Dot,
}

/// Everything that `origin` wrote in (after, upto]. A frame without records says that there was nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Who wrote.
    pub origin: Origin,
    /// The frame begins behind this sequence.
    pub after: u64,
    /// The frame ends with this sequence.
    pub upto: u64,
    /// The newest record of each key that was written between.
    pub records: Vec<Record>,
    /// W3C `traceparent` of the write, to follow it across nodes.
    pub trace: Option<String>,
    /// What vouches for it: opaque here. Of a frame that is pushed it covers the frame; of the last page of a catch-up it covers the state of
    /// the origin at the page's end.
    pub proof: Option<Bytes>,
}

impl Frame {
    /// Bytes that its records cost.
    pub fn size(&self) -> usize {
        self.records.iter().map(Record::size).sum()
    }

    /// How much it brings to a driver's turn.
    pub fn weight(&self) -> Weight {
        Weight { records: self.records.len(), bytes: self.size() }
    }
}

/// What a source has to vouch for the state of an origin at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing is asked for.
    Unneeded,
    /// This.
    There(Bytes),
    /// Nothing, where something is asked for: it is no source.
    Missing,
}

/// A stretch of an origin's records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangePage {
    /// In order of their sequence; only the newest record of a key.
    pub records: Vec<Record>,
    /// Everything up to this sequence is in the page.
    pub upto: u64,
    /// Whether there is more behind it.
    pub more: bool,
    /// What the stored clock says once the page was read. A key that was written again behind the page is left out of it, and is no further
    /// away than this, unless it was written ahead of the clock.
    pub end: u64,
}

/// What the machine may ask of the store.
pub trait Records {
    /// How new the stored record of `key` is.
    fn header(&self, key: &[u8]) -> Option<Header>;
    /// The records of `origin` behind `after`, about `limit_bytes` of them, at least one when there is any. `upto` of the last page
    /// is what the stored clock says. A store that can't be read gives none and says that there are more.
    fn range(&self, origin: Origin, after: u64, limit_bytes: usize) -> RangePage;
    /// Up to which sequence tombstones of `origin` were collected.
    fn floor(&self, origin: Origin) -> u64;
    /// What vouches for the state of `origin` at exactly this position.
    fn proof(&self, _origin: Origin, _position: u64) -> Proof {
        Proof::Unneeded
    }
}
