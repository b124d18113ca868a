//! Propagation over gRPC.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures::{Stream, StreamExt};
use tidegate_proto::propagation::v1::{
    Arrival, Finished, GetReplicationStatusRequest, GetReplicationStatusResponse, GroupStatus,
    NodeStatus, Scope as WireScope, WaitForPropagationRequest, WaitForPropagationResponse,
    WatchPropagationRequest, WatchPropagationResponse,
    propagation_service_server::PropagationService, scope::Scope as Kind,
    wait_for_propagation_response::Event,
};
use tidegate_replica::{
    Clock, Coverage, Dot, GroupId, NodeId, PropagationEvent, RegionName, Scope,
};
use tidegate_service::{Caller, Reason, ServiceError, Token, check};
use tokio::sync::{broadcast::error::RecvError, oneshot};
use tonic::{Request, Response, Status};

use super::{status::refuse, wire};
use crate::{core::Core, gossip::Input};

/// How often coverage is looked at without an event: arrivals that this node hears of through digests raise none.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long the gossip may take for an answer when nothing may wait any more.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// How often the caller of a silent watch is looked at again.
const RECHECK_EVERY: Duration = Duration::from_secs(1);

/// Serves propagation.
#[derive(Clone, Debug)]
pub(crate) struct PropagationHandler(pub(crate) Arc<Core>);

fn scope(scope: Option<WireScope>) -> Result<Scope, Status> {
    Ok(match scope.and_then(|s| s.scope) {
        None | Some(Kind::QuorumOfEachRegion(false)) => Scope::All,
        Some(Kind::QuorumOfEachRegion(true)) => Scope::QuorumOfEachRegion,
        Some(Kind::Region(region)) => Scope::Region(
            RegionName::new(&region)
                .map_err(|e| refuse(ServiceError::new(Reason::ValidationError, e.to_string())))?,
        ),
        Some(Kind::Nodes(nodes)) => Scope::Nodes(nodes.nodes.into_iter().map(NodeId).collect()),
    })
}

/// Asks the gossip, for `patience` at most.
async fn ask<T>(
    core: &Core,
    patience: Duration,
    question: impl FnOnce(oneshot::Sender<T>) -> Input,
) -> Result<T, Status> {
    let (reply, answer) = oneshot::channel();
    let asked = async {
        core.gossip.tell(question(reply)).await;
        answer.await
    };
    match tokio::time::timeout(patience, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_gone)) => {
            Err(refuse(ServiceError::new(Reason::Internal, "the gossip of this node has stopped")))
        }
        Err(_late) => Err(refuse(ServiceError::new(
            Reason::Overloaded,
            "the gossip of this node does not answer in time",
        ))),
    }
}

/// Who may still watch, and how: whoever loses the right loses the stream. `None`: everything; else only this group.
fn watching(core: &Core, caller: &Caller) -> Result<Option<GroupId>, Status> {
    let view = core.views.load();
    let caller = wire::still(core, &view, caller)?;
    check(&caller, "tidegate:WatchPropagation", "*").map_err(refuse)?;
    let operator = view.directory.cluster().is_some_and(|c| c.operator == caller.account.as_u64());
    Ok((!operator).then_some(caller.group))
}

fn arrival(event: &PropagationEvent) -> Arrival {
    Arrival {
        node: event.node.to_string(),
        region: event.region.to_string(),
        upper_bound: Some(wire::duration(event.upper)),
        estimate: Some(wire::duration(event.estimate)),
    }
}

/// What following a change yields.
#[derive(Debug)]
pub(super) enum Progress {
    /// One more node decides on it.
    Arrival(Arrival),
    /// The end: nothing follows.
    Finished(Finished),
}

