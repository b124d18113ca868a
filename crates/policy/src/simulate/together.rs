//! The result of an action: what was decided on each resource, summed up.

use std::collections::BTreeMap;

use super::{
    BoundaryDetail, EvalDecision, EvaluationResult, OrganizationsDetail, ResourceSpecificResult,
    judge::Judged, keys, scene::Resource,
};
use crate::{Action, catalogue};

/// Sums up. There is at least one resource.
pub(super) fn result(action: &Action, judged: Vec<(&Resource<'_>, Judged)>) -> EvaluationResult {
    let decision = judged.iter().map(|(_, one)| one.decision).max();
    let decision = decision.unwrap_or(EvalDecision::ImplicitDeny);
    let is_arn = |resource: &Resource<'_>| resource.name != "*";
    let names: Vec<&str> = judged.iter().map(|(resource, _)| resource.name).collect();
    let (mut matched, mut missing) = (Vec::new(), Vec::new());
    for (_, one) in &judged {
        for statement in one.matched.iter().filter(|_| one.decision == decision) {
            if !matched.contains(statement) {
                matched.push(statement.clone());
            }
        }
        one.missing.iter().for_each(|spelled| keys::add(&mut missing, spelled));
    }
    let by_organizations = all(judged.iter().map(|(_, one)| one.by_organizations));
    let by_boundary = all(judged.iter().map(|(_, one)| one.by_boundary));
    let details = (by_organizations != Some(false) && judged.iter().any(|(r, _)| is_arn(r)))
        .then(|| most_restrictive(&judged));
    let arns = judged.into_iter().filter(|(resource, _)| is_arn(resource));
    EvaluationResult {
        eval_action_name: action.as_str().to_owned(),
        eval_resource_name: in_common(action, &names),
        eval_decision: decision,
        matched_statements: matched,
        missing_context_values: spelled(missing),
        organizations_decision_detail: by_organizations
            .map(|allowed_by_organizations| OrganizationsDetail { allowed_by_organizations }),
        permissions_boundary_decision_detail: by_boundary.map(boundary),
        eval_decision_details: details,
        resource_specific_results: arns.map(|(resource, one)| specific(resource, one)).collect(),
    }
}

fn specific(resource: &Resource<'_>, one: Judged) -> ResourceSpecificResult {
    ResourceSpecificResult {
        eval_resource_name: resource.name.to_owned(),
        eval_resource_decision: one.decision,
        matched_statements: one.matched,
        missing_context_values: spelled(one.missing),
        eval_decision_details: one.details,
        permissions_boundary_decision_detail: one.by_boundary.map(boundary),
    }
}

fn boundary(allowed_by_permissions_boundary: bool) -> BoundaryDetail {
    BoundaryDetail { allowed_by_permissions_boundary }
}

fn spelled(keys: Vec<keys::Spelled>) -> Vec<String> {
    keys.into_iter().map(|(_, name)| name.into_string()).collect()
}

/// Whether all say yes that say anything.
fn all(said: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    said.flatten().reduce(|all, one| all && one)
}

/// What each type of policy said on the resource where it said least.
fn most_restrictive(judged: &[(&Resource<'_>, Judged)]) -> BTreeMap<&'static str, EvalDecision> {
    let mut worst = BTreeMap::new();
    for (name, said) in judged.iter().filter_map(|(_, one)| one.details.as_ref()).flatten() {
        let found = worst.entry(*name).or_insert(*said);
        *found = (*found).max(*said);
    }
    worst
}

/// The only resource, else the one type of the action's resources that all are of, else `*`.
fn in_common(action: &Action, names: &[&str]) -> String {
    if let [only] = names {
        return (*only).to_owned();
    }
    let service = catalogue::service(action.service());
    let known = service.and_then(|service| service.action(action.name()));
    let types = service.into_iter().flat_map(catalogue::Service::resource_types);
    let mut fitting = types.filter(|of| {
        known.is_some_and(|action| action.works_on(of))
            && names.iter().all(|name| *name != "*" && of.can_be(name))
    });
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => only.arn.replace("${Partition}", "aws"),
        _ => "*".to_owned(),
    }
}
