//! What operators may change of the cluster.

use super::*;
use crate::{
    command::{
        ChangeVoters, CreateCluster, OutcomeResult, RegisterNode, RemoveNode, VotersChanged,
    },
    membership::{
        AccountMoved, AccountReleased, AddGroup, Change, DrainNode, EvictNode, MoveAccount,
        ReadmitNode, RetireNode,
    },
    record::node_state,
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
    let register = |id| Command::RegisterNode(RegisterNode { node: Some(node(id, "away")) });
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
    let again = RegisterNode { node: Some(node(3, "home")) };
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
