//! Upper bounds, estimates, and what is forgotten.

use super::*;
use crate::GroupId;

const ORIGIN: Origin = Origin::Group { group: GroupId(1), generation: 0 };

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn arrived(
    propagation: &mut Propagation,
    now: u64,
    node: u64,
    upto: u64,
) -> Vec<(u64, Duration, Duration)> {
    let region = RegionName::new("eu").unwrap();
    let published = Clock::from_iter([(ORIGIN, upto)]);
    let events = propagation.arrived(at(now), NodeId(node), &region, Some(at(80)), &published);
    events.into_iter().map(|e| (e.dot.sequence, e.upper, e.estimate)).collect()
}

fn with_commits(sequences: impl IntoIterator<Item = u64>) -> Propagation {
    let mut propagation = Propagation::default();
    for sequence in sequences {
        propagation.committed(at(sequence), Dot { origin: ORIGIN, sequence });
    }
    propagation
}

#[test]
fn an_arrival_is_told_once_for_each_change_and_node() {
    let mut propagation = with_commits([10, 20, 30]);
    assert_eq!(
        arrived(&mut propagation, 100, 1, 20),
        [(10, at(90), at(50)), (20, at(80), at(40))],
        "commit to acknowledgement, and half a round trip less"
    );
    assert_eq!(arrived(&mut propagation, 110, 1, 20), []);
    assert_eq!(arrived(&mut propagation, 120, 1, 30), [(30, at(90), at(50))]);
    assert_eq!(arrived(&mut propagation, 120, 2, 5), [], "older than anything that travels");
    assert_eq!(arrived(&mut propagation, 130, 2, 10), [(10, at(120), at(80))]);
    assert_eq!(
        arrived(&mut propagation, 31, 3, 30).last(),
        Some(&(30, at(1), at(0))),
        "never below nothing"
    );
}

#[test]
fn what_all_have_and_what_is_too_old_is_forgotten() {
    let mut propagation = with_commits(1..=10);
    arrived(&mut propagation, 100, 1, 7);
    arrived(&mut propagation, 100, 2, 4);
    propagation.collect(&[1, 2].map(NodeId));
    assert_eq!(
        propagation.origins[&ORIGIN].commits.len(),
        6,
        "five to ten are under way to node 2"
    );
    let many = with_commits(1..=COMMITS_MAX as u64 + 5);
    assert_eq!(many.origins[&ORIGIN].commits.front(), Some(&(6, at(6))));
}
