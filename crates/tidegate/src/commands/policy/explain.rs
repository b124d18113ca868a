//! `tidegate policy explain`: one decision on policies in files, why it came, and what would change it.

use std::{
    io::{IsTerminal, stdout},
    path::PathBuf,
    process::ExitCode,
};

use serde_json::{Value, json};
use tidegate_policy::{
    Explanation, Request, StatementEffect, StatementRef, explain,
    explain::{
        Bringer, Change, Check, Compared, Edit, Hint, Line, Outcome, Part, Place, PolicyChange,
        RequestChange, Spared, Tone,
    },
};

use super::{
    super::{
        Failure,
        output::{Format, for_programs, print},
    },
    decide::{decision, effect, exit, statement},
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

/// Decides and says why.
pub(crate) fn run(args: &ExplainArgs, format: Format) -> Result<ExitCode, Failure> {
    let (actions, resources) = ([args.action.clone()], [args.resource.clone()]);
    let question = args.question.question(&actions, &resources)?;
    let situation = question.situation(&files::loader(PathBuf::new()))?;
    let request = situation.requests().next().ok_or("there is nothing to decide")?;
    let why = explain(&situation.set, &request);
    if !for_programs(format, &explanation(&why, &request))? {
        let colours = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        print(&text(&why.lines(), colours))?;
    }
    Ok(exit(why.decision.is_allowed()))
}

/// The lines, in colours where they are for eyes.
fn text(lines: &[Line], colours: bool) -> String {
    let paint = |(n, line): (usize, &Line)| {
        // The verdict is what is read first.
        let code = match (line.tone, n) {
            (Tone::Good, 0) => "1;32",
            (Tone::Bad, 0) => "1;31",
            (Tone::Good, _) => "32",
            (Tone::Bad, _) => "31",
            (Tone::Advice, _) => "36",
            (Tone::Faint, _) => "2",
            (Tone::Plain, _) => "",
        };
        if colours && !code.is_empty() {
            format!("\u{1b}[{code}m{}\u{1b}[0m\n", line.text)
        } else {
            format!("{}\n", line.text)
        }
    };
    lines.iter().enumerate().map(paint).collect()
}

/// A value with more members.
fn with(mut value: Value, more: Value) -> Value {
    if let (Value::Object(members), Value::Object(more)) = (&mut value, more) {
        members.extend(more);
    }
    value
}

fn explanation(why: &Explanation, request: &Request<'_>) -> Value {
    let changes = |all: &[Change]| all.iter().map(change).collect::<Vec<_>>();
    let suggestion =
        why.suggestion.as_ref().map(|found| json!({ "changes": changes(&found.changes) }));
    with(
        decision(&why.decision, request),
        json!({
            "sentence": why.sentence,
            "checks": why.checks.iter().map(check).collect::<Vec<_>>(),
            "missing_keys": why.missing_keys,
            "suggestion": suggestion,
        }),
    )
}

fn check(check: &Check) -> Value {
    let (outcome, because) = match check.outcome {
        Outcome::Allows => ("allows", None),
        Outcome::Denies => ("denies", None),
        Outcome::Lacks => ("does_not_allow", None),
        Outcome::Spared(spared) => ("not_needed", Some(spared)),
    };
    let because = because.map(|spared| match spared {
        Spared::Absent => "absent",
        Spared::Unbound => "unbound",
        Spared::Root => "root_user",
        Spared::Homeless => "caller_without_account",
        Spared::Named => "named_by_resource",
        Spared::SameAccount => "same_account",
    });
    json!({
        "type": check.policy_type.aws_name(),
        "policy_type": check.policy_type.to_string(),
        "outcome": outcome,
        "because": because,
        "parts": check.parts.iter().map(part).collect::<Vec<_>>(),
    })
}

fn part(part: &Part) -> Value {
    let compare = |all: &[Compared]| all.iter().map(compared).collect::<Vec<_>>();
    let found = |found: &StatementRef, does: StatementEffect| {
        let does = if does == StatementEffect::Allow { "allow" } else { "deny" };
        with(statement(found), json!({ "effect": does }))
    };
    let matched = part.matched.iter().map(|matched| {
        let conditions = json!({ "conditions": compare(&matched.conditions) });
        with(found(&matched.statement, matched.effect), conditions)
    });
    let near = part.near_misses.iter().map(|miss| {
        let failures = json!({ "failures": compare(&miss.failures) });
        with(found(&miss.statement, miss.effect), failures)
    });
    json!({
        "level": part.level.map(|level| level + 1),
        "decision": effect(part.effect),
        "policies": part.policies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "statements": part.statements,
        "matched": matched.collect::<Vec<_>>(),
        "near_misses": near.collect::<Vec<_>>(),
    })
}

fn compared(compared: &Compared) -> Value {
    let hint = compared.hint.as_ref().map(|hint| {
        let kind = match hint {
            Hint::Case { .. } => "case",
            Hint::Inside { .. } => "inside",
            Hint::Itself { .. } => "itself",
            Hint::OldVersion { .. } => "old_version",
            Hint::Wildcard { .. } => "wildcard",
            Hint::Spelling { .. } => "spelling",
        };
        json!({ "kind": kind, "text": hint.to_string() })
    });
    json!({
        "element": compared.element.name(),
        "negated": compared.negated,
        "condition": compared.condition,
        "policy_has": compared.wanted,
        "policy_has_here": compared.resolved,
        "request_has": compared.actual,
        "missing_keys": compared.missing_keys,
        "hint": hint,
        "place": place(compared.place),
    })
}

fn place(place: Place) -> Value {
    let at = |(line, column): (usize, usize)| json!({ "line": line, "column": column });
    json!({ "start": at(place.start), "end": at(place.end) })
}

fn change(change: &Change) -> Value {
    let more = match change {
        Change::Policy(change) => policy_change(change),
        Change::Request(change) => request_change(change),
    };
    with(json!({ "text": change.to_string() }), more)
}

fn policy_change(change: &PolicyChange) -> Value {
    let edit = match change.edit {
        Edit::AddStatement(_) => "add_statement",
        Edit::RemoveStatement => "remove_statement",
        Edit::RemovePolicy => "remove_policy",
        Edit::AddValue(..) => "add_value",
        Edit::RemoveValue(..) => "remove_value",
        Edit::ReplaceValue(..) => "replace_value",
        Edit::AddCondition(_) => "add_condition",
        Edit::ReplaceOperator(..) => "replace_operator",
        Edit::NewVersion => "new_version",
    };
    json!({
        "changes": "policy",
        "edit": edit,
        "policy_type": change.policy_type.to_string(),
        "level": change.level.map(|level| level + 1),
        "policy": change.source.as_ref().map(ToString::to_string),
        "index": change.statement,
        "sid": change.sid,
        "place": change.place.map(place),
        "policy_then": change.document,
    })
}

fn request_change(change: &RequestChange) -> Value {
    let bringer = match change.bringer {
        Bringer::Request => "request",
        Bringer::Session => "session",
        Bringer::PrincipalTag => "principal_tag",
        Bringer::ResourceTag => "resource_tag",
    };
    json!({
        "changes": "request",
        "brought_by": bringer,
        "key": change.key,
        "value": change.value,
        "pattern": change.pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_eyes_only() {
        let line = |tone, text: &str| Line { tone, text: text.to_owned() };
        let lines = [line(Tone::Bad, "no"), line(Tone::Plain, ""), line(Tone::Bad, "  NO  x")];
        assert_eq!(text(&lines, false), "no\n\n  NO  x\n");
        assert_eq!(text(&lines, true), "\u{1b}[1;31mno\u{1b}[0m\n\n\u{1b}[31m  NO  x\u{1b}[0m\n");
    }
}
