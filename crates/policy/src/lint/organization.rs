//! What a service control policy may not say (AWS Organizations, "SCP syntax").
//!
//! Since 2025 AWS takes the whole language in service control policies. The classic syntax is what every organization takes, so what
//! goes past it is named.

use super::{LintCode, Notes, view::View, view::is_star};
use crate::document::{ActionBlock, PolicyKind, ResourceBlock};

pub(super) fn check(view: &View<'_>, notes: &mut Notes) {
    // What a resource control policy may not say the parser refuses.
    if view.kind != PolicyKind::ServiceControl {
        return;
    }
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
