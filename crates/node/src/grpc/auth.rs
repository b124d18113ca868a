//! Authenticates every call before its handler sees it. No door is open, but health and reflection, which tell nothing about accounts.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tidegate_authn::{Presented, UNSIGNED_PAYLOAD, payload_hash};
use tidegate_replica::Clock;
use tidegate_service::{Caller, Reason, ServiceError, Token, authenticate, check_session};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::{status::status, wire};
use crate::{
    core::Core,
    dial::PeerIdentity,
    patience, region,
    telemetry::{metrics::ReasonLabel, trace},
};

/// Calls whose payload comes as a stream and is not signed: it runs under TLS and changes nothing.
const STREAMS: [&str; 1] = ["/tidegate.decision.v1.DecisionService/AuthorizeStream"];
/// Services whose calls are not signed: health and reflection, which anybody may call, and that of workloads, whose requests hold the
/// proof of who asks.
const OPEN: [&str; 3] =
    ["/grpc.health.v1.", "/grpc.reflection.", "/tidegate.workload.v1.WorkloadService/"];
/// Metadata of a call: tokens that its answer must cover, separated by commas.
const AT_LEAST: &str = "x-tidegate-at-least";
/// Metadata of an answer: the join of those tokens, where they were several.
const JOINED: &str = "x-tidegate-joined";
/// Most tokens of a call.
const TOKENS_MAX: usize = 32;
/// Longest wait for a view that knows the caller.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Puts [`Auth`] around the services.
#[derive(Clone, Debug)]
pub(crate) struct AuthLayer(Arc<Core>);

impl AuthLayer {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self(core)
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Auth<S> {
        Auth { core: Arc::clone(&self.0), inner }
    }
}

/// Lets only authenticated calls through, with their [`Caller`] as an extension.
#[derive(Clone, Debug)]
pub(crate) struct Auth<S> {
    core: Arc<Core>,
    inner: S,
}

impl<S> Service<Request<Body>> for Auth<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let core = Arc::clone(&self.core);
        let fresh = self.inner.clone();
        let mut inner = core::mem::replace(&mut self.inner, fresh);
        Box::pin(async move {
            let path = request.uri().path();
            if OPEN.iter().any(|open| path.starts_with(open)) {
                return inner.call(request).await;
            }
            let span = tracing::info_span!("call", path, node = %core.me);
            trace::follow(
                &span,
                request.headers().get("traceparent").and_then(|v| v.to_str().ok()),
            );
            let timeout = request.headers().get("grpc-timeout").and_then(|v| v.to_str().ok());
            let timeout = timeout.map(ToOwned::to_owned);
            // On the heap at once: what is laid around it would otherwise move it again and again.
            let answer = Box::pin(async {
                match admit(&core, request).await {
                    Ok((request, joined)) => {
                        inner.call(request).await.map(|answer| with_joined(answer, joined))
                    }
                    Err(error) => {
                        let label = ReasonLabel { reason: error.reason.row().0.to_owned() };
                        core.metrics.refused.get_or_create(&label).inc();
                        Ok(refused(&status(&error)))
                    }
                }
            });
            let answer = patience::within(timeout.as_deref(), core.platform.monotonic(), answer);
            tracing::Instrument::instrument(answer, span).await
        })
    }
}

fn refused(status: &Status) -> Response<Body> {
    status.clone().into_http()
}

fn with_joined(mut answer: Response<Body>, joined: Option<HeaderValue>) -> Response<Body> {
    if let Some(joined) = joined {
        answer.headers_mut().insert(JOINED, joined);
    }
    answer
}

