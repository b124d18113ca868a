//! Connections to peers: tonic channels over the platform's byte streams, mutual TLS on top where there is TLS.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use http::Uri;
use hyper_util::rt::TokioIo;
use tidegate_replica::NodeId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::transport::{Channel, Endpoint, server::Connected};
use tower::service_fn;

use crate::{
    platform::{BoxFuture, BoxedIo, Listener, Platform},
    tls::NodeTls,
};

/// How long one try at a connection may take. Longer than three times the longest round trip on earth.
const TRY_MAX: Duration = Duration::from_secs(2);
/// When another try begins beside one that has not come up: what was sent while the network lost everything the kernel sends again only after
/// one second, then two, then four. So a healed way is found within about this long, and not within the kernel's patience.
const TRY_EVERY: Duration = Duration::from_millis(500);
/// How long a connection may take to come up, over all tries.
const CONNECT_MAX: Duration = Duration::from_secs(6);
/// A peer that does not answer a keep-alive for this long is dialled anew.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// Makes connections.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) tls: Option<NodeTls>,
}

impl Dialer {
    /// The first of several tries that comes up; a refusal ends them all.
    async fn dial(&self, node: NodeId, address: &str) -> io::Result<BoxedIo> {
        let mut tries = FuturesUnordered::new();
        loop {
            tries.push(tokio::time::timeout(TRY_MAX, self.try_to_dial(node, address)));
            let again = tokio::time::sleep(TRY_EVERY);
            tokio::pin!(again);
            loop {
                tokio::select! {
                    biased;
                    Some(tried) = tries.next() => {
                        if let Ok(done) = tried {
                            return done;
                        }
                    }
                    () = &mut again => break,
                }
            }
        }
    }

    async fn try_to_dial(&self, node: NodeId, address: &str) -> io::Result<BoxedIo> {
        let io = self.platform.connect(address).await?;
        match &self.tls {
            Some(tls) => tls.dial_peer(io, node).await,
            None => Ok(io),
        }
    }

    /// Opens an HTTP/2 connection to the node that should be at `address`.
    pub(crate) async fn channel(
        &self,
        node: NodeId,
        address: &str,
    ) -> Result<Channel, tonic::transport::Error> {
        let dialer = self.clone();
        let address = address.to_owned();
        let connector = service_fn(move |_: Uri| {
            let (dialer, address) = (dialer.clone(), address.clone());
            Box::pin(async move { dialer.dial(node, &address).await.map(TokioIo::new) })
                as BoxFuture<io::Result<TokioIo<BoxedIo>>>
        });
        Endpoint::from_static("http://peer")
            .connect_timeout(CONNECT_MAX)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .connect_with_connector(connector)
            .await
    }
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerIdentity {
    /// The node that its certificate named. `None` for clients, and where the platform has no TLS: then the hello is believed.
    pub(crate) node: Option<NodeId>,
    /// Where it comes from.
    pub(crate) address: IpAddr,
}

/// An accepted connection as tonic wants it.
pub(crate) struct Accepted {
    io: BoxedIo,
    identity: PeerIdentity,
    /// Its place among the connections that the listener may have.
    _place: Option<OwnedSemaphorePermit>,
}

impl Connected for Accepted {
    type ConnectInfo = PeerIdentity;

    fn connect_info(&self) -> PeerIdentity {
        self.identity
    }
}

mod pass_through {
    //! Reads and writes go straight to the stream below.

    use std::{
        io,
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::Accepted;

    impl AsyncRead for Accepted {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_read(cx, buffer)
        }
    }

    impl AsyncWrite for Accepted {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.io).poll_write(cx, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_shutdown(cx)
        }
    }
}

/// What a listener does with a fresh connection before HTTP/2 begins on it.
#[derive(Clone, Debug)]
pub(crate) enum Greeting {
    /// Mutual TLS: only nodes of this cluster come in.
    Peers(NodeTls),
    /// TLS towards clients, who prove themselves call by call.
    Clients(NodeTls),
    /// The same towards clients of AWS, who may speak HTTP/1.1.
    Aws(NodeTls),
    /// Plain bytes, in the simulator.
    Plain,
}

impl Greeting {
    async fn greet(&self, io: BoxedIo, address: IpAddr) -> io::Result<Accepted> {
        let (io, node) = match self {
            Self::Peers(tls) => {
                let (io, node) = tls.accept_peer(io).await?;
                (io, Some(node))
            }
            Self::Clients(tls) => (Box::new(tls.clients.accept(io).await?) as BoxedIo, None),
            Self::Aws(tls) => (Box::new(tls.aws.accept(io).await?) as BoxedIo, None),
            Self::Plain => (io, None),
        };
        Ok(Accepted { io, identity: PeerIdentity { node, address }, _place: None })
    }
}

/// Handshakes that may be under way at once on one listener. Past it new connections wait in the kernel's queue.
const HANDSHAKES_MAX: usize = 256;
/// How long a handshake may take before the connection is dropped.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

/// The connections of `listener`, greeted side by side so that a slow one holds up nobody; at most `connections_max` at a time: past it
/// new ones wait in the kernel's queue, so that nobody can use up the process's descriptors, which the store needs, too.
pub(crate) fn incoming(
    mut listener: Box<dyn Listener>,
    greeting: Greeting,
    connections_max: usize,
) -> impl futures::Stream<Item = io::Result<Accepted>> + Send {
    let (tx, mut rx) = tokio::sync::mpsc::channel(HANDSHAKES_MAX);
    let places = Arc::new(Semaphore::new(connections_max));
    tokio::spawn(async move {
        loop {
            let Ok(permit) = tx.clone().reserve_owned().await else { return };
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let accepted = tokio::select! {
                biased;
                // Nobody takes connections any more: the address is free at once, for whoever comes next.
                () = tx.closed() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((io, address)) => {
                    let greeting = greeting.clone();
                    tokio::spawn(async move {
                        let greeted = greeting.greet(io, address);
                        match tokio::time::timeout(HANDSHAKE_MAX, greeted).await {
                            Ok(Ok(accepted)) => {
                                let accepted = Accepted { _place: Some(place), ..accepted };
                                drop(permit.send(Ok(accepted)));
                            }
                            Ok(Err(error)) => tracing::debug!(%error, "a connection was refused"),
                            Err(_) => tracing::debug!("a handshake took too long"),
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection can't be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    });
    async_stream::stream! { while let Some(connection) = rx.recv().await { yield connection; } }
}
