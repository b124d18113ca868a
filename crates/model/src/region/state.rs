//! The join over all nodes of what each has written.

use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;
use prost::Message;
use tidegate_replica::{
    Record,
    lattice::{Lattice, MaxReg},
};

use super::{
    CLOCK_SKEW_MAX_MILLIS, LastUsed, Quarantine, RegionKey, VoidSessions, check_quarantine,
};
use crate::BadRecord;

/// The longest absence after which a node is evicted, and a grace, in milliseconds: 24 hours and one. What is over is kept as long, so that
/// a node that comes back finds it where its peers do.
pub const ABSENCE_MILLIS_MAX: u64 = 25 * 3_600_000;
/// The longest session, in milliseconds: 36 hours. A time before which sessions are void means nothing once the last of them has ended.
pub const SESSION_MILLIS_MAX: u64 = 36 * 3_600_000;
/// How long a last use is kept, in milliseconds: 400 days.
pub const LAST_USED_MILLIS_MAX: u64 = 400 * 24 * 3_600_000;

/// By account and name.
type Cells<T> = OrdMap<u64, OrdMap<Arc<str>, MaxReg<Arc<T>>>>;

/// What all nodes have written, as far as it has come here. A persistent value: cloning it costs nothing, and a clone never changes.
///
/// It is a lattice, and absorbing a record moves it up: so records may come in any order, any number of times, from any number of writers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegionState {
    /// By account and id. Two nodes that were asked the same write copies of one quarantine.
    quarantines: Cells<Quarantine>,
    /// By account and role.
    voids: Cells<VoidSessions>,
    /// By account, and access key or role.
    last_used: Cells<LastUsed>,
}

/// Whether nobody's clock can hold a quarantine for standing any more, and nobody comes back who could.
pub fn quarantine_is_over(until: u64, now: u64) -> bool {
    now > until.saturating_add(CLOCK_SKEW_MAX_MILLIS).saturating_add(ABSENCE_MILLIS_MAX)
}

/// Whether every session has ended that was issued before a time.
pub fn void_is_over(before: u64, now: u64) -> bool {
    quarantine_is_over(before.saturating_add(SESSION_MILLIS_MAX), now)
}

/// Whether a last use is too old to be told, or that of something that is gone.
fn use_is_over(used: &LastUsed, there: bool, now: u64) -> bool {
    let kept = if there { LAST_USED_MILLIS_MAX } else { ABSENCE_MILLIS_MAX };
    now > used.minute.saturating_mul(60_000).saturating_add(kept)
}

fn read<M: Message + Default>(value: &Bytes) -> Result<Arc<M>, BadRecord> {
    M::decode(value.clone()).map(Arc::new).map_err(|e| BadRecord(e.to_string()))
}

/// Moves a cell up to a value.
fn raise<T: Ord>(cells: &mut Cells<T>, account: u64, name: Arc<str>, value: Arc<T>) {
    let names = cells.entry(account).or_default();
    match names.get_mut(&name) {
        Some(stands) => stands.raise(value),
        None => drop(names.insert(name, MaxReg(value))),
    }
}

fn join<T: Ord>(own: &mut Cells<T>, other: &Cells<T>) {
    for (account, names) in other {
        for (name, value) in names {
            raise(own, *account, Arc::clone(name), Arc::clone(&value.0));
        }
    }
}

fn get<'a, T>(cells: &'a Cells<T>, account: u64, name: &str) -> Option<&'a Arc<T>> {
    cells.get(&account)?.get(name).map(|cell| &cell.0)
}

fn drop_where<T>(cells: &mut Cells<T>, over: impl Fn(u64, &str, &T) -> bool) {
    let mut gone = Vec::new();
    for (account, names) in cells.iter() {
        let over = names.iter().filter(|(name, cell)| over(*account, name, &cell.0));
        gone.extend(over.map(|(name, _)| (*account, Arc::clone(name))));
    }
    for (account, name) in gone {
        let Some(names) = cells.get_mut(&account) else { continue };
        names.remove(&name);
        if names.is_empty() {
            cells.remove(&account);
        }
    }
}

impl Lattice for RegionState {
    fn merge(&mut self, other: &Self) {
        join(&mut self.quarantines, &other.quarantines);
        join(&mut self.voids, &other.voids);
        join(&mut self.last_used, &other.last_used);
    }
}

