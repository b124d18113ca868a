//! Making an index.

use std::collections::BTreeMap;

use super::{ASKED, ActionPattern, Behind, Entry, FEW, Group, Speaker, StatementIndex};
use crate::{
    action_test::{ActionTest, Initials},
    deliberate::{Bug, bug},
    gram_map::{self, Gram, GramMap},
    prefix_map::PrefixMap,
    statement::CompiledStatement,
    template::Template,
    wildcard::{Cut, literal_head},
};

/// More pairs of action and resource than this and a statement's resources are not indexed one by one, so that a statement of a
/// thousand actions on a hundred resources stays small.
const PAIRS_MAX: usize = 256;

/// Where more entries than this share one head, those that can are found by a gram. Looking a resource's grams up takes about as
/// long as matching it with five patterns, and of sixteen entries a part is left out by the action.
const CROWD: usize = 16;

impl StatementIndex {
    /// Indexes the statements of several policies, each named by its place.
    pub(crate) fn new<'a>(policies: impl Iterator<Item = &'a [CompiledStatement]>) -> Self {
        let mut rows = Rows::default();
        for (policy, statements) in (0u32..).zip(policies) {
            for (number, statement) in (0u32..).zip(statements) {
                rows.insert((policy, number), statement);
            }
        }
        rows.index()
    }
}

/// An index being made.
#[derive(Default)]
struct Rows<'a> {
    /// The different patterns of actions.
    numbers: BTreeMap<&'a str, u32>,
    by_resource: BTreeMap<&'a str, Vec<Row<'a>>>,
    speakers: Vec<Speaker>,
    tails: Tails<'a>,
}

/// An entry with the resource pattern that it was made of, where there is one.
#[derive(Clone, Copy)]
struct Row<'a> {
    entry: Entry,
    pattern: Option<(u32, &'a Template)>,
}

/// What stands behind the heads of patterns, the same text once.
#[derive(Default)]
struct Tails<'a>(BTreeMap<&'a str, u32>);

impl<'a> Tails<'a> {
    /// What stands behind the head of a pattern without variables.
    fn behind(&mut self, tail: &'a str) -> Behind {
        match tail {
            "" => Behind::END,
            "*" => Behind::STAR,
            tail if bug(Bug::NothingStandsBehindAStar) && tail.starts_with('*') => Behind::STAR,
            tail => {
                let next = number_of(self.0.len());
                Behind::tail(*self.0.entry(tail).or_insert(next))
            }
        }
    }

    /// In the order of their numbers.
    fn cut(self) -> Box<[Cut]> {
        let mut in_order: Vec<(u32, &str)> = self.0.into_iter().map(|(t, n)| (n, t)).collect();
        in_order.sort_unstable();
        in_order.into_iter().map(|(_, text)| Cut::new(text)).collect()
    }
}

