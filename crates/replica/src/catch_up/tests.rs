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

/// Answers the question `nonce`; the first one of a pull is 1.
fn page(nonce: u64, after: u64, upto: u64, next: Continuation) -> Page {
    let records = (after + 1..=upto).map(|s| record(s, 1)).collect();
    let frame = Frame { origin: ORIGIN, after, upto, records, trace: None, proof: None };
    Page { nonce, answer: 1, frame, cut: upto, next, replaces: false }
}

fn begun(after: u64) -> Pulls {
    let mut pulls = Pulls::new(0);
    let question = pulls.begin(START, ORIGIN, SOURCE, after, RETRIES);
    assert_eq!(asked(&Step::Ask(question.unwrap()), after, after), 1);
    pulls
}

/// The nonce of a question that is as expected otherwise.
fn asked(step: &Step, after: u64, base: u64) -> u64 {
    let Step::Ask(question) = step else { panic!("not asked: {step:?}") };
    let nonce = question.nonce;
    assert_eq!(*question, Question { to: SOURCE, origin: ORIGIN, after, base, nonce });
    nonce
}

fn sequences(step: Step) -> (Vec<u64>, bool, u64) {
    let Step::Done(staged, upto) = step else { panic!("not done: {step:?}") };
    (staged.records.iter().map(|r| r.dot.sequence).collect(), staged.replaces.is_some(), upto)
}

#[test]
fn pages_are_held_back_until_the_cut() {
    let mut pulls = begun(3);
    assert_eq!(pulls.page(START, SOURCE, page(1, 3, 5, Continuation::Follows)), Step::Wait);
    let nonce = asked(&pulls.page(START, SOURCE, page(1, 5, 6, Continuation::Ask)), 6, 6);
    let done = pulls.page(START, SOURCE, page(nonce, 6, 8, Continuation::Done));
    assert_eq!(sequences(done), (vec![4, 5, 6, 7, 8], false, 8));
}

/// The second answer was made later: what stood at 5 had been written again behind 9, and the first answer's last page ends before that.
#[test]
fn pages_of_two_answers_to_one_question_do_not_fit_together() {
    let mut pulls = begun(3);
    let second = Page { answer: 2, ..page(1, 3, 6, Continuation::Follows) };
    assert_eq!(pulls.page(START, SOURCE, second), Step::Wait);
    assert_eq!(pulls.page(START, SOURCE, page(1, 6, 8, Continuation::Done)), Step::Wait);
    let rest = Page { answer: 2, ..page(1, 6, 9, Continuation::Done) };
    assert_eq!(sequences(pulls.page(START, SOURCE, rest)), (vec![4, 5, 6, 7, 8, 9], false, 9));
}

#[test]
fn a_page_of_an_earlier_question_is_of_an_older_state() {
    let mut pulls = begun(3);
    assert_eq!(pulls.page(START, SOURCE, page(1, 3, 5, Continuation::Follows)), Step::Wait);
    let again = pulls.ask_again(START, ORIGIN).unwrap();
    assert_eq!(asked(&Step::Ask(again), 5, 5), again.nonce);
    assert_eq!(pulls.page(START, SOURCE, page(1, 5, 6, Continuation::Done)), Step::Wait);
    let done = pulls.page(START, SOURCE, page(again.nonce, 5, 7, Continuation::Done));
    assert_eq!(sequences(done), (vec![4, 5, 6, 7], false, 7));
}

#[test]
fn a_page_that_nobody_asked_for_changes_nothing() {
    let mut pulls = begun(3);
    assert_eq!(pulls.page(START, SOURCE, page(1, 2, 9, Continuation::Done)), Step::Wait, "known");
    assert_eq!(
        pulls.page(START, NodeId(8), page(1, 3, 9, Continuation::Done)),
        Step::Wait,
        "another sender"
    );
    assert_eq!(pulls.page(START, SOURCE, page(1, 3, 4, Continuation::Follows)), Step::Wait);
    assert_eq!(
        pulls.page(START, SOURCE, page(1, 3, 4, Continuation::Follows)),
        Step::Wait,
        "twice"
    );
    assert_eq!(
        sequences(pulls.page(START, SOURCE, page(1, 4, 5, Continuation::Done))),
        (vec![4, 5], false, 5)
    );
    assert_eq!(
        pulls.page(START, SOURCE, page(1, 5, 6, Continuation::Done)),
        Step::Wait,
        "the pull is over"
    );
}

#[test]
fn pages_that_overtake_each_other_wait_for_their_turn() {
    let mut pulls = begun(3);
    assert_eq!(pulls.page(START, SOURCE, page(1, 6, 8, Continuation::Done)), Step::Wait);
    assert_eq!(pulls.page(START, SOURCE, page(1, 5, 6, Continuation::Follows)), Step::Wait);
    let done = pulls.page(START, SOURCE, page(1, 3, 5, Continuation::Follows));
    assert_eq!(sequences(done), (vec![4, 5, 6, 7, 8], false, 8));
}

