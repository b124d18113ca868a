//! Quarantines, as clients saw them: who took which, what was said of their way, who lifted them, and who was refused on their account.
//!
//! A quarantine is in no order with others: it is there at the node that took it from when that was said on, and everywhere from when it
//! was said to be everywhere. So each read is compared with those two alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

/// A quarantine's id, as the server gives it.
pub type Id = String;

/// What a client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A node said that a quarantine is durable there and decides.
    Taken {
        /// Which.
        id: Id,
        /// Of whom.
        target: u32,
        /// Where.
        node: u64,
    },
    /// It was said to decide at every node.
    Arrived {
        /// Which.
        id: Id,
    },
    /// Somebody asked to lift it; `done`: that was acknowledged.
    Lifted {
        /// Which.
        id: Id,
        /// Whether it was said to be done.
        done: bool,
    },
    /// Somebody asked whether a target may do something that its policies allow.
    Asked {
        /// Whom.
        target: u32,
        /// Where.
        node: u64,
        /// The quarantine that the refusal named; `None`: it was allowed.
        by: Option<Id>,
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

/// All that was seen in a run.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What clients did, in the order in which it ended.
    pub ops: Vec<Op>,
    /// Those that stand at each node at the end, when all faults were over for long.
    pub finals: BTreeMap<u64, BTreeSet<Id>>,
    /// Nodes that are no more: with their disks went what they had not told anybody.
    pub gone: BTreeSet<u64>,
}

/// The rules.
pub mod rule {
    /// Who took a quarantine refuses from then on, over crashes as well.
    pub const KEPT: &str = "a quarantine is kept";
    /// What was said to be everywhere is refused everywhere.
    pub const EVERYWHERE: &str = "a quarantine is everywhere";
    /// A refusal names a quarantine that somebody took.
    pub const NAMED: &str = "a refusal names its quarantine";
    /// At the end all nodes have the same ones: every one that was taken and not lifted, none that was lifted.
    pub const END: &str = "quarantines at the end";
    /// All of them.
    pub const ALL: [&str; 4] = [KEPT, EVERYWHERE, NAMED, END];
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// By which rule.
    pub rule: &'static str,
    /// When.
    pub at: Duration,
    /// Where.
    pub node: u64,
    /// Which quarantine.
    pub id: Id,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: at {:?} node {}, quarantine {}", self.rule, self.at, self.node, self.id)
    }
}

/// What came of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// What contradicts the promises.
    pub violations: Vec<Violation>,
    /// How often each rule demanded something.
    pub exercised: BTreeMap<&'static str, u64>,
}

/// What is known of one quarantine.
#[derive(Debug, Default)]
struct Known {
    target: u32,
    /// Since when at each node that took it.
    taken: BTreeMap<u64, Duration>,
    arrived: Option<Duration>,
    /// When somebody began to lift it, and whether that was acknowledged.
    lifted: Option<(Duration, bool)>,
}

fn known(history: &History) -> BTreeMap<&str, Known> {
    let mut all: BTreeMap<&str, Known> = BTreeMap::new();
    for op in &history.ops {
        match &op.what {
            What::Taken { id, target, node } => {
                let known = all.entry(id).or_default();
                known.target = *target;
                let since = known.taken.entry(*node).or_insert(op.end);
                *since = op.end.min(*since);
            }
            What::Arrived { id } => {
                let known = all.entry(id).or_default();
                known.arrived = Some(known.arrived.map_or(op.end, |at| at.min(op.end)));
            }
            What::Lifted { id, done } => {
                let known = all.entry(id).or_default();
                let (at, before) = known.lifted.unwrap_or((op.start, false));
                known.lifted = Some((at.min(op.start), before || *done));
            }
            What::Asked { .. } => {}
        }
    }
    all
}

/// What contradicts the promises, and what was put to the test at all.
pub fn examine(history: &History) -> Examined {
    let known = known(history);
    let mut examined = Examined::default();
    for op in &history.ops {
        if let What::Asked { target, node, by } = &op.what {
            examine_answer(&known, op, (*target, *node), by.as_deref(), &mut examined);
        }
    }
    examine_end(history, &known, &mut examined);
    examined
}

fn examine_answer(
    all: &BTreeMap<&str, Known>,
    op: &Op,
    (target, node): (u32, u64),
    by: Option<&str>,
    examined: &mut Examined,
) {
    let mut demand = |rule: &'static str, holds: bool, id: &str| {
        *examined.exercised.entry(rule).or_default() += 1;
        if !holds {
            examined.violations.push(Violation { rule, at: op.start, node, id: id.to_owned() });
        }
    };
    if let Some(id) = by {
        // Whoever was not told that it was taken has begun to take it, which leaves no trace here.
        let other = all.get(id).filter(|k| !k.taken.is_empty()).is_some_and(|k| k.target != target);
        demand(rule::NAMED, !other, id);
    }
    for (id, known) in all.iter().filter(|(_, k)| k.target == target && !k.taken.is_empty()) {
        if known.lifted.is_some_and(|(begun, _)| begun < op.end) {
            continue;
        }
        if known.taken.get(&node).is_some_and(|since| *since < op.start) {
            demand(rule::KEPT, by.is_some(), id);
        }
        if known.arrived.is_some_and(|since| since < op.start) {
            demand(rule::EVERYWHERE, by.is_some(), id);
        }
    }
}

fn examine_end(history: &History, all: &BTreeMap<&str, Known>, examined: &mut Examined) {
    let Some(first) = history.finals.values().next() else { return };
    let mut broken = |node: u64, id: &str| {
        let id = id.to_owned();
        examined.violations.push(Violation { rule: rule::END, at: Duration::MAX, node, id });
    };
    let mut looked = 0;
    for (node, stand) in &history.finals {
        if let Some(odd) = first.symmetric_difference(stand).next() {
            broken(*node, odd);
        }
        for (id, known) in all {
            let stays = known.arrived.is_some()
                || known.taken.keys().any(|node| !history.gone.contains(node));
            let here = stand.contains(*id);
            let wrong = match known.lifted {
                Some((_, true)) => here,
                Some((_, false)) => false,
                None => stays && !here,
            };
            looked += 1;
            if wrong {
                broken(*node, id);
            }
        }
    }
    *examined.exercised.entry(rule::END).or_default() += looked;
}

#[cfg(test)]
mod tests;
