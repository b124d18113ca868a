//! A group's voters are lost, and it is recovered from what other nodes have: in a new generation, which names where the old one ends.
//!
//! The home writes, two nodes have heard more or less of it; the home goes down, and what can be reached is harvested. Whoever comes back
//! with more than the new generation's base drops it. Clocks, origins, stamps and the lattice of records are the real ones.

use std::collections::BTreeMap;

use stateright::{Model, Property};
use tidegate_replica::{
    Clock, GroupId, Origin, Stamp,
    lattice::{Lattice, LwwRecord},
};

use crate::check::{breaks, holds};

const GROUP: GroupId = GroupId(1);
const FIRST: Origin = Origin::Group { group: GROUP, generation: 0 };
const SECOND: Origin = Origin::Group { group: GROUP, generation: 1 };

/// The home that is lost, the node that recovers, and one more.
const HOME: usize = 0;
const RECOVERS: usize = 1;
const OTHER: usize = 2;
const NODES: usize = 3;
/// Writes of each generation, to one key: a later one stands in the place of an earlier. The second generation begins with an entry that
/// names the base.
const WRITES: u64 = 3;
const AGAIN: u64 = 2;

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// The base is what the recovering node has by itself.
    NoHarvest,
    /// Who has more than the base keeps it.
    KeepsAbove,
    /// A token counts by its number, whatever generation it is of.
    TokensByNumber,
}

#[derive(Clone, Debug, PartialEq)]
struct Node {
    clock: Clock,
    /// The one key, as it is stored.
    record: Option<LwwRecord>,
}

#[derive(Clone, Debug, PartialEq)]
struct State {
    nodes: Vec<Node>,
    written: u64,
    lost: bool,
    /// The other node can't be reached.
    cut: bool,
    /// Where the old generation ends.
    base: Option<u64>,
    /// What could be reached when the group was recovered had come to here.
    reached: u64,
    again: u64,
    back: bool,
    /// A node's position in one generation went back otherwise than by a recovery.
    went_back: bool,
}

impl core::hash::Hash for State {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        for node in &self.nodes {
            (node.clock.get(FIRST), node.clock.get(SECOND)).hash(state);
            node.record.as_ref().map(|r| (r.value().cloned(), r.stamp())).hash(state);
        }
        let facts = (self.lost, self.cut, self.back, self.went_back);
        (self.written, facts, self.base, self.reached, self.again).hash(state);
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Write,
    /// The second hears the first.
    Tell(usize, usize),
    Cut,
    Lose,
    Recover,
    WriteAgain,
    Heal,
    Return,
}

struct Recovery(Bug);

/// What a token says once it is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Covered,
    NotYet,
    /// It is of a range that was dropped.
    Dropped,
}

/// The write with which a generation's position was reached.
fn record(generation: u64, at: u64, base: u64) -> LwwRecord {
    let value = format!("{generation}:{at}");
    // Revisions go on behind the base.
    let revision = if generation == 0 { at } else { base + at };
    LwwRecord::new(Some(value.into()), Stamp { epoch: 0, revision })
}

/// The newest write up to these positions, where the first generation counts up to the base.
fn newest(first: u64, second: u64, base: u64) -> Option<LwwRecord> {
    match (first, second) {
        (0, 0) => None,
        (0, 1) => None,
        (at, 0 | 1) => Some(record(0, at, base)),
        (_, at) => Some(record(1, at - 1, base)),
    }
}

impl State {
    fn up(&self, node: usize) -> bool {
        node != HOME || !self.lost || self.back
    }

    fn talk(&self, a: usize, b: usize) -> bool {
        let cut = self.cut && (a == OTHER || b == OTHER);
        self.up(a) && self.up(b) && !cut
    }

    fn base(&self) -> u64 {
        self.base.unwrap_or(u64::MAX)
    }

