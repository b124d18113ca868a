//! The rules of the machine, one by one.

use core::time::Duration;

use super::memory::Memory;
use crate::{
    Alarm, Clock, Continuation, Dot, Frame, GroupId, Lane, Member, MergeBatch, Message, NodeId,
    Origin, Output, RangePage, Record, Records, RegionName, Replica, ReplicaConfig, Stamp,
};

/// Fed by gossip.
pub(super) const FOREIGN: Origin = Origin::Group { group: GroupId(1), generation: 0 };
/// Voted in.
const OWN: Origin = Origin::Group { group: GroupId(2), generation: 0 };
pub(super) const HOME: NodeId = NodeId(1);
pub(super) const NEIGHBOUR: NodeId = NodeId(3);
const STRANGER: NodeId = NodeId(99);
const NOW: Duration = Duration::from_secs(1_000);

/// Node 2, which votes in group 2, with its neighbour 3 in region `b`; node 1 in region `a` is the home of group 1.
pub(super) struct Rig {
    pub(super) replica: Replica,
    pub(super) store: Memory,
    pub(super) now: Duration,
}

fn region(name: &str) -> RegionName {
    RegionName::new(name).unwrap()
}

pub(super) fn record(origin: Origin, sequence: u64) -> Record {
    Record {
        key: vec![u8::try_from(sequence).unwrap()].into(),
        value: Some("v".into()),
        stamp: Stamp { epoch: 0, revision: sequence },
        dot: Dot { origin, sequence },
    }
}

pub(super) fn frame(origin: Origin, after: u64, upto: u64) -> Frame {
    let records = (after + 1..=upto).map(|s| record(origin, s)).collect();
    Frame { origin, after, upto, records, trace: None, proof: None }
}

fn push(origin: Origin, after: u64, upto: u64) -> Message {
    Message::Push { frame: frame(origin, after, upto), hops: 1 }
}

/// The nonce of the only pull among them.
pub(super) fn nonce(outputs: &[Output]) -> u64 {
    let pulls = sent(outputs).into_iter().filter_map(|(_, message)| match message {
        Message::Pull { nonce, .. } => Some(*nonce),
        _ => None,
    });
    let [nonce] = pulls.collect::<Vec<_>>()[..] else { panic!("not one pull: {outputs:?}") };
    nonce
}

pub(super) fn reply(nonce: u64, after: u64, upto: u64) -> Message {
    let frame = frame(FOREIGN, after, upto);
    let next = Continuation::Done;
    Message::PullReply { nonce, answer: 1, frame, cut: upto, next, replaces: false }
}

impl Rig {
    pub(super) fn new() -> Self {
        let config = ReplicaConfig::new(NodeId(2), region("b"));
        let mut replica = Replica::new(config, Clock::default(), 7);
        replica.set_members([(1, "a", vec![1]), (2, "b", vec![2]), (3, "b", vec![])].map(
            |(node, name, groups)| Member {
                node: NodeId(node),
                region: region(name),
                voter_of: groups.into_iter().map(GroupId).collect(),
            },
        ));
        replica.set_own_groups([GroupId(2)]);
        Self { replica, store: Memory::default(), now: NOW }
    }

    /// What is to be done but to go on with answers, which is done.
    pub(super) fn outputs(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.replica.poll() {
            match output {
                Output::Answer(answer) => self.replica.answer_on(answer, &self.store),
                output => outputs.push(output),
            }
        }
        outputs
    }

    pub(super) fn hear(&mut self, from: NodeId, message: Message) -> Vec<Output> {
        self.replica.receive(self.now, from, message, &self.store);
        self.outputs()
    }

    fn tick(&mut self, after: Duration) -> Vec<Output> {
        self.now += after;
        self.replica.tick(self.now, &self.store);
        self.outputs()
    }
}

pub(super) fn merges(outputs: &[Output]) -> Vec<&MergeBatch> {
    let merge = |o: &'_ Output| matches!(o, Output::Merge(_));
    let merges = outputs.iter().filter(|o| merge(o));
    merges.filter_map(|o| if let Output::Merge(batch) = o { Some(batch) } else { None }).collect()
}

