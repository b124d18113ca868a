//! What would make policies allow that say nothing: a slip of the pen mended, an action or a resource added, or a statement that
//! allows just what is asked.

use std::sync::Arc;

use crate::{
    ActionBlock, CompiledPolicy, ConditionEntry, Operator, PolicyType, PrincipalBlock,
    PrincipalKind, Request, ResourceBlock, Statement,
    document::{PrincipalPair, Span, StatementEffect},
    operator::{Comparison, Qualifier},
};

use super::{
    FailedElement,
    change::{Change, Edit, Listed, PolicyChange},
    check::lists,
    circumstance::Beside,
    compare::{Compared, NearMiss},
    hint::Hint,
    place::Written,
    suggest::Obstacle,
};

/// As many near misses are looked at.
const NEAR_MAX: usize = 4;

/// Changes that may make these policies allow the request, the least first. Each is a list of changes for one try.
pub(super) fn to_end_a_silence(obstacle: &Obstacle<'_>) -> Vec<Vec<Change>> {
    let near = obstacle.part.near_misses.iter();
    let near: Vec<&NearMiss> =
        near.filter(|miss| miss.effect == StatementEffect::Allow).take(NEAR_MAX).collect();
    let mut tries: Vec<Vec<Change>> = Vec::new();
    for miss in &near {
        let own = !miss.statement.policy.source().is_awss_own();
        let mend = own.then(|| with_slips_mended(obstacle, miss)).flatten();
        tries.extend(mend.or_else(|| with_another_request(obstacle, miss)));
        tries.extend(own.then(|| with_one_more_value(obstacle, miss)).flatten());
    }
    tries.push(with_one_more_statement(obstacle, &near));
    tries
}

/// The request changed so that every condition that failed holds.
fn with_another_request(obstacle: &Obstacle<'_>, miss: &NearMiss) -> Option<Vec<Change>> {
    let policy = &miss.statement.policy;
    let (written, index) = (Written::new(policy), miss.statement.index);
    let statement = policy.statements().get(index)?;
    let beside = Beside { written: &written, index, statement, request: obstacle.request };
    let change = |failed: &Compared| {
        let condition = failed.element == FailedElement::Condition;
        condition.then(|| beside.change(failed, true)).flatten()
    };
    miss.failures.iter().map(change).collect()
}

/// Every failure mended by what was probably meant.
fn with_slips_mended(obstacle: &Obstacle<'_>, miss: &NearMiss) -> Option<Vec<Change>> {
    let mend = |failed: &Compared| {
        let hint = failed.hint.as_ref()?;
        match hint {
            Hint::OldVersion { .. } => {
                return in_statement(obstacle, miss, failed, Edit::NewVersion);
            }
            Hint::Wildcard { operator, .. } => {
                let condition =
                    Listed::of(failed.element, failed.number, failed.condition.as_deref());
                let edit = Edit::ReplaceOperator(condition?, *operator);
                return in_statement(obstacle, miss, failed, edit);
            }
            _ => {}
        }
        let (wanted, corrected) = hint.correction()?;
        // The hint is about the values in place of variables; only what is written so can be replaced.
        failed.wanted.iter().find(|written| *written == wanted)?;
        let listed = Listed::of(failed.element, failed.number, failed.condition.as_deref())?;
        let edit = match hint {
            // Other actions of the statement still need what is written.
            Hint::Inside { .. } | Hint::Itself { .. } => {
                Edit::AddValue(listed, corrected.to_owned())
            }
            _ => Edit::ReplaceValue(listed, wanted.to_owned(), corrected.to_owned()),
        };
        in_statement(obstacle, miss, failed, edit)
    };
    miss.failures.iter().map(mend).collect()
}

/// The one list that failed with what was asked added, where that gives away little else.
fn with_one_more_value(obstacle: &Obstacle<'_>, miss: &NearMiss) -> Option<Vec<Change>> {
    let [failed] = miss.failures.as_slice() else { return None };
    let document = miss.statement.policy.document()?;
    let statement = document.statements().get(miss.statement.index)?;
    let everything = |list: &[Box<str>]| list.iter().any(|value| value.bytes().all(|b| b == b'*'));
    let open = match &statement.principals {
        PrincipalBlock::Principal(list) => list.iter().any(|(_, value)| &**value == "*"),
        PrincipalBlock::NotPrincipal(_) => true,
        PrincipalBlock::None => false,
    };
    let request = obstacle.request;
    let listed = Listed::of(failed.element, failed.number, failed.condition.as_deref())?;
    let value = match failed.element {
        FailedElement::Action => {
            let limited = match &statement.resources {
                ResourceBlock::Resource(list) => request.resource == "*" || !everything(list),
                ResourceBlock::NotResource(_) => false,
                ResourceBlock::None => true,
            };
            (limited && !failed.negated && !open).then(|| request.action.to_string())
        }
        FailedElement::Resource => {
            let only = match &statement.actions {
                ActionBlock::Action(list) => {
                    list.iter().all(|action| action.eq_ignore_ascii_case(request.action.as_str()))
                }
                ActionBlock::NotAction(_) => false,
            };
            (only && !failed.negated && !open).then(|| request.resource.to_owned())
        }
        FailedElement::Condition => {
            let entry = statement.conditions.get(failed.number)?;
            takes_more(entry, false).then(|| failed.actual.first().cloned()).flatten()
        }
        FailedElement::Principal => None,
    };
    let change = in_statement(obstacle, miss, failed, Edit::AddValue(listed, value?))?;
    Some(vec![change])
}

