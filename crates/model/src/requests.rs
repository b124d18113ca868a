//! Retried requests get their first outcome again.

use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::{
    Envelope, Outcome, REQUEST_MEMORY_MILLIS, REQUESTS_MAX,
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

/// The requests that are remembered, by account and id, and by age.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Requests {
    by_name: OrdMap<Name, Arc<Remembered>>,
    by_age: OrdSet<(u64, u64, Arc<str>)>,
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
        let remembered = self.by_name.get(&name)?;
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
        while let Some((oldest, account, id)) = self.by_age.get_min().cloned() {
            if self.by_age.len() <= REQUESTS_MAX
                && time.saturating_sub(oldest) <= REQUEST_MEMORY_MILLIS
            {
                break;
            }
            let name = (account, id);
            self.forget(&name);
            rows.push(LocalRow { key: row_key(&name), value: None });
        }
        rows
    }

    fn insert(&mut self, name: Name, row: Remembered) {
        self.forget(&name);
        self.by_age.insert((row.time, name.0, Arc::clone(&name.1)));
        self.by_name.insert(name, Arc::new(row));
    }

    fn forget(&mut self, name: &Name) {
        if let Some(row) = self.by_name.remove(name) {
            self.by_age.remove(&(row.time, name.0, Arc::clone(&name.1)));
        }
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
        self.by_name.iter().map(|(name, row)| LocalRow {
            key: row_key(name),
            value: Some(row.encode_to_vec().into()),
        })
    }
}
