//! Answers to the messages of other voters.

use bytes::Bytes;
use openraft::{
    Raft, Snapshot,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest,
        VoteRequest,
    },
};
use parking_lot::Mutex;
use prost::Message;
use tidegate_store::NodeStore;

use crate::{
    machine::{Driver, SnapshotData},
    receive::{PartError, Receiving},
    types::{Entry, LogId, Types},
    wire::{
        self, AppendReplyW, AppendW, FlushedW, SnapshotW, TransferReplyW, TransferW, VoteReplyW,
        VoteRequestW, WireError,
    },
};

/// Why a message of another voter has no answer. The sender tries again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("message kind {0} is not known")]
    Kind(u32),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Part(#[from] PartError),
    #[error("entry {got} does not follow the one before it")]
    Gap { got: u64 },
    #[error("the disk is nearly full")]
    DiskFull,
    #[error("the group does not answer: {0}")]
    Raft(String),
}

impl From<prost::DecodeError> for ServeError {
    fn from(error: prost::DecodeError) -> Self {
        Self::Wire(error.into())
    }
}

fn stopped(error: impl core::fmt::Display) -> ServeError {
    ServeError::Raft(error.to_string())
}

/// Refuses entries that leave a gap: openraft takes it for granted that there is none.
fn check_order(prev: Option<&LogId>, entries: &[Entry]) -> Result<(), ServeError> {
    let mut next = prev.map_or(Some(0), |id| id.index.checked_add(1));
    for entry in entries {
        if next != Some(entry.log_id.index) {
            return Err(ServeError::Gap { got: entry.log_id.index });
        }
        next = entry.log_id.index.checked_add(1);
    }
    Ok(())
}

/// The side of a group that other voters call.
pub(crate) struct Server {
    raft: Raft<Types, Driver>,
    store: NodeStore,
    receiving: Mutex<Receiving>,
}

impl Server {
    pub(crate) fn new(raft: Raft<Types, Driver>, store: NodeStore) -> Self {
        Self { raft, store, receiving: Mutex::default() }
    }

    pub(crate) async fn handle(&self, kind: u32, body: Bytes) -> Result<Bytes, ServeError> {
        // A vote and a snapshot are written down, too. Refused, they cost a retry; begun, they would wait for room.
        let writes = matches!(kind, wire::VOTE | wire::SNAPSHOT);
        if writes && self.store.engine().is_nearly_full() {
            return Err(ServeError::DiskFull);
        }
        match kind {
            wire::APPEND => self.append(AppendW::decode(body)?).await,
            wire::VOTE | wire::PRE_VOTE => self.vote(kind, VoteRequestW::decode(body)?).await,
            wire::SNAPSHOT => self.snapshot(SnapshotW::decode(body)?).await,
            wire::TRANSFER => self.transfer(TransferW::decode(body)?).await,
            other => Err(ServeError::Kind(other)),
        }
    }

    async fn append(&self, w: AppendW) -> Result<Bytes, ServeError> {
        // Refused here, a full disk costs a retry. Met by the log itself it would stop the group.
        if !w.entries.is_empty() && self.store.engine().is_nearly_full() {
            return Err(ServeError::DiskFull);
        }
        let prev_log_id = w.prev.map(wire::read_log_id);
        let entries = w.entries.into_iter().map(wire::read_entry).collect::<Result<Vec<_>, _>>()?;
        check_order(prev_log_id.as_ref(), &entries)?;
        let request = AppendEntriesRequest {
            vote: wire::read_vote(w.vote)?,
            prev_log_id,
            entries,
            leader_commit: w.commit.map(wire::read_log_id),
        };
        let reply = match self.raft.append_entries(request).await.map_err(stopped)? {
            AppendEntriesResponse::Success => AppendReplyW::default(),
            AppendEntriesResponse::PartialSuccess(id) => {
                AppendReplyW { kind: 1, log_id: id.as_ref().map(wire::log_id), vote: None }
            }
            AppendEntriesResponse::Conflict => AppendReplyW { kind: 2, ..AppendReplyW::default() },
            AppendEntriesResponse::HigherVote(vote) => {
                AppendReplyW { kind: 3, log_id: None, vote: Some(wire::vote(&vote)) }
            }
        };
        Ok(reply.encode_to_vec().into())
    }

    async fn vote(&self, kind: u32, w: VoteRequestW) -> Result<Bytes, ServeError> {
        let mut request = VoteRequest::new(wire::read_vote(w.vote)?, w.last.map(wire::read_log_id));
        request.leadership_transfer = w.transfer;
        let reply = match kind {
            wire::VOTE => self.raft.vote(request).await,
            _ => self.raft.pre_vote(request).await,
        };
        let reply = reply.map_err(stopped)?;
        let w = VoteReplyW {
            vote: Some(wire::vote(&reply.vote)),
            granted: reply.vote_granted,
            last: reply.last_log_id.as_ref().map(wire::log_id),
        };
        Ok(w.encode_to_vec().into())
    }

    async fn snapshot(&self, w: SnapshotW) -> Result<Bytes, ServeError> {
        let (vote, meta, time) = (wire::read_vote(w.vote)?, w.meta()?, w.time);
        let whole = self.receiving.lock().part(w)?;
        let answered = match whole {
            None => vote,
            Some(chunks) => {
                let snapshot = Snapshot { meta, snapshot: SnapshotData::received(chunks, time) };
                self.raft.install_full_snapshot(vote, snapshot).await.map_err(stopped)?.vote
            }
        };
        let reply = VoteReplyW { vote: Some(wire::vote(&answered)), granted: true, last: None };
        Ok(reply.encode_to_vec().into())
    }

    async fn transfer(&self, w: TransferW) -> Result<Bytes, ServeError> {
        let request = TransferLeaderRequest::new(
            wire::read_vote(w.from)?,
            w.to,
            w.last.map(wire::read_log_id),
        );
        let reply = match self.raft.handle_transfer_leader(request).await.map_err(stopped)? {
            Ok(()) => TransferReplyW::default(),
            Err(TransferLeaderError::VoteChanged { actual, .. }) => {
                TransferReplyW { vote: Some(wire::vote(&actual)), flushed: None }
            }
            Err(TransferLeaderError::LogNotFlushed { actual, .. }) => {
                let flushed = FlushedW { last: actual.as_ref().map(wire::log_id) };
                TransferReplyW { vote: None, flushed: Some(flushed) }
            }
        };
        Ok(reply.encode_to_vec().into())
    }
}

#[cfg(test)]
mod tests;
