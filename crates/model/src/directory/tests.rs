//! What operators may change of the cluster.

use super::*;
use crate::command::{
    AddSigningKey, CallerRef, ChangeVoters, CreateCluster, OutcomeResult, RegisterNode, RemoveNode,
    SetIssuing, VotersChanged, caller_kind,
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
    run(&mut directory, Command::RemoveNode(RemoveNode { node: 5 })).unwrap();
    run(&mut directory, Command::SetIssuing(SetIssuing { node: 5, allowed: false })).unwrap();
    assert_eq!(keys(&directory, 5), [(0, 1, 99, true)]);
    // Who is barred does not get round it by a key that is new.
    run(&mut directory, Command::RegisterNode(RegisterNode { node: Some(node(5, "away")) }))
        .unwrap();
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
}
