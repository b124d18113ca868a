//! When a caller may take an action on a resource: the rules of `decide.rs` over formulas in place of answers.

use core::fmt;
use std::sync::Arc;

use super::{
    documents::Documents,
    formula::{Asks, Formula, Literal},
    glob::Glob,
    known::{Known, Open, Seen},
};
use crate::{
    AccountId, Action, CompiledPolicy, Context, PolicySet, PolicyType, Principal, PrincipalKind,
    Request, ResourceFacts, StatementRef,
    decide::Waived,
    document::{ActionBlock, ResourceBlock, Statement, StatementEffect},
    principal_element::Named,
    statement::CompiledStatement,
    truth::Truth,
    voices::{self, LEVELS_MAX},
};

/// What is asked: about one caller, and all requests whose action and resource match.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// What: an action, or a pattern with `*` and `?`.
    pub action: &'a str,
    /// To what: an ARN, or a pattern with `*` and `?`.
    pub resource: &'a str,
    /// The account that owns the resource; `None`: the caller's.
    pub resource_account: Option<AccountId>,
    /// Whether the resource's policy must allow whatever others do, as that of a KMS key must.
    pub policy_must_allow: bool,
    /// What of the caller is not known and stays symbolic.
    pub open: Open,
}

impl<'a> Asked<'a> {
    /// About resources of the caller's own account, whatever session it comes with.
    pub fn new(principal: &'a Principal, action: &'a str, resource: &'a str) -> Self {
        Self {
            principal,
            action,
            resource,
            resource_account: None,
            policy_must_allow: false,
            open: Open::Session,
        }
    }
}

/// Whether it is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every such request is allowed.
    Always,
    /// None is.
    Never,
    /// Those of which this holds are.
    When(Formula),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Never => f.write_str("never"),
            Self::When(formula) => write!(f, "when {formula}"),
        }
    }
}

/// What one statement has to do with it.
#[derive(Clone, Debug)]
pub struct Part {
    /// The type of its policy.
    pub policy_type: PolicyType,
    /// The statement.
    pub statement: StatementRef,
    /// When it applies.
    pub when: Formula,
}

/// Everything about it.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// When everybody who must allow does, denies aside.
    pub allowed: Formula,
    /// When everybody does but the caller's own policies: boundary, session, organization, endpoint, and the resource's policy where
    /// that must. (What the resource's policy waives by naming the caller is in `allowed` alone.)
    pub limits: Formula,
    /// The statements of the caller's and the resource's policies that grant.
    pub grants: Vec<Part>,
    /// The statements that deny.
    pub denies: Vec<Part>,
}

impl Outlook {
    /// When it is allowed, denies included.
    pub fn formula(&self) -> Formula {
        let denied = self.denies.iter().map(|deny| deny.when.clone().negated());
        Formula::all([self.allowed.clone()].into_iter().chain(denied))
    }

    /// The same in one word, where one will do.
    pub fn verdict(&self) -> Verdict {
        self.formula().into()
    }
}

impl From<Formula> for Verdict {
    fn from(formula: Formula) -> Self {
        match formula {
            Formula::True => Self::Always,
            Formula::False => Self::Never,
            formula => Self::When(formula),
        }
    }
}

/// When requests are allowed.
///
/// Of every request by this caller (or by any that differs from it only in what is open) whose action and resource match, on a resource of
/// this owner, whatever its context and the resource's tags and organization: [`Outlook::formula`] holds of it just when
/// [`crate::authorize`] allows it. That is a property test, `the_outlook_is_what_comes`.
pub fn outlook(set: &PolicySet, asked: &Asked<'_>) -> Outlook {
    let mut documents = Documents::default();
    documents.read(set);
    let what = (Glob::new(&asked.action.to_ascii_lowercase()), Glob::new(asked.resource));
    outlook_with(&documents, set, asked, (&what.0, &what.1))
}

/// The same with documents that were read already, about an action (in lower case) and a resource.
pub(crate) fn outlook_with(
    documents: &Documents,
    set: &PolicySet,
    asked: &Asked<'_>,
    (action, resource): (&Glob, &Glob),
) -> Outlook {
    let (some, context) = (Action::some(), Context::default());
    let facts =
        ResourceFacts { policy_must_allow: asked.policy_must_allow, ..ResourceFacts::default() };
    let mut request = Request::new(asked.principal, &some, "*", &context);
    request.resource_account = asked.resource_account;
    request.resource_facts = Some(&facts);
    let known = Known { request: &request, open: asked.open };
    let mut reader = Reader {
        known,
        bounded: set.boundary.is_some(),
        action,
        resource,
        documents,
        denies: Vec::new(),
        grants: Vec::new(),
    };
    let (allowed, limits) = reader.weigh(set);
    let Reader { grants, denies, .. } = reader;
    Outlook { allowed, limits, grants, denies }
}

