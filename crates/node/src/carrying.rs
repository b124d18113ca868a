//! Whole calls that a node which votes in nothing brings to one that votes.
//!
//! Such a node is no witness of who its clients are. It proposes nothing for them: when a handler wants to, the door gives up what the
//! handler made and sends the call as it came, signature and all, to a voter, which verifies it itself. And where this node cannot verify
//! a signature, since it does not hold the key that secrets are sealed with, a voter that has verified it gives it the signing keys that
//! are derived for the days to come. See `docs/adr/0131-a-read-replica-holds-no-secret.md`.

use core::{cell::Cell, time::Duration};
use std::{collections::BTreeSet, net::IpAddr};

use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, request::Parts};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use tidegate_authn::{Presented, Secret, SigningKey, amz_date, fingerprint};
use tidegate_policy::UnixMillis;
use tidegate_proto::peer::v1::{
    CarriedCall, CarryRequest, CarryResponse, DayKey, Door, GrantRequest, Header,
};
use tidegate_replica::{GroupId, NodeId};
use tidegate_service::{Reason, ServiceError};
use tonic::{Status, body::Body};

use crate::{
    core::{Core, unknown},
    dial::PeerIdentity,
    peers::CallError,
};

/// Longest that one voter is waited for, where the call may be tried at another.
const TRY: Duration = Duration::from_secs(3);

/// Days beyond today for which a node may verify what a voter has verified once.
pub(crate) const DAYS_AHEAD: u64 = 2;

const DAY_MILLIS: u64 = 86_400_000;

/// What a handler wants that a voter must do.
#[derive(Clone, Copy, Debug, Default)]
struct Wish {
    group: Option<GroupId>,
    repeatable: bool,
    settled: bool,
}

tokio::task_local! {
    static WISH: Cell<Wish>;
}

/// Where the present call has to go on, and whether doing it twice does it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) group: GroupId,
    pub(crate) repeatable: bool,
    /// Whether the change must be seen at this node before it is answered.
    pub(crate) settled: bool,
}

/// Runs a handler whose call can be carried, and gives where its call has to go on, if it has to.
pub(crate) async fn noting<F: Future>(handler: F) -> (F::Output, Option<Destination>) {
    let noted = async {
        let output = handler.await;
        (output, WISH.get().get())
    };
    let (output, Wish { group, repeatable, settled }) = WISH.scope(Cell::default(), noted).await;
    (output, group.map(|group| Destination { group, repeatable, settled }))
}

/// The present call has to go on at a voter of a group. Gives whether its door can see to that.
pub(crate) fn want(group: GroupId) -> bool {
    WISH.try_with(|wish| wish.set(Wish { group: Some(group), ..wish.get() })).is_ok()
}

/// Whether the present call has to go on at a voter.
pub(crate) fn wanted() -> bool {
    WISH.try_with(|wish| wish.get().group.is_some()).unwrap_or(false)
}

/// The present call names an id of its own: done twice, it is done once.
pub(crate) fn is_repeatable() {
    let _outside = WISH.try_with(|wish| wish.set(Wish { repeatable: true, ..wish.get() }));
}

/// What the present call changes must be seen at this node before it is answered.
pub(crate) fn settle() {
    let _outside = WISH.try_with(|wish| wish.set(Wish { settled: true, ..wish.get() }));
}

/// What is said where a call is carried, and seen by nobody, unless its door carries nothing.
pub(crate) fn elsewhere() -> ServiceError {
    ServiceError::new(
        Reason::NotReady,
        "only nodes that vote change anything, and this one does not",
    )
}

fn pairs(headers: &HeaderMap) -> Vec<Header> {
    let pair = |(name, value): (&HeaderName, &HeaderValue)| Header {
        name: name.as_str().to_owned(),
        value: Bytes::copy_from_slice(value.as_bytes()),
    };
    headers.iter().map(pair).collect()
}

fn header_map(headers: Vec<Header>) -> Option<HeaderMap> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for Header { name, value } in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        map.append(name, HeaderValue::from_maybe_shared(value).ok()?);
    }
    Some(map)
}

/// A call as it came.
pub(crate) fn kept(door: Door, parts: &Parts, body: Bytes, source: Option<IpAddr>) -> CarriedCall {
    CarriedCall {
        door: door.into(),
        method: parts.method.as_str().to_owned(),
        uri: parts.uri.to_string(),
        headers: pairs(&parts.headers),
        body,
        source: source.map(|s| s.to_string()).unwrap_or_default(),
    }
}

