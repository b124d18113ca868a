//! Leaders take what nodes wrote about an account into its group's own order: from there on its writes are refused at apply, too.

use std::{sync::Arc, time::Duration};

use tidegate_model::{CallerRef, Command, Envelope, command::caller_kind};
use tidegate_policy::AccountId;

use crate::core::Core;

/// How often a leader looks, beside every change of its view.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long it rests between two looks: a view that changes all the time is not looked through each time.
const PAUSE: Duration = Duration::from_millis(20);
/// How long one import may take.
const STEP_MAX: Duration = Duration::from_secs(5);
/// Quarantines of one import: far below what an entry may hold.
const AT_ONCE: usize = 50;

/// Imports, as long as the node lives.
pub(crate) async fn run(core: Arc<Core>) {
    let mut changes = core.views.changes();
    loop {
        let imports = commands(&core);
        let proposed = imports.iter().map(|envelope| propose(&core, envelope));
        futures::future::join_all(proposed).await;
        if imports.is_empty() {
            let _woken = tokio::time::timeout(LOOK_EVERY, changes.changed()).await.is_ok();
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One import for each account of which something is missing, in the groups that this node leads.
fn commands(core: &Core) -> Vec<Envelope> {
    let view = core.views.load();
    let now = core.platform.wall().0;
    let import = |number: u64| {
        let account = AccountId::from_u64(number).ok()?;
        let leads = core.group(view.group_of(account).ok()?).is_some_and(|g| g.is_leading());
        let state = leads.then(|| view.account(account).ok()).flatten()?;
        let command = Command::ImportRegion(state.to_import(&view.region, now, AT_ONCE)?);
        let system = CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() };
        Some(Envelope {
            account: number,
            caller: Some(system),
            command: Some(command),
            ..Envelope::default()
        })
    };
    view.region.accounts().into_iter().filter_map(import).collect()
}

/// Proposes an import at this node alone, and waits until its view has it: else the same would be proposed again.
async fn propose(core: &Core, envelope: &Envelope) {
    let imported = async {
        let account = AccountId::from_u64(envelope.account).ok()?;
        let group = core.views.load().group_of(account).ok()?;
        let (index, _) = core.propose_here(group, envelope.to_bytes(), STEP_MAX).await.ok()?;
        let positions = [(core.origin(group), index)].into_iter().collect();
        core.views.covering(&positions, STEP_MAX).await
    };
    if imported.await.is_none() {
        tracing::debug!(account = envelope.account, "an import has to be tried again");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