/// What a type of policy allows, by how the caller is named.
type Allows = Vec<(Named, Formula)>;

fn any(allows: &Allows) -> Formula {
    Formula::any(allows.iter().map(|(_, when)| when.clone()))
}

struct Reader<'a> {
    known: Known<'a>,
    bounded: bool,
    action: &'a Glob,
    resource: &'a Glob,
    documents: &'a Documents,
    denies: Vec<Part>,
    grants: Vec<Part>,
}

impl Reader<'_> {
    /// The rules of [`crate::decide::weigh`]: when everybody allows, and when everybody but the caller's own policies does. Denies are
    /// noted.
    fn weigh(&mut self, set: &PolicySet) -> (Formula, Formula) {
        let request = self.known.request;
        let mut needed = Vec::new();
        if voices::bound_by_resource_control(request) {
            needed.push(self.levels(PolicyType::ResourceControl, &set.resource_control));
        }
        if voices::bound_by_service_control(request) {
            needed.push(self.levels(PolicyType::ServiceControl, &set.service_control));
        }
        if let Some(endpoint) = &set.endpoint {
            needed.push(any(&self.hear(PolicyType::VpcEndpoint, core::slice::from_ref(endpoint))));
        }
        let silent = voices::Voices::silence(set.resource.as_ref());
        let by_resource = self.hear(silent.resource_type, set.resource.as_slice());
        if silent.resource_decides(request) {
            needed.push(any(&by_resource));
        }
        let identity = self.hear(PolicyType::Identity, &set.identity);
        let boundary = set.boundary.as_slice();
        let boundary = set.boundary.is_some().then(|| self.hear(PolicyType::Boundary, boundary));
        let session = set.session.as_ref().map(|list| self.hear(PolicyType::Session, list));
        let kind = request.principal.kind;
        if kind.is_homeless() {
            let all = Formula::all(needed);
            return (all.clone(), all);
        }
        // Naming the caller more directly waives more, so that it does not matter which of several allows is the best.
        let waives = |what: fn(Waived) -> bool| {
            let waiving = by_resource
                .iter()
                .filter(|(named, _)| !request.crosses_accounts() && what(Waived::by(*named, kind)));
            Formula::any(waiving.map(|(_, when)| when.clone()))
        };
        let mut limits = needed.clone();
        if kind != PrincipalKind::Root {
            needed.push(Formula::any([waives(|w| w.identity), any(&identity)]));
            if let Some(boundary) = &boundary {
                needed.push(Formula::any([waives(|w| w.boundary), any(boundary)]));
                limits.push(any(boundary));
            }
        }
        let own = match &session {
            Some(session) => any(session),
            None => (kind != PrincipalKind::FederatedUser).into(),
        };
        limits.push(own.clone());
        needed.push(Formula::any([waives(|w| w.session), own]));
        (Formula::all(needed), Formula::all(limits))
    }

    /// What the levels of an organization allow together.
    fn levels(&mut self, policy_type: PolicyType, levels: &[Vec<Arc<CompiledPolicy>>]) -> Formula {
        let each: Vec<Formula> =
            levels.iter().map(|level| any(&self.hear(policy_type, level))).collect();
        if levels.len() > LEVELS_MAX { Formula::False } else { Formula::all(each) }
    }

    /// What policies allow; what they deny is noted.
    fn hear(&mut self, policy_type: PolicyType, policies: &[Arc<CompiledPolicy>]) -> Allows {
        let mut allows = Vec::new();
        for policy in policies {
            for (index, statement) in policy.statements().iter().enumerate() {
                let named = statement.names(self.known.request.principal, self.bounded);
                let Some(named) = named else { continue };
                let found = StatementRef { policy: Arc::clone(policy), index };
                let when = self.applies(&found, statement);
                if when == Formula::False {
                    continue;
                }
                let part = Part { policy_type, statement: found, when: when.clone() };
                if statement.effect == StatementEffect::Deny {
                    self.denies.push(part);
                    continue;
                }
                if matches!(
                    policy_type,
                    PolicyType::Identity | PolicyType::Resource | PolicyType::Trust
                ) {
                    self.grants.push(part);
                }
                allows.push((named, when));
            }
        }
        allows
    }

    /// When a statement that names the caller applies.
    fn applies(&self, found: &StatementRef, statement: &CompiledStatement) -> Formula {
        let Some((written, variables)) = self.documents.statement(found) else {
            return Formula::False;
        };
        let place = Place { found, allows: statement.effect == StatementEffect::Allow, variables };
        let actions = self.covers_action(&place, statement, written);
        if actions == Formula::False {
            return Formula::False;
        }
        let resources = self.covers_resource(&place, statement, written);
        let conditions = self.conditions(&place, statement, written);
        Formula::all([actions, resources, conditions])
    }

    fn covers_action(
        &self,
        place: &Place<'_>,
        statement: &CompiledStatement,
        written: &Statement,
    ) -> Formula {
        let (ActionBlock::Action(texts) | ActionBlock::NotAction(texts)) = &written.actions;
        let patterns = statement.actions.patterns.iter().zip(texts).enumerate();
        let near = patterns.filter(|(_, (pattern, _))| !self.action.is_far_from(pattern));
        let listed = Formula::any(near.map(|(number, (pattern, text))| {
            let pattern = Glob::new(pattern);
            if pattern.covers(self.action) {
                Formula::True
            } else if pattern.meets(self.action) {
                Formula::Is(place.literal(number, Asks::Action(text.clone())))
            } else {
                Formula::False
            }
        }));
        if statement.actions.negated { listed.negated() } else { listed }
    }

    fn covers_resource(
        &self,
        place: &Place<'_>,
        statement: &CompiledStatement,
        written: &Statement,
    ) -> Formula {
        let Some(element) = &statement.resources else { return Formula::True };
        let texts = match &written.resources {
            ResourceBlock::Resource(texts) | ResourceBlock::NotResource(texts) => texts.as_slice(),
            ResourceBlock::None => &[],
        };
        let mut resolved = Vec::new();
        let mut listed = Vec::new();
        for (number, (template, text)) in element.patterns.iter().zip(texts).enumerate() {
            let variables = place.variables && text.contains("${");
            let pattern = text.clone();
            let is = |asks| Formula::Is(place.literal(number, asks));
            listed.push(match self.known.seen(template) {
                Seen::Exact(glob) if glob.covers(self.resource) => Formula::True,
                Seen::Exact(glob) | Seen::AtMost(glob) if glob.meets(self.resource) => {
                    is(Asks::Resource { pattern: pattern.clone(), variables })
                }
                _ => Formula::False,
            });
            resolved.push(match self.known.resolves(template) {
                Some(resolves) => resolves.into(),
                None => is(Asks::Resolves { pattern, variables }),
            });
        }
        let listed = Formula::any(listed);
        match (element.negated, place.allows) {
            (false, _) => listed,
            (true, false) => listed.negated(),
            (true, true) => Formula::all(resolved.into_iter().chain([listed.negated()])),
        }
    }

    fn conditions(
        &self,
        place: &Place<'_>,
        statement: &CompiledStatement,
        written: &Statement,
    ) -> Formula {
        let conditions = statement.conditions.iter().zip(&written.conditions).enumerate();
        Formula::all(conditions.map(|(number, (condition, entry))| {
            let needed = if place.allows { Truth::True } else { Truth::Unknown };
            if let Some(truth) = self.known.truth(condition) {
                return (truth >= needed).into();
            }
            let mut literal = place.literal(
                number,
                Asks::Condition {
                    operator: entry.operator.to_string().into(),
                    key: entry.key.clone(),
                    values: entry.values.clone().into(),
                    variables: place.variables && entry.values.iter().any(|v| v.contains("${")),
                },
            );
            // What is never unknown is one literal in an allow and in a deny.
            literal.needed = if condition.can_be_unknown() { needed } else { Truth::True };
            Formula::Is(literal)
        }))
    }
}

/// A statement being read.
struct Place<'a> {
    found: &'a StatementRef,
    allows: bool,
    /// Whether its language knows variables.
    variables: bool,
}

impl Place<'_> {
    fn literal(&self, place: usize, asks: Asks) -> Literal {
        Literal { asks, statement: self.found.clone(), place, needed: Truth::True }
    }
}

#[cfg(test)]
mod tests;
