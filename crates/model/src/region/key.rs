//! The catalogue of keys that nodes write.

use bytes::{BufMut, Bytes, BytesMut};
use tidegate_replica::{NodeId, Origin, Record};

/// The kinds of keys that belong to nodes; all others belong to groups. Those that this build does not know are carried along.
const KINDS: core::ops::RangeInclusive<u8> = 128..=191;

/// All keys of nodes lie between the first of these and, without it, the second.
pub const KEYS: (&[u8], &[u8]) = (&[128], &[192]);

/// The key of a record that a node writes. The number of its kind never changes; behind it stands who writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RegionKey {
    /// A quarantine: account and id.
    Quarantine(u64, String),
    /// Sessions of a role that are void: account and the role's unique id.
    Void(u64, String),
    /// When something was used last: account, and an access key id or a role's unique id.
    LastUsed(u64, String),
}

impl RegionKey {
    /// The key as `writer` has it; `None` where that is no node.
    pub fn encode(&self, writer: Origin) -> Option<Bytes> {
        let Origin::Node { node, incarnation } = writer else { return None };
        let (kind, account, text) = match self {
            Self::Quarantine(account, id) => (128, account, id),
            Self::Void(account, role) => (129, account, role),
            Self::LastUsed(account, cell) => (130, account, cell),
        };
        let mut b = BytesMut::with_capacity(21 + text.len());
        b.put_u8(kind);
        b.put_u64(node.0);
        b.put_u32(incarnation);
        b.put_u64(*account);
        b.put_slice(text.as_bytes());
        Some(b.freeze())
    }

    /// The key that these bytes are, and who writes it; `None` when they are none.
    pub fn decode(bytes: &[u8]) -> Option<(Self, Origin)> {
        let writer = writer(bytes)?;
        let (kind, rest) = (bytes.first()?, bytes.get(13..)?);
        let (account, text) = rest.split_at_checked(8)?;
        let account = u64::from_be_bytes(account.try_into().ok()?);
        let text = String::from_utf8(text.to_vec()).ok().filter(|t| !t.is_empty())?;
        let key = match kind {
            128 => Self::Quarantine(account, text),
            129 => Self::Void(account, text),
            130 => Self::LastUsed(account, text),
            _ => return None,
        };
        Some((key, writer))
    }
}

/// The node that a key belongs to, also where its kind is not known; `None`: a group's, or no key.
pub fn writer(key: &[u8]) -> Option<Origin> {
    let (kind, rest) = key.split_first()?;
    let (node, rest) = rest.split_at_checked(8)?;
    let incarnation = rest.get(..4)?;
    let node = NodeId(u64::from_be_bytes(node.try_into().ok()?));
    let incarnation = u32::from_be_bytes(incarnation.try_into().ok()?);
    KINDS.contains(kind).then_some(Origin::Node { node, incarnation })
}

/// Says why a record is not its writer's to write: nodes keep to their own keys, and groups to those that are no node's.
pub fn check_writer(record: &Record) -> Result<(), String> {
    let theirs = match record.dot.origin {
        Origin::Group { .. } => record.key.first().is_none_or(|kind| !KINDS.contains(kind)),
        origin @ Origin::Node { .. } => writer(&record.key) == Some(origin),
    };
    if theirs { Ok(()) } else { Err(format!("{} writes a key that is not its own", record.dot)) }
}
