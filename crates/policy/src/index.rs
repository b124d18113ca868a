//! Which statements can speak of an action on a resource at all: found by the heads of their patterns, without looking at the others.
//!
//! The head of a pattern is the text before its first wildcard or variable. Two questions are asked once each, however many
//! statements there are: which heads begin the request's action, and which begin its resource? The candidates stand where both meet.

use core::ops::ControlFlow;
use std::{collections::BTreeMap, sync::Arc};

use smallvec::SmallVec;

use crate::{
    CompiledPolicy, Request,
    deliberate::{Bug, bug},
    prefix_map::PrefixMap,
    statement::CompiledStatement,
    template::Template,
    wildcard::{literal_head, wildcard_matches},
};

/// The statements of some policies by the heads of their resources and actions.
#[derive(Clone, Debug)]
pub(crate) struct StatementIndex {
    /// The number of each head of an action: `s3:get` of `s3:Get*`.
    action_heads: PrefixMap<u32>,
    /// For each head of a resource (`arn:aws:s3:::photos/` of `arn:aws:s3:::photos/*`) its entries, ordered by the action's head.
    by_resource: PrefixMap<Box<[Entry]>>,
}

/// A pair of an action pattern and a resource pattern of one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    action_head: u32,
    policy: u32,
    statement: u32,
    resource: Place,
    action: Place,
}

/// What is behind the head of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing: a text of just this length matches.
    End { length: u32 },
    /// One star: every text matches.
    Star,
    /// Something else: the pattern at this place of its list, whose head has this length.
    Tail { number: u32, head: u32 },
    /// There is no head: the list is a `Not…` list, or not written, or too long to be indexed pattern by pattern.
    Whole,
}

impl Place {
    /// The place of a pattern without variables.
    fn of(number: u32, pattern: &str, head: &str) -> Self {
        let length = u32::try_from(head.len()).unwrap_or(u32::MAX);
        match pattern.get(head.len()..) {
            Some("") => Self::End { length },
            Some("*") => Self::Star,
            Some(tail) if bug(Bug::NothingStandsBehindAStar) && tail.starts_with('*') => Self::Star,
            _ => Self::Tail { number, head: length },
        }
    }
}

/// More pairs of action and resource than this and a statement's resources are not indexed one by one, so that a statement of a
/// thousand actions on a hundred resources stays small.
const PAIRS_MAX: usize = 256;

/// A statement and the policy that it stands in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) policy: &'a Arc<CompiledPolicy>,
    /// The policy's place among those that the index was made of.
    pub(crate) place: usize,
    pub(crate) number: usize,
    pub(crate) statement: &'a CompiledStatement,
}