pub(super) fn sent(outputs: &[Output]) -> Vec<(NodeId, &Message)> {
    let send =
        |o| if let &Output::Send { to, ref message, .. } = o { Some((to, message)) } else { None };
    outputs.iter().filter_map(send).collect()
}

pub(super) fn alarms(outputs: &[Output]) -> Vec<&Alarm> {
    outputs.iter().filter_map(|o| if let Output::Alarm(a) = o { Some(a) } else { None }).collect()
}

#[test]
fn gossip_of_a_group_that_this_node_votes_in_is_ignored() {
    let mut rig = Rig::new();
    assert_eq!(rig.hear(HOME, push(OWN, 0, 1)), []);
    let ahead = Clock::from_iter([(OWN, 9)]);
    let digest = Message::Digest { merged: ahead.clone(), published: ahead, digests: vec![] };
    assert_eq!(rig.hear(HOME, digest), [], "not even asked for");
    assert_eq!(rig.replica.merged_clock().get(OWN), 0);
}

#[test]
fn strangers_are_counted_and_not_answered() {
    let mut rig = Rig::new();
    assert_eq!(rig.hear(STRANGER, Message::Ping { nonce: 1 }), []);
    assert_eq!(rig.hear(STRANGER, push(FOREIGN, 0, 1)), []);
    assert_eq!(rig.replica.counters().strangers, 2);
    rig.replica.set_members([]);
    assert_eq!(merges(&rig.hear(STRANGER, push(FOREIGN, 0, 1))).len(), 1, "a new node must learn");
}

#[test]
fn a_gap_is_pulled_from_the_sender_at_once_and_what_came_early_waits() {
    let mut rig = Rig::new();
    let outputs = rig.hear(HOME, push(FOREIGN, 2, 3));
    let nonce = nonce(&outputs);
    let pull = Message::Pull { origin: FOREIGN, after: 0, base: 0, nonce };
    assert_eq!(outputs, [Output::Send { to: HOME, lane: Lane::Urgent, message: pull }]);
    assert_eq!(rig.hear(NEIGHBOUR, push(FOREIGN, 3, 4)), [], "one pull an origin");
    let outputs = rig.hear(HOME, reply(nonce, 0, 2));
    let clocks: Vec<u64> = merges(&outputs).iter().map(|m| m.clock.get(FOREIGN)).collect();
    assert_eq!(clocks, [2, 3, 4]);
}

#[test]
fn a_silent_source_is_left_for_another() {
    let mut rig = Rig::new();
    let first = nonce(&rig.hear(HOME, push(FOREIGN, 2, 3)));
    let ahead = Clock::from_iter([(FOREIGN, 3)]);
    let digest = Message::Digest { merged: ahead.clone(), published: ahead, digests: vec![] };
    assert_eq!(sent(&rig.hear(NEIGHBOUR, digest)), [], "the home is still being asked");
    rig.tick(Duration::from_millis(900));
    let outputs = rig.tick(Duration::from_millis(100));
    let pulls = sent(&outputs).into_iter().filter(|(_, m)| matches!(m, Message::Pull { .. }));
    assert_eq!(pulls.map(|(to, _)| to).collect::<Vec<_>>(), [NEIGHBOUR]);
    assert_eq!(merges(&rig.hear(HOME, reply(first, 0, 3))).len(), 0, "too late");
    assert_eq!(merges(&rig.hear(NEIGHBOUR, reply(nonce(&outputs), 0, 3))).len(), 1);
    assert_eq!(rig.replica.counters().pulls_rerouted, 1);
}

