//! The replicated state as consensus sees it, and its driver.

use std::{io, sync::Arc};

use bytes::Bytes;
use futures::{FutureExt, Stream, StreamExt};
use openraft::{
    EntryPayload, OptionalSend, RaftSnapshotBuilder,
    storage::{EntryResponder, RaftStateMachine},
};
use tidegate_replica::GroupId;
use tidegate_store::{Batch, NodeStore, Tree};

use crate::{
    log::io_error,
    row,
    types::{
        GroupPayload, GroupSnapshot, LogId, Reply, SnapshotMeta, StoredMembership, Types, size,
    },
    wire::{self, AppliedW},
};

/// Entries that are applied in one step, at most: whoever waits for the first of them waits for all.
const STEP_ENTRIES: usize = 256;
/// Bytes of entries after which a step takes no more.
const STEP_BYTES: usize = 512 << 10;

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryPosition {
    /// Its log index.
    pub index: u64,
    /// The term in which it was proposed.
    pub term: u64,
    /// Its time, in milliseconds since the Unix epoch: never before that of an earlier entry.
    pub time: u64,
}

/// A committed entry.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Where it stands.
    pub at: EntryPosition,
    /// What was proposed. `None`: an entry of Raft's own, which changes nothing but the position.
    pub payload: Option<Bytes>,
}

/// What applying entries gave.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The answers to whoever proposed them, in their order: one for each entry.
    pub responses: Vec<Bytes>,
    /// The rows that they change: stored together with the position.
    pub batch: Batch,
}

/// A state that no longer changes.
pub trait Frozen: Send + Sync + 'static {
    /// The state as chunks of at most 48 KiB.
    fn chunks(&self) -> Vec<Bytes>;
}

/// The replicated state of one group.
pub trait Machine: Send + Sync + 'static {
    /// Applies entries, in their order. Must depend on nothing but the state and the entries, and not on how they are divided among
    /// calls: other voters divide them otherwise.
    fn apply(&self, entries: &[Committed]) -> io::Result<Applied>;
    /// This node, leading, is about to tell the other voters for the first time that everything up to `index` is committed. No voter
    /// applies it before.
    fn telling(&self, _index: u64) {}
    /// The rows of everything that was applied up to this position are in the store and durable: what is published now is still there
    /// after a crash.
    fn stored(&self, at: EntryPosition, leading: bool);
    /// The state as it is now, without holding anything up.
    ///
    /// # Errors
    /// It can't be read. An error is never an empty state: that would wipe whoever installs it.
    fn freeze(&self) -> io::Result<Arc<dyn Frozen>>;
    /// Replaces the state by what [`Frozen::chunks`] gave at another node, and says which rows change.
    fn restore(&self, chunks: Vec<Bytes>, index: u64) -> io::Result<Batch>;
}

/// Where the chunks of a snapshot come from: a state of this node that is not written out yet, or another node.
#[derive(Clone)]
enum Source {
    Frozen(Arc<dyn Frozen>),
    Received(Vec<Bytes>),
}

/// A snapshot of a machine, with the time that entries behind it may not fall below.
#[derive(Clone)]
pub(crate) struct SnapshotData {
    source: Source,
    time: u64,
}

impl core::fmt::Debug for SnapshotData {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SnapshotData").field("time", &self.time).finish_non_exhaustive()
    }
}

impl SnapshotData {
    /// What another node sent.
    pub(crate) fn received(chunks: Vec<Bytes>, time: u64) -> Self {
        Self { source: Source::Received(chunks), time }
    }

    /// The time of its last entry.
    pub(crate) fn time(&self) -> u64 {
        self.time
    }

    /// The state.
    pub(crate) fn chunks(&self) -> Vec<Bytes> {
        match &self.source {
            Source::Frozen(frozen) => frozen.chunks(),
            Source::Received(chunks) => chunks.clone(),
        }
    }
}

pub(crate) fn read_applied(group: GroupId, store: &NodeStore) -> io::Result<AppliedW> {
    let key = NodeStore::group_key(group, b"applied");
    let row = store.engine().get(Tree::Meta, &key).map_err(io_error)?;
    Ok(row.map(|row| row::open(&row)).transpose()?.unwrap_or_default())
}

/// The log index up to which this node has applied a group's entries; 0 where it never voted in it.
///
/// # Errors
/// The store can't be read.
pub fn applied_index(group: GroupId, store: &NodeStore) -> io::Result<u64> {
    Ok(read_applied(group, store)?.last.map(wire::read_log_id).map_or(0, |id| id.index))
}

