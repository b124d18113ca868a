//! The node that an operator asks carries a recovery out at all nodes that it reaches.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tidegate_model::{
    CallerRef, Command, Envelope,
    recovery::{RecoverGroups, Recovered},
};
use tidegate_proto::{
    membership::v1::{GroupRecovery, RecoverClusterResponse},
    peer::v1::{RecoverGroup, RecoverRequest, RecoveryState, RecoveryStep},
};
use tidegate_replica::{Clock, GroupId, NodeId};
use tidegate_service::{Reason, ServiceError};

use super::{
    order::{self, Signed},
    plan::{GroupPlan, Said, Source, plan},
    steps,
};
use crate::core::Core;

/// How long a node has to answer that is asked how it stands; one that does not counts as lost.
const LOOK_MAX: Duration = Duration::from_secs(3);
/// How long a node has for a step.
const STEP_MAX: Duration = Duration::from_secs(20);
/// How long those that answer have to come to the same place.
const CATCH_UP_MAX: Duration = Duration::from_secs(30);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the directory has to begin anew.
const BEGIN_MAX: Duration = Duration::from_secs(20);

/// What the operator wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) voters: Vec<u64>,
    pub(crate) caller: CallerRef,
    pub(crate) request_id: String,
    pub(crate) signed: Signed,
}

/// What nodes say of all groups.
struct Survey {
    /// By group.
    said: BTreeMap<u32, Said>,
    reached: BTreeSet<u64>,
    lost: Vec<u64>,
}

fn not_ready(message: String) -> ServiceError {
    ServiceError::new(Reason::NotReady, message)
}

/// One step at one node.
async fn step(
    core: &Core,
    node: u64,
    step: RecoveryStep,
    groups: Vec<RecoverGroup>,
    signed: &Signed,
) -> Result<Vec<RecoveryState>, String> {
    let Signed { order, signature: order_signature } = signed.clone();
    let request = RecoverRequest { step: step.into(), groups, order, order_signature };
    let answer = if node == core.me.0 {
        steps::answer(core, request).await.map_err(|e| e.message().to_owned())
    } else {
        let patience = if step == RecoveryStep::Look { LOOK_MAX } else { STEP_MAX };
        let call = core
            .peers
            .call(NodeId(node), patience, |mut c| async move { c.recover(request).await });
        call.await.map_err(|e| e.to_string())
    };
    answer.map(|answer| answer.groups)
}

/// The step at several nodes at once. The first refusal ends it.
async fn everywhere(
    core: &Core,
    kind: RecoveryStep,
    of: BTreeMap<u64, Vec<RecoverGroup>>,
    signed: &Signed,
) -> Result<(), ServiceError> {
    let steps = of.into_iter().map(|(node, groups)| async move {
        let states = step(core, node, kind, groups, signed).await;
        let states =
            states.map_err(|why| not_ready(format!("n{node} does not go along: {why}")))?;
        match states.into_iter().find(|s| !s.refusal.is_empty()) {
            Some(state) => Err(not_ready(format!("n{node} refuses: {}", state.refusal))),
            None => Ok(()),
        }
    });
    futures::future::try_join_all(steps).await.map(drop)
}

async fn survey(core: &Core) -> Survey {
    let view = core.views.load();
    let nodes: Vec<u64> = view.directory.nodes().map(|n| n.id).collect();
    let looks = nodes.iter().map(|node| async move {
        (*node, step(core, *node, RecoveryStep::Look, Vec::new(), &Signed::default()).await)
    });
    let mut survey = Survey { said: BTreeMap::new(), reached: BTreeSet::new(), lost: Vec::new() };
    for (node, answer) in futures::future::join_all(looks).await {
        match answer {
            Ok(states) => {
                survey.reached.insert(node);
                for state in states {
                    survey.said.entry(state.group).or_default().insert(node, state);
                }
            }
            Err(why) => {
                tracing::info!(node, why, "a node can't be reached for a recovery");
                survey.lost.push(node);
            }
        }
    }
    survey
}

