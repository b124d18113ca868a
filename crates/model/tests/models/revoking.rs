//! Quarantines are taken, lifted and forgotten at three nodes: revoke, lift, collect.
//!
//! One node is the home of the account and leads its group; the second takes a quarantine, and so does the third, of the same target. Their
//! records travel in any order; the home imports what it has heard of and lifts the first by name, also before it has heard of it; time
//! passes, and everybody forgets what is over, by a clock that may be slow. What merges, applies, decides and forgets is the code of `model`.

use core::hash::{Hash, Hasher};

use prost::Message as _;
use stateright::{Model, Property};
use tidegate_model::{
    CallerRef, Command, Envelope, GroupState,
    command::{ImportRegion, InitAccount, LiftQuarantine, caller_kind},
    record::AccessKey,
    region::{
        ABSENCE_MILLIS_MAX, CLOCK_SKEW_MAX_MILLIS, Quarantine, RegionKey, RegionState, Subject,
        Target, quarantined, target_kind,
    },
};
use tidegate_policy::AccountId;
use tidegate_replica::{Dot, GroupId, NodeId, Origin, Record, Stamp};

use crate::check::{breaks, holds};

const ACCOUNT: u64 = 123_456_789_012;
const TARGET: &str = "AIDAADA";
/// The nodes; the first is the home.
const NODES: usize = 3;
/// The one whose clock is slow, and by how much: less than clocks may be apart.
const SLOW: (usize, u64) = (2, CLOCK_SKEW_MAX_MILLIS - 1_000);
const ISSUED: u64 = 1_000;
const UNTIL: u64 = 1_000_000;
/// Moments of true time: both stand; past the deadline by good clocks, which go on for the skew; past the skew by all; over by all.
const TIMES: [u64; 4] = [
    ISSUED,
    UNTIL + 10_000,
    UNTIL + 2 * CLOCK_SKEW_MAX_MILLIS + 1,
    UNTIL + 2 * CLOCK_SKEW_MAX_MILLIS + ABSENCE_MILLIS_MAX + 1,
];

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// What has ended is forgotten at once, and not when everybody has been back.
    ForgetsAtOnce,
    /// A lift is of the target, whatever quarantines of it there are.
    LiftsAll,
    /// A lift only takes away what has been imported, and leaves nothing.
    LiftLeavesNothing,
}

/// What a node has.
#[derive(Clone, Debug, PartialEq)]
struct Node {
    region: RegionState,
    group: GroupState,
    /// What its store has of nodes' records, each with the place of its writer.
    stored: Vec<(usize, Record)>,
    /// Whether it has merged what each node wrote.
    heard: [bool; NODES],
    /// How much of the group's log it has.
    applied: usize,
    /// It decided with the lift once.
    saw_lift: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct State {
    time: usize,
    nodes: Vec<Node>,
    /// The group's log: the records of each entry.
    log: Vec<Vec<Record>>,
    issued: [bool; NODES],
    lifted: bool,
    tidied: usize,
    /// A node that had seen the lift denied by it again.
    came_back: bool,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // What else a node holds follows from these.
        (self.time, self.issued, self.lifted, self.tidied, self.came_back).hash(state);
        for node in &self.nodes {
            (node.heard, node.applied, node.saw_lift).hash(state);
            format!("{:?}{:?}", node.region, node.stored).hash(state);
        }
        format!("{:?}", self.log).hash(state);
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// A node takes a quarantine of its own.
    Take(usize),
    /// The first tells the second what the third wrote.
    Tell(usize, usize, usize),
    Import,
    Lift,
    /// The home's group applies a command that changes nothing but forgets what is over.
    Tidy,
    /// A node hears the rest of the group's log.
    Apply(usize),
    Sweep(usize),
    Pass,
}

struct Revoking(Bug);

fn origin(node: usize) -> Origin {
    Origin::Node { node: NodeId(node as u64 + 1), incarnation: 1 }
}

/// What a node writes: the second and third quarantine the same target.
fn quarantine(node: usize) -> Quarantine {
    let target = Target { kind: target_kind::PRINCIPAL, id: TARGET.into(), arn: "*".into() };
    Quarantine {
        until: UNTIL,
        id: format!("q{node}"),
        account: ACCOUNT,
        target: Some(target),
        reason: "leaked".into(),
        issued: ISSUED,
        node: node as u64 + 1,
        ..Quarantine::default()
    }
}

fn record(node: usize) -> Record {
    let quarantine = quarantine(node);
    let key = RegionKey::Quarantine(ACCOUNT, quarantine.id.clone());
    Record {
        key: key.encode(origin(node)).unwrap(),
        value: Some(quarantine.encode_to_vec().into()),
        stamp: Stamp { epoch: 0, revision: 1 },
        dot: Dot { origin: origin(node), sequence: 1 },
    }
}

fn account() -> AccountId {
    AccountId::from_u64(ACCOUNT).unwrap()
}

fn caller(kind: u32) -> CallerRef {
    CallerRef { kind, account: ACCOUNT, access_key: "ROOTKEY".into(), ..CallerRef::default() }
}

fn system() -> CallerRef {
    CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() }
}

