//! What somebody may do: each grant of his policies, with what boundary, organization and denies leave of it.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    account::{Account, Member},
    caller::{Caller, CallerKind},
    cells::Matcher,
    documents::Documents,
    formula::Formula,
    glob::Glob,
    known::{Known, Seen},
    outlook::{Asked, Outlook, outlook_with},
};
use crate::{
    Action, Context, PolicySet, Request, StatementRef,
    catalogue::{self, AccessLevel, CatalogueAction},
    document::{ActionBlock, StatementEffect},
    statement::CompiledStatement,
};

/// Something that is granted.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The pattern of actions, as it is written; `*` where the statement names what it does not grant.
    pub action: String,
    /// The pattern of resources, with what is known of the caller in place of variables.
    pub resource: String,
    /// When: never [`Formula::False`]. It names the actions and resources that are taken out again.
    pub when: Formula,
    /// The statement; `None` for what a root user may by being one.
    pub statement: Option<StatementRef>,
    /// Both patterns, the actions in lower case.
    patterns: (Glob, Glob),
}

impl Grant {
    /// The actions of the catalogue that it is about and does not take out again.
    pub fn actions(&self) -> Vec<&'static CatalogueAction> {
        let all = catalogue::expand(&self.action).into_iter();
        all.filter(|action| self.of(action) != Formula::False).collect()
    }

    /// Whether it grants a request of the member whom it is about.
    pub fn allows(&self, request: &Request<'_>) -> bool {
        let matches = |glob: &Glob, text: &str| Matcher::glob(glob).matches(text);
        matches(&self.patterns.0, request.action.lower())
            && matches(&self.patterns.1, request.resource)
            && self.when.holds(request)
    }

    /// When it grants one action of those that its pattern covers.
    fn of(&self, action: &CatalogueAction) -> Formula {
        self.when.about_action(&action.to_string().to_ascii_lowercase())
    }
}

/// How many actions of one access level are granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelAccess {
    /// Actions that there are.
    pub total: usize,
    /// Those that are granted on every resource, whatever the circumstances.
    pub full: usize,
    /// Those that are granted on some resources, or under conditions.
    pub limited: usize,
}

/// What is granted of one service.
#[derive(Clone, Debug)]
pub struct ServiceAccess {
    /// Its prefix, `s3`.
    pub service: &'static str,
    /// By access level.
    pub levels: BTreeMap<AccessLevel, LevelAccess>,
}

/// Everything that is granted.
#[derive(Clone, Debug, Default)]
pub struct WhatCan {
    /// The grants, in the order of the statements; none that another makes needless.
    pub grants: Vec<Grant>,
    /// The services of which something is granted, by prefix.
    pub services: Vec<ServiceAccess>,
}

/// What a member of an account may do to the account's resources, by its own policies, after what its boundary, its organization and
/// denies take out again.
///
/// What the policies of resources grant besides, or must grant too (as that of a role that is to be assumed), is not in it: that is a
/// question about the resource, for [`super::who_can()`].
pub fn what_can(account: &Account, member: &Member) -> WhatCan {
    let set = account.set(member, None);
    let mut documents = Documents::default();
    documents.read(&set);
    let caller = Caller::member(member);
    let asker = Asker { set: &set, documents: &documents, caller: &caller };
    let mut grants = if caller.kind == CallerKind::Root { asker.root() } else { asker.grants() };
    without_needless(&mut grants);
    let services = summary(&grants);
    WhatCan { grants, services }
}

struct Asker<'a> {
    set: &'a PolicySet,
    documents: &'a Documents,
    caller: &'a Caller,
}

