//! A read replica begins to vote in a group, and ends: its view comes from gossip, then from its log, then from gossip again.
//!
//! Two nodes: the leader, and one that changes its role. The machines and stores are real; the driver's part in a change of
//! roles is what `node` does when it opens and leaves a group.

use stateright::{Model, Property};

use crate::{
    check::{breaks, holds},
    machines::{Entry, Input, LOG, Node, Nodes, fold},
};

const LEADER: u64 = 1;
const CHANGES: u64 = 2;

const WRITES: [Entry; 3] = [
    Entry { index: 1, key: "a", value: Some("1") },
    Entry { index: 2, key: "a", value: None },
    Entry { index: 3, key: "b", value: Some("2") },
];

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// A voter shows what its log has brought, however little that is.
    LogAtOnce,
    /// A voter's group is still fed by gossip, too.
    FedTwice,
    /// Who leaves before the log has brought what gossip had goes on as if it had.
    LeavesHollow,
    /// Who has left early shows what is brought again as it comes.
    ShowsAtOnce,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct State {
    nodes: Nodes,
    written: u64,
    votes: bool,
    began: bool,
    /// How far gossip had brought the group when it began to vote.
    gossiped: u64,
    applied: u64,
    went_back: bool,
    /// It left before its log had brought what gossip had.
    left_early: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Write,
    Arrive((u64, u64, bytes::Bytes)),
    Ask(u64, u64),
    Begin,
    Apply,
    Leave,
}

struct Roles(Bug);

fn members(votes: bool) -> Input {
    Input::Members(vec![(LEADER, true), (CHANGES, votes)])
}

impl State {
    fn log(&self) -> &'static [Entry] {
        WRITES.split_at(usize::try_from(self.written).unwrap()).0
    }

    fn tell_members(&mut self) {
        for id in [LEADER, CHANGES] {
            self.nodes.give(id, members(self.votes));
        }
    }

    fn begin(&mut self, bug: Bug) {
        (self.votes, self.began, self.applied) = (true, true, 0);
        self.gossiped = self.nodes.node(CHANGES).durable(LOG);
        self.tell_members();
        if bug != Bug::FedTwice {
            self.nodes.give(CHANGES, Input::Own(true));
        }
        self.nodes.give(CHANGES, Input::Forget);
    }

    fn apply(&mut self, bug: Bug) {
        self.applied += 1;
        let entry = WRITES[usize::try_from(self.applied).unwrap() - 1];
        let shows = self.applied >= self.gossiped || bug == Bug::LogAtOnce;
        self.nodes.give(CHANGES, Input::Follow(entry, shows));
    }

    fn leave(&mut self, bug: Bug) {
        self.left_early |= self.applied < self.gossiped;
        self.votes = false;
        self.tell_members();
        let input = match bug {
            Bug::LeavesHollow => Input::Own(false),
            bug => Input::Leave(bug == Bug::ShowsAtOnce),
        };
        self.nodes.give(CHANGES, input);
    }
}

impl Model for Roles {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let nodes = [LEADER, CHANGES].map(|id| Node::new(id, 0, true));
        let mut state = State {
            nodes: Nodes::new(nodes.into()),
            written: 0,
            votes: false,
            began: false,
            gossiped: 0,
            applied: 0,
            went_back: false,
            left_early: false,
        };
        state.tell_members();
        state.nodes.give(LEADER, Input::Own(true));
        vec![state]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.written < WRITES.len() as u64 {
            steps.push(Step::Write);
        }
        steps.extend(state.nodes.arriving().cloned().map(Step::Arrive));
        // While nothing is under way as often as it must, else once.
        let times = if state.nodes.net.is_empty() { 5 } else { 1 };
        if !state.votes && state.nodes.may_ask(CHANGES, LEADER, LOG, times) {
            steps.push(Step::Ask(CHANGES, LEADER));
        }
        if !state.began {
            steps.push(Step::Begin);
        }
        if state.votes && state.applied < state.written {
            steps.push(Step::Apply);
        }
        if state.votes {
            steps.push(Step::Leave);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Write => {
                let entry = WRITES[usize::try_from(state.written).unwrap()];
                state.written += 1;
                state.nodes.give(LEADER, Input::Lead(entry));
            }
            Step::Arrive(message) => state.nodes.deliver(&message),
            Step::Ask(asks, source) => state.nodes.ask(asks, source),
            Step::Begin => state.begin(self.0),
            Step::Apply => state.apply(self.0),
            Step::Leave => state.leave(self.0),
        }
        state.went_back |=
            last.nodes.nodes.iter().zip(&state.nodes.nodes).any(|(before, after)| {
                let (pb, pa) = (before.published(LOG), after.published(LOG));
                pa < pb || (pa == pb && before.seen.view != after.seen.view)
            });
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a view is the log up to its position", |_, s: &State| {
                s.nodes.nodes.iter().all(|n| n.seen.view == fold(s.log(), n.published(LOG)))
            }),
            Property::always("a view never goes back", |_, s: &State| !s.went_back),
            Property::always("a restart shows the log up to the stored clock", |_, s: &State| {
                s.nodes.nodes.iter().all(|n| n.stored() == fold(s.log(), n.durable(LOG)))
            }),
            Property::always("at rest everybody has everything", |m: &Self, s: &State| {
                let mut steps = Vec::new();
                m.actions(s, &mut steps);
                let done = |n: &Node| n.published(LOG) == s.written && n.durable(LOG) == s.written;
                !steps.is_empty() || s.nodes.nodes.iter().all(done)
            }),
            Property::sometimes("its log is behind what gossip had brought", |_, s: &State| {
                s.votes && s.applied < s.gossiped
            }),
            Property::sometimes("it leaves before its log has come so far", |_, s: &State| {
                s.left_early
            }),
            Property::sometimes("an answer arrives when it votes already", |_, s: &State| {
                s.votes && s.nodes.net.iter().any(|(_, to, _)| *to == CHANGES)
            }),
        ]
    }
}

#[test]
fn a_change_of_roles_takes_nothing_back() {
    holds("roles", Roles(Bug::None));
}

#[test]
fn it_finds_what_is_wrong_on_purpose() {
    breaks("roles, its log shown at once", Roles(Bug::LogAtOnce), "a view never goes back");
    breaks(
        "roles, fed twice",
        Roles(Bug::FedTwice),
        "a restart shows the log up to the stored clock",
    );
    breaks(
        "roles, shown as it comes",
        Roles(Bug::ShowsAtOnce),
        "a view is the log up to its position",
    );
    breaks(
        "roles, left hollow",
        Roles(Bug::LeavesHollow),
        "a restart shows the log up to the stored clock",
    );
}
