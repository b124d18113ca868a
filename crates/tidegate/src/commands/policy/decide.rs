//! Decisions as the commands on policies in files show them.

use std::process::ExitCode;

use serde_json::{Value, json};
use tidegate_policy::{Decision, Effect, Request, StatementRef};

use super::super::report::code;

/// The outcome in the words of AWS's policy simulator.
pub(super) fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allowed",
        Effect::ImplicitDeny => "implicitDeny",
        Effect::ExplicitDeny => "explicitDeny",
    }
}

pub(super) fn exit(allowed: bool) -> ExitCode {
    if allowed { ExitCode::SUCCESS } else { ExitCode::from(code::DENIED) }
}

/// A statement for programs.
pub(crate) fn statement(found: &StatementRef) -> Value {
    let ((line, column), _) = found.position();
    json!({
        "policy": found.policy.source().to_string(), "sid": found.sid(), "index": found.index,
        "line": line, "column": column,
    })
}

pub(super) fn decision(decision: &Decision, request: &Request<'_>) -> Value {
    json!({
        "action": request.action.as_str(),
        "resource": request.resource,
        "decision": effect(decision.effect),
        "policy_type": decision.policy_type.map(|by| by.to_string()),
        "statements": decision.statements.iter().map(statement).collect::<Vec<_>>(),
    })
}
