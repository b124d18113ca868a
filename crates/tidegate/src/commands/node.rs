//! `tidegate node`: one node from a TOML file, until it is told to stop.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use tidegate_node::{Node, config::NodeConfig, platform::TokioPlatform};

use super::Failure;

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node's settings.
    #[arg(long, env = "TIDEGATE_CONFIG")]
    config: PathBuf,
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
pub(crate) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let text = std::fs::read_to_string(&args.config)
        .map_err(|e| format!("`{}` can't be read: {e}", args.config.display()))?;
    let config = NodeConfig::from_toml(&text)?;
    if args.print_config {
        println!("{}", config.to_toml()?);
        return Ok(ExitCode::SUCCESS);
    }
    let node = Node::start(config, Arc::new(TokioPlatform::new())).await?;
    tracing::info!(node = %node.id(), "the node runs");
    told_to_stop().await?;
    node.shutdown().await;
    Ok(ExitCode::SUCCESS)
}