#[test]
fn whoever_was_heard_lately_is_asked_before_others_that_are_thought_alive() {
    let mut rig = Rig::new();
    let nodes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(|n| Member {
        node: NodeId(n),
        region: region("b"),
        voter_of: if n == 1 { [GroupId(1)].into() } else { [].into() },
    });
    rig.replica.set_members(nodes);
    let says = |upto| {
        let ahead = Clock::from_iter([(FOREIGN, upto)]);
        Message::Digest { merged: ahead.clone(), published: ahead, digests: vec![] }
    };
    for node in 4..=10 {
        let _pulled = rig.hear(NodeId(node), says(3));
    }
    // The first of them is asked, and says no more; nor do the others but one.
    let mut asked = Vec::new();
    for n in 0..40 {
        if n % 4 == 0 {
            let _pulled = rig.hear(NEIGHBOUR, says(3));
        }
        let outputs = rig.tick(Duration::from_millis(100));
        let pulls = sent(&outputs).into_iter();
        asked.extend(pulls.filter(|(_, m)| matches!(m, Message::Pull { .. })).map(|(to, _)| to));
    }
    assert!(asked.first() == Some(&NEIGHBOUR), "{asked:?}");
}

#[test]
fn a_relay_passes_on_once_what_came_from_home_and_nothing_else() {
    let mut rig = Rig::new();
    let from_home = Message::Push { frame: frame(FOREIGN, 0, 1), hops: 0 };
    let passed_on = Message::Push { frame: frame(FOREIGN, 0, 1), hops: 1 };
    assert_eq!(sent(&rig.hear(HOME, from_home.clone())), [(NEIGHBOUR, &passed_on)]);
    assert_eq!(sent(&rig.hear(HOME, push(FOREIGN, 1, 2))), []);
    assert_eq!(
        sent(&rig.hear(HOME, from_home)),
        [(NEIGHBOUR, &passed_on)],
        "known here, perhaps not there"
    );
}

#[test]
fn what_is_too_large_to_be_pushed_is_announced() {
    let mut rig = Rig::new();
    let mut large = frame(OWN, 0, 1);
    large.records[0].value = Some(vec![0; 2 << 20].into());
    rig.replica.committed(NOW, large, true);
    let outputs = rig.outputs();
    let announced =
        |m: &Message| matches!(m, Message::Digest { merged, .. } if merged.get(OWN) == 1);
    assert!(sent(&outputs).iter().all(|(_, message)| announced(message)), "{outputs:?}");
    assert_eq!(sent(&outputs).len(), 2);
}

#[test]
fn a_gap_that_stays_open_is_asked_for_again() {
    let mut rig = Rig::new();
    let first = nonce(&rig.hear(HOME, push(FOREIGN, 4, 5)));
    let outputs = rig.hear(HOME, reply(first, 0, 2));
    assert_ne!(nonce(&outputs), first);
    let outputs = rig.hear(HOME, reply(nonce(&outputs), 2, 4));
    assert_eq!(sent(&outputs), []);
    assert_eq!(rig.replica.merged_clock().get(FOREIGN), 5);
}

#[test]
fn poison_is_set_aside_and_stops_nothing() {
    let mut rig = Rig::new();
    let judge = |r: &Record| if r.dot.sequence == 2 { Err("odd".to_owned()) } else { Ok(()) };
    rig.replica.set_validator(judge);
    let outputs = rig.hear(HOME, push(FOREIGN, 0, 3));
    let poison = Dot { origin: FOREIGN, sequence: 2 };
    let why = "odd".to_owned();
    assert_eq!(alarms(&outputs), [&Alarm::Poison { from: HOME, dot: poison, why }]);
    let merged = merges(&outputs);
    assert_eq!((merged[0].writes.len(), merged[0].aside.as_slice()), (3, [poison].as_slice()));
    assert_eq!(rig.replica.merged_clock().get(FOREIGN), 3);
    assert_eq!(rig.replica.counters().poisoned, 1);
}

#[test]
fn one_stamp_for_two_writes_is_an_alarm() {
    let mut rig = Rig::new();
    let other = Origin::Group { group: GroupId(5), generation: 0 };
    rig.store.write(&record(other, 1));
    let outputs = rig.hear(HOME, push(FOREIGN, 0, 1));
    let (arrived, stands) = (record(FOREIGN, 1).dot, record(other, 1).dot);
    assert_eq!(alarms(&outputs), [&Alarm::StampConflict { arrived, stands }]);
}

