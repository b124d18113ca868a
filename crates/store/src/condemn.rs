//! A store whose content is void: it is emptied when it is opened next, however often that is cut short.

use core::ops::Bound;

use bytes::Bytes;

use crate::{Batch, NodeStore, StoreError, Tree};

/// The fact that the store is condemned.
const VOID: &[u8] = b"void";
/// The fact that it was emptied once.
const ANEW: &[u8] = b"anew";
/// What of the store's own facts stays.
const FORMAT: &[u8] = b"format";
/// The fact of a group that stays: a vote must not be given twice, whatever else was forgotten.
const VOTE: &[u8] = b"vote";
/// Rows that go in one step.
const STEP: usize = 4_096;
/// Everything that goes, its own facts last.
const TREES: [Tree; 9] = [
    Tree::Record,
    Tree::Index,
    Tree::Clock,
    Tree::Log,
    Tree::Meta,
    Tree::Local,
    Tree::Tombstone,
    Tree::Floor,
    Tree::Store,
];

impl NodeStore {
    /// Writes down, durably, that everything in this store is void. It goes with the next [`NodeStore::open`].
    ///
    /// # Errors
    /// The store can't be written.
    pub async fn condemn(&self) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.put(Tree::Store, VOID, Bytes::new());
        self.committer().commit(&batch).await
    }

    /// Whether the store was emptied once because it was condemned: its node belonged to a cluster before.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn began_anew(&self) -> Result<bool, StoreError> {
        Ok(self.engine().get(Tree::Store, ANEW)?.is_some())
    }

    /// Empties the store where it is condemned.
    pub(crate) fn empty_if_condemned(&self) -> Result<(), StoreError> {
        if self.engine().get(Tree::Store, VOID)?.is_none() {
            return Ok(());
        }
        for tree in TREES {
            self.empty(tree)?;
        }
        self.engine().sync()?;
        let mut batch = Batch::default();
        batch.put(Tree::Store, ANEW, Bytes::new());
        batch.delete(Tree::Store, VOID);
        self.engine().apply(&batch)?;
        self.engine().sync()
    }

    fn empty(&self, tree: Tree) -> Result<(), StoreError> {
        let stays = |key: &Bytes| match tree {
            Tree::Meta => key.get(4..) == Some(VOTE),
            Tree::Store => **key == *VOID || **key == *FORMAT,
            _ => false,
        };
        let mut after: Option<Bytes> = None;
        loop {
            let from = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let rows = self.engine().scan(tree, from, Bound::Unbounded, STEP)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let mut batch = Batch::default();
            for (key, _) in rows.iter().filter(|(key, _)| !stays(key)) {
                batch.delete(tree, key.clone());
            }
            self.engine().apply(&batch)?;
        }
    }
}

#[cfg(test)]
mod tests;
