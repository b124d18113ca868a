//! The bytes of messages, as prost has them. Fields are only ever added; a number is never used again.

use bytes::Bytes;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Position {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) origin: Bytes,
    #[prost(uint64, tag = "2")]
    pub(crate) sequence: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GroupDigest {
    #[prost(uint32, tag = "1")]
    pub(crate) group: u32,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) digest: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Record {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) key: Bytes,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(crate) value: Option<Bytes>,
    #[prost(uint64, tag = "3")]
    pub(crate) epoch: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) revision: u64,
    #[prost(uint64, tag = "5")]
    pub(crate) sequence: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Frame {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) origin: Bytes,
    #[prost(uint64, tag = "2")]
    pub(crate) after: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) upto: u64,
    #[prost(message, repeated, tag = "4")]
    pub(crate) records: Vec<Record>,
    #[prost(string, optional, tag = "5")]
    pub(crate) trace: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "130")]
    pub(crate) proof: Option<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Message {
    #[prost(uint32, tag = "1")]
    pub(crate) kind: u32,
    #[prost(message, optional, tag = "2")]
    pub(crate) frame: Option<Frame>,
    #[prost(uint32, tag = "3")]
    pub(crate) hops: u32,
    #[prost(message, repeated, tag = "4")]
    pub(crate) merged: Vec<Position>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) published: Vec<Position>,
    #[prost(message, repeated, tag = "6")]
    pub(crate) digests: Vec<GroupDigest>,
    #[prost(uint32, tag = "7")]
    pub(crate) next: u32,
    #[prost(bool, tag = "8")]
    pub(crate) replaces: bool,
    #[prost(uint64, tag = "9")]
    pub(crate) nonce: u64,
    #[prost(uint32, repeated, tag = "10")]
    pub(crate) groups: Vec<u32>,
    #[prost(bytes = "bytes", tag = "11")]
    pub(crate) packet: Bytes,
    #[prost(uint64, tag = "12")]
    pub(crate) base: u64,
    #[prost(uint64, tag = "20")]
    pub(crate) answer: u64,
}
