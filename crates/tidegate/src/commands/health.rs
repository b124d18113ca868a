//! `tidegate health`: whether a node is ready, for orchestrators whose containers hold nothing but the binary.

use std::{process::ExitCode, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Failure, output::print};

/// How long a node may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// More than any answer has.
const BYTES_MAX: usize = 4_096;

/// Whom to ask.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The node's `listen.metrics` address, host:port.
    address: String,
}

async fn ask(address: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(BYTES_MAX as u64).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Asks; the exit code is 0 when the node is ready.
pub(crate) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let answer = tokio::time::timeout(ANSWER_MAX, ask(&args.address)).await;
    let answer = answer.map_err(|_| format!("no answer from {} in time", args.address))??;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    print(&format!("{}\n", body.trim()))?;
    let ready = head.lines().next().is_some_and(|line| line.contains(" 200 "));
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
