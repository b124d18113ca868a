//! A group's machine on a store in memory: what it hands on, what a snapshot brings, and what becomes of a group that gossip brought before.

use tidegate_model::{
    CallerRef, Command,
    command::{CreateUser, InitAccount, caller_kind},
    record::AccessKey,
};
use tidegate_policy::AccountId;
use tidegate_service::View;
use tidegate_store::{Change, Committer, Engine, MemoryEngine};

use super::*;
use crate::platform::TokioPlatform;

const GROUP: GroupId = GroupId(1);
const ACCOUNT: u64 = 123_456_789_012;

/// The group's first generation.
fn origin(group: GroupId) -> Origin {
    Origin::Group { group, generation: 0 }
}

/// A machine with its store and views.
struct Rig {
    store: NodeStore,
    views: Arc<Views>,
    machine: GroupMachine,
}

fn store() -> NodeStore {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::default());
    NodeStore::open(Arc::clone(&engine), Committer::inline(engine)).unwrap()
}

/// A machine on `store`, whose view was loaded from it.
fn rig(store: NodeStore, applied: u64) -> Rig {
    recovered(store, applied, &[])
}

/// The same of a group whose past generations ended there.
fn recovered(store: NodeStore, applied: u64, ended: &[u64]) -> Rig {
    opened(store, applied, ended).unwrap()
}

fn opened(store: NodeStore, applied: u64, ended: &[u64]) -> io::Result<Rig> {
    let platform: Arc<dyn Platform> = Arc::new(TokioPlatform::new());
    let mut view = View { positions: store.clock().unwrap(), ..View::default() };
    let (mut state, digests) = (GroupState::new(GROUP), Arc::new(Digests::keyed([7; 32])));
    store
        .for_each_record(|record| {
            state.absorb(&record).unwrap();
            digests.change(&[Change { old: None, new: record }]);
        })
        .unwrap();
    view.groups.insert(GROUP.0, state);
    let views = Arc::new(Views::new(view, Arc::clone(&platform)));
    let (gossip, _queues) = Gossip::new();
    let metrics = Arc::new(Metrics::new());
    let vouching = Arc::new(Vouching::alone(Arc::clone(&views), Arc::clone(&platform)));
    let around = Around {
        store: store.clone(),
        views: Arc::clone(&views),
        digests,
        gossip,
        metrics,
        platform,
        ended: ended.to_vec(),
        apply_version_max: tidegate_model::version::APPLY_VERSION,
        vouching,
    };
    let machine = GroupMachine::open(GROUP, applied, around)?;
    Ok(Rig { store, views, machine })
}

impl Rig {
    fn apply(&self, index: u64, envelope: &Envelope) -> tidegate_model::Outcome {
        let at = EntryPosition { index, term: 1, time: 1_000 + index };
        let entry = Committed { at, payload: Some(envelope.to_bytes()) };
        let applied = self.machine.apply(&[entry]).unwrap();
        self.store.engine().apply(&applied.batch).unwrap();
        self.machine.stored(at, true);
        tidegate_model::Outcome::decode(applied.responses[0].clone()).unwrap()
    }

    fn digest(&self) -> [u8; 32] {
        self.machine.digests.of([GROUP])[0].1
    }

    fn users(&self) -> Vec<String> {
        let view = self.views.load();
        let account = view
            .groups
            .get(&GROUP.0)
            .and_then(|g| g.account(AccountId::from_u64(ACCOUNT).unwrap()));
        account.map(|a| a.users().map(|u| u.value.name.clone()).collect()).unwrap_or_default()
    }
}

