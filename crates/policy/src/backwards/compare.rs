//! Two versions of policies: what becomes allowed, what becomes denied, and a request that shows each.
//!
//! The patterns of both versions cut actions and resources into cells, of each of which one is looked at ([`super::cells`]). For each
//! pair and each caller both versions give a formula; where those differ, circumstances are sought under which one holds and the other
//! does not, with one value for each way in which the conditions on a key can come out ([`super::dimension`]). What is found is then
//! decided by [`crate::authorize`], so that a witness is never wrong.
//!
//! # When "equal" is the whole truth
//!
//! [`Comparison::limits`] names what kept the search from being complete. Where it is empty, both versions decide every request by
//! these callers alike, on every resource that is `*` or an ARN, and whatever its action and circumstances; as long as text keeps to
//! the characters that policies may hold and a date to milliseconds. What is known of a resource is known from the context.

use core::cell::Cell;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    caller::Caller,
    dimension::{Pool, Written, of_template},
    documents::{Documents, policies},
    formula::Formula,
    glob::{Glob, Step},
    known::{Known, Seen},
    outlook::{Outlook, Verdict, outlook_with},
    satisfy::{Search, choices, satisfy},
    witness::{Base, Witness},
};
use crate::{
    Action, CompiledPolicy, Context, PolicySet, Request, StatementRef, authorize,
    catalogue::{self, CatalogueAction, ResourceType},
    statement::CompiledStatement,
};

mod accounts;
mod scope;
mod what;

pub use accounts::compare_accounts;
pub(crate) use scope::of_condition;
pub use scope::{Scope, alone};
pub(crate) use what::{ActionCell, Named, ResourceCell, action_cells, resource_cells};

/// Which way a decision goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// What was denied is allowed.
    Widened,
    /// What was allowed is denied.
    Narrowed,
}

/// Requests that the versions decide differently.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Which way.
    pub change: Change,
    /// Whose requests: names of callers, as in [`Caller::name`].
    pub callers: Vec<Arc<str>>,
    /// When they were allowed.
    pub before: Verdict,
    /// When they are.
    pub after: Verdict,
    /// Actions that are decided so: those of the catalogue, or else one that shows it.
    pub actions: Vec<String>,
    /// Resources that are decided so, one of each kind.
    pub resources: Vec<String>,
    /// A request that was decided by both versions, and differently.
    pub witness: Witness,
}

/// What kept a comparison from being complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// A variable stands for a value that is only known with the request.
    OpenVariables,
    /// Patterns of actions or resources cut out too many cells.
    Cells,
    /// Conditions have too many values together.
    Values,
    /// A search for circumstances was broken off.
    Choices,
    /// More actions with resources than are looked at.
    Pairs,
    /// Callers are representatives, of a set of policies that speaks of callers.
    Callers,
}

impl Limit {
    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::OpenVariables => "variables stand for values that only a request has",
            Self::Cells => "patterns tell too many texts apart",
            Self::Values => "conditions have too many values together",
            Self::Choices => "a search for circumstances was broken off",
            Self::Pairs => "there are too many actions and resources",
            Self::Callers => "callers are representatives",
        }
    }
}

/// What differs.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The differences: what is widened first, then by caller.
    pub differences: Vec<Difference>,
    /// What kept the search from being complete; empty where it was.
    pub limits: BTreeSet<Limit>,
}

impl Comparison {
    /// Whether something became allowed, or else denied.
    pub fn any(&self, change: Change) -> bool {
        self.differences.iter().any(|difference| difference.change == change)
    }
}

/// Most pairs of an action and a resource that are looked at, for each caller. Where there are more, those that do not fit each other
/// are left out first.
const PAIRS_MAX: usize = 20_000;

/// Compares two versions.
pub fn compare(old: &PolicySet, new: &PolicySet, scope: &Scope) -> Comparison {
    let mut documents = Documents::default();
    documents.read(old);
    documents.read(new);
    let statements = statements(old).chain(statements(new)).collect();
    let changed = changed(&documents, old, new);
    let mut found = Comparison::default();
    let broken_off = Cell::new(0);
    let comparer =
        Comparer { old, new, scope, documents: &documents, statements, changed, broken_off };
    comparer.run(&mut found);
    found.differences.sort_by_key(|difference| difference.change);
    found
}

/// All statements of a set.
pub(crate) fn statements(set: &PolicySet) -> impl Iterator<Item = StatementRef> {
    policies(set).flat_map(|policy| {
        (0..policy.len()).map(|index| StatementRef { policy: policy.clone(), index })
    })
}

