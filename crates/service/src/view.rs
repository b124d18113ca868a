//! What a node decides on: all groups at one moment, and the positions of that moment.

use imbl::{OrdMap, OrdSet};
use std::{sync::Arc, time::Duration};
use tidegate_model::{
    AccountState, DirectoryState, GroupState, record::Placement, region::RegionState,
};
use tidegate_policy::AccountId;
use tidegate_replica::{Clock, GroupId, Origin};

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
    /// Accounts whose state here differs from the voters': nothing is decided about them.
    pub fenced: OrdSet<u64>,
    /// When it was published: monotonic time of its node.
    pub published_at: Duration,
}

impl View {
    /// The group that an account lives in, in this view. During a move it is the previous one until the new one has all of it: what the
    /// new group has taken over is whole, so that a view that shows it misses nothing that the previous one ever had.
    pub fn group_of(&self, account: AccountId) -> Result<GroupId, ServiceError> {
        let placement = self.directory.account(account).filter(|a| !a.closing);
        let placement = placement.ok_or_else(|| account_not_found(account))?;
        let there = || {
            let group = self.groups.get(&placement.group);
            group.is_some_and(|g| g.lives_here(account, placement.epoch))
        };
        let group =
            if placement.previous == 0 || there() { placement.group } else { placement.previous };
        Ok(GroupId(group))
    }

    /// The groups that an answer about an account rests on: the directory, the one that it lives in, and during a move both.
    pub fn groups_of(&self, account: AccountId) -> Vec<GroupId> {
        let placement = self.directory.account(account);
        let groups = placement.map(|p| [p.group, p.previous]).unwrap_or_default();
        let groups = groups.into_iter().filter(|g| *g != GroupId::DIRECTORY.0).map(GroupId);
        core::iter::once(GroupId::DIRECTORY).chain(groups).collect()
    }

    /// The present generation of a group, as this view's directory has it.
    pub fn origin(&self, group: GroupId) -> Origin {
        let generation = self.directory.placement(group).map_or(0, Placement::generation);
        Origin::Group { group, generation }
    }

    /// Refuses positions that were lost when their group was recovered: no view will ever cover them.
    ///
    /// # Errors
    /// [`Reason::PositionDropped`].
    pub fn check_positions(&self, positions: &Clock) -> Result<(), ServiceError> {
        for (origin, position) in positions.iter() {
            let Origin::Group { group, generation } = origin else { continue };
            let ended = self.directory.placement(group).map(|p| p.ended.as_slice());
            let ended = ended.unwrap_or_default();
            let place = usize::try_from(generation).unwrap_or(usize::MAX);
            if let Some(base) = ended.get(place).filter(|base| position > **base) {
                let message = format!(
                    "{origin} was lost at {base} and recovered in a new generation: position {position} is gone, and with it what the token stands for"
                );
                return Err(ServiceError::new(Reason::PositionDropped, message)
                    .with("group", group)
                    .with("position", position)
                    .with("base", base));
            }
        }
        Ok(())
    }

    /// Whether all past generations of a group are here, up to where each ended: what a later one wrote alone is no state.
    fn is_whole(&self, group: GroupId) -> bool {
        let Some(placement) = self.directory.placement(group) else { return true };
        (0..).zip(&placement.ended).all(|(generation, base)| {
            self.positions.get(Origin::Group { group, generation }) >= *base
        })
    }

    /// An account's state.
    pub fn account(&self, account: AccountId) -> Result<&Arc<AccountState>, ServiceError> {
        let group = self.group_of(account)?;
        if !(self.is_whole(group) && self.is_whole(GroupId::DIRECTORY)) {
            return Err(account_not_found(account));
        }
        if self.fenced.contains(&account.as_u64()) {
            let message = format!(
                "this node's state of the account {account} differs from the voters' and is fetched anew: ask another node"
            );
            return Err(ServiceError::new(Reason::AccountFenced, message));
        }
        let state = self.groups.get(&group.0).and_then(|g| g.account(account));
        state.ok_or_else(|| account_not_found(account))
    }

    /// The part of the positions that answers about these groups rest on.
    pub fn positions_of(&self, groups: &[GroupId]) -> Clock {
        groups.iter().filter_map(|group| self.positions.of_group(*group)).collect()
    }
}

fn account_not_found(account: AccountId) -> ServiceError {
    ServiceError::new(
        Reason::AccountNotFound,
        format!("the account {account} is not known at this node; it may not have arrived yet"),
    )
}
