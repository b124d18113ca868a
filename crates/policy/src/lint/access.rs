//! Statements that let in more than is usually meant.

use super::{LintCode, Notes, reaches};
use crate::document::{
    ActionBlock, PolicyKind, PrincipalBlock, ResourceBlock, Statement, StatementEffect,
};

/// The actions that a trust policy can decide on.
const TRUST_ACTIONS: [&str; 6] = [
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
    "sts:TagSession",
    "sts:SetSourceIdentity",
    "sts:SetContext",
];

pub(super) fn check(statement: &Statement, kind: PolicyKind, notes: &mut Notes) {
    if kind == PolicyKind::Trust {
        trust_actions(statement, notes);
    }
    if statement.effect == StatementEffect::Allow {
        negated_elements(statement, notes);
        pass_role(statement, notes);
        principals(statement, notes);
    }
}

fn has_condition(statement: &Statement, is: impl Fn(&str) -> bool) -> bool {
    statement.conditions.iter().any(|condition| is(&condition.key.to_ascii_lowercase()))
}

fn trust_actions(statement: &Statement, notes: &mut Notes) {
    let ActionBlock::Action(actions) = &statement.actions else { return };
    for action in actions {
        let known = TRUST_ACTIONS.iter().any(|known| reaches(core::slice::from_ref(action), known));
        if !known {
            notes.add(LintCode::MismatchedTrustAction, action);
        }
    }
}

fn negated_elements(statement: &Statement, notes: &mut Notes) {
    if matches!(statement.principals, PrincipalBlock::NotPrincipal(_)) {
        notes.add(LintCode::AllowWithNotPrincipal, "");
    }
    if matches!(statement.resources, ResourceBlock::NotResource(_)) {
        notes.add(LintCode::AllowWithNotResource, "");
    }
    if matches!(statement.actions, ActionBlock::NotAction(_)) && on_everything(statement) {
        notes.add(LintCode::AllowWithNotAction, "");
    }
}

fn on_everything(statement: &Statement) -> bool {
    match &statement.resources {
        ResourceBlock::Resource(resources) => resources.iter().any(|r| &**r == "*"),
        ResourceBlock::NotResource(_) => true,
        ResourceBlock::None => false,
    }
}

fn pass_role(statement: &Statement, notes: &mut Notes) {
    let ActionBlock::Action(actions) = &statement.actions else { return };
    let passes = reaches(actions, "iam:PassRole") && on_everything(statement);
    // Who may do everything needs no role to be passed.
    let everything = actions.iter().any(|action| &**action == "*");
    if passes && !everything && !has_condition(statement, |key| key == "iam:passedtoservice") {
        notes.add(LintCode::PassRoleWithStar, "");
    }
}

fn principals(statement: &Statement, notes: &mut Notes) {
    let PrincipalBlock::Principal(principals) = &statement.principals else { return };
    let on_behalf = |key: &str| {
        matches!(
            key,
            "aws:sourcearn" | "aws:sourceaccount" | "aws:sourceorgid" | "aws:sourceorgpaths"
        )
    };
    for (kind, value) in principals {
        match (&**kind, &**value) {
            ("*", _) | ("AWS", "*") if statement.conditions.is_empty() => {
                notes.add(LintCode::AnyonePrincipal, value);
            }
            // A role is assumed by the service itself: there is no source to name.
            ("Service", service)
                if !matches!(statement.resources, ResourceBlock::None)
                    && !has_condition(statement, on_behalf) =>
            {
                notes.add(LintCode::RestrictServicePrincipal, service);
            }
            ("Federated", provider)
                if provider.ends_with("token.actions.githubusercontent.com")
                    && !has_condition(statement, |key| key.ends_with(":sub")) =>
            {
                notes.add(LintCode::MissingSubjectCondition, provider);
            }
            _ => {}
        }
    }
}
