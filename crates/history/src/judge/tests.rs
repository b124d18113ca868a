//! Each guarantee, broken by hand in a log: it is found under its name, with the events that contradict and no others.

use std::time::Duration;

use super::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn event(session: u32, node: u64, (start, end): (u64, u64), did: Did) -> Event {
    Event { session, node, start: at(start), end: at(end), did }
}

fn wrote(session: u32, time: (u64, u64), id: WriteId, revision: u64) -> Event {
    let state = State::Of(id);
    let did = Did::Wrote {
        register: 0,
        id,
        state,
        denies: id.is_multiple_of(2),
        revision: Some(revision),
    };
    event(session, 1, time, did)
}

fn left(time: (u64, u64), id: WriteId, state: State, revision: u64) -> Event {
    event(
        1,
        1,
        time,
        Did::Wrote { register: 0, id, state, denies: false, revision: Some(revision) },
    )
}

fn read(session: u32, node: u64, time: (u64, u64), state: State, asked: Asked) -> Event {
    event(session, node, time, Did::Read { register: 0, state, asked, staleness: None })
}

fn judged(events: Vec<Event>) -> Judgement {
    judge(&Log { events, registers: vec!["r".to_owned()], converged: Some(at(1)) })
}

#[track_caller]
fn broken(events: Vec<Event>, expected: &[(Guarantee, &[usize])]) {
    let findings = judged(events).findings;
    let found: Vec<_> = findings.iter().map(|f| (f.guarantee, f.evidence.as_slice())).collect();
    assert_eq!(found, expected, "{findings:?}");
}

#[test]
fn a_stale_read_at_a_token_is_shown_with_the_write_and_the_read() {
    let noise = || vec![wrote(9, (0, 1), 1, 5), read(9, 2, (0, 1), State::Absent, Asked::Eventual)];
    let mut events = noise();
    events.push(wrote(1, (2, 3), 3, 10));
    events.push(read(2, 5, (4, 5), State::Of(1), Asked::AtLeast(vec![3])));
    broken(events, &[(Guarantee::TokenFloor, &[0, 2, 3])]);
    let mut events = noise();
    events.push(wrote(2, (2, 3), 3, 10));
    events.push(read(2, 5, (4, 5), State::Absent, Asked::AtLeast(vec![3])));
    broken(events, &[(Guarantee::ReadYourWrites, &[2, 3])]);
}

#[test]
fn a_lost_write_is_shown_with_what_was_there_at_the_end() {
    let last = |state| event(0, 2, (9, 10), Did::Last { register: 0, state });
    broken(
        vec![wrote(1, (0, 1), 1, 5), last(State::Absent)],
        &[(Guarantee::AcknowledgedWritesSurvive, &[0, 1])],
    );
    broken(vec![wrote(1, (0, 1), 1, 5), last(State::Of(1))], &[]);
}

#[test]
fn a_deny_that_vanishes_is_shown_with_the_read_that_saw_it() {
    broken(
        vec![
            wrote(1, (0, 1), 1, 5),
            wrote(1, (2, 3), 2, 6),
            read(3, 4, (4, 5), State::Of(2), Asked::Eventual),
            read(4, 4, (6, 7), State::Of(1), Asked::Eventual),
        ],
        &[(Guarantee::NodesNeverGoBack, &[0, 1, 2, 3]), (Guarantee::DenyStays, &[0, 1, 2, 3])],
    );
}

#[test]
fn what_was_deleted_and_comes_back_is_found() {
    broken(
        vec![
            wrote(1, (0, 1), 1, 5),
            left((2, 3), 3, State::Absent, 6),
            read(1, 2, (4, 5), State::Of(1), Asked::Strong),
        ],
        &[(Guarantee::StrongReads, &[0, 1, 2]), (Guarantee::DeletedStaysDeleted, &[0, 1, 2])],
    );
}

