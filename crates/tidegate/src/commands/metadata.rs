//! `tidegate metadata serve`: roles for the applications of one machine, as their SDKs look for them.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Subcommand;
use parking_lot::Mutex;
use rand::RngCore;
use tokio::{net::TcpListener, sync::watch};

use super::{Failure, Globals, node::told_to_stop, output, report::Usage};
use crate::{
    http,
    metadata::{CONTAINER, Doors, Place, Source, State},
    profile,
};

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves instance metadata (version 2 alone) and the credentials endpoint of containers to this machine's applications.
    Serve(Args),
}

/// A word of the command line that no `Debug` shows.
#[derive(Clone)]
struct Hidden(String);

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl core::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Hidden")
    }
}

/// Where and for whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address to listen on: loopback, or 169.254.169.254:80 where the machine has that address. Port 0 takes whatever is free.
    #[arg(long, default_value = "127.0.0.1:1338")]
    listen: SocketAddr,
    /// File with the secret that `tidegate instance register` showed.
    #[arg(long, value_name = "FILE")]
    instance_secret_file: Option<PathBuf>,
    /// The secret itself; a file is better.
    #[arg(
        long,
        env = "TIDEGATE_INSTANCE_SECRET",
        hide_env_values = true,
        conflicts_with = "instance_secret_file"
    )]
    instance_secret: Option<Hidden>,
    /// A node's client address, `https://host:port`; may come again. Those of the profile by default.
    #[arg(long, value_name = "URL", requires = "ca")]
    endpoint: Vec<String>,
    /// The cluster's authority, a PEM file. That of the profile by default.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The zone that the machine says it is in; by default the first of its instance's region.
    #[arg(long, default_value = "", hide_default_value = true)]
    availability_zone: String,
    /// How long each credentials last, 15 minutes to 6 hours.
    #[arg(long, default_value = "1h")]
    duration: humantime::Duration,
    /// How often fresh ones are fetched; by default after half of their time.
    #[arg(long)]
    rotate_every: Option<humantime::Duration>,
    /// How many routers an answer may pass: one more for each bridge that containers are behind.
    #[arg(long, default_value_t = 1)]
    hop_limit: u8,
    /// Opens the endpoint of containers, and writes the token that they need into this file, which only its owner may read.
    #[arg(long, value_name = "FILE")]
    container_token_file: Option<PathBuf>,
    /// Prints `ready` and the address once the role's credentials are there.
    #[arg(long)]
    print_ready: bool,
}

/// A text that nobody can guess.
fn drawn() -> String {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

/// The addresses of nodes and the authority that they are known by.
fn nodes(args: &Args, globals: &Globals) -> Result<(Vec<String>, PathBuf), Failure> {
    if let (false, Some(ca)) = (args.endpoint.is_empty(), &args.ca) {
        return Ok((args.endpoint.clone(), ca.clone()));
    }
    let profile = profile::read(&globals.profile)?;
    let endpoints = profile::endpoints(&profile, &globals.at)?;
    let addresses = endpoints.into_iter().map(|e| e.address.clone()).collect();
    Ok((addresses, args.ca.clone().unwrap_or(profile.ca)))
}

fn secret(args: &Args) -> Result<String, Failure> {
    let text = match (&args.instance_secret, &args.instance_secret_file) {
        (Some(Hidden(secret)), _) => secret.clone(),
        (None, Some(path)) => fs::read_to_string(path)
            .map_err(|e| format!("`{}` can't be read: {e}", path.display()))?,
        (None, None) => {
            let message = "--instance-secret-file or TIDEGATE_INSTANCE_SECRET is needed";
            return Err(Usage(message.to_owned()).into());
        }
    };
    Ok(text.trim().to_owned())
}

fn check(args: &Args) -> Result<(Duration, Duration), Failure> {
    let duration = *args.duration;
    let whole = Duration::from_secs(900)..=Duration::from_secs(21_600);
    if !whole.contains(&duration) {
        return Err(Usage("--duration is 15 minutes to 6 hours".to_owned()).into());
    }
    let every = args.rotate_every.map_or(duration / 2, |every| *every);
    if every < Duration::from_secs(1) || every >= duration {
        return Err(Usage(
            "--rotate-every is a second or more, and less than --duration".to_owned(),
        )
        .into());
    }
    if args.hop_limit == 0 {
        return Err(Usage("--hop-limit is at least 1".to_owned()).into());
    }
    Ok((duration, every))
}

fn tell(args: &Args, address: SocketAddr) {
    eprintln!("For applications on this machine:");
    eprintln!("  AWS_EC2_METADATA_SERVICE_ENDPOINT=http://{address}");
    if let Some(path) = &args.container_token_file {
        eprintln!("For containers:");
        eprintln!("  AWS_CONTAINER_CREDENTIALS_FULL_URI=http://{address}{CONTAINER}");
        eprintln!("  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE={}", path.display());
    }
}

/// Serves until told to stop.
async fn serve(args: Args, globals: &Globals) -> Result<ExitCode, Failure> {
    let (duration, every) = check(&args)?;
    let secret = secret(&args)?;
    let (addresses, ca) = nodes(&args, globals)?;
    let ca =
        fs::read_to_string(&ca).map_err(|e| format!("`{}` can't be read: {e}", ca.display()))?;
    let source = Source::new(&addresses, &ca, secret, duration, every)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|e| format!("`{}` can't be listened on: {e}", args.listen))?;
    let address = listener.local_addr()?;
    let container = args.container_token_file.as_ref().map(|path| (path, drawn()));
    if let Some((path, token)) = &container {
        crate::dev::write_private(path, token)?;
    }
    let place = Place { availability_zone: args.availability_zone.clone() };
    let doors = Arc::new(Mutex::new(Doors::new(place, container.map(|(_, token)| token))));
    let (sender, state) = watch::channel(State::Waiting("no node has answered yet".to_owned()));
    let mut ready = state.clone();
    let start = Instant::now();
    let handler = move |asked: http::Asked| {
        let state = state.borrow().clone();
        let answer = doors.lock().answer(&asked, &state, start.elapsed(), &mut drawn);
        async move { answer }
    };
    tell(&args, address);
    let announce = async {
        let given = ready.wait_for(|state| matches!(state, State::Given(_))).await.is_ok();
        if given && args.print_ready {
            output::print(&format!("ready http://{address}\n"))?;
        }
        core::future::pending::<Result<(), Failure>>().await
    };
    tokio::select! {
        biased;
        stopped = told_to_stop() => stopped?,
        failed = announce => failed?,
        () = source.run(sender) => {}
        () = http::serve(listener, Some(args.hop_limit), handler) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs what was asked for.
pub(crate) async fn run(command: Command, globals: &Globals) -> Result<ExitCode, Failure> {
    match command {
        Command::Serve(args) => serve(args, globals).await,
    }
}
