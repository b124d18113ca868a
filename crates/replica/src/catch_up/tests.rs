//! Pages in and out of their order, whole states, silence and the bound.

use bytes::Bytes;

use super::*;
use crate::{Dot, GroupId, Stamp};

const ORIGIN: Origin = Origin::Group { group: GroupId(1), generation: 0 };
const SOURCE: NodeId = NodeId(7);
const START: Duration = Duration::from_secs(100);

fn record(sequence: u64, bytes: usize) -> Record {
    let dot = Dot { origin: ORIGIN, sequence };
    let stamp = Stamp { epoch: 0, revision: sequence };
    Record {
        key: sequence.to_be_bytes().to_vec().into(),
        value: Some(Bytes::from(vec![0; bytes])),
        stamp,
        dot,
    }
}

fn page(after: u64, upto: u64, next: Continuation) -> Page {
    let records = (after + 1..=upto).map(|s| record(s, 1)).collect();
    Page {
        frame: Frame { origin: ORIGIN, after, upto, records, trace: None },
        cut: upto,
        next,
        replaces: false,
    }
}

fn begun(after: u64) -> Pulls {
    let mut pulls = Pulls::default();
    let question = pulls.begin(START, ORIGIN, SOURCE, after);
    assert_eq!(question, Some(Question { to: SOURCE, origin: ORIGIN, after, base: after }));
    pulls
}

fn sequences(step: Step) -> (Vec<u64>, bool, u64) {
    let Step::Done(staged, upto) = step else { panic!("not done: {step:?}") };
    (staged.records.iter().map(|r| r.dot.sequence).collect(), staged.replaces, upto)
}

#[test]
fn pages_are_held_back_until_the_cut() {
    let mut pulls = begun(3);
    assert_eq!(pulls.page(START, SOURCE, page(3, 5, Continuation::Follows)), Step::Wait);
    let asked = pulls.page(START, SOURCE, page(5, 6, Continuation::Ask));
    assert_eq!(asked, Step::Ask(Question { to: SOURCE, origin: ORIGIN, after: 6, base: 6 }));
    let done = pulls.page(START, SOURCE, page(6, 8, Continuation::Done));
    assert_eq!(sequences(done), (vec![4, 5, 6, 7, 8], false, 8));
}

#[test]
fn a_page_that_nobody_asked_for_changes_nothing() {
    let mut pulls = begun(3);
    for stray in [page(2, 9, Continuation::Done), page(4, 9, Continuation::Done)] {
        assert_eq!(
            pulls.page(START, SOURCE, stray),
            Step::Wait,
            "it does not begin where the last one ended"
        );
    }
    assert_eq!(
        pulls.page(START, NodeId(8), page(3, 9, Continuation::Done)),
        Step::Wait,
        "another sender"
    );
    assert_eq!(pulls.page(START, SOURCE, page(3, 4, Continuation::Follows)), Step::Wait);
    assert_eq!(pulls.page(START, SOURCE, page(3, 4, Continuation::Follows)), Step::Wait, "twice");
    assert_eq!(
        sequences(pulls.page(START, SOURCE, page(4, 5, Continuation::Done))),
        (vec![4, 5], false, 5)
    );
    assert_eq!(
        pulls.page(START, SOURCE, page(5, 6, Continuation::Done)),
        Step::Wait,
        "the pull is over"
    );
}

#[test]
fn a_whole_state_voids_what_came_before_and_keeps_its_base() {
    let mut pulls = begun(3);
    assert_eq!(pulls.page(START, SOURCE, page(3, 5, Continuation::Follows)), Step::Wait);
    let whole = Page { replaces: true, cut: 40, ..page(0, 2, Continuation::Ask) };
    let asked = pulls.page(START, SOURCE, whole);
    assert_eq!(asked, Step::Ask(Question { to: SOURCE, origin: ORIGIN, after: 2, base: 40 }));
    let done = pulls.page(START, SOURCE, page(2, 4, Continuation::Done));
    assert_eq!(sequences(done), (vec![1, 2, 3, 4], true, 4));
}

#[test]
fn too_much_goes_to_the_store_unpublished() {
    let mut pulls = begun(0);
    let size = STAGED_MAX / 2 + 1;
    let mut large = page(0, 2, Continuation::Follows);
    large.frame.records = vec![record(1, size), record(2, size)];
    let Step::Spill(staged, None) = pulls.page(START, SOURCE, large) else { panic!("not spilled") };
    assert_eq!(staged.records.len(), 2);
    assert_eq!(
        sequences(pulls.page(START, SOURCE, page(2, 3, Continuation::Done))),
        (vec![3], false, 3)
    );
}

#[test]
fn silence_is_noticed_and_pulls_are_bounded() {
    let mut pulls = begun(0);
    assert_eq!(pulls.begin(START, ORIGIN, NodeId(8), 0), None, "one pull an origin");
    assert!(pulls.silent(START + SILENCE_MAX / 2).is_empty());
    assert_eq!(pulls.silent(START + SILENCE_MAX), [(ORIGIN, SOURCE)]);
    for group in 2..100 {
        let origin = Origin::Group { group: GroupId(group), generation: 0 };
        let begun = pulls.begin(START, origin, SOURCE, 0).is_some();
        assert_eq!(begun, group <= u32::try_from(PULLS_MAX).unwrap());
    }
}
