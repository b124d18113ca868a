//! What operators may change of the cluster.

use super::*;
use crate::{
    command::{
        ActivateAccount, AnnounceNode, Batch, CallerRef, ChangeVoters, CloseAccount, CreateCluster,
        ForgetAccount, OutcomeResult, RaiseVersion, RegisterNode, RemoveNode, ReserveAccessKey,
        ReserveAccount, SetClock, VotersChanged, caller_kind, clock_run,
    },
    membership::{
        AccountMoved, AccountReleased, AddGroup, AddSigningKey, Change, DrainNode, EvictNode,
        MoveAccount, ReadmitNode, RetireNode, SetIssuing,
    },
    record::node_state,
    recovery::{RecoverGroups, Recovered},
};

fn node(id: u64, region: &str) -> Node {
    let (region, peer_address) = (region.to_owned(), format!("n{id}:1"));
    Node { id, region, peer_address, ..Node::default() }
}

/// Four nodes at home and one elsewhere; the first three vote in both groups.
fn founded() -> DirectoryState {
    let mut directory = DirectoryState::default();
    let placement = |group| Placement {
        group,
        region: "home".to_owned(),
        voters: vec![1, 2, 3],
        ..Placement::default()
    };
    let command = CreateCluster {
        cluster: Some(Cluster::default()),
        nodes: (1..=4).map(|n| node(n, "home")).chain([node(5, "away")]).collect(),
        placements: vec![placement(0), placement(1)],
        operator: None,
    };
    run(&mut directory, Command::CreateCluster(command)).unwrap();
    directory
}

fn run(directory: &mut DirectoryState, command: Command) -> Result<(), String> {
    let envelope = Envelope { command: Some(command), ..Envelope::default() };
    match directory.apply(7, 7, &envelope).outcome.result.unwrap() {
        OutcomeResult::Reply(_) => Ok(()),
        OutcomeResult::Rejection(rejection) => Err(rejection.message),
    }
}

fn change(groups: &[u32], voters: &[u64]) -> Command {
    Command::ChangeVoters(ChangeVoters { groups: groups.to_vec(), voters: voters.to_vec() })
}

#[test]
fn voters_are_nodes_of_the_home_region_in_odd_numbers() {
    let mut directory = founded();
    let before = directory.clone();
    for (groups, voters, why) in [
        (&[][..], &[1u64, 2][..], "three, five or seven"),
        (&[], &[1, 2, 2], "each named once"),
        (&[], &[], "three, five or seven"),
        (&[], &[1, 2, 9], "n9"),
        (&[], &[1, 2, 5], "home region"),
        (&[8], &[1, 2, 4], "g8"),
    ] {
        let refused = run(&mut directory, change(groups, voters)).unwrap_err();
        assert!(refused.contains(why), "{voters:?}: {refused}");
        assert!(directory == before, "what is refused changes nothing");
    }
}

#[test]
fn who_leaves_may_speak_until_the_last_change_is_settled() {
    let mut directory = founded();
    let at = |directory: &DirectoryState| directory.placement(GroupId(1)).unwrap().clone();
    run(&mut directory, change(&[1], &[4, 2, 1])).unwrap();
    assert_eq!(at(&directory).speakers().collect::<Vec<_>>(), [1, 2, 4, 3]);
    assert_eq!(
        directory.placement(GroupId(0)).unwrap().voters,
        [1, 2, 3],
        "only group 1 was named"
    );
    run(&mut directory, change(&[1], &[4])).unwrap();
    assert_eq!(at(&directory).speakers().collect::<Vec<_>>(), [4, 1, 2, 3]);
    let settle = |change| Command::VotersChanged(VotersChanged { group: 1, change });
    run(&mut directory, settle(1)).unwrap();
    assert_eq!(
        at(&directory).leaving,
        [1, 2, 3],
        "the word of an earlier change ends no later one"
    );
    let remove = Command::RemoveNode(RemoveNode { node: 3 });
    assert!(run(&mut directory, remove.clone()).unwrap_err().contains("groups first"));
    run(&mut directory, settle(2)).unwrap();
    assert_eq!((at(&directory).leaving, at(&directory).settled), (vec![], 2));
    run(&mut directory, change(&[0], &[1, 2, 4])).unwrap();
    let settle = VotersChanged { group: 0, change: 1 };
    run(&mut directory, Command::VotersChanged(settle)).unwrap();
    run(&mut directory, remove).unwrap();
}

