//! What clients saw of registers, and the check of it against what Tidegate promises.
//!
//! In the simulator registers are users; a write to one puts an inline policy whose statement's name says which write it was, a read decides for the
//! user and sees the name. All writes are in one account and so in one order, and the server says where in it each stands: its
//! revision. A check is therefore linear.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

/// A write, named by its statement.
pub type WriteId = u64;

/// What a client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It wrote a register. The revision is there when the write was acknowledged.
    Write {
        /// Which.
        register: u32,
        /// The write.
        id: WriteId,
        /// Its place in the order.
        revision: Option<u64>,
    },
    /// It read a register.
    Read {
        /// Which.
        register: u32,
        /// Where.
        node: u64,
        /// The write that was seen; `None`: none yet.
        seen: Option<WriteId>,
        /// It asked for what is linearizable.
        strong: bool,
        /// Writes whose tokens, or the tokens of whose readers, it asked the answer to cover.
        floor: Vec<WriteId>,
        /// How old the view was at most, as the answer said.
        staleness: Option<Duration>,
    },
    /// It was told that a write decides at every node.
    Arrived {
        /// The write.
        id: WriteId,
    },
}

/// What a client did and when, in the time of the simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// When it asked.
    pub start: Duration,
    /// When it had the answer.
    pub end: Duration,
    /// What it was.
    pub what: What,
}

/// What a node had at the end, when all faults were over for long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Final {
    /// Its users.
    pub users: BTreeSet<String>,
    /// The last write to each register.
    pub registers: BTreeMap<u32, Option<WriteId>>,
    /// Position and digest of each group.
    pub digests: Vec<(u32, u64, Vec<u8>)>,
}

/// All that was seen in a run.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What clients did, in the order in which it ended.
    pub ops: Vec<Op>,
    /// Users whose creation was acknowledged.
    pub created: BTreeSet<String>,
    /// What the nodes had at the end.
    pub finals: BTreeMap<u64, Final>,
    /// Places in `ops` of reads whose `seen` is the newest write that it can have been: what they saw says no more than what they had to see.
    pub unsure: BTreeSet<usize>,
}

/// What came of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// What contradicts the promises.
    pub violations: Vec<Violation>,
    /// How often each rule demanded something of a read.
    pub exercised: BTreeMap<&'static str, u64>,
}

/// The rules that a read can break.
pub mod rule {
    /// A strong read sees what was acknowledged before it began.
    pub const STRONG: &str = "strong";
    /// A read with tokens sees what they cover.
    pub const TOKEN: &str = "at least as fresh";
    /// What was acknowledged longer ago than the bound is seen.
    pub const STALENESS: &str = "staleness bound";
    /// A node never answers from an older state than before.
    pub const NODE: &str = "a node never goes back";
    /// What was said to be everywhere is seen everywhere.
    pub const ARRIVED: &str = "arrived everywhere";
    /// At the end everything is there.
    pub const END: &str = "the end";
    /// All of them.
    pub const ALL: [&str; 6] = [STRONG, TOKEN, STALENESS, NODE, ARRIVED, END];
}

/// The greatest of some values up to a point: pairs in the order of their first halves, each second half at least the one before it.
#[derive(Debug, Default)]
struct Rising<K>(Vec<(K, u64)>);

impl<K: Ord + Copy> Rising<K> {
    fn of(mut pairs: Vec<(K, u64)>) -> Self {
        pairs.sort_unstable();
        let mut rising = Self(Vec::with_capacity(pairs.len()));
        for (at, value) in pairs {
            rising.push(at, value);
        }
        rising
    }

    /// Adds a pair whose first half is no smaller than those before.
    fn push(&mut self, at: K, value: u64) {
        let before = self.0.last().map_or(0, |(_, v)| *v);
        self.0.push((at, value.max(before)));
    }

