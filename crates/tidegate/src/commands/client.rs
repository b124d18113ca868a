//! The client's commands that are more than one call: decisions, waiting, watching, status.

use std::{fmt::Write as _, process::ExitCode};

use clap::Subcommand;
use tidegate_client::{Arrived, CallError, Client, Propagated};
use tidegate_proto::{
    decision::v1::{AuthorizeRequest, ContextEntry, Effect, ExplainRequest, Question},
    propagation::v1::GetReplicationStatusRequest,
    sts::v1::GetCallerIdentityRequest,
};

use super::{
    Failure, Globals,
    call::{Place, place},
    output::{Format, dynamic, for_programs, json, one_of_many, print, typed},
    people::{self, lines, table, time, wire_time},
    quarantine,
    report::{Usage, code},
};

/// What a client may ask.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Groups and nodes as one node sees them.
    Status,
    /// Who the profile's credentials are.
    Whoami,
    /// Decides: exit code 0 allows, 2 denies.
    Authorize(QuestionArgs),
    /// Whether the profile's own identity may: exit code 0 allows, 2 denies.
    CanI(OwnQuestionArgs),
    /// Decides and says why.
    Explain(QuestionArgs),
    /// Waits until a token's changes have arrived.
    Wait {
        /// The token of the change.
        token: String,
        /// Where: all, quorum, region:NAME or nodes:n4,n5.
        #[arg(long, default_value = "all", value_parser = place)]
        scope: Place,
    },
    /// How far changes have come.
    #[command(subcommand)]
    Propagation(Propagation),
    /// Break-glass: contains a principal, credential, session or account, also at a node that is cut off.
    #[command(subcommand)]
    Quarantine(quarantine::Command),
}

/// What there is to see of propagation.
#[derive(Debug, Subcommand)]
pub(crate) enum Propagation {
    /// Shows changes as they arrive at each node, until it is stopped.
    Watch,
}

/// A question.
#[derive(Debug, clap::Args)]
pub(crate) struct QuestionArgs {
    /// The action, `s3:GetObject`.
    action: String,
    /// The resource's ARN.
    #[arg(default_value = "*")]
    resource: String,
    /// The principal's ARN; the caller by default.
    #[arg(long, default_value = "")]
    principal: String,
    /// A condition key, as KEY=VALUE; one that comes again has several values.
    #[arg(long, value_name = "KEY=VALUE")]
    context: Vec<String>,
}

/// A question about the caller.
#[derive(Debug, clap::Args)]
pub(crate) struct OwnQuestionArgs {
    /// The action, `s3:GetObject`.
    action: String,
    /// The resource's ARN.
    #[arg(default_value = "*")]
    resource: String,
    /// A condition key, as KEY=VALUE; one that comes again has several values.
    #[arg(long, value_name = "KEY=VALUE")]
    context: Vec<String>,
}

impl From<OwnQuestionArgs> for QuestionArgs {
    fn from(own: OwnQuestionArgs) -> Self {
        let OwnQuestionArgs { action, resource, context } = own;
        Self { action, resource, principal: String::new(), context }
    }
}

pub(crate) fn arrived(a: &Arrived) -> String {
    let place = format!("{} {}", a.node, a.region);
    match (a.upper_bound, a.estimate) {
        (Some(within), Some(about)) => {
            format!("{place} within {} (about {})", time(within), time(about))
        }
        (Some(within), None) => format!("{place} within {}", time(within)),
        // The asked node did not see the commit itself, so it measured nothing.
        (None, _) => format!("{place} has it"),
    }
}

/// Runs a client command.
pub(crate) async fn run(command: Command, globals: &Globals) -> Result<ExitCode, Failure> {
    let command = match command {
        Command::Quarantine(command) => return quarantine::run(command, globals).await,
        command => command,
    };
    let decides = matches!(command, Command::Authorize(_) | Command::CanI(_) | Command::Explain(_));
    for (given, option) in [
        (globals.consistency.0.is_some() && !decides, "--consistency"),
        (globals.wait.is_some(), "--wait"),
        (globals.dry_run, "--dry-run"),
        (globals.request_id.is_some(), "--request-id"),
        (globals.save_profile.is_some(), "--save-profile"),
    ] {
        if given {
            return Err(Usage(format!("this command takes no {option}")).into());
        }
    }
    let client = &super::connect(globals).await?;
    match command {
        Command::Status => status(client, globals.output).await,
        Command::Whoami => whoami(client, globals.output).await,
        Command::Authorize(q) => authorize(client, q, globals).await,
        Command::CanI(q) => authorize(client, q.into(), globals).await,
        Command::Explain(q) => explain(client, q, globals).await,
        Command::Wait { token, scope } => {
            let end = follow(client, &token, &scope, globals).await?;
            let said = serde_json::json!({
                "covered": end.covered, "reached": end.reached, "missing": end.missing,
            });
            if !for_programs(globals.output, &said)? {
                print(&format!("{}\n", sentence(&end)))?;
            }
            Ok(covered(&end))
        }
        Command::Propagation(Propagation::Watch) => watch(client, globals.output).await,
        Command::Quarantine(command) => quarantine::run(command, globals).await,
    }
}