fn may(directory: &mut DirectoryState, change: impl Into<Command>) -> bool {
    let before = directory.clone();
    let done = run(directory, change.into());
    assert!(done.is_ok() || *directory == before, "what is refused changes nothing");
    done.is_ok()
}

#[test]
fn a_node_that_was_evicted_comes_back_and_one_that_was_removed_does_not() {
    let mut directory = founded();
    let evict = |node| Change::Evict(EvictNode { node });
    let readmit = |node| Change::Readmit(ReadmitNode { node });
    assert!(!may(&mut directory, evict(3)), "it votes");
    assert!(!may(&mut directory, evict(9)), "nobody knows it");
    assert!(may(&mut directory, evict(5)));
    assert!(directory.node(5).is_none() && directory.departed(5).unwrap().may_return);
    let register =
        |id| Command::RegisterNode(RegisterNode { node: Some(node(id, "away")), new: false });
    assert!(!may(&mut directory, register(5)), "its number is its own");
    assert!(may(&mut directory, readmit(5)));
    assert_eq!(directory.node(5).unwrap().peer_address, "n5:1");
    assert!(directory.departed(5).is_none());
    assert!(may(&mut directory, readmit(5)), "the request, come again");

    assert!(may(&mut directory, evict(5)));
    assert!(may(&mut directory, Command::RemoveNode(RemoveNode { node: 5 })));
    assert!(!may(&mut directory, readmit(5)), "it was removed for good");
    assert!(!may(&mut directory, register(5)));
}

#[test]
fn a_node_that_votes_leaves_only_when_another_takes_its_place() {
    let mut directory = founded();
    let retire = |node, replacement| Change::Retire(RetireNode { node, replacement });
    for (node, replacement) in [(3, 0), (3, 5), (3, 2), (3, 9), (5, 4)] {
        assert!(!may(&mut directory, retire(node, replacement)), "{node} by {replacement}");
    }
    assert!(may(&mut directory, retire(3, 4)));
    let placement = directory.placement(GroupId(1)).unwrap();
    assert_eq!((&placement.voters[..], &placement.leaving[..]), (&[1, 2, 4][..], &[3][..]));
    assert_eq!(directory.node(3).unwrap().state, node_state::LEAVING);
    let again = RegisterNode { node: Some(node(3, "home")), new: false };
    assert!(may(&mut directory, Command::RegisterNode(again)));
    assert_eq!(directory.node(3).unwrap().state, node_state::LEAVING, "its address may change");
    assert!(may(&mut directory, retire(5, 0)), "a read replica just goes");
}

#[test]
fn somebody_is_left_to_lead() {
    let mut directory = founded();
    let drain = |node, end| Change::Drain(DrainNode { node, end });
    assert!(may(&mut directory, drain(1, false)) && may(&mut directory, drain(2, false)));
    assert!(!may(&mut directory, drain(3, false)));
    assert!(may(&mut directory, drain(1, true)) && may(&mut directory, drain(3, false)));
    assert_eq!(directory.node(1).unwrap().state, node_state::ACTIVE);
}

