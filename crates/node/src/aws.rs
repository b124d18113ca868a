//! The front door for unmodified AWS clients: the Query protocol of IAM and STS over HTTP/1.1 and HTTP/2.

#[cfg(test)]
mod accounting;
mod admit;
mod answer;
mod call;
mod federation;
mod handlers;
mod headers;

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tonic::transport::server::Connected;

pub(crate) use self::{
    call::{carried, verified},
    handlers::sts::PACKED_MAX,
};
use crate::{core::Core, dial::Accepted};

/// Bytes of a request's headers. A session token has some hundred, and session policies up to some thousand more.
const HEADERS_BYTES_MAX: u32 = 64 << 10;
/// Bytes that HTTP/1.1 buffers of one connection.
const BUFFER_BYTES_MAX: usize = 128 << 10;
/// How long the headers of a request may take to arrive, and how long a connection may idle before its next one.
const HEADERS_WAIT_MAX: Duration = Duration::from_secs(60);
/// Calls under way at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;

type Body = Full<bytes::Bytes>;

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WAIT_MAX)
        .max_buf_size(BUFFER_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADERS_BYTES_MAX)
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// Serves clients of AWS until the node stops.
pub(crate) async fn serve(
    core: Arc<Core>,
    incoming: impl Stream<Item = io::Result<Accepted>> + Send,
    mut stop: watch::Receiver<bool>,
) {
    let builder = Arc::new(builder());
    let places = Arc::new(Semaphore::new(core.config.limits.calls_max));
    let mut connections = JoinSet::new();
    let mut incoming = core::pin::pin!(incoming);
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Some(_ended) = connections.join_next() => continue,
            accepted = incoming.next() => accepted,
        };
        let Some(accepted) = accepted else { break };
        let Ok(accepted) = accepted else { continue };
        let (core, places, builder) =
            (Arc::clone(&core), Arc::clone(&places), Arc::clone(&builder));
        connections.spawn(async move {
            let address = accepted.connect_info().address;
            let service = service_fn(move |request: Request<Incoming>| {
                let (core, places) = (Arc::clone(&core), Arc::clone(&places));
                async move {
                    let answer = Box::pin(call::answer(&core, &places, request, address)).await;
                    Ok::<Response<Body>, Infallible>(answer)
                }
            });
            let served = builder.serve_connection(TokioIo::new(accepted), service).await;
            if let Err(error) = served {
                tracing::debug!(%error, "a connection of an AWS client ended");
            }
        });
    }
}
