//! What a cluster in development mode lets its operator do to time: models of propagation, freeze and thaw, single changes held back, and
//! the clock.

use core::time::Duration;

use tidegate_model::command::{SetClock, clock_run};
use tidegate_policy::UnixMillis;
use tidegate_proto::cluster::v1::{
    Clock as WireClock, HeldChange, ListHeldChangesResponse, SetClockRequest,
};
use tidegate_replica::Clock;
use tidegate_service::{Reason, ServiceError, Token};
use tonic::{Request, Status};

use super::{cluster::operator, status::refuse, wire};
use crate::core::Core;

/// What all of it takes, beside development mode.
pub(crate) const ACTION: &str = "tidegate:ConfigureLinkModel";

/// Refuses unless the cluster was created in development mode.
pub(crate) fn check_mode(core: &Core) -> Result<(), Status> {
    let development = core.views.load().directory.cluster().is_some_and(|c| c.development);
    if development {
        return Ok(());
    }
    let message = "links, propagation and the clock can be changed only on a cluster that was created in development mode";
    Err(refuse(ServiceError::new(Reason::DevelopmentOnly, message)))
}

/// Refuses unless the caller is an operator of a cluster in development mode.
pub(crate) fn check<T>(core: &Core, request: &Request<T>) -> Result<(), Status> {
    operator(core, request, ACTION)?;
    check_mode(core)
}

/// What setting the clock takes, beside development mode.
pub(crate) const CLOCK_ACTION: &str = "tidegate:SetClock";

/// The command that a request for another clock stands for.
pub(crate) fn set_clock(core: &Core, request: &SetClockRequest) -> Result<SetClock, Status> {
    let invalid = |message: &str| refuse(ServiceError::new(Reason::ValidationError, message));
    let run = match (request.freeze, request.thaw) {
        (true, true) => return Err(invalid("a clock can't stand still and run on")),
        (true, false) => clock_run::FROZEN,
        (false, true) => clock_run::RUNS,
        (false, false) => clock_run::AS_BEFORE,
    };
    let advance = request.advance.as_ref().map(wire::read_duration).transpose()?;
    let advance = advance.unwrap_or_default().as_millis();
    let advance = u64::try_from(advance).map_err(|_| invalid("the clock can't go so far"))?;
    Ok(SetClock { advance, run, real: core.platform.real_wall().0 })
}

/// The clock once it is as a token has it: whoever was told that it is set finds it so, here at least.
pub(crate) async fn follow_clock(core: &Core, token: &str) -> Result<Option<WireClock>, Status> {
    let positions = positions(core, token)?;
    let view = core.views.covering(&positions, core.patience()).await;
    core.clock.follow(view.unwrap_or_else(|| core.views.load()).directory.cluster());
    Ok(clock(core))
}

/// The clock that was set; `None`: the cluster goes by the nodes' own.
pub(crate) fn clock(core: &Core) -> Option<WireClock> {
    let view = core.views.load();
    let set = view.directory.cluster().and_then(|c| c.clock)?;
    let real = core.platform.real_wall();
    let shows = UnixMillis(set.shows(real.0));
    let off = wire::duration(Duration::from_millis(shows.0.abs_diff(real.0)));
    let back =
        |d: prost_types::Duration| prost_types::Duration { seconds: -d.seconds, nanos: -d.nanos };
    let ahead = if shows < real { back(off) } else { off };
    Some(WireClock {
        now: Some(wire::timestamp(shows)),
        frozen: set.frozen > 0,
        ahead: Some(ahead),
    })
}

/// The positions of a token.
fn positions(core: &Core, token: &str) -> Result<Clock, Status> {
    let present = core.views.load();
    Ok(Token::read_in(&core.cluster_key, &present, token).map_err(refuse)?.positions)
}

/// Sets the model.
pub(crate) fn set_model(core: &Core, model: &str, seed: u64) -> Result<(), Status> {
    let invalid = |e: crate::gate::NoSuchModel| {
        refuse(ServiceError::new(Reason::ValidationError, e.to_string()))
    };
    let model = model.parse().map_err(invalid)?;
    tracing::warn!(%model, seed, "the propagation of this development cluster was changed");
    core.gate.set(model, seed);
    Ok(())
}

/// Holds the changes of a token back.
pub(crate) fn hold(core: &Core, token: &str) -> Result<(), Status> {
    let positions = positions(core, token)?;
    let refused = |message: String| refuse(ServiceError::new(Reason::UnmodifiableEntity, message));
    let groups = positions.iter().filter_map(|(origin, _)| origin.group());
    if let Some(group) = groups.into_iter().find(|g| core.group(*g).is_some()) {
        let message = format!(
            "{} votes in {group} and decides at once: hold the change at a node of another region",
            core.me
        );
        return Err(refused(message));
    }
    let published = core.views.load().positions.clone();
    core.gate.hold(&positions, &published).map_err(|e| refused(e.to_string()))
}

/// Releases the changes of a token.
pub(crate) fn release(core: &Core, token: &str) -> Result<(), Status> {
    core.gate.release(&positions(core, token)?);
    Ok(())
}

/// What is held.
pub(crate) fn held(core: &Core) -> ListHeldChangesResponse {
    let now = core.platform.monotonic();
    let change = |h: crate::gate::Held| HeldChange {
        group: h.group.0,
        revision: h.sequence,
        due: Some(wire::duration(h.due.saturating_sub(now))),
        held: h.held,
    };
    ListHeldChangesResponse { changes: core.gate.held().into_iter().map(change).collect() }
}
