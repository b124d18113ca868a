//! Calls to the other voters, as bytes over a transport.

use core::{future::Future, pin::Pin, time::Duration};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use openraft::{
    OptionalSend, RaftNetworkFactory, RaftNetworkV2,
    errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::RPCOption,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderError,
        TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
    },
};
use prost::Message;
use tidegate_replica::{GroupId, NodeId};

use crate::{
    machine::{Machine, SnapshotData},
    types::{GroupSnapshot, Types, Vote},
    wire::{
        self, AppendReplyW, AppendW, RaftMessage, SnapshotW, TransferReplyW, TransferW, VoteReplyW,
        VoteRequestW, WireError,
    },
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

/// Bytes of one part of a snapshot, unless a single chunk is larger. Small enough that no heartbeat waits long behind it.
const PART_BYTES: usize = 256 << 10;
/// How long a peer may take over one part; the last one includes installing the whole.
const PART_DEADLINE: Duration = Duration::from_secs(30);
/// How often a part is sent before the whole snapshot is begun anew.
const PART_TRIES: u32 = 10;
/// Pause before a part is sent again.
const PART_PAUSE: Duration = Duration::from_millis(200);

/// Makes connections for one group.
pub(crate) struct Network {
    pub(crate) group: GroupId,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) machine: Arc<dyn Machine>,
    /// The greatest index that some voter was told to be committed.
    pub(crate) told: Arc<AtomicU64>,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Connection;

    async fn new_client(&mut self, target: u64, _node: &openraft::EmptyNode) -> Connection {
        Connection {
            group: self.group,
            target: NodeId(target),
            transport: Arc::clone(&self.transport),
            machine: Arc::clone(&self.machine),
            told: Arc::clone(&self.told),
        }
    }
}

/// The way to one voter.
pub(crate) struct Connection {
    group: GroupId,
    target: NodeId,
    transport: Arc<dyn Transport>,
    machine: Arc<dyn Machine>,
    told: Arc<AtomicU64>,
}

impl From<TransportError> for RPCError<Types> {
    fn from(error: TransportError) -> Self {
        match error {
            // openraft backs off from a node that can't be reached, and tries again at once after other failures.
            TransportError::Unreachable(_) => Self::Unreachable(Unreachable::new(&error)),
            TransportError::Deadline | TransportError::Refused(_) => {
                Self::Network(NetworkError::new(&error))
            }
        }
    }
}

impl From<WireError> for RPCError<Types> {
    fn from(error: WireError) -> Self {
        Self::Network(NetworkError::new(&error))
    }
}

impl Connection {
    async fn call(
        &self,
        kind: u32,
        body: &impl Message,
        deadline: Duration,
    ) -> Result<Bytes, TransportError> {
        let body = body.encode_to_vec().into();
        let message = RaftMessage { group: self.group, generation: 0, kind, body };
        // The transport keeps the deadline too. A call without an end would stop replication to this peer for good.
        let call = self.transport.call(self.target, message, deadline);
        tokio::time::timeout(deadline, call).await.unwrap_or(Err(TransportError::Deadline))
    }

    async fn rpc<R: Message + Default>(
        &self,
        kind: u32,
        body: &impl Message,
        deadline: Duration,
    ) -> Result<R, RPCError<Types>> {
        let answer = self.call(kind, body, deadline).await?;
        Ok(R::decode(answer).map_err(WireError::from)?)
    }

