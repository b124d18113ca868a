//! A row of Raft's in the store: checksum, version, message.
//!
//! Version 1 holds a prost message whose fields are only ever added. A later version gets a number of its own and a way to read this one.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

const VERSION: u8 = 1;
/// Checksum and version.
const HEAD: usize = 5;

/// The row of a message.
pub(crate) fn seal(message: &impl Message) -> Bytes {
    let mut row = BytesMut::with_capacity(HEAD + message.encoded_len());
    row.put_u32(0);
    row.put_u8(VERSION);
    // A growing buffer has room for any message.
    let _room = message.encode(&mut row);
    let sum = crc32fast::hash(row.get(4..).unwrap_or_default());
    if let Some(head) = row.get_mut(..4) {
        head.copy_from_slice(&sum.to_be_bytes());
    }
    row.freeze()
}

/// The message of a row. A row that is not what was written is an error of kind `InvalidData`.
pub(crate) fn open<M: Message + Default>(row: &Bytes) -> io::Result<M> {
    let damaged = |what: String| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a row of the Raft log is damaged: {what}"),
        )
    };
    let (sum, body) =
        row.split_first_chunk::<4>().ok_or_else(|| damaged("too short".to_owned()))?;
    if u32::from_be_bytes(*sum) != crc32fast::hash(body) {
        return Err(damaged("its checksum differs".to_owned()));
    }
    match body.first() {
        Some(&VERSION) => M::decode(row.slice(HEAD..)).map_err(|e| damaged(e.to_string())),
        other => Err(damaged(format!("version {other:?} is not known"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::NodeSetW;

    #[test]
    fn rows_survive_and_damage_is_seen() {
        let row = seal(&NodeSetW { nodes: vec![1, 2, 300] });
        assert_eq!(open::<NodeSetW>(&row).unwrap(), NodeSetW { nodes: vec![1, 2, 300] });
        for at in 0..row.len() {
            let mut damaged = row.to_vec();
            damaged[at] ^= 1;
            assert!(open::<NodeSetW>(&damaged.into()).is_err(), "byte {at}");
        }
        for length in 0..row.len() {
            assert!(open::<NodeSetW>(&row.slice(..length)).is_err(), "length {length}");
        }
    }
}
