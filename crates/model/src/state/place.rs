//! Which of its groups an account lives in, as each of them has it: what a move leaves behind on both sides.

use std::sync::Arc;

use tidegate_policy::AccountId;

use super::{AccountState, GroupState};
use crate::record::{Fence, Home};

/// How an account stands in a group. Without a move: epoch 0, and nothing else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// How often it had been moved when it came here.
    pub epoch: u64,
    /// Where it came from. `None`: it was made here.
    pub home: Option<Arc<Home>>,
    /// That it was moved away.
    pub fence: Option<Arc<Fence>>,
}

impl Place {
    /// Whether all of the account is here.
    pub fn is_installed(&self) -> bool {
        self.epoch == 0 || self.home.as_ref().is_some_and(|home| home.installed)
    }

    /// What is added to a log index of this group to make a revision: so revisions of an account grow from group to group.
    pub(crate) fn base(&self) -> u64 {
        self.home.as_ref().map_or(0, |home| home.base)
    }
}

impl AccountState {
    /// How it stands in this group.
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl GroupState {
    /// How an account stands here; `None`: there is nothing of it.
    pub fn place(&self, id: AccountId) -> Option<&Place> {
        self.accounts.get(&id.as_u64()).map(|account| &account.place)
    }

    /// Whether an account lives here, having come in this placement epoch.
    pub fn lives_here(&self, id: AccountId, epoch: u64) -> bool {
        self.place(id).is_some_and(|place| place.epoch == epoch && place.is_installed())
    }

    /// The requests of an account that are remembered here behind an id, as rows of [`crate::membership::AdoptAccount`], with their ids.
    pub fn requests_after<'a>(
        &'a self,
        id: AccountId,
        after: Option<&str>,
    ) -> impl Iterator<Item = (Arc<str>, Vec<u8>)> + use<'a> {
        self.requests.of_account_after(id.as_u64(), after)
    }
}
