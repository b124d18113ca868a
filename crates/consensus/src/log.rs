//! The log of one group in the node's store.

use core::{
    fmt::Debug,
    ops::{Bound, RangeBounds},
};
use std::{io, sync::Arc};

use bytes::Bytes;
use openraft::{
    LogState, OptionalSend, RaftLogReader,
    entry::RaftEntry,
    storage::{IOFlushed, RaftLogStorage},
};
use parking_lot::Mutex;
use prost::Message;
use tidegate_replica::GroupId;
use tidegate_store::{Batch, NodeStore, StoreError, Tree};

use crate::{
    row,
    tail::{self, Tail},
    types::{Entry, LogId, Types, Vote},
    wire::{self, EntryW, LogIdW, VoteW},
};

/// Entries that one read gives at most; openraft asks again.
const READ_MAX: u64 = 4_096;
/// Bytes of entries that one append to a peer carries at most: below the transport's message limit.
const APPEND_BYTES: usize = 2 << 20;

/// Log, vote and bookkeeping of one group.
#[derive(Clone, Debug)]
pub(crate) struct GroupLog {
    group: GroupId,
    store: NodeStore,
    tail: Arc<Mutex<Tail>>,
}

pub(crate) fn io_error(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}

impl GroupLog {
    pub(crate) fn new(group: GroupId, store: NodeStore) -> Self {
        Self { group, store, tail: Arc::default() }
    }

    fn meta_key(&self, name: &str) -> Bytes {
        NodeStore::group_key(self.group, name.as_bytes())
    }

    fn log_key(&self, index: u64) -> Bytes {
        NodeStore::group_key(self.group, &index.to_be_bytes())
    }

    fn meta<M: Message + Default>(&self, name: &str) -> io::Result<Option<M>> {
        let row = self.store.engine().get(Tree::Meta, &self.meta_key(name)).map_err(io_error)?;
        row.map(|row| row::open(&row)).transpose()
    }

    fn read(&self, from: u64, to: u64, bytes: usize) -> io::Result<Vec<Entry>> {
        if let Some(entries) = self.tail.lock().range(from, to, bytes) {
            return Ok(entries);
        }
        let limit = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        let (from, to) = (self.log_key(from), self.log_key(to));
        let rows = self.store.engine().scan(
            Tree::Log,
            Bound::Included(&from),
            Bound::Excluded(&to),
            limit,
        );
        let entries = rows.map_err(io_error)?.into_iter().map(|(_, row)| read_row(&row));
        Ok(tail::fitting(entries.collect::<io::Result<Vec<_>>>()?.into_iter(), bytes))
    }

    fn remove(&self, from: u64, to: u64, batch: &mut Batch) -> io::Result<()> {
        let (from, to) = (self.log_key(from), self.log_key(to));
        let rows = self.store.engine().scan(
            Tree::Log,
            Bound::Included(&from),
            Bound::Included(&to),
            usize::MAX,
        );
        for (key, _) in rows.map_err(io_error)? {
            batch.delete(Tree::Log, key);
        }
        Ok(())
    }

    fn apply(&self, batch: &Batch) -> io::Result<()> {
        self.store.engine().apply(batch).map_err(io_error)
    }
}

fn read_row(row: &Bytes) -> io::Result<Entry> {
    wire::read_entry(row::open::<EntryW>(row)?).map_err(io_error)
}

fn ends(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(n) => *n,
        Bound::Excluded(n) => n.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(n) => n.saturating_add(1),
        Bound::Excluded(n) => *n,
        Bound::Unbounded => u64::MAX,
    };
    (from, to)
}

impl RaftLogReader<Types> for GroupLog {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        let (from, to) = ends(&range);
        self.read(from, to, usize::MAX)
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, io::Error> {
        self.read(start, end.min(start.saturating_add(READ_MAX)), APPEND_BYTES)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        let vote: Option<VoteW> = self.meta("vote")?;
        vote.map(|v| wire::read_vote(Some(v)).map_err(io_error)).transpose()
    }
}

impl RaftLogStorage<Types> for GroupLog {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let purged: Option<LogIdW> = self.meta("purged")?;
        let purged = purged.map(wire::read_log_id);
        let prefix = NodeStore::group_key(self.group, &[]);
        let last = self.store.engine().last(Tree::Log, &prefix).map_err(io_error)?;
        let last = match last {
            Some((_, row)) => Some(read_row(&row)?.log_id()),
            None => purged,
        };
        Ok(LogState { last_purged_log_id: purged, last_log_id: last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let mut batch = Batch::default();
        batch.put(Tree::Meta, self.meta_key("vote"), row::seal(&wire::vote(vote)));
        self.store.committer().commit(&batch).await.map_err(io_error)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        let mut batch = Batch::default();
        match committed {
            Some(id) => {
                batch.put(Tree::Meta, self.meta_key("committed"), row::seal(&wire::log_id(&id)));
            }
            None => batch.delete(Tree::Meta, self.meta_key("committed")),
        }
        self.apply(&batch)
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        let committed: Option<LogIdW> = self.meta("committed")?;
        Ok(committed.map(wire::read_log_id))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let mut batch = Batch::default();
        for entry in &entries {
            batch.put(Tree::Log, self.log_key(entry.log_id.index), row::seal(&wire::entry(entry)));
        }
        self.apply(&batch)?;
        {
            let mut tail = self.tail.lock();
            for entry in entries {
                tail.push(entry);
            }
        }
        let done = |result: Result<(), StoreError>| callback.io_completed(result.map_err(io_error));
        self.store.committer().sync_then(done).await;
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> Result<(), io::Error> {
        let from = last_log_id.map_or(0, |id| id.index + 1);
        let mut batch = Batch::default();
        self.remove(from, u64::MAX, &mut batch)?;
        self.tail.lock().truncate(from);
        self.store.committer().commit(&batch).await.map_err(io_error)
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), io::Error> {
        let mut batch = Batch::default();
        batch.put(Tree::Meta, self.meta_key("purged"), row::seal(&wire::log_id(&log_id)));
        self.remove(0, log_id.index, &mut batch)?;
        self.tail.lock().purge(log_id.index);
        self.apply(&batch)
    }
}
