//! One run, as JSON, as text and as a page: the verdicts are the same, the evidence is told, and names can't break out of the page.

use tidegate_history::{
    judge::judge,
    log::{Asked, Did, Event, State},
};

use super::*;
use crate::check::{nemesis::Kind, page::page};

fn event(node: u64, seconds: u64, did: Did) -> Event {
    let (start, end) = (Duration::from_secs(seconds), Duration::from_millis(seconds * 1_000 + 500));
    Event { session: 1, node, start, end, did }
}

/// A write, and a strong read that misses it or not.
fn outcome(seen: State) -> Outcome {
    let wrote =
        Did::Wrote { register: 0, id: 1, state: State::Of(1), denies: false, revision: Some(5) };
    let read = Did::Read { register: 0, state: seen, asked: Asked::Strong, staleness: None };
    let log = Log {
        events: vec![event(0, 1, wrote), event(2, 3, read)],
        registers: vec!["user <script>".to_owned()],
        converged: Some(Duration::from_millis(7)),
    };
    let fault = Fault {
        start: Duration::from_secs(1),
        end: Duration::from_secs(2),
        kind: Kind::Pause,
        nodes: vec![2],
        what: "n2 was paused".to_owned(),
    };
    Outcome {
        seed: 7,
        clients: 1,
        duration: Duration::from_secs(4),
        nodes: vec![(2, "n2".to_owned(), "b".to_owned())],
        judgement: judge(&log),
        log,
        calls: BTreeMap::from([("read user", Calls { answered: 1, refused: 0 })]),
        faults: vec![fault],
        left_over: Vec::new(),
    }
}

#[test]
fn a_run_that_held_says_so_and_what_was_not_put_to_the_test() {
    let outcome = outcome(State::Of(1));
    assert!(!outcome.broken());
    assert_eq!(outcome.verdict(Guarantee::StrongReads), Verdict::Held);
    assert_eq!(outcome.verdict(Guarantee::TokenFloor), Verdict::NotExercised);
    let json = outcome.json();
    assert_eq!((&json["held"], &json["converged_ms"]), (&json!(true), &json!(7)));
    assert_eq!(json["faults"][0]["kind"], "pause");
    assert!(outcome.text().unwrap().contains("all nodes were equal 7 ms"));
    assert!(page(&outcome).unwrap().contains("<title>No guarantee was broken</title>"));
}

#[test]
fn a_breach_is_told_with_what_contradicts() {
    let outcome = outcome(State::Absent);
    assert!(outcome.broken());
    let json = outcome.json();
    let strong =
        json["guarantees"].as_array().unwrap().iter().find(|g| g["name"] == "strong-reads");
    let evidence = &strong.unwrap()["findings"][0]["evidence"];
    assert_eq!(evidence.as_array().unwrap().len(), 2, "{evidence}");
    let text = outcome.text().unwrap();
    assert!(text.contains("broken         strong-reads"), "{text}");
    assert!(text.contains("a strong read of user <script> saw nothing"), "{text}");
    let page = page(&outcome).unwrap();
    assert!(page.contains("user &lt;script&gt; saw nothing") && !page.contains("<script>"));
    assert!(page.contains("<circle"), "the read is marked in its node's lane");
}