/// The same at the other end: the call, its body, and where the carrier says that it comes from.
pub(crate) fn unpacked(call: CarriedCall) -> Result<(Parts, Bytes, Option<IpAddr>), Status> {
    let bad = || Status::invalid_argument("a carried call that can't be read");
    let mut request = Request::builder()
        .method(call.method.as_bytes())
        .uri(call.uri.as_bytes())
        .body(())
        .map_err(|_| bad())?;
    *request.headers_mut() = header_map(call.headers).ok_or_else(bad)?;
    Ok((request.into_parts().0, call.body, call.source.parse().ok()))
}

/// Brings a call to a voter of a group, and its answer back.
pub(crate) async fn carry(
    core: &Core,
    to: Destination,
    call: CarriedCall,
) -> Result<CarryResponse, ServiceError> {
    let end = core.platform.monotonic() + core.patience();
    let mut last = elsewhere();
    loop {
        for node in core.candidates(to.group).into_iter().filter(|n| *n != core.me) {
            let left = end.saturating_sub(core.platform.monotonic());
            if left.is_zero() {
                return Err(last);
            }
            let wait = if to.repeatable { left.min(TRY) } else { left };
            let request = CarryRequest { call: Some(call.clone()) };
            let answer =
                core.peers.call(node, wait, |mut c| async move { c.carry(request).await }).await;
            last = match answer {
                Ok(answer) => return Ok(answer),
                Err(CallError::Unknown(_) | CallError::Connect(..)) => {
                    crate::core::no_quorum(to.group)
                }
                Err(CallError::Status(status)) if was_not_taken(&status) => {
                    ServiceError::new(Reason::NotReady, format!("{node}: {}", status.message()))
                }
                Err(_) if to.repeatable => unknown(to.group),
                Err(_) => return Err(unknown(to.group)),
            };
        }
        tokio::time::sleep(crate::core::LEADER_RETRY).await;
        if core.platform.monotonic() >= end {
            return Err(last);
        }
    }
}

/// Whether a refusal says that the voter did not look at the call.
fn was_not_taken(status: &Status) -> bool {
    use tonic::Code::{FailedPrecondition, PermissionDenied, ResourceExhausted, Unimplemented};
    matches!(
        status.code(),
        FailedPrecondition | PermissionDenied | ResourceExhausted | Unimplemented
    )
}

/// The answer of a gRPC call as a peer brings it.
pub(crate) async fn packed(response: Response<Body>) -> Result<CarryResponse, Status> {
    let (parts, body) = response.into_parts();
    let collected = body.collect().await?;
    let trailers = collected.trailers().map(pairs).unwrap_or_default();
    Ok(CarryResponse {
        status: u32::from(parts.status.as_u16()),
        headers: pairs(&parts.headers),
        body: collected.to_bytes(),
        trailers,
    })
}

/// The answer of a call to the other door as a peer brings it.
pub(crate) async fn packed_full(response: Response<Full<Bytes>>) -> CarryResponse {
    let (parts, body) = response.into_parts();
    let body = match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(never) => match never {},
    };
    let status = u32::from(parts.status.as_u16());
    CarryResponse { status, headers: pairs(&parts.headers), body, trailers: Vec::new() }
}

fn opened(answer: CarryResponse) -> Option<(StatusCode, HeaderMap, Bytes, HeaderMap)> {
    let status = StatusCode::from_u16(u16::try_from(answer.status).ok()?).ok()?;
    Some((status, header_map(answer.headers)?, answer.body, header_map(answer.trailers)?))
}

fn unreadable() -> ServiceError {
    ServiceError::new(Reason::Internal, "the answer of a voter can't be read")
}

