//! `/metrics`, `/livez` and `/readyz` over plain HTTP/1.1: small enough to be written out.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::metrics::Metrics;
use crate::platform::{BoxedIo, Listener};

/// Longest request head that is read.
const HEAD_MAX: usize = 8 << 10;
/// Longest time that a scrape may take.
const SCRAPE_MAX: core::time::Duration = core::time::Duration::from_secs(10);

/// Serves scrapes until the task is aborted. `ready` says whether the node serves decisions.
pub(crate) async fn serve(
    mut listener: Box<dyn Listener>,
    metrics: Arc<Metrics>,
    ready: Arc<dyn Fn() -> bool + Send + Sync>,
) {
    loop {
        match listener.accept().await {
            Ok((io, _)) => {
                let (metrics, ready) = (Arc::clone(&metrics), Arc::clone(&ready));
                tokio::spawn(tokio::time::timeout(SCRAPE_MAX, answer(io, metrics, ready)));
            }
            Err(error) => {
                tracing::warn!(%error, "a scrape can't be accepted");
                tokio::time::sleep(core::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn answer(
    mut io: BoxedIo,
    metrics: Arc<Metrics>,
    ready: Arc<dyn Fn() -> bool + Send + Sync>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|w| w == b"\r\n\r\n") && head.len() < HEAD_MAX {
        let mut chunk = [0; 1024];
        let read = io.read(&mut chunk).await?;
        if read == 0 {
            return Ok(());
        }
        head.extend(chunk.iter().take(read));
    }
    let target = head.split(|b| *b == b' ').nth(1).unwrap_or_default();
    let (status, body) = match target {
        b"/metrics" => ("200 OK", metrics.text()),
        b"/livez" => ("200 OK", "alive\n".to_owned()),
        b"/readyz" if ready() => ("200 OK", "ready\n".to_owned()),
        b"/readyz" => ("503 Service Unavailable", "no view yet\n".to_owned()),
        _ => ("404 Not Found", "there is /metrics, /livez and /readyz\n".to_owned()),
    };
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    io.write_all(reply.as_bytes()).await?;
    io.shutdown().await
}
