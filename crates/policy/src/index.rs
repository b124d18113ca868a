//! Which statements can speak of an action on a resource at all: found by the heads of their patterns, without looking at the others.
//!
//! The head of a pattern is the text before its first wildcard or variable. Two questions are asked once each, however many
//! statements there are: which patterns match the request's action, and which heads begin its resource? The candidates stand where
//! both meet. Where many resources share a head, as those do that begin with a wildcard, they are found by four bytes of the text
//! behind it instead.

use core::ops::ControlFlow;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::{
    Action, CompiledPolicy, Request,
    action_test::{ActionTest, Initials},
    document::StatementEffect,
    gram_map::GramMap,
    prefix_map::PrefixMap,
    statement::CompiledStatement,
    wildcard::Cut,
};

mod build;

/// The statements of some policies by their resources and actions.
#[derive(Clone, Debug)]
pub(crate) struct StatementIndex {
    /// The different patterns of actions, by their numbers.
    actions: Box<[ActionTest]>,
    /// For each head of an action (`s3:get` of `s3:Get*`) its patterns. Empty where no group is large.
    by_action: PrefixMap<Box<[ActionPattern]>>,
    /// For each head of a resource (`arn:aws:s3:::photos/` of `arn:aws:s3:::photos/*`) its entries.
    by_resource: PrefixMap<Group>,
    /// The entries that too many others share their head with, each by four bytes of what stands behind it.
    by_gram: Option<GramMap<Group>>,
    /// Those of one group side by side, in the order of their actions.
    entries: Box<[Entry]>,
    /// The statements that have entries, by their numbers there.
    speakers: Box<[Speaker]>,
    /// What stands behind the heads of patterns, the same text once.
    tails: Box<[Cut]>,
}

/// One of the different patterns of actions.
#[derive(Clone, Debug)]
struct ActionPattern {
    number: u32,
    behind: Behind,
}

impl ActionPattern {
    const ASKED: Self = Self { number: ASKED, behind: Behind::WHOLE };
}

/// Some entries side by side.
#[derive(Clone, Copy, Debug)]
struct Group {
    start: u32,
    end: u32,
    /// Those of all their actions.
    initials: Initials,
}

/// An action pattern and a resource pattern of one statement. There is one for each pair of them: four words.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The number of the action's pattern.
    action: u32,
    initials: Initials,
    /// The number of the statement among the speakers.
    speaker: u32,
    resource: Behind,
}

/// Where a statement stands, and what is asked of it first.
#[derive(Clone, Copy, Debug)]
struct Speaker {
    policy: u32,
    statement: u32,
    /// Whether the statement denies.
    denies: bool,
    /// Whether it says whom it speaks of.
    names: bool,
}

/// What is behind the head of a pattern, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Behind(u32);

/// What the word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// Nothing.
    End,
    /// One star: every text matches.
    Star,
    /// There is no head: the list is a `Not…` list, or not written, or too long to be indexed pattern by pattern.
    Whole,
    /// The tail of this number.
    Tail(u32),
    /// A text with variables, or one that was found by its gram: the statement's resource of this number is asked for all of it.
    Pattern(u32),
}

impl Behind {
    const END: Self = Self(0);
    const STAR: Self = Self(1);
    const WHOLE: Self = Self(2);

    /// A policy is far too short for numbers that do not fit.
    const fn tail(number: u32) -> Self {
        Self(3 + 2 * number)
    }

    const fn pattern(number: u32) -> Self {
        Self(4 + 2 * number)
    }

    #[inline]
    const fn rest(self) -> Rest {
        match self.0 {
            0 => Rest::End,
            1 => Rest::Star,
            2 => Rest::Whole,
            tail if tail % 2 == 1 => Rest::Tail((tail - 3) / 2),
            pattern => Rest::Pattern((pattern - 4) / 2),
        }
    }
}

/// A statement that covers action and resource, and the policy that it stands in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) policy: &'a Arc<CompiledPolicy>,
    /// The policy's place among those that the index was made of.
    pub(crate) place: usize,
    pub(crate) number: usize,
    /// Whether the statement denies.
    pub(crate) denies: bool,
    /// Whether it says whom it speaks of.
    pub(crate) names: bool,
}

impl<'a> Candidate<'a> {
    /// The statement.
    pub(crate) fn statement(&self) -> Option<&'a CompiledStatement> {
        self.policy.statements().get(self.number)
    }
}

/// The numbers of the patterns that match one action. More than these are rare: `*`, `s3:*`, `s3:Get*`, `s3:GetObject`.
type Matching = SmallVec<[u32; 16]>;

/// As many entries as are looked through one by one. A larger group is searched for each pattern that matches the action; which do
/// is found out once, and takes as long as comparing the action with a dozen of them.
const FEW: usize = 16;

