//! What a taken node can send in the name of others, and what becomes of it at the door and behind it.

use tidegate_model::{
    Command, Envelope, Key,
    command::{CallerRef, CreateCluster, caller_kind},
    membership::AddSigningKey,
    record::{Cluster, Node, Placement},
    region::RegionKey,
};
use tidegate_replica::{Continuation, Dot, Message, Stamp};

use super::*;
use crate::platform::TokioPlatform;

const GROUP: GroupId = GroupId(1);
const ORIGIN: Origin = Origin::Group { group: GROUP, generation: 0 };
/// Votes in everything.
const VOTER: u64 = 1;
/// A read replica; the one that the adversary has.
const TAKEN: u64 = 3;
/// A read replica that hears it.
const VICTIM: u64 = 4;

/// A view whose directory has four nodes, the first of which votes, and the keys of these.
pub(crate) fn view_with_keys(known: &[u64]) -> View {
    let mut view = View::default();
    let node = |id| Node {
        id,
        region: "r".to_owned(),
        peer_address: format!("n{id}:1"),
        ..Node::default()
    };
    let placement = |group| Placement {
        group,
        region: "r".to_owned(),
        voters: vec![VOTER],
        ..Placement::default()
    };
    let found = CreateCluster {
        cluster: Some(Cluster { id: "c".to_owned(), ..Cluster::default() }),
        nodes: (1..=4).map(node).collect(),
        placements: vec![placement(0), placement(1)],
        operator: None,
    };
    let add = |node: &u64| {
        let public = Bytes::copy_from_slice(&key(*node).public());
        Command::AddSigningKey(AddSigningKey { node: *node, public })
    };
    let commands = core::iter::once(Command::CreateCluster(found)).chain(known.iter().map(add));
    for (index, command) in (1..).zip(commands) {
        let caller = Some(CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() });
        let envelope = Envelope { caller, command: Some(command), ..Envelope::default() };
        view.directory.apply(index, 1, &envelope);
    }
    view
}

pub(crate) fn key(node: u64) -> Arc<NodeKey> {
    Arc::new(NodeKey::from_seed(&[u8::try_from(node).unwrap(); 32]).unwrap())
}

/// What a node signs and verifies with, whose directory is as of now.
pub(crate) fn vouching_with(
    me: NodeId,
    views: &Arc<Views>,
    platform: &Arc<dyn Platform>,
) -> Vouching {
    let fresh = BTreeMap::from([(GroupId::DIRECTORY, platform.monotonic())]);
    let freshness = Arc::new(Freshness::from_pointee(fresh));
    Vouching::new(me, key(me.0), Arc::clone(views), Arc::clone(platform), freshness)
}

/// What node `me` signs and verifies with, in a cluster where these nodes' keys are known.
fn vouching(me: u64, known: &[u64]) -> Vouching {
    let platform: Arc<dyn Platform> = Arc::new(TokioPlatform::new());
    let views = Arc::new(Views::new(view_with_keys(known), Arc::clone(&platform)));
    vouching_with(NodeId(me), &views, &platform)
}

const ALL: [u64; 3] = [VOTER, TAKEN, VICTIM];

fn record(sequence: u64, name: &str) -> Record {
    Record {
        key: Key::User(7, name.to_owned()).encode(),
        value: Some(Bytes::copy_from_slice(name.as_bytes())),
        stamp: Stamp { epoch: 0, revision: sequence },
        dot: Dot { origin: ORIGIN, sequence },
    }
}

fn frame(after: u64, name: &str) -> Frame {
    let (records, trace, proof) = (vec![record(after + 1, name)], None, None);
    Frame { origin: ORIGIN, after, upto: after + 1, records, trace, proof }
}

/// Three frames as the voter signs them.
fn signed() -> Vec<Frame> {
    let voter = vouching(VOTER, &ALL);
    let mut frames: Vec<Frame> =
        (0..).zip(["ada", "bob", "cyd"]).map(|(after, name)| frame(after, name)).collect();
    voter.remember(GROUP, [(1, [1; 32]), (2, [2; 32]), (3, [3; 32])]);
    voter.sign_frames(GROUP, &mut frames);
    frames
}

fn push(frame: Frame) -> Message {
    Message::Push { frame, hops: 1 }
}