/// The statements that stand in one version only; `None` where the versions differ in more than statements.
fn changed(documents: &Documents, old: &PolicySet, new: &PolicySet) -> Option<Vec<StatementRef>> {
    let shape = |set: &PolicySet| {
        let source = set.resource.as_ref().map(|policy| policy.source().clone());
        (
            (set.boundary.is_some(), set.session.is_some(), set.endpoint.is_some(), source),
            (set.service_control.len(), set.resource_control.len()),
        )
    };
    if shape(old) != shape(new) {
        return None;
    }
    let slots = |set: &PolicySet| {
        let single = [&set.boundary, &set.resource, &set.endpoint];
        let mut slots: Vec<Vec<_>> =
            single.into_iter().map(|policy| policy.iter().cloned().collect()).collect();
        slots.push(set.identity.clone());
        slots.push(set.session.clone().unwrap_or_default());
        slots.extend(set.service_control.iter().chain(&set.resource_control).cloned());
        slots
    };
    let mut changed = Vec::new();
    for (before, after) in slots(old).into_iter().zip(slots(new)) {
        let all = |policies: &[Arc<CompiledPolicy>]| -> Vec<StatementRef> {
            let each = policies.iter().flat_map(|policy| {
                (0..policy.len()).map(|index| StatementRef { policy: policy.clone(), index })
            });
            each.collect()
        };
        let (before, after) = (all(&before), all(&after));
        let is_in = |one: &StatementRef, others: &[StatementRef]| {
            others.iter().any(|other| {
                match (documents.statement(one), documents.statement(other)) {
                    (Some((a, variables)), Some((b, same))) => {
                        variables == same && a.says_the_same(b)
                    }
                    _ => false,
                }
            })
        };
        changed.extend(before.iter().filter(|one| !is_in(one, &after)).cloned());
        changed.extend(after.iter().filter(|one| !is_in(one, &before)).cloned());
    }
    Some(changed)
}

pub(crate) fn compiled(found: &StatementRef) -> Option<&CompiledStatement> {
    found.policy.statements().get(found.index)
}

/// The conditions of statements, as they were compiled and written.
pub(crate) fn conditions<'a>(
    documents: &'a Documents,
    statements: &'a [StatementRef],
) -> Vec<Written<'a>> {
    let of = |found: &'a StatementRef| {
        let compiled = compiled(found)?.conditions.iter();
        let (written, _) = documents.statement(found)?;
        Some(compiled.zip(&written.conditions))
    };
    let all = statements.iter().filter_map(of).flatten();
    all.map(|(compiled, entry)| Written { compiled, entry }).collect()
}

/// The text itself, of which no character is a wildcard.
pub(crate) fn exactly(text: &str) -> Glob {
    Glob::from_steps(text.chars().map(Step::Char))
}

struct Comparer<'a> {
    old: &'a PolicySet,
    new: &'a PolicySet,
    scope: &'a Scope,
    documents: &'a Documents,
    statements: Vec<StatementRef>,
    changed: Option<Vec<StatementRef>>,
    /// Searches that were broken off.
    broken_off: Cell<usize>,
}

/// Differences of one caller, joined by the way and both verdicts; and whether actions fit resources there. Those that don't are left
/// out where others do: no request asks for an object action on a queue.
type Alike = BTreeMap<(Change, String, String), (bool, Difference)>;

