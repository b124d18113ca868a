//! The steps of a recovery at one node.

use std::{sync::Arc, time::Duration};

use tidegate_consensus::{Machine, begin_at, commit_tail, forget_group, log_end, tail};
use tidegate_proto::peer::v1::{
    RecoverGroup, RecoverRequest, RecoverResponse, RecoveryState, RecoveryStep,
};
use tidegate_replica::{GroupId, NodeId};
use tidegate_store::NodeStore;
use tonic::Status;

use super::{
    Row,
    order::{self, Signed},
    phase,
};
use crate::{
    core::Core,
    gossip::Input,
    machine::{Around, GroupMachine, generations, joining},
};

/// How long a quorum of a group that is to be recovered has to answer, which stops the recovery.
const QUORUM_MAX: Duration = Duration::from_secs(2);

/// What the machines of this node share, for a group whose generations ended there.
pub(crate) fn around(core: &Core, store: &NodeStore, ended: Vec<u64>) -> Around {
    Around {
        store: store.clone(),
        views: Arc::clone(&core.views),
        digests: Arc::clone(&core.digests),
        gossip: core.gossip.clone(),
        metrics: Arc::clone(&core.metrics),
        platform: Arc::clone(&core.platform),
        vouching: Arc::clone(&core.vouching),
        ended,
        apply_version_max: core.config.raft.apply_version_max,
    }
}

fn internal(error: impl core::fmt::Display) -> Status {
    Status::internal(error.to_string())
}

/// Carries out a step for all groups that it names, and says how they stand.
pub(crate) async fn answer(
    core: &Core,
    request: RecoverRequest,
) -> Result<RecoverResponse, Status> {
    let step = request.step();
    let signed = Signed { order: request.order, signature: request.order_signature };
    let mut named = request.groups;
    if step == RecoveryStep::Look && named.is_empty() {
        let view = core.views.load();
        let all = view.directory.placements().map(|p| p.group);
        named = all.map(|group| RecoverGroup { group, ..RecoverGroup::default() }).collect();
    }
    // Whoever only looks waits for nobody: it would count as lost.
    let one_at_a_time = match step {
        RecoveryStep::Look => None,
        _ => Some(core.recovering.lock().await),
    };
    let quorums = named.iter().map(|g| async {
        // Whoever asks for it: a group that works is not ended. One that was begun anew has been asked for before.
        let begun = core.recoveries.seed(&core.views.load(), GroupId(g.group)).is_some();
        let works = step != RecoveryStep::Look && !begun;
        works && core.read_index(GroupId(g.group), QUORUM_MAX).await.is_ok()
    });
    let quorums = futures::future::join_all(quorums).await;
    let mut groups = Vec::new();
    for (named, works) in named.iter().zip(quorums) {
        let refusal = if works {
            format!("a quorum of g{} answers: there is nothing to recover", named.group)
        } else if let Err(why) = allowed(core, step, named, &signed) {
            why
        } else {
            take(core, step, named).await?
        };
        groups.push(RecoveryState { refusal, ..look(core, GroupId(named.group))? });
    }
    drop(one_at_a_time);
    Ok(RecoverResponse { groups })
}

/// Whether an operator allows a step, where the settings want one who does. Why not, for people.
fn allowed(
    core: &Core,
    step: RecoveryStep,
    named: &RecoverGroup,
    signed: &Signed,
) -> Result<(), String> {
    let Some(key) = core.recovery_key.as_ref().filter(|_| step != RecoveryStep::Look) else {
        return Ok(());
    };
    let view = core.views.load();
    let cluster = view.directory.cluster().map(|c| c.id.as_str()).unwrap_or_default();
    let order = order::read(key, cluster, core.platform.real_wall(), signed)?;
    let Some(placement) = view.directory.placement(GroupId(named.group)) else { return Ok(()) };
    let seed = (step == RecoveryStep::Close).then_some(NodeId(named.seed));
    order::allows(&order, named.group, placement.generation(), seed)
}

/// How a group stands here.
fn look(core: &Core, group: GroupId) -> Result<RecoveryState, Status> {
    let view = core.views.load();
    let row = core.recoveries.under_way(&view, group);
    let said = view.directory.placement(group).map(|p| p.ended.clone()).unwrap_or_default();
    let (_, origin) = generations(group, &said);
    let log = log_end(group, &core.store).map_err(internal)?;
    let merged = core.store.position(origin).map_err(internal)?;
    let published = view.positions.get(origin);
    let digest = core.digests.published(group).filter(|(at, _)| *at == published);
    let digest = digest.map(|(_, digest)| digest.to_vec()).unwrap_or_default();
    // Whoever makes a group anew from its log has nothing that others have not.
    let whole = joining::read(&core.store, group).map_err(internal)? == 0;
    Ok(RecoveryState {
        group: group.0,
        ended: core.recoveries.ended(&view, group),
        seed: row.as_ref().map_or(0, |row| row.seed),
        open: row.as_ref().is_some_and(|row| row.phase >= phase::OPEN),
        merged: merged.max(published),
        published,
        digest: digest.into(),
        voter: log.last > 0 && whole,
        term: log.term,
        last: log.last,
        applied: log.applied,
        refusal: String::new(),
    })
}

