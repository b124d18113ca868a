//! Changes of policies or of the request, and the same request under them: a suggestion is made of these, and tried before it is told.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    ActionBlock, CompiledPolicy, ConditionEntry, Context, Operator, PolicyDocument, PolicyKind,
    PolicySet, PolicySource, PolicyType, Principal, PrincipalKind, Request, ResourceBlock,
    ResourceFacts, SessionContext, Statement, Version,
};

use super::{FailedElement, Place, check::lists};

/// One change.
#[derive(Clone, Debug)]
pub enum Change {
    /// Of a policy.
    Policy(PolicyChange),
    /// Of what the request brings.
    Request(RequestChange),
}

/// A change of a policy.
#[derive(Clone, Debug)]
pub struct PolicyChange {
    /// The policy's type.
    pub policy_type: PolicyType,
    /// The level of the organization at which it stands, from 0 for the root; `None` for other types.
    pub level: Option<usize>,
    /// Which policy of that type and level, from 0. One behind the last is a new one.
    pub index: usize,
    /// Where the policy comes from; `None`: it is a new one.
    pub source: Option<PolicySource>,
    /// The statement that changes; `None`: a new one, or all of them.
    pub statement: Option<usize>,
    /// The name of the statement, where it has one.
    pub sid: Option<String>,
    /// Where the element stands that changes; `None` where nothing is written yet.
    pub place: Option<Place>,
    /// What happens.
    pub edit: Edit,
    /// The whole policy with every change of the suggestion; `None` where it goes.
    pub document: Option<String>,
}

/// What happens to a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A statement is added.
    AddStatement(Box<Statement>),
    /// A statement goes.
    RemoveStatement,
    /// The policy goes.
    RemovePolicy,
    /// A value is added to a list.
    AddValue(Listed, String),
    /// A value is taken from a list.
    RemoveValue(Listed, String),
    /// A value takes another's place.
    ReplaceValue(Listed, String, String),
    /// A condition is added.
    AddCondition(ConditionEntry),
    /// A condition gets another operator.
    ReplaceOperator(Listed, Operator),
    /// The policy's version becomes 2012-10-17, so that it knows variables.
    NewVersion,
}

/// A list of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Of `Action` or `NotAction`.
    Action,
    /// Of `Resource` or `NotResource`.
    Resource,
    /// Of the condition of this number, from 0, and how it is called: operator and key.
    Condition(usize, String),
}

impl Listed {
    pub(super) fn of(
        element: FailedElement,
        number: usize,
        condition: Option<&str>,
    ) -> Option<Self> {
        match element {
            FailedElement::Action => Some(Self::Action),
            FailedElement::Resource => Some(Self::Resource),
            FailedElement::Condition => {
                Some(Self::Condition(number, condition.unwrap_or_default().to_owned()))
            }
            FailedElement::Principal => None,
        }
    }
}

/// What a request brings by another change than that of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bringer {
    /// The request itself.
    Request,
    /// The session that asks.
    Session,
    /// A tag of the caller.
    PrincipalTag,
    /// A tag of the resource.
    ResourceTag,
}

/// A condition key that the request should have with another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestChange {
    /// The key as the policy writes it.
    pub key: String,
    /// The value that was tried; `None`: any.
    pub value: Option<String>,
    /// What the policy lists, where that is more than this value: a pattern or a network.
    pub pattern: Option<String>,
    /// Who brings it.
    pub bringer: Bringer,
}

/// The value that is tried where any would do.
const ANY_VALUE: &str = "any";

/// Policies and everything about a request that can be changed.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) set: PolicySet,
    principal: Principal,
    context: Context,
    facts: Option<ResourceFacts>,
    /// The changed policies, whole, by where they stand; `None` for one that went.
    documents: BTreeMap<Slot, Option<String>>,
}

/// Where a policy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    policy_type: PolicyType,
    level: Option<usize>,
    index: usize,
}

impl PolicyChange {
    fn slot(&self) -> Slot {
        Slot { policy_type: self.policy_type, level: self.level, index: self.index }
    }
}

