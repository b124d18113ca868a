//! Makes this node's signing key known to the cluster.

use super::{Arc, Bytes, Core, Duration};

use tidegate_model::{
    Command, Envelope,
    command::{CallerRef, caller_kind},
    membership::AddSigningKey,
};
use tidegate_replica::GroupId;

/// How often a key that is not known yet is named again.
const AGAIN: Duration = Duration::from_millis(500);
/// How long one try may take.
const STEP_MAX: Duration = Duration::from_secs(5);

/// Names the key of this node in the directory, until it stands there.
pub(crate) async fn run(core: Arc<Core>) {
    let mut changes = core.views.changes();
    loop {
        let view = core.views.load();
        if core.vouching.is_known(&view) {
            core.vouching.key.is_known_now();
            tracing::info!("the signing key of this node is known");
            return;
        }
        if view.directory.nodes().any(|n| n.id == core.me.0) {
            let public = Bytes::copy_from_slice(&core.vouching.key.public());
            let command = AddSigningKey { node: core.me.0, public };
            let envelope = Envelope {
                caller: Some(CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() }),
                command: Some(Command::AddSigningKey(command)),
                ..Envelope::default()
            };
            // What was proposed may have taken effect though its outcome is still on its way.
            let tried = async {
                if let Err(error) = core.propose(GroupId::DIRECTORY, &envelope, STEP_MAX).await {
                    tracing::debug!(%error, "the signing key is not known yet");
                }
                tokio::time::sleep(AGAIN).await;
            };
            tokio::select! {
                biased;
                () = known(&core) => {}
                () = tried => {}
            }
        } else if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Waits until the directory names the key.
async fn known(core: &Core) {
    let mut changes = core.views.changes();
    while !core.vouching.is_known(&core.views.load()) && changes.changed().await.is_ok() {}
}

/// Waits, as long as the present call may, until this node can sign the sessions that it is about to begin. A cluster in which nobody signs
/// yet is not waited for.
pub(crate) async fn settled(core: &Core) {
    let key = &core.vouching.key;
    if key.is_known() || !core.views.load().directory.has_signing_keys() {
        return;
    }
    if tokio::time::timeout(core.patience(), known(core)).await.is_ok() {
        key.is_known_now();
    }
}
