//! A node is away for so long that it is evicted, tombstones that it never saw are collected, and it comes back.
//!
//! Three nodes: the home, a replica, and the one that is away, which takes a write of its own while it is cut off. On its return it hands
//! over what it alone holds, then wipes its store and takes a fresh incarnation. The machines, stores, the stable clock and the collection
//! are real.

use stateright::{Model, Property};

use crate::{
    check::{breaks, holds},
    machines::{Entry, Input, LOG, Node, Nodes, fold, own},
};

const HOME: u64 = 1;
const REPLICA: u64 = 2;
const AWAY: u64 = 3;

const WRITES: [Entry; 2] =
    [Entry { index: 1, key: "a", value: Some("1") }, Entry { index: 2, key: "a", value: None }];
/// What the one that is away writes: a quarantine, say.
const OWN: &str = "quarantine";

/// How often each asks each while something is under way.
const ASKS: u8 = 1;

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// It wipes its store before it has handed over what it alone holds.
    WipesFirst,
    /// It goes on with what it had, and nobody says which tombstones are gone.
    KeepsOld,
    /// Tombstones go although a member has not been heard of.
    CollectsEarly,
}

/// How it stands with the one that is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Standing {
    Member,
    CutOff,
    Evicted,
    /// It can be reached again, and still has its old store.
    Back,
    Anew,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct State {
    nodes: Nodes,
    written: u64,
    standing: Standing,
    appended: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Write,
    Append,
    Arrive((u64, u64, bytes::Bytes)),
    Ask(u64, u64),
    CutOff,
    Evict,
    Return,
    Wipe,
    Collect(u64, u64),
}

struct Eviction(Bug);

fn all() -> Input {
    Input::Members(vec![(HOME, true), (REPLICA, false), (AWAY, false)])
}

impl State {
    fn log(&self) -> &'static [Entry] {
        WRITES.split_at(usize::try_from(self.written).unwrap()).0
    }
}

impl Eviction {
    fn asks(&self, state: &State, steps: &mut Vec<Step>) {
        let nodes = &state.nodes;
        // Nodes never cease to say how far they are: where nothing is under way, whoever lacks something hears of it once more. Else a pull
        // that goes to who is behind, since the one who is ahead was silent for long, would be the last.
        let times = if nodes.net.is_empty() { u8::MAX } else { ASKS };
        let mut may = |asks, source, origin| {
            if nodes.may_ask(asks, source, origin, times) {
                steps.push(Step::Ask(asks, source));
            }
        };
        if nodes.net.is_empty() {
            may(REPLICA, HOME, LOG);
            may(REPLICA, HOME, own(AWAY, 1));
        }
        if matches!(state.standing, Standing::Back | Standing::Anew) {
            may(HOME, AWAY, own(AWAY, 1));
        }
        // What who is back has is older than the cluster may still know: he hands over, and does not ask.
        if state.standing == Standing::Anew
            || (state.standing == Standing::Back && self.0 == Bug::KeepsOld)
        {
            may(AWAY, HOME, LOG);
            may(AWAY, REPLICA, LOG);
            may(AWAY, HOME, own(AWAY, 1));
        }
    }

    /// The home forgets a tombstone.
    fn collects(&self, state: &State, steps: &mut Vec<Step>) {
        let node = state.nodes.node(HOME);
        let upto = match self.0 {
            Bug::CollectsEarly => node.published(LOG),
            _ => node.stable(),
        };
        // Only where there is one to go.
        if upto >= 2 && node.seen.collected < 2 && node.durable(LOG) >= 2 {
            steps.push(Step::Collect(HOME, upto));
        }
    }
}

