//! What a node decides on: all groups at one moment, and the positions of that moment.

use imbl::OrdMap;
use std::{sync::Arc, time::Duration};
use tidegate_model::{AccountState, DirectoryState, GroupState, region::RegionState};
use tidegate_policy::AccountId;
use tidegate_replica::{Clock, GroupId};

use crate::{Reason, ServiceError};

/// An immutable view of the whole cluster. Clones cost nothing.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The directory.
    pub directory: DirectoryState,
    /// The groups of accounts.
    pub groups: OrdMap<u32, GroupState>,
    /// What nodes have written.
    pub region: RegionState,
    /// How far each origin is in this view.
    pub positions: Clock,
    /// When it was published: monotonic time of its node.
    pub published_at: Duration,
}

impl View {
    /// The group that an account lives in.
    pub fn group_of(&self, account: AccountId) -> Result<GroupId, ServiceError> {
        self.directory
            .account(account)
            .filter(|a| !a.closing)
            .map(|a| GroupId(a.group))
            .ok_or_else(|| account_not_found(account))
    }

    /// An account's state.
    pub fn account(&self, account: AccountId) -> Result<&Arc<AccountState>, ServiceError> {
        let group = self.group_of(account)?;
        let state = self.groups.get(&group.0).and_then(|g| g.account(account));
        state.ok_or_else(|| account_not_found(account))
    }

    /// The part of the positions that answers about these groups rest on.
    pub fn positions_of(&self, groups: &[GroupId]) -> Clock {
        self.positions
            .iter()
            .filter(|(o, _)| o.group().is_some_and(|g| groups.contains(&g)))
            .collect()
    }
}

fn account_not_found(account: AccountId) -> ServiceError {
    ServiceError::new(
        Reason::AccountNotFound,
        format!("the account {account} is not known at this node; it may not have arrived yet"),
    )
}