/// Carries out a step for one group. Gives why not, or nothing.
async fn take(core: &Core, step: RecoveryStep, named: &RecoverGroup) -> Result<String, Status> {
    let group = GroupId(named.group);
    let view = core.views.load();
    let Some(placement) = view.directory.placement(group) else {
        return Ok(format!("{group} is not known here"));
    };
    let generation = placement.generation();
    let row = core.recoveries.under_way(&view, group);
    let at = row.as_ref().map_or(0, |row| row.phase);
    match step {
        RecoveryStep::Halt | RecoveryStep::Harvest if at >= phase::CLOSED => Ok(String::new()),
        RecoveryStep::Halt => halt(core, group, generation, at).await,
        RecoveryStep::Harvest => {
            let refusal = halt(core, group, generation, at).await?;
            if !refusal.is_empty() {
                return Ok(refusal);
            }
            harvest(core, group, generation, named).await
        }
        RecoveryStep::Close => close(core, group, generation, row, named).await,
        RecoveryStep::Open => open(core, group, row, named).await,
        RecoveryStep::Look | RecoveryStep::Unspecified => Ok(String::new()),
    }
}

/// This node speaks in the group no more.
async fn halt(core: &Core, group: GroupId, generation: u32, at: u32) -> Result<String, Status> {
    if at != phase::HALTED {
        let row = Row { phase: phase::HALTED, generation, ..Row::default() };
        core.recoveries.write(&core.store, group, row).await.map_err(internal)?;
    }
    let handle = core.groups.write().remove(&group);
    if let Some(handle) = handle {
        tracing::warn!(%group, "this node speaks in the group no more: it is being recovered");
        handle.shutdown().await;
        core.vouching.forget(group);
        let origin = core.origin(group);
        let stands = core.store.position(origin).map_err(internal)?;
        if stands < joining::read(&core.store, group).map_err(internal)? {
            core.gossip.tell(Input::LeftEarly { origin, stands }).await;
        }
    }
    core.look_again.notify_one();
    Ok(String::new())
}

/// Takes this node's log for committed, unless it contradicts what another node has.
async fn harvest(
    core: &Core,
    group: GroupId,
    generation: u32,
    named: &RecoverGroup,
) -> Result<String, Status> {
    let ended = core.recoveries.ended(&core.views.load(), group);
    let applied = log_end(group, &core.store).map_err(internal)?.applied;
    let machine = GroupMachine::open(group, applied, around(core, &core.store, ended));
    let machine = Arc::new(machine.map_err(internal)?);
    let shared = || -> Arc<dyn Machine> { Arc::<GroupMachine>::clone(&machine) };
    if named.position > applied {
        let mut entries = tail(group, &core.store, shared()).map_err(internal)?;
        entries.retain(|entry| entry.at.index <= named.position);
        let reaches = entries.last().is_some_and(|entry| entry.at.index == named.position);
        if !reaches || machine.digest_after(&entries).map_err(internal)? != *named.digest {
            return Ok(format!(
                "the log of {} contradicts what other nodes have at {}: it was never committed",
                core.me, named.position
            ));
        }
    }
    let row = Row { phase: phase::HARVESTED, generation, ..Row::default() };
    core.recoveries.write(&core.store, group, row).await.map_err(internal)?;
    core.look_again.notify_one();
    let last = commit_tail(group, &core.store, shared()).await.map_err(internal)?;
    tracing::warn!(%group, applied, last, "what the log of a lost group held counts as committed");
    Ok(String::new())
}

/// Promises to take nothing of the generation above its end.
async fn close(
    core: &Core,
    group: GroupId,
    generation: u32,
    row: Option<Row>,
    named: &RecoverGroup,
) -> Result<String, Status> {
    let known = row.as_ref().filter(|row| row.phase >= phase::CLOSED);
    if known.is_some_and(|row| row.ended == named.ended && row.seed == named.seed) {
        return Ok(String::new());
    }
    if known.is_some_and(|row| row.phase >= phase::OPEN) {
        return Ok(format!("{group} has begun anew already, from another base"));
    }
    let (past, _) = generations(group, &named.ended);
    let Some((origin, base)) = past.last().copied() else {
        return Ok("a close names no end".to_owned());
    };
    let here = core.store.position(origin).map_err(internal)?;
    if past.len() != usize::try_from(generation).unwrap_or(usize::MAX).saturating_add(1) {
        return Ok(format!("{group} is in generation {generation} here"));
    }
    if here != base {
        return Ok(format!("{} has {origin} up to {here}, and the base is {base}", core.me));
    }
    let ended = named.ended.clone();
    let row = Row { phase: phase::CLOSED, generation, ended, seed: named.seed };
    core.recoveries.write(&core.store, group, row).await.map_err(internal)?;
    if named.seed != core.me.0 {
        // What it held is in the records, here and at everybody who promised.
        forget_group(group, &core.store).await.map_err(internal)?;
    }
    core.look_again.notify_one();
    Ok(String::new())
}

/// Begins the next generation here.
async fn open(
    core: &Core,
    group: GroupId,
    row: Option<Row>,
    named: &RecoverGroup,
) -> Result<String, Status> {
    let Some(row) = row.filter(|row| row.phase >= phase::CLOSED && row.seed == core.me.0) else {
        return Ok(format!("{} does not begin {group}", core.me));
    };
    if row.phase >= phase::OPEN {
        return Ok(String::new());
    }
    let base = row.ended.last().copied().unwrap_or_default();
    if row.ended != named.ended {
        return Ok(format!("{group} was closed at {base} here"));
    }
    let now = core.platform.wall().0;
    begin_at(group, &core.store, core.me, base, now).await.map_err(internal)?;
    let row = Row { phase: phase::OPEN, ..row };
    core.recoveries.write(&core.store, group, row).await.map_err(internal)?;
    tracing::warn!(%group, base, "this node begins a lost group anew");
    core.look_again.notify_one();
    Ok(String::new())
}
