//! What operators may change of the cluster.

use super::*;
use crate::command::{
    ChangeVoters, CreateCluster, OutcomeResult, RemoveNode, SetClock, VotersChanged, clock_run,
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
