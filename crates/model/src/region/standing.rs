//! Who is denied now: what nodes have written and groups have lifted, put together.

use std::sync::Arc;

use tidegate_replica::lattice::TwoPhaseSet;

use super::{
    CLOCK_SKEW_MAX_MILLIS, Quarantine, ROOT_ENTITY, RegionState, Subject, check_quarantine,
    quarantine_is_over, void_is_over,
};
use crate::{AccountState, command::ImportRegion};

/// The quarantines of an account that stand at `now`: those that nodes wrote and those that the account's group imported, less those that it
/// lifted, as long as they last. Both orders of a quarantine's and its lift's arrival give the same.
///
/// `region`: what nodes have written, as the deciding node has it; `None` where only what was imported may count, which is when a command is
/// applied: voters learn of quarantines at different times.
pub fn standing<'a>(
    region: Option<&'a RegionState>,
    account: &'a AccountState,
    now: u64,
) -> Vec<&'a Arc<Quarantine>> {
    let number = account.id().as_u64();
    let written = region.into_iter().flat_map(|r| r.quarantines_of(number));
    let mut all: Vec<_> = written.chain(account.imported.values()).collect();
    if all.is_empty() {
        return all;
    }
    let mut set = TwoPhaseSet::default();
    for quarantine in &all {
        set.add(quarantine.id.as_str());
    }
    set.remove(account.lifted.keys().map(|id| &**id));
    all.retain(|q| set.contains(&q.id.as_str()) && q.lasts(now));
    // Of two copies, and of an import and what it is of, the longer one counts.
    all.sort_by(|a, b| (&a.id, b).cmp(&(&b.id, a)));
    all.dedup_by(|b, a| a.id == b.id);
    all
}

/// The quarantine that denies this one longest.
pub fn quarantined<'a>(
    region: Option<&'a RegionState>,
    account: &'a AccountState,
    subject: &Subject<'_>,
    now: u64,
) -> Option<&'a Arc<Quarantine>> {
    standing(region, account, now).into_iter().filter(|q| q.covers(subject)).max()
}

/// Sessions of a role are void that were issued before this time, in milliseconds since the Unix epoch; 0: none.
pub fn void_before(region: Option<&RegionState>, account: &AccountState, role: &str) -> u64 {
    let written = region.map_or(0, |r| r.void_before(account.id().as_u64(), role));
    let imported = account.void.get(role).map_or(0, |v| v.before);
    written.max(imported)
}

/// Whether a session of a role is void: issued before the role's time, by whichever clock.
pub fn is_void(
    region: Option<&RegionState>,
    account: &AccountState,
    role: &str,
    issued: u64,
) -> bool {
    let before = void_before(region, account, role);
    before > 0 && issued < before.saturating_add(CLOCK_SKEW_MAX_MILLIS)
}

impl AccountState {
    /// Whether the quarantine with this id was lifted.
    pub fn has_lifted(&self, id: &str) -> bool {
        self.lifted.contains_key(id)
    }

    /// Whether there is an access key with this id, or a role with this unique id.
    pub fn has_credential(&self, id: &str) -> bool {
        // What services somebody used stands behind his unique id.
        match id.split_once('/') {
            Some((entity, _)) => {
                entity == ROOT_ENTITY
                    || self.user_ids.contains_key(entity)
                    || self.role_ids.contains_key(entity)
            }
            None => self.access_key(id).is_some() || self.role_ids.contains_key(id),
        }
    }

    /// Whether the account's group has imported a quarantine.
    pub fn has_imported(&self, id: &str) -> bool {
        self.imported.contains_key(id)
    }

    /// A quarantine that the account's group has imported.
    pub fn import(&self, id: &str) -> Option<&Arc<Quarantine>> {
        self.imported.get(id)
    }

    /// What nodes wrote about this account and its group has not imported yet, at most `limit` of either kind; `None`: nothing.
    pub fn to_import(&self, region: &RegionState, now: u64, limit: usize) -> Option<ImportRegion> {
        let number = self.id().as_u64();
        let wanted = |q: &&Arc<Quarantine>| {
            let newer = self.imported.get(q.id.as_str()).is_none_or(|have| have < *q);
            let over = quarantine_is_over(q.until, now);
            newer
                && !over
                && !self.lifted.contains_key(q.id.as_str())
                && check_quarantine(q).is_ok()
        };
        let quarantines = region.quarantines_of(number).filter(wanted).take(limit);
        let quarantines: Vec<_> = quarantines.map(|q| Quarantine::clone(q)).collect();
        let voids = region.voids_of(number).filter(|v| {
            let newer = self.void.get(v.role.as_str()).is_none_or(|have| have < *v);
            newer && !void_is_over(v.before, now)
        });
        let voids: Vec<_> = voids.take(limit).map(|v| (**v).clone()).collect();
        let some = !(quarantines.is_empty() && voids.is_empty());
        some.then_some(ImportRegion { quarantines, voids })
    }
}
