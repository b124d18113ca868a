//! What an organization's policies may not say (AWS Organizations, "SCP syntax" and "RCP syntax").
//!
//! Since 2025 AWS takes the whole language in service control policies. The classic syntax is what every organization takes, so what
//! goes past it is named.

use super::{LintCode, Notes, view::View, view::is_star};
use crate::document::{ActionBlock, PolicyKind, PrincipalBlock, ResourceBlock};

pub(super) fn check(view: &View<'_>, notes: &mut Notes) {
    match view.kind {
        PolicyKind::ServiceControl => service_control(view, notes),
        PolicyKind::ResourceControl => resource_control(view, notes),
        _ => {}
    }
}

fn service_control(view: &View<'_>, notes: &mut Notes) {
    let negated_action = matches!(view.statement.actions, ActionBlock::NotAction(_));
    if matches!(view.statement.resources, ResourceBlock::NotResource(_)) {
        notes.add(LintCode::ScpSyntaxErrorNotResource, view.element("NotResource"), "");
    }
    for action in &view.actions {
        let early = action.text.find(['*', '?']).is_some_and(|at| at + 1 < action.text.len());
        if early || action.text.ends_with('?') {
            notes.add(LintCode::ScpSyntaxErrorActionWildcard, action.span, action.text);
        }
    }
    if !view.allows() {
        return;
    }
    if negated_action {
        notes.add(LintCode::ScpSyntaxErrorAllowNotAction, view.element("NotAction"), "");
    }
    if !view.conditions.is_empty() {
        notes.add(LintCode::ScpSyntaxErrorAllowCondition, view.element("Condition"), "");
    }
    let resources = view.resources.iter().filter(|resource| !is_star(resource.text));
    if matches!(view.statement.resources, ResourceBlock::Resource(_)) {
        for resource in resources {
            notes.add(LintCode::ScpSyntaxErrorAllowResource, resource.span, resource.text);
        }
    }
}

fn resource_control(view: &View<'_>, notes: &mut Notes) {
    if matches!(view.statement.actions, ActionBlock::NotAction(_)) {
        notes.add(LintCode::RcpSyntaxErrorNotAction, view.element("NotAction"), "");
    }
    // `RCPFullAWSAccess`, which AWS attaches everywhere.
    let everything = view.conditions.is_empty()
        && view.actions.iter().any(|action| action.text == "*")
        && view.on_everything();
    if view.allows() && !everything {
        notes.add(LintCode::RcpSyntaxErrorAllow, view.element("Effect"), "");
    }
    let only_anyone = view.principals.iter().all(|principal| principal.value.text == "*");
    if !only_anyone || matches!(view.statement.principals, PrincipalBlock::NotPrincipal(_)) {
        let named = view.principals.iter().find(|principal| principal.value.text != "*");
        let (span, text) =
            named.map_or((view.statement.span, ""), |p| (p.value.span, p.value.text));
        notes.add(LintCode::RcpSyntaxErrorPrincipal, span, text);
    }
}
