//! A read replica that was taken answers a question about a group: whatever it leaves out, puts in or alters, nothing of it is taken.

use prost::Message as _;
use tidegate_replica::{Continuation, Proof, Records as _};

use super::*;
use crate::vouching::{Vouched, tests as keys};

const GROUP: GroupId = GroupId(1);
const ORIGIN: Origin = Origin::Group { group: GROUP, generation: 0 };
const TAKEN: NodeId = NodeId(3);

fn user(sequence: u64, name: &str, id: &str) -> Record {
    let user = User { name: name.to_owned(), id: id.to_owned(), ..User::default() };
    Record {
        key: Key::User(ACCOUNT, name.to_owned()).encode(),
        value: Some(user.encode_to_vec().into()),
        stamp: Stamp { epoch: 0, revision: sequence },
        dot: Dot { origin: ORIGIN, sequence },
    }
}

/// What the voter says of the state that these records are.
fn vouched(driver: &Driver, records: &[Record], position: u64) -> Bytes {
    let voter = keys::vouching_with(HOME, &driver.views, &driver.platform);
    let digests = Digests::keyed([0; 32]);
    let change = |new: &Record| tidegate_store::Change { old: None, new: new.clone() };
    digests.change(&records.iter().map(change).collect::<Vec<_>>());
    voter.remember(GROUP, digests.of([GROUP]).into_iter().map(|(_, digest)| (position, digest)));
    let source = Vouched { store: &driver.store, vouching: &voter };
    let Proof::There(proof) = source.proof(ORIGIN, position) else { panic!("not signed") };
    proof
}

/// A driver in a cluster whose nodes have keys: 1 votes, 3 was taken.
async fn among_signers() -> Driver {
    let (mut driver, ..) = driver().await;
    driver.views.publish(|view| view.directory = keys::view_with_keys(&[1, 2, 3]).directory);
    driver.vouching = Arc::new(keys::vouching_with(ME, &driver.views, &driver.platform));
    driver.replica.set_members([
        member(HOME, vec![GroupId(0), GROUP]),
        member(ME, Vec::new()),
        member(TAKEN, Vec::new()),
    ]);
    driver
}

/// The taken node says that it is ahead, is asked, and answers so. Gives whether the driver took it.
async fn answers(driver: &mut Driver, records: Vec<Record>, upto: u64, proof: &Bytes) -> bool {
    let now = driver.platform.monotonic();
    let merged = Clock::from_iter([(ORIGIN, upto)]);
    let ahead = Message::Digest { merged, published: Clock::default(), digests: Vec::new() };
    driver.hear(now, TAKEN, ahead);
    let mut nonce = None;
    while let Some(output) = driver.replica.poll() {
        if let Output::Send { to: TAKEN, message: Message::Pull { nonce: n, .. }, .. } = output {
            nonce = Some(n);
        }
    }
    let (trace, proof) = (None, Some(proof.clone()));
    let frame = Frame { origin: ORIGIN, after: 0, upto, records, trace, proof };
    let (nonce, next) = (nonce.expect("a question"), Continuation::Done);
    let mut page = Message::PullReply { nonce, answer: 1, frame, cut: upto, next, replaces: false };
    match driver.vouching.check(TAKEN, &mut page) {
        Ok(()) => driver.hear(now, TAKEN, page),
        Err(refused) => driver.take(Input::Refused { from: TAKEN, refused }),
    }
    driver.carry_out().await.unwrap();
    driver.views.load().positions.get(ORIGIN) == upto
}