    /// Whether a node knows of the new generation.
    fn knows(&self, node: usize) -> bool {
        self.nodes[node].clock.of_group(GROUP).is_some_and(|(origin, _)| origin == SECOND)
    }
}

impl Recovery {
    /// A node hears another: what it has of the newest generation, whole where something must be dropped.
    fn hear(&self, state: &mut State, from: usize, to: usize) {
        let (base, knows) = (state.base(), state.knows(from));
        let source = state.nodes[from].clone();
        let node = &mut state.nodes[to];
        if knows && node.clock.get(FIRST) > base && self.0 != Bug::KeepsAbove {
            // A whole state: what was there is void.
            *node = source;
            return;
        }
        if !knows && node.clock.get(SECOND) > 0 {
            // The word of a generation that has ended.
            return;
        }
        node.clock.join(&source.clock);
        match (&mut node.record, source.record) {
            (Some(own), Some(other)) => own.merge(&other),
            (own @ None, other) => *own = other,
            _ => {}
        }
    }

    /// Whether a node covers the token of a write of the first generation.
    fn ask(&self, state: &State, node: usize, token: u64) -> Answer {
        let clock = &state.nodes[node].clock;
        if state.knows(node) && token > state.base() && self.0 != Bug::TokensByNumber {
            return Answer::Dropped;
        }
        let far = if self.0 == Bug::TokensByNumber {
            clock.get(FIRST) + clock.get(SECOND)
        } else {
            clock.get(FIRST)
        };
        if far >= token { Answer::Covered } else { Answer::NotYet }
    }
}

