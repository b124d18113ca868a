//! `tidegate dev`: a development cluster that stays up.

mod environment;
mod reset;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use tidegate_node::gate::Model;

use super::{Failure, Globals, node::told_to_stop};
use crate::dev::{DevCluster, Keeping, admin, layout::Layout, seed::Seed};

/// Where and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder for everything that the cluster keeps. An existing cluster goes on from there.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// First port; 0 takes whatever is free.
    #[arg(long, default_value_t = 7400)]
    base_port: u16,
    /// Writes certificates, keys and settings for five `tidegate node` processes, and ends.
    #[arg(long)]
    write_configs_only: bool,
    /// Adds the settings of one more node, as `NUMBER:REGION`, to those written before, and ends.
    #[arg(long)]
    add_node: Option<String>,
    /// How long changes take to decide outside the home region: instant, aws-like, google-like or worst-legal-order.
    #[arg(long, default_value = "instant", value_name = "MODEL")]
    propagation: Model,
    /// What the delays of the model are drawn from.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    propagation_seed: u64,
    /// Accounts, users, keys, policies and roles to begin from, a TOML file (docs/testing.md). The cluster keeps everything in memory.
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// Keeps everything in memory: each start begins anew, and so does `tidegate dev reset`.
    #[arg(long)]
    in_memory: bool,
    /// Prints the line `ready` once the cluster serves.
    #[arg(long)]
    print_ready: bool,
    #[command(subcommand)]
    about: Option<About>,
}

/// What is asked about a cluster that runs.
#[derive(Debug, clap::Subcommand)]
enum About {
    /// Prints what clients of AWS take from the environment: eval "$(tidegate dev env)". --at chooses the node or region.
    Env(environment::Args),
    /// Begins a running cluster in memory anew, from its seed file if it has one.
    Reset,
}

/// Runs the cluster.
pub(crate) async fn run(args: Args, globals: &Globals) -> Result<ExitCode, Failure> {
    match &args.about {
        Some(About::Env(about)) => return environment::print(about, globals),
        Some(About::Reset) => return reset::run(globals).await,
        None => {}
    }
    let layout = Layout::at(&args.data);
    if let Some(node) = &args.add_node {
        let (number, region) =
            node.split_once(':').ok_or("--add-node takes NUMBER:REGION, such as 6:us-east-1")?;
        layout.add_node(number.parse()?, region)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.write_configs_only {
        if layout.exists() {
            return Err(format!("`{}` holds a cluster already", args.data.display()).into());
        }
        layout.create(args.base_port)?;
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "DEVELOPMENT MODE: links can be broken on purpose and keys lie in a folder. It must guard nothing."
    );
    let seed = args.seed.as_deref().map(Seed::read).transpose()?.map(Arc::new);
    let keeping =
        if args.in_memory || seed.is_some() { Keeping::Memory(seed) } else { Keeping::Disk };
    let mut cluster = DevCluster::start(&args.data, args.base_port, keeping).await?;
    cluster.set_propagation(args.propagation, args.propagation_seed);
    let profile = crate::profile::read(&cluster.layout().profile_path())?;
    eprintln!("A cluster of three regions and five nodes runs in `{}`:", args.data.display());
    for endpoint in &profile.endpoints {
        eprintln!(
            "  {}  {:<16} {}  for clients of AWS: {}",
            endpoint.node, endpoint.region, endpoint.address, endpoint.aws
        );
    }
    eprintln!("Operator's access key: {}", profile.access_key_id);
    eprintln!(
        "Its secret and the authority's certificate: {}",
        cluster.layout().profile_path().display()
    );
    eprintln!("Try: tidegate --profile {} status", cluster.layout().profile_path().display());
    eprintln!(
        "Or: eval \"$(tidegate --profile {} dev env)\"; aws sts get-caller-identity",
        cluster.layout().profile_path().display()
    );
    if args.print_ready {
        println!("ready");
    }
    let cluster = Arc::new(tokio::sync::Mutex::new(cluster));
    let served = admin::serve(Arc::clone(&cluster), profile.admin.as_ref());
    tokio::select! {
        biased;
        stopped = told_to_stop() => stopped?,
        served = served => served?,
    }
    cluster.lock().await.stop().await;
    Ok(ExitCode::SUCCESS)
}