    /// Sends one part of a snapshot, again and again if need be, and gives the vote that the peer answered with.
    async fn part(&self, part: &SnapshotW) -> Result<Vote, RPCError<Types>> {
        let mut tries = 1;
        loop {
            match self.rpc::<VoteReplyW>(wire::SNAPSHOT, part, PART_DEADLINE).await {
                Ok(reply) => return Ok(wire::read_vote(reply.vote)?),
                Err(error) if tries == PART_TRIES => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, part = part.part, to = %self.target, "a part of a snapshot is sent again");
                }
            }
            tries += 1;
            tokio::time::sleep(PART_PAUSE).await;
        }
    }

    async fn vote_rpc(
        &self,
        kind: u32,
        rpc: VoteRequest<Types>,
        deadline: Duration,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let body = VoteRequestW {
            vote: Some(wire::vote(&rpc.vote)),
            last: rpc.last_log_id.as_ref().map(wire::log_id),
            transfer: rpc.leadership_transfer,
        };
        let reply: VoteReplyW = self.rpc(kind, &body, deadline).await?;
        let vote = wire::read_vote(reply.vote)?;
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
        if let Some(committed) = rpc.leader_commit.as_ref().map(|id| id.index)
            && self.told.fetch_max(committed, Ordering::AcqRel) < committed
        {
            self.machine.telling(committed);
        }
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
            _ => AppendEntriesResponse::HigherVote(wire::read_vote(reply.vote)?),
        })
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.vote_rpc(wire::VOTE, rpc, option.soft_ttl()).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.vote_rpc(wire::PRE_VOTE, rpc, option.soft_ttl()).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: GroupSnapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let send = async {
            let mut answered = vote;
            for part in parts(&vote, &snapshot) {
                answered = self.part(&part).await?;
                if answered > vote {
                    break;
                }
            }
            Ok(SnapshotResponse::new(answered))
        };
        tokio::select! {
            biased;
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = send => sent,
        }
    }

    async fn transfer_leader(
        &mut self,
        req: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let from = *req.from_leader();
        let last = req.last_log_id().copied();
        let body = TransferW {
            from: Some(wire::vote(&from)),
            to: *req.to_node_id(),
            last: last.as_ref().map(wire::log_id),
        };
        let reply: TransferReplyW = self.rpc(wire::TRANSFER, &body, option.soft_ttl()).await?;
        Ok(match (reply.vote, reply.flushed) {
            (None, None) => Ok(()),
            (Some(vote), _) => {
                let actual = wire::read_vote(Some(vote))?;
                Err(TransferLeaderError::VoteChanged { expected: from, actual })
            }
            (None, Some(flushed)) => {
                let actual = flushed.last.map(wire::read_log_id);
                Err(TransferLeaderError::LogNotFlushed { expected: last, actual })
            }
        })
    }
}

/// The parts of a snapshot, made one by one. There is always one, and the last says so.
fn parts(vote: &Vote, snapshot: &GroupSnapshot) -> impl Iterator<Item = SnapshotW> + Send + use<> {
    let head = SnapshotW {
        vote: Some(wire::vote(vote)),
        last: snapshot.meta.last_log_id.as_ref().map(wire::log_id),
        membership: Some(wire::stored_membership(&snapshot.meta.last_membership)),
        time: snapshot.snapshot.time(),
        ..SnapshotW::default()
    };
    let mut chunks = snapshot.snapshot.chunks().into_iter().peekable();
    let mut next = Some(0);
    core::iter::from_fn(move || {
        let number = next?;
        let (mut part, mut bytes) = (SnapshotW { part: number, ..head.clone() }, 0);
        while let Some(chunk) =
            chunks.next_if(|c| bytes + c.len() <= PART_BYTES || part.chunks.is_empty())
        {
            bytes += chunk.len();
            part.chunks.push(chunk);
        }
        part.is_last = chunks.peek().is_none();
        next = (!part.is_last).then_some(number + 1);
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{receive::Receiving, types::SnapshotMeta};

    #[test]
    fn a_snapshot_survives_its_parts() {
        for sizes in [
            vec![],
            vec![0],
            vec![48 << 10; 40],
            vec![1; 3],
            vec![400 << 10, 1, 400 << 10],
            vec![0, 0, 300 << 10],
        ] {
            let chunks: Vec<Bytes> = sizes
                .iter()
                .enumerate()
                .map(|(n, size)| vec![u8::try_from(n).unwrap(); *size].into())
                .collect();
            let snapshot = SnapshotData::received(chunks.clone(), 77);
            let snapshot = GroupSnapshot { meta: SnapshotMeta::default(), snapshot };
            let vote = Vote::new_committed(3, 1);
            let mut receiving = Receiving::default();
            let mut whole = None;
            for part in parts(&vote, &snapshot) {
                assert!(whole.is_none(), "nothing comes behind the last part");
                assert_eq!(part.time, 77);
                assert!(part.chunks.len() <= 1 || part.encoded_len() < PART_BYTES + 1_024);
                whole = receiving.part(part).unwrap();
            }
            assert_eq!(whole, Some(chunks));
        }
    }
}
