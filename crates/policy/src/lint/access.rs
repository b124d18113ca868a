//! Statements that let in more than is usually meant.

use super::{
    Fix, LintCode, Notes, has_condition, reaches,
    view::{Text, View},
};
use crate::{
    document::{ActionBlock, PolicyKind, PrincipalBlock, ResourceBlock},
    operator::{Comparison, Qualifier},
};

/// Keys that say on whose behalf a service calls (AWS, "The confused deputy problem").
const ON_BEHALF: [&str; 4] =
    ["aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"];

/// A key of private addresses, and the keys of which one says in which VPC they are.
const PAIRED: [(&str, &[&str]); 2] = [
    ("aws:vpcsourceip", &["aws:sourcevpc", "aws:sourcevpce", "aws:sourcevpcarn"]),
    ("aws:ec2instancesourceprivateipv4", &["aws:ec2instancesourcevpc"]),
];

pub(super) fn check(view: &View<'_>, notes: &mut Notes) {
    if !view.allows() {
        without_mfa(view, notes);
    }
    // An organization's policies let nobody in: they only limit what others allow.
    let grants = !matches!(view.kind, PolicyKind::ServiceControl | PolicyKind::ResourceControl);
    if grants && view.allows() {
        negated_elements(view, notes);
        roles(view, notes);
        principals(view, notes);
        pairs(view, notes);
    }
}

/// Who has no second factor is to be denied, and so must be who can't have one.
fn without_mfa(view: &View<'_>, notes: &mut Notes) {
    for condition in &view.conditions {
        let operator = condition.entry.operator;
        let is_mfa = condition.key.text.eq_ignore_ascii_case("aws:MultiFactorAuthPresent");
        let is_false = condition.values.iter().all(|v| v.text.eq_ignore_ascii_case("false"));
        let plain = operator.comparison == Comparison::Bool && !operator.if_exists;
        if is_mfa && is_false && plain && operator.qualifier == Qualifier::None {
            let fix = condition.own_operator.map(|span| Fix::text(span, "BoolIfExists"));
            let at = condition.key;
            notes.add_with(LintCode::MfaConditionWithoutIfExists, at.span, at.text, fix);
        }
    }
}

fn negated_elements(view: &View<'_>, notes: &mut Notes) {
    if matches!(view.statement.principals, PrincipalBlock::NotPrincipal(_)) {
        notes.add(LintCode::AllowWithNotPrincipal, view.element("NotPrincipal"), "");
    }
    if matches!(view.statement.resources, ResourceBlock::NotResource(_)) {
        notes.add(LintCode::AllowWithNotResource, view.element("NotResource"), "");
    }
    if matches!(view.statement.actions, ActionBlock::NotAction(_)) && view.on_everything() {
        notes.add(LintCode::AllowWithNotAction, view.element("NotAction"), "");
    }
}

/// Roles that may be given to any service, or be made for any.
fn roles(view: &View<'_>, notes: &mut Notes) {
    let Some(actions) = view.positive_actions() else { return };
    // Who may do everything needs no role to be passed.
    if !view.on_everything() || actions.iter().any(|action| action.text == "*") {
        return;
    }
    for (name, key, code) in [
        ("iam:PassRole", "iam:passedtoservice", LintCode::PassRoleWithStarInResource),
        (
            "iam:CreateServiceLinkedRole",
            "iam:awsservicename",
            LintCode::CreateSlrWithStarInResource,
        ),
    ] {
        let reaching = actions.iter().find(|action| reaches(action.text, name));
        if let Some(Text { text, span }) = reaching
            && !has_condition(view.statement, &[key])
        {
            notes.add(code, *span, text);
        }
    }
}

fn principals(view: &View<'_>, notes: &mut Notes) {
    if !matches!(view.statement.principals, PrincipalBlock::Principal(_)) {
        return;
    }
    for principal in &view.principals {
        let Text { text, span } = principal.value;
        match (principal.kind, text) {
            ("*", _) | ("AWS", "*") if view.conditions.is_empty() => {
                notes.add(LintCode::AnyonePrincipalWithoutCondition, span, text);
            }
            // A role is assumed by the service itself: there is no source to name.
            ("Service", service)
                if !matches!(view.statement.resources, ResourceBlock::None)
                    && !has_condition(view.statement, &ON_BEHALF) =>
            {
                notes.add(LintCode::RestrictAccessToServicePrincipal, span, service);
            }
            _ => {}
        }
    }
}

fn pairs(view: &View<'_>, notes: &mut Notes) {
    for condition in &view.conditions {
        let pair = PAIRED.iter().find(|(key, _)| condition.key.text.eq_ignore_ascii_case(key));
        if let Some((_, others)) = pair
            && !has_condition(view.statement, others)
        {
            notes.add(LintCode::MissingPairedConditionKeys, condition.key.span, condition.key.text);
        }
    }
}
