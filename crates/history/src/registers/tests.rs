//! Each promise, broken by hand: the check must see it, and must see nothing in the history beside it that is right.

use super::*;

fn op(start: u64, end: u64, what: What) -> Op {
    Op { start: Duration::from_secs(start), end: Duration::from_secs(end), what }
}

fn wrote(start: u64, end: u64, id: WriteId, revision: u64) -> Op {
    op(start, end, What::Write { register: 0, id, revision: Some(revision) })
}

struct Read {
    seen: Option<WriteId>,
    node: u64,
    strong: bool,
    floor: Vec<WriteId>,
    staleness: Option<u64>,
}

const PLAIN: Read = Read { seen: None, node: 5, strong: false, floor: Vec::new(), staleness: None };

fn read(start: u64, end: u64, read: Read) -> Op {
    let Read { seen, node, strong, floor, staleness } = read;
    let staleness = staleness.map(Duration::from_secs);
    op(start, end, What::Read { register: 0, node, seen, strong, floor, staleness })
}

fn violations(ops: Vec<Op>) -> Vec<&'static str> {
    let found = check(&History { ops, ..History::default() });
    found
        .iter()
        .map(|v| match v {
            Violation::Missed { rule, .. } => *rule,
            Violation::Order { .. } => "order",
            Violation::Fabricated { .. } => "fabricated",
            Violation::Lost { .. } => "lost",
            Violation::Diverged { .. } => "diverged",
        })
        .collect()
}

#[test]
fn a_stale_read_is_allowed_to_who_asked_for_nothing() {
    assert!(violations(vec![wrote(0, 1, 1, 10), read(5, 6, PLAIN)]).is_empty());
}

#[test]
fn a_strong_read_sees_what_was_acknowledged_before_it() {
    let strong = |seen| Read { seen, strong: true, ..PLAIN };
    assert_eq!(violations(vec![wrote(0, 2, 1, 10), read(3, 4, strong(None))]), ["strong"]);
    assert!(violations(vec![wrote(0, 2, 1, 10), read(3, 4, strong(Some(1)))]).is_empty());
    // While the write is under way both answers are right.
    assert!(violations(vec![wrote(0, 4, 1, 10), read(3, 5, strong(None))]).is_empty());
}

#[test]
fn a_token_covers_every_write_before_its_own() {
    let writes = || {
        vec![wrote(0, 1, 1, 10), op(2, 3, What::Write { register: 1, id: 2, revision: Some(11) })]
    };
    let mut ops = writes();
    ops.push(read(4, 5, Read { floor: vec![2], ..PLAIN }));
    assert_eq!(violations(ops), ["at least as fresh"]);
    let mut ops = writes();
    ops.push(read(4, 5, Read { floor: vec![2], seen: Some(1), ..PLAIN }));
    assert!(violations(ops).is_empty());
}

#[test]
fn a_staleness_bound_is_never_below_the_truth() {
    let bound = |staleness| Read { staleness: Some(staleness), ..PLAIN };
    assert_eq!(violations(vec![wrote(0, 2, 1, 10), read(9, 10, bound(3))]), ["staleness bound"]);
    assert!(violations(vec![wrote(0, 2, 1, 10), read(9, 10, bound(8))]).is_empty());
}

#[test]
fn a_node_never_goes_back() {
    let at = |node, seen| Read { seen, node, ..PLAIN };
    let ops =
        |node| vec![wrote(0, 1, 1, 10), read(2, 3, at(5, Some(1))), read(4, 5, at(node, None))];
    assert_eq!(violations(ops(5)), ["a node never goes back"]);
    assert!(violations(ops(4)).is_empty());
}

#[test]
fn what_has_arrived_everywhere_is_seen_everywhere() {
    let told = op(2, 3, What::Arrived { id: 1 });
    assert_eq!(
        violations(vec![wrote(0, 1, 1, 10), told, read(4, 5, PLAIN)]),
        ["arrived everywhere"]
    );
}

#[test]
fn writes_are_in_the_order_in_which_they_were_made() {
    assert_eq!(violations(vec![wrote(0, 1, 1, 11), wrote(2, 3, 2, 10)]), ["order"]);
    assert_eq!(violations(vec![wrote(0, 1, 1, 10), wrote(0, 1, 2, 10)]), ["order"]);
    assert!(violations(vec![wrote(0, 3, 1, 11), wrote(2, 4, 2, 10)]).is_empty());
}

#[test]
fn nobody_sees_what_was_never_written() {
    assert_eq!(violations(vec![read(0, 1, Read { seen: Some(9), ..PLAIN })]), ["fabricated"]);
}

#[test]
fn at_the_end_all_nodes_are_equal_and_have_everything() {
    let end = |users: &[&str], seen| Final {
        users: users.iter().map(|u| (*u).to_owned()).collect(),
        registers: BTreeMap::from([(0, seen)]),
        digests: Vec::new(),
    };
    let history = |a, b| History {
        ops: vec![wrote(0, 1, 1, 10)],
        created: BTreeSet::from(["ada".to_owned()]),
        finals: BTreeMap::from([(1, a), (2, b)]),
        ..History::default()
    };
    let whole = || end(&["ada"], Some(1));
    assert!(check(&history(whole(), whole())).is_empty());
    let lost = check(&history(whole(), end(&[], Some(1))));
    assert!(lost.contains(&Violation::Diverged { node: 2, other: 1 }), "{lost:?}");
    assert!(lost.contains(&Violation::Lost { node: 2, user: "ada".to_owned() }), "{lost:?}");
    let old = check(&history(end(&["ada"], None), end(&["ada"], None)));
    assert!(matches!(old.as_slice(), [Violation::Missed { rule: "the end", .. }, _]), "{old:?}");
}

#[test]
fn what_a_read_can_have_seen_at_most_demands_nothing_of_the_next() {
    let at = |seen| Read { seen, ..PLAIN };
    let ops = || {
        vec![
            wrote(0, 1, 1, 10),
            wrote(0, 9, 2, 11),
            read(2, 3, at(Some(2))),
            read(4, 5, at(Some(1))),
        ]
    };
    assert_eq!(violations(ops()), ["a node never goes back"]);
    let history = History { ops: ops(), unsure: BTreeSet::from([2]), ..History::default() };
    assert!(check(&history).is_empty());
    // What it had to see it has seen all the same.
    let mut ops = ops();
    ops.insert(2, op(1, 1, What::Arrived { id: 1 }));
    ops.push(read(6, 7, PLAIN));
    let history = History { ops, unsure: BTreeSet::from([3]), ..History::default() };
    let rules: Vec<_> = check(&history).into_iter().map(|v| v.to_string()).collect();
    assert!(rules.iter().any(|r| r.starts_with("a node never goes back")), "{rules:?}");
}

#[test]
fn what_was_demanded_is_counted() {
    let strong = Read { seen: Some(1), strong: true, ..PLAIN };
    let ops = vec![wrote(0, 2, 1, 10), read(3, 4, strong), read(5, 6, PLAIN)];
    let examined = examine(&History { ops, ..History::default() });
    assert_eq!(examined.exercised.get(rule::STRONG), Some(&1));
    assert_eq!(examined.exercised.get(rule::NODE), Some(&1));
    assert_eq!(examined.exercised.get(rule::TOKEN), None);
}