impl State {
    fn clock(&self, node: usize) -> u64 {
        TIMES[self.time] - if node == SLOW.0 { SLOW.1.min(TIMES[self.time]) } else { 0 }
    }

    /// Whether a node denies because of the quarantine that this one took, or of any.
    fn denies(&self, node: usize, because_of: Option<usize>) -> bool {
        let Node { region, group, .. } = &self.nodes[node];
        let Some(account) = group.account(account()) else { return false };
        let subject =
            Subject { account: ACCOUNT, root: false, entity: TARGET, access_key: "", lineage: &[] };
        let standing = tidegate_model::region::standing(Some(region), account, self.clock(node));
        let named = |of: usize| standing.iter().any(|q| q.id == quarantine(of).id);
        let any = quarantined(Some(region), account, &subject, self.clock(node)).is_some();
        because_of.map_or(any, |of| any && named(of))
    }

    /// The home's group applies a command: what its log says everybody else will hear.
    fn apply(&mut self, by: CallerRef, command: Command) {
        let envelope = Envelope {
            account: ACCOUNT,
            caller: Some(by),
            command: Some(command),
            ..Envelope::default()
        };
        let index = self.log.len() as u64 + 1;
        let time = self.clock(0);
        let home = &mut self.nodes[0];
        let applied = home.group.apply(index, time, &envelope);
        applied.outcome.into_result().unwrap();
        self.log.push(applied.records);
        self.nodes[0].applied = self.log.len();
    }

    /// What the home's group has not imported yet.
    fn to_import(&self) -> Option<ImportRegion> {
        let home = &self.nodes[0];
        home.group.account(account())?.to_import(&home.region, self.clock(0), 50)
    }

    /// Whether the lift stands in as much of the log as a node has.
    fn has_lift(&self, node: usize) -> bool {
        let lifted = quarantine(1).id;
        let entries = self.log.iter().take(self.nodes[node].applied).flatten();
        let lift = tidegate_model::Key::Lift(ACCOUNT, lifted).encode();
        entries.filter(|r| r.key == lift).any(|r| r.value.is_some())
    }

    /// Nothing that was written is unknown anywhere.
    fn all_have_all(&self) -> bool {
        self.nodes.iter().all(|n| n.heard == self.issued && n.applied == self.log.len())
    }
}

impl Revoking {
    /// The clock by which what is over is forgotten.
    fn over_at(&self, state: &State, node: usize) -> u64 {
        state.clock(node) + if self.0 == Bug::ForgetsAtOnce { ABSENCE_MILLIS_MAX } else { 0 }
    }

