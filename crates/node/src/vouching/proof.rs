//! What is signed, and the bytes that carry a signature: proofs of frames and states, and of single records of nodes.

use bytes::{Buf, Bytes};
use prost::{
    Message as _,
    encoding::{
        DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
    },
};
use tidegate_authn::merkle::{self, Hash};
use tidegate_replica::{Frame, Origin, Record};

/// What the signature of a batch of a group is for.
pub(super) const BATCH: &str = "tidegate batch v1";
/// What the signature of a node over its own records is for.
pub(super) const OWN: &str = "tidegate own v1";

/// The field of a record's value in which the proof stands. It is the last one; whoever reads the value passes over it.
const FIELD: u32 = 1_000;

/// Bytes of a public key that name it.
pub(super) const KEY_ID_BYTES: usize = 8;

/// Vouches for a frame of a group, and for the group's state at the frame's end.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BatchProof {
    /// Who signed.
    #[prost(uint64, tag = "1")]
    pub(super) node: u64,
    /// With which key.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) key: Bytes,
    /// Over the root of a tree of frames.
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) signature: Bytes,
    /// Where this frame stands in the tree.
    #[prost(uint32, tag = "4")]
    pub(super) index: u32,
    /// How many frames stand there.
    #[prost(uint32, tag = "5")]
    pub(super) size: u32,
    /// The hashes beside its way to the root, one behind the other.
    #[prost(bytes = "bytes", tag = "6")]
    pub(super) path: Bytes,
    /// The hash of the group's state at the end of the frame.
    #[prost(bytes = "bytes", tag = "7")]
    pub(crate) state: Bytes,
    /// Where the frame began. Only where the frame itself is not at hand.
    #[prost(uint64, tag = "8")]
    pub(super) after: u64,
    /// The hash of its records. Only where the frame itself is not at hand.
    #[prost(bytes = "bytes", tag = "9")]
    pub(super) records: Bytes,
}

/// Vouches for one record of a node.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OwnProof {
    /// With which key.
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) key: Bytes,
    /// Over the root of a tree of records.
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) signature: Bytes,
    /// Where this record stands in the tree.
    #[prost(uint32, tag = "3")]
    pub(super) index: u32,
    /// How many records stand there.
    #[prost(uint32, tag = "4")]
    pub(super) size: u32,
    /// The hashes beside its way to the root, one behind the other.
    #[prost(bytes = "bytes", tag = "5")]
    pub(super) path: Bytes,
}

/// What names a key.
pub(super) fn key_id(public: &[u8]) -> Bytes {
    Bytes::copy_from_slice(public.get(..KEY_ID_BYTES).unwrap_or(public))
}

pub(super) fn path_bytes(path: &[Hash]) -> Bytes {
    path.concat().into()
}

/// The root that a leaf leads to; `None` where its place is none.
pub(super) fn root_of(leaf: Hash, index: u32, size: u32, path: &Bytes) -> Option<Hash> {
    let hashes: Vec<Hash> =
        path.chunks(32).map(|hash| hash.try_into().ok()).collect::<Option<_>>()?;
    merkle::climb(leaf, index.try_into().ok()?, size.try_into().ok()?, &hashes)
}

/// What of a record is neither key nor value.
fn head(record: &Record) -> [u8; 25] {
    let mut head = [u8::from(record.value.is_some()); 25];
    let numbers = [record.stamp.epoch, record.stamp.revision, record.dot.sequence];
    let (_, places) = head.split_at_mut(1);
    for (out, number) in places.chunks_exact_mut(8).zip(numbers) {
        out.copy_from_slice(&number.to_be_bytes());
    }
    head
}

/// The hash of all that a frame's records are.
pub(super) fn records_hash(records: &[Record]) -> Hash {
    let heads: Vec<[u8; 25]> = records.iter().map(head).collect();
    let parts = heads.iter().zip(records).flat_map(|(head, record)| {
        [&head[..], &record.key[..], record.value.as_deref().unwrap_or_default()]
    });
    merkle::leaf(parts)
}

/// The leaf of a frame: that it is complete from `after` to `upto`, what is in it, and the state that it leads to.
pub(super) fn frame_leaf(
    origin: Origin,
    after: u64,
    upto: u64,
    records: &[u8],
    state: &[u8],
) -> Hash {
    merkle::leaf([
        &origin.to_bytes()[..],
        &after.to_be_bytes(),
        &upto.to_be_bytes(),
        records,
        state,
    ])
}

/// The leaf of a frame whose records are at hand.
pub(super) fn leaf_of(frame: &Frame, state: &[u8]) -> Hash {
    let records = records_hash(&frame.records);
    frame_leaf(frame.origin, frame.after, frame.upto, &records, state)
}

/// The leaf of a record of a node, whose value is `payload` and the proof.
pub(super) fn own_leaf(record: &Record, payload: &[u8]) -> Hash {
    merkle::leaf([&record.dot.origin.to_bytes()[..], &head(record), &record.key, payload])
}

/// A value with its proof behind it.
pub(super) fn join(payload: &[u8], proof: &OwnProof) -> Bytes {
    let proof = proof.encode_to_vec();
    let mut value = payload.to_vec();
    encode_key(FIELD, WireType::LengthDelimited, &mut value);
    encode_varint(proof.len() as u64, &mut value);
    value.extend(proof);
    value.into()
}

/// A value without its proof, and the proof where it has one.
pub(super) fn part(value: &Bytes) -> (Bytes, Option<OwnProof>) {
    let mut rest = value.clone();
    while rest.has_remaining() {
        let at = value.len() - rest.remaining();
        let Ok((field, kind)) = decode_key(&mut rest) else { break };
        if field == FIELD && kind == WireType::LengthDelimited {
            let whole = decode_varint(&mut rest).is_ok_and(|len| len == rest.remaining() as u64);
            let proof = OwnProof::decode(rest).ok().filter(|_| whole);
            let payload = if proof.is_some() { value.slice(..at) } else { value.clone() };
            return (payload, proof);
        }
        if skip_field(kind, field, &mut rest, DecodeContext::default()).is_err() {
            break;
        }
    }
    (value.clone(), None)
}