impl StatementIndex {
    /// Shows `hear` the statements that cover action and resource of a request, until it breaks off; one may come more than once.
    /// `policies` are those that the index was made of, in the same order.
    pub(crate) fn covering<'a>(
        &'a self,
        policies: &'a [Arc<CompiledPolicy>],
        request: &'a Request<'a>,
        mut hear: impl FnMut(Candidate<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut matching = None;
        let mut show = |group: &Group, rest| {
            self.meeting(*group, request.action, &mut matching, |entry| {
                let speaker = self.speakers.get(entry.speaker as usize);
                let Some(speaker) = speaker.filter(|_| self.matches(entry.resource, rest)) else {
                    return ControlFlow::Continue(());
                };
                let (place, number) = (speaker.policy as usize, speaker.statement as usize);
                let Some(policy) = policies.get(place) else { return ControlFlow::Continue(()) };
                let &Speaker { denies, names, .. } = speaker;
                let candidate = Candidate { policy, place, number, denies, names };
                if entry.covers_whole(candidate, request) {
                    hear(candidate)
                } else {
                    ControlFlow::Continue(())
                }
            })
        };
        self.by_resource.prefixes(request.resource.as_bytes(), &mut show)?;
        for group in self.by_gram.iter().flat_map(|grams| grams.within(request.resource)) {
            show(group, &[])?;
        }
        ControlFlow::Continue(())
    }

    /// The patterns that match an action.
    fn matching(&self, action: &Action) -> Matching {
        let mut matching = Matching::new();
        // Nobody breaks off.
        let _ = self.by_action.prefixes(action.lower().as_bytes(), |patterns, rest| {
            let matches = patterns.iter().filter(|pattern| self.matches(pattern.behind, rest));
            matching.extend(matches.map(|pattern| pattern.number));
            ControlFlow::Continue(())
        });
        matching
    }

    /// Shows `show` the entries of a group whose action matches.
    #[inline]
    fn meeting<'a>(
        &'a self,
        group: Group,
        action: &Action,
        matching: &mut Option<Matching>,
        mut show: impl FnMut(&'a Entry) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let initial = action.initial();
        if !group.initials.meets(initial) {
            return ControlFlow::Continue(());
        }
        let entries = self.entries.get(group.start as usize..group.end as usize);
        let entries = entries.unwrap_or_default();
        if entries.len() <= FEW {
            for entry in entries.iter().filter(|entry| entry.initials.meets(initial)) {
                let test = self.actions.get(entry.action as usize);
                if test.is_some_and(|test| test.matches(action)) {
                    show(entry)?;
                }
            }
            return ControlFlow::Continue(());
        }
        for number in &*matching.get_or_insert_with(|| self.matching(action)) {
            let start = entries.partition_point(|entry| entry.action < *number);
            let behind = entries.get(start..).unwrap_or_default();
            behind.iter().take_while(|entry| entry.action == *number).try_for_each(&mut show)?;
        }
        ControlFlow::Continue(())
    }

    /// Whether a pattern matches behind its head, where `rest` stands; true where the statement must be asked.
    #[inline]
    fn matches(&self, behind: Behind, rest: &[u8]) -> bool {
        match behind.rest() {
            Rest::End => rest.is_empty(),
            Rest::Star | Rest::Pattern(_) | Rest::Whole => true,
            Rest::Tail(number) => {
                self.tails.get(number as usize).is_some_and(|tail| tail.matches(rest))
            }
        }
    }
}

/// The action of each `NotAction` list: whether one covers the request's action is asked of its statement.
const ASKED: u32 = 0;

impl Speaker {
    fn new((policy, number): (u32, u32), statement: &CompiledStatement) -> Self {
        Self {
            policy,
            statement: number,
            denies: statement.effect == StatementEffect::Deny,
            names: statement.names_principals(),
        }
    }
}

impl Entry {
    /// Whether those elements match that are not indexed.
    #[inline]
    fn covers_whole(&self, candidate: Candidate<'_>, request: &Request<'_>) -> bool {
        let asked = |asked: fn(&CompiledStatement, &Request<'_>) -> bool| {
            candidate.statement().is_some_and(|statement| asked(statement, request))
        };
        let covers_action = self.action != ASKED || asked(CompiledStatement::covers_action);
        covers_action
            && match self.resource.rest() {
                Rest::End | Rest::Star | Rest::Tail(_) => true,
                Rest::Whole => asked(CompiledStatement::covers_resource),
                Rest::Pattern(number) => candidate.statement().is_some_and(|statement| {
                    let list = statement.resources.as_ref();
                    let pattern = list.and_then(|list| list.patterns.get(number as usize));
                    pattern.is_some_and(|pattern| pattern.like(request.resource, request))
                }),
            }
    }
}

#[cfg(test)]
mod tests;
