//! `tidegate node`: one node from its settings, until it is told to stop.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use tidegate_node::{Node, config::NodeConfig, platform::TokioPlatform};

use super::{Failure, Globals, output::print, settings, telemetry};

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node's settings, a TOML file.
    #[arg(long, env = "TIDEGATE_CONFIG")]
    config: Option<PathBuf>,
    /// One setting, such as `listen.grpc=0.0.0.0:7401`; may come again. Goes before `TIDEGATE_NODE_LISTEN__GRPC` in the environment, which goes before the file.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Prints the settings as they are understood, and ends.
    #[arg(long)]
    print_config: bool,
}

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn told_to_stop() -> Result<(), Failure> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        biased;
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Runs the node.
pub(crate) async fn run(args: Args, globals: &Globals) -> Result<ExitCode, Failure> {
    let file = match &args.config {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|e| format!("`{}` can't be read: {e}", path.display()))?,
        None => String::new(),
    };
    let config = NodeConfig::from_toml(&settings::merged(&file, std::env::vars(), &args.set)?)?;
    if args.print_config {
        print(&config.to_toml()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let _telemetry = telemetry(globals, true, &config.telemetry.otlp_endpoint);
    let node = Node::start(config, Arc::new(TokioPlatform::new())).await?;
    tracing::info!(node = %node.id(), "the node runs");
    let failed = tokio::select! {
        biased;
        told = told_to_stop() => {
            told?;
            None
        }
        why = node.failed() => Some(why),
    };
    node.shutdown().await;
    match failed {
        None => Ok(ExitCode::SUCCESS),
        // Whoever keeps it running starts it again, and it reads what is really there.
        Some(why) => Err(format!("the node ends, for its store can't be relied on: {why}").into()),
    }
}
