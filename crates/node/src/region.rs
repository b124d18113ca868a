//! What this node writes itself: the one place where it appends, and the parts that do.

mod accesses;
mod importer;
mod last_used;
mod proposals;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use tidegate_model::region::RegionKey;
use tidegate_replica::{Clock, Dot, Frame, NodeId, Origin, Record, Stamp};
use tidegate_service::{Reason, ServiceError};
use tidegate_store::{Batch, NodeStore, StoreError, Tree};
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    gossip::{Gossip, Input},
    platform::Platform,
    views::Views,
    vouching::Vouching,
};

pub(crate) use accesses::of_path;
pub(crate) use importer::run as import;
pub(crate) use last_used::{Uses, run as tell_uses};
pub(crate) use proposals::check as check_proposal;

/// Under which incarnation this store's node writes.
const INCARNATION: &str = "incarnation";

/// How far the present incarnation is.
#[derive(Debug)]
pub(crate) struct Writing {
    incarnation: u32,
    sequence: u64,
    /// Up to where it is told.
    told: u64,
    /// Applied, and not known to be durable: the disk was full.
    pending: Vec<Record>,
}

/// Writes records of this node: durable, then in its view, then on their way to every peer.
#[derive(Debug)]
pub(crate) struct RegionLane {
    me: NodeId,
    store: NodeStore,
    views: Arc<Views>,
    gossip: Gossip,
    platform: Arc<dyn Platform>,
    writing: Mutex<Writing>,
    /// Signs what is written.
    vouching: OnceLock<Arc<Vouching>>,
}

fn draw(platform: &dyn Platform) -> u32 {
    let mut bytes = [0; 4];
    platform.entropy(&mut bytes);
    u32::from_le_bytes(bytes).max(1)
}

/// Makes an incarnation the store's, durably.
async fn begin(store: &NodeStore, incarnation: u32) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    batch.put(Tree::Store, INCARNATION, incarnation.to_be_bytes().to_vec());
    store.committer().commit(&batch).await
}

fn failed(error: &StoreError) -> ServiceError {
    match error {
        StoreError::Full { .. } => ServiceError::new(Reason::DiskFull, error.to_string()),
        _ => ServiceError::new(
            Reason::UnknownOutcome,
            format!("the store failed, and it may yet take effect: {error}"),
        ),
    }
}

impl RegionLane {
    /// The lane of a store. One that is new gets an incarnation that no store had before: it is drawn, so that a node whose store and clock
    /// were lost does not come back under its old one.
    pub(crate) async fn open(
        me: NodeId,
        store: NodeStore,
        views: Arc<Views>,
        gossip: Gossip,
        platform: Arc<dyn Platform>,
    ) -> Result<Self, StoreError> {
        let known = store.fact(INCARNATION)?.and_then(|row| <[u8; 4]>::try_from(&*row).ok());
        let incarnation = if let Some(bytes) = known {
            u32::from_be_bytes(bytes)
        } else {
            let drawn = draw(platform.as_ref());
            begin(&store, drawn).await?;
            drawn
        };
        let sequence = store.position(Origin::Node { node: me, incarnation })?;
        let writing = Writing { incarnation, sequence, told: sequence, pending: Vec::new() };
        let (writing, vouching) = (Mutex::new(writing), OnceLock::new());
        Ok(Self { me, store, views, gossip, platform, writing, vouching })
    }

    /// From now on what is written is signed.
    pub(crate) fn sign_with(&self, vouching: Arc<Vouching>) {
        let _the_first = self.vouching.set(vouching);
    }

    /// Under which incarnation this node writes.
    pub(crate) async fn incarnation(&self) -> u32 {
        self.writing.lock().await.incarnation
    }

