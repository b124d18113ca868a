//! What nodes say to each other, and its bytes.

use bytes::Bytes;
use prost::Message as _;

use crate::{Clock, Dot, Frame, GroupId, Origin, Record, Stamp};

/// One message between two replicas.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A fresh frame. `hops` says how often it was passed on.
    Push {
        /// The frame.
        frame: Frame,
        /// 0 from the home, 1 from a relay.
        hops: u32,
    },
    /// How far I am.
    Digest {
        /// What I have merged.
        merged: Clock,
        /// What I decide on.
        published: Clock,
        /// Digest of my state of each group at its published position.
        digests: Vec<(GroupId, [u8; 32])>,
    },
    /// Give me what `origin` wrote behind `after`.
    Pull {
        /// Who wrote.
        origin: Origin,
        /// I have everything up to here.
        after: u64,
    },
    /// A page of what was asked for.
    PullReply {
        /// The page.
        frame: Frame,
        /// Whether there is more behind it.
        more: bool,
        /// The page begins a whole state: what I had of this origin is void.
        replaces: bool,
    },
    /// My published view has come to here.
    Ack {
        /// The positions that moved.
        published: Clock,
        /// Digest of my state of each group that moved.
        digests: Vec<(GroupId, [u8; 32])>,
    },
    /// Are you there?
    Ping {
        /// Comes back in the pong.
        nonce: u64,
    },
    /// I am.
    Pong {
        /// From the ping.
        nonce: u64,
    },
    /// How far are these groups now?
    Probe {
        /// Comes back in the echo.
        nonce: u64,
        /// Groups that the receiver votes in.
        groups: Vec<GroupId>,
    },
    /// A quorum confirmed these positions after the probe had arrived.
    Echo {
        /// From the probe.
        nonce: u64,
        /// Position of each group that could be confirmed.
        positions: Vec<(Origin, u64)>,
    },
    /// A packet of the liveness protocol.
    Swim(Bytes),
}

/// Bytes that are no message. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of a peer can't be read: {0}")]
pub struct DecodeError(String);

impl From<prost::DecodeError> for DecodeError {
    fn from(e: prost::DecodeError) -> Self {
        Self(e.to_string())
    }
}

/// Positions, groups or records that one message may name.
const ITEMS_MAX: usize = 1 << 20;

mod wire {
    //! The bytes, as prost messages. Fields are only ever added.

