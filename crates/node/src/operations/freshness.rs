//! Which view a read sees, and what its answer says about that view.

use core::ops::Deref;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tidegate_policy::AccountId;
use tidegate_replica::{Clock, GroupId};
use tidegate_service::{Caller, Reason, ServiceError, Token, View};

use crate::{core::Core, gossip::oldest};

/// How fresh a view must be.
#[derive(Clone, Debug)]
pub(crate) enum Fresh {
    /// The present one.
    Eventual,
    /// One that covers these positions.
    AtLeast(Clock),
    /// One that is at most this old.
    Bounded(Duration),
    /// One that is no older than the question.
    Strong,
}

impl Fresh {
    /// At least as fresh as these tokens of callers.
    pub(crate) fn at_least<'t>(
        core: &Core,
        tokens: impl Iterator<Item = &'t str>,
    ) -> Result<Self, ServiceError> {
        let present = core.views.load();
        let mut positions = Clock::default();
        for text in tokens {
            let token = Token::read_in(&core.cluster_key, &present, text)?;
            positions.join(&token.positions);
        }
        Ok(Self::AtLeast(positions))
    }
}

fn too_stale(core: &Core, message: String) -> ServiceError {
    ServiceError::new(Reason::TooStale, message).with("node", core.me)
}

/// What a view that did not become fresh enough in time is refused with: how far it is.
pub(crate) fn not_yet(core: &Core, wanted: &Clock) -> ServiceError {
    let view = core.views.load();
    if let Err(dropped) = view.check_positions(wanted) {
        return dropped;
    }
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
    pub(crate) fn check_ceiling(
        &self,
        core: &Core,
        groups: &[GroupId],
    ) -> Result<(), ServiceError> {
        let hard = Duration::from_millis(core.config.limits.staleness_hard_ms);
        let before = || {
            let at = core.fresh_before_start?;
            Some(Duration::from_millis(core.platform.real_wall().0.saturating_sub(at.0)))
        };
        if self.staleness(core, groups).or_else(before).is_some_and(|s| s > hard) {
            let message = format!(
                "the view of {} is older than its hard ceiling of {} s",
                core.me,
                hard.as_secs()
            );
            return Err(too_stale(core, message));
        }
        Ok(())
    }
}

/// Waits until the published view covers `positions`, as long as the call may.
pub(crate) async fn covering(core: &Core, positions: &Clock) -> Result<(), ServiceError> {
    let covering = core.views.covering(positions, core.patience()).await;
    covering.map(drop).ok_or_else(|| not_yet(core, positions))
}

/// A view that is fresh enough, reading `groups`. Waits as long as it must and may.
pub(crate) async fn view(
    core: &Core,
    fresh: &Fresh,
    groups: &[GroupId],
) -> Result<Seen, ServiceError> {
    if !matches!(fresh, Fresh::Eventual) {
        // On the heap: those who need not wait should not carry the future of those who must.
        Box::pin(fresh_enough(core, fresh, groups)).await?;
    }
    // Views never go back: the present one is at least what was waited for.
    let seen = Seen::present(core);
    seen.check_ceiling(core, groups)?;
    Ok(seen)
}

/// A view that is fresh enough, reading an account. While it is moved a strong view has asked both of its groups.
pub(crate) async fn view_of(
    core: &Core,
    fresh: &Fresh,
    account: AccountId,
) -> Result<Seen, ServiceError> {
    let mut groups = core.views.load().groups_of(account);
    loop {
        let seen = view(core, fresh, &groups).await?;
        let now = seen.groups_of(account);
        if !matches!(fresh, Fresh::Strong) || now.iter().all(|group| groups.contains(group)) {
            return Ok(seen);
        }
        groups = now;
    }
}

/// Returns once the present view is fresh enough.
async fn fresh_enough(core: &Core, fresh: &Fresh, groups: &[GroupId]) -> Result<(), ServiceError> {
    match fresh {
        Fresh::Eventual => {}
        Fresh::AtLeast(positions) => covering(core, positions).await?,
        Fresh::Bounded(bound) => {
            let staleness = Seen::present(core).staleness(core, groups);
            if staleness.is_none_or(|s| s > *bound) {
                let known = staleness
                    .map_or_else(|| "not known".to_owned(), |s| format!("{} ms", s.as_millis()));
                let message = format!(
                    "the view of {} may be older than {} ms: its staleness bound is {known}",
                    core.me,
                    bound.as_millis()
                );
                return Err(too_stale(core, message));
            }
        }
        Fresh::Strong => {
            let mut positions = Clock::default();
            for group in groups {
                positions.join(&core.read_index(*group, core.patience()).await?);
            }
            covering(core, &positions).await?;
        }
    }
    Ok(())
}

/// What an answer rests on.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    /// The consistency token.
    pub(crate) token: String,
    /// How old the view can be at most; `None` while the home was never heard, and for what was changed just now.
    pub(crate) staleness: Option<Duration>,
    /// A name for the answer: 128 random bits.
    pub(crate) decision_id: String,
}

/// What an answer from `seen` about `groups` rests on.
pub(crate) fn evidence(
    core: &Core,
    seen: &Seen,
    groups: &[GroupId],
) -> Result<Evidence, ServiceError> {
    let staleness = seen.staleness(core, groups);
    if let Some(staleness) = staleness {
        core.metrics.decision_lag.observe(staleness.as_secs_f64());
    }
    let token = core.token(seen, seen.positions_of(groups))?;
    Ok(Evidence { token, staleness, decision_id: decision_id(core) })
}

/// The caller as it stands in a view: its key or session must still be good.
pub(crate) fn still(core: &Core, view: &View, caller: &Caller) -> Result<Caller, ServiceError> {
    let mut caller = caller.clone();
    caller.renew(view, core.platform.wall())?;
    Ok(caller)
}

/// A name for an answer: 128 random bits.
pub(crate) fn decision_id(core: &Core) -> String {
    let mut id = [0; 16];
    core.platform.entropy(&mut id);
    hex::encode(id)
}