/// A number in a list. Policies are far too short to fill one.
fn number_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl<'a> Rows<'a> {
    fn insert(&mut self, at: (u32, u32), statement: &'a CompiledStatement) {
        let speaker = number_of(self.speakers.len());
        self.speakers.push(Speaker::new(at, statement));
        let actions = self.actions_of(statement);
        let resources = match &statement.resources {
            Some(list) if !list.negated && list.patterns.len() * actions.len() <= PAIRS_MAX => {
                &*list.patterns
            }
            _ => {
                self.push("", speaker, &actions, None);
                return;
            }
        };
        for (number, pattern) in (0u32..).zip(resources) {
            self.push(pattern.head(), speaker, &actions, Some((number, pattern)));
        }
    }

    /// The numbers of a statement's patterns of actions, each with its initials.
    fn actions_of(&mut self, statement: &'a CompiledStatement) -> Vec<(u32, Initials)> {
        if statement.actions.negated {
            return vec![(ASKED, Initials::ALL)];
        }
        let mut number = |pattern: &'a str| {
            let next = number_of(self.numbers.len() + 1);
            let number = *self.numbers.entry(pattern).or_insert(next);
            (number, Initials::of_pattern(pattern))
        };
        statement.actions.patterns.iter().map(|pattern| number(pattern)).collect()
    }

    fn push(
        &mut self,
        head: &'a str,
        speaker: u32,
        actions: &[(u32, Initials)],
        pattern: Option<(u32, &'a Template)>,
    ) {
        let resource = pattern.map_or(Behind::WHOLE, |(number, pattern)| {
            let tail = pattern.as_plain().and_then(|text| text.get(head.len()..));
            tail.map_or(Behind::pattern(number), |tail| self.tails.behind(tail))
        });
        let rows = self.by_resource.entry(head).or_default();
        rows.extend(actions.iter().map(|&(action, initials)| Row {
            entry: Entry { action, initials, speaker, resource },
            pattern,
        }));
    }

    fn index(mut self) -> StatementIndex {
        let mut entries = Entries::default();
        let by_gram = self.by_gram(&mut entries);
        let by_resource = core::mem::take(&mut self.by_resource).into_iter().map(|(head, rows)| {
            let rows = rows.into_iter().map(|row| row.entry);
            (head, entries.group(rows))
        });
        let by_resource = PrefixMap::new(by_resource.collect());
        let by_action = if entries.largest > FEW { self.by_action() } else { BTreeMap::new() };
        let mut actions: Vec<(u32, &str)> = self.numbers.into_iter().map(|(p, n)| (n, p)).collect();
        // The statement itself is asked.
        actions.push((ASKED, "*"));
        actions.sort_unstable();
        StatementIndex {
            actions: actions.into_iter().map(|(_, pattern)| ActionTest::new(pattern)).collect(),
            by_action: PrefixMap::new(by_action),
            by_resource,
            by_gram,
            entries: entries.rows.into(),
            speakers: self.speakers.into(),
            tails: self.tails.cut(),
        }
    }

    fn by_action(&mut self) -> BTreeMap<&'a str, Box<[ActionPattern]>> {
        let mut by_head = BTreeMap::from([("", vec![ActionPattern::ASKED])]);
        for (pattern, number) in &self.numbers {
            let (head, tail) = pattern.split_at(literal_head(pattern).len());
            let pattern = ActionPattern { number: *number, behind: self.tails.behind(tail) };
            by_head.entry(head).or_default().push(pattern);
        }
        by_head.into_iter().map(|(head, patterns)| (head, patterns.into())).collect()
    }

    /// Takes those out of crowds that can be found by a gram.
    fn by_gram(&mut self, entries: &mut Entries) -> Option<GramMap<Group>> {
        let mut taken: Vec<(Entry, &'a Template)> = Vec::new();
        let mut from = usize::MAX;
        for (head, rows) in self.by_resource.iter_mut().filter(|(_, rows)| rows.len() > CROWD) {
            let known = taken.len();
            rows.retain(|row| {
                let pattern = row
                    .pattern
                    .filter(|(_, pattern)| gram_map::grams(pattern.pieces()).next().is_some());
                let entry = |(number, pattern)| {
                    (Entry { resource: Behind::pattern(number), ..row.entry }, pattern)
                };
                taken.extend(pattern.map(entry));
                pattern.is_none()
            });
            if taken.len() > known {
                from = from.min(head.len());
            }
        }
        let mut counts: BTreeMap<Gram, usize> = BTreeMap::new();
        for gram in taken.iter().flat_map(|(_, pattern)| gram_map::grams(pattern.pieces())) {
            *counts.entry(gram).or_default() += 1;
        }
        let mut groups: BTreeMap<Gram, Vec<Entry>> = BTreeMap::new();
        for (entry, pattern) in taken {
            let count = |gram: &Gram| counts.get(gram).copied().unwrap_or_default();
            if let Some(gram) = gram_map::grams(pattern.pieces()).min_by_key(count) {
                groups.entry(gram).or_default().push(entry);
            }
        }
        let groups = groups.into_iter().map(|(gram, rows)| (gram, entries.group(rows)));
        (from < usize::MAX).then(|| GramMap::new(from, groups.collect()))
    }
}

/// The entries of an index being made.
#[derive(Default)]
struct Entries {
    rows: Vec<Entry>,
    /// How many the largest group has.
    largest: usize,
}

impl Entries {
    /// Adds some as a group.
    fn group(&mut self, rows: impl IntoIterator<Item = Entry>) -> Group {
        let start = self.rows.len();
        self.rows.extend(rows);
        let group = self.rows.get_mut(start..).unwrap_or_default();
        group.sort_by_key(|entry| entry.action);
        self.largest = self.largest.max(group.len());
        let none = Initials::default();
        let initials = group.iter().fold(none, |initials, entry| initials.or(entry.initials));
        Group { start: number_of(start), end: number_of(self.rows.len()), initials }
    }
}
