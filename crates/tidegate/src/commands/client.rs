//! The client's commands that are more than one call: decisions, waiting, watching, status.

use std::{process::ExitCode, time::Duration};

use clap::Subcommand;
use tidegate_client::{Arrived, CallError, Client};
use tidegate_proto::{
    decision::v1::{
        AuthorizeRequest, AuthorizeResponse, ContextEntry, Effect, ExplainRequest, ExplainResponse,
        Question,
    },
    propagation::v1::{GetReplicationStatusRequest, GetReplicationStatusResponse},
};

use super::{
    Failure, Globals,
    call::{consistency, scope},
    output::{Format, for_programs, table, typed},
};

/// A decision that denies.
pub(crate) const DENIED: u8 = 2;
/// A change that is not everywhere yet.
pub(crate) const NOT_YET: u8 = 3;
/// A view that is too old.
pub(crate) const TOO_STALE: u8 = 4;

/// What a client may ask.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Groups and nodes as one node sees them.
    Status,
    /// Decides: exit code 0 allows, 2 denies.
    Authorize(QuestionArgs),
    /// Decides and says why.
    Explain(QuestionArgs),
    /// Waits until a token's changes have arrived.
    Wait {
        /// The token of the change.
        token: String,
        /// Where: all, quorum, region:NAME or nodes:n4,n5.
        #[arg(long, default_value = "all")]
        scope: String,
    },
    /// How far changes have come.
    #[command(subcommand)]
    Propagation(Propagation),
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

/// A duration for people.
pub(crate) fn millis(d: Option<&prost_types::Duration>) -> String {
    let ms = |d: &prost_types::Duration| {
        Duration::new(d.seconds.unsigned_abs(), d.nanos.unsigned_abs()).as_millis()
    };
    d.map_or_else(|| "-".to_owned(), |d| format!("{} ms", ms(d)))
}

fn arrived(a: &Arrived) -> String {
    let ms = |d: Option<Duration>| {
        d.map_or_else(|| "an unknown time".to_owned(), |d| format!("{} ms", d.as_millis()))
    };
    format!("{} {} within {} (about {})", a.node, a.region, ms(a.upper_bound), ms(a.estimate))
}

/// Runs a client command.
pub(crate) async fn run(
    client: &Client,
    command: Command,
    globals: &Globals,
) -> Result<ExitCode, Failure> {
    match command {
        Command::Status => status(client, globals.output).await,
        Command::Authorize(q) => authorize(client, q, globals).await,
        Command::Explain(q) => explain(client, q, globals).await,
        Command::Wait { token, scope } => wait(client, &token, &scope, globals).await,
        Command::Propagation(Propagation::Watch) => watch(client, globals.output).await,
    }
}

async fn status(client: &Client, format: Format) -> Result<ExitCode, Failure> {
    let path = "/tidegate.propagation.v1.PropagationService/GetReplicationStatus";
    let answer: GetReplicationStatusResponse =
        client.call(path, &GetReplicationStatusRequest {}).await?;
    if for_programs(
        format,
        &typed("tidegate.propagation.v1.GetReplicationStatusResponse", &answer)?,
    )? {
        return Ok(ExitCode::SUCCESS);
    }
    println!("as {} in {} sees it", answer.node, answer.region);
    let mut groups = table(&["group", "home", "leader", "position", "no older than"]);
    for g in &answer.groups {
        let staleness = millis(g.staleness_bound.as_ref());
        groups.add_row([
            format!("g{}", g.group),
            g.region.clone(),
            g.leader.clone(),
            g.published.to_string(),
            staleness,
        ]);
    }
    println!("{groups}");
    let mut nodes = table(&["node", "region", "alive", "round trip", "positions"]);
    for n in &answer.nodes {
        let positions: Vec<String> = n.published.iter().map(|(g, p)| format!("g{g}:{p}")).collect();
        nodes.add_row([
            n.node.clone(),
            n.region.clone(),
            n.alive.to_string(),
            millis(n.round_trip.as_ref()),
            positions.join(" "),
        ]);
    }
    println!("{nodes}");
    Ok(ExitCode::SUCCESS)
}