/// The plans for groups whose voters are lost.
async fn plans(core: &Core, survey: &Survey, voters: &[u64]) -> Vec<GroupPlan> {
    let view = core.views.load();
    let none = Said::new();
    let found = view.directory.placements().filter_map(|placement| {
        plan(placement, survey.said.get(&placement.group).unwrap_or(&none), voters)
    });
    let found: Vec<GroupPlan> = found.collect();
    // Where only the way from here to its voters is broken, another may still reach them; each node looks once more for itself.
    let works = found.iter().map(|plan| async {
        plan.source != Source::Before
            && core.read_index(GroupId(plan.group), LOOK_MAX).await.is_ok()
    });
    let works = futures::future::join_all(works).await;
    found.into_iter().zip(works).filter(|(_, works)| !works).map(|(plan, _)| plan).collect()
}

/// What may be lost, for people.
fn losses(core: &Core, plans: &[GroupPlan], lost: &[u64]) -> Vec<String> {
    let names =
        |nodes: &[u64]| nodes.iter().map(|n| format!("n{n}")).collect::<Vec<_>>().join(", ");
    let mut losses = Vec::new();
    if !lost.is_empty() {
        losses.push(format!(
            "changes of the last moments that were acknowledged and reached nobody but {}: whoever holds a token of one is told that it was dropped",
            names(lost)
        ));
        losses.push(format!(
            "everything that {} do by themselves from now on: they are evicted, and their stores are emptied when they come back",
            names(lost)
        ));
    }
    let of = |source| -> Vec<String> {
        let found = plans.iter().filter(|p| p.source == source);
        found.map(|p| format!("g{}", p.group)).collect()
    };
    let gossip = of(Source::Gossip);
    if !gossip.is_empty() {
        losses.push(format!(
            "the memory of request ids in {}: a change that is sent again under its id may be made twice",
            gossip.join(", ")
        ));
    }
    let log = of(Source::Log);
    if !log.is_empty() {
        losses.push(format!(
            "nothing of what the surviving voters have in {}; changes there that were never acknowledged take effect now",
            log.join(", ")
        ));
    }
    let moving = core.views.load().directory.moving().count();
    if moving > 0 {
        losses.push(format!(
            "{moving} accounts are being moved: look with `tidegate cluster moves` whether they arrive"
        ));
    }
    losses
}

fn envelope(wanted: &Wanted, plans: &[GroupPlan], lost: &[u64]) -> Envelope {
    let recovered = |plan: &GroupPlan| Recovered {
        group: plan.group,
        generation: plan.generation,
        base: plan.base,
        seed: plan.seed,
    };
    let command = RecoverGroups {
        groups: plans.iter().map(recovered).collect(),
        voters: wanted.voters.clone(),
        lost: lost.to_vec(),
    };
    Envelope {
        request_id: wanted.request_id.clone(),
        caller: Some(wanted.caller.clone()),
        command: Some(Command::RecoverGroups(command)),
        ..Envelope::default()
    }
}

fn response(core: &Core, plans: &[GroupPlan], lost: &[u64], done: bool) -> RecoverClusterResponse {
    let group = |plan: &GroupPlan| GroupRecovery {
        group: plan.group,
        generation: plan.generation,
        base: plan.base,
        seed: plan.seed,
        source: match plan.source {
            Source::Log => "log",
            Source::Gossip => "gossip",
            Source::Before => "an earlier try",
        }
        .to_owned(),
        lost_voters: plan.lost_voters.clone(),
        otherwise: plan.otherwise.0,
    };
    let view = core.views.load();
    RecoverClusterResponse {
        groups: plans.iter().map(group).collect(),
        lost: lost.to_vec(),
        losses: losses(core, plans, lost),
        done,
        cluster_id: view.directory.cluster().map(|c| c.id.clone()).unwrap_or_default(),
        needs_order: core.recovery_key.is_some(),
    }
}