impl Comparer<'_> {
    fn run(&self, found: &mut Comparison) {
        if self.changed.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        if self.scope.callers.len() > 1 {
            found.limits.insert(Limit::Callers);
        }
        let compiled_statements = || self.statements.iter().filter_map(compiled);
        let (mut actions, complete) = action_cells(compiled_statements());
        if !complete {
            found.limits.insert(Limit::Cells);
        }
        actions.retain(|cell| self.touched_by(&cell.action));
        let types = types_of(&actions);
        for caller in &self.scope.callers {
            let mut alike = Alike::new();
            self.of_caller(caller, &actions, &types, found, &mut alike);
            for ((change, before, after), (_, difference)) in alike {
                let same = |other: &&mut Difference| {
                    (other.change, &other.actions, &other.resources)
                        == (change, &difference.actions, &difference.resources)
                        && (other.before.to_string(), other.after.to_string())
                            == (before.clone(), after.clone())
                };
                match found.differences.iter_mut().find(same) {
                    Some(other) => other.callers.extend(difference.callers),
                    None => found.differences.push(difference),
                }
            }
        }
    }

    /// Whether a statement that changed speaks of an action.
    fn touched_by(&self, action: &Action) -> bool {
        let (somebody, context) = (crate::Principal::anonymous(), Context::default());
        let request = Request::new(&somebody, action, "*", &context);
        let touches =
            |found: &StatementRef| compiled(found).is_some_and(|s| s.covers_action(&request));
        self.changed.as_ref().is_none_or(|changed| changed.iter().any(touches))
    }

    fn of_caller(
        &self,
        caller: &Caller,
        actions: &[ActionCell],
        types: &[&'static ResourceType],
        found: &mut Comparison,
        alike: &mut Alike,
    ) {
        let base = |action: &Action, resource: &str| Base {
            principal: caller.principal.clone(),
            action: action.clone(),
            resource: resource.to_owned(),
            resource_account: self.scope.owner,
            policy_must_allow: self.scope.policy_must_allow,
        };
        let start = base(&Action::some(), "*");
        let witness = start.under(&BTreeMap::new());
        let request = witness.request();
        let known = Known { request: &request, open: caller.open };
        let compiled_statements: Vec<&CompiledStatement> =
            self.statements.iter().filter_map(compiled).collect();
        let (resources, complete) = if let Some(resource) = &self.scope.resource {
            (vec![vec![Named::new(resource.clone())]], true)
        } else {
            let statements = compiled_statements.iter().copied();
            resource_cells(statements, types, known, &start, caller.open)
        };
        let variables: BTreeSet<_> = compiled_statements
            .iter()
            .filter_map(|s| s.resources.as_ref())
            .flat_map(|element| element.patterns.iter())
            .flat_map(|template| of_template(template, &start, caller.open))
            .collect();
        let conditions = conditions(self.documents, &self.statements);
        let pool = Pool::new(&conditions, &variables, &start, caller.open);
        let templates = || conditions.iter().flat_map(|c| c.compiled.templates());
        let open = |t| !of_template(t, &start, caller.open).is_empty();
        if !variables.is_empty() || templates().any(open) {
            found.limits.insert(Limit::OpenVariables);
        } else {
            if !complete {
                found.limits.insert(Limit::Cells);
            }
            if !pool.complete {
                found.limits.insert(Limit::Values);
            }
        }
        let many = actions.len().saturating_mul(resources.len()) > PAIRS_MAX;
        let mut pairs = 0;
        for cell in actions {
            for texts in &resources {
                let Some((action, resource, fits)) = best(cell, texts) else { continue };
                if many && !fits {
                    found.limits.insert(Limit::Pairs);
                    continue;
                }
                if !self.touched(known, &action, &resource.text) {
                    continue;
                }
                pairs += 1;
                if pairs > PAIRS_MAX {
                    found.limits.insert(Limit::Pairs);
                    return;
                }
                let base = base(&action, &resource.text);
                let pair = Pair { caller, base, pool: &pool, cell, resource, fits };
                self.of_pair(&pair, found, alike);
            }
        }
    }

    /// Whether a statement that changed may speak of an action and a resource.
    fn touched(&self, known: Known<'_>, action: &Action, resource: &str) -> bool {
        let text = exactly(resource);
        let request = Request { action, resource, ..*known.request };
        let touches = |found: &StatementRef| {
            compiled(found).is_some_and(|statement| {
                let element = statement.resources.as_ref().filter(|element| !element.negated);
                let seen = |template| match known.seen(template) {
                    Seen::Exact(glob) | Seen::AtMost(glob) => glob.covers(&text),
                    Seen::Nothing => false,
                };
                statement.covers_action(&request)
                    && element.is_none_or(|element| element.patterns.iter().any(seen))
            })
        };
        self.changed.as_ref().is_none_or(|changed| changed.iter().any(touches))
    }

    fn of_pair(&self, pair: &Pair<'_>, found: &mut Comparison, alike: &mut Alike) {
        let (before, after) =
            (self.look(self.old, pair).formula(), self.look(self.new, pair).formula());
        if before == after {
            return;
        }
        for (change, denied, allowed) in
            [(Change::Widened, &before, &after), (Change::Narrowed, &after, &before)]
        {
            let wanted = Formula::all([allowed.clone(), denied.clone().negated()]);
            let search = Search {
                base: &pair.base,
                open: pair.caller.open,
                pool: pair.pool,
                may: &|_, _| true,
                choices: choices(self.broken_off.get()),
            };
            let witness = match satisfy(&wanted, search) {
                Ok(Some(witness)) if self.shows(change, &witness) => witness,
                Ok(None) => continue,
                // What both evaluators do not agree on is not shown.
                Ok(Some(_)) | Err(_) => {
                    self.broken_off.set(self.broken_off.get() + 1);
                    found.limits.insert(Limit::Choices);
                    continue;
                }
            };
            let verdicts = (Verdict::from(before.clone()), Verdict::from(after.clone()));
            let key = (change, verdicts.0.to_string(), verdicts.1.to_string());
            let fresh = Difference {
                change,
                callers: vec![Arc::clone(&pair.caller.name)],
                before: verdicts.0,
                after: verdicts.1,
                actions: Vec::new(),
                resources: Vec::new(),
                witness,
            };
            let (fits, difference) = alike.entry(key).or_insert_with(|| (false, fresh.clone()));
            if pair.fits && !*fits {
                (*fits, *difference) = (true, fresh);
            }
            if pair.fits == *fits {
                add(&mut difference.actions, pair.actions());
                add(&mut difference.resources, [pair.base.resource.clone()]);
            }
        }
    }

    fn look(&self, set: &PolicySet, pair: &Pair<'_>) -> Outlook {
        let base = &pair.base;
        let asked = base.asked(pair.caller.open);
        let what = (exactly(base.action.lower()), exactly(&base.resource));
        outlook_with(self.documents, set, &asked, (&what.0, &what.1))
    }

    /// Whether the engine decides a request so.
    fn shows(&self, change: Change, witness: &Witness) -> bool {
        let request = witness.request();
        let allows = |set| authorize(set, &request).is_allowed();
        (allows(self.old), allows(self.new))
            == match change {
                Change::Widened => (false, true),
                Change::Narrowed => (true, false),
            }
    }
}

