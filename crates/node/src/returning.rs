//! The return of a node that was evicted while it was away.
//!
//! What it has of the groups is too old to be merged with anything: others have forgotten what they deleted. But what nodes write - its own
//! quarantines, and perhaps those of a node that is lost - it may be the only one to have. So it hands that over first, then its store is
//! emptied, and it begins anew, under a fresh incarnation, from a whole state. A peer's word is enough to ask, and only the word of a quorum of
//! the directory to act.

use std::{sync::Arc, time::Duration};

use tidegate_model::{
    CallerRef, Envelope,
    command::caller_kind,
    membership::{Change, ReadmitNode},
};
use tidegate_proto::peer::v1::{ComeBackRequest, ComeBackResponse, NodeStanding, OriginPosition};
use tidegate_replica::{Clock, Frame, GroupId, Message, NodeId, Origin};
use tidegate_service::ServiceError;
use tidegate_store::{NodeStore, StoreError};
use tonic::Status;

use crate::{
    core::{Core, Standing},
    gossip::Input,
    machine::generations,
    peers::CallError,
};

/// Pause before a node asks again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long one call to a peer may take.
const CALL_MAX: Duration = Duration::from_secs(10);
/// How long a peer waits for its quorum, and for what it was handed to be in its view.
const ANSWER_MAX: Duration = Duration::from_secs(4);
/// Bytes of one frame that is handed over.
const FRAME_BYTES: usize = 256 << 10;
/// Frames of one call.
const FRAMES: usize = 8;

