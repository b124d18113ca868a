//! Applying the steps of a move of an account in its two groups.
//!
//! The old group takes nothing behind its fence, so that every voter of it, and every replica that has come so far, can hand over the same
//! rows. The new group takes them in order, each part behind the one before: a part that comes again, from whoever leads the old group by
//! then, changes nothing.

use bytes::Bytes;
use prost::Message;
use tidegate_policy::AccountId;
use tidegate_replica::{Dot, Record, Stamp};

use super::{check_sizes, origin, records};
use crate::{
    Envelope, GroupState, Key, LocalRow, Outcome, Place, Reply,
    command::{ReplyBox, caller_kind},
    membership::{AdoptAccount, FenceAccount, ReleaseAccount, Relocate, Relocation},
    record::{Fence, Home},
    rejection::{Rejection, RejectionKind},
    state::Applied,
};

type Step = Result<(Vec<Record>, Vec<LocalRow>), Rejection>;

fn elsewhere(message: impl Into<String>) -> Rejection {
    Rejection::new(RejectionKind::AccountElsewhere, message)
}

/// The key of a row that is handed over, if it is one of the account's own.
fn plain_key(bytes: &[u8], account: u64) -> Result<Key, Rejection> {
    let key = Key::decode(bytes).filter(|key| {
        let moves = matches!(key, Key::Home(..) | Key::Fence(..));
        !moves && Key::account(bytes) == Some(account)
    });
    key.ok_or_else(|| Rejection::invalid("A row of a move is not one of the account's."))
}

impl GroupState {
    /// Why this group takes no command of an account: it was moved away, or has not come yet.
    pub(super) fn elsewhere(&self, account: u64) -> Option<Rejection> {
        let place = self.place(AccountId::from_u64(account).ok()?)?;
        if let Some(fence) = &place.fence {
            let to = fence.to;
            return Some(elsewhere(format!("The account {account:012} was moved to group g{to}.")));
        }
        let coming =
            || elsewhere(format!("The account {account:012} is on its way to this group."));
        (!place.is_installed()).then(coming)
    }

    /// Applies a step of a move.
    pub(super) fn relocate(&mut self, index: u64, envelope: &Envelope, c: &Relocate) -> Applied {
        let before = self.clone();
        let done = self.relocated(index, envelope, c).and_then(|(records, local)| {
            let reply = Some(Reply::Done(!records.is_empty()));
            let outcome = Outcome::new(Ok(ReplyBox { reply, revision: index }));
            check_sizes(&records, &outcome)?;
            for record in &records {
                self.absorb(record).map_err(|bad| Rejection::invalid(bad.to_string()))?;
            }
            Ok(Applied { records, local, outcome })
        });
        done.unwrap_or_else(|rejection| {
            *self = before;
            let outcome = Outcome::new(Err(rejection));
            Applied { records: Vec::new(), local: Vec::new(), outcome }
        })
    }

    fn relocated(&mut self, index: u64, envelope: &Envelope, c: &Relocate) -> Step {
        if envelope.caller.as_ref().is_none_or(|c| c.kind != caller_kind::SYSTEM) {
            let message = "Only the cluster itself may do this.";
            return Err(Rejection::new(RejectionKind::AccessDenied, message));
        }
        let account = envelope.account;
        let id = AccountId::from_u64(account).map_err(|e| Rejection::invalid(e.to_string()))?;
        match &c.step {
            Some(Relocation::Fence(c)) => self.fence(index, id, c),
            Some(Relocation::Adopt(c)) => self.adopt(index, id, c),
            Some(Relocation::Release(c)) => self.release(index, id, c),
            None => Err(Rejection::invalid("The request holds no command.")),
        }
    }

    fn fence(&self, index: u64, id: AccountId, c: &FenceAccount) -> Step {
        let place = self.account(id).map(|account| account.place().clone());
        let place = place.ok_or_else(|| super::account_missing(id.as_u64()))?;
        if place.epoch.checked_add(1) != Some(c.epoch) {
            return Err(Rejection::invalid("The account is here in another placement epoch."));
        }
        match &place.fence {
            // The step, come again.
            Some(fence) if fence.to == c.to => return Ok((Vec::new(), Vec::new())),
            Some(fence) => {
                return Err(elsewhere(format!("The account was moved to group g{}.", fence.to)));
            }
            None => {}
        }
        let fence = Fence { to: c.to, index, base: place.base() + index };
        let key = Key::Fence(id.as_u64(), place.epoch);
        let value = Some(fence.encode_to_vec().into());
        Ok((records(origin(self.group), index, &place, vec![(key, value)]), Vec::new()))
    }

    fn adopt(&mut self, index: u64, id: AccountId, c: &AdoptAccount) -> Step {
        let place = self.place(id).filter(|place| place.epoch >= c.epoch).cloned();
        let place = place.unwrap_or(Place { epoch: c.epoch, ..Place::default() });
        let upto = place.home.as_ref().map(|home| home.upto.as_slice()).unwrap_or_default();
        if c.epoch == 0 || place.epoch > c.epoch {
            return Err(Rejection::invalid("The account has been moved again since."));
        }
        if place.is_installed() || upto != c.after {
            // This part is here already, or the one before it is not.
            return Ok((Vec::new(), Vec::new()));
        }
        if c.upto <= c.after && !c.last {
            return Err(Rejection::invalid("A part of a move ends before it begins."));
        }
        let dot = Dot { origin: origin(self.group), sequence: index };
        let mut taken = Vec::with_capacity(c.rows.len() + 1);
        for row in &c.rows {
            if row.revision > c.base {
                return Err(Rejection::invalid("A row of a move is newer than its fence."));
            }
            let key = plain_key(&row.key, id.as_u64())?.encode_at(c.epoch);
            let stamp = Stamp { epoch: c.epoch, revision: row.revision };
            let value = Some(Bytes::copy_from_slice(&row.value));
            taken.push(Record { key, value, stamp, dot });
        }
        let home = Home {
            from: c.from,
            fence: c.fence,
            base: c.base,
            upto: c.upto.clone(),
            installed: c.last,
        };
        let stamp = Stamp { epoch: c.epoch, revision: c.base + index };
        let key = Key::Home(id.as_u64(), c.epoch).encode();
        taken.push(Record { key, value: Some(home.encode_to_vec().into()), stamp, dot });
        let mut local = Vec::with_capacity(c.requests.len());
        for row in &c.requests {
            let row = self.requests.take_over(id.as_u64(), row);
            local.push(row.map_err(|bad| Rejection::invalid(bad.to_string()))?);
        }
        Ok((taken, local))
    }

    fn release(&self, index: u64, id: AccountId, c: &ReleaseAccount) -> Step {
        let place = self.place(id).cloned().unwrap_or_default();
        let ended = place.epoch > c.epoch || (place.epoch == c.epoch && place.fence.is_some());
        if !ended {
            return Err(Rejection::invalid("The account lives here."));
        }
        let gone = |key: &Vec<u8>| Ok((plain_key(key, id.as_u64())?, None));
        let writes = c.keys.iter().map(gone).collect::<Result<Vec<_>, Rejection>>()?;
        // Tombstones of the epoch that has ended, whatever lives here by now.
        let of = Place { epoch: c.epoch, ..place };
        Ok((records(origin(self.group), index, &of, writes), Vec::new()))
    }
}

#[cfg(test)]
mod tests;
