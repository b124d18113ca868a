//! Each rule, broken by hand: the check must see it, and must see nothing in the history beside it that is right.

use super::*;

fn op(start: u64, end: u64, what: What) -> Op {
    Op { start: Duration::from_secs(start), end: Duration::from_secs(end), what }
}

fn taken(start: u64, end: u64) -> Op {
    op(start, end, What::Taken { id: "q1".to_owned(), target: 0, node: 3 })
}

fn asked(at: u64, node: u64, by: Option<&str>) -> Op {
    op(at, at + 1, What::Asked { target: 0, node, by: by.map(str::to_owned) })
}

fn lifted(start: u64, end: u64, done: bool) -> Op {
    op(start, end, What::Lifted { id: "q1".to_owned(), done })
}

fn rules(ops: Vec<Op>) -> Vec<&'static str> {
    let examined = examine(&History { ops, ..History::default() });
    examined.violations.into_iter().map(|v| v.rule).collect()
}

#[test]
fn who_took_a_quarantine_refuses_from_then_on() {
    assert_eq!(rules(vec![taken(0, 1), asked(5, 3, None)]), [rule::KEPT]);
    assert!(rules(vec![taken(0, 1), asked(5, 3, Some("q1"))]).is_empty());
    assert!(rules(vec![taken(0, 1), asked(5, 4, None)]).is_empty(), "another node need not know");
    assert!(rules(vec![taken(0, 6), asked(5, 3, None)]).is_empty(), "it is under way");
}

#[test]
fn what_is_everywhere_is_refused_everywhere() {
    let arrived = || op(1, 2, What::Arrived { id: "q1".to_owned() });
    assert_eq!(rules(vec![taken(0, 1), arrived(), asked(5, 4, None)]), [rule::EVERYWHERE]);
    assert!(rules(vec![taken(0, 1), arrived(), asked(5, 4, Some("q1"))]).is_empty());
    assert!(rules(vec![taken(0, 1), arrived(), asked(1, 4, None)]).is_empty());
}

#[test]
fn what_somebody_began_to_lift_may_bite_or_not() {
    for done in [true, false] {
        assert!(rules(vec![taken(0, 1), lifted(4, 9, done), asked(5, 3, None)]).is_empty());
        assert!(rules(vec![taken(0, 1), lifted(4, 9, done), asked(5, 3, Some("q1"))]).is_empty());
    }
    assert_eq!(rules(vec![taken(0, 1), asked(5, 3, None), lifted(7, 9, true)]), [rule::KEPT]);
}

#[test]
fn a_refusal_names_a_quarantine_of_its_target() {
    let other = op(0, 1, What::Taken { id: "q2".to_owned(), target: 7, node: 3 });
    assert_eq!(rules(vec![other, asked(5, 3, Some("q2"))]), [rule::NAMED]);
    assert!(rules(vec![asked(5, 3, Some("q9"))]).is_empty(), "taken, and nobody was told");
}

#[test]
fn at_the_end_all_nodes_have_what_was_taken_and_not_lifted() {
    let end = |ops: Vec<Op>, finals: [&[&str]; 2], gone: &[u64]| {
        let stand = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let finals = BTreeMap::from([(4, stand(finals[0])), (5, stand(finals[1]))]);
        let history = History { ops, finals, gone: gone.iter().copied().collect() };
        examine(&history).violations.into_iter().map(|v| v.node).collect::<Vec<_>>()
    };
    assert!(end(vec![taken(0, 1)], [&["q1"], &["q1"]], &[]).is_empty());
    assert_eq!(end(vec![taken(0, 1)], [&[], &[]], &[]), [4, 5], "it is lost");
    assert!(end(vec![taken(0, 1)], [&[], &[]], &[3]).is_empty(), "with the disk of who took it");
    assert_eq!(end(vec![], [&["q7"], &[]], &[]), [5], "they differ");
    assert_eq!(end(vec![taken(0, 1), lifted(2, 3, true)], [&["q1"], &["q1"]], &[]), [4, 5]);
    assert!(end(vec![taken(0, 1), lifted(2, 3, false)], [&["q1"], &["q1"]], &[]).is_empty());
}

#[test]
fn what_was_demanded_is_counted() {
    let history = History {
        ops: vec![taken(0, 1), asked(5, 3, Some("q1"))],
        finals: BTreeMap::from([(4, BTreeSet::from(["q1".to_owned()]))]),
        ..History::default()
    };
    let exercised = examine(&history).exercised;
    assert_eq!(exercised.get(rule::KEPT), Some(&1));
    assert_eq!(exercised.get(rule::NAMED), Some(&1));
    assert_eq!(exercised.get(rule::END), Some(&1));
    assert_eq!(exercised.get(rule::EVERYWHERE), None);
}
