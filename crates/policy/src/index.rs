//! Which statements can speak of an action on a resource at all: found by the heads of their patterns, without looking at the others.
//!
//! Resources come first: they tell more statements apart than actions do, and the many actions of a statement on `*` stand in one
//! place.

use core::ops::ControlFlow;
use std::{collections::BTreeMap, sync::Arc};

use crate::{
    CompiledPolicy, Request,
    prefix_map::PrefixMap,
    statement::CompiledStatement,
    template::Template,
    wildcard::{literal_head, wildcard_matches},
};

/// The statements of some policies by the head of the resource (`arn:aws:s3:::photos/` of `arn:aws:s3:::photos/*`), then by the head
/// of the action.
#[derive(Clone, Debug)]
pub(crate) struct StatementIndex {
    by_resource: PrefixMap<PrefixMap<Box<[Entry]>>>,
}

/// A pair of a resource pattern and an action pattern of one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    policy: u32,
    statement: u32,
    resource: Place,
    action: Place,
}

/// Which pattern of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The pattern at this place, whose head has this length.
    At { number: u32, head: u32 },
    /// The list as a whole: it is a `Not…` list, or not written, or too long to be indexed pattern by pattern.
    Whole,
}

/// More pairs of action and resource than this and a statement's resources are not indexed one by one, so that a statement of a
/// thousand actions on a hundred resources stays small.
const PAIRS_MAX: usize = 256;

/// A statement and the policy that it stands in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) policy: &'a Arc<CompiledPolicy>,
    pub(crate) number: usize,
    pub(crate) statement: &'a CompiledStatement,
}

type Rows<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<Entry>>>;

impl StatementIndex {
    /// Indexes the statements of several policies, each named by its place.
    pub(crate) fn new<'a>(policies: impl Iterator<Item = &'a [CompiledStatement]>) -> Self {
        let mut rows = Rows::new();
        for (policy, statements) in (0u32..).zip(policies) {
            for (number, statement) in (0u32..).zip(statements) {
                insert(&mut rows, policy, number, statement);
            }
        }
        let by_action = |rows: BTreeMap<&str, Vec<Entry>>| {
            PrefixMap::new(rows.into_iter().map(|(head, entries)| (head, entries.into())).collect())
        };
        Self {
            by_resource: PrefixMap::new(
                rows.into_iter().map(|(head, rows)| (head, by_action(rows))).collect(),
            ),
        }
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
        for by_action in self.by_resource.prefixes(request.resource) {
            for entry in by_action.prefixes(action).flat_map(|entries| entries.iter()) {
                let Some(policy) = policies.get(entry.policy as usize) else { continue };
                let number = entry.statement as usize;
                let Some(statement) = policy.statements().get(number) else { continue };
                if entry.covers(statement, action, request) {
                    hear(Candidate { policy, number, statement })?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

fn insert<'a>(rows: &mut Rows<'a>, policy: u32, number: u32, statement: &'a CompiledStatement) {
    let whole = || vec![("", Place::Whole)];
    let places = |heads: Vec<&'a str>| -> Vec<(&'a str, Place)> {
        let length = |head: &str| u32::try_from(head.len()).unwrap_or(u32::MAX);
        (0u32..)
            .zip(heads)
            .map(|(number, head)| (head, Place::At { number, head: length(head) }))
            .collect()
    };
    let actions = match &statement.actions {
        actions if actions.negated => whole(),
        actions => places(actions.patterns.iter().map(|pattern| literal_head(pattern)).collect()),
    };
    let resources = match &statement.resources {
        Some(list) if !list.negated && list.patterns.len() * actions.len() <= PAIRS_MAX => {
            places(list.patterns.iter().map(Template::head).collect())
        }
        _ => whole(),
    };
    for (resource_head, resource) in &resources {
        let by_action = rows.entry(resource_head).or_default();
        for (action_head, action) in &actions {
            let entry = Entry { policy, statement: number, resource: *resource, action: *action };
            by_action.entry(action_head).or_default().push(entry);
        }
    }
}

impl Entry {
    /// Whether the patterns match behind their heads, which the search has compared.
    fn covers(self, statement: &CompiledStatement, action: &str, request: &Request<'_>) -> bool {
        let covers_action = match self.action {
            Place::Whole => statement.covers_action(request),
            Place::At { number, head } => {
                let pattern = statement.actions.patterns.get(number as usize);
                pattern.is_some_and(|pattern| tail_matches(pattern, action, head))
            }
        };
        covers_action
            && match self.resource {
                Place::Whole => statement.covers_resource(request),
                Place::At { number, head } => {
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
    let head = head as usize;
    match (pattern.get(head..), text.get(head..)) {
        (Some(""), Some(rest)) => rest.is_empty(),
        (Some("*"), Some(_)) => true,
        (Some(tail), Some(rest)) => wildcard_matches(tail, rest),
        _ => false,
    }
}