fn page(frame: Frame) -> Message {
    let (next, cut) = (Continuation::Done, frame.upto);
    Message::PullReply { nonce: 1, answer: 1, frame, cut, next, replaces: false }
}

/// Why the victim refuses what the taken node sends; `None`: it does not.
fn refused(victim: &Vouching, mut message: Message) -> Option<Refused> {
    victim.check(NodeId(TAKEN), &mut message).err()
}

fn why(victim: &Vouching, message: Message) -> String {
    refused(victim, message).expect("a forgery").why.expect("a reason")
}

#[test]
fn frames_of_one_step_can_be_passed_on_one_by_one_and_are_verified_once() {
    let victim = vouching(VICTIM, &ALL);
    for frame in signed().into_iter().rev() {
        assert_eq!(refused(&victim, push(frame)), None);
    }
}

#[test]
fn no_part_of_a_signed_frame_can_be_altered() {
    let victim = vouching(VICTIM, &ALL);
    let genuine = signed().remove(1);
    let alter = |change: &dyn Fn(&mut Frame)| {
        let mut frame = genuine.clone();
        change(&mut frame);
        why(&victim, push(frame))
    };
    let changes: [&dyn Fn(&mut Frame); 9] = [
        &|f| f.records[0].value = Some("admin".into()),
        &|f| f.records[0].value = None,
        &|f| f.records[0].key = Key::User(7, "eve".to_owned()).encode(),
        &|f| f.records[0].stamp.revision = 9,
        &|f| f.records[0].stamp.epoch = 9,
        &|f| f.records.clear(),
        &|f| f.records.push(record(2, "eve")),
        // Complete from the beginning, or up to tomorrow: receivers would pass over what is missing.
        &|f| f.after = 0,
        &|f| f.upto = 1_000,
    ];
    for change in changes {
        assert_eq!(alter(change), "n1 has not signed it");
    }
    let generation = |f: &mut Frame| f.origin = Origin::Group { group: GROUP, generation: 1 };
    assert_eq!(alter(&generation), "n1 has not signed it");
    // The voter's word about one state does not hold for another.
    let other_state = |f: &mut Frame| {
        let mut proof = BatchProof::decode(f.proof.clone().unwrap()).unwrap();
        proof.state = Bytes::copy_from_slice(&[9; 32]);
        f.proof = Some(proof.encode_to_vec().into());
    };
    assert_eq!(alter(&other_state), "n1 has not signed it");
    assert_eq!(alter(&|f| f.proof = None), "nobody has signed it");
    assert_eq!(alter(&|f| f.proof = Some("x".into())), "its signature can't be read");
}

/// It signs with its own key, or says that a voter did.
#[test]
fn who_does_not_vote_signs_for_no_group() {
    let victim = vouching(VICTIM, &ALL);
    let taken = vouching(TAKEN, &ALL);
    taken.remember(GROUP, [(1, [1; 32])]);
    let mut frames = [frame(0, "eve")];
    taken.sign_frames(GROUP, &mut frames);
    let [forged] = frames;
    let sentence = "n3 signed it, which does not vote in g1";
    assert_eq!(why(&victim, push(forged.clone())), sentence);
    let mut proof = BatchProof::decode(forged.proof.clone().unwrap()).unwrap();
    proof.node = VOTER;
    let named = Frame { proof: Some(proof.encode_to_vec().into()), ..forged.clone() };
    // The key that it names is none of the voter's.
    assert_eq!(refused(&victim, push(named)).unwrap().why, None);
    proof.key = key_id(&key(VOTER).public());
    let named = Frame { proof: Some(proof.encode_to_vec().into()), ..forged };
    assert_eq!(why(&victim, push(named)), "n1 has not signed it");
}

