//! The end of an account: closed, erased by its group, forgotten.

use super::DirectoryState;
use crate::{Key, Reply, apply::Changes, record::AccountPlacement, rejection::Rejection};

impl DirectoryState {
    fn placed(&self, account: u64) -> Result<&AccountPlacement, Rejection> {
        let found = self.accounts.get(&account);
        found.map(|a| &**a).ok_or_else(|| Rejection::no_such("account", &format!("{account:012}")))
    }

    pub(super) fn close_account(
        &self,
        account: u64,
        changes: &mut Changes,
    ) -> Result<Reply, Rejection> {
        let placement = self.placed(account)?;
        if self.cluster().is_some_and(|c| c.operator == account) {
            let message = "The operator's account can't be deleted: nobody could make another.";
            return Err(Rejection::invalid(message));
        }
        if !placement.active {
            return Err(Rejection::conflict("must wait until the account is made"));
        }
        let placement = AccountPlacement { closing: true, ..placement.clone() };
        changes.put(Key::AccountPlacement(account), &placement);
        Ok(Reply::AccountPlacement(placement))
    }

    pub(super) fn forget_account(
        &self,
        account: u64,
        changes: &mut Changes,
    ) -> Result<Reply, Rejection> {
        let placement = self.placed(account)?;
        if !placement.closing {
            return Err(Rejection::conflict("must close the account first"));
        }
        changes.delete(Key::Email(placement.email.to_ascii_lowercase()));
        for (alias, _) in self.aliases.iter().filter(|(_, (owner, _))| *owner == account) {
            changes.delete(Key::Alias(alias.to_string()));
        }
        for id in self.keys_of(account) {
            changes.delete(Key::ChosenKey(id.to_owned()));
        }
        changes.delete(Key::AccountPlacement(account));
        Ok(Reply::Done(true))
    }
}