/// Whether a value more makes a condition true more often (`negated`: less often).
pub(super) fn takes_more(entry: &ConditionEntry, negated: bool) -> bool {
    let operator = entry.operator;
    let lists = matches!(
        operator.comparison,
        Comparison::StringEquals
            | Comparison::StringEqualsIgnoreCase
            | Comparison::StringLike
            | Comparison::ArnLike
            | Comparison::IpAddress
    );
    lists && operator.negated == negated && operator.qualifier == Qualifier::None
}

fn in_statement(
    obstacle: &Obstacle<'_>,
    miss: &NearMiss,
    failed: &Compared,
    edit: Edit,
) -> Option<Change> {
    let found = &miss.statement;
    let index = place_of(obstacle, &found.policy)?;
    Some(Change::Policy(PolicyChange {
        policy_type: obstacle.policy_type,
        level: obstacle.part.level,
        index,
        source: Some(found.policy.source().clone()),
        statement: Some(found.index),
        sid: found.sid().map(str::to_owned),
        place: Some(failed.place),
        edit,
        document: None,
    }))
}

/// The policies among which the obstacle stands.
pub(super) fn beside<'a>(obstacle: &Obstacle<'a>) -> &'a [Arc<CompiledPolicy>] {
    let mut lists = lists(obstacle.set, obstacle.policy_type);
    let here = lists.find(|(level, _)| *level == obstacle.part.level);
    here.map(|(_, policies)| policies).unwrap_or_default()
}

/// Which policy of its list this is.
pub(super) fn place_of(obstacle: &Obstacle<'_>, policy: &Arc<CompiledPolicy>) -> Option<usize> {
    beside(obstacle).iter().position(|other| Arc::ptr_eq(other, policy))
}

/// A statement that allows just what is asked: in the policy that came nearest, in another that can be changed, or in a new one.
fn with_one_more_statement(obstacle: &Obstacle<'_>, near: &[&NearMiss]) -> Vec<Change> {
    let policies = beside(obstacle);
    let own = |policy: &&Arc<CompiledPolicy>| !policy.source().is_awss_own();
    let nearest = near.iter().map(|miss| &miss.statement.policy).find(own);
    let policy = nearest.or_else(|| policies.iter().find(own));
    let alone = matches!(obstacle.policy_type, PolicyType::Boundary);
    // There is one boundary: AWS's own is copied.
    let policy = policy.or_else(|| policies.first().filter(|_| alone));
    let (index, policy) =
        match policy.and_then(|policy| Some((place_of(obstacle, policy)?, policy))) {
            Some((index, policy)) if obstacle.policy_type != PolicyType::ResourceControl => {
                (index, Some(policy))
            }
            _ => (policies.len(), None),
        };
    vec![Change::Policy(PolicyChange {
        policy_type: obstacle.policy_type,
        level: obstacle.part.level,
        index,
        source: policy.map(|policy| policy.source().clone()),
        statement: None,
        sid: None,
        place: None,
        edit: Edit::AddStatement(Box::new(just_that(obstacle))),
        document: None,
    })]
}

/// The least statement that allows what is asked.
fn just_that(obstacle: &Obstacle<'_>) -> Statement {
    let Obstacle { policy_type, request, .. } = *obstacle;
    let one = |text: &str| vec![Box::<str>::from(text)];
    let everyone: Vec<PrincipalPair> = vec![("*".into(), "*".into())];
    // Such policies only limit, and AWS's own allow everything everywhere.
    let resources = match policy_type {
        PolicyType::ServiceControl | PolicyType::ResourceControl => one("*"),
        // A key's policy speaks of its own key, which is written so.
        PolicyType::Resource if request.action.service() == "kms" => one("*"),
        _ => one(request.resource),
    };
    let principals = match policy_type {
        PolicyType::Resource | PolicyType::Trust => {
            PrincipalBlock::Principal(vec![caller(request)])
        }
        PolicyType::VpcEndpoint | PolicyType::ResourceControl => {
            PrincipalBlock::Principal(everyone)
        }
        _ => PrincipalBlock::None,
    };
    // An endpoint's policy names callers by a condition only (AWS, "Endpoint policies for gateway endpoints").
    let conditions = match policy_type {
        PolicyType::VpcEndpoint => only_the_caller("ArnEquals", request).into_iter().collect(),
        _ => Vec::new(),
    };
    Statement {
        sid: None,
        effect: StatementEffect::Allow,
        principals,
        actions: ActionBlock::Action(match policy_type {
            PolicyType::ResourceControl => one("*"),
            _ => one(request.action.as_str()),
        }),
        resources: match policy_type {
            PolicyType::Trust => ResourceBlock::None,
            _ => ResourceBlock::Resource(resources),
        },
        conditions,
        span: Span::default(),
    }
}

/// A condition on the caller's ARN, where it has one.
pub(super) fn only_the_caller(operator: &str, request: &Request<'_>) -> Option<ConditionEntry> {
    let caller = request.principal;
    let entry = || {
        Some(ConditionEntry {
            operator: Operator::parse(operator)?,
            key: "aws:PrincipalArn".into(),
            values: vec![(*caller.principal_arn).into()],
        })
    };
    (!caller.kind.is_homeless()).then(entry).flatten()
}

/// How a resource's policy names the caller.
fn caller(request: &Request<'_>) -> PrincipalPair {
    let caller = request.principal;
    let name = match caller.kind {
        PrincipalKind::Service => return ("Service".into(), (*caller.arn).into()),
        PrincipalKind::Federated => return ("Federated".into(), (*caller.arn).into()),
        // A trust policy takes no bare `*`.
        PrincipalKind::Anonymous => return ("AWS".into(), "*".into()),
        PrincipalKind::FederatedUser => &caller.arn,
        PrincipalKind::User | PrincipalKind::AssumedRole | PrincipalKind::Root => {
            &caller.entity_arn
        }
    };
    ("AWS".into(), (**name).into())
}
