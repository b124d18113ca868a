//! The commands, their exit codes, and the one place where errors are printed.

mod call;
mod check;
mod client;
mod credentials;
mod demo;
mod dev;
mod doctor;
mod document;
mod health;
mod join;
mod links;
mod metadata;
mod node;
mod output;
mod people;
mod policy;
mod quarantine;
mod recover;
mod report;
mod settings;
mod sim;
mod verbs;

use std::{error::Error, ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tidegate_node::telemetry::trace::Telemetry;

/// Any error on its way to the person at the terminal.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// What every client command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Client options")]
pub(crate) struct Globals {
    /// The profile: nodes, authority and access key. `tidegate dev` writes it.
    #[arg(long, global = true, env = "TIDEGATE_PROFILE", default_value = "data/profile.toml")]
    profile: PathBuf,
    /// The node or region to call; any by default.
    #[arg(long, global = true, env = "TIDEGATE_AT", default_value = "")]
    at: String,
    /// How answers are written: data on standard output, progress on standard error.
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        env = "TIDEGATE_OUTPUT",
        default_value = "table"
    )]
    output: output::Format,
    /// How fresh an answer must be: eventual, strong, bounded:2s or at-least-as-fresh:TOKEN.
    #[arg(long, global = true, default_value = "eventual", value_parser = call::consistency)]
    consistency: call::Fresh,
    /// After a change, waits until it decides: all, quorum, region:NAME or nodes:n4,n5.
    #[arg(long, global = true, value_name = "SCOPE", num_args = 0..=1, default_missing_value = "all", require_equals = true, value_parser = call::place, conflicts_with = "dry_run")]
    wait: Option<call::Place>,
    /// How long to wait for propagation.
    #[arg(long, global = true, default_value = "30s")]
    timeout: humantime::Duration,
    /// Checks a change and leaves everything as it is.
    #[arg(long, global = true)]
    dry_run: bool,
    /// Names a change: sent again under the same name it takes effect once.
    #[arg(long, global = true, value_name = "NAME")]
    request_id: Option<String>,
    /// Writes the credentials of the answer into a new profile instead of showing the secret.
    #[arg(long, global = true, value_name = "FILE")]
    save_profile: Option<PathBuf>,
    /// Most items of a list.
    #[arg(long, global = true, default_value_t = 100_000)]
    max_items: usize,
    /// What to log, in the words of `RUST_LOG`.
    #[arg(long, global = true, env = "TIDEGATE_LOG", default_value = "warn,openraft=off")]
    log: String,
}

/// The IAM control plane that you run yourself, and the only one whose propagation can be seen, waited for, bounded and tested.
#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    version,
    after_help = "Exit codes: 0 done or allowed, 1 an error or a policy or case that fails, 2 denied, 3 not yet propagated, 4 too stale, 5 a guarantee broken or a cluster not well, 64 wrong usage."
)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs one node from its TOML file, the environment and flags.
    Node(node::Args),
    /// Runs a development cluster: three regions, five nodes, one process.
    Dev(dev::Args),
    /// Tells the story of one change that travels.
    Demo(demo::Args),
    /// Drives a cluster with a mixed workload, under faults where wanted, and says which guarantees held: exit code 0 if all did.
    Check(check::Args),
    /// Asks every node how it is and how it sees the others: what is well, what is not, and what to do. Exit code 5 where something is bad.
    Doctor(doctor::Args),
    /// Serves an instance's role to the applications of one machine.
    #[command(subcommand)]
    Metadata(metadata::Command),
    /// Whether a node is ready: exit code 0.
    Health(health::Args),
    /// Simulates clusters under faults and checks every guarantee, one seed or thousands.
    Sim(sim::Args),
    #[command(flatten)]
    Client(client::Command),
    /// Prints completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Everything that the command line knows.
fn command() -> clap::Command {
    let beside = |noun: clap::Command| {
        if noun.get_name() == "policy" { policy::beside(noun) } else { noun }
    };
    Cli::command().subcommands(verbs::commands().into_iter().map(beside))
}

/// Runs what the command line says and gives the exit code.
pub(crate) async fn run(words: impl Iterator<Item = OsString>) -> ExitCode {
    let read = command().try_get_matches_from(words);
    let (matches, globals) = match read.and_then(|m| Globals::from_arg_matches(&m).map(|g| (m, g)))
    {
        Ok(read) => read,
        Err(error) => return usage(&error),
    };
    match dispatch(&matches, &globals).await {
        Ok(code) => code,
        Err(error) => report::report(&error),
    }
}

/// Prints help where it was asked for, or what is wrong with the words.
fn usage(error: &clap::Error) -> ExitCode {
    let wrong = error.use_stderr();
    let _printed = error.print();
    if wrong { ExitCode::from(report::code::USAGE) } else { ExitCode::SUCCESS }
}

async fn connect(globals: &Globals) -> Result<tidegate_client::Client, Failure> {
    let profile = crate::profile::read(&globals.profile)?;
    Ok(crate::profile::connect(&profile, &globals.at).await?)
}

/// Begins to log and to trace. `endpoint`: where traces go, unless the environment says it; empty: nowhere.
fn telemetry(globals: &Globals, json: bool, endpoint: &str) -> Telemetry {
    let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let endpoint = said("OTEL_EXPORTER_OTLP_ENDPOINT").unwrap_or_else(|| endpoint.to_owned());
    let service = said("OTEL_SERVICE_NAME").unwrap_or_else(|| "tidegate".to_owned());
    tidegate_node::telemetry::trace::install(&globals.log, json, &endpoint, &service)
}

async fn dispatch(matches: &clap::ArgMatches, globals: &Globals) -> Result<ExitCode, Failure> {
    // A node logs and traces as its own settings say.
    let is_node = matches.subcommand_name() == Some("node");
    let _telemetry = (!is_node).then(|| telemetry(globals, false, ""));
    if let Some((verb, said)) = verbs::asked(matches) {
        if links::is_about(verb) {
            return links::run(verb, said, globals).await;
        }
        if recover::is_about(verb) {
            return recover::run(verb, said, globals).await;
        }
        let client = connect(globals).await?;
        let token = call::run(&client, verb, said, globals).await?;
        return match (&globals.wait, token) {
            (Some(place), Some(token)) => client::wait(&client, &token, place, globals).await,
            _ => Ok(ExitCode::SUCCESS),
        };
    }
    if let Some(said) = policy::asked(matches) {
        return policy::run(said, globals);
    }
    match Cli::from_arg_matches(matches)?.command {
        Command::Node(args) => node::run(args, globals).await,
        Command::Dev(args) => dev::run(args, globals).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Check(args) => check::run(args, globals).await,
        Command::Doctor(args) => doctor::run(args, globals).await,
        Command::Metadata(command) => metadata::run(command, globals).await,
        Command::Health(args) => health::run(args).await,
        Command::Sim(args) => sim::run(args).await,
        Command::Client(command) => client::run(command, globals).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "tidegate", &mut script);
            output::print(&String::from_utf8(script)?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[cfg(test)]
mod tests;