#[test]
fn a_whole_state_voids_what_came_before_and_keeps_its_base() {
    let mut pulls = begun(3);
    assert_eq!(pulls.page(START, SOURCE, page(1, 3, 5, Continuation::Follows)), Step::Wait);
    let whole = Page { replaces: true, cut: 40, ..page(1, 0, 2, Continuation::Ask) };
    let nonce = asked(&pulls.page(START, SOURCE, whole), 2, 40);
    let twice = Page { replaces: true, cut: 40, ..page(1, 0, 2, Continuation::Ask) };
    assert_eq!(pulls.page(START, SOURCE, twice), Step::Wait);
    let mut last = page(nonce, 2, 4, Continuation::Done);
    last.frame.upto = 40;
    assert_eq!(sequences(pulls.page(START, SOURCE, last)), (vec![1, 2, 3, 4], true, 40));
}

#[test]
fn the_last_page_of_a_whole_state_is_no_page_of_what_was_asked_for() {
    let mut pulls = begun(3);
    let whole = |after, upto, next| Page { replaces: true, cut: 40, ..page(1, after, upto, next) };
    let mut last = whole(3, 5, Continuation::Done);
    last.frame.upto = 40;
    assert_eq!(pulls.page(START, SOURCE, last), Step::Wait);
    let done = pulls.page(START, SOURCE, whole(0, 3, Continuation::Follows));
    assert_eq!(sequences(done), (vec![1, 2, 3, 4, 5], true, 40));
}

#[test]
fn too_much_goes_to_the_store_unpublished() {
    let mut pulls = begun(0);
    let size = STAGED_MAX / 2 + 1;
    let mut large = page(1, 0, 2, Continuation::Follows);
    large.frame.records = vec![record(1, size), record(2, size)];
    let Step::Spill(staged, None) = pulls.page(START, SOURCE, large) else { panic!("not spilled") };
    assert_eq!(staged.records.len(), 2);
    assert_eq!(
        sequences(pulls.page(START, SOURCE, page(1, 2, 3, Continuation::Done))),
        (vec![3], false, 3)
    );
}

#[test]
fn a_large_whole_state_voids_nothing_before_its_end_and_keeps_what_it_brought() {
    let mut pulls = begun(3);
    let mut large = Page { replaces: true, cut: 4, ..page(1, 0, 2, Continuation::Follows) };
    large.frame.records = vec![record(1, STAGED_MAX), record(2, 1)];
    let Step::Spill(spilled, None) = pulls.page(START, SOURCE, large) else {
        panic!("not spilled")
    };
    assert_eq!(spilled.replaces, None, "a node that stops here has lost nothing");
    let Step::Done(last, 4) = pulls.page(START, SOURCE, page(1, 2, 4, Continuation::Done)) else {
        panic!("not done")
    };
    let kept: Vec<Bytes> = spilled.records.into_iter().map(|r| r.key).collect();
    assert_eq!(last.replaces, Some(kept.into_iter().collect()));
}

#[test]
fn silence_is_noticed_and_pulls_are_bounded() {
    let mut pulls = begun(0);
    assert_eq!(pulls.begin(START, ORIGIN, NodeId(8), 0, RETRIES), None, "one pull an origin");
    assert!(pulls.silent(START + PATIENCE / 2).is_empty());
    let mut now = START;
    for hopeless in [false, false, true] {
        now += PATIENCE;
        let silence = Silence { origin: ORIGIN, source: SOURCE, hopeless, retries: 2 * RETRIES };
        assert_eq!(pulls.silent(now), [silence]);
        assert!(pulls.ask_again(now, ORIGIN).is_some());
    }
    for group in 2..100 {
        let origin = Origin::Group { group: GroupId(group), generation: 0 };
        let begun = pulls.begin(START, origin, SOURCE, 0, RETRIES).is_some();
        assert_eq!(begun, group <= u32::try_from(PULLS_MAX).unwrap());
    }
}

#[test]
fn a_source_that_lost_its_store_between_two_pages_has_not_answered() {
    let mut pulls = begun(0);
    let first = Page { cut: 9, ..page(1, 0, 3, Continuation::Ask) };
    let nonce = asked(&pulls.page(START, SOURCE, first), 3, 3);
    let end = pulls.page(START, SOURCE, page(nonce, 3, 3, Continuation::Done));
    assert_eq!(end, Step::Wait, "what was staged is complete only up to 9");
    assert!(pulls.begin(START, ORIGIN, SOURCE, 0, RETRIES).is_some(), "it begins anew");
}