#[tokio::test]
async fn a_state_is_taken_as_its_voters_had_it_or_not_at_all() {
    let mut driver = among_signers().await;
    let (ada, bob) = (user(1, "ada", "AIDA1"), user(2, "bob", "AIDA2"));
    let proof = vouched(&driver, &[ada.clone(), bob.clone()], 2);
    let admin = user(2, "bob", "AIDA9");
    let forgeries = [
        ("something is missing", vec![ada.clone()]),
        ("something is altered", vec![ada.clone(), admin]),
        ("something is added", vec![ada.clone(), bob.clone(), user(2, "eve", "AIDA3")]),
        ("all of it is buried", vec![Record { value: None, ..ada.clone() }, bob.clone()]),
    ];
    let alarms = driver.metrics.alarms.get();
    for (n, (what, records)) in (1..).zip(forgeries) {
        assert!(!answers(&mut driver, records.clone(), 2, &proof).await, "{what}");
        assert_eq!(driver.replica.counters().forged, n, "{what}");
        for record in records {
            assert_eq!(driver.store.record(&record.key).unwrap(), None, "{what}: nothing stands");
        }
    }
    assert_eq!(driver.metrics.alarms.get() - alarms, 4);
    // Its word about another position is no word.
    assert!(!answers(&mut driver, vec![ada.clone(), bob.clone()], 3, &proof).await);
    // The genuine state is taken even from there, and can be passed on.
    assert!(answers(&mut driver, vec![ada, bob], 2, &proof).await);
    let source = Vouched { store: &driver.store, vouching: &driver.vouching };
    assert_eq!(source.proof(ORIGIN, 2), Proof::There(proof.clone()));
    assert_eq!(source.proof(ORIGIN, 1), Proof::Missing);
    // An older state leads from where this node is to nowhere.
    let old = vouched(&driver, &[user(1, "ada", "AIDA1")], 4);
    assert!(!answers(&mut driver, vec![user(3, "cyd", "AIDA4")], 4, &old).await);
    assert_eq!(driver.views.load().positions.get(ORIGIN), 2);
}

/// What the taken node tells of another's writing is decided on, so that a quarantine works; it is not believed to be all.
#[tokio::test]
async fn hearsay_is_merged_and_moves_no_clock() {
    let mut driver = among_signers().await;
    driver.replica.believe_writers_and_voters();
    let writer = Origin::Node { node: NodeId(4), incarnation: 1 };
    let now = driver.platform.monotonic();
    driver.replica.set_members(
        [(HOME, vec![GroupId(0), GROUP]), (ME, vec![]), (TAKEN, vec![]), (NodeId(4), vec![])]
            .map(|(node, groups)| member(node, groups)),
    );
    let quarantine = Quarantine {
        id: "q".to_owned(),
        account: ACCOUNT,
        until: 1,
        reason: "test".to_owned(),
        target: Some(Target { kind: target_kind::ROOT, ..Target::default() }),
        ..Quarantine::default()
    };
    let key = RegionKey::Quarantine(ACCOUNT, "q".to_owned()).encode(writer).unwrap();
    let Message::Push { frame, .. } = push(writer, 9, key, &quarantine) else { panic!() };
    let merged = Clock::from_iter([(writer, 1_000)]);
    let ahead = Message::Digest { merged, published: Clock::default(), digests: Vec::new() };
    driver.hear(now, TAKEN, ahead.clone());
    let mut asked = Vec::new();
    while let Some(output) = driver.replica.poll() {
        if let Output::Send { to: TAKEN, message: Message::Pull { nonce, .. }, .. } = output {
            asked.push(nonce);
        }
    }
    let [nonce] = asked[..] else { panic!("not asked once") };
    let frame = Frame { after: 0, upto: 1_000, ..frame };
    let next = Continuation::Done;
    let page = Message::PullReply { nonce, answer: 1, frame, cut: 1_000, next, replaces: false };
    driver.hear(now, TAKEN, page);
    driver.carry_out().await.unwrap();
    assert_eq!(driver.views.load().region.quarantines().count(), 1, "it denies");
    assert_eq!(driver.replica.merged_clock().get(writer), 0, "and is not all that there is");
    driver.hear(now, TAKEN, ahead);
    while let Some(output) = driver.replica.poll() {
        assert!(!matches!(output, Output::Send { message: Message::Pull { .. }, .. }), "once");
    }
    // The writer itself is believed.
    let key = RegionKey::Quarantine(ACCOUNT, "p".to_owned()).encode(writer).unwrap();
    let early = push(writer, 1, key, &Quarantine { id: "p".to_owned(), ..quarantine });
    driver.hear(now, NodeId(4), early);
    driver.carry_out().await.unwrap();
    assert_eq!(driver.views.load().region.quarantines().count(), 2);
    assert_eq!(driver.replica.merged_clock().get(writer), 1);
}