#[test]
fn nothing_is_acknowledged_before_it_is_durable() {
    let mut rig = Rig::new();
    let outputs = rig.hear(HOME, push(FOREIGN, 0, 1));
    let (id, clock) = (merges(&outputs)[0].id, merges(&outputs)[0].clock.clone());
    rig.replica.published(&clock, &[]);
    let dot = Dot { origin: FOREIGN, sequence: 1 };
    assert_eq!(rig.outputs(), [Output::Alarm(Alarm::NotDurable { dot })]);
    assert!(rig.replica.published_clock().is_empty());
    rig.replica.persisted(NOW, id);
    rig.replica.published(&clock, &[(GroupId(1), [4; 32])]);
    let message = Message::Ack { published: clock.clone(), digests: vec![(GroupId(1), [4; 32])] };
    assert_eq!(rig.outputs(), [Output::Send { to: HOME, lane: Lane::Urgent, message }]);
    rig.replica.published(&clock, &[]);
    assert_eq!(rig.outputs(), [], "once");
}

#[test]
fn where_the_voters_are_unknown_everybody_is_told() {
    let mut rig = Rig::new();
    let unknown = Origin::Group { group: GroupId(9), generation: 0 };
    let outputs = rig.hear(HOME, push(unknown, 0, 1));
    let batch = merges(&outputs)[0].clone();
    rig.replica.persisted(NOW, batch.id);
    rig.replica.published(&batch.clock, &[]);
    let told: Vec<NodeId> = sent(&rig.outputs()).into_iter().map(|(to, _)| to).collect();
    assert_eq!(told, [HOME, NEIGHBOUR]);
}

#[test]
fn states_that_differ_at_one_position_are_told_once() {
    let mut rig = Rig::new();
    rig.replica.committed(NOW, frame(OWN, 0, 1), true);
    let at = |n| Clock::from_iter([(OWN, n)]);
    rig.replica.published(&at(1), &[(GroupId(2), [1; 32])]);
    rig.outputs();
    let ack = |n, byte| Message::Ack { published: at(n), digests: vec![(GroupId(2), [byte; 32])] };
    let alarm = Alarm::DigestMismatch { with: HOME, group: GroupId(2) };
    assert_eq!(
        alarms(&rig.hear(HOME, ack(2, 9))),
        [] as [&Alarm; 0],
        "another position may differ"
    );
    assert_eq!(alarms(&rig.hear(HOME, ack(1, 9))), [&alarm]);
    assert_eq!(alarms(&rig.hear(HOME, ack(1, 9))), [] as [&Alarm; 0]);
    assert_eq!(alarms(&rig.hear(NEIGHBOUR, ack(1, 1))), [] as [&Alarm; 0]);
    assert_eq!(rig.replica.counters().mismatches, 1);
}

#[test]
fn a_whole_state_that_is_older_than_what_stands_replaces_nothing() {
    let mut rig = Rig::new();
    let nonce = nonce(&rig.hear(HOME, push(FOREIGN, 2, 3)));
    rig.hear(NEIGHBOUR, push(FOREIGN, 0, 2));
    assert_eq!(rig.replica.merged_clock().get(FOREIGN), 3, "pushes closed the gap meanwhile");
    let frame = frame(FOREIGN, 0, 2);
    let (next, replaces) = (Continuation::Done, true);
    let whole = Message::PullReply { nonce, answer: 1, frame, cut: 2, next, replaces };
    assert_eq!(rig.hear(HOME, whole), []);
}

/// A store that fails: it gives nothing and says that this is all.
struct Broken;

impl Records for Broken {
    fn header(&self, _key: &[u8]) -> Option<crate::Header> {
        None
    }
    fn range(&self, _origin: Origin, after: u64, _limit_bytes: usize) -> RangePage {
        RangePage { upto: after, ..RangePage::default() }
    }
    fn floor(&self, _origin: Origin) -> u64 {
        0
    }
}

