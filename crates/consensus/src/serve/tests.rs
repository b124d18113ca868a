//! Messages as another voter, or somebody who is none, may send them.

use std::{io, sync::Arc, time::Duration};

use proptest::prelude::*;
use tidegate_replica::{GroupId, NodeId};
use tidegate_store::{Batch, Committer, Engine, MemoryEngine};

use super::*;
use crate::{
    Applied, Committed, EntryPosition, Frozen, Group, GroupConfig, Machine, RaftMessage, Timings,
    Transport, TransportError,
    wire::{EntryW, LogIdW, VoteW},
};

struct Idle;

impl Frozen for Idle {
    fn chunks(&self) -> Vec<Bytes> {
        Vec::new()
    }
}

impl Machine for Idle {
    fn apply(&self, _entries: &[Committed]) -> io::Result<Applied> {
        Ok(Applied::default())
    }

    fn stored(&self, _at: EntryPosition, _leading: bool) {}

    fn freeze(&self) -> io::Result<Arc<dyn Frozen>> {
        Ok(Arc::new(Self))
    }

    fn restore(&self, _chunks: Vec<Bytes>, _index: u64) -> io::Result<Batch> {
        Ok(Batch::default())
    }
}

impl Transport for Idle {
    fn call(
        &self,
        _to: NodeId,
        _message: RaftMessage,
        _deadline: Duration,
    ) -> core::pin::Pin<Box<dyn Future<Output = Result<Bytes, TransportError>> + Send>> {
        Box::pin(async { Err(TransportError::Deadline) })
    }
}

async fn follower() -> Group {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::default());
    let store = NodeStore::open(Arc::clone(&engine), Committer::inline(engine)).unwrap();
    let timings = Timings {
        heartbeat: Duration::from_secs(1),
        election_min: Duration::from_secs(30),
        election_max: Duration::from_mins(1),
        snapshot_every: 100,
    };
    let config = GroupConfig { me: NodeId(1), group: GroupId(1), timings, now: Arc::new(|| 0) };
    Group::start(config, store, Arc::new(Idle), Arc::new(Idle)).await.unwrap()
}

fn append(prev: Option<u64>, indexes: &[u64]) -> Bytes {
    let id = |index| LogIdW { term: 1, node: 2, index };
    let entry = |index: &u64| EntryW {
        log_id: Some(id(*index)),
        payload: Some("x".into()),
        ..EntryW::default()
    };
    let vote = VoteW { term: 1, node: 2, committed: true };
    let w = AppendW {
        vote: Some(vote),
        prev: prev.map(id),
        entries: indexes.iter().map(entry).collect(),
        commit: None,
    };
    w.encode_to_vec().into()
}

#[tokio::test]
async fn entries_with_a_gap_are_refused_and_others_are_taken() {
    let group = follower().await;
    for (prev, indexes) in [
        (None, &[1][..]),
        (None, &[0, 2]),
        (Some(4), &[4]),
        (Some(4), &[5, 5]),
        (Some(u64::MAX), &[0]),
    ] {
        let refused = group.handle(wire::APPEND, append(prev, indexes)).await.unwrap_err();
        assert!(refused.contains("does not follow"), "{prev:?} {indexes:?}: {refused}");
    }
    let taken = group.handle(wire::APPEND, append(None, &[0, 1, 2])).await.unwrap();
    assert_eq!(AppendReplyW::decode(taken).unwrap(), AppendReplyW::default());
    let conflict = group.handle(wire::APPEND, append(Some(9), &[10])).await.unwrap();
    assert_eq!(AppendReplyW::decode(conflict).unwrap().kind, 2);
    let unknown = group.handle(99, Bytes::new()).await.unwrap_err();
    assert!(unknown.contains("kind 99"), "{unknown}");
    group.shutdown().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_stop_a_group(messages in prop::collection::vec((1..7u32, prop::collection::vec(any::<u8>(), 0..48)), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let group = follower().await;
            for (kind, body) in messages {
                // Only that it answers: most of this is refused, and an empty message may be a valid one.
                let _answer = group.handle(kind, body.into()).await;
            }
            // It still serves, at a term above any that the messages may have brought.
            let vote = VoteW { term: u64::MAX - 1, node: 2, committed: false };
            let request = VoteRequestW { vote: Some(vote), ..VoteRequestW::default() };
            assert!(group.handle(wire::VOTE, request.encode_to_vec().into()).await.is_ok());
            group.shutdown().await;
        });
    }
}
