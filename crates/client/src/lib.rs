//! The Rust client: signs each call with the published `aws-sigv4`, tries again what may be tried again, at another node where one is
//! away or behind, and remembers what it has seen, so that a session reads its own writes and never goes back.
//!
//! ```no_run
//! # async fn example(client: tidegate_client::Client) -> Result<(), tidegate_client::CallError> {
//! use tidegate_client::Progress;
//! use tidegate_proto::iam::v1::CreateUserRequest;
//!
//! let request = CreateUserRequest { user_name: "ada".into(), ..CreateUserRequest::default() };
//! let created = client.send(&request).await?;
//! let token = created.metadata.unwrap_or_default().token;
//! let mut waiting = client.propagation(&token, None, std::time::Duration::from_secs(10));
//! while let Some(progress) = waiting.next().await? {
//!     match progress {
//!         Progress::Arrived(arrival) => println!("{} decides on it", arrival.node),
//!         Progress::Finished(end) => println!("everywhere: {}", end.covered),
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! Where the generated gRPC clients do the talking, [`Client::sign`] makes the requests that they send.

mod call;
mod error;
mod memory;
mod operation;
mod propagation;
mod quarantine;
mod raw;
mod retries;
mod sign;

pub use call::request_id;
pub use error::{CallError, ClientError, reason};
pub use operation::Operation;
pub use propagation::{Arrived, Progress, Propagated, Waiting};
pub use quarantine::{Receipt, Receipts};
pub use retries::Retries;
pub use sign::Credentials;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use prost::Message;
use rand::Rng;
use sha2::{Digest, Sha256};
use tidegate_proto::common::v1::{AtLeastAsFresh, Consistency, consistency::Mode};
use tonic::{
    Request, Status,
    metadata::{MetadataMap, MetadataValue},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

use crate::{
    memory::Memory,
    retries::Jitter,
    sign::{Clock, Signed},
};

/// How long a connection may take to come up.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a connection with calls under way may be silent before it is asked for a sign of life, and how long that may take.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// The name that every node's certificate carries beside its own.
const SERVER_NAME: &str = "localhost";
/// Metadata of a call: tokens that the answer must cover.
const AT_LEAST: &str = "x-tidegate-at-least";
/// Metadata of an answer: the join of those tokens, where they were several.
const JOINED: &str = "x-tidegate-joined";

/// A node, and the connection to it.
#[derive(Clone, Debug)]
struct Node {
    address: String,
    /// What calls to it sign as `host`.
    authority: String,
    channel: Channel,
}

impl Node {
    /// A failure of the connection says which one.
    fn explain(&self, status: Status) -> Status {
        let Some(mut source) = std::error::Error::source(&status) else { return status };
        while let Some(deeper) = source.source() {
            source = deeper;
        }
        Status::unavailable(format!("`{}` can't be reached: {source}", self.address))
    }
}

/// Connections to some nodes, and the session's memory.
#[derive(Clone, Debug)]
pub struct Client {
    /// The first one that answered comes first.
    nodes: Arc<Vec<Node>>,
    /// Which node is asked.
    at: Arc<AtomicUsize>,
    retries: Retries,
    jitter: Jitter,
    clock: Clock,
    credentials: Credentials,
    region: String,
    seen: Arc<Mutex<Memory>>,
}

/// What calls to an endpoint sign as `host`.
fn authority(endpoint: &Endpoint) -> String {
    endpoint.uri().authority().map(ToString::to_string).unwrap_or_default()
}

fn node(address: &str, ca_pem: &str) -> Result<(Node, Endpoint), ClientError> {
    let fail = |source| ClientError::Connect { address: address.to_owned(), source };
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(ca_pem))
        .domain_name(SERVER_NAME);
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(fail)?;
    let authority = authority(&endpoint);
    let endpoint = endpoint
        .tls_config(tls)
        .map_err(fail)?
        .connect_timeout(CONNECT_MAX)
        .http2_keep_alive_interval(SILENCE_MAX)
        .keep_alive_timeout(SILENCE_MAX);
    let node = Node { address: address.to_owned(), authority, channel: endpoint.connect_lazy() };
    Ok((node, endpoint))
}

impl Client {
    /// Connects to the first of `addresses` (`https://host:port`) that answers. The others are there for when it no longer does.
    pub async fn connect(
        addresses: &[String],
        ca_pem: &str,
        credentials: Credentials,
    ) -> Result<Self, ClientError> {
        let mut nodes = Vec::new();
        let mut answers = None;
        let mut last = ClientError::NoEndpoint;
        for address in addresses {
            let (mut node, endpoint) = node(address, ca_pem)?;
            if answers.is_none() {
                match endpoint.connect().await {
                    Ok(channel) => {
                        node.channel = channel;
                        answers = Some(nodes.len());
                    }
                    Err(source) => last = ClientError::Connect { address: address.clone(), source },
                }
            }
            nodes.push(node);
        }
        let Some(first) = answers else { return Err(last) };
        nodes.rotate_left(first);
        Ok(Self::of(nodes, credentials))
    }