impl Scene {
    /// The scene with all changes made; `None` where one can't be made, or would make a policy that can't be read.
    pub(super) fn with(set: &PolicySet, request: &Request<'_>, changes: &[Change]) -> Option<Self> {
        let mut scene = Self {
            set: set.clone(),
            principal: request.principal.clone(),
            context: request.context.clone(),
            facts: request.resource_facts.cloned(),
            documents: BTreeMap::new(),
        };
        let mut edits: BTreeMap<Slot, Vec<&PolicyChange>> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Policy(change) => edits.entry(change.slot()).or_default().push(change),
                Change::Request(change) => scene.bring(change),
            }
        }
        // From the last to the first, so that a policy that goes moves none that still changes.
        for (slot, edits) in edits.into_iter().rev() {
            let policy = match edited(set, request, slot, &edits)? {
                Edited::Stays(policy) => Some(policy),
                Edited::Goes => None,
            };
            scene.documents.insert(slot, policy.as_ref().map(|policy| policy.text().to_owned()));
            scene.put(slot, policy)?;
        }
        Some(scene)
    }

    /// The request as it is asked in this scene.
    pub(super) fn request<'a>(&'a self, original: &Request<'a>) -> Request<'a> {
        Request {
            principal: &self.principal,
            context: &self.context,
            resource_facts: self.facts.as_ref(),
            ..*original
        }
    }

    /// The changes with the whole policies that come out.
    pub(super) fn whole(&self, changes: Vec<Change>) -> Vec<Change> {
        let whole = |change| match change {
            Change::Policy(change) => {
                let document = self.documents.get(&change.slot()).cloned().flatten();
                Change::Policy(PolicyChange { document, ..change })
            }
            other @ Change::Request(_) => other,
        };
        changes.into_iter().map(whole).collect()
    }

    fn bring(&mut self, change: &RequestChange) {
        let value = change.value.as_deref().unwrap_or(ANY_VALUE);
        let tag = change.key.split_once('/').map_or("", |(_, tag)| tag);
        match change.bringer {
            Bringer::Request => self.context.insert(&change.key, value),
            Bringer::Session => {
                let mut keys = Context::default();
                let known = self.principal.session.iter().flat_map(|session| session.iter());
                known.for_each(|(key, value)| keys.insert(key, value.clone()));
                keys.insert(&change.key, value);
                self.principal.session = SessionContext::from_context(&keys).map(Arc::new);
            }
            Bringer::PrincipalTag => {
                let others = self.principal.tags.iter();
                let others = others.filter(|(key, _)| !key.eq_ignore_ascii_case(tag)).cloned();
                let new = (tag.into(), value.into());
                self.principal.tags = others.chain([new]).collect();
            }
            Bringer::ResourceTag => match &mut self.facts {
                None => self.context.insert(&change.key, value),
                Some(facts) => {
                    facts.tags.retain(|(key, _)| !key.eq_ignore_ascii_case(tag));
                    facts.tags.push((tag.into(), value.into()));
                }
            },
        }
    }

    /// Puts a policy in its place, or takes the one out that is there.
    fn put(&mut self, slot: Slot, policy: Option<Arc<CompiledPolicy>>) -> Option<()> {
        let set = &mut self.set;
        let one = match slot.policy_type {
            PolicyType::Boundary => &mut set.boundary,
            PolicyType::Resource | PolicyType::Trust => &mut set.resource,
            PolicyType::VpcEndpoint => &mut set.endpoint,
            listed => {
                let list = match listed {
                    PolicyType::Session => set.session.get_or_insert_default(),
                    PolicyType::ServiceControl => set.service_control.get_mut(slot.level?)?,
                    PolicyType::ResourceControl => set.resource_control.get_mut(slot.level?)?,
                    _ => &mut set.identity,
                };
                match (policy, list.get_mut(slot.index)) {
                    (Some(policy), Some(old)) => *old = policy,
                    (Some(policy), None) => list.push(policy),
                    (None, Some(_)) => drop(list.remove(slot.index)),
                    (None, None) => return None,
                }
                return Some(());
            }
        };
        *one = policy;
        Some(())
    }
}

/// What comes of a policy.
enum Edited {
    Stays(Arc<CompiledPolicy>),
    Goes,
}

/// The policy at a place with all its edits; `None` where one can't be made.
fn edited(
    set: &PolicySet,
    request: &Request<'_>,
    slot: Slot,
    edits: &[&PolicyChange],
) -> Option<Edited> {
    let (_, list) = lists(set, slot.policy_type).find(|(level, _)| *level == slot.level)?;
    let old = list.get(slot.index);
    let mut document = match old {
        Some(policy) => policy.document()?,
        None => empty(kind(slot.policy_type)),
    };
    // One that goes keeps its place until the end, so that the others keep their numbers.
    let mut statements: Vec<Option<Statement>> = document.statements.drain(..).map(Some).collect();
    for change in edits {
        match (&change.edit, change.statement) {
            (Edit::RemovePolicy, _) => return Some(Edited::Goes),
            (Edit::NewVersion, _) => document.version = Version::V2012,
            (Edit::AddStatement(statement), _) => statements.push(Some((**statement).clone())),
            (Edit::RemoveStatement, Some(index)) => *statements.get_mut(index)? = None,
            (edit, Some(index)) => make(edit, statements.get_mut(index)?.as_mut()?)?,
            (_, None) => return None,
        }
    }
    document.statements = statements.into_iter().flatten().map(in_blocks).collect();
    if document.statements.is_empty() {
        return Some(Edited::Goes);
    }
    let source = old.map_or_else(|| new_source(slot, request), |policy| policy.source().clone());
    let document = PolicyDocument::parse(&document.to_json(), document.kind()).ok()?;
    Some(Edited::Stays(Arc::new(CompiledPolicy::compile(source, &document))))
}