#[test]
fn a_state_is_vouched_for_at_one_position_and_no_other() {
    let victim = vouching(VICTIM, &ALL);
    let voter = vouching(VOTER, &ALL);
    voter.remember(GROUP, [(5, [5; 32])]);
    let Proof::There(proof) = voter.sign_state(GROUP, ORIGIN, 5) else { panic!("not signed") };
    assert_eq!(voter.sign_state(GROUP, ORIGIN, 4), Proof::Missing, "it is not remembered");
    let at = |upto, proof: Option<Bytes>| {
        let records = vec![record(1, "ada")];
        page(Frame { origin: ORIGIN, after: 0, upto, records, trace: None, proof })
    };
    assert_eq!(refused(&victim, at(5, Some(proof.clone()))), None);
    assert_eq!(why(&victim, at(6, Some(proof.clone()))), "n1 has not signed it");
    assert_eq!(why(&victim, at(6, None)), "nobody has signed it");
    // A frame's proof vouches for the state behind it, once the receiver of the frame has completed it.
    let mut message = push(signed().remove(1));
    victim.check(NodeId(VOTER), &mut message).unwrap();
    let Message::Push { frame, .. } = message else { panic!("another message") };
    assert_eq!(vouched_state(frame.proof.as_ref().unwrap()).unwrap(), &[2; 32][..]);
    assert_eq!(refused(&victim, at(2, frame.proof.clone())), None);
    assert_eq!(why(&victim, at(3, frame.proof)), "n1 has not signed it");
    // A stamp of the far future would bury what is written later, and stands in no live state.
    let mut odd = record(1, "ada");
    (odd.stamp.revision, odd.value) = (1 << 60, None);
    let odd = Frame { proof: Some(proof), ..Frame { records: vec![odd], ..frame_upto(5) } };
    assert_eq!(why(&victim, page(odd)), "g1.0:1 has another write's stamp");
}

fn frame_upto(upto: u64) -> Frame {
    Frame { origin: ORIGIN, after: 0, upto, records: Vec::new(), trace: None, proof: None }
}

fn own(node: u64, sequence: u64, value: &str) -> Record {
    let origin = Origin::Node { node: NodeId(node), incarnation: 1 };
    Record {
        key: RegionKey::Quarantine(7, value.to_owned()).encode(origin).unwrap(),
        // A field of a message, as all values are.
        value: Some(
            [&[10, u8::try_from(value.len()).unwrap()][..], value.as_bytes()].concat().into(),
        ),
        stamp: Stamp { epoch: 0, revision: sequence },
        dot: Dot { origin, sequence },
    }
}

fn own_frame(records: Vec<Record>) -> Frame {
    let Dot { origin, sequence } = records[0].dot;
    Frame { origin, after: sequence - 1, upto: sequence, records, trace: None, proof: None }
}

#[test]
fn what_a_node_writes_is_believed_from_anybody_and_can_be_altered_by_nobody() {
    let victim = vouching(VICTIM, &ALL);
    let writer = vouching(VOTER, &ALL);
    let mut records = vec![own(VOTER, 4, "q1"), own(VOTER, 4, "q2"), own(VOTER, 4, "q3")];
    writer.sign_own(&mut records);
    for record in &records {
        assert_eq!(refused(&victim, page(own_frame(vec![record.clone()]))), None, "alone");
    }
    let alter = |change: &dyn Fn(&mut Record)| {
        let mut record = records[1].clone();
        change(&mut record);
        why(&victim, page(own_frame(vec![record])))
    };
    let flip = |r: &mut Record| {
        let mut value = r.value.clone().unwrap().to_vec();
        value[2] ^= 1;
        r.value = Some(value.into());
    };
    let moved = |r: &mut Record| (r.stamp.revision, r.dot.sequence) = (9, 9);
    let renamed = |r: &mut Record| r.key = own(VOTER, 4, "q9").key;
    let changes: [&dyn Fn(&mut Record); 3] = [&flip, &moved, &renamed];
    for change in changes {
        assert_eq!(alter(change), "n1 has not signed it");
    }
    let unsigned = |r: &mut Record| r.value = own(VOTER, 4, "q2").value;
    assert!(alter(&unsigned).ends_with("is not signed"));
    assert!(alter(&|r: &mut Record| r.value = None).ends_with("which no node writes"));
    // A longer value behind the proof hides nothing: the proof must be its end.
    let longer = |r: &mut Record| {
        r.value = Some([&r.value.clone().unwrap()[..], &[10, 0]].concat().into());
    };
    assert!(alter(&longer).ends_with("is not signed"));
    // Nobody says that another's writing is complete without being asked.
    let claim = push(own_frame(vec![records[0].clone()]));
    assert_eq!(why(&victim, claim), "n3 sends it unasked in the name of n1");
}

