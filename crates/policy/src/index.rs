//! Which statements can speak of an action on a resource at all: found by the heads of their patterns, without looking at the others.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    CompiledPolicy, Request, prefix_map::PrefixMap, statement::CompiledStatement,
    wildcard::wildcard_matches,
};

/// The statements of some policies by the head of the action (`s3:get` of `s3:Get*`), then by the head of the resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatementIndex {
    by_action: PrefixMap<PrefixMap<Box<[Entry]>>>,
}

/// A pair of an action pattern and a resource pattern of one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    policy: u32,
    statement: u32,
    action: Place,
    resource: Place,
}

/// Which pattern of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    At(u32),
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
        let by_resource = |rows: BTreeMap<&str, Vec<Entry>>| {
            PrefixMap::new(rows.into_iter().map(|(head, entries)| (head, entries.into())).collect())
        };
        Self {
            by_action: PrefixMap::new(
                rows.into_iter().map(|(head, rows)| (head, by_resource(rows))).collect(),
            ),
        }
    }

    /// The statements that cover action and resource of a request; one may come more than once. `policies` are those that the
    /// index was made of, in the same order.
    pub(crate) fn covering<'a>(
        &'a self,
        policies: &'a [Arc<CompiledPolicy>],
        request: &'a Request<'a>,
    ) -> impl Iterator<Item = Candidate<'a>> {
        let entries =
            self.by_action.prefixes(request.action.lower()).flat_map(move |by_resource| {
                by_resource.prefixes(request.resource).flat_map(|entries| entries.iter())
            });
        entries.filter_map(move |entry| {
            let policy = policies.get(entry.policy as usize)?;
            let number = entry.statement as usize;
            let statement = policy.statements().get(number)?;
            entry.covers(statement, request).then_some(Candidate { policy, number, statement })
        })
    }
}

fn insert<'a>(rows: &mut Rows<'a>, policy: u32, number: u32, statement: &'a CompiledStatement) {
    let actions = &statement.actions;
    let action_heads: Vec<(&str, Place)> = if actions.negated {
        vec![("", Place::Whole)]
    } else {
        actions.patterns.iter().map(|p| literal_head(p)).zip((0..).map(Place::At)).collect()
    };
    let resource_heads: Vec<(&str, Place)> = match &statement.resources {
        Some(resources)
            if !resources.negated && resources.patterns.len() * action_heads.len() <= PAIRS_MAX =>
        {
            resources
                .patterns
                .iter()
                .map(super::template::Template::head)
                .zip((0..).map(Place::At))
                .collect()
        }
        _ => vec![("", Place::Whole)],
    };
    for (action_head, action) in action_heads {
        for (resource_head, resource) in &resource_heads {
            let entry = Entry { policy, statement: number, action, resource: *resource };
            rows.entry(action_head).or_default().entry(resource_head).or_default().push(entry);
        }
    }
}

fn literal_head(pattern: &str) -> &str {
    pattern.get(..pattern.find(['*', '?']).unwrap_or(pattern.len())).unwrap_or_default()
}

impl Entry {
    /// Whether the patterns match behind their heads, which the search has compared.
    fn covers(self, statement: &CompiledStatement, request: &Request<'_>) -> bool {
        let action = match self.action {
            Place::Whole => statement.covers_action(request),
            Place::At(n) => statement.actions.patterns.get(n as usize).is_some_and(|pattern| {
                let head = literal_head(pattern).len();
                let tail = pattern.get(head..).unwrap_or_default();
                tail == "*"
                    || wildcard_matches(
                        tail,
                        request.action.lower().get(head..).unwrap_or_default(),
                    )
            }),
        };
        action
            && match self.resource {
                Place::Whole => statement.covers_resource(request),
                Place::At(n) => {
                    let pattern =
                        statement.resources.as_ref().and_then(|r| r.patterns.get(n as usize));
                    pattern.is_some_and(|p| p.like_behind_head(request.resource, request))
                }
            }
    }
}