fn question(q: QuestionArgs) -> Result<Question, Failure> {
    let mut context: Vec<ContextEntry> = Vec::new();
    for word in &q.context {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| format!("`{word}` is no condition key: expected KEY=VALUE"))?;
        match context.iter_mut().find(|e| e.key == key) {
            Some(entry) => entry.values.push(value.to_owned()),
            None => {
                context.push(ContextEntry { key: key.to_owned(), values: vec![value.to_owned()] });
            }
        }
    }
    Ok(Question { principal: q.principal, action: q.action, resource: q.resource, context })
}

fn code(allowed: bool) -> ExitCode {
    if allowed { ExitCode::SUCCESS } else { ExitCode::from(DENIED) }
}

async fn authorize(
    client: &Client,
    q: QuestionArgs,
    globals: &Globals,
) -> Result<ExitCode, Failure> {
    let message = AuthorizeRequest {
        question: Some(question(q)?),
        consistency: consistency(&globals.consistency)?,
    };
    let whole: AuthorizeResponse =
        client.call("/tidegate.decision.v1.DecisionService/Authorize", &message).await?;
    let (answer, evidence) =
        (whole.answer.clone().unwrap_or_default(), whole.evidence.clone().unwrap_or_default());
    let allowed = answer.effect() == Effect::Allow;
    if for_programs(globals.output, &typed("tidegate.decision.v1.AuthorizeResponse", &whole)?)? {
        return Ok(code(allowed));
    }
    println!("{}", if allowed { "allowed" } else { answer.message.as_str() });
    for s in &answer.statements {
        println!("  by {} statement {} (line {}, column {})", s.policy, s.index, s.line, s.column);
    }
    let age = millis(evidence.staleness_bound.as_ref());
    println!("  {} in {}, view no older than {age}", evidence.node, evidence.region);
    Ok(code(allowed))
}

async fn explain(client: &Client, q: QuestionArgs, globals: &Globals) -> Result<ExitCode, Failure> {
    let message = ExplainRequest {
        question: Some(question(q)?),
        consistency: consistency(&globals.consistency)?,
    };
    let answer: ExplainResponse =
        client.call("/tidegate.decision.v1.DecisionService/Explain", &message).await?;
    if !for_programs(globals.output, &typed("tidegate.decision.v1.ExplainResponse", &answer)?)? {
        print!("{}", answer.text);
    }
    Ok(code(answer.answer.is_some_and(|a| a.effect() == Effect::Allow)))
}

/// Waits for a change, its arrivals on standard error; the exit code says whether it is everywhere.
pub(crate) async fn wait(
    client: &Client,
    token: &str,
    words: &str,
    globals: &Globals,
) -> Result<ExitCode, Failure> {
    let tell = |a: Arrived| eprintln!("{}", arrived(&a));
    let end = client.wait_for_propagation(token, scope(words)?, *globals.timeout, tell).await?;
    if end.covered {
        eprintln!("everywhere that was asked for: {}", end.reached.join(" "));
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("not yet at: {}", end.missing.join(" "));
    Ok(ExitCode::from(NOT_YET))
}

async fn watch(client: &Client, format: Format) -> Result<ExitCode, Failure> {
    let mut answers = client.watch_propagation().await?;
    while let Some(event) = answers.message().await.map_err(CallError::refused)? {
        if event.skipped > 0 {
            eprintln!("{} arrivals were too many to show", event.skipped);
        }
        match format {
            Format::Table => {
                let place = event.arrival.clone().map(|a| arrived(&a.into())).unwrap_or_default();
                println!("g{} revision {} at {place}", event.group, event.revision);
            }
            // One a line, so that a program can read along.
            Format::Json => {
                println!("{}", typed("tidegate.propagation.v1.WatchPropagationResponse", &event)?);
            }
            Format::Yaml => {
                println!("---");
                for_programs(
                    format,
                    &typed("tidegate.propagation.v1.WatchPropagationResponse", &event)?,
                )?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