async fn whoami(client: &Client, format: Format) -> Result<ExitCode, Failure> {
    let answer = client.send(&GetCallerIdentityRequest {}).await?;
    let answer = dynamic("tidegate.sts.v1.GetCallerIdentityResponse", &answer)?;
    if !for_programs(format, &json(&answer)?)? {
        people::one(&answer)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn status(client: &Client, format: Format) -> Result<ExitCode, Failure> {
    let answer = client.send(&GetReplicationStatusRequest {}).await?;
    if for_programs(
        format,
        &typed("tidegate.propagation.v1.GetReplicationStatusResponse", &answer)?,
    )? {
        return Ok(ExitCode::SUCCESS);
    }
    let mut groups = table(&["group", "home", "leader", "position", "no older than"]);
    for g in &answer.groups {
        groups.add_row([
            format!("g{}", g.group),
            g.region.clone(),
            if g.leader.is_empty() { "-" } else { &g.leader }.to_owned(),
            g.published.to_string(),
            wire_time(g.staleness_bound.as_ref()),
        ]);
    }
    let mut nodes = table(&["node", "region", "alive", "round trip", "positions"]);
    for n in &answer.nodes {
        let positions: Vec<String> = n.published.iter().map(|(g, p)| format!("g{g}:{p}")).collect();
        nodes.add_row([
            n.node.clone(),
            n.region.clone(),
            if n.alive { "yes" } else { "NO" }.to_owned(),
            wire_time(n.round_trip.as_ref()),
            positions.join(" "),
        ]);
    }
    let head = format!("As {} in {} sees it:", answer.node, answer.region);
    print(&format!("{head}\n\n{}\n{}", lines(&groups), lines(&nodes)))?;
    Ok(ExitCode::SUCCESS)
}

fn question(q: QuestionArgs) -> Result<Question, Failure> {
    let mut context: Vec<ContextEntry> = Vec::new();
    for word in &q.context {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| Usage(format!("`{word}` is no condition key: expected KEY=VALUE")))?;
        match context.iter_mut().find(|e| e.key == key) {
            Some(entry) => entry.values.push(value.to_owned()),
            None => {
                context.push(ContextEntry { key: key.to_owned(), values: vec![value.to_owned()] });
            }
        }
    }
    Ok(Question { principal: q.principal, action: q.action, resource: q.resource, context })
}

fn allowed_or_not(allowed: bool) -> ExitCode {
    if allowed { ExitCode::SUCCESS } else { ExitCode::from(code::DENIED) }
}

async fn authorize(
    client: &Client,
    q: QuestionArgs,
    globals: &Globals,
) -> Result<ExitCode, Failure> {
    let message = AuthorizeRequest {
        question: Some(question(q)?),
        consistency: globals.consistency.0.clone(),
    };
    let whole = client.send(&message).await?;
    let (answer, evidence) =
        (whole.answer.clone().unwrap_or_default(), whole.evidence.clone().unwrap_or_default());
    let allowed = answer.effect() == Effect::Allow;
    if for_programs(globals.output, &typed("tidegate.decision.v1.AuthorizeResponse", &whole)?)? {
        return Ok(allowed_or_not(allowed));
    }
    let mut text = if allowed { "allowed" } else { answer.message.as_str() }.to_owned();
    for s in &answer.statements {
        let sid = if s.sid.is_empty() { String::new() } else { format!(" `{}`", s.sid) };
        let (policy, line, column) = (&s.policy, s.line, s.column);
        write!(text, "\n  by {policy} statement {}{sid} (line {line}, column {column})", s.index)?;
    }
    let age = wire_time(evidence.staleness_bound.as_ref());
    writeln!(text, "\n  {} in {}, view no older than {age}", evidence.node, evidence.region)?;
    print(&text)?;
    Ok(allowed_or_not(allowed))
}

async fn explain(client: &Client, q: QuestionArgs, globals: &Globals) -> Result<ExitCode, Failure> {
    let message =
        ExplainRequest { question: Some(question(q)?), consistency: globals.consistency.0.clone() };
    let answer = client.send(&message).await?;
    if !for_programs(globals.output, &typed("tidegate.decision.v1.ExplainResponse", &answer)?)? {
        print(&answer.text)?;
    }
    Ok(allowed_or_not(answer.answer.is_some_and(|a| a.effect() == Effect::Allow)))
}

/// Follows a change, its arrivals on standard error.
async fn follow(
    client: &Client,
    token: &str,
    place: &Place,
    globals: &Globals,
) -> Result<Propagated, Failure> {
    let tell = |a: Arrived| eprintln!("{}", arrived(&a));
    Ok(client.wait_for_propagation(token, place.0.clone(), *globals.timeout, tell).await?)
}

fn sentence(end: &Propagated) -> String {
    if end.covered {
        format!("everywhere that was asked for: {}", end.reached.join(" "))
    } else {
        format!("not yet at: {}", end.missing.join(" "))
    }
}

fn covered(end: &Propagated) -> ExitCode {
    if end.covered { ExitCode::SUCCESS } else { ExitCode::from(code::NOT_YET) }
}

/// Waits for a change that was made just now; the exit code says whether it is everywhere.
pub(crate) async fn wait(
    client: &Client,
    token: &str,
    place: &Place,
    globals: &Globals,
) -> Result<ExitCode, Failure> {
    let end = follow(client, token, place, globals).await?;
    eprintln!("{}", sentence(&end));
    Ok(covered(&end))
}

async fn watch(client: &Client, format: Format) -> Result<ExitCode, Failure> {
    let mut answers = client.watch_propagation().await?;
    while let Some(event) = answers.message().await.map_err(CallError::refused)? {
        if event.skipped > 0 {
            eprintln!("{} arrivals were too many to show", event.skipped);
        }
        let said = typed("tidegate.propagation.v1.WatchPropagationResponse", &event)?;
        if !one_of_many(format, &said)? {
            let place = event.arrival.map(|a| arrived(&a.into())).unwrap_or_default();
            print(&format!("g{} revision {} at {place}\n", event.group, event.revision))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