/// Refuses before anything is changed what this node itself would not go along with.
fn check_order(core: &Core, wanted: &Wanted, plans: &[GroupPlan]) -> Result<(), ServiceError> {
    let Some(key) = &core.recovery_key else { return Ok(()) };
    let view = core.views.load();
    let cluster = view.directory.cluster().map(|c| c.id.as_str()).unwrap_or_default();
    let allowed = order::read(key, cluster, core.platform.real_wall(), &wanted.signed);
    let allowed = allowed.and_then(|order| {
        order::names(&order, &wanted.voters)?;
        plans.iter().try_for_each(|plan| {
            order::allows(&order, plan.group, plan.generation, Some(NodeId(plan.seed)))
        })
    });
    allowed.map_err(|why| {
        ServiceError::new(Reason::AccessDenied, format!("{} refuses: {why}", core.me))
    })
}

/// Plans a recovery, and carries it out where that is wanted. Where it is cut short it is asked for again.
pub(crate) async fn recover(
    core: Arc<Core>,
    wanted: Wanted,
    execute: bool,
) -> Result<RecoverClusterResponse, ServiceError> {
    let survey = survey(&core).await;
    let mut plans = plans(&core, &survey, &wanted.voters).await;
    if plans.is_empty() {
        let message = "every group has more than half of its voters, or nobody has anything of it: there is nothing to recover";
        return Err(ServiceError::new(Reason::ValidationError, message));
    }
    // As the directory will judge it, once nothing can be undone any more.
    let mut directory = core.views.load().directory.clone();
    let envelope_now = envelope(&wanted, &plans, &survey.lost);
    directory.apply(0, 0, &envelope_now).outcome.into_result()?;
    if !execute {
        return Ok(response(&core, &plans, &survey.lost, false));
    }
    check_order(&core, &wanted, &plans)?;
    tracing::warn!(groups = plans.len(), lost = ?survey.lost, "groups whose voters are lost are being recovered");
    halt(&core, &mut plans, &wanted.signed).await?;
    level(&core, &survey.reached, &mut plans).await?;
    close(&core, &survey.reached, &plans, &wanted.signed).await?;
    open(&core, &plans, &wanted.signed).await?;
    let begun = core.read_index(GroupId::DIRECTORY, BEGIN_MAX).await;
    begun
        .map_err(|e| not_ready(format!("the directory has not begun anew yet: {e}; ask again")))?;
    let said = envelope(&wanted, &plans, &survey.lost);
    let (index, _) = core.propose(GroupId::DIRECTORY, &said, BEGIN_MAX).await?;
    let position = Clock::from_iter([(core.origin(GroupId::DIRECTORY), index)]);
    let _heard_soon = core.views.covering(&position, STEP_MAX).await;
    Ok(response(&core, &plans, &survey.lost, true))
}

/// The voters that survive speak no more; the log of one of them is harvested, where nobody contradicts it.
async fn halt(core: &Core, plans: &mut [GroupPlan], signed: &Signed) -> Result<(), ServiceError> {
    let mut halts: BTreeMap<u64, Vec<RecoverGroup>> = BTreeMap::new();
    for plan in plans.iter().filter(|p| p.source != Source::Before) {
        let named = RecoverGroup { group: plan.group, ..RecoverGroup::default() };
        for survivor in
            plan.survivors.iter().filter(|n| plan.source == Source::Gossip || **n != plan.seed)
        {
            halts.entry(*survivor).or_default().push(named.clone());
        }
    }
    everywhere(core, RecoveryStep::Halt, halts, signed).await?;
    let mut harvests: BTreeMap<u64, Vec<RecoverGroup>> = BTreeMap::new();
    for plan in plans.iter().filter(|p| p.source == Source::Log) {
        let (position, digest) = plan.check.clone().unwrap_or_default();
        let (group, digest) = (plan.group, digest.into());
        let named = RecoverGroup { group, position, digest, ..RecoverGroup::default() };
        harvests.entry(plan.seed).or_default().push(named);
    }
    for (node, named) in harvests {
        let states = step(core, node, RecoveryStep::Harvest, named, signed).await;
        let states =
            states.map_err(|why| not_ready(format!("n{node} does not go along: {why}")))?;
        for state in states.iter().filter(|s| !s.refusal.is_empty()) {
            let Some(plan) = plans.iter_mut().find(|p| p.group == state.group) else { continue };
            if plan.check.is_none() {
                return Err(not_ready(format!("n{node} refuses: {}", state.refusal)));
            }
            tracing::warn!(group = plan.group, node, why = state.refusal, "its log does not count");
            (plan.seed, plan.base) = plan.otherwise;
            plan.source = Source::Gossip;
        }
    }
    Ok(())
}