    fn lift(&self, state: &mut State) {
        state.lifted = true;
        let named = if self.0 == Bug::LiftsAll { vec![1, 2] } else { vec![1] };
        let known: Vec<_> =
            named.into_iter().filter(|n| state.issued[*n]).map(quarantine).collect();
        if self.0 == Bug::LiftLeavesNothing {
            // The import is deleted, and that is all.
            let key = tidegate_model::Key::Imported(ACCOUNT, quarantine(1).id);
            let index = state.log.len() as u64 + 1;
            let gone = Record {
                key: key.encode(),
                value: None,
                stamp: Stamp { epoch: 0, revision: index },
                dot: Dot {
                    origin: Origin::Group { group: GroupId(1), generation: 0 },
                    sequence: index,
                },
            };
            state.nodes[0].group.absorb(&gone).unwrap();
            state.log.push(vec![gone]);
            state.nodes[0].applied = state.log.len();
            state.nodes[0].saw_lift = true;
            return;
        }
        let lift = LiftQuarantine { quarantines: known, by_operator: false };
        state.apply(caller(caller_kind::ROOT), Command::LiftQuarantine(lift));
    }

    fn sweep(&self, state: &mut State, node: usize) {
        let now = self.over_at(state, node);
        let there = |_: u64, _: &str| true;
        let place = &mut state.nodes[node];
        place.region.forget_what_is_over(now, there);
        place.stored.retain(|(_, record)| !RegionState::is_over(record, now, there));
    }
}

