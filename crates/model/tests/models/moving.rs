//! An account moves from one group to another, under the writes of two clients, step by step, each step repeated at will.
//!
//! The old group writes a fence and takes nothing more for the account; the new one begins with a record that names the fence and holds what
//! the old one remembers of requests; then the directory says where the account is. What both wrote shows at a node only as far as it fits
//! together: the new group's word counts once the node's clock covers the fence. Clocks, stamps and the lattice of records are the real ones.

use std::collections::BTreeSet;

use stateright::{Model, Property};
use tidegate_replica::{
    Clock, Dot, GroupId, Origin, Stamp,
    lattice::{Lattice, LwwRecord},
};

use crate::check::{breaks, holds};

const OLD: Origin = Origin::Group { group: GroupId(1), generation: 0 };
const NEW: Origin = Origin::Group { group: GroupId(2), generation: 0 };
/// The old group's log is long already.
const BEGIN: u64 = 5;
/// Clients, each with one write of the same key; and nodes that watch, which is one: they have nothing to do with each other.
const CLIENTS: usize = 3;
const NODES: usize = 1;
/// Whose answers may get lost: with the others nothing more could happen.
const UNLUCKY: usize = 0;
/// How often a client sends what it has no answer to.
const TRIES: u8 = 2;

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// The new group's word counts at once.
    NoFence,
    /// Stamps have no epoch.
    NoEpoch,
    /// What the old group remembers of requests stays behind.
    RequestsStay,
    /// The new group begins before the old one has ended.
    NoEnd,
}