    /// The greatest value before `end`; 0 where there is none.
    fn before(&self, end: K) -> u64 {
        let place = self.0.partition_point(|(at, _)| *at < end);
        place.checked_sub(1).and_then(|p| self.0.get(p)).map_or(0, |(_, v)| *v)
    }
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Two writes have one revision, or a later write has a smaller one.
    Order {
        /// The write that was acknowledged before the other began.
        earlier: WriteId,
        /// The other.
        later: WriteId,
    },
    /// A write was seen that nobody made.
    Fabricated {
        /// What was seen.
        seen: WriteId,
    },
    /// A read missed a write that it had to see.
    Missed {
        /// Which rule demanded it.
        rule: &'static str,
        /// When the read began.
        at: Duration,
        /// Where it was read.
        node: u64,
        /// The register.
        register: u32,
        /// Revision that was seen; 0: none.
        seen: u64,
        /// Revision that had to be seen.
        wanted: u64,
    },
    /// A user whose creation was acknowledged is missing at the end.
    Lost {
        /// Where.
        node: u64,
        /// Who.
        user: String,
    },
    /// Nodes differ at the end.
    Diverged {
        /// A node.
        node: u64,
        /// One that it differs from.
        other: u64,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order { earlier, later } => {
                write!(
                    f,
                    "write {later} stands before write {earlier}, which was acknowledged before it began"
                )
            }
            Self::Fabricated { seen } => write!(f, "write {seen} was seen and never made"),
            Self::Missed { rule, at, node, register, seen, wanted } => write!(
                f,
                "{rule}: at {at:?} node {node} answered for register {register} from revision {seen}, {wanted} had to be seen"
            ),
            Self::Lost { node, user } => {
                write!(f, "user {user} was acknowledged and is missing at node {node}")
            }
            Self::Diverged { node, other } => {
                write!(f, "nodes {node} and {other} differ at the end")
            }
        }
    }
}

/// The writes of a history by revision.
struct Writes<'a> {
    history: &'a History,
    revisions: BTreeMap<WriteId, u64>,
    /// Per register: when acknowledged, and the revision.
    acknowledged: BTreeMap<u32, Rising<Duration>>,
    /// Per register: the revisions.
    ordered: BTreeMap<u32, Rising<u64>>,
    /// When somebody was told that everything up to a revision is everywhere.
    arrived: Rising<Duration>,
    issued: BTreeSet<WriteId>,
    exercised: BTreeMap<&'static str, u64>,
}

impl<'a> Writes<'a> {
    fn of(history: &'a History) -> Self {
        let (mut revisions, mut issued) = (BTreeMap::new(), BTreeSet::new());
        let mut acknowledged: BTreeMap<u32, Vec<(Duration, u64)>> = BTreeMap::new();
        for op in &history.ops {
            if let What::Write { register, id, revision } = op.what {
                issued.insert(id);
                if let Some(revision) = revision {
                    revisions.insert(id, revision);
                    acknowledged.entry(register).or_default().push((op.end, revision));
                }
            }
        }
        let arrived = history.ops.iter().filter_map(|op| match op.what {
            What::Arrived { id } => Some((op.end, revisions.get(&id).copied().unwrap_or(0))),
            _ => None,
        });
        let arrived = Rising::of(arrived.collect());
        let by_revision =
            |all: &Vec<(Duration, u64)>| Rising::of(all.iter().map(|(_, r)| (*r, *r)).collect());
        Self {
            history,
            ordered: acknowledged.iter().map(|(r, all)| (*r, by_revision(all))).collect(),
            acknowledged: acknowledged.into_iter().map(|(r, all)| (r, Rising::of(all))).collect(),
            revisions,
            arrived,
            issued,
            exercised: BTreeMap::new(),
        }
    }

    fn revision(&self, id: WriteId) -> u64 {
        self.revisions.get(&id).copied().unwrap_or(0)
    }

    /// The newest write to a register that was acknowledged before `time`.
    fn acknowledged_before(&self, register: u32, time: Duration) -> u64 {
        self.acknowledged.get(&register).map_or(0, |all| all.before(time))
    }

    /// The newest write to a register at or below a revision.
    fn up_to(&self, register: u32, revision: u64) -> u64 {
        self.ordered.get(&register).map_or(0, |all| all.before(revision.saturating_add(1)))
    }

    /// Acknowledged writes are in the order in which they did not overlap.
    fn check_order(&self, violations: &mut Vec<Violation>) {
        let mut all: Vec<(u64, &Op, WriteId)> = Vec::new();
        for op in &self.history.ops {
            if let What::Write { id, revision: Some(revision), .. } = op.what {
                all.push((revision, op, id));
            }
        }
        all.sort_by_key(|(revision, ..)| *revision);
        // Of all writes up to here the one that began last: nothing after it may have ended before it began.
        let mut last_begun: Option<(Duration, WriteId)> = None;
        let mut before = None;
        for (revision, op, id) in all {
            if let Some((began, later)) = last_begun
                && op.end < began
            {
                violations.push(Violation::Order { earlier: id, later });
            }
            if let Some((previous, other)) = before
                && previous == revision
            {
                violations.push(Violation::Order { earlier: other, later: id });
            }
            before = Some((revision, id));
            if last_begun.is_none_or(|(began, _)| op.start > began) {
                last_begun = Some((op.start, id));
            }
        }
    }

