//! `tidegate policy explain` and `simulate`: decisions on policies in files.

use std::{path::PathBuf, process::ExitCode};

use serde_json::{Value, json};
use tidegate_policy::{Decision, Effect, Explanation, Request, StatementRef, authorize, explain};

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

/// One question.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// The action, `s3:GetObject`.
    action: String,
    /// The resource's ARN.
    #[arg(default_value = "*")]
    resource: String,
    #[command(flatten)]
    question: QuestionArgs,
}

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
fn effect(decision: &Decision) -> &'static str {
    match decision.effect {
        Effect::Allow => "allowed",
        Effect::ImplicitDeny => "implicitDeny",
        Effect::ExplicitDeny => "explicitDeny",
    }
}

fn exit(allowed: bool) -> ExitCode {
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

fn decision(decision: &Decision, request: &Request<'_>) -> Value {
    json!({
        "action": request.action.as_str(),
        "resource": request.resource,
        "decision": effect(decision),
        "policy_type": decision.policy_type.map(|by| by.to_string()),
        "statements": decision.statements.iter().map(statement).collect::<Vec<_>>(),
    })
}

/// Decides and says why.
pub(crate) fn explain_one(args: &ExplainArgs, format: Format) -> Result<ExitCode, Failure> {
    let (actions, resources) = ([args.action.clone()], [args.resource.clone()]);
    let question = args.question.question(&actions, &resources)?;
    let situation = question.situation(&files::loader(PathBuf::new()))?;
    let request = situation.requests().next().ok_or("there is nothing to decide")?;
    let why = explain(&situation.set, &request);
    if !for_programs(format, &explanation(&why, &request))? {
        print(&why.to_string())?;
    }
    Ok(exit(why.decision.is_allowed()))
}

fn explanation(why: &Explanation, request: &Request<'_>) -> Value {
    let mut said = decision(&why.decision, request);
    let types = why.types.iter().map(|outcome| {
        json!({
            "policy_type": outcome.policy_type.to_string(),
            "matched": outcome.matched.iter().map(statement).collect::<Vec<_>>(),
            "near_misses": outcome.near_misses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    });
    let types: Vec<Value> = types.collect();
    for (name, value) in [
        ("types", json!(types)),
        ("missing_keys", json!(why.missing_keys)),
        ("sentence", json!(why.sentence)),
    ] {
        if let Value::Object(members) = &mut said {
            members.insert(name.to_owned(), value);
        }
    }
    said
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
            effect(&found).to_owned(),
            by,
        ]);
        answers.push(decision(&found, &request));
    }
    if !for_programs(format, &answers.into())? {
        print(&people::lines(&table))?;
    }
    Ok(exit(all_allowed))
}