/// Feeds a machine from the log and keeps its position.
#[derive(Clone)]
pub(crate) struct Driver {
    group: GroupId,
    store: NodeStore,
    machine: Arc<dyn Machine>,
    last: Option<LogId>,
    membership: StoredMembership,
    time: u64,
    leading: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Driver {
    pub(crate) fn open(
        group: GroupId,
        store: NodeStore,
        machine: Arc<dyn Machine>,
        leading: Arc<dyn Fn() -> bool + Send + Sync>,
    ) -> io::Result<Self> {
        let applied = read_applied(group, &store)?;
        let membership =
            wire::read_stored_membership(applied.membership.as_ref()).map_err(io_error)?;
        let last = applied.last.map(wire::read_log_id);
        Ok(Self { group, store, machine, last, membership, time: applied.time, leading })
    }

    fn position(&self, batch: &mut Batch) {
        let applied = AppliedW {
            last: self.last.as_ref().map(wire::log_id),
            membership: Some(wire::stored_membership(&self.membership)),
            time: self.time,
        };
        batch.put(Tree::Meta, NodeStore::group_key(self.group, b"applied"), row::seal(&applied));
    }

    /// Log index of the last entry that was applied; 0: none was.
    pub(crate) fn applied(&self) -> u64 {
        self.last.as_ref().map_or(0, |id| id.index)
    }

    pub(crate) fn committed(&mut self, log_id: LogId, payload: GroupPayload) -> Committed {
        let payload = match payload {
            EntryPayload::Blank => None,
            EntryPayload::Normal(payload) => {
                self.time = self.time.max(payload.time);
                Some(payload.bytes)
            }
            EntryPayload::Membership(m) => {
                self.membership = StoredMembership::new(Some(log_id), m);
                None
            }
        };
        self.last = Some(log_id);
        let at =
            EntryPosition { index: log_id.index, term: log_id.leader_id.term, time: self.time };
        Committed { at, payload }
    }

    /// Applies entries in one step: one batch of rows, one view.
    pub(crate) async fn apply_step(&mut self, step: Vec<EntryResponder<Types>>) -> io::Result<()> {
        let (mut entries, mut responders) = (Vec::new(), Vec::new());
        for (entry, responder) in step {
            entries.push(self.committed(entry.log_id, entry.payload));
            responders.push(responder);
        }
        let Some(last) = entries.last().map(|e| e.at) else { return Ok(()) };
        let mut applied = self.machine.apply(&entries)?;
        self.position(&mut applied.batch);
        self.store.engine().apply(&applied.batch).map_err(io_error)?;
        // The log is durable, but not that it was committed: without this a node that was killed would answer from an older state than
        // before until a leader tells it. Under load the sync is one that appends wait for, too.
        self.store.committer().sync().await.map_err(io_error)?;
        self.machine.stored(last, (self.leading)());
        let mut responses = applied.responses.into_iter();
        for responder in responders {
            let response = responses.next().unwrap_or_default();
            if let Some(responder) = responder {
                responder.send(Reply(response));
            }
        }
        Ok(())
    }

    fn freeze(&self) -> io::Result<GroupSnapshot> {
        let snapshot =
            SnapshotData { source: Source::Frozen(self.machine.freeze()?), time: self.time };
        Ok(GroupSnapshot { meta: self.meta(), snapshot })
    }

    fn meta(&self) -> SnapshotMeta {
        SnapshotMeta { last_log_id: self.last, last_membership: self.membership.clone() }
    }
}

impl RaftStateMachine<Types> for Driver {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok((self.last, self.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> Result<(), io::Error>
    where
        Strm: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some(first) = entries.next().await {
            let first = first?;
            let mut bytes = size(&first.0);
            let mut step = vec![first];
            // What is there already is applied together.
            while step.len() < STEP_ENTRIES
                && bytes < STEP_BYTES
                && let Some(Some(next)) = entries.next().now_or_never()
            {
                let next = next?;
                bytes += size(&next.0);
                step.push(next);
            }
            self.apply_step(step).await?;
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder { snapshot: self.freeze(), store: self.store.clone() }
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: SnapshotData,
    ) -> Result<(), io::Error> {
        let index = meta.last_log_id.as_ref().map_or(0, |id| id.index);
        let mut batch = self.machine.restore(snapshot.chunks(), index)?;
        self.last = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        // Part of the state: a node that took a snapshot must give later entries the same times as one that applied everything.
        self.time = snapshot.time;
        self.position(&mut batch);
        self.store.committer().commit(&batch).await.map_err(io_error)?;
        let term = meta.last_log_id.as_ref().map_or(0, |id| id.leader_id.term);
        self.machine.stored(EntryPosition { index, term, time: self.time }, false);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<GroupSnapshot>, io::Error> {
        if self.last.is_none() {
            return Ok(None);
        }
        // The state itself is durable: a snapshot of this very moment always exists.
        self.store.committer().sync().await.map_err(io_error)?;
        self.freeze().map(Some)
    }
}

/// Makes a snapshot of a frozen state.
pub(crate) struct Builder {
    snapshot: io::Result<GroupSnapshot>,
    store: NodeStore,
}

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> Result<GroupSnapshot, io::Error> {
        // The log before it may be purged afterwards, so what it holds must be durable first.
        self.store.committer().sync().await.map_err(io_error)?;
        match &self.snapshot {
            Ok(snapshot) => Ok(snapshot.clone()),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }
}