/// Adds what is not there yet.
pub(crate) fn add(list: &mut Vec<String>, more: impl IntoIterator<Item = String>) {
    let known: BTreeSet<&String> = list.iter().collect();
    let fresh: Vec<String> = more.into_iter().filter(|one| !known.contains(one)).collect();
    list.extend(fresh);
}

/// One caller with one action and one resource.
struct Pair<'a> {
    caller: &'a Caller,
    base: Base,
    pool: &'a Pool,
    cell: &'a ActionCell,
    resource: &'a Named,
    /// Whether the action works on the resource.
    fits: bool,
}

impl Pair<'_> {
    /// Actions that are decided like this one, and fit the resource where this one does.
    fn actions(&self) -> Vec<String> {
        self.cell.fitting(self.fits.then_some(self.resource))
    }
}

/// More services than this bring no resource types: the policies speak of everything.
const SERVICES_MAX: usize = 40;

/// The resource types of the services whose actions are looked at.
pub(crate) fn types_of(actions: &[ActionCell]) -> Vec<&'static ResourceType> {
    let services: BTreeSet<&str> = actions.iter().map(|cell| cell.action.service()).collect();
    let services = services.into_iter().take(SERVICES_MAX).filter_map(catalogue::service);
    services.flat_map(catalogue::Service::resource_types).collect()
}

/// An action and a resource of these cells that fit each other where any do, and whether they do.
pub(crate) fn best<'a>(
    cell: &ActionCell,
    texts: &'a ResourceCell,
) -> Option<(Action, &'a Named, bool)> {
    /// Actions of which each is tried with every resource, and resources of which each is tried with every action.
    const TRIED_MAX: (usize, usize) = (64, 4);
    let actions = cell.known.iter().take(TRIED_MAX.0);
    let mut shortest: Vec<&Named> = texts.iter().collect();
    shortest.sort_by_key(|named| named.text.len());
    let by_action = |action: &&'static CatalogueAction| {
        shortest.iter().find(|named| named.fits(action)).map(|named| (*action, *named))
    };
    let by_resource = |named: &&'a Named| {
        cell.known.iter().find(|action| named.fits(action)).map(|action| (*action, *named))
    };
    let found = actions.into_iter().find_map(by_action);
    let found = found.or_else(|| shortest.iter().take(TRIED_MAX.1).find_map(by_resource));
    if let Some((action, named)) = found {
        return Some((Action::parse(&action.to_string()).ok()?, named, true));
    }
    Some((cell.action.clone(), texts.first()?, false))
}

#[cfg(test)]
mod tests;
