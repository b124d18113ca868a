//! Actions that do not exist, and actions that the statement's resources are not for.

use std::collections::BTreeMap;

use super::{
    Fix, LintCode, Notes,
    similar::nearest,
    view::{Text, View, is_star},
};
use crate::{
    catalogue::{self, ArnPattern, CatalogueAction, ResourceType},
    document::ResourceBlock,
    wildcard::wildcard_matches,
};

pub(super) fn check(view: &View<'_>, notes: &mut Notes) {
    for (action, covered) in view.actions.iter().zip(&view.covered) {
        if covered.is_empty() {
            unknown(*action, notes);
        }
    }
    if let (Some(actions), ResourceBlock::Resource(resources)) =
        (view.positive_actions(), &view.statement.resources)
        && !resources.is_empty()
    {
        fit(view, actions, notes);
    }
}

/// Says of an action that covers nothing of the catalogue what is likely wrong with it.
fn unknown(action: Text<'_>, notes: &mut Notes) {
    let Text { text, span } = action;
    let Some((prefix, name)) = text.split_once(':') else { return };
    if prefix.contains(['*', '?']) || text.contains("${") {
        return;
    }
    let Some(service) = catalogue::service(prefix) else {
        let known = catalogue::services().iter().map(|service| service.prefix);
        let Some(near) = nearest(prefix, known) else {
            return notes.add(LintCode::UnknownService, span, text);
        };
        let fix = Fix::text(span, &format!("{near}:{name}"));
        return notes.add_with(LintCode::InvalidServiceInAction, span, text, Some(fix));
    };
    match nearest(name, service.actions().iter().map(|action| action.name)) {
        Some(near) => {
            let fix = Fix::text(span, &format!("{prefix}:{near}"));
            notes.add_with(LintCode::InvalidAction, span, text, Some(fix));
        }
        None => notes.add(LintCode::UnknownAction, span, text),
    }
}

/// Resource types by service and name.
type Types = BTreeMap<(&'static str, &'static str), &'static ResourceType>;

/// The types that a resource can be, among those of some services.
fn types_of(resource: &str, services: &[&'static str]) -> Types {
    let pattern = ArnPattern::of_policy(resource);
    let known = services.iter().filter_map(|prefix| catalogue::service(prefix));
    let types = known.flat_map(catalogue::Service::resource_types);
    types
        .filter(|of| of.pattern().overlaps(&pattern))
        .map(|of| ((of.service, of.name), of))
        .collect()
}

fn works_on(action: &CatalogueAction, types: &Types) -> bool {
    action.resource_types.iter().any(|of| types.contains_key(&(action.service, of.name)))
}

/// An action must have a resource that it can be used with, and a resource an action.
fn fit(view: &View<'_>, actions: &[Text<'_>], notes: &mut Notes) {
    let resources = &view.resources;
    if resources.iter().any(|resource| is_star(resource.text)) {
        return;
    }
    // What is not known fits everything; so do all actions of all services together.
    let known: Vec<(&Text<'_>, &Vec<&CatalogueAction>)> = actions
        .iter()
        .zip(&view.covered)
        .filter(|(action, covered)| {
            let prefix = action.text.split_once(':').map_or("*", |(prefix, _)| prefix);
            !covered.is_empty() && !prefix.contains('*')
        })
        .collect();
    let mut services: Vec<&str> =
        known.iter().flat_map(|(_, actions)| actions.iter().map(|action| action.service)).collect();
    services.sort_unstable();
    services.dedup();
    let types: Vec<Types> = resources.iter().map(|r| types_of(r.text, &services)).collect();
    // A resource that nobody knows may be just what an action of its service is for.
    let riddles: Vec<&str> = resources
        .iter()
        .zip(&types)
        .filter(|(_, types)| types.is_empty())
        .map(|(resource, _)| resource.text.split(':').nth(2).unwrap_or_default())
        .collect();
    for (action, expanded) in &known {
        let fits = |action: &&CatalogueAction| {
            riddles.iter().any(|service| wildcard_matches(service, action.service))
                || types.iter().any(|types| works_on(action, types))
        };
        if !expanded.iter().any(fits) {
            notes.add(LintCode::ResourceMismatch, action.span, action.text);
        }
    }
    if known.len() < actions.len() {
        return;
    }
    for (resource, types) in resources.iter().zip(&types).filter(|(_, types)| !types.is_empty()) {
        let fits = known.iter().flat_map(|(_, covered)| *covered).any(|a| works_on(a, types));
        if !fits {
            notes.add(LintCode::ResourceWithoutAction, resource.span, resource.text);
        }
    }
}
