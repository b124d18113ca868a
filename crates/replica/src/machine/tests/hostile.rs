//! Whatever a member says: nothing panics, no clock goes back, and what is published was merged.

use core::time::Duration;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::memory::Memory;
use crate::{
    Clock, Continuation, Dot, Frame, GroupId, Member, Message, NodeId, Origin, Output, Record,
    RegionName, Replica, ReplicaConfig, Stamp,
};

/// Few origins and small numbers, so that messages meet; and the largest, where sums overflow.
fn origin() -> impl Strategy<Value = Origin> {
    let group = (0..3u32, 0..2u32)
        .prop_map(|(group, generation)| Origin::Group { group: GroupId(group), generation });
    let node = (0..4u64).prop_map(|node| Origin::Node { node: NodeId(node), incarnation: 0 });
    prop_oneof![3 => group, 1 => node]
}

fn sequence() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..12u64, 1 => Just(u64::MAX), 1 => any::<u64>()]
}

fn clock() -> impl Strategy<Value = Clock> {
    prop::collection::vec((origin(), sequence()), 0..4).prop_map(Clock::from_iter)
}

fn frame() -> impl Strategy<Value = Frame> {
    (origin(), sequence(), sequence(), prop::collection::vec((0..5u8, sequence()), 0..4)).prop_map(
        |(origin, a, b, records)| {
            let (after, upto) = (a.min(b), a.max(b));
            let record = |(key, revision)| Record {
                key: vec![key].into(),
                value: Some(vec![key].into()),
                stamp: Stamp { epoch: 0, revision },
                dot: Dot { origin, sequence: revision },
            };
            let inside = |r: &Record| r.dot.sequence > after && r.dot.sequence <= upto;
            let records = records.into_iter().map(record).filter(inside).collect();
            Frame { origin, after, upto, records, trace: None, proof: None }
        },
    )
}

fn continuation() -> impl Strategy<Value = Continuation> {
    prop_oneof![Just(Continuation::Done), Just(Continuation::Follows), Just(Continuation::Ask)]
}

fn digests() -> impl Strategy<Value = Vec<(GroupId, [u8; 32])>> {
    prop::collection::vec((0..3u32, 0..2u8).prop_map(|(g, d)| (GroupId(g), [d; 32])), 0..3)
}

fn message() -> impl Strategy<Value = Message> {
    let groups = prop::collection::vec((0..4u32).prop_map(GroupId), 0..3);
    let positions = prop::collection::vec((origin(), sequence()), 0..3);
    prop_oneof![
        (frame(), 0..3u32).prop_map(|(frame, hops)| Message::Push { frame, hops }),
        (clock(), clock(), digests()).prop_map(|(merged, published, digests)| Message::Digest {
            merged,
            published,
            digests
        }),
        (origin(), sequence(), sequence(), sequence())
            .prop_map(|(origin, after, base, nonce)| Message::Pull { origin, after, base, nonce }),
        (frame(), sequence(), continuation(), any::<bool>()).prop_map(
            |(frame, cut, next, replaces)| Message::PullReply {
                nonce: 0,
                answer: 0,
                frame,
                cut,
                next,
                replaces
            }
        ),
        (clock(), digests()).prop_map(|(published, digests)| Message::Ack { published, digests }),
        sequence().prop_map(|nonce| Message::Ping { nonce }),
        sequence().prop_map(|nonce| Message::Pong { nonce }),
        (sequence(), groups).prop_map(|(nonce, groups)| Message::Probe { nonce, groups }),
        (sequence(), positions).prop_map(|(nonce, positions)| Message::Echo { nonce, positions }),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| Message::Swim(bytes.into())),
    ]
}

fn machine() -> Replica {
    let region = RegionName::new("a").unwrap();
    let mut replica =
        Replica::new(ReplicaConfig::new(NodeId(1), region.clone()), Clock::default(), 1);
    replica.set_members((1..=3).map(|n| Member {
        node: NodeId(n),
        region: region.clone(),
        voter_of: if n == 1 { vec![GroupId(1)] } else { vec![GroupId(2)] },
    }));
    replica.set_own_groups([GroupId(1)]);
    replica
}

/// Replies answer the last question, or nothing of them would be heard.
fn answering(asked: &BTreeMap<Origin, u64>, mut message: Message) -> Message {
    if let Message::PullReply { nonce, frame, .. } = &mut message {
        *nonce = asked.get(&frame.origin).copied().unwrap_or_default();
    }
    message
}

proptest! {
    #[test]
    fn no_conversation_does_harm(said in prop::collection::vec((2..5u64, message(), 0..700u64), 1..60)) {
        let (mut replica, mut store, mut now) = (machine(), Memory::default(), Duration::ZERO);
        let mut asked = BTreeMap::new();
        for (from, message, pause) in said {
            now += Duration::from_millis(pause);
            let message = answering(&asked, message);
            let before = (replica.merged_clock().clone(), replica.published_clock().clone());
            replica.receive(now, NodeId(from), message, &store);
            replica.tick(now, &store);
            while let Some(output) = replica.poll() {
                if let Output::Send { message: Message::Pull { origin, nonce, .. }, .. } = &output {
                    asked.insert(*origin, *nonce);
                }
                if let Output::Merge(batch) = output {
                    prop_assert!(batch.clock.iter().all(|(o, _)| o.group() != Some(GroupId(1))));
                    store.merge(&batch);
                    replica.persisted(now, batch.id);
                    if batch.publish {
                        replica.published(&store.clock.clone(), &[]);
                    }
                }
            }
            prop_assert!(replica.merged_clock().covers_clock(&before.0));
            prop_assert!(replica.published_clock().covers_clock(&before.1));
            prop_assert!(replica.merged_clock().covers_clock(replica.published_clock()));
        }
    }

    /// Bytes that are nearly a message.
    #[test]
    fn bytes_that_were_tampered_with_do_no_harm(
        message in message(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = message.encode();
        prop_assert_eq!(Message::decode(bytes.clone()), Ok(message));
        let mut tampered = bytes.to_vec();
        for (index, byte) in changes {
            if !tampered.is_empty() {
                let index = index.index(tampered.len());
                tampered[index] = byte;
            }
        }
        tampered.truncate(cut.index(tampered.len() + 1));
        // What can be read can be written, and reads the same: the encoding is canonical.
        if let Ok(read) = Message::decode(tampered.into()) {
            prop_assert_eq!(Message::decode(read.encode()), Ok(read));
        }
    }
}
