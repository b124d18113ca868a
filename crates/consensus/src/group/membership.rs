//! Who votes in a group, and how that changes.

use core::{ops::Bound, time::Duration};
use std::{collections::BTreeSet, io};

use bytes::Bytes;
use openraft::{ChangeMembers, EmptyNode, async_runtime::WatchReceiver};
use tidegate_replica::{GroupId, NodeId};
use tidegate_store::{Batch, NodeStore, Tree};

use super::Group;
use crate::{log::io_error, machine::applied_index};

/// Log rows that one step of forgetting takes.
const FORGET_STEP: usize = 4_096;

/// Why the voters are not changed yet. Trying again is safe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// The step takes longer than it may: a new voter still learns, or no quorum answers.
    #[error("the change of voters is not done in time")]
    Late,
    /// This node does not lead, or another change is under way.
    #[error("the voters can't be changed now: {0}")]
    Refused(String),
}

fn membership<T, E: core::fmt::Display>(
    done: Result<Result<T, E>, tokio::time::error::Elapsed>,
) -> Result<(), MembershipError> {
    match done {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(MembershipError::Refused(error.to_string())),
        Err(_late) => Err(MembershipError::Late),
    }
}

impl Group {
    /// Leading the group, brings its members nearer to these voters: who is new learns first, and only then the voters change, by joint
    /// consensus. Who votes no more goes on learning until [`Group::forget_learners`]. `true`: there is nothing to do. Safe to repeat.
    ///
    /// # Errors
    /// A step was not done within `step`, or this node does not lead.
    pub async fn change_voters(
        &self,
        voters: &BTreeSet<NodeId>,
        step: Duration,
    ) -> Result<bool, MembershipError> {
        let wanted: BTreeSet<u64> = voters.iter().map(|v| v.0).collect();
        let (configs, known) = self.membership();
        if configs == [wanted.clone()] {
            return Ok(true);
        }
        let raft = &self.0.raft;
        for new in wanted.difference(&known) {
            let learns = raft.add_learner(*new, EmptyNode {}, true);
            membership(tokio::time::timeout(step, learns).await)?;
        }
        let change = raft.change_membership(wanted, true);
        membership(tokio::time::timeout(step, change).await)?;
        Ok(false)
    }

    /// Leading the group, stops telling these nodes, which vote no more, what it commits.
    ///
    /// # Errors
    /// As [`Group::change_voters`].
    pub async fn forget_learners(
        &self,
        nodes: &BTreeSet<NodeId>,
        step: Duration,
    ) -> Result<(), MembershipError> {
        let nodes = nodes.iter().map(|n| n.0).collect();
        let change = self.0.raft.change_membership(ChangeMembers::RemoveNodes(nodes), false);
        membership(tokio::time::timeout(step, change).await)
    }

    /// Who is told what the group commits and does not vote, as far as this node knows.
    pub fn learners(&self) -> BTreeSet<NodeId> {
        let (configs, known) = self.membership();
        let votes = |node: &u64| configs.iter().any(|c| c.contains(node));
        known.into_iter().filter(|n| !votes(n)).map(NodeId).collect()
    }

    /// The voters, twice during a change, and all who are told what is committed.
    fn membership(&self) -> (Vec<BTreeSet<u64>>, BTreeSet<u64>) {
        let metrics = self.0.raft.metrics();
        let metrics = metrics.borrow_watched();
        let membership = metrics.membership_config.membership();
        let known = membership.nodes().map(|(n, _)| *n).collect();
        (membership.get_joint_config().clone(), known)
    }
}

/// Facts of a group that go when its log goes. The vote stays: it must not be given twice.
const FACTS: [&[u8]; 3] = [b"purged", b"committed", b"applied"];

fn forgetting(group: GroupId) -> Bytes {
    NodeStore::group_key(group, b"forgetting")
}

/// Whether the store holds anything of a group's log: it was voted in here, and was not forgotten to the end.
///
/// # Errors
/// The store can't be read.
pub fn is_remembered(group: GroupId, store: &NodeStore) -> io::Result<bool> {
    Ok(is_half_forgotten(group, store)? || applied_index(group, store)? > 0)
}

/// The groups whose log this node has applied something of: it votes in them, or did when it was stopped.
///
/// # Errors
/// The store can't be read.
pub fn remembered(store: &NodeStore) -> io::Result<BTreeSet<GroupId>> {
    let (from, to) = (Bound::Unbounded, Bound::Unbounded);
    let rows = store.engine().scan(Tree::Meta, from, to, usize::MAX).map_err(io_error)?;
    let number = |key: &[u8]| key.first_chunk().map(|group| GroupId(u32::from_be_bytes(*group)));
    let known: BTreeSet<GroupId> = rows.iter().filter_map(|(key, _)| number(key)).collect();
    let mut groups = BTreeSet::new();
    for group in known {
        if applied_index(group, store)? > 0 && !is_half_forgotten(group, store)? {
            groups.insert(group);
        }
    }
    Ok(groups)
}

/// Whether forgetting a group has begun and not come to its end.
///
/// # Errors
/// The store can't be read.
pub fn is_half_forgotten(group: GroupId, store: &NodeStore) -> io::Result<bool> {
    Ok(store.engine().get(Tree::Meta, &forgetting(group)).map_err(io_error)?.is_some())
}

/// Forgets the log and the position of a group that this node votes in no more, and what its machine kept for itself. The group must
/// have been shut down. Where it is cut short it is to be called again: [`is_half_forgotten`] tells.
///
/// # Errors
/// The store can't be written.
pub async fn forget_group(group: GroupId, store: &NodeStore) -> io::Result<()> {
    let mut batch = Batch::default();
    batch.put(Tree::Meta, forgetting(group), Bytes::new());
    for fact in FACTS {
        batch.delete(Tree::Meta, NodeStore::group_key(group, fact));
    }
    store.committer().commit(&batch).await.map_err(io_error)?;
    let (first, end) =
        (NodeStore::group_key(group, &[]), NodeStore::group_key(GroupId(group.0 + 1), &[]));
    let (from, to) = (Bound::Included(&*first), Bound::Excluded(&*end));
    for tree in [Tree::Log, Tree::Local] {
        loop {
            let rows = store.engine().scan(tree, from, to, FORGET_STEP).map_err(io_error)?;
            if rows.is_empty() {
                break;
            }
            let mut batch = Batch::default();
            for (key, _) in rows {
                batch.delete(tree, key);
            }
            store.committer().commit(&batch).await.map_err(io_error)?;
        }
    }
    let mut batch = Batch::default();
    batch.delete(Tree::Meta, forgetting(group));
    store.committer().commit(&batch).await.map_err(io_error)
}
