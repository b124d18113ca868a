//! Rolling upgrades: each node announces which apply versions it knows, and whoever leads a group raises it once every voter knows the next.

use std::{sync::Arc, time::Duration};

use tidegate_model::{
    CallerRef, Command, Envelope,
    command::{AnnounceNode, RaiseVersion, caller_kind},
    record::Node,
    version::SEALING_KEYS,
};
use tidegate_replica::GroupId;
use tidegate_service::{ServiceError, View};

use crate::core::Core;

/// How often a node looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long one step may take before the node looks again.
const STEP_MAX: Duration = Duration::from_secs(5);

/// The version that a group is applied by, in a view.
pub(crate) fn version_of(view: &View, group: GroupId) -> u32 {
    if group == GroupId::DIRECTORY {
        return view.directory.version();
    }
    view.groups.get(&group.0).map_or(1, tidegate_model::GroupState::version)
}

/// A group that is applied by a version that this build, or its setting, does not know.
pub(crate) fn beyond(view: &View, max: u32) -> Option<(GroupId, u32)> {
    let groups = core::iter::once(0).chain(view.groups.keys().copied()).map(GroupId);
    groups.map(|group| (group, version_of(view, group))).find(|(_, version)| *version > max)
}

/// Announces and raises, as long as the node lives.
pub(crate) async fn run(core: Arc<Core>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let view = core.views.load();
        if let Err(error) = step(&core, &view).await {
            tracing::debug!(%error, "apply versions are looked at again");
        }
    }
}

async fn propose(
    core: &Core,
    group: GroupId,
    kind: u32,
    command: Command,
) -> Result<(), ServiceError> {
    let envelope = Envelope {
        caller: Some(CallerRef { kind, ..CallerRef::default() }),
        command: Some(command),
        ..Envelope::default()
    };
    core.propose(group, &envelope, STEP_MAX).await.map(drop)
}

async fn step(core: &Core, view: &View) -> Result<(), ServiceError> {
    let max = core.config.raft.apply_version_max;
    let keys = || core.cluster_key.sealing_keys();
    let names_keys = view.directory.version() >= SEALING_KEYS;
    let is_news = |node: &Node| {
        let others = names_keys && !node.sealing_keys.iter().copied().eq(keys());
        node.apply_version_max != max || others
    };
    if view.directory.node(core.me.0).is_some_and(is_news) {
        let announce = AnnounceNode {
            node: core.me.0,
            apply_version_max: max,
            sealing_keys: keys().collect(),
        };
        propose(core, GroupId::DIRECTORY, caller_kind::NODE, Command::AnnounceNode(announce))
            .await?;
    }
    for placement in view.directory.placements() {
        let group = GroupId(placement.group);
        if !core.group(group).is_some_and(|handle| handle.is_leading()) {
            continue;
        }
        let next = version_of(view, group) + 1;
        let knows = |n: u64| view.directory.node(n).is_some_and(|n| n.apply_version_max >= next);
        if next <= max && placement.speakers().all(knows) {
            let raise = Command::RaiseVersion(RaiseVersion { version: next });
            propose(core, group, caller_kind::SYSTEM, raise).await?;
            tracing::info!(%group, version = next, "every voter knows it: the group is applied by it from now on");
        }
    }
    Ok(())
}