/// The request of a caller who is known, and the join of the tokens that he sent, where they were several.
async fn admit(
    core: &Core,
    request: Request<Body>,
) -> Result<(Request<Body>, Option<HeaderValue>), ServiceError> {
    core.check_standing()?;
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path();
    let streams = STREAMS.contains(&path);
    let headers = &parts.headers;
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let header = |name: &str| match name {
        "host" => authority.or_else(|| headers.get("host").and_then(|v| v.to_str().ok())),
        name => headers.get(name).and_then(|v| v.to_str().ok()),
    };
    let presented = Presented::read(&header)?;
    let joined = match header(AT_LEAST) {
        Some(tokens) => Box::pin(wait_for(core, tokens)).await?,
        None => None,
    };
    let now = core.platform.wall();
    let mut context = tidegate_policy::Context::default()
        .with("aws:SecureTransport", core.platform.tls())
        .with("aws:CurrentTime", now.to_string())
        .with("aws:EpochTime", (now.0 / 1000).to_string());
    if let Some(peer) = parts.extensions.get::<PeerIdentity>() {
        context.insert("aws:SourceIp", peer.address.to_string());
    }
    let view = core.views.load();
    let (caller, key) =
        authenticate(&view, &core.cluster_key, &core.signing_keys, &presented, now, context)?;
    presented.verify(&key.key, path, &header, core.platform.real_wall())?;
    let (service, operation) = named(path);
    check_session(&caller.reference, service, operation)?;
    core.signing_keys.keep(key);
    core.uses.note(&caller, path, now);
    let (service, action) = region::of_path(path);
    core.uses.accesses.note_call(&caller.resolved.principal, service, action, now);
    let body = match (presented.signs_payload(), streams) {
        (true, _) => signed_body(core, body, &presented).await?,
        (false, true) => body,
        (false, false) => {
            let message =
                format!("only streams may send {UNSIGNED_PAYLOAD}; sign the payload of this call");
            return Err(ServiceError::new(Reason::IncompleteSignature, message));
        }
    };
    parts.extensions.insert::<Caller>(caller);
    Ok((Request::from_parts(parts, body), joined))
}

/// The service and the operation of a path: `iam` and `GetUser` of `/tidegate.iam.v1.IamService/GetUser`.
fn named(path: &str) -> (&str, &str) {
    let (service, operation) = path.rsplit_once('/').unwrap_or_default();
    let package = service.strip_prefix("/tidegate.").and_then(|rest| rest.split('.').next());
    (package.unwrap_or_default(), operation)
}

/// Waits until this node's view covers all `tokens`: what makes a fresh key usable at another node. Gives their join where they are
/// several, unless it would name too many groups for one token.
async fn wait_for(core: &Core, tokens: &str) -> Result<Option<HeaderValue>, ServiceError> {
    let present = core.views.load();
    let count = tokens.split(',').count();
    if count > TOKENS_MAX {
        let message = format!("{count} consistency tokens are more than {TOKENS_MAX}");
        return Err(ServiceError::new(Reason::InvalidToken, message));
    }
    let mut positions = Clock::default();
    for token in tokens.split(',') {
        positions.join(&Token::read_in(&core.cluster_key, &present, token.trim())?.positions);
    }
    let Some(view) = core.views.covering(&positions, core.patience().min(WAIT_MAX)).await else {
        return Err(wire::not_yet(core, &positions));
    };
    let joined = if count > 1 { core.token(&view, positions).ok() } else { None };
    Ok(joined.and_then(|token| HeaderValue::try_from(token).ok()))
}

/// Reads the whole message and checks that it has the hash that was signed.
async fn signed_body(core: &Core, body: Body, presented: &Presented) -> Result<Body, ServiceError> {
    let limit = core.config.limits.message_bytes_max + 5;
    let bytes: Bytes = match Limited::new(body, limit).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            return Err(ServiceError::new(
                Reason::TooLarge,
                format!("a message of more than {} bytes is too large", limit - 5),
            ));
        }
        Err(error) => {
            return Err(ServiceError::new(
                Reason::ValidationError,
                format!("the message did not arrive whole: {error}"),
            ));
        }
    };
    // Behind gRPC's prefix: one byte of flags and four of length.
    let message = bytes.get(5..).unwrap_or_default();
    if payload_hash(message) != presented.content_sha256 {
        return Err(ServiceError::new(
            Reason::SignatureDoesNotMatch,
            "the message does not have the hash that was signed",
        ));
    }
    Ok(Body::new(Full::new(bytes).map_err(|never| match never {})))
}
