//! Retried requests get their first outcome again.

use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::{
    Envelope, Outcome, REQUEST_MEMORY_MILLIS, REQUESTS_MAX, REQUESTS_OF_GROUP_MAX,
    rejection::{Rejection, RejectionKind},
    state::{BadRecord, LocalRow},
};

#[derive(Clone, PartialEq, Message)]
struct Remembered {
    #[prost(uint64, tag = "1")]
    account: u64,
    #[prost(string, tag = "2")]
    request_id: String,
    #[prost(uint64, tag = "3")]
    time: u64,
    #[prost(bytes = "vec", tag = "4")]
    fingerprint: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    outcome: Option<Outcome>,
}

type Name = (u64, Arc<str>);

/// The requests that are remembered, by account and id, and in the orders in which they are forgotten.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Requests {
    known: OrdMap<Name, Arc<Remembered>>,
    ages: OrdSet<(u64, Name)>,
    /// Those of each account, by age.
    accounts: OrdMap<u64, OrdSet<(u64, Arc<str>)>>,
    /// How many each account has.
    counts: OrdSet<(usize, u64)>,
}

fn row_key((account, id): &Name) -> Bytes {
    [&account.to_be_bytes()[..], id.as_bytes()].concat().into()
}

/// What makes two requests the same: all but their id and their trace. Ids and secrets that the serving node drew anew are left
/// out by comparing what the caller typed.
fn fingerprint(envelope: &Envelope) -> Vec<u8> {
    let mut plain = Envelope { trace: String::new(), context: Vec::new(), ..envelope.clone() };
    if let Some(command) = plain.command.as_mut() {
        command.forget_drawn();
    }
    Sha256::digest(plain.encode_to_vec()).to_vec()
}

impl Requests {
    /// The first outcome of this request, if it came before.
    pub(crate) fn recall(&self, envelope: &Envelope) -> Option<Outcome> {
        if envelope.request_id.is_empty() {
            return None;
        }
        let name: Name = (envelope.account, envelope.request_id.as_str().into());
        let remembered = self.known.get(&name)?;
        if remembered.fingerprint == fingerprint(envelope) {
            return remembered.outcome.clone();
        }
        let message = format!(
            "The request id `{}` was used before with another request.",
            envelope.request_id
        );
        Some(Outcome::new(Err(Rejection::new(RejectionKind::IdempotencyMismatch, message))))
    }

    /// Remembers an outcome and forgets what is too old or too much.
    pub(crate) fn remember(
        &mut self,
        envelope: &Envelope,
        time: u64,
        outcome: &Outcome,
    ) -> Vec<LocalRow> {
        if envelope.request_id.is_empty() {
            return Vec::new();
        }
        let name: Name = (envelope.account, envelope.request_id.as_str().into());
        let row = Remembered {
            account: envelope.account,
            request_id: envelope.request_id.clone(),
            time,
            fingerprint: fingerprint(envelope),
            outcome: Some(outcome.clone()),
        };
        let mut rows =
            vec![LocalRow { key: row_key(&name), value: Some(row.encode_to_vec().into()) }];
        self.insert(name, row);
        while let Some(name) = self.surplus(envelope.account, time) {
            self.forget(&name);
            rows.push(LocalRow { key: row_key(&name), value: None });
        }
        rows
    }

    /// A request that is to be forgotten: too old, or its account or the group has too many.
    fn surplus(&self, account: u64, time: u64) -> Option<Name> {
        let (oldest, name) = self.ages.get_min()?;
        if time.saturating_sub(*oldest) > REQUEST_MEMORY_MILLIS {
            return Some(name.clone());
        }
        let oldest_of = |account: u64| {
            let (_, id) = self.accounts.get(&account)?.get_min()?;
            Some((account, Arc::clone(id)))
        };
        if self.accounts.get(&account).is_some_and(|own| own.len() > REQUESTS_MAX) {
            return oldest_of(account);
        }
        if self.known.len() > REQUESTS_OF_GROUP_MAX {
            let (_, most) = self.counts.get_max()?;
            return oldest_of(*most);
        }
        None
    }

    /// Changes the requests of one account, and what follows from their number.
    fn of_account(&mut self, account: u64, change: impl FnOnce(&mut OrdSet<(u64, Arc<str>)>)) {
        let mut own = self.accounts.remove(&account).unwrap_or_default();
        self.counts.remove(&(own.len(), account));
        change(&mut own);
        if !own.is_empty() {
            self.counts.insert((own.len(), account));
            self.accounts.insert(account, own);
        }
    }

    fn insert(&mut self, name: Name, row: Remembered) {
        self.forget(&name);
        self.ages.insert((row.time, name.clone()));
        self.of_account(name.0, |own| drop(own.insert((row.time, Arc::clone(&name.1)))));
        self.known.insert(name, Arc::new(row));
    }

    fn forget(&mut self, name: &Name) {
        if let Some(row) = self.known.remove(name) {
            self.ages.remove(&(row.time, name.clone()));
            self.of_account(name.0, |own| drop(own.remove(&(row.time, Arc::clone(&name.1)))));
        }
    }

    /// The requests of an account behind an id, as [`Requests::take_over`] takes them, with their ids.
    pub(crate) fn of_account_after(
        &self,
        account: u64,
        after: Option<&str>,
    ) -> impl Iterator<Item = (Arc<str>, Vec<u8>)> + use<'_> {
        let first: Name = (account, after.unwrap_or_default().into());
        let behind = after.map(Arc::<str>::from);
        self.known
            .range(first..)
            .take_while(move |((of, _), _)| *of == account)
            .skip_while(move |((_, id), _)| behind.as_ref().is_some_and(|b| id <= b))
            .map(|((_, id), row)| (Arc::clone(id), row.encode_to_vec()))
    }

    /// Remembers what another group has remembered of an account.
    pub(crate) fn take_over(&mut self, account: u64, row: &[u8]) -> Result<LocalRow, BadRecord> {
        let bad = || BadRecord("a remembered request".to_owned());
        let row = Remembered::decode(row).map_err(|_| bad())?;
        if row.account != account || row.request_id.is_empty() {
            return Err(bad());
        }
        let name: Name = (account, row.request_id.as_str().into());
        let local = LocalRow { key: row_key(&name), value: Some(row.encode_to_vec().into()) };
        self.insert(name, row);
        Ok(local)
    }

    pub(crate) fn absorb(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), BadRecord> {
        let bad = || BadRecord("a remembered request".to_owned());
        if let Some(value) = value {
            let row = Remembered::decode(value).map_err(|_| bad())?;
            self.insert((row.account, row.request_id.as_str().into()), row);
        } else {
            let (account, id) = key.split_at_checked(8).ok_or_else(bad)?;
            let account = u64::from_be_bytes(account.try_into().map_err(|_| bad())?);
            let id = core::str::from_utf8(id).map_err(|_| bad())?;
            self.forget(&(account, id.into()));
        }
        Ok(())
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = LocalRow> + '_ {
        self.known.iter().map(|(name, row)| LocalRow {
            key: row_key(name),
            value: Some(row.encode_to_vec().into()),
        })
    }
}

#[cfg(test)]
mod tests;