    /// Over connections that the caller makes: a transport of one's own below, such as a tunnel or a simulated network. Each comes
    /// with the address (`http://host:port`) under which the node is known to its callers.
    ///
    /// # Errors
    /// There is none, or an address that is no URI.
    pub fn over(
        channels: Vec<(String, Channel)>,
        credentials: Credentials,
    ) -> Result<Self, ClientError> {
        let nodes = channels
            .into_iter()
            .map(|(address, channel)| {
                let fail = |source| ClientError::Connect { address: address.clone(), source };
                let endpoint = Endpoint::from_shared(address.clone()).map_err(fail)?;
                Ok(Node { authority: authority(&endpoint), address, channel })
            })
            .collect::<Result<Vec<_>, ClientError>>()?;
        if nodes.is_empty() {
            Err(ClientError::NoEndpoint)
        } else {
            Ok(Self::of(nodes, credentials))
        }
    }

    fn of(nodes: Vec<Node>, credentials: Credentials) -> Self {
        Self {
            nodes: Arc::new(nodes),
            at: Arc::default(),
            retries: Retries::default(),
            jitter: Jitter(Arc::new(|| rand::rng().random())),
            clock: Clock(Arc::new(SystemTime::now)),
            credentials,
            region: "us-east-1".to_owned(),
            seen: Arc::default(),
        }
    }

    /// The same with another clock for its signatures, which nodes accept within five minutes of their own.
    #[must_use]
    pub fn with_clock(&self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Clock(Arc::new(now)), ..self.clone() }
    }

    /// The same with other retries.
    #[must_use]
    pub fn with_retries(&self, retries: Retries) -> Self {
        Self { retries, ..self.clone() }
    }

    /// The same with another source of chance for the pauses between tries: each draw is a share from 0 to 1.
    #[must_use]
    pub fn with_jitter(&self, draw: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self { jitter: Jitter(Arc::new(draw)), ..self.clone() }
    }

    fn node(&self, at: usize) -> &Node {
        // There is at least one: connecting to none is an error.
        #[expect(
            clippy::indexing_slicing,
            reason = "the index is below the length, which is not zero"
        )]
        &self.nodes[at % self.nodes.len()]
    }

    fn current(&self) -> usize {
        self.at.load(Ordering::Relaxed)
    }

    /// Leaves the node `at` for the next one. Of several calls that failed there the first moves on.
    fn move_on(&self, at: usize) {
        let next = (at + 1) % self.nodes.len();
        let _moved = self.at.compare_exchange(at, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The same nodes with other credentials. The memory of what was seen goes along.
    #[must_use]
    pub fn with_credentials(&self, credentials: Credentials) -> Self {
        Self { credentials, ..self.clone() }
    }

    /// A session of its own: it starts with what this one has seen, and what it sees stays its own.
    #[must_use]
    pub fn session(&self) -> Self {
        Self { seen: Arc::new(Mutex::new(self.seen.lock().clone())), ..self.clone() }
    }

    /// The first node, for the generated clients. Requests for it come from [`Client::sign`].
    pub fn channel(&self) -> Channel {
        self.node(0).channel.clone()
    }

    /// Remembers a token of an answer. From then on no call is answered on an older state.
    pub fn saw(&self, token: &str) {
        self.seen.lock().saw(token);
    }

    /// Takes over the join of the tokens that went with a request of [`Client::sign`], from the metadata of request and answer. Callers
    /// of the generated clients who remember many tokens need it; [`Client::send`] and [`Client::call`] do it by themselves.
    pub fn joined(&self, request: &MetadataMap, answer: &MetadataMap) {
        let of = |metadata: &MetadataMap, key| {
            metadata.get(key).and_then(|v| v.to_str().ok()).map(str::to_owned)
        };
        if let (Some(sent), Some(joined)) = (of(request, AT_LEAST), of(answer, JOINED)) {
            self.seen.lock().joined(&sent, &joined);
        }
    }

    /// At least as fresh as everything that this session has seen: reads its own writes at any node.
    pub fn at_least_seen(&self) -> Consistency {
        let tokens = self.seen.lock().all();
        Consistency { mode: Some(Mode::AtLeastAsFresh(AtLeastAsFresh { tokens })) }
    }

    /// A signed request for the method at `path`.
    pub fn sign<M: Message>(&self, path: &str, message: M) -> Result<Request<M>, ClientError> {
        self.sign_for(self.node(0), path, message)
    }

    /// A signed request whose payload is a stream.
    pub fn sign_stream<S>(&self, path: &str, stream: S) -> Result<Request<S>, ClientError> {
        self.signed(self.node(0), path, "UNSIGNED-PAYLOAD", stream)
    }

    fn sign_for<M: Message>(
        &self,
        node: &Node,
        path: &str,
        message: M,
    ) -> Result<Request<M>, ClientError> {
        let hash = hex::encode(Sha256::digest(message.encode_to_vec()));
        self.signed(node, path, &hash, message)
    }

    fn signed<M>(
        &self,
        node: &Node,
        path: &str,
        hash: &str,
        message: M,
    ) -> Result<Request<M>, ClientError> {
        let what = Signed { authority: &node.authority, path, hash };
        let request =
            sign::request(&self.credentials, &self.region, what, (self.clock.0)(), message)?;
        let tokens = self.seen.lock().to_send();
        Self::carrying(request, tokens.as_deref())
    }

    /// The request, with the tokens that its answer must cover.
    fn carrying<M>(
        mut request: Request<M>,
        tokens: Option<&str>,
    ) -> Result<Request<M>, ClientError> {
        if let Some(tokens) = tokens {
            let value =
                MetadataValue::try_from(tokens).map_err(|e| ClientError::Sign(e.to_string()))?;
            request.metadata_mut().insert(AT_LEAST, value);
        }
        Ok(request)
    }
}
