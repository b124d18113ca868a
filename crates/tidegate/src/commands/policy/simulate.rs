//! `tidegate policy simulate` and `context-keys`: AWS's policy simulator on policies in files.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;
use tidegate_policy::{
    Action, Value, cases, catalogue,
    simulate::{
        self, BoundaryDetail, ContextEntry, EvalDecision, EvaluationResult, MatchedStatement,
        SimulationAnswer, SimulationRequest, SimulationSource,
    },
};

use super::{
    super::{
        Failure,
        output::{Format, for_programs, print},
        people,
    },
    decide::exit,
    files,
    question::QuestionArgs,
};

/// The words that a whole request takes the place of.
const OTHERS: [&str; 18] = [
    "action",
    "resource",
    "principal",
    "principal_id",
    "principal_behind",
    "principal_org",
    "principal_tag",
    "session_key",
    "identity",
    "boundary",
    "session_policy",
    "resource_policy",
    "trust_policy",
    "scp",
    "rcp",
    "endpoint_policy",
    "resource_account",
    "context",
];

/// Many questions.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An action, `s3:GetObject`; may come again.
    #[arg(long, required_unless_present = "input")]
    action: Vec<String>,
    /// A resource's ARN; may come again.
    #[arg(long, default_value = "*")]
    resource: Vec<String>,
    /// In place of all other words: a request of AWS's `SimulateCustomPolicy` as JSON, which holds its policies; - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = OTHERS)]
    input: Option<PathBuf>,
    #[command(flatten)]
    question: QuestionArgs,
}

/// Policies that ask for keys.
#[derive(Debug, clap::Args)]
pub(crate) struct KeysArgs {
    /// Files with a policy each, JSON or YAML; - for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Simulates. The answer for programs is that of AWS.
pub(crate) fn run(args: &Args, format: Format) -> Result<ExitCode, Failure> {
    let answer = match &args.input {
        Some(path) => simulate::custom(&request(path)?)?,
        None => simulated(args)?,
    };
    for result in &answer.evaluation_results {
        if let Some(note) = unlisted(&result.eval_action_name) {
            eprintln!("{note}");
        }
    }
    if !for_programs(format, &serde_json::to_value(&answer)?)? {
        print(&table(&answer))?;
    }
    let allowed = |result: &EvaluationResult| result.eval_decision == EvalDecision::Allowed;
    Ok(exit(answer.evaluation_results.iter().all(allowed)))
}

fn request(path: &Path) -> Result<SimulationRequest, Failure> {
    let text = files::read(path)?;
    let request = serde_json::from_str(&text);
    Ok(request
        .map_err(|e| format!("`{}` is no request of a simulation: {e}", files::name(path)))?)
}

/// The answer to the words of the command line, all of its pages.
fn simulated(args: &Args) -> Result<SimulationAnswer, Failure> {
    let question = args.question.question(&args.action, &args.resource)?;
    let situation = question.situation(&files::loader(PathBuf::new()))?;
    let tags = situation.resource_facts.iter().flat_map(|facts| &facts.tags);
    let tags = tags.map(|(key, value)| (format!("aws:ResourceTag/{key}"), Value::from(&**value)));
    let keys = situation.context.iter().map(|(key, value)| (key.to_owned(), value.clone()));
    let mut request = SimulationRequest {
        action_names: args.action.clone(),
        resource_arns: args.resource.clone(),
        resource_owner: situation.resource_account.map(|account| account.to_string()),
        context_entries: keys.chain(tags).map(entry).collect(),
        ..SimulationRequest::default()
    };
    let source = SimulationSource { principal: Some(situation.principal), policies: situation.set };
    let mut answer = simulate::principal(&request, &source)?;
    while let Some(marker) = answer.marker.take() {
        request.marker = Some(marker);
        let mut next = simulate::principal(&request, &source)?;
        answer.evaluation_results.append(&mut next.evaluation_results);
        answer.is_truncated = next.is_truncated;
        answer.marker = next.marker;
    }
    Ok(answer)
}

fn entry((context_key_name, value): (String, Value)) -> ContextEntry {
    let (of, context_key_values) = match value {
        Value::One(value) => ("string", vec![value]),
        Value::Many(values) => ("stringList", values),
    };
    ContextEntry { context_key_name, context_key_values, context_key_type: Some(of.to_owned()) }
}

/// What is to be said of an action that the service's list does not have: a slip of the pen, or newer than the list.
fn unlisted(action: &str) -> Option<String> {
    let service = Action::parse(action).ok()?.service().to_owned();
    catalogue::service(&service)?;
    catalogue::action(action)
        .is_none()
        .then(|| format!("AWS's reference lists no action `{action}` of the service `{service}`"))
}

/// A line for each action with each resource.
fn table(answer: &SimulationAnswer) -> String {
    let mut table = people::table(&["action", "resource", "decision", "by", "missing"]);
    for result in &answer.evaluation_results {
        let organizations = result.organizations_decision_detail;
        let refused = organizations.is_some_and(|detail| !detail.allowed_by_organizations);
        let mut row = |resource: &str, decision: EvalDecision, matched, boundary, missing: &[_]| {
            table.add_row([
                result.eval_action_name.clone(),
                resource.to_owned(),
                decision.as_str().to_owned(),
                by(decision, matched, boundary, refused),
                missing.join(", "),
            ]);
        };
        if result.resource_specific_results.is_empty() {
            row(
                &result.eval_resource_name,
                result.eval_decision,
                &result.matched_statements,
                result.permissions_boundary_decision_detail,
                &result.missing_context_values,
            );
        }
        for one in &result.resource_specific_results {
            row(
                &one.eval_resource_name,
                one.eval_resource_decision,
                &one.matched_statements,
                one.permissions_boundary_decision_detail,
                &one.missing_context_values,
            );
        }
    }
    people::lines(&table)
}

/// What decided: the statements, or who is silent.
fn by(
    decision: EvalDecision,
    matched: &[MatchedStatement],
    boundary: Option<BoundaryDetail>,
    refused: bool,
) -> String {
    if decision == EvalDecision::ImplicitDeny {
        let bounded = boundary.is_some_and(|detail| !detail.allowed_by_permissions_boundary);
        return match (matched.is_empty(), refused, bounded) {
            (true, ..) => "nothing allows it",
            (false, true, _) => "the organization does not allow it",
            (false, false, true) => "the permissions boundary does not allow it",
            (false, false, false) => "what allows it is not enough",
        }
        .to_owned();
    }
    let place = |found: &MatchedStatement| {
        let at = found.start_position;
        format!("{} (line {}, column {})", found.source_policy_id, at.line, at.column)
    };
    matched.iter().map(place).collect::<Vec<_>>().join(", ")
}

/// Names the keys.
pub(crate) fn keys(args: &KeysArgs, format: Format) -> Result<ExitCode, Failure> {
    let mut policies = Vec::new();
    for path in &args.files {
        let name = files::name(path);
        let text = cases::policy_text(&files::read(path)?).map_err(|e| format!("`{name}`: {e}"))?;
        policies.push((name, text));
    }
    let mut all: Vec<String> = Vec::new();
    for (name, text) in policies {
        // One by one, so that an error names the file.
        let found = simulate::context_keys(&[text]);
        let found = found.map_err(|e| format!("`{name}`: {e}"))?;
        for key in found {
            if !all.iter().any(|known| known.eq_ignore_ascii_case(&key)) {
                all.push(key);
            }
        }
    }
    if !for_programs(format, &json!({ "ContextKeyNames": all }))? {
        print(&all.iter().fold(String::new(), |text, key| text + key + "\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