/// The account, two users, and the second once more under its request id.
fn history() -> Vec<Envelope> {
    let envelope = |request_id: &str, caller, command| Envelope {
        request_id: request_id.to_owned(),
        account: ACCOUNT,
        caller: Some(caller),
        command: Some(command),
        ..Envelope::default()
    };
    let system = CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() };
    let root = CallerRef {
        kind: caller_kind::ROOT,
        account: ACCOUNT,
        access_key: "ROOT".to_owned(),
        ..CallerRef::default()
    };
    let key = AccessKey { id: "ROOT".to_owned(), active: true, ..AccessKey::default() };
    let init = InitAccount {
        name: "a".to_owned(),
        email: "a@b".to_owned(),
        root_key: Some(key),
        ..InitAccount::default()
    };
    let user = |name: &str| {
        Command::CreateUser(CreateUser {
            name: name.to_owned(),
            id: format!("AIDA{name}"),
            ..CreateUser::default()
        })
    };
    vec![
        envelope("init", system, Command::InitAccount(init)),
        envelope("first", root.clone(), user("ada")),
        envelope("second", root.clone(), user("bob")),
        envelope("second", root, user("bob")),
    ]
}

#[test]
fn who_is_stopped_while_it_begins_to_vote_goes_on_with_what_its_log_has_made() {
    let (store, history) = (store(), history());
    let before = rig(store.clone(), 0);
    let outcomes: Vec<_> = (1..).zip(&history).take(3).map(|(n, e)| before.apply(n, e)).collect();
    // Gossip had shown more before, and the log has not come so far.
    let mut shown = Batch::default();
    joining::write(&mut shown, GROUP, 9);
    store.engine().apply(&shown).unwrap();
    let after = rig(store.clone(), 3);
    assert_eq!(after.digest(), before.digest());
    assert_eq!(after.apply(4, &history[3]), outcomes[2], "what it remembers is there");
    assert!(joining::any(&store).unwrap(), "nor does anybody count on its freshness yet");

    // More than the log has applied is in no store, and nothing is made of it.
    let refused = opened(store, 2, &[]).err().unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
}

#[test]
fn a_snapshot_brings_the_records_and_the_remembered_requests() {
    let history = history();
    let leader = rig(store(), 0);
    let outcomes: Vec<_> = (1..).zip(&history).map(|(n, e)| leader.apply(n, e)).collect();
    assert_eq!(outcomes[2], outcomes[3], "a repetition gets the first outcome");
    let follower = rig(store(), 0);
    let chunks = leader.machine.freeze().unwrap().chunks();
    let batch = follower.machine.restore(chunks, 4).unwrap();
    follower.store.engine().apply(&batch).unwrap();
    follower.machine.stored(EntryPosition { index: 4, term: 1, time: 0 }, false);
    assert_eq!(follower.users(), ["ada", "bob"]);
    assert_eq!(follower.digest(), leader.digest());
    assert_eq!(follower.apply(5, &history[1]), outcomes[1], "remembered over the snapshot");
    assert_eq!(rig(follower.store.clone(), 5).apply(6, &history[2]), outcomes[2], "and a restart");
}

/// A node that begins to vote in a group has its records from gossip. Its log must not be applied on top of them.
#[test]
fn a_group_that_gossip_brought_is_made_anew_and_the_view_never_goes_back() {
    let history = history();
    let leader = rig(store(), 0);
    for (n, envelope) in (1..).zip(&history) {
        leader.apply(n, envelope);
    }
    let gossiped = store();
    let page = leader.store.page(origin(GROUP), 0, usize::MAX).unwrap();
    let clock: Clock = [(origin(GROUP), 4)].into_iter().collect();
    let (batch, _) = gossiped.merge(&page.records, &clock, None).unwrap();
    gossiped.engine().apply(&batch).unwrap();

    let late = rig(gossiped, 0);
    for (n, envelope) in (1..).zip(&history) {
        assert_eq!(late.users(), ["ada", "bob"], "the view keeps what gossip brought");
        assert_eq!(late.views.load().positions.get(origin(GROUP)), 4);
        let outcome = late.apply(n, envelope);
        assert!(outcome.into_result().is_ok(), "entry {n} finds no trace of its own future");
    }
    assert_eq!(late.users(), ["ada", "bob"]);
    assert_eq!(late.digest(), leader.digest());
    assert_eq!(late.store.clock().unwrap(), clock);
}

