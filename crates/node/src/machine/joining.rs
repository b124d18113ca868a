//! What is written down while a node that begins to vote in a group makes it anew from its log: how far it knew the group before. Until
//! the log has come so far, a restart would show an older state, so that no freshness from before counts.

use core::ops::Bound;

use bytes::Bytes;
use tidegate_replica::GroupId;
use tidegate_store::{Batch, NodeStore, StoreError, Tree};

const NAME: &[u8] = b"joining";

fn key(group: GroupId) -> Bytes {
    NodeStore::group_key(group, NAME)
}

/// How far the group was known; 0 where the node does not begin to vote in it.
pub(crate) fn read(store: &NodeStore, group: GroupId) -> Result<u64, StoreError> {
    let row = store.engine().get(Tree::Meta, &key(group))?;
    let bytes = row.and_then(|row| <[u8; 8]>::try_from(&*row).ok());
    Ok(bytes.map_or(0, u64::from_be_bytes))
}

/// Writes down how far the group is known.
pub(crate) fn write(batch: &mut Batch, group: GroupId, known: u64) {
    batch.put(Tree::Meta, key(group), known.to_be_bytes().to_vec());
}

/// The log has come so far.
pub(crate) fn delete(store: &NodeStore, group: GroupId) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    batch.delete(Tree::Meta, key(group));
    store.engine().apply(&batch)
}

/// Whether this node begins to vote in any group, or had begun when it was stopped.
pub(crate) fn any(store: &NodeStore) -> Result<bool, StoreError> {
    let rows = store.engine().scan(Tree::Meta, Bound::Unbounded, Bound::Unbounded, usize::MAX)?;
    Ok(rows.iter().any(|(key, _)| key.get(4..) == Some(NAME)))
}
