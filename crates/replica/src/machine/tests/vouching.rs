//! Catch-ups that are vouched for, and what nobody may say for another.

use super::{
    memory::Memory,
    rules::{FOREIGN, HOME, NEIGHBOUR, Rig, alarms, frame, merges, nonce, record, reply, sent},
};
use crate::{
    Alarm, CaughtUp, Clock, Dot, Message, NodeId, Origin, Output, Proof, RangePage, Records,
};

/// A store that has something to vouch with, or not.
struct Source(Memory, Proof);

impl Records for Source {
    fn header(&self, key: &[u8]) -> Option<crate::Header> {
        self.0.header(key)
    }
    fn range(&self, origin: Origin, after: u64, limit_bytes: usize) -> RangePage {
        self.0.range(origin, after, limit_bytes)
    }
    fn floor(&self, origin: Origin) -> u64 {
        self.0.floor(origin)
    }
    fn proof(&self, _origin: Origin, _position: u64) -> Proof {
        self.1.clone()
    }
}

fn ahead(upto: u64) -> Message {
    let merged = Clock::from_iter([(FOREIGN, upto)]);
    Message::Digest { merged, published: Clock::default(), digests: vec![] }
}

/// The answer to a question, vouched for.
fn vouched(nonce: u64, upto: u64) -> Message {
    let mut page = reply(nonce, 0, upto);
    if let Message::PullReply { frame, .. } = &mut page {
        frame.proof = Some("proof".into());
    }
    page
}

fn check(outputs: &[Output]) -> CaughtUp {
    let [Output::Check(state)] = outputs else { panic!("not to be checked: {outputs:?}") };
    state.clone()
}

#[test]
fn a_catch_up_that_is_vouched_for_is_merged_once_it_was_found_genuine() {
    let mut rig = Rig::new();
    let nonce = nonce(&rig.hear(HOME, ahead(3)));
    let state = check(&rig.hear(HOME, vouched(nonce, 3)));
    assert_eq!((state.from, state.origin, state.upto, state.writes.len()), (HOME, FOREIGN, 3, 3));
    assert_eq!(rig.replica.merged_clock().get(FOREIGN), 0, "nothing of it counts yet");
    rig.replica.checked(rig.now, state, true, &rig.store);
    let outputs = rig.outputs();
    let [batch] = merges(&outputs)[..] else { panic!("not one batch") };
    assert_eq!((batch.writes.len(), batch.clock.get(FOREIGN)), (3, 3));
    assert_eq!(batch.proof, Some("proof".into()), "it is kept, to be passed on");
}

#[test]
fn a_forged_state_changes_nothing_and_another_source_is_asked() {
    let mut rig = Rig::new();
    let nonce = nonce(&rig.hear(NEIGHBOUR, ahead(3)));
    assert_eq!(sent(&rig.hear(HOME, ahead(3))), [], "the neighbour is being asked");
    let state = check(&rig.hear(NEIGHBOUR, vouched(nonce, 3)));
    rig.replica.checked(rig.now, state, false, &rig.store);
    let outputs = rig.outputs();
    assert!(merges(&outputs).is_empty());
    let [Alarm::Forged { from: NEIGHBOUR, dot, .. }] = alarms(&outputs)[..] else {
        panic!("not told: {outputs:?}")
    };
    assert_eq!(*dot, Dot { origin: FOREIGN, sequence: 3 });
    let [(HOME, Message::Pull { .. })] = sent(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!(rig.replica.counters().forged, 1);
}

#[test]
fn what_the_driver_refused_is_told_and_asked_for_elsewhere() {
    let mut rig = Rig::new();
    let _asked = rig.hear(NEIGHBOUR, ahead(3));
    let _known = rig.hear(HOME, ahead(3));
    let dot = Dot { origin: FOREIGN, sequence: 3 };
    rig.replica.refused(rig.now, NEIGHBOUR, dot, None);
    let outputs = rig.outputs();
    assert!(alarms(&outputs).is_empty(), "a key that is on its way is no forgery");
    let [(HOME, Message::Pull { .. })] = sent(&outputs)[..] else { panic!("{outputs:?}") };
    rig.replica.refused(rig.now, NEIGHBOUR, dot, Some("why".to_owned()));
    assert_eq!(sent(&rig.outputs()), [], "the home is being asked");
    let counters = rig.replica.counters();
    assert_eq!((counters.unvouched, counters.forged), (1, 1));
}

#[test]
fn who_has_nothing_to_vouch_with_is_no_source() {
    for (proof, pages) in [(Proof::Missing, 0), (Proof::Unneeded, 1), (Proof::There("p".into()), 1)]
    {
        let mut rig = Rig::new();
        let _merged = rig.hear(HOME, Message::Push { frame: frame(FOREIGN, 0, 2), hops: 1 });
        let mut store = Memory::default();
        (1..=2).for_each(|s| store.write(&record(FOREIGN, s)));
        store.clock.advance(FOREIGN, 2);
        let source = Source(store, proof.clone());
        let pull = Message::Pull { origin: FOREIGN, after: 0, base: 0, nonce: 1 };
        rig.replica.receive(rig.now, NEIGHBOUR, pull, &source);
        let outputs = rig.outputs();
        let replies = sent(&outputs);
        assert_eq!(replies.len(), pages, "{proof:?}");
        for (_, reply) in replies {
            let Message::PullReply { frame, .. } = reply else { panic!("no reply") };
            assert_eq!(frame.proof.is_some(), matches!(proof, Proof::There(_)));
        }
    }
}

#[test]
fn nobody_is_believed_that_anothers_writing_is_complete() {
    let mut rig = Rig::new();
    rig.replica.believe_writers_and_voters();
    let writer = Origin::Node { node: NodeId(9), incarnation: 1 };
    let (records, trace, proof) = (vec![], None, None);
    let silence = crate::Frame { origin: writer, after: 0, upto: 1_000, records, trace, proof };
    let push = Message::Push { frame: silence, hops: 1 };
    assert_eq!(rig.hear(NEIGHBOUR, push.clone()), [], "it votes in nothing");
    assert_eq!(rig.replica.merged_clock().get(writer), 0);
    assert_eq!(merges(&rig.hear(HOME, push)).len(), 1, "a voter is believed");
    assert_eq!(rig.replica.merged_clock().get(writer), 1_000);
}