/// The statement with all conditions of an operator behind each other: they are written in one block.
fn in_blocks(mut statement: Statement) -> Statement {
    let operators: Vec<Operator> = statement.conditions.iter().map(|e| e.operator).collect();
    let first = |operator| operators.iter().position(|other| *other == operator);
    statement.conditions.sort_by_key(|entry| first(entry.operator));
    statement
}

/// Makes a change within a statement.
fn make(edit: &Edit, statement: &mut Statement) -> Option<()> {
    match edit {
        Edit::AddValue(listed, value) => list(statement, listed)?.push(value.as_str().into()),
        Edit::RemoveValue(listed, value) => list(statement, listed)?.retain(|v| **v != **value),
        Edit::ReplaceValue(listed, from, to) => {
            let list = list(statement, listed)?;
            *list.iter_mut().find(|value| ***value == **from)? = to.as_str().into();
        }
        Edit::AddCondition(entry) => statement.conditions.push(entry.clone()),
        Edit::ReplaceOperator(listed, operator) => {
            let Listed::Condition(number, _) = listed else { return None };
            statement.conditions.get_mut(*number)?.operator = *operator;
        }
        Edit::AddStatement(_) | Edit::RemoveStatement | Edit::RemovePolicy | Edit::NewVersion => {
            return None;
        }
    }
    Some(())
}

fn list<'a>(statement: &'a mut Statement, listed: &Listed) -> Option<&'a mut Vec<Box<str>>> {
    match (listed, &mut statement.actions, &mut statement.resources) {
        (Listed::Action, ActionBlock::Action(list) | ActionBlock::NotAction(list), _) => Some(list),
        (Listed::Resource, _, ResourceBlock::Resource(list) | ResourceBlock::NotResource(list)) => {
            Some(list)
        }
        (Listed::Resource, _, ResourceBlock::None) => None,
        (Listed::Condition(number, _), ..) => {
            statement.conditions.get_mut(*number).map(|entry| &mut entry.values)
        }
    }
}

fn empty(kind: PolicyKind) -> PolicyDocument {
    let (source, version) = (Arc::from(""), Version::V2012);
    PolicyDocument { source, kind, version, id: None, statements: Vec::new() }
}

/// The grammar that a policy of this type is read by.
pub(super) fn kind(policy_type: PolicyType) -> PolicyKind {
    match policy_type {
        PolicyType::Identity => PolicyKind::Identity,
        PolicyType::Boundary => PolicyKind::Boundary,
        PolicyType::Session => PolicyKind::Session,
        PolicyType::Trust => PolicyKind::Trust,
        PolicyType::ServiceControl => PolicyKind::ServiceControl,
        PolicyType::ResourceControl => PolicyKind::ResourceControl,
        PolicyType::Resource | PolicyType::VpcEndpoint => PolicyKind::Resource,
    }
}

/// What a new policy is called.
fn new_source(slot: Slot, request: &Request<'_>) -> PolicySource {
    let name: Arc<str> = "new".into();
    match slot.policy_type {
        PolicyType::Session => PolicySource::Session(slot.index),
        PolicyType::ServiceControl => PolicySource::ServiceControl(name),
        PolicyType::ResourceControl => PolicySource::ResourceControl(name),
        PolicyType::VpcEndpoint => PolicySource::VpcEndpoint(name),
        PolicyType::Trust => PolicySource::Trust(name),
        PolicyType::Resource => PolicySource::Resource(request.resource.into()),
        PolicyType::Identity | PolicyType::Boundary => {
            let owner = request.principal.principal_arn.rsplit('/').next().unwrap_or_default();
            if request.principal.kind == PrincipalKind::AssumedRole {
                PolicySource::RoleInline { role: owner.into(), name }
            } else {
                PolicySource::UserInline { user: owner.into(), name }
            }
        }
    }
}
