//! Which services and actions users and roles used last: noted as calls and decisions come in, written a while later.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use prost::Message as _;
use tidegate_model::region::{LastUsed, RegionKey, access_cell};
use tidegate_policy::{Principal, UnixMillis, catalogue};
use tidegate_service::View;

/// What is noted between two writes. Past it a use is not noted; the next one will be.
const NOTED_MAX: usize = 65_536;
/// A later use is written down once it is this much later, in minutes: a report says days, and every write goes to every node.
const WRITE_AFTER_MINUTES: u64 = 15;

/// What one entity used: by `service` or `service:Action`, the minute.
#[derive(Debug, Default)]
struct Used {
    account: u64,
    /// Whether it is the root user, who has no id of its own.
    root: bool,
    minutes: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Noted {
    /// How much is noted in all.
    count: usize,
    /// By unique id; the root user by its account.
    entities: BTreeMap<Arc<str>, Used>,
}

/// What was used since it was written down last.
#[derive(Debug, Default)]
pub(crate) struct Accesses(Mutex<Noted>);

/// The service and action of a gRPC call: those of IAM and STS are AWS's, all others are of Tidegate itself.
pub(crate) fn of_path(path: &str) -> (&'static str, &str) {
    let action = path.rsplit('/').next().unwrap_or_default();
    let service = match path.strip_prefix("/tidegate.").and_then(|rest| rest.split('.').next()) {
        Some("iam") => "iam",
        Some("sts") => "sts",
        _ => "tidegate",
    };
    (service, action)
}

impl Accesses {
    /// Notes that a principal tried to use a service, or one action of it (`service:Action`).
    pub(crate) fn note(&self, principal: &Principal, what: &str, now: UnixMillis) {
        let Some(account) = principal.account else { return };
        let minute = now.0 / 60_000;
        let mut noted = self.0.lock();
        let noted = &mut *noted;
        let full = noted.count >= NOTED_MAX;
        let root = principal.entity_id.is_empty();
        let id = if root { account.as_str() } else { &*principal.entity_id };
        let used = match noted.entities.get_mut(id) {
            Some(used) => used,
            None if full => return,
            None => {
                let used = Used { account: account.as_u64(), root, ..Used::default() };
                noted.entities.entry(id.into()).or_insert(used)
            }
        };
        match used.minutes.get_mut(what) {
            Some(last) => *last = minute.max(*last),
            None if full => {}
            None => {
                used.minutes.insert(what.to_owned(), minute);
                noted.count += 1;
            }
        }
    }

    /// Notes a call of a caller: the service, and the action of it.
    pub(crate) fn note_call(
        &self,
        principal: &Principal,
        service: &str,
        action: &str,
        now: UnixMillis,
    ) {
        self.note(principal, service, now);
        self.note(principal, &format!("{service}:{action}"), now);
    }

    /// Takes what was noted and is worth a record: what is known to the catalogue, and moves the known minute up by enough.
    pub(crate) fn take(&self, view: &View, region: &str) -> Vec<(RegionKey, bytes::Bytes)> {
        let noted = core::mem::take(&mut *self.0.lock());
        let mut writes = Vec::new();
        for (id, used) in noted.entities {
            let entity = if used.root { "" } else { &*id };
            for (what, minute) in used.minutes {
                let (service, action) = match what.split_once(':') {
                    Some((service, action)) => (service, Some(action)),
                    None => (what.as_str(), None),
                };
                if catalogue::service(service).is_none() {
                    continue;
                }
                let cell = access_cell(entity, service, action);
                let known = view.region.last_used(used.account, &cell).map_or(0, |u| u.minute);
                if minute < known.saturating_add(WRITE_AFTER_MINUTES) {
                    continue;
                }
                let value =
                    LastUsed { minute, region: region.to_owned(), service: service.to_owned() };
                let key = RegionKey::LastUsed(used.account, cell);
                writes.push((key, value.encode_to_vec().into()));
            }
        }
        writes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_written_once_in_a_while_and_only_of_known_services() {
        let (accesses, view) = (Accesses::default(), View::default());
        let account: tidegate_policy::AccountId = "123456789012".parse().unwrap();
        let ada = Principal::user(account, "/", "ada", "AIDA1");
        let now = UnixMillis(600_000_000);
        accesses.note_call(&ada, "iam", "CreateUser", now);
        accesses.note(&ada, "s3", now);
        accesses.note(&ada, "no-such-service", now);
        accesses.note(&Principal::anonymous(), "s3", now);
        accesses.note(&Principal::root(account), "sts", now);
        let keys: Vec<RegionKey> =
            accesses.take(&view, "eu").into_iter().map(|(key, _)| key).collect();
        let cell = |cell: &str| RegionKey::LastUsed(123_456_789_012, cell.to_owned());
        let expected = ["root/sts", "AIDA1/iam", "AIDA1/iam:CreateUser", "AIDA1/s3"];
        assert_eq!(keys, expected.map(cell));
        assert_eq!(accesses.take(&view, "eu"), []);
    }

    #[test]
    fn a_path_says_service_and_action() {
        assert_eq!(of_path("/tidegate.iam.v1.IamService/CreateUser"), ("iam", "CreateUser"));
        let decision = "/tidegate.decision.v1.DecisionService/Authorize";
        assert_eq!(of_path(decision), ("tidegate", "Authorize"));
    }
}