#[test]
fn a_commit_is_measured_from_the_first_word_of_it() {
    let at = Duration::from_millis;
    let mut told = Told::default();
    told.telling(3, at(30));
    told.telling(7, at(70));
    assert_eq!(told.first_of(2), Some(at(30)), "3 covers 2");
    assert_eq!(told.first_of(4), Some(at(70)));
    assert_eq!(told.first_of(8), None, "nobody was told");
    for n in 0..2 * TOLD_MAX as u64 {
        told.telling(n, at(n));
    }
    assert!(told.0.len() <= TOLD_MAX);
}

#[test]
fn entries_share_a_frame_until_it_is_full_or_another_trace_begins() {
    let origin = origin(GroupId(1));
    let record = |sequence| Record {
        key: Bytes::from_static(b"k"),
        value: Some(vec![0; FRAME_BYTES / 2].into()),
        stamp: Stamp::default(),
        dot: Dot { origin, sequence },
    };
    let mut frames = Vec::new();
    let traced = || Some("00-1-2-01".to_owned());
    for (index, trace) in
        [(5, None), (6, None), (7, None), (8, traced()), (9, traced()), (10, None)]
    {
        add_to(&mut frames, origin, index, &[record(index)], trace);
    }
    let ranges: Vec<_> =
        frames.iter().map(|f| (f.after, f.upto, f.records.len(), f.trace.is_some())).collect();
    let expected = [(4, 6, 2, false), (6, 7, 1, false), (7, 9, 2, true), (9, 10, 1, false)];
    assert_eq!(ranges, expected);
}

#[test]
fn a_recovered_group_goes_on_in_another_generation_and_a_snapshot_brings_both() {
    let history = history();
    let old = rig(store(), 0);
    for (n, envelope) in (1..).zip(&history[..2]) {
        old.apply(n, envelope);
    }
    // What an entry would make of the state is known without applying it.
    let at = EntryPosition { index: 3, term: 1, time: 1_003 };
    let third = Committed { at, payload: Some(history[2].to_bytes()) };
    let before = old.digest();
    let after = old.machine.digest_after(&[third]).unwrap();
    assert_eq!((old.digest(), old.users()), (before, vec!["ada".to_owned()]));

    let next = Origin::Group { group: GROUP, generation: 1 };
    let anew = recovered(old.store.clone(), 2, &[2]);
    assert!(anew.apply(3, &history[2]).into_result().is_ok());
    assert_eq!(anew.users(), ["ada", "bob"]);
    let positions = Clock::from_iter([(origin(GROUP), 2), (next, 3)]);
    assert_eq!(
        (anew.store.clock().unwrap(), &anew.views.load().positions),
        (positions.clone(), &positions)
    );
    let bob = anew.store.page(next, 0, usize::MAX).unwrap().records;
    assert!(!bob.is_empty() && bob.iter().all(|r| r.dot.sequence == 3 && r.stamp.revision == 3));

    let follower = recovered(store(), 0, &[2]);
    let batch = follower.machine.restore(anew.machine.freeze().unwrap().chunks(), 3).unwrap();
    follower.store.engine().apply(&batch).unwrap();
    follower.machine.stored(EntryPosition { index: 3, term: 2, time: 0 }, false);
    assert_eq!(follower.users(), ["ada", "bob"]);
    assert_eq!((follower.digest(), follower.store.clock().unwrap()), (anew.digest(), positions));
    assert_eq!(follower.digest(), rig_digest(&follower), "as its rows say");

    let same = rig(store(), 0);
    for (n, envelope) in (1..).zip(&history[..3]) {
        same.apply(n, envelope);
    }
    assert_eq!(same.digest(), after);
}

/// The digest that a restart makes of the rows.
fn rig_digest(of: &Rig) -> [u8; 32] {
    recovered(of.store.clone(), 3, &[2]).digest()
}
