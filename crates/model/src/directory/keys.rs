//! Access key ids that were chosen: which account each is of.
//!
//! An id that was drawn says its account ([`ids::account_of_key`]). A chosen one is reserved here, and no two accounts share an id: a chosen
//! one never says an account that exists and is not its own, and no account is made that a chosen id of another says.

use tidegate_policy::AccountId;

use super::DirectoryState;
use crate::{
    Key, Reply,
    apply::Changes,
    command::ReserveAccessKey,
    ids,
    record::KeyOwner,
    rejection::{Rejection, RejectionKind},
};

/// Lengths of an access key id, as the service model of IAM has them.
const ID_LENGTHS: core::ops::RangeInclusive<usize> = 16..=128;

fn taken(id: &str) -> Rejection {
    let message = format!("The access key id {id} belongs to another account.");
    Rejection::new(RejectionKind::EntityAlreadyExists, message)
}

impl DirectoryState {
    /// The account of an access key id: the one that it was reserved for, or else the one that it says.
    pub fn account_of_key(&self, id: &str) -> Option<AccountId> {
        match self.keys.get(id) {
            Some(account) => AccountId::from_u64(*account).ok(),
            None => ids::account_of_key(id),
        }
    }

    /// Reserved ids of an account, in order.
    pub(super) fn keys_of(&self, account: u64) -> impl Iterator<Item = &str> {
        self.keys.iter().filter(move |(_, owner)| **owner == account).map(|(id, _)| &**id)
    }

    /// Whether a reserved id of another account says this number.
    pub(super) fn is_said_by_a_key(&self, account: u64) -> bool {
        let says = |id: &str| ids::account_of_key(id).is_some_and(|a| a.as_u64() == account);
        self.keys.iter().any(|(id, owner)| *owner != account && says(id))
    }

    pub(super) fn reserve_access_key(
        &self,
        c: &ReserveAccessKey,
        changes: &mut Changes,
    ) -> Result<Reply, Rejection> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if !ID_LENGTHS.contains(&c.id.len()) || !c.id.bytes().all(word) {
            let message = "An access key id has 16 to 128 letters, digits and underscores.";
            return Err(Rejection::invalid(message));
        }
        // A session's key is known by these letters, and is never looked up.
        if c.id.starts_with("ASIA") {
            return Err(Rejection::invalid("An id that begins with ASIA is one of a session."));
        }
        if !self.accounts.contains_key(&c.account) {
            return Err(Rejection::no_such("account", &format!("{:012}", c.account)));
        }
        let says = ids::account_of_key(&c.id).map(AccountId::as_u64);
        let others = |number: u64| number != c.account && self.accounts.contains_key(&number);
        if self.keys.contains_key(c.id.as_str()) || says.is_some_and(others) {
            return Err(taken(&c.id));
        }
        changes.put(Key::ChosenKey(c.id.clone()), &KeyOwner { account: c.account });
        Ok(Reply::Done(true))
    }
}
