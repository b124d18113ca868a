//! What nodes wrote, taken into an account's own order: imports and lifts.

use super::{Answer, Step};
use crate::{
    AccountState, CallerRef, Key, Reply, Resolved,
    command::{ImportRegion, LiftQuarantine, caller_kind},
    region::{
        LIFTS_AT_ONCE_MAX, Lift, QUARANTINE_MILLIS_MAX, Subject, check_quarantine, is_void,
        may_lift, quarantine_is_over, quarantined, void_is_over,
    },
    rejection::{Rejection, RejectionKind},
};

/// Refuses a caller whom a quarantine denies that was imported before this command, or whose session is void by what was. `time`: the
/// entry's.
pub(super) fn check_standing(
    account: &AccountState,
    caller: &CallerRef,
    resolved: &Resolved,
    time: u64,
) -> Result<(), Rejection> {
    if let Some(q) = quarantined(None, account, &Subject::caller(caller, resolved), time) {
        return Err(Rejection::new(
            RejectionKind::Quarantined,
            format!("The caller is quarantined by {}: {}", q.id, q.reason),
        ));
    }
    if caller.kind == caller_kind::SESSION && is_void(None, account, &caller.id, caller.issued) {
        return Err(Rejection::new(
            RejectionKind::SessionVoid,
            "The session was issued before the time from which sessions of its role are good.",
        ));
    }
    Ok(())
}

/// Refuses whoever may not lift these.
pub(super) fn check_lift(
    command: &LiftQuarantine,
    caller: &CallerRef,
    resolved: &Resolved,
) -> Result<(), Rejection> {
    let lifter = Subject::caller(caller, resolved);
    command.quarantines.iter().try_for_each(|q| may_lift(q, &lifter, command.by_operator))
}

impl Step<'_> {
    /// Takes in what a leader has heard of nodes. What is here already, was lifted, or can't be used is left out.
    pub(super) fn import_region(&mut self, c: &ImportRegion) -> Reply {
        for quarantine in &c.quarantines {
            let id = quarantine.id.as_str();
            let usable = check_quarantine(quarantine).is_ok() && quarantine.account == self.number;
            let newer = self.account.imported.get(id).is_none_or(|q| **q < *quarantine);
            let over = quarantine_is_over(quarantine.until, self.time);
            if usable && newer && !over && !self.account.lifted.contains_key(id) {
                self.changes.put(Key::Imported(self.number, id.to_owned()), quarantine);
            }
        }
        for void in &c.voids {
            let newer = self.account.void.get(void.role.as_str()).is_none_or(|v| **v < *void);
            if newer && !void.role.is_empty() && !void_is_over(void.before, self.time) {
                self.changes.put(Key::Void(self.number, void.role.clone()), void);
            }
        }
        self.forget_what_is_over();
        Reply::Done(true)
    }

    /// Lifts quarantines by name: those that the caller saw, and no newer one.
    pub(super) fn lift_quarantine(&mut self, c: &LiftQuarantine, access_key: &str) -> Answer {
        if !(1..=LIFTS_AT_ONCE_MAX).contains(&c.quarantines.len()) {
            return Err(Rejection::invalid(format!(
                "A lift names 1 to {LIFTS_AT_ONCE_MAX} quarantines."
            )));
        }
        for quarantine in &c.quarantines {
            check_quarantine(quarantine)?;
            if quarantine.account != self.number {
                return Err(Rejection::invalid(format!(
                    "The quarantine {} is of another account.",
                    quarantine.id
                )));
            }
            if self.account.lifted.contains_key(quarantine.id.as_str()) {
                continue;
            }
            let id = quarantine.id.clone();
            // No later end counts than a node could have given: the lift would be kept for ever.
            let until = quarantine.until.min(self.time.saturating_add(2 * QUARANTINE_MILLIS_MAX));
            let lift = Lift { until, time: self.time, access_key: access_key.to_owned() };
            self.changes.put(Key::Lift(self.number, id.clone()), &lift);
            if self.account.imported.contains_key(id.as_str()) {
                self.changes.delete(Key::Imported(self.number, id));
            }
        }
        self.forget_what_is_over();
        Ok(Reply::Done(true))
    }

    fn forget_what_is_over(&mut self) {
        let (account, number, time) = (self.account, self.number, self.time);
        let named = |keys: Vec<Key>| keys.into_iter().map(|key| (key, None));
        let lifted = account.lifted.iter().filter(|(_, l)| quarantine_is_over(l.until, time));
        let lifted = lifted.map(|(id, _)| Key::Lift(number, id.to_string())).collect();
        let imported = account.imported.iter().filter(|(_, q)| quarantine_is_over(q.until, time));
        let imported = imported.map(|(id, _)| Key::Imported(number, id.to_string())).collect();
        let voids = account.void.iter().filter(|(_, v)| void_is_over(v.before, time));
        let voids = voids.map(|(role, _)| Key::Void(number, role.to_string())).collect();
        let written = &mut self.changes.writes;
        for (key, value) in named(lifted).chain(named(imported)).chain(named(voids)) {
            if !written.iter().any(|(other, _)| *other == key) {
                written.push((key, value));
            }
        }
    }
}
