//! Which guarantees a log holds, breaks or does not exercise, each breach with the smallest set of events that contradicts.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    guarantee::Guarantee,
    log::{Asked, Did, Event, Log, State},
    registers::{Examined, Final, History, Op, Violation, What, WriteId, examine, rule},
};

/// A breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was promised.
    pub guarantee: Guarantee,
    /// What is wrong.
    pub sentence: String,
    /// Places in the log of the events that contradict each other.
    pub evidence: Vec<usize>,
}

/// What a log says of the guarantees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// How often each was put to the test. What is missing was not.
    pub exercised: BTreeMap<Guarantee, u64>,
    /// What was broken.
    pub findings: Vec<Finding>,
}

/// The writes of a register that left the same state, so that a read can't say which of them it saw.
#[derive(Debug, Default)]
struct Writers<'a>(BTreeMap<(u32, &'a State), Vec<&'a Event>>);

/// What a read saw, as far as it can be known.
enum Seen {
    /// The newest write that it can have been, and whether it can have been no other.
    Write { newest: Option<WriteId>, sure: bool },
    /// A write that was never acknowledged may be it: nothing can be said.
    Unknown,
}

impl<'a> Writers<'a> {
    fn of(log: &'a Log) -> Self {
        let mut all: BTreeMap<_, Vec<&Event>> = BTreeMap::new();
        for event in &log.events {
            if let Did::Wrote { register, state, .. } = &event.did {
                all.entry((*register, state)).or_default().push(event);
            }
        }
        Self(all)
    }

    /// What a read of `register` that ended at `read.end` saw.
    fn seen(&self, register: u32, state: &'a State, read: &Event) -> Seen {
        if let State::Of(id) = state {
            return Seen::Write { newest: Some(*id), sure: true };
        }
        let all = self.0.get(&(register, state)).map_or(&[][..], Vec::as_slice);
        let mut newest: Option<(u64, WriteId)> = None;
        let mut candidates = 0;
        for event in all.iter().filter(|e| e.start < read.end) {
            let Did::Wrote { id, revision, .. } = event.did else { continue };
            let Some(revision) = revision else { return Seen::Unknown };
            newest = newest.max(Some((revision, id)));
            candidates += 1;
        }
        // Before the first write nothing is there, too.
        candidates += u32::from(*state == State::Absent);
        match (newest, state) {
            // A word that nobody wrote.
            (None, State::Word(_)) => Seen::Write { newest: Some(WriteId::MAX), sure: true },
            (newest, _) => Seen::Write { newest: newest.map(|(_, id)| id), sure: candidates < 2 },
        }
    }
}

/// A history, and the place in the log that each of its operations comes from.
struct Translated {
    history: History,
    places: Vec<usize>,
}

fn translate(log: &Log) -> Translated {
    let writers = Writers::of(log);
    let mut made = Translated { history: History::default(), places: Vec::new() };
    let mut finals: BTreeMap<u64, Final> = BTreeMap::new();
    let mut unknown_at_end = Vec::new();
    for (place, event) in log.events.iter().enumerate() {
        let what = match &event.did {
            Did::Wrote { register, id, revision, .. } => {
                What::Write { register: *register, id: *id, revision: *revision }
            }
            Did::Read { register, state, asked, staleness } => {
                let Seen::Write { newest, sure } = writers.seen(*register, state, event) else {
                    continue;
                };
                if !sure {
                    made.history.unsure.insert(made.places.len());
                }
                let floor = if let Asked::AtLeast(ids) = asked { ids.clone() } else { Vec::new() };
                What::Read {
                    register: *register,
                    node: event.node,
                    seen: newest,
                    strong: *asked == Asked::Strong,
                    floor,
                    staleness: *staleness,
                }
            }
            Did::Arrived { id } => What::Arrived { id: *id },
            Did::Last { register, state } => {
                let last = finals.entry(event.node).or_default();
                match writers.seen(*register, state, event) {
                    Seen::Write { newest, .. } => drop(last.registers.insert(*register, newest)),
                    Seen::Unknown => unknown_at_end.push(*register),
                }
                continue;
            }
            Did::TokenRefused { .. } | Did::Looked { .. } => continue,
        };
        made.history.ops.push(Op { start: event.start, end: event.end, what });
        made.places.push(place);
    }
    let acknowledged: BTreeSet<WriteId> = made
        .history
        .ops
        .iter()
        .filter_map(|op| match op.what {
            What::Write { id, revision: Some(_), .. } => Some(id),
            _ => None,
        })
        .collect();
    // What a write without an answer left is right, whatever it is.
    for last in finals.values() {
        for (register, seen) in &last.registers {
            if seen.as_ref().is_some_and(|id| !acknowledged.contains(id)) {
                unknown_at_end.push(*register);
            }
        }
    }
    for last in finals.values_mut() {
        for register in &unknown_at_end {
            last.registers.remove(register);
        }
    }
    made.history.finals = finals;
    made
}

