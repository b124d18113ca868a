//! Who belongs to the cluster and which group has which account, as the directory changes it.

use std::collections::BTreeSet;

use tidegate_policy::AccountId;

use super::{DirectoryState, VOTERS};
use crate::{
    Key, Reply,
    apply::Changes,
    command::{AnnounceNode, RegisterNode},
    membership::{
        AccountMoved, AccountReleased, AddGroup, Change, ChangeMembership, DrainNode, MoveAccount,
        ReadmitNode, RetireNode,
    },
    record::{AccountPlacement, Departed, Node, Placement, node_state},
    rejection::{Rejection, RejectionKind},
    secrets::SEALING_KEYS_MAX,
    version::SEALING_KEYS,
};

/// Groups of accounts that a cluster may have: each costs every node some memory, and its voters some time.
const GROUPS_MAX: usize = 4_096;

type Answer = Result<Reply, Rejection>;

fn no_such_node(node: u64) -> Rejection {
    Rejection::no_such("node", &format!("n{node}"))
}

fn conflict(message: impl Into<String>) -> Rejection {
    Rejection::new(RejectionKind::DeleteConflict, message)
}

impl DirectoryState {
    pub(super) fn change_membership(
        &self,
        time: u64,
        c: &ChangeMembership,
        changes: &mut Changes,
    ) -> Answer {
        match &c.change {
            Some(Change::Drain(c)) => self.drain_node(c, changes),
            Some(Change::Retire(c)) => self.retire_node(c, changes),
            Some(Change::Evict(c)) => self.remove_node(time, c.node, true, changes),
            Some(Change::Readmit(c)) => self.readmit_node(c, changes),
            Some(Change::AddGroup(c)) => self.add_group(c, changes),
            Some(Change::Move(c)) => self.move_account(c, changes),
            Some(Change::Moved(c)) => self.account_moved(c, changes),
            Some(Change::Released(c)) => self.account_released(c, changes),
            None => Err(Rejection::invalid("This change is not known.")),
        }
    }

    fn known_node(&self, node: u64) -> Result<&Node, Rejection> {
        self.node(node).ok_or_else(|| no_such_node(node))
    }

    pub(super) fn register_node(&self, c: &RegisterNode, changes: &mut Changes) -> Answer {
        let node = c.node.as_ref();
        let node = node.ok_or_else(|| Rejection::invalid("The node is not described."))?;
        let known = self.nodes.get(&node.id);
        let moved = known.is_some_and(|n| n.region != node.region);
        if node.id == 0 || node.region.is_empty() || node.peer_address.is_empty() || moved {
            let message = "A node needs a number, its own region for ever, and an address.";
            return Err(Rejection::invalid(message));
        }
        if self.departed.contains_key(&node.id) {
            let message = format!("n{} was taken out; its number is never given again.", node.id);
            return Err(Rejection::invalid(message));
        }
        if known.is_some() && c.new {
            return Err(Rejection::exists("Node", &format!("n{}", node.id)));
        }
        let state = known.map_or(node_state::ACTIVE, |n| n.state);
        let apply_version_max = known.map_or(0, |n| n.apply_version_max);
        let sealing_keys = known.map(|n| n.sealing_keys.clone()).unwrap_or_default();
        let node = Node { state, apply_version_max, sealing_keys, ..node.clone() };
        changes.put(Key::Node(node.id), &node);
        Ok(Reply::Node(node))
    }

    /// What a node says of itself.
    pub(super) fn announce_node(&self, c: &AnnounceNode, changes: &mut Changes) -> Answer {
        let node = self.known_node(c.node)?;
        let mut said = Node { apply_version_max: c.apply_version_max, ..node.clone() };
        if self.version() >= SEALING_KEYS {
            if c.sealing_keys.len() > SEALING_KEYS_MAX {
                return Err(Rejection::limit("SealingKeysPerNode", SEALING_KEYS_MAX));
            }
            said.sealing_keys.clone_from(&c.sealing_keys);
        }
        if said != *node {
            changes.put(Key::Node(c.node), &said);
        }
        Ok(Reply::Done(true))
    }

    fn speaks(&self, node: u64) -> bool {
        self.placements.values().any(|p| p.speakers().any(|n| n == node))
    }

    /// Takes a node out that votes in nothing; for good, or so that it may come back.
    pub(super) fn remove_node(
        &self,
        time: u64,
        node: u64,
        may_return: bool,
        changes: &mut Changes,
    ) -> Answer {
        if self.speaks(node) {
            return Err(Rejection::conflict("must take the node out of its groups first"));
        }
        let gone = match (self.nodes.get(&node), self.departed.get(&node)) {
            (Some(known), _) => {
                let node = Node { state: node_state::ACTIVE, ..(**known).clone() };
                Departed { node: Some(node), at: time, may_return }
            }
            (None, Some(departed)) if departed.may_return => {
                Departed { may_return, ..(**departed).clone() }
            }
            (None, _) => return Err(no_such_node(node)),
        };
        changes.delete(Key::Node(node));
        changes.put(Key::Departed(node), &gone);
        Ok(Reply::Done(true))
    }

    fn readmit_node(&self, c: &ReadmitNode, changes: &mut Changes) -> Answer {
        let gone = self.departed.get(&c.node).filter(|gone| gone.may_return);
        let Some(node) = gone.and_then(|gone| gone.node.as_ref()) else {
            self.known_node(c.node)?;
            // The request, come again.
            return Ok(Reply::Done(false));
        };
        changes.put(Key::Node(c.node), node);
        changes.delete(Key::Departed(c.node));
        Ok(Reply::Done(true))
    }

