//! Every message survives its bytes, and no bytes do harm.

use proptest::prelude::*;

use super::*;
use crate::{Dot, Record, Stamp};

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
    let frame = Frame {
        origin,
        after: 7,
        upto: 9,
        records: vec![record],
        trace: Some("t".into()),
        proof: Some("p".into()),
    };
    let digests = vec![(GroupId(3), [7; 32])];
    for message in [
        Message::Push { frame: frame.clone(), hops: 1 },
        Message::Digest {
            merged: clock.clone(),
            published: clock.clone(),
            digests: digests.clone(),
        },
        Message::Pull { origin, after: 3, base: 5, nonce: 6 },
        Message::PullReply {
            nonce: 7,
            answer: 8,
            frame: frame.clone(),
            cut: 9,
            next: Continuation::Ask,
            replaces: true,
        },
        Message::PullReply {
            nonce: 7,
            answer: 8,
            frame,
            cut: 0,
            next: Continuation::Follows,
            replaces: false,
        },
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