#[test]
fn a_store_that_cannot_be_read_is_silent_never_empty() {
    let mut rig = Rig::new();
    rig.replica.committed(NOW, frame(OWN, 0, 3), false);
    rig.replica.published(&Clock::from_iter([(OWN, 3)]), &[]);
    rig.outputs();
    let pull = Message::Pull { origin: OWN, after: 0, base: 0, nonce: 1 };
    rig.replica.receive(NOW, HOME, pull.clone(), &Broken);
    assert_eq!(rig.outputs(), []);
    (1..=3).for_each(|s| rig.store.write(&record(OWN, s)));
    rig.store.clock.advance(OWN, 3);
    assert_eq!(sent(&rig.hear(HOME, pull)).len(), 1);
}

/// The asker has been sent more than is published here: what a store that can't be read holds behind it nobody knows.
#[test]
fn a_store_that_cannot_be_read_is_not_at_its_end_where_the_asker_is_ahead() {
    struct Unread;
    impl Records for Unread {
        fn header(&self, _key: &[u8]) -> Option<crate::Header> {
            None
        }
        fn range(&self, _origin: Origin, after: u64, _limit_bytes: usize) -> RangePage {
            RangePage { upto: after, more: true, ..RangePage::default() }
        }
        fn floor(&self, _origin: Origin) -> u64 {
            0
        }
    }
    let mut rig = Rig::new();
    rig.replica.committed(NOW, frame(OWN, 0, 3), false);
    rig.replica.published(&Clock::from_iter([(OWN, 3)]), &[]);
    rig.outputs();
    for after in [3, 5] {
        let pull = Message::Pull { origin: OWN, after, base: after, nonce: 1 };
        rig.replica.receive(NOW, HOME, pull, &Unread);
        assert_eq!(rig.outputs(), [], "behind {after}");
    }
}

#[test]
fn a_probe_is_confirmed_by_the_driver_and_echoed() {
    let mut rig = Rig::new();
    let outputs = rig.hear(HOME, Message::Probe { nonce: 5, groups: vec![GroupId(2)] });
    let Some(Output::Confirm { id, groups }) = outputs.first() else { panic!("{outputs:?}") };
    assert_eq!(groups, &[GroupId(2)]);
    rig.replica.confirmed(NOW, *id, vec![(OWN, 8)]);
    let echo = Message::Echo { nonce: 5, positions: vec![(OWN, 8)] };
    assert_eq!(sent(&rig.outputs()), [(HOME, &echo)]);
    rig.replica.confirmed(NOW, *id, vec![(OWN, 9)]);
    assert_eq!(rig.outputs(), [], "once");
}

#[test]
fn records_ahead_of_the_clock_are_not_given_away() {
    let mut rig = Rig::new();
    (1..=2).for_each(|s| rig.store.write(&record(FOREIGN, s)));
    rig.store.clock.advance(FOREIGN, 1);
    let pull = Message::Pull { origin: FOREIGN, after: 0, base: 0, nonce: 1 };
    rig.replica =
        Replica::new(ReplicaConfig::new(NodeId(2), region("b")), rig.store.clock.clone(), 8);
    let outputs = rig.hear(HOME, pull);
    let complete = |m: &Message| matches!(m, Message::PullReply { frame, .. } if frame.upto > 1);
    assert!(!sent(&outputs).iter().any(|(_, m)| complete(m)), "{outputs:?}");
}

