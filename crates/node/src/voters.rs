//! Changes of voters: the leader of each group brings it to what the directory says.
//!
//! The directory names who shall vote, and who leaves. Until the change is settled both may speak in the group. Who is new learns
//! first; then the voters change by joint consensus; then the leader says in the directory that it is done. Who left goes on learning
//! until it knows that, and takes the group from gossip from then on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tidegate_consensus::{Group, MembershipError};
use tidegate_model::{
    Command, Envelope,
    command::{CallerRef, VotersChanged, caller_kind},
    record::Placement,
};
use tidegate_replica::{GroupId, NodeId};
use tokio::sync::oneshot;

use crate::{core::Core, gossip::Input};

/// How often each leader looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long one step may take before the leader looks again.
const STEP_MAX: Duration = Duration::from_secs(10);

/// Carries out changes of voters, as long as the node lives.
pub(crate) async fn run(core: Arc<Core>) {
    // Of each group the last change that was seen settled, and the position of the directory when it was seen first.
    let mut settled = BTreeMap::new();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        step(&core, &mut settled).await;
    }
}

async fn step(core: &Core, settled: &mut BTreeMap<u32, (u64, u64)>) {
    let view = core.views.load();
    let directory = view.positions.get(core.origin(GroupId::DIRECTORY));
    for placement in view.directory.placements() {
        let Some(group) = core.group(GroupId(placement.group)).filter(Group::is_leading) else {
            continue;
        };
        let done = if placement.changes == placement.settled {
            let last = settled.entry(placement.group).or_insert((placement.changes, directory));
            if last.0 != placement.changes {
                *last = (placement.changes, directory);
            }
            forget(core, &group, placement, last.1).await
        } else {
            change(core, &group, placement).await
        };
        if let Err(error) = done {
            tracing::info!(group = placement.group, %error, "a change of voters goes on");
        }
    }
}

async fn change(core: &Core, group: &Group, placement: &Placement) -> Result<(), MembershipError> {
    let wanted: BTreeSet<NodeId> = placement.voters.iter().map(|v| NodeId(*v)).collect();
    let heir = group.status().voters.into_iter().find(|v| wanted.contains(v));
    if !wanted.contains(&core.me)
        && let Some(heir) = heir
    {
        // Whoever stays leads the change, so that nobody commits what it does not count for.
        let handed = group.transfer_leader(heir).await;
        return handed.map_err(|e| MembershipError::Refused(e.to_string()));
    }
    if !group.change_voters(&wanted, STEP_MAX).await? {
        tracing::info!(group = %group.id(), ?wanted, "the voters are changed");
    }
    let caller = CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() };
    let done = VotersChanged { group: placement.group, change: placement.changes };
    let envelope = Envelope {
        caller: Some(caller),
        command: Some(Command::VotersChanged(done)),
        ..Envelope::default()
    };
    let told = core.propose(GroupId::DIRECTORY, &envelope, STEP_MAX).await;
    told.map(drop).map_err(|e| MembershipError::Refused(e.to_string()))
}

/// Stops feeding those who left. They hear of everything by gossip; but of the directory's own voters only from the directory, so that
/// they are fed until they have heard that they left.
async fn forget(
    core: &Core,
    group: &Group,
    placement: &Placement,
    settled: u64,
) -> Result<(), MembershipError> {
    let mut left = group.learners();
    left.retain(|node| !placement.voters.contains(&node.0));
    if left.is_empty() {
        return Ok(());
    }
    if group.id() == GroupId::DIRECTORY {
        let (reply, status) = oneshot::channel();
        core.gossip.tell(Input::Status(reply)).await;
        let Ok(status) = status.await else { return Ok(()) };
        let knows = |node: &NodeId| {
            let peer = status.peers.iter().find(|p| p.node == *node);
            // Who is no member any more is not waited for.
            peer.is_none_or(|p| p.published.get(core.origin(GroupId::DIRECTORY)) >= settled)
        };
        left.retain(knows);
    }
    if left.is_empty() { Ok(()) } else { group.forget_learners(&left, STEP_MAX).await }
}
