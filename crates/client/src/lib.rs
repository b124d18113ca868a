//! The Rust client: signs each call with the published `aws-sigv4`, remembers what it has seen, and says whether retrying helps.
//!
//! The generated gRPC clients do the talking; [`Client::sign`] makes the requests that they send:
//!
//! ```no_run
//! # async fn example(client: tidegate_client::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use tidegate_proto::sts::v1::{GetCallerIdentityRequest, sts_service_client::StsServiceClient};
//!
//! let request = client.sign("/tidegate.sts.v1.StsService/GetCallerIdentity", GetCallerIdentityRequest {})?;
//! let answer = StsServiceClient::new(client.channel()).get_caller_identity(request).await?;
//! println!("{}", answer.into_inner().arn);
//! # Ok(()) }
//! ```

mod call;
mod propagation;
mod raw;

pub use call::{CallError, Retries};
pub use propagation::{Arrived, Propagated};

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::{
    http_request::{
        PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use parking_lot::Mutex;
use prost::Message;
use sha2::{Digest, Sha256};
use tidegate_proto::common::v1::{AtLeastAsFresh, Consistency, consistency::Mode};
use tonic::{
    Request, Status,
    metadata::MetadataValue,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};
use tonic_types::StatusExt;

/// Tokens that a session remembers. Past it the oldest goes: a later token of the same group covers it.
const TOKENS_MAX: usize = 16;
/// How long a connection may take to come up.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// What a call is signed with.
#[derive(Clone)]
pub struct Credentials {
    /// `AKIA…` or `ASIA…`.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
    /// The session token, with temporary credentials.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Why no call was made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none, or nobody is there.
    #[error("`{address}` can't be reached")]
    Connect {
        /// The address.
        address: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// No address was given.
    #[error("no endpoint was given")]
    NoEndpoint,
    /// The request can't be signed.
    #[error("the request can't be signed: {0}")]
    Sign(String),
}

impl From<ClientError> for Status {
    fn from(e: ClientError) -> Self {
        Self::internal(e.to_string())
    }
}

/// Why a call was refused, in the words of `ErrorReason`, and whether trying again can help.
pub fn reason(status: &Status) -> (String, bool) {
    let info = status.get_error_details();
    match info.error_info() {
        Some(info) => {
            (info.reason.clone(), info.metadata.get("retryable").is_some_and(|r| r == "true"))
        }
        None => (format!("{:?}", status.code()), status.code() == tonic::Code::Unavailable),
    }
}

/// A node, and the connection to it.
#[derive(Clone, Debug)]
struct Node {
    address: String,
    /// What calls to it sign as `host`.
    authority: String,
    channel: Channel,
}

/// Connections to some nodes, and the session's memory.
#[derive(Clone, Debug)]
pub struct Client {
    /// The first one that answered comes first.
    nodes: Arc<Vec<Node>>,
    /// Which node [`Client::call`] asks.
    at: Arc<AtomicUsize>,
    retries: Retries,
    credentials: Credentials,
    region: String,
    seen: Arc<Mutex<Vec<String>>>,
}

fn node(address: &str, ca_pem: &str) -> Result<(Node, Endpoint), ClientError> {
    let fail = |source| ClientError::Connect { address: address.to_owned(), source };
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(ca_pem))
        .domain_name("localhost");
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(fail)?;
    let authority = endpoint.uri().authority().map(ToString::to_string).unwrap_or_default();
    let endpoint = endpoint.tls_config(tls).map_err(fail)?.connect_timeout(CONNECT_MAX);
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
        Ok(Self {
            nodes: Arc::new(nodes),
            at: Arc::default(),
            retries: Retries::default(),
            credentials,
            region: "us-east-1".to_owned(),
            seen: Arc::default(),
        })
    }

    /// The same with other retries.
    #[must_use]
    pub fn with_retries(&self, retries: Retries) -> Self {
        Self { retries, ..self.clone() }
    }

    fn node(&self, at: usize) -> &Node {
        // There is at least one: connecting to none is an error.
        #[expect(
            clippy::indexing_slicing,
            reason = "the index is below the length, which is not zero"
        )]
        &self.nodes[at % self.nodes.len()]
    }

    /// The same node with other credentials. The memory of what was seen goes along.
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

    /// Remembers a token of an answer.
    pub fn saw(&self, token: &str) {
        let mut seen = self.seen.lock();
        if token.is_empty() || seen.iter().any(|t| t == token) {
            return;
        }
        seen.push(token.to_owned());
        if seen.len() > TOKENS_MAX {
            seen.remove(0);
        }
    }

    /// At least as fresh as everything that this session has seen: reads its own writes at any node.
    pub fn at_least_seen(&self) -> Consistency {
        let tokens = self.seen.lock().clone();
        Consistency { mode: Some(Mode::AtLeastAsFresh(AtLeastAsFresh { tokens })) }
    }

    /// A signed request for the method at `path`.
    pub fn sign<M: Message>(&self, path: &str, message: M) -> Result<Request<M>, ClientError> {
        let hash = hex::encode(Sha256::digest(message.encode_to_vec()));
        self.sign_for(self.node(0), path, message, &hash)
    }

    /// A signed request whose payload is a stream.
    pub fn sign_stream<S>(&self, path: &str, stream: S) -> Result<Request<S>, ClientError> {
        self.sign_for(self.node(0), path, stream, "UNSIGNED-PAYLOAD")
    }

    fn sign_for<M>(
        &self,
        node: &Node,
        path: &str,
        message: M,
        hash: &str,
    ) -> Result<Request<M>, ClientError> {
        let fail = |e: &dyn std::fmt::Display| ClientError::Sign(e.to_string());
        let c = &self.credentials;
        let identity = AwsCredentials::new(
            &c.access_key_id,
            &c.secret_access_key,
            c.session_token.clone(),
            None,
            "tidegate",
        )
        .into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("tidegate")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(|e| fail(&e))?
            .into();
        let headers = [("host", node.authority.as_str()), ("x-amz-content-sha256", hash)];
        let uri = format!("https://{}{path}", node.authority);
        let body = SignableBody::Precomputed(hash.to_owned());
        let signable =
            SignableRequest::new("POST", uri, headers.into_iter(), body).map_err(|e| fail(&e))?;
        let (instructions, _) = sign(signable, &params).map_err(|e| fail(&e))?.into_parts();
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        metadata
            .insert("x-amz-content-sha256", MetadataValue::try_from(hash).map_err(|e| fail(&e))?);
        for (name, value) in instructions.headers() {
            let value = MetadataValue::try_from(value).map_err(|e| fail(&e))?;
            match name.to_ascii_lowercase().as_str() {
                "authorization" => metadata.insert("authorization", value),
                "x-amz-date" => metadata.insert("x-amz-date", value),
                "x-amz-security-token" => metadata.insert("x-amz-security-token", value),
                _ => None,
            };
        }
        if let Some(token) = self.seen.lock().last() {
            metadata.insert(
                "x-tidegate-at-least",
                MetadataValue::try_from(token).map_err(|e| fail(&e))?,
            );
        }
        Ok(request)
    }
}
