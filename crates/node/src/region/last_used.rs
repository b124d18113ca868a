//! When access keys and roles were used last: noted as calls come in, written at most once a minute for each.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use prost::Message as _;
use tidegate_model::{
    command::caller_kind,
    region::{LastUsed, RegionKey},
};
use tidegate_policy::UnixMillis;
use tidegate_service::Caller;

use super::accesses::Accesses;
use crate::core::Core;

/// How often what was noted is written.
const WRITE_EVERY: Duration = Duration::from_mins(1);
/// Keys and roles that are noted between two writes. Past it a use is not noted; the next one will be.
const NOTED_MAX: usize = 65_536;
/// Last uses in one write: small enough that a quarantine behind it does not wait.
const AT_ONCE: usize = 256;

#[derive(Debug)]
struct Use {
    account: u64,
    minute: u64,
    service: String,
}

/// What was used since it was written down last.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// By access key or role.
    cells: Mutex<BTreeMap<String, Use>>,
    /// Which services, by whom.
    pub(crate) accesses: Accesses,
}

/// `iam` of `/tidegate.iam.v1.IamService/CreateUser`.
fn service(path: &str) -> &str {
    path.strip_prefix("/tidegate.").and_then(|rest| rest.split('.').next()).unwrap_or("tidegate")
}

impl Uses {
    /// Notes a call of a caller who proved who he is.
    pub(crate) fn note(&self, caller: &Caller, path: &str, now: UnixMillis) {
        let reference = &caller.reference;
        if matches!(reference.kind, caller_kind::USER_SESSION | caller_kind::FEDERATED_SESSION) {
            // Last uses are those of access keys and roles; a key that lasts some hours is neither.
            return;
        }
        let session = reference.kind == caller_kind::SESSION;
        let cell = if session { &reference.id } else { &reference.access_key };
        let minute = now.0 / 60_000;
        let mut uses = self.cells.lock();
        let full = uses.len() >= NOTED_MAX;
        match uses.get_mut(cell) {
            Some(last) if last.minute >= minute => {}
            Some(last) => {
                last.minute = minute;
                service(path).clone_into(&mut last.service);
            }
            None if full => {}
            None => {
                let (account, service) = (reference.account, service(path).to_owned());
                uses.insert(cell.clone(), Use { account, minute, service });
            }
        }
    }

    fn take(&self) -> BTreeMap<String, Use> {
        core::mem::take(&mut *self.cells.lock())
    }
}

/// Writes what was noted, as long as the node lives. What was noted since the last write is lost when it is killed.
pub(crate) async fn run(core: Arc<Core>) {
    loop {
        tokio::time::sleep(WRITE_EVERY).await;
        let view = core.views.load();
        let write = |(cell, used): (String, Use)| {
            let known = view.region.last_used(used.account, &cell).map_or(0, |u| u.minute);
            let (minute, region) = (used.minute, core.region.to_string());
            let value = LastUsed { minute, region, service: used.service };
            // Only what moves the maximum up: another node may have told of a later use.
            let key = RegionKey::LastUsed(used.account, cell);
            (minute > known).then(|| (key, value.encode_to_vec().into()))
        };
        let mut writes: Vec<_> = core.uses.take().into_iter().filter_map(write).collect();
        writes.extend(core.uses.accesses.take(&view, &core.region.to_string()));
        for part in writes.chunks(AT_ONCE) {
            if let Err(error) = core.region_lane.append(part.to_vec()).await {
                tracing::warn!(%error, "last uses were not written down");
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_the_area_of_the_call() {
        assert_eq!(service("/tidegate.iam.v1.IamService/CreateUser"), "iam");
        assert_eq!(service("/tidegate.decision.v1.DecisionService/Authorize"), "decision");
        assert_eq!(service("/else"), "tidegate");
    }
}