/// One entry of a group's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Entry {
    /// The write of a client.
    Write(usize),
    /// A write that was taken before is asked for again: nothing changes.
    Again,
    Fence,
    /// The account begins here; it ended in the old group at this index.
    Begins(u64),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Client {
    tries: u8,
    /// Under way to: the old group, the new one.
    sent: [bool; 2],
    /// The write that was acknowledged: in the new group, and at which index.
    done: Option<(bool, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    old: Vec<Entry>,
    new: Vec<Entry>,
    /// Writes of which each group knows.
    known: [BTreeSet<usize>; 2],
    /// What was taken, in its order.
    taken: Vec<usize>,
    clients: [Client; CLIENTS],
    /// Whether the directory names the new group.
    moved: bool,
    /// How much of each log each node has.
    nodes: [[u64; 2]; NODES],
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// A client sends its write, to the new group or the old one.
    Send(usize, bool),
    /// It arrives, and so does its answer.
    Take(usize, bool),
    /// It arrives, and its answer does not.
    Lose(usize, bool),
    Fence,
    Begin,
    Move,
    /// A node hears the next entry of a log.
    Hear(usize, bool),
}

struct Moving(Bug);

impl State {
    fn fence(&self) -> Option<u64> {
        let place = self.old.iter().position(|e| *e == Entry::Fence)?;
        Some(BEGIN + place as u64 + 1)
    }

    fn begun(&self) -> bool {
        self.new.iter().any(|e| matches!(e, Entry::Begins(_)))
    }

    fn clock(&self, node: usize) -> Clock {
        let [old, new] = self.nodes[node];
        Clock::from_iter([(OLD, BEGIN + old), (NEW, new)])
    }

    /// What a node has of a log.
    fn heard(&self, node: usize, new: bool) -> &[Entry] {
        let log = if new { &self.new } else { &self.old };
        &log[..usize::try_from(self.nodes[node][usize::from(new)]).unwrap()]
    }
}

impl Moving {
    /// The writes that a node shows, each with its stamp.
    fn shown(&self, state: &State, node: usize) -> Vec<(usize, Stamp)> {
        let epoch = u64::from(self.0 != Bug::NoEpoch);
        let clock = state.clock(node);
        let written = |entries: &[Entry], from: u64, epoch: u64| {
            let at = |(place, entry): (usize, &Entry)| match entry {
                Entry::Write(of) => Some((*of, Stamp { epoch, revision: from + place as u64 + 1 })),
                _ => None,
            };
            entries.iter().enumerate().filter_map(at).collect::<Vec<_>>()
        };
        let mut shown = written(state.heard(node, false), BEGIN, 0);
        let new = state.heard(node, true);
        let fence = new.iter().find_map(|e| match e {
            Entry::Begins(at) => Some(Dot { origin: OLD, sequence: *at }),
            _ => None,
        });
        if fence.is_some_and(|fence| clock.covers(fence) || self.0 == Bug::NoFence) {
            shown.extend(written(new, 0, epoch));
        }
        shown
    }

    /// The value of the key: the join of all that is shown.
    fn value(&self, state: &State, node: usize) -> Option<usize> {
        let record = |(of, stamp): &(usize, Stamp)| {
            LwwRecord::new(Some(vec![u8::try_from(*of).unwrap()].into()), *stamp)
        };
        let joined = self.shown(state, node).iter().map(record).reduce(|mut all, one| {
            all.merge(&one);
            all
        })?;
        joined.value().map(|v| usize::from(v[0]))
    }

    /// A group answers: `None`, it is not the account's.
    fn take(&self, state: &mut State, of: usize, new: bool) -> Option<(bool, u64)> {
        let ends = state.fence().is_some() && self.0 != Bug::NoEnd;
        if if new { !state.begun() } else { ends } {
            return None;
        }
        if !state.known[usize::from(new)].contains(&of) {
            state.known[usize::from(new)].insert(of);
            state.taken.push(of);
            if new { &mut state.new } else { &mut state.old }.push(Entry::Write(of));
        }
        let log = if new { &mut state.new } else { &mut state.old };
        let place = log.iter().position(|e| *e == Entry::Write(of)).unwrap_or_else(|| {
            // What the old group took the new one answers for with what it was told, at the entry that asks again.
            log.push(Entry::Again);
            log.len() - 1
        });
        Some((new, place as u64 + 1 + if new { 0 } else { BEGIN }))
    }
}

impl Model for Moving {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            old: Vec::new(),
            new: Vec::new(),
            known: [BTreeSet::new(), BTreeSet::new()],
            taken: Vec::new(),
            clients: [Client::default(); CLIENTS],
            moved: false,
            nodes: [[0; 2]; NODES],
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for (of, client) in state.clients.iter().enumerate() {
            // Where the account is the client may have heard late, or not know yet.
            for new in [false, true] {
                let there = !new || state.begun();
                if client.done.is_none()
                    && client.tries < TRIES
                    && there
                    && !client.sent[usize::from(new)]
                {
                    steps.push(Step::Send(of, new));
                }
                if client.sent[usize::from(new)] {
                    steps.push(Step::Take(of, new));
                    if of == UNLUCKY {
                        steps.push(Step::Lose(of, new));
                    }
                }
            }
        }
        if state.fence().is_none() {
            steps.push(Step::Fence);
        }
        if state.fence().is_some() && !state.moved {
            // Whoever goes on with a move that somebody began does a step again.
            steps.push(Step::Begin);
            if state.begun() {
                steps.push(Step::Move);
            }
        }
        for node in 0..NODES {
            for new in [false, true] {
                let log = if new { &state.new } else { &state.old };
                if state.nodes[node][usize::from(new)] < log.len() as u64 {
                    steps.push(Step::Hear(node, new));
                }
            }
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Send(of, new) => {
                state.clients[of].tries += 1;
                state.clients[of].sent[usize::from(new)] = true;
            }
            Step::Take(of, new) => {
                state.clients[of].sent[usize::from(new)] = false;
                let answer = self.take(&mut state, of, new);
                let client = &mut state.clients[of];
                client.done = client.done.or(answer);
            }
            Step::Lose(of, new) => {
                state.clients[of].sent[usize::from(new)] = false;
                let _lost = self.take(&mut state, of, new);
            }
            Step::Fence => state.old.push(Entry::Fence),
            Step::Begin => {
                let fence = state.fence()?;
                if state.begun() {
                    // Done before: nothing changes.
                    return None;
                }
                state.new.push(Entry::Begins(fence));
                if self.0 != Bug::RequestsStay {
                    let [old, new] = &mut state.known;
                    new.clone_from(old);
                }
            }
            Step::Move => state.moved = true,
            Step::Hear(node, new) => state.nodes[node][usize::from(new)] += 1,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no write is taken twice", |_, s: &State| {
                s.taken.len() == s.taken.iter().collect::<BTreeSet<_>>().len()
            }),
            Property::always(
                "a node shows a beginning of what was taken",
                |m: &Self, s: &State| {
                    (0..NODES).all(|n| {
                        let shown: Vec<usize> =
                            m.shown(s, n).into_iter().map(|(of, _)| of).collect();
                        s.taken.starts_with(&shown)
                    })
                },
            ),
            Property::always("the newest of what is shown counts", |m: &Self, s: &State| {
                (0..NODES).all(|n| {
                    let shown = m.shown(s, n);
                    m.value(s, n) == s.taken[..shown.len().min(s.taken.len())].last().copied()
                })
            }),
            Property::always(
                "who covers a token shows what it stands for",
                |m: &Self, s: &State| {
                    let acknowledged =
                        s.clients.iter().enumerate().filter_map(|(of, c)| Some((of, c.done?)));
                    acknowledged.into_iter().all(|(of, (new, at))| {
                        (0..NODES).all(|n| {
                            let fence = s.fence().map(|f| Dot { origin: OLD, sequence: f });
                            let dot = Dot { origin: if new { NEW } else { OLD }, sequence: at };
                            // A token of the new epoch is covered only where the fence is.
                            let clock = s.clock(n);
                            let covers = clock.covers(dot)
                                && (!new || fence.is_some_and(|f| clock.covers(f)));
                            !covers || m.shown(s, n).iter().any(|(shown, _)| *shown == of)
                        })
                    })
                },
            ),
            Property::always(
                "at rest everybody shows all that was taken",
                |m: &Self, s: &State| {
                    let mut steps = Vec::new();
                    m.actions(s, &mut steps);
                    // To begin again changes nothing.
                    steps.retain(|step| *step != Step::Begin || !s.begun());
                    let all = |n| m.shown(s, n).len() == s.taken.len();
                    let answered = s.clients.iter().all(|c| c.done.is_some() || c.tries == TRIES);
                    !steps.is_empty() || ((0..NODES).all(all) && answered && s.moved)
                },
            ),
            Property::sometimes(
                "a node has the new group's word and not the fence",
                |_, s: &State| {
                    s.new.len() > 1 && s.nodes[0][1] > 1 && s.nodes[0][0] < s.old.len() as u64
                },
            ),
            Property::sometimes("a write is sent to both groups and taken once", |_, s: &State| {
                s.moved
                    && s.clients.iter().any(|c| c.tries == 2 && c.done.is_some())
                    && s.taken.len() == CLIENTS
            }),
        ]
    }
}

#[test]
fn a_move_loses_nothing_reorders_nothing_and_takes_nothing_twice() {
    holds("moving", Moving(Bug::None));
}

#[test]
fn it_finds_what_is_wrong_on_purpose() {
    let beginning = "a node shows a beginning of what was taken";
    breaks("moving, no fence", Moving(Bug::NoFence), beginning);
    breaks("moving, no epoch", Moving(Bug::NoEpoch), "the newest of what is shown counts");
    breaks("moving, requests stay", Moving(Bug::RequestsStay), "no write is taken twice");
    breaks("moving, the old group goes on", Moving(Bug::NoEnd), beginning);
}
