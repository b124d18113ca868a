//! What clients saw, and the check of it against what Tidegate promises.
//!
//! Registers are users; a write to one puts an inline policy whose statement's name says which write it was, a read decides for the
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
    acknowledged: BTreeMap<u32, Vec<(Duration, u64)>>,
    issued: BTreeSet<WriteId>,
}

impl<'a> Writes<'a> {
    fn of(history: &'a History) -> Self {
        let mut writes = Self {
            history,
            revisions: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            issued: BTreeSet::new(),
        };
        for op in &history.ops {
            if let What::Write { register, id, revision } = op.what {
                writes.issued.insert(id);
                if let Some(revision) = revision {
                    writes.revisions.insert(id, revision);
                    writes.acknowledged.entry(register).or_default().push((op.end, revision));
                }
            }
        }
        writes
    }

    fn revision(&self, id: WriteId) -> u64 {
        self.revisions.get(&id).copied().unwrap_or(0)
    }

    /// The newest write to a register that was acknowledged before `time`.
    fn acknowledged_before(&self, register: u32, time: Duration) -> u64 {
        let all = self.acknowledged.get(&register).map_or(&[][..], Vec::as_slice);
        all.iter().filter(|(end, _)| *end < time).map(|(_, r)| *r).max().unwrap_or(0)
    }

    /// The newest write to a register at or below a revision.
    fn up_to(&self, register: u32, revision: u64) -> u64 {
        let all = self.acknowledged.get(&register).map_or(&[][..], Vec::as_slice);
        all.iter().map(|(_, r)| *r).filter(|r| *r <= revision).max().unwrap_or(0)
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

    fn check_reads(&self, violations: &mut Vec<Violation>) {
        // Per node and register: reads by the time they ended, to find those that ended before another began.
        let mut at_node: BTreeMap<(u64, u32), Vec<(Duration, u64)>> = BTreeMap::new();
        for op in &self.history.ops {
            let What::Read { register, node, seen, strong, floor, staleness } = &op.what else {
                continue;
            };
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
            let mut demand = |rule, wanted| {
                if revision < wanted {
                    let (at, node, register) = (op.start, *node, *register);
                    violations.push(Violation::Missed {
                        rule,
                        at,
                        node,
                        register,
                        seen: revision,
                        wanted,
                    });
                }
            };
            if *strong {
                demand("strong", self.acknowledged_before(*register, op.start));
            }
            let covered = floor.iter().map(|id| self.revision(*id)).max().unwrap_or(0);
            demand("at least as fresh", self.up_to(*register, covered));
            if let Some(staleness) = staleness {
                let since = op.start.saturating_sub(*staleness);
                demand("staleness bound", self.acknowledged_before(*register, since));
            }
            let seen_here = at_node.entry((*node, *register)).or_default();
            let before = seen_here.iter().filter(|(end, _)| *end < op.start).map(|(_, r)| *r).max();
            demand("a node never goes back", before.unwrap_or(0));
            demand("arrived everywhere", self.arrived_before(*register, op.start));
            seen_here.push((op.end, revision));
        }
    }

    /// The newest write to a register that decides everywhere since before `time`, as somebody was told.
    fn arrived_before(&self, register: u32, time: Duration) -> u64 {
        let told =
            self.history.ops.iter().filter(|op| op.end < time).filter_map(|op| match op.what {
                What::Arrived { id } => Some(self.revision(id)),
                _ => None,
            });
        self.up_to(register, told.max().unwrap_or(0))
    }

    fn check_end(&self, violations: &mut Vec<Violation>) {
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
                if revision < wanted {
                    violations.push(Violation::Missed {
                        rule: "the end",
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

/// What contradicts the promises. Nothing, in a run that is right.
pub fn check(history: &History) -> Vec<Violation> {
    let writes = Writes::of(history);
    let mut violations = Vec::new();
    writes.check_order(&mut violations);
    writes.check_reads(&mut violations);
    writes.check_end(&mut violations);
    violations
}

#[cfg(test)]
mod tests;