/// What becomes of the rules.
fn guarantee(rule: &str, own: bool) -> Guarantee {
    match rule {
        rule::STRONG => Guarantee::StrongReads,
        rule::TOKEN if own => Guarantee::ReadYourWrites,
        rule::TOKEN => Guarantee::TokenFloor,
        rule::STALENESS => Guarantee::StalenessBound,
        rule::NODE => Guarantee::NodesNeverGoBack,
        rule::ARRIVED => Guarantee::ArrivedIsVisible,
        _ => Guarantee::AcknowledgedWritesSurvive,
    }
}

/// Who made which write, where it stands and what it left.
struct Facts<'a> {
    log: &'a Log,
    translated: &'a Translated,
    writes: BTreeMap<WriteId, usize>,
    by_revision: BTreeMap<(u32, u64), usize>,
}

impl<'a> Facts<'a> {
    fn of(log: &'a Log, translated: &'a Translated) -> Self {
        let (mut writes, mut by_revision) = (BTreeMap::new(), BTreeMap::new());
        for (place, event) in log.events.iter().enumerate() {
            if let Did::Wrote { register, id, revision, .. } = &event.did {
                writes.insert(*id, place);
                if let Some(revision) = revision {
                    by_revision.insert((*register, *revision), place);
                }
            }
        }
        Self { log, translated, writes, by_revision }
    }