    fn drain_node(&self, c: &DrainNode, changes: &mut Changes) -> Answer {
        let node = self.known_node(c.node)?;
        if node.state == node_state::LEAVING {
            return Err(conflict("The node is leaving."));
        }
        let active =
            |n: &u64| *n != c.node && self.node(*n).is_some_and(|n| n.state == node_state::ACTIVE);
        let last = self.placements.values().find(|p| {
            p.voters.contains(&c.node) && p.voters.len() > 1 && !p.voters.iter().any(active)
        });
        if let Some(placement) = last.filter(|_| !c.end) {
            return Err(conflict(format!(
                "No other voter of g{} would be left to lead it.",
                placement.group
            )));
        }
        let state = if c.end { node_state::ACTIVE } else { node_state::DRAINING };
        let node = Node { state, ..node.clone() };
        changes.put(Key::Node(c.node), &node);
        Ok(Reply::Node(node))
    }

    fn retire_node(&self, c: &RetireNode, changes: &mut Changes) -> Answer {
        let node = self.known_node(c.node)?;
        let votes: Vec<&Placement> = self
            .placements
            .values()
            .filter(|p| p.voters.contains(&c.node))
            .map(|placement| &**placement)
            .collect();
        match (votes.first(), c.replacement) {
            (Some(placement), 0) => {
                return Err(Rejection::invalid(format!(
                    "n{} votes in g{}: name the node that votes in its place.",
                    c.node, placement.group
                )));
            }
            (None, n) if n != 0 => {
                let message =
                    format!("n{} votes in nothing: nobody is needed in its place.", c.node);
                return Err(Rejection::invalid(message));
            }
            _ => {}
        }
        for placement in votes {
            let voter = self.known_node(c.replacement)?;
            let apt = voter.state == node_state::ACTIVE
                && voter.region == placement.region
                && !placement.speakers().any(|n| n == c.replacement);
            if !apt {
                return Err(Rejection::invalid(format!(
                    "n{} can't vote in the place of n{} in g{}: it must be in its home region, {}, take part, and not vote there yet.",
                    c.replacement, c.node, placement.group, placement.region
                )));
            }
            let mut changed = placement.clone();
            changed.voters.retain(|n| *n != c.node);
            changed.voters.push(c.replacement);
            changed.voters.sort_unstable();
            changed.leaving.push(c.node);
            changed.changes += 1;
            changes.put(Key::Placement(placement.group), &changed);
        }
        let node = Node { state: node_state::LEAVING, ..node.clone() };
        changes.put(Key::Node(c.node), &node);
        Ok(Reply::Node(node))
    }

    fn add_group(&self, c: &AddGroup, changes: &mut Changes) -> Answer {
        let voters: BTreeSet<u64> = c.voters.iter().copied().collect();
        if voters.len() != c.voters.len() || !VOTERS.contains(&voters.len()) {
            let message = "A group has three, five or seven voters, or one, each named once.";
            return Err(Rejection::invalid(message));
        }
        if self.placements.len() > GROUPS_MAX {
            return Err(Rejection::limit("Groups", GROUPS_MAX));
        }
        let nodes: Vec<&Node> =
            voters.iter().map(|n| self.known_node(*n)).collect::<Result<_, _>>()?;
        let regions: BTreeSet<&str> = nodes.iter().map(|n| n.region.as_str()).collect();
        let [region] = regions.into_iter().collect::<Vec<_>>()[..] else {
            return Err(Rejection::invalid("The voters of a group must be in one home region."));
        };
        let last = self.placements.keys().max().copied().unwrap_or(0);
        let placement = Placement {
            group: last + 1,
            region: region.to_owned(),
            voters: voters.into_iter().collect(),
            ..Placement::default()
        };
        changes.put(Key::Placement(placement.group), &placement);
        Ok(Reply::Placement(placement))
    }

    fn known_account(&self, account: u64) -> Result<&AccountPlacement, Rejection> {
        let known = AccountId::from_u64(account).ok().and_then(|id| self.account(id));
        known.ok_or_else(|| Rejection::no_such("account", &format!("{account:012}")))
    }

    fn move_account(&self, c: &MoveAccount, changes: &mut Changes) -> Answer {
        let placement = self.known_account(c.account)?;
        if c.group == 0 || !self.placements.contains_key(&c.group) {
            return Err(Rejection::no_such("group", &format!("g{}", c.group)));
        }
        if placement.previous != 0 || !placement.active || placement.closing {
            return Err(conflict("The account is being made, moved or deleted."));
        }
        if placement.group == c.group {
            let message = format!("The account is in g{} already.", c.group);
            return Err(Rejection::invalid(message));
        }
        let moving = AccountPlacement {
            group: c.group,
            previous: placement.group,
            epoch: placement.epoch + 1,
            moved: false,
            ..placement.clone()
        };
        changes.put(Key::AccountPlacement(c.account), &moving);
        Ok(Reply::AccountPlacement(moving))
    }

    fn account_moved(&self, c: &AccountMoved, changes: &mut Changes) -> Answer {
        let placement = self.known_account(c.account)?;
        // A later move has its own end.
        if placement.epoch == c.epoch && placement.previous != 0 && !placement.moved {
            let moved = AccountPlacement { moved: true, ..placement.clone() };
            changes.put(Key::AccountPlacement(c.account), &moved);
        }
        Ok(Reply::Done(true))
    }

    fn account_released(&self, c: &AccountReleased, changes: &mut Changes) -> Answer {
        let placement = self.known_account(c.account)?;
        if placement.epoch == c.epoch && placement.moved {
            let there = AccountPlacement { previous: 0, moved: false, ..placement.clone() };
            changes.put(Key::AccountPlacement(c.account), &there);
        }
        Ok(Reply::Done(true))
    }
}
