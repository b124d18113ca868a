//! The catalogue of the key space: what each row is and how its key is formed.

use core::ops::Bound;

use bytes::{BufMut, Bytes, BytesMut};
use tidegate_replica::{GroupId, Origin};

/// What a row is. The number is the first byte of its key and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tree {
    /// Facts of the store itself: its format.
    Store = 0,
    /// The newest record of each key.
    Record = 1,
    /// Origin and sequence to key: only the newest record of a key has a row that counts.
    Index = 2,
    /// How far each origin is merged.
    Clock = 3,
    /// Raft log entries, by group and index.
    Log = 4,
    /// Raft's own facts, by group and name: vote, purged, committed, applied.
    Meta = 5,
    /// Rows of a group's machine that are not replicated by gossip.
    Local = 6,
    /// Those rows of the index whose record is a tombstone.
    Tombstone = 7,
    /// Up to which sequence tombstones of an origin were collected.
    Floor = 8,
}

impl Tree {
    /// All trees, by their numbers.
    const ALL: [Self; 9] = [
        Self::Store,
        Self::Record,
        Self::Index,
        Self::Clock,
        Self::Log,
        Self::Meta,
        Self::Local,
        Self::Tombstone,
        Self::Floor,
    ];

    /// The tree of a number.
    pub(crate) fn from_byte(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// The key of a row in the one key space.
pub(crate) fn full(tree: Tree, key: &[u8]) -> Bytes {
    let mut full = BytesMut::with_capacity(1 + key.len());
    full.put_u8(tree as u8);
    full.put_slice(key);
    full.freeze()
}

/// The range of full keys between two keys of a tree; `None` when it ends before it begins.
pub(crate) fn range(
    tree: Tree,
    from: Bound<&[u8]>,
    to: Bound<&[u8]>,
) -> Option<(Bound<Bytes>, Bound<Bytes>)> {
    let bound = |bound: Bound<&[u8]>, unbounded: Bound<Bytes>| match bound {
        Bound::Included(key) => Bound::Included(full(tree, key)),
        Bound::Excluded(key) => Bound::Excluded(full(tree, key)),
        Bound::Unbounded => unbounded,
    };
    let from = bound(from, Bound::Included(full(tree, &[])));
    let to = bound(to, Bound::Excluded(Bytes::copy_from_slice(&[tree as u8 + 1])));
    let empty = match (&from, &to) {
        (Bound::Included(a), Bound::Included(b)) => a > b,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => {
            a >= b
        }
        _ => false,
    };
    (!empty).then_some((from, to))
}

/// Index rows: origin, sequence, key.
pub(crate) fn index(origin: Origin, sequence: u64, key: &[u8]) -> Bytes {
    let mut row = BytesMut::with_capacity(21 + key.len());
    row.put_slice(&origin.to_bytes());
    row.put_u64(sequence);
    row.put_slice(key);
    row.freeze()
}

/// The first key behind all index rows of an origin; `None` when nothing can lie behind them.
pub(crate) fn index_end(origin: Origin) -> Option<Bytes> {
    end_of_prefix(&origin.to_bytes())
}

/// The first key behind all keys with a prefix; `None` when nothing can lie behind them.
pub(crate) fn end_of_prefix(prefix: &[u8]) -> Option<Bytes> {
    let at = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = BytesMut::from(prefix.get(..=at)?);
    *end.get_mut(at)? += 1;
    Some(end.freeze())
}

/// Origin, sequence and key of an index row.
pub(crate) fn read_index(row: &[u8]) -> Option<(Origin, u64, Bytes)> {
    let (origin, rest) = row.split_at_checked(13)?;
    let (sequence, key) = rest.split_at_checked(8)?;
    let sequence = u64::from_be_bytes(sequence.try_into().ok()?);
    Some((Origin::from_bytes(origin)?, sequence, Bytes::copy_from_slice(key)))
}

/// Rows of one group: log entries by index, facts by name.
pub(crate) fn of_group(group: GroupId, rest: &[u8]) -> Bytes {
    let mut row = BytesMut::with_capacity(4 + rest.len());
    row.put_u32(group.0);
    row.put_slice(rest);
    row.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_rows_survive_and_order_by_sequence() {
        let origin = Origin::Group { group: GroupId(3), generation: 1 };
        assert_eq!(
            read_index(&index(origin, 9, b"k")),
            Some((origin, 9, Bytes::from_static(b"k")))
        );
        assert!(index(origin, 9, b"z") < index(origin, 10, b"a"));
        assert_eq!(read_index(b"short"), None);
        let end = index_end(origin).unwrap();
        assert!(index(origin, u64::MAX, &[0xff; 40]) < end);
        assert!(end <= index(Origin::Group { group: GroupId(3), generation: 2 }, 0, b""));
    }
}