#[test]
fn the_writer_itself_is_believed_before_it_has_a_key() {
    let victim = vouching(VICTIM, &[VOTER]);
    let frame = own_frame(vec![own(TAKEN, 1, "q")]);
    assert_eq!(refused(&victim, push(frame.clone())), None, "its certificate vouches");
    assert_eq!(victim.check(NodeId(VOTER), &mut page(frame.clone())), Ok(()), "so does a voter");
    let told = victim.check(NodeId(2), &mut page(frame)).unwrap_err();
    assert!(told.why.unwrap().ends_with("is not signed"), "a third one's word is none");
    let nobody = vouching(VICTIM, &[]);
    assert_eq!(refused(&nobody, push(self::frame(0, "ada"))), None, "nobody signs yet");
}

#[test]
fn a_signed_value_reads_as_it_did_before() {
    let writer = vouching(VOTER, &ALL);
    let quarantine = tidegate_model::region::Quarantine {
        id: "q".to_owned(),
        account: 7,
        reason: "test".to_owned(),
        ..Default::default()
    };
    let mut records = vec![own(VOTER, 1, "q")];
    records[0].value = Some(quarantine.encode_to_vec().into());
    writer.sign_own(&mut records);
    let value = records[0].value.clone().unwrap();
    assert!(value.len() > quarantine.encoded_len() + 64);
    assert_eq!(tidegate_model::region::Quarantine::decode(value).unwrap(), quarantine);
}

/// What signing and verifying costs: `cargo test -p tidegate-node --lib vouching::tests::costs -- --ignored --nocapture`.
#[test]
#[ignore = "it measures, and proves nothing"]
#[expect(clippy::disallowed_methods, clippy::cast_precision_loss, reason = "it measures")]
fn costs() {
    let (voter, victim) = (vouching(VOTER, &ALL), vouching(VICTIM, &ALL));
    let rounds = 500_u64;
    let time = |what: &str, work: &mut dyn FnMut(u64)| {
        let began = std::time::Instant::now();
        (0..rounds).for_each(&mut *work);
        println!("{what}: {:.1} µs", began.elapsed().as_secs_f64() * 1e6 / rounds as f64);
    };
    voter.remember(GROUP, (1..=rounds).map(|n| (n, [1; 32])));
    let value = Bytes::from(vec![7; 300]);
    let mut frames: Vec<Frame> = (0..rounds).map(|after| frame(after, "ada")).collect();
    for frame in &mut frames {
        frame.records[0].value = Some(value.clone());
    }
    time("sign a step of one frame", &mut |n| {
        let at = usize::try_from(n).unwrap();
        voter.sign_frames(GROUP, &mut frames[at..=at]);
    });
    let bytes: usize = frames.iter().map(|f| f.proof.as_ref().unwrap().len()).sum();
    println!("proof of a step of one frame: {} bytes", bytes / frames.len());
    for what in ["verify a frame", "verify it again, from the second path"] {
        time(what, &mut |n| {
            let at = usize::try_from(n).unwrap();
            assert_eq!(victim.check(NodeId(TAKEN), &mut push(frames[at].clone())), Ok(()));
        });
    }
    let mut records: Vec<Record> = (1..=rounds).map(|n| own(VOTER, n, "q")).collect();
    let before: usize = records.iter().map(Record::size).sum();
    time("sign a record of a node's own", &mut |n| {
        let at = usize::try_from(n).unwrap();
        voter.sign_own(&mut records[at..=at]);
    });
    let after: usize = records.iter().map(Record::size).sum();
    println!("proof of a record alone: {} bytes", (after - before) / records.len());
    time("verify a record of a node's own", &mut |n| {
        let at = usize::try_from(n).unwrap();
        let message = &mut page(own_frame(vec![records[at].clone()]));
        assert_eq!(victim.check(NodeId(TAKEN), message), Ok(()));
    });
    let mut hash = SetHash::default();
    time("add a record to the hash of a state", &mut |n| {
        hash.add(&frames[usize::try_from(n).unwrap()].records[0]);
    });
    time("read the hash of a state", &mut |_| assert_ne!(hash.to_bytes(), [0; 32]));
}