    fn event(&self, place: usize) -> Option<&'a Event> {
        self.log.events.get(place)
    }

    /// The places of history operations that may explain a missed write: those of its register, and what names it.
    fn smallest(&self, violation: &Violation) -> Vec<usize> {
        let Violation::Missed { rule, at, node, register, wanted, .. } = violation else {
            return Vec::new();
        };
        let ops = &self.translated.history.ops;
        let missed = |op: &Op| {
            op.start == *at
                && matches!(&op.what, What::Read { register: r, node: n, .. } if r == register && n == node)
        };
        let Some(read) = ops.iter().position(missed) else { return Vec::new() };
        let revision = |id: &WriteId| {
            let event = self.writes.get(id).and_then(|place| self.event(*place));
            match event.map(|e| &e.did) {
                Some(Did::Wrote { revision: Some(revision), .. }) => *revision,
                _ => 0,
            }
        };
        let read_floor = match ops.get(read).map(|op| &op.what) {
            Some(What::Read { floor, .. }) => floor.as_slice(),
            _ => &[],
        };
        let mut kept: Vec<usize> = Vec::new();
        let mut between: Option<usize> = None;
        for (place, op) in ops.iter().enumerate() {
            let helps = match &op.what {
                What::Write { register: r, revision: Some(v), .. }
                    if r == register && v == wanted =>
                {
                    kept.push(place);
                    false
                }
                // What was seen: without it the read would be an invention.
                What::Write { id, .. } => {
                    let seen = matches!(ops.get(read).map(|o| &o.what), Some(What::Read { seen: Some(s), .. }) if s == id);
                    if seen {
                        kept.push(place);
                    }
                    *rule == rule::TOKEN && read_floor.contains(id) && revision(id) >= *wanted
                }
                What::Read { register: r, node: n, seen: Some(seen), .. } => {
                    *rule == rule::NODE
                        && r == register
                        && n == node
                        && op.end < *at
                        && revision(seen) >= *wanted
                }
                What::Arrived { id } => {
                    *rule == rule::ARRIVED && op.end < *at && revision(id) >= *wanted
                }
                What::Read { .. } => false,
            };
            if helps && between.is_none() {
                between = Some(place);
            }
        }
        kept.extend(between);
        // What the token or the acknowledgement names.
        if let Some(What::Arrived { id }) = between.and_then(|p| ops.get(p)).map(|op| &op.what) {
            let named = |op: &Op| matches!(&op.what, What::Write { id: i, .. } if i == id);
            kept.extend(ops.iter().position(named));
        }
        kept.push(read);
        kept.sort_unstable();
        kept.dedup();
        self.shrink(violation, kept)
    }

    /// Leaves out what the violation does not need.
    fn shrink(&self, violation: &Violation, mut kept: Vec<usize>) -> Vec<usize> {
        let breaks = |places: &[usize]| {
            let ops = &self.translated.history.ops;
            let ops = places.iter().filter_map(|p| ops.get(*p).cloned()).collect();
            let found = examine(&History { ops, ..History::default() }).violations;
            found.iter().any(|v| same(v, violation))
        };
        for place in kept.clone() {
            let less: Vec<usize> = kept.iter().copied().filter(|p| *p != place).collect();
            if breaks(&less) {
                kept = less;
            }
        }
        kept.iter().filter_map(|p| self.translated.places.get(*p).copied()).collect()
    }

    /// Whether the read's floor for `wanted` came from its own session.
    fn own(&self, evidence: &[usize]) -> bool {
        let events = || evidence.iter().filter_map(|p| self.event(*p));
        let reader = events().find(|e| matches!(e.did, Did::Read { .. })).map(|e| e.session);
        let floors: Vec<WriteId> = events()
            .filter_map(|e| match &e.did {
                Did::Read { asked: Asked::AtLeast(ids), .. } => Some(ids.clone()),
                _ => None,
            })
            .flatten()
            .collect();
        events().any(|e| match &e.did {
            Did::Wrote { id, .. } => floors.contains(id) && Some(e.session) == reader,
            _ => false,
        })
    }

    fn missed(&self, violation: &Violation, findings: &mut Vec<Finding>) {
        let Violation::Missed { rule, node, register, wanted, .. } = violation else { return };
        let evidence = if *rule == rule::END {
            let last = |e: &Event| {
                e.node == *node && matches!(e.did, Did::Last { register: r, .. } if r == *register)
            };
            let last = self.log.events.iter().position(last);
            self.by_revision.get(&(*register, *wanted)).copied().into_iter().chain(last).collect()
        } else {
            self.smallest(violation)
        };
        let sentence = violation.to_string();
        let mut find = |guarantee| {
            findings.push(Finding {
                guarantee,
                sentence: sentence.clone(),
                evidence: evidence.clone(),
            });
        };
        find(guarantee(rule, self.own(&evidence)));
        let wanted = self.by_revision.get(&(*register, *wanted)).and_then(|p| self.event(*p));
        if let Some(Did::Wrote { state, denies, .. }) = wanted.map(|e| &e.did) {
            if *state == State::Absent {
                find(Guarantee::DeletedStaysDeleted);
            }
            if *denies && *rule == rule::NODE {
                find(Guarantee::DenyStays);
            }
        }
    }

    fn find(&self, violation: &Violation, findings: &mut Vec<Finding>) {
        let mut find = |guarantee, evidence| {
            findings.push(Finding { guarantee, sentence: violation.to_string(), evidence });
        };
        match violation {
            Violation::Missed { .. } => self.missed(violation, findings),
            Violation::Order { earlier, later } => {
                let both = [earlier, later];
                find(
                    Guarantee::AccountOrder,
                    both.iter().filter_map(|id| self.writes.get(id).copied()).collect(),
                );
            }
            Violation::Fabricated { seen } => {
                let saw = |e: &Event| match &e.did {
                    Did::Read { state: State::Of(id), .. } => id == seen,
                    Did::Read { state: State::Word(_), .. } => *seen == WriteId::MAX,
                    _ => false,
                };
                let saw = self.log.events.iter().position(saw);
                find(Guarantee::NothingInvented, saw.into_iter().collect());
            }
            Violation::Diverged { node, other } => {
                find(Guarantee::Convergence, self.differing(*node, *other));
            }
            Violation::Lost { .. } => find(Guarantee::AcknowledgedWritesSurvive, Vec::new()),
        }
    }

    /// The first register that two nodes have different at the end.
    fn differing(&self, node: u64, other: u64) -> Vec<usize> {
        let mut seen: BTreeMap<u32, Vec<(usize, u64, &State)>> = BTreeMap::new();
        for (place, event) in self.log.events.iter().enumerate() {
            if let Did::Last { register, state } = &event.did
                && [node, other].contains(&event.node)
            {
                seen.entry(*register).or_default().push((place, event.node, state));
            }
        }
        let differ = |all: &&Vec<(usize, u64, &State)>| match all.as_slice() {
            [(.., a), (.., b)] => a != b,
            _ => false,
        };
        seen.values()
            .find(differ)
            .map_or_else(Vec::new, |all| all.iter().map(|(p, ..)| *p).collect())
    }
}

/// Whether two violations are about the same: what one read missed, whatever is known of what it saw.
fn same(one: &Violation, two: &Violation) -> bool {
    let about = |violation: &Violation| match violation {
        Violation::Missed { rule, at, node, register, wanted, .. } => {
            Some((*rule, *at, *node, *register, *wanted))
        }
        _ => None,
    };
    if about(one).is_some() { about(one) == about(two) } else { one == two }
}