    /// Keeps this node from writing for as long as the guard lives; `None`: it is writing now.
    pub(crate) fn pause(&self) -> Option<MutexGuard<'_, Writing>> {
        self.writing.try_lock().ok()
    }

    /// Goes on under a fresh incarnation: peers have writes of the present one that this store has lost.
    pub(crate) async fn reincarnate(&self, writing: &mut Writing) -> Result<u32, StoreError> {
        let incarnation = draw(self.platform.as_ref());
        begin(&self.store, incarnation).await?;
        *writing = Writing { incarnation, sequence: 0, told: 0, pending: Vec::new() };
        Ok(incarnation)
    }

    /// Appends in a task of its own: whoever gives up waiting leaves nothing half done.
    pub(crate) async fn append(
        self: &Arc<Self>,
        writes: Vec<(RegionKey, Bytes)>,
    ) -> Result<Dot, ServiceError> {
        let lane = Arc::clone(self);
        let appended = tokio::spawn(async move { lane.append_here(writes).await });
        let ended = |e: tokio::task::JoinError| ServiceError::new(Reason::Internal, e.to_string());
        appended.await.map_err(ended)?
    }

    async fn append_here(&self, writes: Vec<(RegionKey, Bytes)>) -> Result<Dot, ServiceError> {
        if self.store.engine().is_nearly_full() {
            return Err(ServiceError::new(Reason::DiskFull, "the disk is nearly full"));
        }
        let began = self.platform.monotonic();
        let mut writing = self.writing.lock().await;
        let origin = Origin::Node { node: self.me, incarnation: writing.incarnation };
        let sequence = writing.sequence + 1;
        let dot = Dot { origin, sequence };
        let stamp = Stamp { epoch: 0, revision: sequence };
        let record = |(key, value): (RegionKey, Bytes)| {
            let key = key.encode(origin)?;
            Some(Record { key, value: Some(value), stamp, dot })
        };
        let mut records: Vec<Record> = writes.into_iter().filter_map(record).collect();
        if let Some(vouching) = self.vouching.get() {
            vouching.sign_own(&mut records);
        }
        let clock = Clock::from_iter([(origin, sequence)]);
        let (batch, _) = self.store.merge(&records, &clock, None).map_err(|e| failed(&e))?;
        match self.store.engine().apply(&batch) {
            Ok(()) => {}
            // Mostly it is in the store, and only its way to the disk is longer.
            Err(error @ StoreError::Full { .. }) => {
                let stands =
                    |r: &Record| self.store.record(&r.key).is_ok_and(|s| s.as_ref() == Some(r));
                if !records.iter().all(stands) {
                    return Err(failed(&error));
                }
            }
            Err(error) => return Err(failed(&error)),
        }
        writing.sequence = sequence;
        writing.pending.extend(records);
        // What is not durable is neither in the view nor sent. With the next append it will be.
        self.store.committer().try_sync().await.map_err(|e| failed(&e))?;
        let records = core::mem::take(&mut writing.pending);
        self.views.publish(|view| {
            for record in &records {
                if let Err(error) = view.region.absorb(record) {
                    tracing::error!(%error, dot = %record.dot, "a record of this node was set aside");
                }
            }
            view.positions.advance(origin, sequence);
        });
        let after = core::mem::replace(&mut writing.told, sequence);
        let frame = Frame { origin, after, upto: sequence, records, trace: None, proof: None };
        // Under the lock: frames leave in their order.
        self.gossip.tell_urgent(Input::Appended { frame, at: began }).await;
        Ok(dot)
    }

    /// Forgets what says nothing to anybody any more, here and in the view, while this node does not write.
    pub(crate) fn sweep(&self) -> Result<(), StoreError> {
        let Some(_paused) = self.pause() else { return Ok(()) };
        let now = self.platform.wall().0;
        let view = self.views.load();
        let there = |account: u64, cell: &str| {
            let account = tidegate_policy::AccountId::from_u64(account).ok();
            // An account that has not come yet may have anything.
            account.and_then(|a| view.account(a).ok()).is_none_or(|a| a.has_credential(cell))
        };
        let over =
            |record: &Record| tidegate_model::region::RegionState::is_over(record, now, there);
        let (from, to) = tidegate_model::region::KEYS;
        let batch = self.store.sweep(from, to, over)?;
        if batch.is_empty() {
            return Ok(());
        }
        tracing::info!(rows = batch.ops().len(), "what nodes wrote and is over was forgotten");
        match self.store.engine().apply(&batch) {
            Ok(()) | Err(StoreError::Full { .. }) => {}
            Err(error) => return Err(error),
        }
        self.views.publish(|view| view.region.forget_what_is_over(now, there));
        Ok(())
    }
}

/// How often what is over is looked for.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests;
