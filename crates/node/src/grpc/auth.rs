//! Authenticates every call before its handler sees it. No door is open, but health and reflection, which tell nothing about accounts.

use std::{
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, request::Parts};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tidegate_authn::{Presented, UNSIGNED_PAYLOAD, payload_hash};
use tidegate_policy::UnixMillis;
use tidegate_proto::peer::v1::{CarriedCall, Door};
use tidegate_replica::Clock;
use tidegate_service::{Caller, Reason, ServiceError, Token, authenticate, check_session};
use tonic::body::Body;
use tower::{Layer, Service};

use super::{status::status, wire};
use crate::{
    carrying,
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
    S::Error: Send,
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
                    Ok(Admitted { request, joined, kept: None }) => {
                        inner.call(request).await.map(|answer| with_joined(answer, joined))
                    }
                    Ok(Admitted { request, joined, kept: Some(call) }) => {
                        let (answer, to) = carrying::noting(inner.call(request)).await;
                        let answer = match to {
                            None => answer?,
                            Some(to) => match carrying::carry(&core, to, call).await {
                                Ok(carried) => carrying::answered(carried)
                                    .unwrap_or_else(|error| turned_away(&core, &error)),
                                Err(error) => turned_away(&core, &error),
                            },
                        };
                        Ok(with_joined(answer, joined))
                    }
                    Err(error) => Ok(turned_away(&core, &error)),
                }
            });
            let answer = patience::within(timeout.as_deref(), core.platform.monotonic(), answer);
            tracing::Instrument::instrument(answer, span).await
        })
    }
}

fn turned_away(core: &Core, error: &ServiceError) -> Response<Body> {
    let label = ReasonLabel { reason: error.reason.row().0.to_owned() };
    core.metrics.refused.get_or_create(&label).inc();
    status(error).into_http()
}

fn with_joined(mut answer: Response<Body>, joined: Option<HeaderValue>) -> Response<Body> {
    if let Some(joined) = joined {
        answer.headers_mut().insert(JOINED, joined);
    }
    answer
}

/// The request of a caller who is known.
struct Admitted {
    request: Request<Body>,
    /// The join of the tokens that he sent, where they were several.
    joined: Option<HeaderValue>,
    /// The call as it came, at a node that may have to carry it to a voter.
    kept: Option<CarriedCall>,
}

/// The value of a header as signatures cover it.
fn header_of<'p>(parts: &'p Parts, name: &str) -> Option<&'p str> {
    let plain = || parts.headers.get(name).and_then(|v| v.to_str().ok());
    match name {
        "host" => parts.uri.authority().map(http::uri::Authority::as_str).or_else(plain),
        _ => plain(),
    }
}

fn source(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<PeerIdentity>().map(|peer| peer.address)
}

/// Who signed a call, by its headers; its body is still to be held against the hash that they name.
async fn caller(
    core: &Core,
    parts: &Parts,
    presented: &Presented,
) -> Result<(Caller, UnixMillis), ServiceError> {
    let now = core.platform.wall();
    let mut context = tidegate_policy::Context::default()
        .with("aws:SecureTransport", core.platform.tls())
        .with("aws:CurrentTime", now.to_string())
        .with("aws:EpochTime", (now.0 / 1000).to_string());
    if let Some(address) = source(parts) {
        context.insert("aws:SourceIp", address.to_string());
    }
    let known = |context| {
        let view = core.views.load();
        authenticate(&view, &core.cluster_key, &core.signing_keys, presented, now, context)
    };
    let (caller, key) = match known(context.clone()) {
        Err(e) if carrying::is_unverifiable(presented, &e) => {
            let call = carrying::kept(Door::Grpc, parts, Bytes::new(), source(parts));
            carrying::ask_grant(core, presented, call).await?;
            known(context)?
        }
        known => known?,
    };
    let header = |name: &str| header_of(parts, name);
    presented.verify(&key.key, parts.uri.path(), &header, core.platform.real_wall())?;
    core.signing_keys.keep(key);
    Ok((caller, now))
}

/// The signature of a carried call, if whoever made it holds the secret.
pub(super) async fn verified(core: &Core, parts: &Parts) -> Result<Presented, ServiceError> {
    let presented = Presented::read(&|name: &str| header_of(parts, name))?;
    caller(core, parts, &presented).await?;
    Ok(presented)
}

/// The request of a caller who is known.
async fn admit(core: &Core, request: Request<Body>) -> Result<Admitted, ServiceError> {
    core.check_standing()?;
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path();
    let streams = STREAMS.contains(&path);
    let header = |name: &str| header_of(&parts, name);
    let presented = Presented::read(&header)?;
    let joined = match header(AT_LEAST) {
        Some(tokens) => Box::pin(wait_for(core, tokens)).await?,
        None => None,
    };
    let (caller, now) = caller(core, &parts, &presented).await?;
    let (service, operation) = named(path);
    check_session(&caller.reference, service, operation)?;
    core.uses.note(&caller, path, now);
    let (service, action) = region::of_path(path);
    core.uses.accesses.note_call(&caller.resolved.principal, service, action, now);
    let mut kept = None;
    let body = match (presented.signs_payload(), streams) {
        (true, _) => {
            let bytes = signed_body(core, body, &presented).await?;
            if core.carries() {
                kept = Some(carrying::kept(Door::Grpc, &parts, bytes.clone(), source(&parts)));
            }
            Body::new(Full::new(bytes).map_err(|never| match never {}))
        }
        (false, true) => body,
        (false, false) => {
            let message =
                format!("only streams may send {UNSIGNED_PAYLOAD}; sign the payload of this call");
            return Err(ServiceError::new(Reason::IncompleteSignature, message));
        }
    };
    parts.extensions.insert::<Caller>(caller);
    Ok(Admitted { request: Request::from_parts(parts, body), joined, kept })
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
async fn signed_body(
    core: &Core,
    body: Body,
    presented: &Presented,
) -> Result<Bytes, ServiceError> {
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
    Ok(bytes)
}