#[test]
fn what_several_writes_left_says_no_more_than_it_can() {
    let on = || State::Word("on");
    let off = || State::Word("off");
    let ops = |last: Event| {
        vec![
            left((0, 1), 1, on(), 5),
            left((2, 3), 3, off(), 6),
            left((4, 9), 5, on(), 7),
            // The first or the third write.
            read(1, 2, (5, 6), on(), Asked::Eventual),
            last,
        ]
    };
    broken(ops(read(1, 2, (7, 8), off(), Asked::Eventual)), &[]);
    broken(
        ops(read(1, 2, (10, 11), off(), Asked::Strong)),
        &[(Guarantee::StrongReads, &[1, 2, 4])],
    );
    broken(vec![read(1, 2, (0, 1), on(), Asked::Eventual)], &[(Guarantee::NothingInvented, &[0])]);
}

#[test]
fn a_write_without_an_answer_contradicts_nothing() {
    let mut lost = wrote(1, (2, 3), 3, 0);
    if let Did::Wrote { revision, .. } = &mut lost.did {
        *revision = None;
    }
    let last = event(0, 2, (9, 10), Did::Last { register: 0, state: State::Of(3) });
    broken(
        vec![wrote(1, (0, 1), 1, 5), lost, read(1, 2, (4, 5), State::Of(3), Asked::Strong), last],
        &[],
    );
}

#[test]
fn bounds_arrivals_and_order_are_held_to_what_they_say() {
    let bounded = |staleness| Did::Read {
        register: 0,
        state: State::Absent,
        asked: Asked::Bounded(at(2)),
        staleness: Some(at(staleness)),
    };
    broken(vec![event(1, 2, (0, 1), bounded(3))], &[(Guarantee::StalenessBound, &[0])]);
    broken(
        vec![wrote(1, (0, 1), 1, 5), event(1, 2, (9, 10), bounded(1))],
        &[(Guarantee::StalenessBound, &[0, 1])],
    );
    let told = event(1, 1, (2, 3), Did::Arrived { id: 1 });
    broken(
        vec![wrote(1, (0, 1), 1, 5), told, read(1, 3, (4, 5), State::Absent, Asked::Eventual)],
        &[(Guarantee::ArrivedIsVisible, &[0, 1, 2])],
    );
    broken(
        vec![wrote(1, (0, 1), 1, 6), wrote(1, (2, 3), 3, 5)],
        &[(Guarantee::AccountOrder, &[0, 1])],
    );
}

#[test]
fn positions_digests_and_tokens_of_a_node_never_go_back() {
    let looked = |node, time, position: u64, digest: &str| {
        let groups = BTreeMap::from([(1, (position, digest.to_owned()))]);
        event(0, node, time, Did::Looked { groups })
    };
    broken(
        vec![looked(1, (0, 1), 7, "a"), looked(1, (2, 3), 6, "b")],
        &[(Guarantee::NodesNeverGoBack, &[0, 1])],
    );
    broken(
        vec![looked(1, (0, 1), 7, "a"), looked(2, (2, 3), 7, "b")],
        &[(Guarantee::Convergence, &[0, 1])],
    );
    broken(
        vec![
            read(1, 2, (0, 1), State::Absent, Asked::Eventual),
            event(1, 2, (2, 3), Did::TokenRefused { given: 0 }),
        ],
        &[(Guarantee::NodesNeverGoBack, &[0, 1])],
    );
}

#[test]
fn what_was_put_to_the_test_is_counted_and_what_was_not_is_missing() {
    let strong = read(1, 2, (4, 5), State::Of(1), Asked::Strong);
    let judgement = judged(vec![wrote(1, (0, 1), 1, 5), strong]);
    assert_eq!(judgement.exercised.get(&Guarantee::StrongReads), Some(&1));
    assert_eq!(judgement.exercised.get(&Guarantee::TokenFloor), None);
    let mut log = Log { events: vec![wrote(1, (0, 1), 1, 5)], ..Log::default() };
    assert_eq!(judge(&log).findings.len(), 1, "nobody saw the nodes become equal");
    log.converged = Some(at(1));
    assert!(judge(&log).findings.is_empty());
}