impl Model for Recovery {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let node = Node { clock: Clock::default(), record: None };
        vec![State {
            nodes: vec![node; NODES],
            written: 0,
            lost: false,
            cut: false,
            base: None,
            reached: 0,
            again: 0,
            back: false,
            went_back: false,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if !state.lost && state.written < WRITES {
            steps.push(Step::Write);
        }
        for from in 0..NODES {
            for to in (0..NODES).filter(|to| *to != from && state.talk(from, *to)) {
                let mut told = state.clone();
                self.hear(&mut told, from, to);
                if told.nodes[to] != state.nodes[to] {
                    steps.push(Step::Tell(from, to));
                }
            }
        }
        if !state.cut && state.base.is_none() {
            steps.push(Step::Cut);
        }
        if !state.lost && state.written > 0 {
            steps.push(Step::Lose);
        }
        if state.lost && state.base.is_none() {
            steps.push(Step::Recover);
        }
        if state.base.is_some() && state.again < AGAIN {
            steps.push(Step::WriteAgain);
        }
        if state.cut && state.base.is_some() {
            steps.push(Step::Heal);
        }
        if state.lost && state.base.is_some() && !state.back {
            steps.push(Step::Return);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Write => {
                state.written += 1;
                let node = &mut state.nodes[HOME];
                node.clock.advance(FIRST, state.written);
                node.record = Some(record(0, state.written, 0));
            }
            Step::Tell(from, to) => self.hear(&mut state, from, to),
            Step::Cut => state.cut = true,
            Step::Lose => state.lost = true,
            Step::Recover => {
                let reached = (0..NODES).filter(|n| state.talk(RECOVERS, *n) || *n == RECOVERS);
                let reached: Vec<usize> = reached.collect();
                let far = |n: &usize| state.nodes[*n].clock.get(FIRST);
                state.reached = reached.iter().map(far).max()?;
                if self.0 != Bug::NoHarvest {
                    for from in reached.iter().filter(|n| **n != RECOVERS) {
                        self.hear(&mut state, *from, RECOVERS);
                    }
                }
                state.base = Some(state.nodes[RECOVERS].clock.get(FIRST));
                state.nodes[RECOVERS].clock.advance(SECOND, 1);
            }
            Step::WriteAgain => {
                state.again += 1;
                let base = state.base();
                let node = &mut state.nodes[RECOVERS];
                node.clock.advance(SECOND, state.again + 1);
                let written = record(1, state.again, base);
                match &mut node.record {
                    Some(own) => own.merge(&written),
                    None => node.record = Some(written),
                }
            }
            Step::Heal => state.cut = false,
            Step::Return => state.back = true,
        }
        for (before, after) in last.nodes.iter().zip(&state.nodes) {
            let forgets = after.clock.get(SECOND) > 0 && before.clock.get(SECOND) == 0;
            let first = after.clock.get(FIRST) < before.clock.get(FIRST) && !forgets;
            state.went_back |= first || after.clock.get(SECOND) < before.clock.get(SECOND);
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a view is one generation after the other", |_, s: &State| {
                s.nodes.iter().all(|n| {
                    let (first, second) = (n.clock.get(FIRST), n.clock.get(SECOND));
                    let whole = second == 0 || first == s.base();
                    whole && n.record == newest(first, second, s.base.unwrap_or(0))
                })
            }),
            Property::always("what could be reached is not lost", |_, s: &State| {
                s.base.is_none_or(|base| base >= s.reached)
            }),
            Property::always(
                "a token of what was dropped is never covered",
                |m: &Self, s: &State| {
                    let dropped =
                        (1..=s.written).filter(|at| s.base.is_some_and(|base| *at > base));
                    dropped.into_iter().all(|token| {
                        (0..NODES)
                            .filter(|n| s.knows(*n))
                            .all(|n| m.ask(s, n, token) == Answer::Dropped)
                    })
                },
            ),
            Property::always(
                "a token of what was kept is covered by who has it",
                |m: &Self, s: &State| {
                    let kept = (1..=s.written).filter(|at| s.base.is_none_or(|base| *at <= base));
                    kept.into_iter().all(|token| {
                        let knowing = (0..NODES).filter(|n| s.knows(*n));
                        knowing.into_iter().all(|n| m.ask(s, n, token) == Answer::Covered)
                    })
                },
            ),
            Property::always("positions go back by a recovery alone", |_, s: &State| !s.went_back),
            Property::always(
                "at rest all have the new generation, and it alone",
                |m: &Self, s: &State| {
                    let mut steps = Vec::new();
                    m.actions(s, &mut steps);
                    let same = |n: &Node| *n == s.nodes[RECOVERS];
                    !steps.is_empty() || (s.base.is_some() && s.nodes.iter().all(same))
                },
            ),
            Property::sometimes("somebody comes back with more than the base", |_, s: &State| {
                s.back && s.nodes[HOME].clock.get(FIRST) > s.base() && s.again > 0
            }),
            Property::sometimes("the harvest brings more than the node has", |_, s: &State| {
                let own = s.nodes[RECOVERS].clock.get(FIRST);
                let theirs = s.nodes[OTHER].clock.get(FIRST);
                s.lost && s.base.is_none() && !s.cut && theirs > own
            }),
        ]
    }
}

/// Tells apart what a value stands for, for whoever reads a path.
#[test]
fn a_recovery_drops_what_lies_above_its_base_and_nothing_else() {
    let values: BTreeMap<_, _> = [(0, record(0, 2, 1)), (1, record(1, 1, 1))].into();
    // A write that is dropped and the one that takes its place have one revision: only the drop keeps them apart.
    assert_eq!(values[&0].stamp(), values[&1].stamp());
    assert!(values[&0].conflicts(&values[&1]));
    holds("recovery", Recovery(Bug::None));
}

#[test]
fn it_finds_what_is_wrong_on_purpose() {
    let view = "a view is one generation after the other";
    breaks("recovery, no harvest", Recovery(Bug::NoHarvest), "what could be reached is not lost");
    breaks("recovery, what lies above is kept", Recovery(Bug::KeepsAbove), view);
    let tokens = "a token of what was dropped is never covered";
    breaks("recovery, tokens by number", Recovery(Bug::TokensByNumber), tokens);
}
