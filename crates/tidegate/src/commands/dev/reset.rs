//! `tidegate dev reset`: begins a running development cluster anew.

use std::{process::ExitCode, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    commands::{Failure, Globals, output},
    profile,
};

/// How long a reset may take.
const RESET_MAX: Duration = Duration::from_secs(60);
/// Longest answer that is read, in bytes.
const ANSWER_MAX: u64 = 64 << 10;

/// Sends one request and gives the whole answer.
async fn ask(address: &str, token: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "POST /reset HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Asks the cluster of the profile and prints its answer.
pub(super) async fn run(globals: &Globals) -> Result<ExitCode, Failure> {
    let profile = profile::read(&globals.profile)?;
    let admin = profile
        .admin
        .ok_or("the profile names no admin endpoint: its cluster was laid out by an older build")?;
    let asked = ask(&admin.address, &admin.token);
    let answer = tokio::time::timeout(RESET_MAX, asked)
        .await
        .map_err(|_| format!("`{}` did not answer within {RESET_MAX:?}", admin.address))?
        .map_err(|e| format!("`{}` can't be reached: {e}", admin.address))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer is no HTTP")?;
    let body: serde_json::Value = serde_json::from_str(body)?;
    if !head.starts_with("HTTP/1.1 200 ") {
        let message = body
            .get("message")
            .and_then(serde_json::Value::as_str)
            .unwrap_or("the reset was refused");
        return Err(message.to_owned().into());
    }
    if !output::for_programs(globals.output, &body)? {
        let id = body.get("cluster_id").and_then(serde_json::Value::as_str).unwrap_or_default();
        let took = body.get("milliseconds").and_then(serde_json::Value::as_f64);
        let took = took.unwrap_or_default();
        output::print(&format!("The cluster {id} began anew within {took:.0} ms.\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
