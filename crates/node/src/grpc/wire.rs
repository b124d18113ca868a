//! Wire types to ours and back, where several services share them.

use core::ops::Deref;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tidegate_policy::UnixMillis;
use tidegate_proto::common::v1::{Consistency, Evidence, ResponseMetadata, consistency::Mode};
use tidegate_replica::{Clock, GroupId};
use tidegate_service::{Caller, Reason, ServiceError, Token, View};
use tonic::{Request, Status};

use super::status::refuse;
use crate::{core::Core, gossip::oldest};

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
    let mut caller = caller.clone();
    caller.renew(view, core.platform.wall()).map_err(refuse)?;
    Ok(caller)
}

/// A request's own id, or a fresh one where the caller gave none: what is tried again within the call is then known for the same.
pub(crate) fn request_id(core: &Core, given: String) -> String {
    if given.is_empty() { format!("drawn-{}", decision_id(core)) } else { given }
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

fn too_stale(core: &Core, message: String) -> ServiceError {
    ServiceError::new(Reason::TooStale, message).with("node", core.me)
}

/// What a view that did not become fresh enough in time is refused with: how far it is.
pub(crate) fn not_yet(core: &Core, wanted: &Clock) -> ServiceError {
    let view = core.views.load();
    let message = format!("{} has not yet what was asked for", core.me);
    let behind = wanted.iter().find(|(o, n)| view.positions.get(*o) < *n);
    let Some((origin, wanted)) = behind else {
        // It has arrived since.
        return ServiceError::new(Reason::NotYetPropagated, message).with("node", core.me);
    };
    let position = view.positions.get(origin);
    let message = format!("{message}: {origin} is at {position} of {wanted}");
    ServiceError::new(Reason::NotYetPropagated, message)
        .with("node", core.me)
        .with("origin", origin)
        .with("position", position)
        .with("wanted", wanted)
}

/// A view, and what was known of its freshness before it was loaded: what is published meanwhile makes the view newer than its bound says,
/// never older.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    view: Arc<View>,
    fresh: Arc<BTreeMap<GroupId, Duration>>,
}

impl Deref for Seen {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}

impl Seen {
    /// The present view.
    pub(crate) fn present(core: &Core) -> Self {
        let fresh = core.gossip.freshness.load_full();
        Self { fresh, view: core.views.load() }
    }

    /// How stale it may be now: `None` while the home of one of the groups was never heard.
    fn staleness(&self, core: &Core, groups: &[GroupId]) -> Option<Duration> {
        oldest(&self.fresh, core.platform.monotonic(), groups)
    }

    /// Refuses a view that is older than the hard ceiling. Before the home was heard for the first time, the age is what this node's own
    /// wall clock says since it last knew itself fresh, before it was started.
    pub(crate) fn check_ceiling(&self, core: &Core, groups: &[GroupId]) -> Result<(), Status> {
        let hard = Duration::from_millis(core.config.limits.staleness_hard_ms);
        let before = || {
            let at = core.fresh_before_start?;
            Some(Duration::from_millis(core.platform.wall().0.saturating_sub(at.0)))
        };
        if self.staleness(core, groups).or_else(before).is_some_and(|s| s > hard) {
            let message = format!(
                "the view of {} is older than its hard ceiling of {} s",
                core.me,
                hard.as_secs()
            );
            return Err(refuse(too_stale(core, message)));
        }
        Ok(())
    }
}

/// Waits until the published view covers `positions`, as long as the call may.
async fn covering(core: &Core, positions: &Clock) -> Result<(), Status> {
    let covering = core.views.covering(positions, core.patience()).await;
    covering.map(drop).ok_or_else(|| refuse(not_yet(core, positions)))
}

/// The view that a consistency asks for, reading `groups`. Waits as long as it must and may.
pub(crate) async fn view(
    core: &Core,
    consistency: Option<&Consistency>,
    groups: &[GroupId],
) -> Result<Seen, Status> {
    match consistency.and_then(|c| c.mode.as_ref()) {
        None | Some(Mode::Strong(false)) => {}
        // On the heap: those who need not wait should not carry the future of those who must.
        Some(mode) => Box::pin(fresh_enough(core, mode, groups)).await?,
    }
    // Views never go back: the present one is at least what was waited for.
    let seen = Seen::present(core);
    seen.check_ceiling(core, groups)?;
    Ok(seen)
}

/// Returns once the present view is what a consistency asks for.
async fn fresh_enough(core: &Core, mode: &Mode, groups: &[GroupId]) -> Result<(), Status> {
    match mode {
        Mode::AtLeastAsFresh(fresh) => {
            let present = core.views.load();
            let mut positions = Clock::default();
            for text in &fresh.tokens {
                let token = Token::read(&core.cluster_key, &Core::cluster_id(&present), text)
                    .map_err(refuse)?;
                positions.join(&token.positions);
            }
            covering(core, &positions).await?;
        }
        Mode::Bounded(bound) => {
            let bound = read_duration(bound)?;
            let staleness = Seen::present(core).staleness(core, groups);
            if staleness.is_none_or(|s| s > bound) {
                let known = staleness
                    .map_or_else(|| "not known".to_owned(), |s| format!("{} ms", s.as_millis()));
                let message = format!(
                    "the view of {} may be older than {} ms: its staleness bound is {known}",
                    core.me,
                    bound.as_millis()
                );
                return Err(refuse(too_stale(core, message)));
            }
        }
        Mode::Strong(false) => {}
        Mode::Strong(true) => {
            let mut positions = Clock::default();
            for group in groups {
                positions.join(&core.read_index(*group, core.patience()).await.map_err(refuse)?);
            }
            covering(core, &positions).await?;
        }
    }
    Ok(())
}

/// A name for an answer: 128 random bits.
pub(crate) fn decision_id(core: &Core) -> String {
    let mut id = [0; 16];
    core.platform.entropy(&mut id);
    hex::encode(id)
}

/// What an answer from `view` about `groups` carries.
pub(crate) fn evidence(core: &Core, seen: &Seen, groups: &[GroupId]) -> Result<Evidence, Status> {
    let staleness = seen.staleness(core, groups);
    if let Some(staleness) = staleness {
        core.metrics.decision_lag.observe(staleness.as_secs_f64());
    }
    Ok(Evidence {
        token: core.token(seen, seen.positions_of(groups)).map_err(refuse)?,
        staleness_bound: staleness.map(duration),
        node: core.me.to_string(),
        region: core.region.to_string(),
        decision_id: decision_id(core),
    })
}

/// What the answer to a mutation carries. `index` is where the proposal stands in the log, `revision` where the change does: before
/// it, where this was a repetition.
pub(crate) fn metadata(
    core: &Core,
    group: GroupId,
    (index, revision): (u64, u64),
    request_id: String,
) -> Result<ResponseMetadata, Status> {
    let positions = Clock::from_iter([(crate::machine::origin(group), index)]);
    let token = core.token(&core.views.load(), positions).map_err(refuse)?;
    Ok(ResponseMetadata { token, request_id, revision })
}
