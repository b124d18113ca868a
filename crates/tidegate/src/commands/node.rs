//! `tidegate node`: one node from its settings, until it is told to stop.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use tidegate_node::{Node, config::NodeConfig, platform::TokioPlatform};

use super::{Failure, Globals, join::join, output::print, settings, telemetry};

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
    /// Joins with this token, which `tidegate cluster create-join-token` made for a node of this number and region. Settings without `peers` are filled
    /// in. A node that has joined goes on as it is.
    #[arg(long, value_name = "TOKEN", env = "TIDEGATE_JOIN", hide_env_values = true)]
    join: Option<String>,
    /// For one start of a node that was away while all voters of the directory that it knew were replaced: learns the directory anew from the nodes
    /// that the settings name, as a new node does.
    #[arg(long)]
    relearn: bool,
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
    let mut config = NodeConfig::from_toml(&settings::merged(&file, std::env::vars(), &args.set)?)?;
    config.relearn = args.relearn;
    if args.print_config {
        print(&config.to_toml()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let _telemetry = telemetry(globals, true, &config.telemetry.otlp_endpoint);
    if let Some(token) = &args.join {
        join(&mut config, token).await?;
    }
    if config.relearn && config.peers.is_empty() {
        return Err("--relearn needs `peers` in the settings: nodes that are there now".into());
    }
    let node = Node::start(config, Arc::new(TokioPlatform::new())).await?;
    tracing::info!(node = %node.id(), "the node runs");
    let (mut failed, mut begins_anew) = (None, false);
    tokio::select! {
        biased;
        told = told_to_stop() => told?,
        why = node.failed() => failed = Some(why),
        () = node.evicted() => begins_anew = true,
    }
    node.shutdown().await;
    if begins_anew {
        return Err(replace_process().into());
    }
    match failed {
        None => Ok(ExitCode::SUCCESS),
        // Whoever keeps it running starts it again, and it reads what is really there.
        Some(why) => Err(format!("the node ends, for its store can't be relied on: {why}").into()),
    }
}

/// Puts a fresh process of the same program in the place of this one: nothing of the evicted node is left in memory. Returns where that fails.
fn replace_process() -> std::io::Error {
    use std::os::unix::process::CommandExt as _;
    match std::env::current_exe() {
        Ok(program) => std::process::Command::new(program).args(std::env::args_os().skip(1)).exec(),
        Err(error) => error,
    }
}
