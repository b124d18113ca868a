//! `tidegate policy explain`: a decision on policies in files, and why.

use std::{path::PathBuf, process::ExitCode};

use serde_json::{Value, json};
use tidegate_policy::{Decision, Effect, Explanation, Request, StatementRef, explain};

use super::{
    super::{
        Failure,
        output::{Format, for_programs, print},
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

/// The outcome in the words of AWS's policy simulator.
fn effect(decision: &Decision) -> &'static str {
    match decision.effect {
        Effect::Allow => "allowed",
        Effect::ImplicitDeny => "implicitDeny",
        Effect::ExplicitDeny => "explicitDeny",
    }
}

pub(crate) fn exit(allowed: bool) -> ExitCode {
    if allowed { ExitCode::SUCCESS } else { ExitCode::from(code::DENIED) }
}

fn statement(found: &StatementRef) -> Value {
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