/// Why a node could not return yet. It tries again.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error("no peer that knows the directory answers")]
    Nobody,
    #[error("the peer does not answer")]
    Call(#[from] CallError),
    #[error("the store can't be read or written")]
    Store(#[from] StoreError),
    #[error("the peer has not all that was handed over")]
    Short,
    #[error("this node was taken out for good")]
    Removed,
}

/// Sees to this node's return where a peer says that it was evicted.
pub(crate) async fn run(core: Arc<Core>, store: NodeStore) {
    loop {
        core.peers.suspected().await;
        if let Err(error) = step(&core, &store).await {
            tracing::warn!(%error, "a peer says that this node was evicted");
        }
        if *core.standing.borrow() == Standing::Void {
            return;
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

fn request(core: &Core) -> ComeBackRequest {
    ComeBackRequest { node: core.me.0, learns: true, ..ComeBackRequest::default() }
}

async fn ask(
    core: &Core,
    of: NodeId,
    request: ComeBackRequest,
) -> Result<ComeBackResponse, CallError> {
    core.peers.call(of, CALL_MAX, |mut c| async move { c.come_back(request).await }).await
}

async fn step(core: &Core, store: &NodeStore) -> Result<(), NotYet> {
    let peers = core.peers.known();
    let answers = peers.iter().map(|peer| async { (*peer, ask(core, *peer, request(core)).await) });
    let answers = futures::future::join_all(answers).await;
    let answers = answers.into_iter().filter_map(|(peer, answer)| Some((peer, answer.ok()?)));
    // Voters that were lost and recovered without them know each other, and nothing of that.
    let mut known: Vec<_> =
        answers.filter(|(_, a)| a.standing() != NodeStanding::Unspecified).collect();
    let newest = known.iter().map(|(_, answer)| answer.generation).max();
    known.retain(|(_, answer)| Some(answer.generation) == newest);
    let mut done = Err(NotYet::Nobody);
    for (peer, answer) in known {
        done = match answer.standing() {
            NodeStanding::Unspecified => Err(NotYet::Nobody),
            NodeStanding::Member if has_too_much(core, store)? => {
                tracing::error!(
                    "this node has what was dropped when a group was recovered; it begins anew"
                );
                empty(core, store).await
            }
            NodeStanding::Member => Ok(()),
            NodeStanding::Removed => {
                core.standing.send_replace(Standing::Evicted);
                return Err(NotYet::Removed);
            }
            NodeStanding::Evicted => begin_anew(core, store, peer, &answer.positions).await,
        };
        if done.is_ok() {
            break;
        }
    }
    done
}

/// Whether this node has more of a generation than where the directory says that it ended: from a node that did not know that yet.
pub(crate) fn has_too_much(core: &Core, store: &NodeStore) -> Result<bool, StoreError> {
    let view = core.views.load();
    for placement in view.directory.placements() {
        let (past, _) = generations(GroupId(placement.group), &placement.ended);
        for (origin, end) in past {
            if store.position(origin)? > end {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

async fn empty(core: &Core, store: &NodeStore) -> Result<(), NotYet> {
    core.standing.send_replace(Standing::Evicted);
    store.condemn().await?;
    tracing::error!("this node's store is emptied, and it begins anew");
    core.standing.send_replace(Standing::Void);
    Ok(())
}

fn read(positions: &[OriginPosition]) -> Clock {
    positions.iter().filter_map(|p| Some((Origin::from_bytes(&p.origin)?, p.sequence))).collect()
}

/// What nodes wrote, of a clock.
fn of_nodes(clock: &Clock) -> Clock {
    clock.iter().filter(|(origin, _)| origin.group().is_none()).collect()
}

/// Frames of what nodes wrote, each behind what a peer has: some of them.
fn frames(store: &NodeStore, own: &Clock, has: &Clock) -> Result<Vec<bytes::Bytes>, StoreError> {
    let mut frames = Vec::new();
    for (origin, upto) in own.iter() {
        let mut after = has.get(origin);
        while after < upto && frames.len() < FRAMES {
            let page = store.page(origin, after, FRAME_BYTES)?;
            let frame = Frame {
                origin,
                after,
                upto: page.upto,
                records: page.records,
                trace: None,
                proof: None,
            };
            after = page.upto;
            frames.push(Message::Push { frame, hops: 1 }.encode());
        }
    }
    Ok(frames)
}

/// Hands over what nodes wrote, then lets the store be emptied; with an empty one it takes part again.
async fn begin_anew(
    core: &Core,
    store: &NodeStore,
    peer: NodeId,
    positions: &[OriginPosition],
) -> Result<(), NotYet> {
    if store.clock()?.is_empty() {
        let request = ComeBackRequest { readmit: true, ..request(core) };
        let answer = ask(core, peer, request).await?;
        tracing::warn!(standing = ?answer.standing(), "this node begins anew");
        return Ok(());
    }
    core.standing.send_replace(Standing::Evicted);
    tracing::error!(%peer, "this node was evicted while it was away; it hands over what it alone may have");
    // Whatever it was writing has come to its end then.
    core.region_lane.incarnation().await;
    let own = of_nodes(&store.clock()?);
    let mut has = read(positions);
    while !has.covers_clock(&own) {
        let frames = frames(store, &own, &has)?;
        let answer = ask(core, peer, ComeBackRequest { frames, ..request(core) }).await?;
        let has_now = read(&answer.positions);
        let moved = own.iter().any(|(origin, _)| has_now.get(origin) > has.get(origin));
        has.join(&has_now);
        if !moved {
            return Err(NotYet::Short);
        }
    }
    empty(core, store).await
}

fn unavailable(error: &ServiceError) -> Status {
    Status::unavailable(error.message.clone())
}

/// Answers a node that may have been evicted.
pub(crate) async fn answer(
    core: &Core,
    request: ComeBackRequest,
) -> Result<ComeBackResponse, Status> {
    let confirmed = core.read_index(GroupId::DIRECTORY, ANSWER_MAX).await;
    let confirmed = confirmed.map_err(|e| unavailable(&e))?;
    let view = core.views.covering(&confirmed, ANSWER_MAX).await;
    let view = view.ok_or_else(|| Status::unavailable("the directory has not arrived here"))?;
    let directory = &view.directory;
    let mut standing = match (directory.node(request.node), directory.departed(request.node)) {
        (Some(_), _) => NodeStanding::Member,
        (None, Some(gone)) if gone.may_return => NodeStanding::Evicted,
        (None, Some(_)) => NodeStanding::Removed,
        (None, None) => NodeStanding::Unspecified,
    };
    if standing == NodeStanding::Evicted {
        take(core, request.frames).await?;
        // Who speaks since a recovery of the directory, a node could not verify that learns it only from whom it knows: an older build.
        let first = Origin::Group { group: GroupId::DIRECTORY, generation: 0 };
        if request.readmit && (request.learns || core.origin(GroupId::DIRECTORY) == first) {
            readmit(core, request.node).await.map_err(|e| unavailable(&e))?;
            standing = NodeStanding::Member;
        }
    }
    let positions = of_nodes(&core.views.load().positions);
    let position = |(origin, sequence): (Origin, u64)| OriginPosition {
        origin: origin.to_bytes().to_vec().into(),
        sequence,
    };
    let positions = positions.iter().map(position).collect();
    let generation = match core.origin(GroupId::DIRECTORY) {
        Origin::Group { generation, .. } => generation,
        Origin::Node { .. } => 0,
    };
    Ok(ComeBackResponse { standing: standing.into(), positions, generation })
}

/// Takes what a node hands over, and waits until it is in the view: durable, and on its way to everybody.
async fn take(core: &Core, frames: Vec<bytes::Bytes>) -> Result<(), Status> {
    let mut reached = Clock::default();
    for bytes in frames {
        let frame = match Message::decode(bytes) {
            Ok(Message::Push { frame, .. }) if frame.origin.group().is_none() => frame,
            _ => return Err(Status::invalid_argument("what is handed over is none of a node's")),
        };
        reached.advance(frame.origin, frame.upto);
        core.gossip.tell_urgent(Input::HandedOver(frame)).await;
    }
    let _as_far_as_it_goes = core.views.covering(&reached, ANSWER_MAX).await;
    Ok(())
}

async fn readmit(core: &Core, node: u64) -> Result<(), ServiceError> {
    let envelope = Envelope {
        caller: Some(CallerRef { kind: caller_kind::NODE, ..CallerRef::default() }),
        command: Some(Change::Readmit(ReadmitNode { node }).into()),
        ..Envelope::default()
    };
    let (index, _) = core.propose(GroupId::DIRECTORY, &envelope, ANSWER_MAX).await?;
    let position = Clock::from_iter([(core.origin(GroupId::DIRECTORY), index)]);
    let _heard_soon = core.views.covering(&position, ANSWER_MAX).await;
    Ok(())
}