    use bytes::Bytes;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Position {
        #[prost(bytes = "bytes", tag = "1")]
        pub(super) origin: Bytes,
        #[prost(uint64, tag = "2")]
        pub(super) sequence: u64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct GroupDigest {
        #[prost(uint32, tag = "1")]
        pub(super) group: u32,
        #[prost(bytes = "bytes", tag = "2")]
        pub(super) digest: Bytes,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Record {
        #[prost(bytes = "bytes", tag = "1")]
        pub(super) key: Bytes,
        #[prost(bytes = "bytes", optional, tag = "2")]
        pub(super) value: Option<Bytes>,
        #[prost(uint64, tag = "3")]
        pub(super) epoch: u64,
        #[prost(uint64, tag = "4")]
        pub(super) revision: u64,
        #[prost(uint64, tag = "5")]
        pub(super) sequence: u64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Frame {
        #[prost(bytes = "bytes", tag = "1")]
        pub(super) origin: Bytes,
        #[prost(uint64, tag = "2")]
        pub(super) after: u64,
        #[prost(uint64, tag = "3")]
        pub(super) upto: u64,
        #[prost(message, repeated, tag = "4")]
        pub(super) records: Vec<Record>,
        #[prost(string, optional, tag = "5")]
        pub(super) trace: Option<String>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Message {
        #[prost(uint32, tag = "1")]
        pub(super) kind: u32,
        #[prost(message, optional, tag = "2")]
        pub(super) frame: Option<Frame>,
        #[prost(uint32, tag = "3")]
        pub(super) hops: u32,
        #[prost(message, repeated, tag = "4")]
        pub(super) merged: Vec<Position>,
        #[prost(message, repeated, tag = "5")]
        pub(super) published: Vec<Position>,
        #[prost(message, repeated, tag = "6")]
        pub(super) digests: Vec<GroupDigest>,
        #[prost(bool, tag = "7")]
        pub(super) more: bool,
        #[prost(bool, tag = "8")]
        pub(super) replaces: bool,
        #[prost(uint64, tag = "9")]
        pub(super) nonce: u64,
        #[prost(uint32, repeated, tag = "10")]
        pub(super) groups: Vec<u32>,
        #[prost(bytes = "bytes", tag = "11")]
        pub(super) packet: Bytes,
    }
}

fn positions(positions: impl Iterator<Item = (Origin, u64)>) -> Vec<wire::Position> {
    positions
        .map(|(origin, sequence)| wire::Position { origin: Bytes::copy_from_slice(&origin.to_bytes()), sequence })
        .collect()
}

fn digests(digests: &[(GroupId, [u8; 32])]) -> Vec<wire::GroupDigest> {
    digests.iter().map(|(g, d)| wire::GroupDigest { group: g.0, digest: Bytes::copy_from_slice(d) }).collect()
}

fn frame(frame: &Frame) -> wire::Frame {
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
    }
}

fn origin(bytes: &[u8]) -> Result<Origin, DecodeError> {
    Origin::from_bytes(bytes).ok_or_else(|| DecodeError("an origin of unknown form".to_owned()))
}

fn read_positions(items: &[wire::Position]) -> Result<Vec<(Origin, u64)>, DecodeError> {
    if items.len() > ITEMS_MAX {
        return Err(DecodeError("too many positions".to_owned()));
    }
    items.iter().map(|p| Ok((origin(&p.origin)?, p.sequence))).collect()
}

fn read_digests(items: &[wire::GroupDigest]) -> Result<Vec<(GroupId, [u8; 32])>, DecodeError> {
    let read = |d: &wire::GroupDigest| {
        let digest = d.digest.as_ref().try_into().map_err(|_| DecodeError("a digest of another length".to_owned()))?;
        Ok((GroupId(d.group), digest))
    };
    items.iter().map(read).collect()
}

fn read_frame(frame: Option<wire::Frame>) -> Result<Frame, DecodeError> {
    let frame = frame.ok_or_else(|| DecodeError("no frame".to_owned()))?;
    let origin = origin(&frame.origin)?;
    if frame.upto < frame.after || frame.records.len() > ITEMS_MAX {
        return Err(DecodeError("a frame that ends before it begins".to_owned()));
    }
    let read = |r: wire::Record| {
        if r.key.is_empty() || r.sequence > frame.upto {
            return Err(DecodeError("a record outside its frame".to_owned()));
        }
        Ok(Record {
            key: r.key,
            value: r.value,
            stamp: Stamp { epoch: r.epoch, revision: r.revision },
            dot: Dot { origin, sequence: r.sequence },
        })
    };
    let records = frame.records.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Frame { origin, after: frame.after, upto: frame.upto, records, trace: frame.trace })
}

impl Message {
    /// The message as bytes, always the same for equal messages.
    pub fn encode(&self) -> Bytes {
        let mut w = wire::Message::default();
        match self {
            Self::Push { frame: f, hops } => (w.kind, w.frame, w.hops) = (1, Some(frame(f)), *hops),
            Self::Digest { merged, published, digests: d } => {
                (w.kind, w.merged, w.published, w.digests) =
                    (2, positions(merged.iter()), positions(published.iter()), digests(d));
            }
            Self::Pull { origin, after } => {
                (w.kind, w.merged) = (3, positions(core::iter::once((*origin, *after))));
            }
            Self::PullReply { frame: f, more, replaces } => {
                (w.kind, w.frame, w.more, w.replaces) = (4, Some(frame(f)), *more, *replaces);
            }
            Self::Ack { published, digests: d } => {
                (w.kind, w.published, w.digests) = (5, positions(published.iter()), digests(d));
            }
            Self::Ping { nonce } => (w.kind, w.nonce) = (6, *nonce),
            Self::Pong { nonce } => (w.kind, w.nonce) = (7, *nonce),
            Self::Probe { nonce, groups } => {
                (w.kind, w.nonce, w.groups) = (8, *nonce, groups.iter().map(|g| g.0).collect());
            }
            Self::Echo { nonce, positions: p } => {
                (w.kind, w.nonce, w.merged) = (9, *nonce, positions(p.iter().copied()));
            }
            Self::Swim(packet) => (w.kind, w.packet) = (10, packet.clone()),
        }
        w.encode_to_vec().into()
    }

    /// Reads a message from hostile bytes.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        let w = wire::Message::decode(bytes)?;
        let merged = read_positions(&w.merged)?;
        let published = read_positions(&w.published)?.into_iter().collect();
        let digests = read_digests(&w.digests)?;
        Ok(match w.kind {
            1 => Self::Push { frame: read_frame(w.frame)?, hops: w.hops },
            2 => Self::Digest { merged: merged.into_iter().collect(), published, digests },
            3 => match merged.as_slice() {
                [(origin, after)] => Self::Pull { origin: *origin, after: *after },
                _ => return Err(DecodeError("a pull of not one origin".to_owned())),
            },
            4 => Self::PullReply { frame: read_frame(w.frame)?, more: w.more, replaces: w.replaces },
            5 => Self::Ack { published, digests },
            6 => Self::Ping { nonce: w.nonce },
            7 => Self::Pong { nonce: w.nonce },
            8 => Self::Probe { nonce: w.nonce, groups: w.groups.into_iter().map(GroupId).collect() },
            9 => Self::Echo { nonce: w.nonce, positions: merged },
            10 => Self::Swim(w.packet),
            other => return Err(DecodeError(format!("unknown kind {other}"))),
        })
    }
}


#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_survive_their_bytes() {
        let origin = Origin::Group { group: GroupId(3), generation: 1 };
        let clock = Clock::from_iter([(origin, 9)]);
        let record = Record {
            key: "k".into(),
            value: None,
            stamp: Stamp { epoch: 1, revision: 8 },
            dot: Dot { origin, sequence: 8 },
        };
        let frame = Frame { origin, after: 7, upto: 9, records: vec![record], trace: Some("t".into()) };
        let digests = vec![(GroupId(3), [7; 32])];
        for message in [
            Message::Push { frame: frame.clone(), hops: 1 },
            Message::Digest { merged: clock.clone(), published: clock.clone(), digests: digests.clone() },
            Message::Pull { origin, after: 3 },
            Message::PullReply { frame, more: true, replaces: true },
            Message::Ack { published: clock, digests },
            Message::Ping { nonce: 1 },
            Message::Pong { nonce: 1 },
            Message::Probe { nonce: 4, groups: vec![GroupId(1), GroupId(0)] },
            Message::Echo { nonce: 4, positions: vec![(origin, 3)] },
            Message::Swim("x".into()),
        ] {
            assert_eq!(Message::decode(message.encode()).unwrap(), message);
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::decode(bytes.into());
        }
    }
}