    /// What a read had to see, by each rule that demands something.
    fn demands(&self, op: &Op, at_node: &Rising<Duration>) -> Vec<(&'static str, u64)> {
        let What::Read { register, strong, floor, staleness, .. } = &op.what else {
            return Vec::new();
        };
        let mut demands = Vec::new();
        if *strong {
            demands.push((rule::STRONG, self.acknowledged_before(*register, op.start)));
        }
        let covered = floor.iter().map(|id| self.revision(*id)).max().unwrap_or(0);
        demands.push((rule::TOKEN, self.up_to(*register, covered)));
        if let Some(staleness) = staleness {
            let since = op.start.saturating_sub(*staleness);
            demands.push((rule::STALENESS, self.acknowledged_before(*register, since)));
        }
        demands.push((rule::NODE, at_node.before(op.start)));
        demands.push((rule::ARRIVED, self.up_to(*register, self.arrived.before(op.start))));
        demands.retain(|(_, wanted)| *wanted > 0);
        demands
    }

    fn check_reads(&mut self, violations: &mut Vec<Violation>) {
        // Per node and register: reads by the time they ended, to find those that ended before another began.
        let mut at_node: BTreeMap<(u64, u32), Rising<Duration>> = BTreeMap::new();
        for (place, op) in self.history.ops.iter().enumerate() {
            let What::Read { register, node, seen, .. } = &op.what else { continue };
            if let Some(seen) = seen
                && !self.issued.contains(seen)
            {
                violations.push(Violation::Fabricated { seen: *seen });
                continue;
            }
            // A write without a revision was never acknowledged: nobody can say what it is newer than.
            let revision = match seen {
                Some(seen) => match self.revisions.get(seen) {
                    Some(revision) => *revision,
                    None => continue,
                },
                None => 0,
            };
            let seen_here = at_node.entry((*node, *register)).or_default();
            let demands = self.demands(op, seen_here);
            let mut least = 0;
            for (rule, wanted) in demands {
                *self.exercised.entry(rule).or_default() += 1;
                least = wanted.max(least);
                if revision < wanted {
                    violations.push(Violation::Missed {
                        rule,
                        at: op.start,
                        node: *node,
                        register: *register,
                        seen: revision,
                        wanted,
                    });
                }
            }
            let sure = !self.history.unsure.contains(&place);
            seen_here.push(op.end, if sure { revision } else { revision.min(least) });
        }
    }

    fn check_end(&mut self, violations: &mut Vec<Violation>) {
        let Some((first, model)) = self.history.finals.first_key_value() else { return };
        for (node, last) in &self.history.finals {
            if last != model {
                violations.push(Violation::Diverged { node: *node, other: *first });
            }
            for user in self.history.created.difference(&last.users) {
                violations.push(Violation::Lost { node: *node, user: user.clone() });
            }
            for (register, seen) in &last.registers {
                let revision = seen.map_or(0, |id| self.revision(id));
                let wanted = self.acknowledged_before(*register, Duration::MAX);
                *self.exercised.entry(rule::END).or_default() += 1;
                if revision < wanted {
                    violations.push(Violation::Missed {
                        rule: rule::END,
                        at: Duration::MAX,
                        node: *node,
                        register: *register,
                        seen: revision,
                        wanted,
                    });
                }
            }
        }
    }
}

/// What contradicts the promises, and what was put to the test at all.
pub fn examine(history: &History) -> Examined {
    let mut writes = Writes::of(history);
    let mut violations = Vec::new();
    writes.check_order(&mut violations);
    writes.check_reads(&mut violations);
    writes.check_end(&mut violations);
    Examined { violations, exercised: writes.exercised }
}

/// What contradicts the promises. Nothing, in a run that is right.
pub fn check(history: &History) -> Vec<Violation> {
    examine(history).violations
}

#[cfg(test)]
mod tests;
