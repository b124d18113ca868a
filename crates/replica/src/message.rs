//! What nodes say to each other, and its bytes.

use bytes::Bytes;
use prost::Message as _;

use crate::{Clock, Frame, GroupId, Origin, Weight, catch_up::ANSWER_BYTES};

mod convert;
mod wire;

use convert::{digests, frame, positions, read_digests, read_frame, read_positions};

/// One message between two replicas.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A fresh frame. `hops` says whether it is to be passed on.
    Push {
        /// The frame.
        frame: Frame,
        /// 0 to a relay, which passes it on in its region; 1 to all others.
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
        /// I have everything up to here, or have been sent it.
        after: u64,
        /// Tombstones collected up to here are not missed. Below the receiver's floor only a whole state will do.
        base: u64,
        /// Comes back in the replies.
        nonce: u64,
    },
    /// A page of what was asked for: complete together with all later ones.
    PullReply {
        /// From the pull: pages fit together only if they answer one question, or questions that followed each other.
        nonce: u64,
        /// Names the answer: a question that comes twice is answered twice, of different states, whose pages do not fit together.
        answer: u64,
        /// The page.
        frame: Frame,
        /// What the sender's store held when the page was made, durable or not: a key that was written again up to here may be left out of
        /// the page. The base of a whole state that begins with it.
        cut: u64,
        /// What comes behind it.
        next: Continuation,
        /// The answer that the page belongs to begins a whole state: what the receiver had of this origin is void.
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

/// What comes behind a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// Nothing: here is the sender's cut.
    Done,
    /// Another page, unasked.
    Follows,
    /// Another page, once it is asked for.
    Ask,
}

/// Bytes that are no message. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of a peer can't be read: {0}")]
pub struct DecodeError(pub(crate) String);

impl From<prost::DecodeError> for DecodeError {
    fn from(e: prost::DecodeError) -> Self {
        Self(e.to_string())
    }
}

impl Continuation {
    fn to_wire(self) -> u32 {
        match self {
            Self::Done => 0,
            Self::Follows => 1,
            Self::Ask => 2,
        }
    }

    fn from_wire(number: u32) -> Result<Self, DecodeError> {
        match number {
            0 => Ok(Self::Done),
            1 => Ok(Self::Follows),
            2 => Ok(Self::Ask),
            other => Err(DecodeError(format!("unknown continuation {other}"))),
        }
    }
}

impl Message {
    /// Whether it is about what nodes write: a driver lets it wait behind nothing that groups do.
    pub fn is_urgent(&self) -> bool {
        match self {
            Self::Push { frame, .. } | Self::PullReply { frame, .. } => {
                frame.origin.group().is_none()
            }
            Self::Pull { origin, .. } => origin.group().is_none(),
            Self::Ack { published, .. } => published.iter().any(|(o, _)| o.group().is_none()),
            _ => false,
        }
    }

    /// How much it brings to a driver's turn. A question asks for as much as one turn may bring, so that it has one of its own.
    pub fn weight(&self) -> Weight {
        match self {
            Self::Push { frame, .. } | Self::PullReply { frame, .. } => frame.weight(),
            Self::Pull { .. } => Weight { records: 0, bytes: ANSWER_BYTES },
            _ => Weight::default(),
        }
    }

    /// The message as bytes, always the same for equal messages.
    pub fn encode(&self) -> Bytes {
        let mut w = wire::Message::default();
        match self {
            Self::Push { frame: f, hops } => (w.kind, w.frame, w.hops) = (1, Some(frame(f)), *hops),
            Self::Digest { merged, published, digests: d } => {
                (w.kind, w.merged, w.published, w.digests) =
                    (2, positions(merged.iter()), positions(published.iter()), digests(d));
            }
            Self::Pull { origin, after, base, nonce } => {
                (w.kind, w.base, w.nonce) = (3, *base, *nonce);
                w.merged = positions(core::iter::once((*origin, *after)));
            }
            Self::PullReply { nonce, answer, frame: f, cut, next, replaces } => {
                w.answer = *answer;
                (w.kind, w.nonce, w.frame, w.base) = (4, *nonce, Some(frame(f)), *cut);
                (w.next, w.replaces) = (next.to_wire(), *replaces);
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

    /// Reads a message from hostile bytes. What it holds is bounded by the bytes themselves; the transport bounds those.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        let w = wire::Message::decode(bytes)?;
        let merged = read_positions(&w.merged)?;
        let published = read_positions(&w.published)?.into_iter().collect();
        let digests = read_digests(&w.digests)?;
        Ok(match w.kind {
            1 => Self::Push { frame: read_frame(w.frame)?, hops: w.hops },
            2 => Self::Digest { merged: merged.into_iter().collect(), published, digests },
            3 => match merged.as_slice() {
                [(origin, after)] => {
                    Self::Pull { origin: *origin, after: *after, base: w.base, nonce: w.nonce }
                }
                _ => return Err(DecodeError("a pull of not one origin".to_owned())),
            },
            4 => Self::PullReply {
                nonce: w.nonce,
                answer: w.answer,
                frame: read_frame(w.frame)?,
                cut: w.base,
                next: Continuation::from_wire(w.next)?,
                replaces: w.replaces,
            },
            5 => Self::Ack { published, digests },
            6 => Self::Ping { nonce: w.nonce },
            7 => Self::Pong { nonce: w.nonce },
            8 => {
                Self::Probe { nonce: w.nonce, groups: w.groups.into_iter().map(GroupId).collect() }
            }
            9 => Self::Echo { nonce: w.nonce, positions: merged },
            10 => Self::Swim(w.packet),
            other => return Err(DecodeError(format!("unknown kind {other}"))),
        })
    }
}

#[cfg(test)]
mod tests;
