//! Wire types to ours and back, where several services share them.

use std::time::Duration;

use tidegate_policy::{AccountId, UnixMillis};
use tidegate_proto::common::v1::{Consistency, Evidence, ResponseMetadata, consistency::Mode};
use tidegate_replica::GroupId;
use tidegate_service::{Caller, Reason, ServiceError, View};
use tonic::{Request, Status};

use super::status::refuse;
pub(crate) use crate::operations::{Seen, not_yet, request_id};
use crate::{
    core::Core,
    operations::{self, Fresh},
};

/// The caller that the layer put there.
pub(crate) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request.extensions().get::<Caller>().cloned().ok_or_else(not_signed)
}

/// The same, taken out of the request.
pub(crate) fn take_caller<T>(request: &mut Request<T>) -> Result<Caller, Status> {
    request.extensions_mut().remove::<Caller>().ok_or_else(not_signed)
}

fn not_signed() -> Status {
    refuse(ServiceError::new(Reason::MissingAuthenticationToken, "the call is not signed"))
}

/// The caller as it stands in a view: its key or session must still be good.
pub(crate) fn still(core: &Core, view: &View, caller: &Caller) -> Result<Caller, Status> {
    operations::still(core, view, caller).map_err(refuse)
}

pub(crate) fn timestamp(time: UnixMillis) -> prost_types::Timestamp {
    let seconds = i64::try_from(time.0 / 1000).unwrap_or(i64::MAX);
    let nanos = i32::try_from(time.0 % 1000 * 1_000_000).unwrap_or(0);
    prost_types::Timestamp { seconds, nanos }
}

pub(crate) fn read_timestamp(t: &prost_types::Timestamp) -> Result<UnixMillis, Status> {
    let bad = || refuse(ServiceError::new(Reason::ValidationError, "a time lies before 1970"));
    let seconds = u64::try_from(t.seconds).map_err(|_| bad())?;
    let millis = u64::try_from(t.nanos).map_err(|_| bad())? / 1_000_000;
    Ok(UnixMillis(seconds.saturating_mul(1000).saturating_add(millis)))
}

pub(crate) fn duration(duration: Duration) -> prost_types::Duration {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    prost_types::Duration { seconds, nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0) }
}

pub(crate) fn read_duration(d: &prost_types::Duration) -> Result<Duration, Status> {
    let bad =
        || refuse(ServiceError::new(Reason::ValidationError, "a duration must not be negative"));
    let seconds = u64::try_from(d.seconds).map_err(|_| bad())?;
    let nanos = u32::try_from(d.nanos).map_err(|_| bad())?;
    Ok(Duration::new(seconds, nanos.min(999_999_999)))
}

/// The view that a consistency asks for, reading `groups`. Waits as long as it must and may.
pub(crate) async fn view(
    core: &Core,
    consistency: Option<&Consistency>,
    groups: &[GroupId],
) -> Result<Seen, Status> {
    operations::view(core, &fresh(core, consistency)?, groups).await.map_err(refuse)
}

/// The same, reading an account.
pub(crate) async fn view_of(
    core: &Core,
    consistency: Option<&Consistency>,
    account: AccountId,
) -> Result<Seen, Status> {
    operations::view_of(core, &fresh(core, consistency)?, account).await.map_err(refuse)
}

/// A consistency as the wire has it.
pub(crate) fn fresh(core: &Core, consistency: Option<&Consistency>) -> Result<Fresh, Status> {
    Ok(match consistency.and_then(|c| c.mode.as_ref()) {
        None | Some(Mode::Strong(false)) => Fresh::Eventual,
        Some(Mode::Strong(true)) => Fresh::Strong,
        Some(Mode::Bounded(bound)) => Fresh::Bounded(read_duration(bound)?),
        Some(Mode::AtLeastAsFresh(fresh)) => {
            let tokens = fresh.tokens.iter().map(String::as_str);
            Fresh::at_least(core, tokens).map_err(refuse)?
        }
    })
}

/// What an answer from `view` about `groups` carries.
pub(crate) fn evidence(core: &Core, seen: &Seen, groups: &[GroupId]) -> Result<Evidence, Status> {
    let evidence = operations::evidence(core, seen, groups).map_err(refuse)?;
    Ok(Evidence {
        token: evidence.token,
        staleness_bound: evidence.staleness.map(duration),
        node: core.me.to_string(),
        region: core.region.to_string(),
        decision_id: evidence.decision_id,
    })
}

/// What the answer to a mutation of an account carries. `place`: its group, and the index in that one's log.
pub(crate) fn metadata(
    core: &Core,
    account: AccountId,
    place: (GroupId, u64),
    revision: u64,
    request_id: String,
) -> Result<ResponseMetadata, Status> {
    let token = operations::token_of(core, account, place.0, place.1).map_err(refuse)?;
    Ok(ResponseMetadata { token, request_id, revision })
}