/// A gRPC answer that a voter gave.
pub(crate) fn answered(answer: CarryResponse) -> Result<Response<Body>, ServiceError> {
    let (status, headers, body, trailers) = opened(answer).ok_or_else(unreadable)?;
    let mut frames = Vec::with_capacity(2);
    if !body.is_empty() {
        frames.push(Ok::<_, Status>(Frame::data(body)));
    }
    if !trailers.is_empty() {
        frames.push(Ok(Frame::trailers(trailers)));
    }
    let mut response = Response::new(Body::new(StreamBody::new(stream::iter(frames))));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// An answer of the other door that a voter gave.
pub(crate) fn answered_full(answer: CarryResponse) -> Result<Response<Full<Bytes>>, ServiceError> {
    let (status, headers, body, _) = opened(answer).ok_or_else(unreadable)?;
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// The group that an access key's account is in, and what tells its secret from another.
fn key_of(core: &Core, presented: &Presented) -> Option<(GroupId, Vec<u8>)> {
    let (view, id) = (core.views.load(), &presented.access_key_id);
    let account = view.directory.account_of_key(id)?;
    let stored = view.account(account).ok()?.access_key(id)?;
    Some((view.group_of(account).ok()?, fingerprint(&stored.sealed_secret).to_vec()))
}

/// Whether a voter can verify what this node can't.
pub(crate) fn is_unverifiable(presented: &Presented, error: &ServiceError) -> bool {
    error.reason == Reason::NotReady && presented.session_token.is_none()
}

/// The keys that a node which brought a verified call may verify further ones with: for the days of the call and to come.
pub(crate) fn granted(core: &Core, presented: &Presented) -> Result<Vec<DayKey>, Status> {
    let no = || Status::failed_precondition("this node does not hold the secret either");
    let (view, id) = (core.views.load(), &presented.access_key_id);
    let account = view.directory.account_of_key(id).ok_or_else(no)?;
    let stored = view.account(account).ok().and_then(|a| a.access_key(id)).ok_or_else(no)?;
    let secret = core.cluster_key.open_secret(id, &stored.sealed_secret).map_err(|_| no())?;
    let secret = Secret::new(String::from_utf8(secret).map_err(|_| no())?);
    let now = core.platform.real_wall().0;
    let day = |n: u64| amz_date(UnixMillis(now + n * DAY_MILLIS)).chars().take(8).collect();
    let mut days: BTreeSet<String> = (0..=DAYS_AHEAD).map(day).collect();
    days.insert(presented.date.clone());
    let key = |date: String| {
        let key = SigningKey::bytes_of(&secret, &date, &presented.region, &presented.service);
        DayKey { date, key: key.into() }
    };
    Ok(days.into_iter().map(key).collect())
}

/// Asks voters to verify a call, and keeps the signing keys that they give for its access key.
pub(crate) async fn ask_grant(
    core: &Core,
    presented: &Presented,
    call: CarriedCall,
) -> Result<(), ServiceError> {
    let (group, fingerprint) = key_of(core, presented).unwrap_or_default();
    let end = core.platform.monotonic() + core.patience();
    let mut why = "no voter was reached".to_owned();
    for node in core.candidates(group).into_iter().filter(|n| *n != core.me) {
        let left = end.saturating_sub(core.platform.monotonic());
        if left.is_zero() {
            break;
        }
        let request = GrantRequest { call: Some(call.clone()) };
        let answer = core
            .peers
            .call(node, left.min(TRY), |mut c| async move { c.grant(request).await })
            .await;
        match answer {
            Ok(answer) => {
                for key in &answer.keys {
                    core.signing_keys.grant(presented, &key.date, &fingerprint, &key.key);
                }
                return Ok(());
            }
            Err(CallError::Status(status)) if status.code() == tonic::Code::Unauthenticated => {
                return Err(ServiceError::new(
                    Reason::SignatureDoesNotMatch,
                    "the signature does not match the request",
                ));
            }
            Err(error) => why = format!("{node}: {error}"),
        }
    }
    let message = format!(
        "this node holds no secrets, has not verified access key {} in the last days, and can't ask a voter now: {why}",
        presented.access_key_id
    );
    Err(ServiceError::new(Reason::NotReady, message).with("node", core.me))
}

/// The region of a node that carries a call, by the directory.
pub(crate) fn region_of(core: &Core, carrier: Option<NodeId>) -> Option<String> {
    Some(core.views.load().directory.node(carrier?.0)?.region.clone())
}

/// Puts the address that a carrier names where a connection's own would stand.
pub(crate) fn as_from(parts: &mut Parts, source: Option<IpAddr>) {
    if let Some(address) = source {
        parts.extensions.insert(PeerIdentity { node: None, address });
    }
}

#[cfg(test)]
mod tests;