/// Waits until all that answer have the same of each group: what the one has that begins it anew.
async fn level(
    core: &Core,
    reached: &BTreeSet<u64>,
    plans: &mut [GroupPlan],
) -> Result<(), ServiceError> {
    let end = core.platform.monotonic() + CATCH_UP_MAX;
    loop {
        let now = survey(core).await;
        if let Some(gone) = reached.difference(&now.reached).next() {
            return Err(not_ready(format!("n{gone} does not answer any more; ask again")));
        }
        let mut behind = None;
        for plan in plans.iter_mut() {
            let none = Said::new();
            let said = now.said.get(&plan.group).unwrap_or(&none);
            if plan.source != Source::Before {
                // Whoever has more than was known when the plan was made begins it.
                plan.base = said.get(&plan.seed).map_or(plan.base, |s| s.merged);
                if let Some((node, more)) = said.iter().find(|(_, s)| s.merged > plan.base) {
                    tracing::warn!(group = plan.group, node, merged = more.merged, "has more");
                    (plan.seed, plan.base, plan.source) = (*node, more.merged, Source::Gossip);
                }
            }
            let lags = |s: &RecoveryState| s.merged != plan.base || s.published != plan.base;
            let lagging = said.iter().find(|(node, s)| reached.contains(node) && lags(s));
            behind =
                lagging.map(|(node, s)| (plan.group, *node, s.published, plan.base)).or(behind);
        }
        let Some((group, node, at, base)) = behind else { return Ok(()) };
        if core.platform.monotonic() >= end {
            return Err(not_ready(format!(
                "n{node} has g{group} up to {at} and does not come to {base}: ask again, or stop that node if it is to count as lost"
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Where a group's generations end by a plan.
fn ended(core: &Core, plan: &GroupPlan) -> Vec<u64> {
    let view = core.views.load();
    let placement = view.directory.placement(GroupId(plan.group));
    let past = placement.map(|p| p.ended.clone()).unwrap_or_default();
    past.into_iter().chain([plan.base]).collect()
}

async fn close(
    core: &Core,
    reached: &BTreeSet<u64>,
    plans: &[GroupPlan],
    signed: &Signed,
) -> Result<(), ServiceError> {
    let named = |plan: &GroupPlan| RecoverGroup {
        group: plan.group,
        ended: ended(core, plan),
        seed: plan.seed,
        ..RecoverGroup::default()
    };
    let all: Vec<RecoverGroup> = plans.iter().map(named).collect();
    let of = reached.iter().map(|node| (*node, all.clone())).collect();
    everywhere(core, RecoveryStep::Close, of, signed).await
}

async fn open(core: &Core, plans: &[GroupPlan], signed: &Signed) -> Result<(), ServiceError> {
    let mut opens: BTreeMap<u64, Vec<RecoverGroup>> = BTreeMap::new();
    for plan in plans {
        let (group, ended) = (plan.group, ended(core, plan));
        let named = RecoverGroup { group, ended, ..RecoverGroup::default() };
        opens.entry(plan.seed).or_default().push(named);
    }
    everywhere(core, RecoveryStep::Open, opens, signed).await
}
