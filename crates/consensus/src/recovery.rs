//! What is done with a group whose voters are lost, on a node where the group has been shut down: see how far its log goes, take the rest of
//! the log for committed, and begin the group anew from a state that stands.
//!
//! An entry that a lost majority had acknowledged stands in the log of a voter that survives, or nowhere. Whether one that stands there had
//! been acknowledged nobody can tell any more: so all of them count.

use core::ops::Bound;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use openraft::EmptyNode;
use tidegate_replica::{GroupId, NodeId};
use tidegate_store::{Batch, NodeStore, Tree};

use crate::{
    log::io_error,
    machine::{Committed, Driver, Machine, read_applied},
    row,
    types::{Entry, LeaderId, LogId, Membership, StoredMembership},
    wire::{self, AppliedW, EntryW, LogIdW, VoteW},
};

/// Rows of the log that one step reads or removes.
const STEP: usize = 1_024;

/// How far the log of a group goes on this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogEnd {
    /// The term of its last entry.
    pub term: u64,
    /// Its last index: of two logs the one with the greater term, then the greater index, holds all that the other has acknowledged.
    pub last: u64,
    /// Up to where this node has applied it.
    pub applied: u64,
}

/// How far the log of a group goes on this node.
///
/// # Errors
/// The store can't be read.
pub fn log_end(group: GroupId, store: &NodeStore) -> io::Result<LogEnd> {
    let applied = read_applied(group, store)?.last.map(wire::read_log_id);
    let last = store.engine().last(Tree::Log, &NodeStore::group_key(group, &[]));
    let last = last.map_err(io_error)?.map(|(_, row)| read_entry(&row)).transpose()?;
    let end = last.map(|entry| entry.log_id).max(applied);
    Ok(LogEnd {
        term: end.map_or(0, |id| id.leader_id.term),
        last: end.map_or(0, |id| id.index),
        applied: applied.map_or(0, |id| id.index),
    })
}

fn read_entry(row: &bytes::Bytes) -> io::Result<Entry> {
    wire::read_entry(row::open::<EntryW>(row)?).map_err(io_error)
}

/// The entries of the log behind `after`, in their order.
fn entries(group: GroupId, store: &NodeStore, after: u64) -> io::Result<Vec<Entry>> {
    let key = |index: u64| NodeStore::group_key(group, &index.to_be_bytes());
    let (from, to) = (key(after), key(u64::MAX));
    let rows =
        store.engine().scan(Tree::Log, Bound::Excluded(&from), Bound::Included(&to), usize::MAX);
    rows.map_err(io_error)?.iter().map(|(_, row)| read_entry(row)).collect()
}

/// The entries of the log that this node has not applied, in their order, as a machine would be given them.
///
/// # Errors
/// The store can't be read.
pub fn tail(
    group: GroupId,
    store: &NodeStore,
    machine: Arc<dyn Machine>,
) -> io::Result<Vec<Committed>> {
    let mut driver = Driver::open(group, store.clone(), machine, Arc::new(|| false))?;
    let behind = entries(group, store, driver.applied())?;
    Ok(behind.into_iter().map(|entry| driver.committed(entry.log_id, entry.payload)).collect())
}

/// Takes everything in the log for committed, and applies it. Gives the index of its last entry.
///
/// # Errors
/// The store can't be read or written, or the machine can't apply an entry.
pub async fn commit_tail(
    group: GroupId,
    store: &NodeStore,
    machine: Arc<dyn Machine>,
) -> io::Result<u64> {
    let mut driver = Driver::open(group, store.clone(), machine, Arc::new(|| true))?;
    for entry in entries(group, store, driver.applied())? {
        driver.apply_step(vec![(entry, None)]).await?;
    }
    Ok(driver.applied())
}

/// Begins a group anew on this node, alone: its machine's state stands at `base`, and its log goes on behind it. What the log held goes.
/// `time`: no entry is given an earlier one, in milliseconds since the Unix epoch.
///
/// # Errors
/// The store can't be read or written.
pub async fn begin_at(
    group: GroupId,
    store: &NodeStore,
    me: NodeId,
    base: u64,
    time: u64,
) -> io::Result<()> {
    let key = |name: &[u8]| NodeStore::group_key(group, name);
    let vote = store.engine().get(Tree::Meta, &key(b"vote")).map_err(io_error)?;
    let vote: VoteW = vote.map(|row| row::open(&row)).transpose()?.unwrap_or_default();
    let end = log_end(group, store)?;
    // A term that no vote was given in.
    let term = vote.term.max(end.term) + 1;
    let (first, last) =
        (NodeStore::group_key(group, &[]), NodeStore::group_key(GroupId(group.0 + 1), &[]));
    loop {
        let rows =
            store.engine().scan(Tree::Log, Bound::Included(&first), Bound::Excluded(&last), STEP);
        let rows = rows.map_err(io_error)?;
        if rows.is_empty() {
            break;
        }
        let mut batch = Batch::default();
        for (key, _) in rows {
            batch.delete(Tree::Log, key);
        }
        store.committer().commit(&batch).await.map_err(io_error)?;
    }
    let at = LogId::new(LeaderId { term, node_id: me.0 }, base);
    #[expect(clippy::zero_sized_map_values, reason = "the form that openraft takes")]
    let nodes: BTreeMap<u64, EmptyNode> = BTreeMap::from([(me.0, EmptyNode {})]);
    let alone = Membership::new(vec![BTreeSet::from([me.0])], nodes).map_err(io_error)?;
    let applied = AppliedW {
        last: Some(wire::log_id(&at)),
        membership: Some(wire::stored_membership(&StoredMembership::new(Some(at), alone))),
        time: time.max(read_applied(group, store)?.time),
    };
    let place: LogIdW = wire::log_id(&at);
    let mut batch = Batch::default();
    batch.put(Tree::Meta, key(b"vote"), row::seal(&VoteW { term, node: me.0, committed: false }));
    batch.put(Tree::Meta, key(b"purged"), row::seal(&place));
    batch.put(Tree::Meta, key(b"committed"), row::seal(&place));
    batch.put(Tree::Meta, key(b"applied"), row::seal(&applied));
    store.committer().commit(&batch).await.map_err(io_error)
}
