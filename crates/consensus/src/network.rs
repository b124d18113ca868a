//! Calls to the other voters, as bytes over a transport.

use core::{future::Future, pin::Pin, time::Duration};
use std::sync::Arc;

use bytes::Bytes;
use openraft::{
    OptionalSend, RaftNetworkFactory, RaftNetworkV2, Snapshot,
    errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::RPCOption,
    raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse},
};
use prost::Message;
use tidegate_replica::{GroupId, NodeId};

use crate::{
    machine::SnapshotData,
    types::{Types, Vote},
    wire::{self, AppendReplyW, AppendW, RaftMessage, SnapshotW, VoteReplyW, VoteRequestW},
};

/// Why a peer did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// It can't be reached.
    #[error("the peer can't be reached: {0}")]
    Unreachable(String),
    /// No answer within the deadline.
    #[error("the peer did not answer in time")]
    Deadline,
    /// It refused.
    #[error("the peer refused: {0}")]
    Refused(String),
}

/// Carries messages between voters.
pub trait Transport: Send + Sync + 'static {
    /// Sends a message and waits for the answer, no longer than `deadline`.
    fn call(
        &self,
        to: NodeId,
        message: RaftMessage,
        deadline: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, TransportError>> + Send>>;
}

/// Bytes of one part of a snapshot.
const PART_BYTES: usize = 1 << 20;
/// How long a peer may take over one part.
const PART_MAX: Duration = Duration::from_secs(10);

/// Makes connections for one group.
pub(crate) struct Network {
    pub(crate) group: GroupId,
    pub(crate) transport: Arc<dyn Transport>,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Connection;

    async fn new_client(&mut self, target: u64, _node: &openraft::EmptyNode) -> Connection {
        Connection { group: self.group, target: NodeId(target), transport: Arc::clone(&self.transport) }
    }
}

/// The way to one voter.
pub(crate) struct Connection {
    group: GroupId,
    target: NodeId,
    transport: Arc<dyn Transport>,
}

fn unreachable(error: &(impl std::error::Error + 'static)) -> RPCError<Types> {
    RPCError::Unreachable(Unreachable::new(error))
}

impl Connection {
    async fn call(&self, kind: u32, body: &impl Message, deadline: Duration) -> Result<Bytes, TransportError> {
        let message = RaftMessage { group: self.group, kind, body: body.encode_to_vec().into() };
        self.transport.call(self.target, message, deadline).await
    }

    async fn rpc<R: Message + Default>(
        &self,
        kind: u32,
        body: &impl Message,
        deadline: Duration,
    ) -> Result<R, RPCError<Types>> {
        match self.call(kind, body, deadline).await {
            Ok(bytes) => R::decode(bytes).map_err(|e| RPCError::Network(NetworkError::new(&e))),
            Err(e @ TransportError::Unreachable(_)) => Err(unreachable(&e)),
            Err(e) => Err(RPCError::Network(NetworkError::new(&e))),
        }
    }

    async fn vote_rpc(&self, kind: u32, rpc: VoteRequest<Types>, deadline: Duration) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let body = VoteRequestW {
            vote: Some(wire::vote(&rpc.vote)),
            last: rpc.last_log_id.as_ref().map(wire::log_id),
            transfer: rpc.leadership_transfer,
        };
        let reply: VoteReplyW = self.rpc(kind, &body, deadline).await?;
        let vote = wire::read_vote(reply.vote).map_err(|e| RPCError::Network(NetworkError::new(&e)))?;
        Ok(VoteResponse::new(vote, reply.last.map(wire::read_log_id), reply.granted))
    }
}

impl RaftNetworkV2<Types> for Connection {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        let body = AppendW {
            vote: Some(wire::vote(&rpc.vote)),
            prev: rpc.prev_log_id.as_ref().map(wire::log_id),
            entries: rpc.entries.iter().map(wire::entry).collect(),
            commit: rpc.leader_commit.as_ref().map(wire::log_id),
        };
        let reply: AppendReplyW = self.rpc(wire::APPEND, &body, option.soft_ttl()).await?;
        Ok(match reply.kind {
            0 => AppendEntriesResponse::Success,
            1 => AppendEntriesResponse::PartialSuccess(reply.log_id.map(wire::read_log_id)),
            2 => AppendEntriesResponse::Conflict,
            _ => {
                let vote = wire::read_vote(reply.vote).map_err(|e| RPCError::Network(NetworkError::new(&e)))?;
                AppendEntriesResponse::HigherVote(vote)
            }
        })
    }

    async fn vote(&mut self, rpc: VoteRequest<Types>, option: RPCOption) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.vote_rpc(wire::VOTE, rpc, option.soft_ttl()).await
    }

    async fn pre_vote(&mut self, rpc: VoteRequest<Types>, option: RPCOption) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.vote_rpc(wire::PRE_VOTE, rpc, option.soft_ttl()).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot<crate::types::LeaderId, u64, openraft::EmptyNode, SnapshotData>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let send = async {
            let mut reply = None;
            for part in parts(&vote, &snapshot) {
                let answer = self.rpc::<VoteReplyW>(wire::SNAPSHOT, &part, PART_MAX).await;
                let answer = answer.map_err(|e| StreamingError::Unreachable(Unreachable::new(&e)))?;
                let answered = wire::read_vote(answer.vote).map_err(|e| StreamingError::Network(NetworkError::new(&e)))?;
                let stop = answered > vote;
                reply = Some(SnapshotResponse::new(answered));
                if stop {
                    break;
                }
            }
            Ok(reply.unwrap_or_else(|| SnapshotResponse::new(vote)))
        };
        tokio::select! {
            biased;
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = send => sent,
        }
    }
}

fn parts(
    vote: &Vote,
    snapshot: &Snapshot<crate::types::LeaderId, u64, openraft::EmptyNode, SnapshotData>,
) -> Vec<SnapshotW> {
    let head = SnapshotW {
        vote: Some(wire::vote(vote)),
        last: snapshot.meta.last_log_id.as_ref().map(wire::log_id),
        membership: Some(wire::stored_membership(&snapshot.meta.last_membership)),
        ..SnapshotW::default()
    };
    let mut parts = vec![head.clone()];
    let mut bytes = 0;
    for chunk in snapshot.snapshot.chunks() {
        if bytes + chunk.len() > PART_BYTES {
            parts.push(SnapshotW { part: parts.len() as u64, ..head.clone() });
            bytes = 0;
        }
        bytes += chunk.len();
        if let Some(part) = parts.last_mut() {
            part.chunks.push(chunk);
        }
    }
    if let Some(part) = parts.last_mut() {
        part.is_last = true;
    }
    parts
}