impl Asker<'_> {
    /// A root user may everything that nothing limits.
    fn root(&self) -> Vec<Grant> {
        let (action, resource) = (Glob::new("*"), Glob::new("*"));
        let when = self.look(&action, &resource).formula();
        if when == Formula::False {
            return Vec::new();
        }
        let patterns = (action, resource);
        vec![Grant { action: "*".into(), resource: "*".into(), when, statement: None, patterns }]
    }

    fn grants(&self) -> Vec<Grant> {
        let mut all = Vec::new();
        for policy in &self.set.identity {
            for (index, statement) in policy.statements().iter().enumerate() {
                if statement.effect == StatementEffect::Allow {
                    let found = StatementRef { policy: Arc::clone(policy), index };
                    self.of_statement(&found, statement, &mut all);
                }
            }
        }
        all
    }

    fn of_statement(
        &self,
        found: &StatementRef,
        statement: &CompiledStatement,
        all: &mut Vec<Grant>,
    ) {
        let Some((written, _)) = self.documents.statement(found) else { return };
        let actions: Vec<&str> = match &written.actions {
            ActionBlock::Action(texts) => texts.iter().map(|text| &**text).collect(),
            ActionBlock::NotAction(_) => vec!["*"],
        };
        for action in actions {
            let pattern = Glob::new(&action.to_ascii_lowercase());
            for resource in self.resources(statement) {
                let outlook = self.look(&pattern, &resource);
                let own = outlook.grants.iter().find(|part| {
                    part.statement.index == found.index
                        && Arc::ptr_eq(&part.statement.policy, &found.policy)
                });
                let Some(own) = own else { continue };
                let denied = outlook.denies.iter().map(|deny| deny.when.clone().negated());
                let when = [own.when.clone(), outlook.limits.clone()].into_iter().chain(denied);
                let grant = Grant {
                    action: action.to_owned(),
                    resource: resource.to_string(),
                    when: Formula::all(when),
                    statement: Some(found.clone()),
                    patterns: (pattern.clone(), resource),
                };
                if grant.when != Formula::False {
                    all.push(grant);
                }
            }
        }
    }

    /// The patterns of resources of a statement, as far as the caller is known.
    fn resources(&self, statement: &CompiledStatement) -> Vec<Glob> {
        let listed = statement.resources.as_ref().filter(|element| !element.negated);
        let Some(element) = listed else { return vec![Glob::new("*")] };
        let (some, context) = (Action::some(), Context::default());
        let request = Request::new(&self.caller.principal, &some, "*", &context);
        let known = Known { request: &request, open: self.caller.open };
        let seen = |template| match known.seen(template) {
            Seen::Exact(glob) | Seen::AtMost(glob) => Some(glob),
            Seen::Nothing => None,
        };
        element.patterns.iter().filter_map(seen).collect()
    }

    fn look(&self, action: &Glob, resource: &Glob) -> Outlook {
        let asked =
            Asked { open: self.caller.open, ..Asked::new(&self.caller.principal, "*", "*") };
        outlook_with(self.documents, self.set, &asked, (action, resource))
    }
}

/// Takes out what another grant holds.
fn without_needless(grants: &mut Vec<Grant>) {
    let covers = |one: &Grant, other: &Grant| {
        one.patterns.0.covers(&other.patterns.0) && one.patterns.1.covers(&other.patterns.1)
    };
    let holds = |(a, mine): (usize, &Grant), (b, theirs): (usize, &Grant)| {
        let same = mine.when == theirs.when;
        // Of two that hold each other the first one stays.
        let first = a < b || !(same && covers(theirs, mine));
        a != b && covers(mine, theirs) && (same || mine.when == Formula::True) && first
    };
    let kept: Vec<bool> = grants
        .iter()
        .enumerate()
        .map(|grant| !grants.iter().enumerate().any(|other| holds(other, grant)))
        .collect();
    let mut kept = kept.into_iter();
    grants.retain(|_| kept.next().unwrap_or(true));
}

/// How much of each service is granted.
fn summary(grants: &[Grant]) -> Vec<ServiceAccess> {
    // Whether each action that is granted at all is granted in full.
    let mut granted: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for grant in grants {
        for action in catalogue::expand(&grant.action) {
            let known = granted.get(&(action.service, action.name));
            if known == Some(&true) {
                continue;
            }
            match grant.of(action) {
                Formula::False => {}
                when => {
                    let full = when == Formula::True && grant.resource == "*";
                    granted.insert((action.service, action.name), full);
                }
            }
        }
    }
    let service = |service: &'static catalogue::Service| {
        let mut levels: BTreeMap<AccessLevel, LevelAccess> = BTreeMap::new();
        for action in service.actions() {
            let level = levels.entry(action.access_level).or_default();
            level.total += 1;
            match granted.get(&(action.service, action.name)) {
                Some(true) => level.full += 1,
                Some(false) => level.limited += 1,
                None => {}
            }
        }
        let any = levels.values().any(|level| level.full + level.limited > 0);
        any.then_some(ServiceAccess { service: service.prefix, levels })
    };
    catalogue::services().iter().filter_map(service).collect()
}

#[cfg(test)]
mod tests;
