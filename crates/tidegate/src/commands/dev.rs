//! `tidegate dev`: a development cluster that stays up.

mod environment;

use std::{path::PathBuf, process::ExitCode};

use tidegate_node::gate::Model;

use super::{Failure, Globals, node::told_to_stop};
use crate::dev::{DevCluster, layout::Layout};

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
    #[arg(long, default_value_t = 1)]
    seed: u64,
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
}

/// Runs the cluster.
pub(crate) async fn run(args: Args, globals: &Globals) -> Result<ExitCode, Failure> {
    if let Some(About::Env(about)) = args.about {
        return environment::print(&about, globals);
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
    let cluster = DevCluster::start(&args.data, args.base_port).await?;
    for node in cluster.nodes() {
        node.gate().set(args.propagation, args.seed);
    }
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
    told_to_stop().await?;
    cluster.shutdown().await;
    Ok(ExitCode::SUCCESS)
}