impl Model for Eviction {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let floors = !matches!(self.0, Bug::KeepsOld | Bug::CollectsEarly);
        let nodes = [HOME, REPLICA, AWAY].map(|id| Node::new(id, 0, floors));
        let nodes = Nodes::new(nodes.into());
        let mut state = State { nodes, written: 0, standing: Standing::Member, appended: false };
        for id in [HOME, REPLICA, AWAY] {
            state.nodes.give(id, all());
            state.nodes.give(id, Input::WriteAs(1));
        }
        state.nodes.give(HOME, Input::Own(true));
        vec![state]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.written < WRITES.len() as u64 {
            steps.push(Step::Write);
        }
        if !state.appended && state.standing == Standing::CutOff {
            steps.push(Step::Append);
        }
        steps.extend(state.nodes.arriving().cloned().map(Step::Arrive));
        self.asks(state, steps);
        self.collects(state, steps);
        match state.standing {
            Standing::Member if state.written == 1 => steps.push(Step::CutOff),
            Standing::CutOff if state.written >= 2 => steps.push(Step::Evict),
            Standing::Evicted => steps.push(Step::Return),
            Standing::Back => {
                let alone = state.nodes.node(AWAY).merged(own(AWAY, 1));
                let handed = state.nodes.node(HOME).merged(own(AWAY, 1)) >= alone;
                if (handed && self.0 != Bug::KeepsOld) || self.0 == Bug::WipesFirst {
                    steps.push(Step::Wipe);
                }
            }
            _ => {}
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Write => {
                let entry = WRITES[usize::try_from(state.written).unwrap()];
                state.written += 1;
                state.nodes.give(HOME, Input::Lead(entry));
            }
            Step::Append => {
                state.appended = true;
                state.nodes.give(AWAY, Input::Append(OWN, 1));
            }
            Step::Arrive(message) => state.nodes.deliver(&message),
            Step::Ask(asks, source) => state.nodes.ask(asks, source),
            Step::CutOff => {
                state.standing = Standing::CutOff;
                state.nodes.cut = Some(AWAY);
                // What was under way to it is lost: so long does nothing travel.
                state.nodes.net.retain(|(from, to, _)| *from != AWAY && *to != AWAY);
            }
            Step::Evict => {
                state.standing = Standing::Evicted;
                for id in [HOME, REPLICA] {
                    let rest = Input::Members(vec![(HOME, true), (REPLICA, false)]);
                    state.nodes.give(id, rest);
                }
            }
            Step::Return => {
                state.standing = Standing::Back;
                state.nodes.cut = None;
                state.nodes.net.retain(|(from, to, _)| *from != AWAY && *to != AWAY);
                for id in [HOME, REPLICA] {
                    state.nodes.give(id, all());
                }
            }
            Step::Wipe => {
                state.standing = Standing::Anew;
                state.nodes.net.retain(|(_, to, _)| *to != AWAY);
                let place = state.nodes.all.iter().position(|n| n.me == AWAY)?;
                state.nodes.all[place] = Node::new(AWAY, 1, true);
                state.nodes.give(AWAY, all());
                state.nodes.give(AWAY, Input::WriteAs(2));
            }
            Step::Collect(id, upto) => state.nodes.give(id, Input::Collect(upto)),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a view is the log up to its position", |_, s: &State| {
                s.nodes.all.iter().all(|n| {
                    let mut view = n.seen.view.clone();
                    view.remove(OWN.as_bytes());
                    view == fold(s.log(), n.published(LOG))
                })
            }),
            Property::always("at rest everybody has everything", |m: &Self, s: &State| {
                let mut steps = Vec::new();
                m.actions(s, &mut steps);
                let all = |n: &Node| n.published(LOG) == s.written;
                let kept = |n: &Node| !s.appended || n.seen.view.contains_key(OWN.as_bytes());
                !steps.is_empty() || s.nodes.all.iter().all(|n| all(n) && kept(n))
            }),
            Property::sometimes("a tombstone that it never saw is gone", |_, s: &State| {
                let away = s.nodes.node(AWAY);
                away.published(LOG) == 1 && s.nodes.node(HOME).seen.collected >= 2
            }),
            Property::sometimes(
                "what it wrote while it was cut off is everywhere",
                |_, s: &State| {
                    s.standing == Standing::Anew
                        && s.nodes.all.iter().all(|n| n.seen.view.contains_key(OWN.as_bytes()))
                },
            ),
        ]
    }
}

#[test]
fn who_was_evicted_comes_back_without_bringing_back_what_was_deleted() {
    holds("eviction", Eviction(Bug::None));
}

#[test]
fn it_finds_what_is_wrong_on_purpose() {
    let (view, rest) = ("a view is the log up to its position", "at rest everybody has everything");
    breaks("eviction, wiped first", Eviction(Bug::WipesFirst), rest);
    breaks("eviction, old state kept", Eviction(Bug::KeepsOld), view);
    breaks("eviction, collected early", Eviction(Bug::CollectsEarly), view);
}
