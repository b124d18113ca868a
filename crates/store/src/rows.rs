//! The value of a record row: checksum, version, dot, stamp and value.
//!
//! Version 1 is prost with fields that are only ever added. A later version gets a number of its own and a chain to read this one.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use tidegate_replica::{Dot, Origin, Record, Stamp};

use crate::StoreError;

const VERSION: u8 = 1;

#[derive(Clone, PartialEq, Message)]
struct RowV1 {
    #[prost(bytes = "bytes", tag = "1")]
    origin: Bytes,
    #[prost(uint64, tag = "2")]
    sequence: u64,
    #[prost(uint64, tag = "3")]
    epoch: u64,
    #[prost(uint64, tag = "4")]
    revision: u64,
    #[prost(bytes = "bytes", optional, tag = "5")]
    value: Option<Bytes>,
}

/// The row of a record.
pub(crate) fn write(record: &Record) -> Bytes {
    let row = RowV1 {
        origin: Bytes::copy_from_slice(&record.dot.origin.to_bytes()),
        sequence: record.dot.sequence,
        epoch: record.stamp.epoch,
        revision: record.stamp.revision,
        value: record.value.clone(),
    };
    let mut body = BytesMut::with_capacity(5 + row.encoded_len());
    body.put_u32(0);
    body.put_u8(VERSION);
    let _grows = row.encode(&mut body);
    let sum = crc32fast::hash(body.get(4..).unwrap_or_default());
    if let Some(head) = body.get_mut(..4) {
        head.copy_from_slice(&sum.to_be_bytes());
    }
    body.freeze()
}

/// The record of a row.
pub(crate) fn read(key: Bytes, row: &Bytes) -> Result<Record, StoreError> {
    let damaged = |what: &str| StoreError::Corrupt(format!("the record under {key:02x?}: {what}"));
    let (sum, body) = row.split_first_chunk::<4>().ok_or_else(|| damaged("too short"))?;
    if u32::from_be_bytes(*sum) != crc32fast::hash(body) {
        return Err(damaged("its checksum differs"));
    }
    if body.first() != Some(&VERSION) {
        return Err(damaged("an unknown version"));
    }
    let row = RowV1::decode(row.slice(5..)).map_err(|e| damaged(&e.to_string()))?;
    let origin = Origin::from_bytes(&row.origin).ok_or_else(|| damaged("an unknown origin"))?;
    Ok(Record {
        value: row.value,
        stamp: Stamp { epoch: row.epoch, revision: row.revision },
        dot: Dot { origin, sequence: row.sequence },
        key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_replica::GroupId;

    #[test]
    fn rows_survive_and_damage_is_seen() {
        let record = Record {
            key: "k".into(),
            value: Some("v".into()),
            stamp: Stamp { epoch: 1, revision: 2 },
            dot: Dot { origin: Origin::Group { group: GroupId(1), generation: 0 }, sequence: 2 },
        };
        let row = write(&record);
        assert_eq!(read("k".into(), &row).unwrap(), record);
        for at in 0..row.len() {
            let mut damaged = row.to_vec();
            damaged[at] ^= 1;
            assert!(
                matches!(read("k".into(), &damaged.into()), Err(StoreError::Corrupt(_))),
                "byte {at}"
            );
        }
    }
}
