//! Nodes that are drained or leave, and leaders that are asked to hand over.
//!
//! A node that is drained hands over what it leads, as often as it leads again, and its health sends clients elsewhere. One that leaves does
//! the same while another takes its votes; once it votes in nothing it takes nothing more from anybody, so that what it wrote itself comes to
//! an end; and whoever leads the directory takes it out when all of that has arrived.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tidegate_model::{
    CallerRef, Command, Envelope,
    command::{RemoveNode, caller_kind},
    record::{Placement, node_state},
};
use tidegate_proto::peer::v1::TransferLeaderRequest;
use tidegate_replica::{Clock, GroupId, NodeId, Origin};
use tidegate_service::{Reason, ServiceError, View};
use tokio::sync::oneshot;

use crate::{
    core::{Core, Standing},
    gossip::{Input, Status},
};

/// How often a node looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long one step may take before the node looks again.
const STEP_MAX: Duration = Duration::from_secs(5);
/// How long a hand-over may take until the other leads: some elections.
const HAND_OVER_MAX: Duration = Duration::from_secs(3);
/// Pause between two looks at who leads.
const HAND_OVER_LOOK: Duration = Duration::from_millis(20);

/// What was seen of a node that leaves when it voted in nothing for the first time, and what it had written then.
type Leaving = BTreeMap<u64, (u64, Clock)>;

/// Sees to nodes that are drained or leave, as long as this one lives.
pub(crate) async fn run(core: Arc<Core>) {
    let mut leaving = Leaving::new();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let view = core.views.load();
        let state = view.directory.node(core.me.0).map_or(node_state::ACTIVE, |n| n.state);
        let leads = core.group(GroupId::DIRECTORY).is_some_and(|group| group.is_leading());
        let left = view.directory.departed(core.me.0).is_some_and(|gone| !gone.may_return);
        stand(&core, left || (state == node_state::LEAVING && !speaks(&view, core.me.0)));
        let departing = view.directory.nodes().any(|n| n.state == node_state::LEAVING);
        if state == node_state::ACTIVE && !(leads && departing) {
            continue;
        }
        let (reply, status) = oneshot::channel();
        core.gossip.tell(Input::Status(reply)).await;
        let Ok(status) = status.await else { return };
        if state != node_state::ACTIVE {
            hand_over(&core, &view, &status).await;
        }
        if leads {
            take_out(&core, &view, &status, &mut leaving).await;
        }
    }
}

fn speaks(view: &View, node: u64) -> bool {
    view.directory.placements().any(|p| p.speakers().any(|n| n == node))
}

/// Takes part, or no more. Who was evicted stays so.
fn stand(core: &Core, leaves: bool) {
    let standing = if leaves { Standing::Leaving } else { Standing::Serving };
    core.standing.send_if_modified(|now| {
        let changes = matches!(now, Standing::Serving | Standing::Leaving) && *now != standing;
        if changes {
            tracing::warn!(?standing, "this node takes part otherwise");
            *now = standing;
        }
        changes
    });
}

/// Another voter of a group that takes part and is heard, another one for each group where there are several.
fn heir(view: &View, status: &Status, placement: &Placement, me: NodeId) -> Option<NodeId> {
    let apt = |n: &u64| {
        let active = view.directory.node(*n).is_some_and(|n| n.state == node_state::ACTIVE);
        let heard = status.peers.iter().any(|peer| peer.node.0 == *n && peer.alive);
        *n != me.0 && active && heard
    };
    let apt: Vec<u64> = placement.voters.iter().copied().filter(apt).collect();
    let place = usize::try_from(placement.group).ok()?.checked_rem(apt.len())?;
    apt.get(place).copied().map(NodeId)
}

/// Hands over what this node leads.
async fn hand_over(core: &Core, view: &View, status: &Status) {
    for placement in view.directory.placements() {
        let group = GroupId(placement.group);
        if !core.group(group).is_some_and(|group| group.is_leading()) {
            continue;
        }
        let Some(heir) = heir(view, status, placement, core.me) else { continue };
        match core.transfer_leader_here(group, heir).await {
            Ok(leader) => tracing::info!(%group, ?leader, "a group is handed over"),
            Err(error) => tracing::info!(%group, %heir, error, "a group is not handed over yet"),
        }
    }
}