impl Model for Revoking {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let node = Node {
            region: RegionState::default(),
            group: GroupState::new(GroupId(1)),
            stored: Vec::new(),
            heard: [false; NODES],
            applied: 0,
            saw_lift: false,
        };
        let mut state = State {
            time: 0,
            nodes: vec![node; NODES],
            log: Vec::new(),
            issued: [false; NODES],
            lifted: false,
            tidied: 0,
            came_back: false,
        };
        let key = AccessKey { id: "ROOTKEY".into(), ..AccessKey::default() };
        let init = InitAccount { name: "test".into(), email: "a@b".into(), root_key: Some(key) };
        state.apply(system(), Command::InitAccount(init));
        for node in 1..NODES {
            let entry = state.log[0].clone();
            entry.iter().for_each(|r| state.nodes[node].group.absorb(r).unwrap());
            state.nodes[node].applied = 1;
        }
        vec![state]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        // One after the other: which of two nodes that have not met is first makes no difference.
        if let Some(node) = [1, 2].into_iter().find(|n| state.time == 0 && !state.issued[*n]) {
            steps.push(Step::Take(node));
        }
        for (from, to) in [(1, 0), (2, 0), (0, 1), (1, 2), (0, 2)] {
            for of in [1, 2] {
                if state.nodes[from].heard[of] && !state.nodes[to].heard[of] {
                    steps.push(Step::Tell(from, to, of));
                }
            }
        }
        if state.to_import().is_some() {
            steps.push(Step::Import);
        }
        if !state.lifted && state.issued[1] && state.time < 2 {
            steps.push(Step::Lift);
        }
        let tidies = state.time == 3 || (state.time == 1 && self.0 == Bug::ForgetsAtOnce);
        if tidies && state.tidied < state.time {
            steps.push(Step::Tidy);
        }
        let behind = (1..NODES).filter(|n| state.nodes[*n].applied < state.log.len());
        steps.extend(behind.map(Step::Apply));
        for node in 0..NODES {
            let now = self.over_at(state, node);
            let over = |(_, r): &(usize, Record)| RegionState::is_over(r, now, |_, _| true);
            if state.nodes[node].stored.iter().any(over) {
                steps.push(Step::Sweep(node));
            }
        }
        // Nobody is away for longer than the longest absence: he is evicted then.
        let last = state.time + 2 == TIMES.len();
        if state.time + 1 < TIMES.len() && (!last || state.all_have_all()) {
            steps.push(Step::Pass);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Take(node) => {
                state.issued[node] = true;
                state.nodes[node].heard[node] = true;
                state.nodes[node].region.absorb(&record(node)).unwrap();
                state.nodes[node].stored.push((node, record(node)));
            }
            Step::Tell(from, to, of) => {
                state.nodes[to].heard[of] = true;
                let told = state.nodes[from].stored.iter().find(|(n, _)| *n == of).cloned();
                if let Some((of, record)) = told {
                    state.nodes[to].region.absorb(&record).unwrap();
                    state.nodes[to].stored.push((of, record));
                    state.nodes[to].stored.sort_by_key(|(of, _)| *of);
                }
            }
            Step::Import => {
                let import = state.to_import()?;
                state.apply(system(), Command::ImportRegion(import));
            }
            Step::Lift => self.lift(&mut state),
            Step::Tidy => {
                state.tidied = state.time;
                let nothing = Command::ImportRegion(ImportRegion::default());
                if self.0 == Bug::ForgetsAtOnce {
                    // The same, by a clock that is ahead by the longest absence.
                    let time = core::mem::replace(&mut state.time, TIMES.len() - 1);
                    state.apply(system(), nothing);
                    state.time = time;
                } else {
                    state.apply(system(), nothing);
                }
            }
            Step::Apply(node) => {
                let entries = state.log[state.nodes[node].applied..].to_vec();
                let place = &mut state.nodes[node];
                entries.iter().flatten().for_each(|r| place.group.absorb(r).unwrap());
                place.applied += entries.len();
            }
            Step::Sweep(node) => self.sweep(&mut state, node),
            Step::Pass => state.time += 1,
        }
        for node in 0..NODES {
            state.nodes[node].saw_lift |= state.has_lift(node);
            state.came_back |= state.nodes[node].saw_lift && state.denies(node, Some(1));
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("what a node knows of and nobody lifted denies", |_, s: &State| {
                let stands = TIMES[s.time] <= UNTIL;
                let knows = |n: usize| s.nodes[n].heard[2];
                !stands || (0..NODES).all(|n| !knows(n) || s.denies(n, Some(2)))
            }),
            Property::always("what was lifted never denies again", |_, s: &State| !s.came_back),
            Property::always("nothing denies past its end and the skew", |_, s: &State| {
                s.time < 2 || (0..NODES).all(|n| !s.denies(n, None))
            }),
            Property::always("at rest all decide alike, and nothing is kept", |m: &Self, s| {
                let mut steps = Vec::new();
                m.actions(s, &mut steps);
                let empty = |n: &Node| n.region == RegionState::default() && n.stored.is_empty();
                let alike = |n: &Node| n.group == s.nodes[0].group;
                !steps.is_empty() || s.nodes.iter().all(|n| empty(n) && alike(n))
            }),
            Property::sometimes("a lift comes before its quarantine", |_, s: &State| {
                s.has_lift(0) && !s.nodes[0].heard[1]
            }),
            Property::sometimes(
                "the lifted decides no more, and the other does",
                |_, s: &State| s.denies(2, Some(2)) && !s.denies(2, Some(1)) && s.nodes[2].heard[1],
            ),
            Property::sometimes("by a slow clock it lasts longer", |_, s: &State| {
                s.time == 1 && s.denies(SLOW.0, None)
            }),
        ]
    }
}

#[test]
fn revoke_lift_and_collect_in_any_order() {
    holds("revoking", Revoking(Bug::None));
}

#[test]
fn it_finds_what_is_wrong_on_purpose() {
    let back = "what was lifted never denies again";
    breaks("revoking, forgotten at once", Revoking(Bug::ForgetsAtOnce), back);
    breaks("revoking, a lift that leaves nothing", Revoking(Bug::LiftLeavesNothing), back);
    let stands = "what a node knows of and nobody lifted denies";
    breaks("revoking, all are lifted", Revoking(Bug::LiftsAll), stands);
}