/// Each node of `scope` as it comes to decide on `positions`, until all do or `patience` is over.
pub(super) fn follow(
    core: Arc<Core>,
    positions: Clock,
    scope: Scope,
    patience: Duration,
) -> impl Stream<Item = Result<Progress, Status>> + Send {
    let nodes = core.views.load();
    let regions: BTreeMap<u64, String> =
        nodes.directory.nodes().map(|n| (n.id, n.region.clone())).collect();
    let mut events = core.gossip.events.subscribe();
    let dots: BTreeSet<Dot> =
        positions.iter().map(|(origin, sequence)| Dot { origin, sequence }).collect();
    let end = core.platform.monotonic() + patience;
    async_stream::try_stream! {
        let mut told: BTreeSet<NodeId> = BTreeSet::new();
        for happened in core.gossip.remembered(&dots) {
            if told.insert(happened.node) {
                yield Progress::Arrival(arrival(&happened));
            }
        }
        loop {
            // The gossip gets a moment beyond the end, to say what is missing.
            let left = end.saturating_sub(core.platform.monotonic()) + ANSWER_MAX;
            let now: Coverage = ask(&core, left, |reply| {
                Input::Coverage { positions: positions.clone(), scope: scope.clone(), reply }
            })
            .await?;
            // Events of what is covered were sent before the answer: they say more, so they are told first.
            while let Ok(happened) = events.try_recv() {
                if dots.contains(&happened.dot) && told.insert(happened.node) {
                    yield Progress::Arrival(arrival(&happened));
                }
            }
            for node in &now.reached {
                if told.insert(*node) {
                    let region = regions.get(&node.0).cloned().unwrap_or_default();
                    yield Progress::Arrival(Arrival { node: node.to_string(), region, upper_bound: None, estimate: None });
                }
            }
            if now.covered || core.platform.monotonic() >= end {
                let names = |nodes: &[NodeId]| nodes.iter().map(ToString::to_string).collect();
                yield Progress::Finished(Finished { covered: now.covered, reached: names(&now.reached), missing: names(&now.missing) });
                return;
            }
            let left = end.saturating_sub(core.platform.monotonic()).min(LOOK_EVERY);
            if let Ok(Ok(happened)) = tokio::time::timeout(left, events.recv()).await
                && dots.contains(&happened.dot)
                && told.insert(happened.node)
            {
                yield Progress::Arrival(arrival(&happened));
            }
        }
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl PropagationService for PropagationHandler {
    type WaitForPropagationStream = Answers<WaitForPropagationResponse>;

    async fn wait_for_propagation(
        &self,
        request: Request<WaitForPropagationRequest>,
    ) -> Result<Response<Self::WaitForPropagationStream>, Status> {
        let caller = wire::caller(&request)?;
        check(&caller, "tidegate:WaitForPropagation", "*").map_err(refuse)?;
        let request = request.into_inner();
        let core = Arc::clone(&self.0);
        let present = core.views.load();
        let positions =
            Token::read_in(&core.cluster_key, &present, &request.token).map_err(refuse)?.positions;
        let scope = scope(request.scope)?;
        let asked = request.timeout.as_ref().map(wire::read_duration).transpose()?;
        let patience = asked.unwrap_or(core.config.wait_max()).min(core.config.wait_max());
        let answers = follow(core, positions, scope, patience).map(|progress| {
            let event = match progress? {
                Progress::Arrival(arrival) => Event::Arrival(arrival),
                Progress::Finished(finished) => Event::Finished(finished),
            };
            Ok(WaitForPropagationResponse { event: Some(event) })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    type WatchPropagationStream = Answers<WatchPropagationResponse>;

    async fn watch_propagation(
        &self,
        request: Request<WatchPropagationRequest>,
    ) -> Result<Response<Self::WatchPropagationStream>, Status> {
        let caller = wire::caller(&request)?;
        check(&caller, "tidegate:WatchPropagation", "*").map_err(refuse)?;
        let core = Arc::clone(&self.0);
        let mut events = core.gossip.events.subscribe();
        let answers = async_stream::try_stream! {
            let mut skipped = 0;
            loop {
                let next = tokio::time::timeout(RECHECK_EVERY, events.recv()).await;
                let only = watching(&core, &caller)?;
                let Ok(next) = next else { continue };
                match next {
                    // What nodes write has receipts of its own.
                    Ok(happened) if happened.dot.origin.group().is_none() => {}
                    // Other accounts' changes are none of his business.
                    Ok(happened) if only.is_some_and(|g| happened.dot.origin.group() != Some(g)) => {}
                    Ok(happened) => {
                        let group = happened.dot.origin.group().map_or(0, |g| g.0);
                        let revision = happened.dot.sequence;
                        yield WatchPropagationResponse { group, revision, arrival: Some(arrival(&happened)), skipped };
                        skipped = 0;
                    }
                    Err(RecvError::Lagged(n)) => skipped += n,
                    Err(RecvError::Closed) => return,
                }
            }
        };
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_replication_status(
        &self,
        request: Request<GetReplicationStatusRequest>,
    ) -> Result<Response<GetReplicationStatusResponse>, Status> {
        let caller = wire::caller(&request)?;
        check(&caller, "tidegate:GetReplicationStatus", "*").map_err(refuse)?;
        let core = &self.0;
        let status = ask(core, core.patience(), Input::Status).await?;
        let view = core.views.load();
        let now = core.platform.monotonic();
        let group = |p: &tidegate_model::record::Placement| {
            let id = GroupId(p.group);
            let leader =
                core.group(id).and_then(|g| g.leader()).map(|l| l.to_string()).unwrap_or_default();
            // Both of one moment: a digest says nothing without its position.
            let (published, digest) = core.digests.published(id).unwrap_or_default();
            GroupStatus {
                group: p.group,
                region: p.region.clone(),
                leader,
                published,
                staleness_bound: core.gossip.staleness(now, &[id]).map(wire::duration),
                digest: bytes::Bytes::copy_from_slice(&digest),
            }
        };
        let positions =
            |clock: &Clock| clock.iter().filter_map(|(o, n)| o.group().map(|g| (g.0, n))).collect();
        let regions: BTreeMap<u64, String> =
            view.directory.nodes().map(|n| (n.id, n.region.clone())).collect();
        let nodes = status.peers.iter().map(|p| NodeStatus {
            node: p.node.to_string(),
            region: regions.get(&p.node.0).cloned().unwrap_or_default(),
            alive: p.alive,
            published: positions(if p.node == core.me { &status.published } else { &p.published }),
            round_trip: p.rtt.map(wire::duration),
        });
        Ok(Response::new(GetReplicationStatusResponse {
            node: core.me.to_string(),
            region: core.region.to_string(),
            groups: view.directory.placements().map(group).collect(),
            nodes: nodes.collect(),
        }))
    }
}