#[test]
fn a_page_names_all_that_may_have_been_left_out_of_it_also_what_a_crash_may_take() {
    let mut rig = Rig::new();
    (1..=2).for_each(|s| rig.store.write(&record(FOREIGN, s)));
    rig.store.clock.advance(FOREIGN, 2);
    rig.replica =
        Replica::new(ReplicaConfig::new(NodeId(2), region("b")), rig.store.clock.clone(), 8);
    for upto in 3..=8 {
        let _merged = rig.hear(HOME, push(FOREIGN, upto - 1, upto));
        rig.store.write(&record(FOREIGN, upto));
    }
    rig.store.clock.advance(FOREIGN, 8);
    let pull = Message::Pull { origin: FOREIGN, after: 0, base: 0, nonce: 1 };
    let outputs = rig.hear(HOME, pull);
    let cuts = sent(&outputs).into_iter().filter_map(|(_, message)| match message {
        Message::PullReply { frame, cut, .. } => Some((frame.upto, *cut)),
        _ => None,
    });
    // Nothing of it is published: the replica was never told that it is durable.
    assert_eq!(cuts.collect::<Vec<_>>(), [(3, 8), (6, 8), (8, 8)]);
}

#[test]
fn an_answer_comes_page_by_page_and_ends_where_it_would_miss_a_tombstone() {
    let mut rig = Rig::new();
    (1..=5).for_each(|s| rig.store.write(&record(FOREIGN, s)));
    rig.store.clock.advance(FOREIGN, 5);
    rig.replica =
        Replica::new(ReplicaConfig::new(NodeId(2), region("b")), rig.store.clock.clone(), 8);
    let pull = Message::Pull { origin: FOREIGN, after: 0, base: 2, nonce: 1 };
    rig.replica.receive(NOW, HOME, pull, &rig.store);
    let outputs: Vec<_> = core::iter::from_fn(|| rig.replica.poll()).collect();
    let [first, Output::Answer(rest)] = outputs.as_slice() else { panic!("{outputs:?}") };
    let page = |output: &Output| match output {
        Output::Send { message: Message::PullReply { answer, frame, next, .. }, .. } => {
            Some((*answer, frame.after, frame.upto, *next))
        }
        _ => None,
    };
    let (number, _, upto, next) = page(first).unwrap();
    assert_eq!((upto, next), (3, Continuation::Follows));
    rig.replica.answer_on(*rest, &rig.store);
    let last = rig.outputs();
    let pages: Vec<_> = last.iter().filter_map(page).collect();
    assert_eq!(pages, [(number, 3, 5, Continuation::Done)]);
    // Who asked has what is collected up to 3 with the first page, and lacks the rest.
    rig.store.collect(FOREIGN, 3);
    rig.replica.answer_on(*rest, &rig.store);
    assert_eq!(rig.outputs().len(), 1);
    rig.store.collect(FOREIGN, 4);
    rig.replica.answer_on(*rest, &rig.store);
    assert_eq!(rig.outputs(), []);
}

/// What this node writes itself.
const WRITING: Origin = Origin::Node { node: NodeId(2), incarnation: 5 };

#[test]
fn what_a_node_writes_goes_to_everybody_on_the_urgent_lane() {
    let mut rig = Rig::new();
    rig.replica.write_as(5);
    rig.replica.appended(NOW, &frame(WRITING, 0, 1));
    rig.replica.published(&Clock::from_iter([(WRITING, 1)]), &[]);
    let outputs = rig.outputs();
    for to in [HOME, NEIGHBOUR] {
        let expected = Output::Send { to, lane: Lane::Urgent, message: push(WRITING, 0, 1) };
        assert!(outputs.contains(&expected), "{outputs:?}");
    }
    assert_eq!(rig.replica.published_clock().get(WRITING), 1);
}

#[test]
fn what_a_node_writes_is_given_to_nobody_before_it_is_durable() {
    let mut rig = Rig::new();
    rig.replica.write_as(5);
    rig.store.write(&record(WRITING, 1));
    rig.store.clock.advance(WRITING, 1);
    let pull = Message::Pull { origin: WRITING, after: 0, base: 0, nonce: 1 };
    rig.replica.receive(NOW, HOME, pull.clone(), &rig.store);
    assert_eq!(rig.outputs(), []);
    rig.replica.appended(NOW, &frame(WRITING, 0, 1));
    rig.outputs();
    rig.replica.receive(NOW, HOME, pull, &rig.store);
    let outputs = rig.outputs();
    let [
        Output::Send { to: HOME, lane: Lane::Urgent, message: Message::PullReply { frame: f, .. } },
    ] = &outputs[..]
    else {
        panic!("{outputs:?}");
    };
    assert_eq!(*f, frame(WRITING, 0, 1));
}

