//! Groups whose voters are lost go on: what each node writes down of it.
//!
//! A recovery has five steps, which the node that an operator asks carries out at all nodes that it reaches; each may be repeated, and one that
//! was cut short is gone on with by asking again:
//!
//! 1. *look*: how far every node has each group, by its log or by gossip. Nothing is changed.
//! 2. *halt*: the voters that survive speak no more. Where the log of one holds what nobody else has it is *harvested*: all of it counts.
//! 3. everybody catches up by gossip with the one that has the most. That is the base.
//! 4. *close*: everybody promises, durably, to take nothing of the old generation above the base.
//! 5. *open*: one node begins the new generation by itself, behind the base; then the directory says so, names the voters and evicts who could
//!    not be reached (`tidegate_model::recovery`).

pub(crate) mod conduct;
pub(crate) mod order;
mod plan;
pub(crate) mod steps;

use std::collections::BTreeMap;

use bytes::Bytes;
use parking_lot::RwLock;
use prost::Message;
use tidegate_model::recovery::Recovered;
use tidegate_replica::{GroupId, NodeId, Origin};
use tidegate_service::View;
use tidegate_store::{Batch, NodeStore, StoreError, Tree};

use crate::machine::generations;

/// Stands behind the group in the name of its row.
const NAME: &[u8] = b"recovery";

/// What a node has done towards a recovery. The numbers are on disk.
pub(crate) mod phase {
    /// It speaks in the group no more.
    pub(crate) const HALTED: u32 = 1;
    /// The same, and what its log held is applied.
    pub(crate) const HARVESTED: u32 = 2;
    /// It takes nothing above the end.
    pub(crate) const CLOSED: u32 = 3;
    /// It has begun the next generation.
    pub(crate) const OPEN: u32 = 4;
}

/// What a node has written down of the recovery of a group.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct Row {
    /// One of [`phase`].
    #[prost(uint32, tag = "1")]
    pub(crate) phase: u32,
    /// The generation that is to end.
    #[prost(uint32, tag = "2")]
    pub(crate) generation: u32,
    /// From [`phase::CLOSED`] on: where generations ended, that one among them.
    #[prost(uint64, repeated, tag = "3")]
    pub(crate) ended: Vec<u64>,
    /// From [`phase::CLOSED`] on: who begins the next one.
    #[prost(uint64, tag = "4")]
    pub(crate) seed: u64,
}

/// The recoveries of a node's groups, as its store has them.
#[derive(Debug)]
pub(crate) struct Recoveries {
    rows: RwLock<BTreeMap<GroupId, Row>>,
}

fn key(group: GroupId) -> Bytes {
    NodeStore::group_key(group, NAME)
}

impl Recoveries {
    /// Those of a store.
    pub(crate) fn open(store: &NodeStore) -> Result<Self, StoreError> {
        let (all, none) = (core::ops::Bound::Unbounded, core::ops::Bound::Unbounded);
        let mut rows = BTreeMap::new();
        for (key, row) in store.engine().scan(Tree::Meta, all, none, usize::MAX)? {
            let Some((group, NAME)) = key.split_first_chunk::<4>() else { continue };
            let row = Row::decode(row);
            let row = row.map_err(|e| StoreError::Corrupt(format!("a recovery: {e}")))?;
            rows.insert(GroupId(u32::from_be_bytes(*group)), row);
        }
        Ok(Self { rows: RwLock::new(rows) })
    }

    /// What is written down of a group.
    pub(crate) fn row(&self, group: GroupId) -> Option<Row> {
        self.rows.read().get(&group).cloned()
    }

    /// Writes it down, durably.
    pub(crate) async fn write(
        &self,
        store: &NodeStore,
        group: GroupId,
        row: Row,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.put(Tree::Meta, key(group), row.encode_to_vec());
        store.committer().commit(&batch).await?;
        self.rows.write().insert(group, row);
        Ok(())
    }

    /// Where a group's past generations ended, as this node knows from the directory or has promised itself.
    pub(crate) fn ended(&self, view: &View, group: GroupId) -> Vec<u64> {
        let said = view.directory.placement(group).map(|p| p.ended.clone()).unwrap_or_default();
        match self.rows.read().get(&group) {
            Some(row) if row.ended.len() > said.len() => row.ended.clone(),
            _ => said,
        }
    }

    /// The same of all groups that were ever recovered.
    pub(crate) fn all_ended(&self, view: &View) -> BTreeMap<GroupId, Vec<u64>> {
        let said = view.directory.placements().map(|p| GroupId(p.group));
        let groups: Vec<GroupId> = said.chain(self.rows.read().keys().copied()).collect();
        let ended = groups.into_iter().map(|group| (group, self.ended(view, group)));
        ended.filter(|(_, ended)| !ended.is_empty()).collect()
    }

    /// The present generation of a group.
    pub(crate) fn origin(&self, view: &View, group: GroupId) -> Origin {
        generations(group, &self.ended(view, group)).1
    }

    /// What is under way: the directory does not say yet that it is done.
    pub(crate) fn under_way(&self, view: &View, group: GroupId) -> Option<Row> {
        let generation = view
            .directory
            .placement(group)
            .map_or(0, tidegate_model::record::Placement::generation);
        self.row(group).filter(|row| row.generation == generation)
    }

    /// Whether this node has closed all of these groups just so.
    pub(crate) fn has_closed(&self, groups: &[Recovered]) -> bool {
        let rows = self.rows.read();
        groups.iter().all(|group| {
            rows.get(&GroupId(group.group)).is_some_and(|row| {
                row.phase >= phase::CLOSED
                    && (row.generation, row.seed) == (group.generation, group.seed)
                    && row.ended.last() == Some(&group.base)
            })
        })
    }

    /// Who begins the next generation, once this node has heard it.
    pub(crate) fn seed(&self, view: &View, group: GroupId) -> Option<NodeId> {
        let row = self.under_way(view, group).filter(|row| row.phase >= phase::CLOSED)?;
        Some(NodeId(row.seed))
    }
}