impl StatementIndex {
    /// Indexes the statements of several policies, each named by its place.
    pub(crate) fn new<'a>(policies: impl Iterator<Item = &'a [CompiledStatement]>) -> Self {
        let mut rows = Rows::default();
        for (policy, statements) in (0u32..).zip(policies) {
            for (number, statement) in (0u32..).zip(statements) {
                rows.insert(policy, number, statement);
            }
        }
        rows.index()
    }

    /// Shows `hear` the statements that cover action and resource of a request, until it breaks off; one may come more than once.
    /// `policies` are those that the index was made of, in the same order.
    pub(crate) fn covering<'a>(
        &'a self,
        policies: &'a [Arc<CompiledPolicy>],
        request: &'a Request<'a>,
        mut hear: impl FnMut(Candidate<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let action = request.action.lower();
        // An action rarely begins with more heads than these: none, `s3:`, `s3:get`, `s3:getobject`.
        let action_heads: SmallVec<[u32; 16]> =
            self.action_heads.prefixes(action).copied().collect();
        let mut show = |entry: &'a Entry| {
            let place = entry.policy as usize;
            let Some(policy) = policies.get(place) else { return ControlFlow::Continue(()) };
            let number = entry.statement as usize;
            match policy.statements().get(number) {
                Some(statement) if entry.covers(statement, action, request) => {
                    hear(Candidate { policy, place, number, statement })
                }
                _ => ControlFlow::Continue(()),
            }
        };
        for mut entries in self.by_resource.prefixes(request.resource).map(|entries| &**entries) {
            if entries.len() <= FEW {
                let meet = entries.iter().filter(|entry| action_heads.contains(&entry.action_head));
                for entry in meet.filter(|entry| entry.may_cover(action, request.resource)) {
                    show(entry)?;
                }
                continue;
            }
            // Both are in order.
            for head in &action_heads {
                let start = entries.partition_point(|entry| entry.action_head < *head);
                entries = entries.get(start..).unwrap_or_default();
                let meet = entries.iter().take_while(|entry| entry.action_head == *head);
                for entry in meet.filter(|entry| entry.may_cover(action, request.resource)) {
                    show(entry)?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// As many entries as are looked through one by one.
const FEW: usize = 8;

/// An index being made.
#[derive(Default)]
struct Rows<'a> {
    /// Numbered as they come.
    action_heads: BTreeMap<&'a str, u32>,
    by_resource: BTreeMap<&'a str, Vec<Entry>>,
}

impl<'a> Rows<'a> {
    fn insert(&mut self, policy: u32, statement_number: u32, statement: &'a CompiledStatement) {
        let whole = || vec![("", Place::Whole)];
        let actions = match &statement.actions {
            actions if actions.negated => whole(),
            actions => (0u32..).zip(&actions.patterns).map(|(n, p)| action_place(n, p)).collect(),
        };
        let resources = match &statement.resources {
            Some(list) if !list.negated && list.patterns.len() * actions.len() <= PAIRS_MAX => {
                (0u32..).zip(&list.patterns).map(|(n, p)| resource_place(n, p)).collect()
            }
            _ => whole(),
        };
        for (head, action) in actions {
            let next = u32::try_from(self.action_heads.len()).unwrap_or(u32::MAX);
            let action_head = *self.action_heads.entry(head).or_insert(next);
            for (head, resource) in &resources {
                let entry = Entry {
                    action_head,
                    policy,
                    statement: statement_number,
                    resource: *resource,
                    action,
                };
                self.by_resource.entry(head).or_default().push(entry);
            }
        }
    }

    /// The index, its action heads numbered in order: those that begin one action have growing numbers.
    fn index(mut self) -> StatementIndex {
        let mut in_order = vec![0; self.action_heads.len()];
        for (number, came) in (0..).zip(self.action_heads.values_mut()) {
            if let Some(place) = in_order.get_mut(*came as usize) {
                *place = number;
            }
            *came = number;
        }
        let by_resource = self.by_resource.into_iter().map(|(head, mut entries)| {
            for entry in &mut entries {
                entry.action_head =
                    in_order.get(entry.action_head as usize).copied().unwrap_or_default();
            }
            entries.sort_unstable_by_key(|entry| entry.action_head);
            (head, entries.into())
        });
        StatementIndex {
            by_resource: PrefixMap::new(by_resource.collect()),
            action_heads: PrefixMap::new(self.action_heads),
        }
    }
}

fn action_place(number: u32, pattern: &str) -> (&str, Place) {
    let head = literal_head(pattern);
    (head, Place::of(number, pattern, head))
}

fn resource_place(number: u32, pattern: &Template) -> (&str, Place) {
    let head = pattern.head();
    let length = u32::try_from(head.len()).unwrap_or(u32::MAX);
    let tail = Place::Tail { number, head: length };
    (head, pattern.as_plain().map_or(tail, |plain| Place::of(number, plain, head)))
}

impl Entry {
    /// Whether the patterns can match behind their heads, as far as can be told without looking at them.
    fn may_cover(&self, action: &str, resource: &str) -> bool {
        let ends = |place: Place, text: &str| match place {
            Place::End { length } => text.len() == length as usize,
            Place::Star | Place::Tail { .. } | Place::Whole => true,
        };
        ends(self.action, action) && ends(self.resource, resource)
    }

    /// Whether the patterns match behind their heads, which the search has compared, where that is not yet known.
    fn covers(&self, statement: &CompiledStatement, action: &str, request: &Request<'_>) -> bool {
        let covers_action = match self.action {
            Place::End { .. } | Place::Star => true,
            Place::Whole => statement.covers_action(request),
            Place::Tail { number, head } => {
                let pattern = statement.actions.patterns.get(number as usize);
                pattern.is_some_and(|pattern| tail_matches(pattern, action, head))
            }
        };
        covers_action
            && match self.resource {
                Place::End { .. } | Place::Star => true,
                Place::Whole => statement.covers_resource(request),
                Place::Tail { number, head } => {
                    let pattern =
                        statement.resources.as_ref().and_then(|r| r.patterns.get(number as usize));
                    pattern.is_some_and(|pattern| match pattern.as_plain() {
                        Some(plain) => tail_matches(plain, request.resource, head),
                        None => pattern.like(request.resource, request),
                    })
                }
            }
    }
}

/// Whether a text matches a pattern behind the first `head` bytes, in which they are the same.
fn tail_matches(pattern: &str, text: &str, head: u32) -> bool {
    match (pattern.get(head as usize..), text.get(head as usize..)) {
        (Some(tail), Some(rest)) => wildcard_matches(tail, rest),
        _ => false,
    }
}
