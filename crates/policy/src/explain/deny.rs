//! What would undo a deny: a request that it does not speak of, an exception for this one, or the statement gone.

use crate::{
    ActionBlock, PolicySource, PolicyType, ResourceBlock, Statement, document::StatementEffect,
};

use super::{
    change::{Change, Edit, Listed, PolicyChange},
    circumstance::Beside,
    compare::Match,
    place::Written,
    silence::{only_the_caller, place_of, takes_more},
    suggest::Obstacle,
};

/// Changes that may undo a deny of these policies, the least first. Each is a list of changes for one try.
pub(super) fn to_undo_a_deny(obstacle: &Obstacle<'_>) -> Vec<Vec<Change>> {
    let denying =
        obstacle.part.matched.iter().filter(|found| found.effect == StatementEffect::Deny);
    let mut tries = Vec::new();
    for found in denying {
        let policy = &found.statement.policy;
        let written = Written::new(policy);
        tries.extend(with_another_request(obstacle, found, &written));
        let edits = match written.statement(found.statement.index) {
            Some(statement) if !policy.source().is_awss_own() => {
                edits(obstacle, found, statement, &written)
            }
            _ => vec![(Edit::RemovePolicy, None)],
        };
        tries.extend(
            edits.into_iter().filter_map(|(edit, element)| {
                in_statement(obstacle, found, &written, edit, element)
            }),
        );
    }
    tries.into_iter().map(|change| vec![change]).collect()
}

/// The request changed so that one condition of the deny fails.
fn with_another_request(
    obstacle: &Obstacle<'_>,
    found: &Match,
    written: &Written<'_>,
) -> Vec<Change> {
    let index = found.statement.index;
    let Some(statement) = found.statement.policy.statements().get(index) else { return Vec::new() };
    let beside = Beside { written, index, statement, request: obstacle.request };
    found.conditions.iter().filter_map(|compared| beside.change(compared, false)).collect()
}

/// What can be changed in the statement, each with the name of the element where that is written.
fn edits(
    obstacle: &Obstacle<'_>,
    found: &Match,
    statement: &Statement,
    written: &Written<'_>,
) -> Vec<(Edit, Option<&'static str>)> {
    let request = obstacle.request;
    let (action, resource) = (request.action.as_str(), request.resource);
    let mut edits = Vec::new();
    // Others than the caller are bound by it too: only the caller is spared.
    let shared = match obstacle.policy_type {
        PolicyType::Identity => {
            matches!(found.statement.policy.source(), PolicySource::GroupInline { .. })
        }
        PolicyType::Boundary | PolicyType::Session => false,
        _ => true,
    };
    // A list of callers that are spared takes one more.
    let listed = statement
        .conditions
        .iter()
        .any(|entry| entry.key.eq_ignore_ascii_case("aws:PrincipalArn") && takes_more(entry, true));
    if shared
        && !listed
        && let Some(entry) = only_the_caller("ArnNotEquals", request)
    {
        edits.push((Edit::AddCondition(entry), None));
    }
    for compared in &found.conditions {
        let entry = statement.conditions.get(compared.number);
        let (Some(entry), Some(actual)) = (entry, compared.actual.first()) else { continue };
        if takes_more(entry, true) {
            let name = format!("{} {}", entry.operator, entry.key);
            let listed = Listed::Condition(compared.number, name);
            edits.push((Edit::AddValue(listed, actual.clone()), None));
        }
    }
    match &statement.actions {
        ActionBlock::NotAction(_) => {
            edits.push((Edit::AddValue(Listed::Action, action.to_owned()), Some("Action")));
        }
        ActionBlock::Action(list) => {
            let listed = list.iter().find(|listed| listed.eq_ignore_ascii_case(action));
            if let Some(listed) = listed.filter(|_| list.len() > 1) {
                edits.push((Edit::RemoveValue(Listed::Action, listed.to_string()), Some("Action")));
            }
        }
    }
    match &statement.resources {
        ResourceBlock::NotResource(_) if resource != "*" => {
            edits.push((Edit::AddValue(Listed::Resource, resource.to_owned()), Some("Resource")));
        }
        ResourceBlock::Resource(list) if list.len() > 1 => {
            if let Some(listed) = list.iter().find(|listed| ***listed == *resource) {
                let edit = Edit::RemoveValue(Listed::Resource, listed.to_string());
                edits.push((edit, Some("Resource")));
            }
        }
        _ => {}
    }
    let others = written.statement(1).is_some();
    edits.push((if others { Edit::RemoveStatement } else { Edit::RemovePolicy }, None));
    edits
}

fn in_statement(
    obstacle: &Obstacle<'_>,
    found: &Match,
    written: &Written<'_>,
    edit: Edit,
    element: Option<&str>,
) -> Option<Change> {
    let (index, statement) = (place_of(obstacle, &found.statement.policy)?, found.statement.index);
    let place = match (&edit, element) {
        (Edit::AddValue(Listed::Condition(number, _), _), _) => {
            Some(written.condition(statement, *number))
        }
        (_, Some(name)) => Some(written.element(statement, name)),
        _ => None,
    };
    let policy = &found.statement.policy;
    Some(Change::Policy(PolicyChange {
        policy_type: obstacle.policy_type,
        level: obstacle.part.level,
        index,
        source: Some(policy.source().clone()),
        statement: (edit != Edit::RemovePolicy).then_some(statement),
        sid: found.statement.sid().map(str::to_owned),
        place,
        edit,
        document: None,
    }))
}
