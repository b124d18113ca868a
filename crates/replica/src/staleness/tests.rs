//! Bounds from echoes, and whom to ask.

use super::*;

const GROUP: GroupId = GroupId(1);
const ORIGIN: Origin = Origin::Group { group: GROUP, generation: 0 };
const VOTERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn clock(sequence: u64) -> Clock {
    Clock::from_iter([(ORIGIN, sequence)])
}

#[test]
fn the_bound_counts_from_the_question_and_waits_for_the_view() {
    let mut staleness = Staleness::default();
    staleness.asked(at(100), 1, NodeId(1), vec![GROUP]);
    staleness.asked(at(200), 2, NodeId(1), vec![GROUP]);
    staleness.echoed(NodeId(1), 2, &[(ORIGIN, 8)], &clock(5));
    assert_eq!(staleness.fresh_since(GROUP), None, "the view is behind the answer");
    staleness.echoed(NodeId(1), 1, &[(ORIGIN, 5)], &clock(5));
    assert_eq!(staleness.fresh_since(GROUP), Some(at(100)));
    staleness.published(&clock(8));
    assert_eq!(staleness.fresh_since(GROUP), Some(at(200)));
}

#[test]
fn an_answer_counts_once_and_only_from_who_was_asked() {
    let mut staleness = Staleness::default();
    staleness.asked(at(100), 1, NodeId(1), vec![GROUP]);
    staleness.echoed(NodeId(2), 1, &[(ORIGIN, 5)], &clock(5));
    staleness.echoed(NodeId(1), 9, &[(ORIGIN, 5)], &clock(5));
    assert_eq!(staleness.fresh_since(GROUP), None);
    staleness.echoed(NodeId(1), 1, &[(ORIGIN, 5)], &clock(5));
    assert_eq!(staleness.fresh_since(GROUP), Some(at(100)));
    assert!(staleness.asked.is_empty());
}

#[test]
fn a_position_of_another_generation_says_nothing_of_this_one() {
    let mut staleness = Staleness::default();
    staleness.asked(at(100), 1, NodeId(1), vec![GROUP]);
    let recovered = Origin::Group { group: GROUP, generation: 1 };
    staleness.echoed(NodeId(1), 1, &[(recovered, 2)], &clock(900));
    assert_eq!(staleness.fresh_since(GROUP), None);
}

#[test]
fn who_does_not_lead_is_asked_no_more_and_who_does_stays() {
    let mut staleness = Staleness::default();
    for nonce in 1..=3 {
        assert_eq!(staleness.source(at(0), GROUP, &VOTERS), Some(NodeId(1)));
        staleness.asked(at(0), nonce, NodeId(1), vec![GROUP]);
    }
    for nonce in 1..=3 {
        staleness.echoed(NodeId(1), nonce, &[], &clock(0));
    }
    assert_eq!(
        staleness.source(at(10), GROUP, &VOTERS),
        Some(NodeId(2)),
        "three refusals pass it on once"
    );
    staleness.asked(at(10), 4, NodeId(2), vec![GROUP]);
    staleness.echoed(NodeId(2), 4, &[(ORIGIN, 1)], &clock(1));
    assert_eq!(staleness.source(at(5_000), GROUP, &VOTERS), Some(NodeId(2)));
    assert_eq!(staleness.source(at(5_900), GROUP, &VOTERS), Some(NodeId(2)), "within its patience");
    assert_eq!(staleness.source(at(6_100), GROUP, &VOTERS), Some(NodeId(3)), "silent for too long");
    assert_eq!(staleness.source(at(0), GroupId(2), &[]), None);
}

#[test]
fn what_waits_is_bounded() {
    let mut staleness = Staleness::default();
    for nonce in 0..2 * ASKED_MAX as u64 {
        staleness.asked(at(nonce), nonce, NodeId(1), vec![GROUP]);
        staleness.echoed(NodeId(1), nonce, &[(ORIGIN, 10 + nonce)], &clock(0));
    }
    assert_eq!(staleness.waiting.len(), WAITING_MAX);
}