/// Takes out those who leave, vote in nothing, know it, and have handed over what they wrote.
async fn take_out(core: &Core, view: &View, status: &Status, leaving: &mut Leaving) {
    let directory = view.positions.get(core.origin(GroupId::DIRECTORY));
    let gone = view.directory.nodes().filter(|n| n.state == node_state::LEAVING);
    let gone: Vec<u64> = gone.map(|n| n.id).filter(|n| !speaks(view, *n)).collect();
    leaving.retain(|node, _| gone.contains(node));
    for node in gone {
        let Some(peer) = status.peers.iter().find(|peer| peer.node.0 == node) else { continue };
        let own = |(o, _): &(Origin, u64)| matches!(o, Origin::Node { node: n, .. } if n.0 == node);
        let written: Clock = peer.published.iter().filter(own).collect();
        let (known_at, before) =
            leaving.entry(node).or_insert_with(|| (directory, Clock::default()));
        let knows = peer.published.get(core.origin(GroupId::DIRECTORY)) >= *known_at;
        // What it had begun to write when it learned of it has come to its end by the next look.
        let ended = core::mem::replace(before, written.clone()) == written;
        if !(knows && ended && view.positions.covers_clock(&written)) {
            continue;
        }
        let envelope = Envelope {
            caller: Some(CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() }),
            command: Some(Command::RemoveNode(RemoveNode { node })),
            ..Envelope::default()
        };
        match core.propose(GroupId::DIRECTORY, &envelope, STEP_MAX).await {
            Ok(_) => tracing::info!(node, "a node has left"),
            Err(error) => tracing::info!(node, %error, "a node could not leave yet"),
        }
    }
}

impl Core {
    /// Leading a group, hands it to another voter, and gives who leads it after a while. Where this node does not lead it, it says who does.
    ///
    /// # Errors
    /// A sentence for people.
    pub(crate) async fn transfer_leader_here(
        &self,
        group: GroupId,
        to: NodeId,
    ) -> Result<Option<NodeId>, String> {
        let Some(handle) = self.group(group) else { return Ok(None) };
        if !handle.is_leading() || to == self.me {
            return Ok(handle.leader());
        }
        if !handle.status().voters.contains(&to) {
            return Err(format!("{to} does not vote in {group}"));
        }
        handle.transfer_leader(to).await.map_err(|e| e.to_string())?;
        let handed = async {
            while handle.leader().is_none_or(|leader| leader == self.me) {
                tokio::time::sleep(HAND_OVER_LOOK).await;
            }
        };
        let _in_time = tokio::time::timeout(HAND_OVER_MAX, handed).await.is_ok();
        Ok(handle.leader())
    }

    /// Lets another voter lead a group, wherever its leader is.
    pub(crate) async fn transfer_leader(
        &self,
        group: GroupId,
        to: NodeId,
        patience: Duration,
    ) -> Result<(), ServiceError> {
        let end = self.platform.monotonic() + patience;
        while self.platform.monotonic() < end {
            for node in self.candidates(group) {
                let left = end.saturating_sub(self.platform.monotonic()).min(STEP_MAX);
                let answer = if node == self.me {
                    self.transfer_leader_here(group, to).await
                } else {
                    let request = TransferLeaderRequest { group: group.0, to: to.0 };
                    let answer = self
                        .peers
                        .call(node, left, |mut c| async move { c.transfer_leader(request).await });
                    match answer.await {
                        Ok(answer) if !answer.refusal.is_empty() => Err(answer.refusal),
                        Ok(answer) => Ok((answer.leader != 0).then_some(NodeId(answer.leader))),
                        Err(_) => continue,
                    }
                };
                match answer {
                    Ok(Some(leader)) if leader == to => {
                        self.leaders.write().insert(group, leader);
                        return Ok(());
                    }
                    Ok(_) => {}
                    Err(why) => return Err(ServiceError::new(Reason::ValidationError, why)),
                }
            }
            tokio::time::sleep(HAND_OVER_LOOK).await;
        }
        let message = format!("{to} does not lead {group} yet: look again, or ask again");
        Err(ServiceError::new(Reason::NoQuorum, message))
    }
}
