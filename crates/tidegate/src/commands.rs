//! The commands, their exit codes, and the one place where errors are printed.

mod client;
mod demo;
mod dev;
mod node;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// Any error on its way to the person at the terminal.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The IAM control plane that you run yourself, and the only one whose propagation can be seen, waited for, bounded and tested.
#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    version,
    after_help = "Exit codes: 0 done or allowed, 1 an error, 2 denied, 3 not yet propagated, 64 wrong usage."
)]
pub(crate) struct Cli {
    /// The profile: nodes, authority and access key. `tidegate dev` writes it.
    #[arg(long, global = true, env = "TIDEGATE_PROFILE", default_value = "data/profile.toml")]
    profile: PathBuf,
    /// The node or region to call; any by default.
    #[arg(long, global = true, env = "TIDEGATE_AT", default_value = "")]
    at: String,
    /// What to log, in the words of `RUST_LOG`.
    #[arg(long, global = true, env = "TIDEGATE_LOG", default_value = "warn,openraft=off")]
    log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs one node from its TOML file.
    Node(node::Args),
    /// Runs a development cluster: three regions, five nodes, one process.
    Dev(dev::Args),
    /// Tells the story of one change that travels.
    Demo(demo::Args),
    #[command(flatten)]
    Client(client::Command),
    /// Prints completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Runs a command and gives its exit code.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    let json = matches!(cli.command, Command::Node(_));
    let endpoint = std::env::var("OTEL_EXPORTER_OTLP_ENDPOINT").unwrap_or_default();
    let _telemetry =
        tidegate_node::telemetry::trace::install(&cli.log, json, &endpoint, "tidegate");
    let result = match cli.command {
        Command::Node(args) => node::run(args).await,
        Command::Dev(args) => dev::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Client(command) => client::run(command, &cli.profile, &cli.at).await,
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut <Cli as clap::CommandFactory>::command(),
                "tidegate",
                &mut std::io::stdout(),
            );
            Ok(ExitCode::SUCCESS)
        }
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tidegate: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}
