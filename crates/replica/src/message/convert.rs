//! Between messages and their wire form: every check of what hostile bytes may claim stands here.

use bytes::Bytes;

use super::wire;
use crate::{
    DecodeError, Dot, Frame, GroupId, Origin, Record, Stamp,
    record::{KEY_BYTES_MAX, PROOF_BYTES_MAX, VALUE_BYTES_MAX},
};

pub(super) fn positions(positions: impl Iterator<Item = (Origin, u64)>) -> Vec<wire::Position> {
    positions
        .map(|(origin, sequence)| wire::Position {
            origin: Bytes::copy_from_slice(&origin.to_bytes()),
            sequence,
        })
        .collect()
}

pub(super) fn digests(digests: &[(GroupId, [u8; 32])]) -> Vec<wire::GroupDigest> {
    digests
        .iter()
        .map(|(g, d)| wire::GroupDigest { group: g.0, digest: Bytes::copy_from_slice(d) })
        .collect()
}

pub(super) fn frame(frame: &Frame) -> wire::Frame {
    let record = |r: &Record| wire::Record {
        key: r.key.clone(),
        value: r.value.clone(),
        epoch: r.stamp.epoch,
        revision: r.stamp.revision,
        sequence: r.dot.sequence,
    };
    wire::Frame {
        origin: Bytes::copy_from_slice(&frame.origin.to_bytes()),
        after: frame.after,
        upto: frame.upto,
        records: frame.records.iter().map(record).collect(),
        trace: frame.trace.clone(),
        proof: frame.proof.clone(),
    }
}

fn origin(bytes: &[u8]) -> Result<Origin, DecodeError> {
    Origin::from_bytes(bytes).ok_or_else(|| DecodeError("an origin of unknown form".to_owned()))
}

pub(super) fn read_positions(items: &[wire::Position]) -> Result<Vec<(Origin, u64)>, DecodeError> {
    items.iter().map(|p| Ok((origin(&p.origin)?, p.sequence))).collect()
}

pub(super) fn read_digests(
    items: &[wire::GroupDigest],
) -> Result<Vec<(GroupId, [u8; 32])>, DecodeError> {
    let read = |d: &wire::GroupDigest| {
        let digest = d
            .digest
            .as_ref()
            .try_into()
            .map_err(|_| DecodeError("a digest of another length".to_owned()))?;
        Ok((GroupId(d.group), digest))
    };
    items.iter().map(read).collect()
}

pub(super) fn read_frame(frame: Option<wire::Frame>) -> Result<Frame, DecodeError> {
    let frame = frame.ok_or_else(|| DecodeError("no frame".to_owned()))?;
    let origin = origin(&frame.origin)?;
    if frame.upto < frame.after {
        return Err(DecodeError("a frame that ends before it begins".to_owned()));
    }
    let read = |r: wire::Record| {
        if r.key.is_empty() || r.sequence <= frame.after || r.sequence > frame.upto {
            return Err(DecodeError("a record outside its frame".to_owned()));
        }
        if r.key.len() > KEY_BYTES_MAX
            || r.value.as_ref().is_some_and(|v| v.len() > VALUE_BYTES_MAX)
        {
            return Err(DecodeError("a record that no store could hold".to_owned()));
        }
        Ok(Record {
            key: r.key,
            value: r.value,
            stamp: Stamp { epoch: r.epoch, revision: r.revision },
            dot: Dot { origin, sequence: r.sequence },
        })
    };
    let records = frame.records.into_iter().map(read).collect::<Result<_, _>>()?;
    if frame.proof.as_ref().is_some_and(|p| p.len() > PROOF_BYTES_MAX) {
        return Err(DecodeError("a proof that is too long".to_owned()));
    }
    let (after, upto) = (frame.after, frame.upto);
    Ok(Frame { origin, after, upto, records, trace: frame.trace, proof: frame.proof })
}