impl RegionState {
    /// Takes a record in: the only way in which this state grows.
    ///
    /// # Errors
    /// The record is not its writer's to write, is a tombstone, or can't be read. Nothing was changed.
    pub fn absorb(&mut self, record: &Record) -> Result<(), BadRecord> {
        let bad = |what: &str| BadRecord(what.to_owned());
        let (key, writer) =
            RegionKey::decode(&record.key).ok_or_else(|| bad("an unknown key of a node"))?;
        if writer != record.dot.origin {
            return Err(bad("a key of another node"));
        }
        let value = record.value.as_ref().ok_or_else(|| bad("a node's key was deleted"))?;
        match key {
            RegionKey::Quarantine(account, id) => {
                let quarantine: Arc<Quarantine> = read(value)?;
                if quarantine.account != account || quarantine.id != id {
                    return Err(bad("a quarantine under another's key"));
                }
                check_quarantine(&quarantine).map_err(|e| BadRecord(e.message))?;
                raise(&mut self.quarantines, account, id.into(), quarantine);
            }
            RegionKey::Void(account, role) => {
                let void: Arc<VoidSessions> = read(value)?;
                if void.role != role {
                    return Err(bad("a void time under another's key"));
                }
                raise(&mut self.voids, account, role.into(), void);
            }
            RegionKey::LastUsed(account, cell) => {
                raise(&mut self.last_used, account, cell.into(), read(value)?);
            }
        }
        Ok(())
    }

    /// Whether a record says nothing to anybody any more. `there`: whether an account still has an access key or role.
    pub fn is_over(record: &Record, now: u64, there: impl Fn(u64, &str) -> bool) -> bool {
        let Some(((key, _), value)) = RegionKey::decode(&record.key).zip(record.value.as_ref())
        else {
            return false;
        };
        match key {
            RegionKey::Quarantine(..) => {
                read(value).is_ok_and(|q: Arc<Quarantine>| quarantine_is_over(q.until, now))
            }
            RegionKey::Void(..) => {
                read(value).is_ok_and(|v: Arc<VoidSessions>| void_is_over(v.before, now))
            }
            RegionKey::LastUsed(account, cell) => read(value)
                .is_ok_and(|u: Arc<LastUsed>| use_is_over(&u, there(account, &cell), now)),
        }
    }

    /// Forgets what [`RegionState::is_over`]. Every node may do so by itself: what is over decides nothing, wherever it is still held.
    pub fn forget_what_is_over(&mut self, now: u64, there: impl Fn(u64, &str) -> bool) {
        drop_where(&mut self.quarantines, |_, _, q| quarantine_is_over(q.until, now));
        drop_where(&mut self.voids, |_, _, v| void_is_over(v.before, now));
        drop_where(&mut self.last_used, |account, cell, u| {
            use_is_over(u, there(account, cell), now)
        });
    }

    /// The quarantines of an account, ordered by id, whether they stand or not.
    pub fn quarantines_of(&self, account: u64) -> impl Iterator<Item = &Arc<Quarantine>> {
        self.quarantines.get(&account).into_iter().flat_map(|ids| ids.values().map(|q| &q.0))
    }

    /// The accounts of which there are quarantines or void sessions.
    pub fn accounts(&self) -> std::collections::BTreeSet<u64> {
        self.quarantines.keys().chain(self.voids.keys()).copied().collect()
    }

    /// All quarantines, ordered by account and id, whether they stand or not.
    pub fn quarantines(&self) -> impl Iterator<Item = &Arc<Quarantine>> {
        self.quarantines.values().flat_map(|ids| ids.values().map(|q| &q.0))
    }

    /// Sessions of a role are void that were issued before this time, in milliseconds since the Unix epoch; 0: none.
    pub fn void_before(&self, account: u64, role: &str) -> u64 {
        get(&self.voids, account, role).map_or(0, |v| v.before)
    }

    /// The times before which sessions of an account's roles are void.
    pub fn voids_of(&self, account: u64) -> impl Iterator<Item = &Arc<VoidSessions>> {
        self.voids.get(&account).into_iter().flat_map(|roles| roles.values().map(|v| &v.0))
    }

    /// When an access key or role of an account was used last.
    pub fn last_used(&self, account: u64, cell: &str) -> Option<&Arc<LastUsed>> {
        get(&self.last_used, account, cell)
    }

    /// All that is known of an account's last uses, by access key or role, and by who used which service or action.
    pub fn last_uses(&self, account: u64) -> impl Iterator<Item = (&Arc<str>, &Arc<LastUsed>)> {
        let cells = self.last_used.get(&account).into_iter();
        cells.flat_map(|cells| cells.iter().map(|(name, used)| (name, &used.0)))
    }
}