/// What needs no registers: positions, digests, bounds and tokens of single nodes.
fn look(log: &Log, judgement: &mut Judgement) {
    let mut last: BTreeMap<(u64, u32), (usize, u64)> = BTreeMap::new();
    let mut digests: BTreeMap<(u32, u64), (usize, &str)> = BTreeMap::new();
    let mut find = |guarantee, sentence: String, evidence| {
        judgement.findings.push(Finding { guarantee, sentence, evidence });
    };
    let mut count = |guarantee| *judgement.exercised.entry(guarantee).or_default() += 1;
    for (place, event) in log.events.iter().enumerate() {
        let node = event.node;
        match &event.did {
            Did::TokenRefused { given } => find(
                Guarantee::NodesNeverGoBack,
                format!("n{node} refused a token that it had given itself"),
                vec![*given, place],
            ),
            Did::Read { asked: Asked::Bounded(asked), staleness, .. } => {
                count(Guarantee::StalenessBound);
                // A refusal that says that nothing is there names no bound.
                if staleness.is_some_and(|s| s > *asked) {
                    let sentence = format!(
                        "n{node} answered beyond the bound of {asked:?} that was asked for"
                    );
                    find(Guarantee::StalenessBound, sentence, vec![place]);
                }
            }
            Did::Looked { groups } => {
                for (group, (position, digest)) in groups {
                    if let Some((before, was)) = last.insert((node, *group), (place, *position)) {
                        count(Guarantee::NodesNeverGoBack);
                        if was > *position {
                            let sentence =
                                format!("n{node} went back in g{group} from {was} to {position}");
                            find(Guarantee::NodesNeverGoBack, sentence, vec![before, place]);
                        }
                    }
                    let (other, had) =
                        *digests.entry((*group, *position)).or_insert((place, digest));
                    if other == place {
                        continue;
                    }
                    count(Guarantee::Convergence);
                    if had != digest {
                        let sentence = format!("two digests of g{group} at position {position}");
                        find(Guarantee::Convergence, sentence, vec![other, place]);
                    }
                }
            }
            _ => {}
        }
    }
    if log.converged.is_none() && !log.events.is_empty() {
        find(
            Guarantee::Convergence,
            "the nodes did not become equal in time".to_owned(),
            Vec::new(),
        );
    }
}

/// Counts the guarantees that the rules of registers don't count by themselves.
fn count(log: &Log, facts: &Facts<'_>, examined: &Examined, judgement: &mut Judgement) {
    let exercised = &mut judgement.exercised;
    for (rule, times) in examined.exercised.iter().filter(|(rule, _)| **rule != rule::TOKEN) {
        *exercised.entry(guarantee(rule, false)).or_default() += times;
    }
    // What a node was last seen to have of a register.
    let mut had: BTreeMap<(u64, u32), (bool, bool)> = BTreeMap::new();
    for event in &log.events {
        let Did::Read { register, state, asked, .. } = &event.did else {
            if let Did::Wrote { revision: Some(_), .. } = event.did {
                *exercised.entry(Guarantee::AccountOrder).or_default() += 1;
            }
            continue;
        };
        *exercised.entry(Guarantee::NothingInvented).or_default() += 1;
        if let Asked::AtLeast(ids) = asked {
            let own = |id: &WriteId| {
                facts
                    .writes
                    .get(id)
                    .and_then(|p| facts.event(*p))
                    .is_some_and(|e| e.session == event.session)
            };
            if ids.iter().any(own) {
                *exercised.entry(Guarantee::ReadYourWrites).or_default() += 1;
            }
            if ids.iter().any(|id| !own(id)) {
                *exercised.entry(Guarantee::TokenFloor).or_default() += 1;
            }
        }
        let write = if let State::Of(id) = state { facts.writes.get(id) } else { None };
        let denies = write
            .and_then(|p| facts.event(*p))
            .is_some_and(|e| matches!(e.did, Did::Wrote { denies: true, .. }));
        let before = had.insert((event.node, *register), (denies, *state == State::Absent));
        if let Some((denied, absent)) = before {
            *exercised.entry(Guarantee::DenyStays).or_default() += u64::from(denied);
            *exercised.entry(Guarantee::DeletedStaysDeleted).or_default() += u64::from(absent);
        }
    }
    exercised.retain(|_, times| *times > 0);
}

/// Judges a log.
pub fn judge(log: &Log) -> Judgement {
    let translated = translate(log);
    let facts = Facts::of(log, &translated);
    let examined = examine(&translated.history);
    let mut judgement = Judgement::default();
    let mut explained: BTreeMap<&str, usize> = BTreeMap::new();
    for violation in &examined.violations {
        let about = if let Violation::Missed { rule, .. } = violation { rule } else { "" };
        let times = explained.entry(about).or_default();
        *times += 1;
        if *times <= EXPLAINED_MAX {
            facts.find(violation, &mut judgement.findings);
        }
    }
    look(log, &mut judgement);
    count(log, &facts, &examined, &mut judgement);
    judgement
}

/// Breaches of one rule that are explained. Past it the rest says the same.
const EXPLAINED_MAX: usize = 50;

#[cfg(test)]
mod tests;