#[test]
fn pulls_of_what_nodes_write_wait_for_no_group() {
    let mut rig = Rig::new();
    let groups = (10..60).map(|g| (Origin::Group { group: GroupId(g), generation: 0 }, 9));
    let theirs = Origin::Node { node: HOME, incarnation: 1 };
    let merged: Clock = groups.chain([(theirs, 3)]).collect();
    let digest = Message::Digest { merged, published: Clock::default(), digests: vec![] };
    rig.replica.receive(NOW, HOME, digest, &rig.store);
    let outputs = rig.outputs();
    let asked = sent(&outputs)
        .into_iter()
        .any(|(_, m)| matches!(m, Message::Pull { origin, .. } if *origin == theirs));
    assert!(asked, "{outputs:?}");
}

#[test]
fn a_node_that_has_forgotten_its_own_writing_says_so_once_and_takes_it_from_its_peers() {
    let mut rig = Rig::new();
    rig.replica.write_as(5);
    let merged = Clock::from_iter([(WRITING, 3)]);
    let digest = Message::Digest { merged, published: Clock::default(), digests: vec![] };
    rig.replica.receive(NOW, HOME, digest.clone(), &rig.store);
    let outputs = rig.outputs();
    let dot = Dot { origin: WRITING, sequence: 3 };
    assert!(outputs.contains(&Output::Alarm(Alarm::Forgotten { from: HOME, dot })), "{outputs:?}");
    let pulled = sent(&outputs)
        .into_iter()
        .any(|(_, m)| matches!(m, Message::Pull { origin: WRITING, after: 0, .. }));
    assert!(pulled, "{outputs:?}");
    // What was appended meanwhile has a dot that peers know another write under.
    rig.replica.appended(NOW, &frame(WRITING, 0, 1));
    rig.replica.receive(NOW, HOME, digest, &rig.store);
    assert_eq!(rig.outputs(), []);
    rig.replica.write_as(6);
    rig.replica.appended(NOW, &frame(Origin::Node { node: NodeId(2), incarnation: 6 }, 0, 1));
    assert_eq!(rig.outputs().len(), 2);
}

#[test]
fn nothing_is_taken_from_above_the_end_of_a_generation_nor_of_the_next_one_before_its_base_is_here()
{
    let next = Origin::Group { group: GroupId(1), generation: 1 };
    let mut rig = Rig::new();
    assert_eq!(merges(&rig.hear(HOME, push(FOREIGN, 0, 3))).len(), 1);
    rig.replica.set_ended([(GroupId(1), vec![5])].into());

    assert_eq!(rig.hear(HOME, push(FOREIGN, 3, 6)), [], "it ends above");
    assert_eq!(rig.hear(HOME, push(next, 0, 6)), [], "its base is not here");
    let ahead = Clock::from_iter([(FOREIGN, 9), (next, 6)]);
    let digest = Message::Digest { merged: ahead, published: Clock::default(), digests: vec![] };
    let outputs = rig.hear(HOME, digest.clone());
    let nonce = nonce(&outputs);
    assert_eq!(merges(&rig.hear(HOME, reply(nonce, 3, 9))).len(), 0, "what was lost is offered");
    assert_eq!(rig.replica.merged_clock().get(FOREIGN), 3);

    assert_eq!(merges(&rig.hear(HOME, push(FOREIGN, 3, 5))).len(), 1);
    assert_eq!(merges(&rig.hear(HOME, push(next, 0, 6))).len(), 1, "its base is here");
    assert_eq!(rig.hear(HOME, digest), [], "nothing more is asked for");
    assert_eq!(rig.replica.merged_clock(), &Clock::from_iter([(FOREIGN, 5), (next, 6)]));
}
