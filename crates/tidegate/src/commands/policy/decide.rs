//! `tidegate policy simulate`: decisions on policies in files.

use std::{path::PathBuf, process::ExitCode};

use serde_json::{Value, json};
use tidegate_policy::{Decision, Effect, Request, StatementRef, authorize};

use super::{
    super::{
        Failure,
        output::{Format, for_programs, print},
        people,
        report::code,
    },
    files,
    question::QuestionArgs,
};

/// Many questions.
#[derive(Debug, clap::Args)]
pub(crate) struct SimulateArgs {
    /// An action, `s3:GetObject`; may come again.
    #[arg(long, required = true)]
    action: Vec<String>,
    /// A resource's ARN; may come again.
    #[arg(long, default_value = "*")]
    resource: Vec<String>,
    #[command(flatten)]
    question: QuestionArgs,
}

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

pub(super) fn statement(found: &StatementRef) -> Value {
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

/// Decides each action with each resource.
pub(crate) fn simulate(args: &SimulateArgs, format: Format) -> Result<ExitCode, Failure> {
    let question = args.question.question(&args.action, &args.resource)?;
    let situation = question.situation(&files::loader(PathBuf::new()))?;
    let mut table = people::table(&["action", "resource", "decision", "by"]);
    let (mut answers, mut all_allowed) = (Vec::new(), true);
    for request in situation.requests() {
        let found = authorize(&situation.set, &request);
        all_allowed &= found.is_allowed();
        let statements: Vec<String> = found.statements.iter().map(ToString::to_string).collect();
        let by = match (found.policy_type, statements.is_empty()) {
            (Some(policy_type), true) => format!("no {policy_type} allows it"),
            _ => statements.join(", "),
        };
        table.add_row([
            request.action.to_string(),
            request.resource.to_owned(),
            effect(found.effect).to_owned(),
            by,
        ]);
        answers.push(decision(&found, &request));
    }
    if !for_programs(format, &answers.into())? {
        print(&people::lines(&table))?;
    }
    Ok(exit(all_allowed))
}