#[test]
fn an_account_moves_to_one_group_at_a_time() {
    let mut directory = founded();
    let account =
        AccountPlacement { account: 7, group: 1, active: true, ..AccountPlacement::default() };
    let mut changes = Changes::default();
    changes.put(Key::AccountPlacement(7), &account);
    for record in records(origin(GroupId::DIRECTORY), 1, &Place::default(), changes.writes) {
        directory.absorb(&record).unwrap();
    }
    let moved = |group| Change::Move(MoveAccount { account: 7, group });
    assert!(!may(&mut directory, moved(0)) && !may(&mut directory, moved(1)));
    assert!(!may(&mut directory, moved(2)), "there is no such group");
    for voters in [&[4, 5][..], &[5, 5, 5], &[9], &[3, 4, 5]] {
        assert!(
            !may(&mut directory, Change::AddGroup(AddGroup { voters: voters.to_vec() })),
            "{voters:?}"
        );
    }
    assert!(may(&mut directory, Change::AddGroup(AddGroup { voters: vec![5] })));
    assert_eq!(directory.placement(GroupId(2)).unwrap().region, "away");
    assert_eq!(directory.group_for(12), Some(GroupId(1)), "new accounts stay at home");
    assert!(may(&mut directory, moved(2)));
    assert!(!may(&mut directory, moved(1)), "it is on its way");
    let there = |directory: &DirectoryState| {
        directory.account(AccountId::from_u64(7).unwrap()).unwrap().clone()
    };
    let on_its_way = there(&directory);
    assert_eq!((on_its_way.group, on_its_way.previous, on_its_way.epoch), (2, 1, 1));
    assert_eq!(directory.moving().count(), 1);
    let done = |epoch| Change::Moved(AccountMoved { account: 7, epoch });
    let released = |epoch| Change::Released(AccountReleased { account: 7, epoch });
    assert!(may(&mut directory, done(0)) && may(&mut directory, released(1)));
    assert_eq!(
        there(&directory),
        on_its_way,
        "another epoch's end is not this one's, nor is the end before it has moved"
    );
    assert!(may(&mut directory, done(1)) && there(&directory).moved);
    assert!(may(&mut directory, released(1)));
    assert_eq!((there(&directory).previous, directory.moving().count()), (0, 0));
    assert!(may(&mut directory, moved(1)), "and back");
}

fn as_system(directory: &mut DirectoryState, command: Command) -> Result<(), String> {
    let caller = Some(CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() });
    let envelope = Envelope { caller, command: Some(command), ..Envelope::default() };
    match directory.apply(9, 99, &envelope).outcome.result.unwrap() {
        OutcomeResult::Reply(_) => Ok(()),
        OutcomeResult::Rejection(rejection) => Err(rejection.message),
    }
}

fn add_key(node: u64, byte: u8, length: usize) -> Command {
    Command::AddSigningKey(AddSigningKey { node, public: vec![byte; length].into() })
}

