//! The world outside a node behind one trait: sockets, clocks and randomness, so that the simulator can replace it.

use std::{
    fmt,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rand::RngCore;
use tidegate_policy::UnixMillis;
pub use tidegate_store::Engine;
use tidegate_store::MemoryEngine;
use tokio::io::{AsyncRead, AsyncWrite};

/// A future in a box, as the object-safe traits of this module return it.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A byte stream between two processes.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A byte stream of whatever transport the platform has.
pub type BoxedIo = Box<dyn Io>;

/// The next connection, and the address that it comes from.
pub type Accepting<'a> = Pin<Box<dyn Future<Output = io::Result<(BoxedIo, IpAddr)>> + Send + 'a>>;

/// Where connections come in.
pub trait Listener: Send {
    /// Waits for the next connection; gives it with the address that it comes from.
    fn accept(&mut self) -> Accepting<'_>;
    /// The address that was bound, with the port that was chosen where port 0 was asked for.
    fn local_address(&self) -> String;
}

/// Sockets, clocks and randomness. Nothing else in this crate touches the network, the clock or the entropy source.
pub trait Platform: Send + Sync + fmt::Debug + 'static {
    /// Binds `address` (`host:port`).
    fn bind(&self, address: &str) -> BoxFuture<io::Result<Box<dyn Listener>>>;
    /// Connects to `address` (`host:port`).
    fn connect(&self, address: &str) -> BoxFuture<io::Result<BoxedIo>>;
    /// The addresses of a host that is no node: an identity provider's. A platform without such hosts has none.
    fn resolve(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        let message = format!("there is no way from here to {host}:{port}");
        Box::pin(async move { Err(io::Error::new(io::ErrorKind::Unsupported, message)) })
    }
    /// Wall-clock time. Only for what people and credentials read, never for ordering.
    fn wall(&self) -> UnixMillis;
    /// The machine's own wall-clock time, where [`Platform::wall`] is what a cluster in development mode goes by: for what is compared with
    /// others' real clocks, as the time of a signature is.
    fn real_wall(&self) -> UnixMillis {
        self.wall()
    }
    /// Monotonic time since an arbitrary start.
    fn monotonic(&self) -> Duration;
    /// Fills `buffer` with randomness fit for secrets.
    fn entropy(&self, buffer: &mut [u8]);
    /// Whether peers speak TLS. The simulator has none.
    fn tls(&self) -> bool {
        true
    }
    /// The engine of a node that has no disk of its own, in the simulator and in development: it lives longer than the node, and nothing
    /// commits on a thread of its own. `None`: the store lies in the folder that the settings name.
    fn engine(&self) -> Option<Arc<dyn Engine>> {
        None
    }
}

/// The real world: TCP, the machine's clocks and the operating system's randomness.
pub struct TokioPlatform {
    start: tokio::time::Instant,
    /// Where a node stores that has no disk of its own.
    memory: Option<Arc<MemoryEngine>>,
}

impl TokioPlatform {
    /// A platform whose monotonic clock starts now.
    pub fn new() -> Self {
        Self { start: tokio::time::Instant::now(), memory: None }
    }

    /// The same for a node that stores in memory and forgets everything when it ends: for development.
    pub fn in_memory() -> Self {
        Self { memory: Some(Arc::default()), ..Self::new() }
    }
}

impl fmt::Debug for TokioPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioPlatform").finish_non_exhaustive()
    }
}

impl Default for TokioPlatform {
    fn default() -> Self {
        Self::new()
    }
}

struct TcpListener(tokio::net::TcpListener);

impl Listener for TcpListener {
    fn accept(&mut self) -> Accepting<'_> {
        Box::pin(async move {
            let (stream, from) = self.0.accept().await?;
            stream.set_nodelay(true)?;
            Ok((Box::new(stream) as BoxedIo, from.ip().to_canonical()))
        })
    }

    fn local_address(&self) -> String {
        self.0.local_addr().map(|a| a.to_string()).unwrap_or_default()
    }
}

impl Platform for TokioPlatform {
    fn bind(&self, address: &str) -> BoxFuture<io::Result<Box<dyn Listener>>> {
        let address = address.to_owned();
        Box::pin(async move {
            let listener = tokio::net::TcpListener::bind(&address).await?;
            Ok(Box::new(TcpListener(listener)) as Box<dyn Listener>)
        })
    }

    fn connect(&self, address: &str) -> BoxFuture<io::Result<BoxedIo>> {
        let address = address.to_owned();
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as BoxedIo)
        })
    }

    fn resolve(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        let host = host.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) })
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the clock comes in")]
    fn wall(&self) -> UnixMillis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn entropy(&self, buffer: &mut [u8]) {
        rand::rngs::ThreadRng::default().fill_bytes(buffer);
    }

    fn engine(&self) -> Option<Arc<dyn Engine>> {
        self.memory.clone().map(|engine| engine as Arc<dyn Engine>)
    }
}