#[test]
fn a_key_belongs_to_one_node_and_outlives_its_membership() {
    let mut directory = founded();
    let before = directory.clone();
    for (command, why) in [
        (add_key(9, 1, 32), "n9"),
        (add_key(5, 1, 31), "32 bytes"),
        (Command::SetIssuing(SetIssuing { node: 5, allowed: false }), "n5"),
    ] {
        let refused = as_system(&mut directory, command).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    assert!(run(&mut directory, add_key(5, 1, 32)).unwrap_err().contains("Only a node itself"));
    assert!(directory == before, "what is refused changes nothing");
    as_system(&mut directory, add_key(5, 1, 32)).unwrap();
    as_system(&mut directory, add_key(5, 1, 32)).unwrap();
    let keys = |directory: &DirectoryState, node| {
        let keys = directory.signing_keys_of(node);
        keys.map(|k| (k.number, k.public[0], k.registered, k.barred)).collect::<Vec<_>>()
    };
    assert_eq!(keys(&directory, 5), [(0, 1, 99, false)], "named twice it is one");
    let refused = as_system(&mut directory, add_key(4, 1, 32)).unwrap_err();
    assert!(refused.contains("at another node"), "{refused}");
    run(&mut directory, Command::SetIssuing(SetIssuing { node: 5, allowed: false })).unwrap();
    assert_eq!(keys(&directory, 5), [(0, 1, 99, true)]);
    // Who is barred does not get round it by a key that is new.
    as_system(&mut directory, add_key(5, 2, 32)).unwrap();
    assert_eq!(keys(&directory, 5), [(0, 1, 99, true), (1, 2, 99, true)]);
    run(&mut directory, Command::SetIssuing(SetIssuing { node: 5, allowed: true })).unwrap();
    assert!(directory.signing_keys_of(5).all(|k| !k.barred));
    for byte in 3..65 {
        as_system(&mut directory, add_key(5, byte, 32)).unwrap();
    }
    assert!(
        as_system(&mut directory, add_key(5, 65, 32)).unwrap_err().contains("SigningKeysPerNode")
    );
    assert_eq!(keys(&directory, 4), []);
    run(&mut directory, Command::RemoveNode(RemoveNode { node: 5 })).unwrap();
    assert_eq!(keys(&directory, 5).len(), 64);
}

/// A command at a log index.
fn at(directory: &mut DirectoryState, index: u64, command: Command) -> Result<(), RejectionKind> {
    let envelope = Envelope { command: Some(command), ..Envelope::default() };
    match directory.apply(index, 7, &envelope).outcome.result.unwrap() {
        OutcomeResult::Reply(_) => Ok(()),
        OutcomeResult::Rejection(rejection) => Err(rejection.kind()),
    }
}

#[test]
fn an_alias_is_one_accounts_until_it_gives_it_up() {
    let mut directory = founded();
    for (account, email) in [(1_001, "a@x"), (1_002, "b@x")] {
        let placement = AccountPlacement {
            account,
            email: email.to_owned(),
            name: "n".to_owned(),
            ..AccountPlacement::default()
        };
        let command = ReserveAccount { placement: Some(placement) };
        at(&mut directory, 8, Command::ReserveAccount(command)).unwrap();
    }
    let reserve = |alias: &str, account| {
        Command::ReserveAlias(crate::command::ReserveAlias { alias: alias.to_owned(), account })
    };
    let release = |alias: &str, account, upto| {
        let alias = alias.to_owned();
        let kept = String::new();
        Command::ReleaseAlias(crate::command::ReleaseAlias { alias, account, upto, kept })
    };
    for bad in ["ab", "Abc", "a--b", "-ab", "123456789012", ""] {
        let refused = at(&mut directory, 9, reserve(bad, 1_001));
        assert_eq!(refused, Err(RejectionKind::InvalidInput), "{bad}");
    }
    assert_eq!(at(&mut directory, 9, reserve("acme", 7)), Err(RejectionKind::NoSuchEntity));
    at(&mut directory, 10, reserve("acme", 1_001)).unwrap();
    let taken = at(&mut directory, 11, reserve("acme", 1_002));
    assert_eq!(taken, Err(RejectionKind::EntityAlreadyExists));
    // Reserved again meanwhile: what was meant to be given up is in use.
    at(&mut directory, 12, reserve("acme", 1_001)).unwrap();
    at(&mut directory, 13, release("acme", 1_001, 11)).unwrap();
    at(&mut directory, 14, release("acme", 1_002, 13)).unwrap();
    assert_eq!(directory.alias("acme"), Some(1_001));
    at(&mut directory, 15, release("acme", 1_001, 12)).unwrap();
    at(&mut directory, 16, reserve("acme", 1_002)).unwrap();
    assert_eq!(directory.alias("acme"), Some(1_002));
    // All but one of what was reserved up to an index.
    for (index, alias) in [(20, "one"), (21, "two"), (22, "three"), (24, "four")] {
        at(&mut directory, index, reserve(alias, 1_001)).unwrap();
    }
    let kept = "two".to_owned();
    let others =
        crate::command::ReleaseAlias { kept, account: 1_001, upto: 22, ..Default::default() };
    at(&mut directory, 25, Command::ReleaseAlias(others)).unwrap();
    let left = ["acme", "one", "two", "three", "four"].map(|alias| directory.alias(alias));
    assert_eq!(left, [Some(1_002), None, Some(1_001), None, Some(1_001)]);
}

#[test]
fn features_are_switched_one_by_one() {
    let mut directory = founded();
    let change = |root_credentials, root_sessions| {
        let change = crate::command::ChangeFeatures { root_credentials, root_sessions };
        Command::ChangeFeatures(change)
    };
    at(&mut directory, 9, change(Some(true), None)).unwrap();
    at(&mut directory, 10, change(None, Some(true))).unwrap();
    at(&mut directory, 11, change(Some(false), None)).unwrap();
    let features = directory.features();
    assert_eq!((features.root_credentials, features.root_sessions), (false, true));
}

fn reserve(account: u64) -> Command {
    let placement = AccountPlacement {
        account,
        name: "a".to_owned(),
        email: format!("{account}@x"),
        ..AccountPlacement::default()
    };
    Command::ReserveAccount(ReserveAccount { placement: Some(placement) })
}

fn reserve_key(account: u64, id: &str) -> Command {
    Command::ReserveAccessKey(ReserveAccessKey { account, id: id.to_owned() })
}

fn activate(account: u64) -> Command {
    Command::ActivateAccount(ActivateAccount { account })
}

/// The example of AWS's documentation.
const CHOSEN: &str = "AKIAIOSFODNN7EXAMPLE";

#[test]
fn no_two_accounts_share_an_access_key_id() {
    let mut directory = founded();
    run(&mut directory, reserve(7)).unwrap();
    run(&mut directory, reserve(8)).unwrap();
    let refuse = |directory: &mut DirectoryState, command, why: &str| {
        let refused = run(directory, command).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    };
    refuse(&mut directory, reserve_key(9, CHOSEN), "000000000009");
    for bad in ["AKIA", "ASIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMP E"] {
        assert!(run(&mut directory, reserve_key(7, bad)).is_err(), "{bad}");
    }
    run(&mut directory, reserve_key(7, CHOSEN)).unwrap();
    assert_eq!(directory.account_of_key(CHOSEN).unwrap().as_u64(), 7);
    refuse(&mut directory, reserve_key(8, CHOSEN), "another account");
    // An id that says its account needs no reservation, and can't be had by another one.
    let says = crate::ids::access_key_id(8, &[3; 16]);
    assert_eq!(directory.account_of_key(&says).unwrap().as_u64(), 8);
    refuse(&mut directory, reserve_key(7, &says), "another account");
    run(&mut directory, reserve_key(8, &says)).unwrap();
    // Nor is an account made whose own ids could be one that was chosen elsewhere.
    let said = crate::ids::account_of_key(CHOSEN).unwrap().as_u64();
    refuse(&mut directory, reserve(said), "what an access key id of another account says");
}

#[test]
fn an_account_ends_closed_then_forgotten_with_its_address_and_keys() {
    let mut directory = founded();
    let close = |account| Command::CloseAccount(CloseAccount { account });
    let forget = |account| Command::ForgetAccount(ForgetAccount { account });
    run(&mut directory, reserve(7)).unwrap();
    run(&mut directory, reserve_key(7, CHOSEN)).unwrap();
    assert!(run(&mut directory, close(7)).unwrap_err().contains("until the account is made"));
    run(&mut directory, activate(7)).unwrap();
    assert!(run(&mut directory, forget(7)).unwrap_err().contains("must close"));
    assert!(run(&mut directory, close(8)).is_err());
    run(&mut directory, close(7)).unwrap();
    assert!(directory.account(AccountId::from_u64(7).unwrap()).unwrap().closing);
    run(&mut directory, forget(7)).unwrap();
    assert!(directory.account(AccountId::from_u64(7).unwrap()).is_none());
    assert_ne!(directory.account_of_key(CHOSEN).map(AccountId::as_u64), Some(7));
    // The number and the address are free again.
    run(&mut directory, reserve(7)).unwrap();
}

#[test]
fn a_batch_of_the_directory_sees_its_own_steps() {
    let mut directory = founded();
    let system = CallerRef { kind: crate::command::caller_kind::SYSTEM, ..CallerRef::default() };
    let envelope = |command| Envelope {
        caller: Some(system.clone()),
        command: Some(command),
        ..Envelope::default()
    };
    let commands = [reserve(7), activate(7), reserve_key(7, CHOSEN)].map(envelope).to_vec();
    let batch = Command::Batch(Batch { commands });
    assert!(run(&mut directory, batch.clone()).is_err(), "nobody but the cluster itself");
    let outcome = directory.apply(8, 8, &envelope(batch.clone())).outcome.result.unwrap();
    assert!(matches!(outcome, OutcomeResult::Reply(_)), "{outcome:?}");
    let placed = directory.account(AccountId::from_u64(7).unwrap()).unwrap();
    assert!(placed.active && directory.account_of_key(CHOSEN).is_some());
    let before = directory.clone();
    let outcome = directory.apply(9, 9, &envelope(batch)).outcome.result.unwrap();
    assert!(matches!(outcome, OutcomeResult::Rejection(_)) && directory == before);
}

fn set_clock(advance: u64, run: u32, real: u64) -> Command {
    Command::SetClock(SetClock { advance, run, real })
}

#[test]
fn a_clock_is_advanced_stands_still_and_runs_on_and_never_goes_back() {
    let mut directory = founded();
    let refused = run(&mut directory, set_clock(1, 0, 1_000)).unwrap_err();
    assert!(refused.contains("development mode"), "{refused}");
    let cluster = Cluster { development: true, ..Cluster::default() };
    directory.cluster = Some(cluster.into());
    let shows = |d: &DirectoryState, real| d.cluster().unwrap().clock.unwrap().shows(real);
    run(&mut directory, set_clock(500, clock_run::AS_BEFORE, 1_000)).unwrap();
    assert_eq!(shows(&directory, 1_010), 1_510, "it runs as before");
    run(&mut directory, set_clock(100, clock_run::FROZEN, 2_000)).unwrap();
    assert_eq!((shows(&directory, 2_000), shows(&directory, 9_000)), (2_600, 2_600));
    run(&mut directory, set_clock(50, clock_run::AS_BEFORE, 3_000)).unwrap();
    assert_eq!(shows(&directory, 3_000), 2_650, "it stands still as before, later");
    run(&mut directory, set_clock(0, clock_run::RUNS, 9_000)).unwrap();
    assert_eq!(shows(&directory, 9_010), 2_660, "it runs on from where it stood");
    let before = directory.clone();
    for (advance, to, why) in [(0, 3, "can't do 3"), (u64::MAX, 0, "ten years")] {
        let refused = run(&mut directory, set_clock(advance, to, 9_000)).unwrap_err();
        assert!(refused.contains(why), "{refused}");
        assert!(directory == before, "what is refused changes nothing");
    }
}

fn recovery(base: u64, voters: &[u64], lost: &[u64]) -> Command {
    let group = |group| Recovered { group, generation: 0, base, seed: 3 };
    let (voters, lost) = (voters.to_vec(), lost.to_vec());
    Command::RecoverGroups(RecoverGroups { groups: vec![group(0), group(1)], voters, lost })
}

#[test]
fn groups_go_on_in_a_generation_that_names_where_the_last_one_ended() {
    let mut directory = founded();
    let before = directory.clone();
    for (command, why) in [
        (recovery(40, &[3, 4], &[1, 2]), "three, five or seven"),
        (recovery(40, &[2], &[1, 2]), "no node that is here"),
        (recovery(40, &[3, 4, 5], &[1, 2]), "one home region"),
        (recovery(40, &[4], &[1, 2, 3]), "n3"),
    ] {
        let error = run(&mut directory, command).unwrap_err();
        assert!(error.contains(why), "{error}");
        assert_eq!(directory, before);
    }

    for _again in 0..2 {
        run(&mut directory, recovery(40, &[5], &[1, 2])).unwrap();
        for group in [0, 1] {
            let placement = directory.placement(GroupId(group)).unwrap();
            assert_eq!((placement.generation(), &placement.ended[..]), (1, &[40][..]));
            assert_eq!((&placement.voters[..], &placement.leaving[..]), (&[5][..], &[3][..]));
            assert_eq!((placement.region.as_str(), placement.changes), ("away", 1));
        }
        assert!(directory.departed(1).is_some_and(|gone| gone.may_return));
        assert!(directory.node(2).is_none() && directory.node(3).is_some());
    }
    let error = run(&mut directory, recovery(41, &[5], &[])).unwrap_err();
    assert!(error.contains("is in generation 1"), "{error}");
}

#[test]
fn who_is_lost_must_not_vote_in_a_group_that_is_not_recovered() {
    let mut directory = founded();
    let Command::RecoverGroups(RecoverGroups { mut groups, .. }) = recovery(40, &[], &[]) else {
        unreachable!()
    };
    groups.truncate(1);
    let command = RecoverGroups { groups, voters: vec![3], lost: vec![1, 2] };
    let error = run(&mut directory, Command::RecoverGroups(command)).unwrap_err();
    assert!(error.contains("votes in g1"), "{error}");
}

#[test]
fn a_version_is_raised_step_by_step_and_by_the_cluster_alone() {
    let mut directory = founded();
    let raise = |version| Command::RaiseVersion(RaiseVersion { version });
    let error = run(&mut directory, raise(2)).unwrap_err();
    assert!(error.contains("Only the cluster"), "{error}");
    let as_system = |directory: &mut DirectoryState, version| {
        let caller =
            CallerRef { kind: crate::command::caller_kind::SYSTEM, ..CallerRef::default() };
        let envelope =
            Envelope { caller: Some(caller), command: Some(raise(version)), ..Envelope::default() };
        let refused = directory.apply(7, 7, &envelope).outcome.into_result().err();
        (directory.version(), refused.map(|r| r.message))
    };
    assert_eq!(as_system(&mut directory, 1), (1, None), "come again");
    let (version, refused) = as_system(&mut directory, 3);
    assert!(version == 1 && refused.unwrap().contains("does not follow"));
    assert_eq!(as_system(&mut directory, 2), (2, None));
    assert_eq!(as_system(&mut directory, 2), (2, None));

    let announce = AnnounceNode { node: 2, apply_version_max: 2, sealing_keys: vec![7] };
    run(&mut directory, Command::AnnounceNode(announce.clone())).unwrap();
    let known = directory.node(2).unwrap().apply_version_max;
    assert!(directory.node(2).unwrap().sealing_keys.is_empty(), "not every voter knows it yet");
    assert_eq!(as_system(&mut directory, 3), (3, None));
    run(&mut directory, Command::AnnounceNode(announce.clone())).unwrap();
    run(
        &mut directory,
        Command::RegisterNode(RegisterNode { node: Some(node(2, "home")), new: false }),
    )
    .unwrap();
    let stands = directory.node(2).unwrap();
    assert_eq!((known, stands.apply_version_max, &*stands.sealing_keys), (2, 2, [7].as_slice()));
    let many = AnnounceNode { sealing_keys: (0..9).collect(), ..announce.clone() };
    assert!(run(&mut directory, Command::AnnounceNode(many)).is_err());
    let unknown = AnnounceNode { node: 77, ..announce };
    assert!(run(&mut directory, Command::AnnounceNode(unknown)).is_err());
}
