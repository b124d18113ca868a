//! What a condemned store keeps.

use std::sync::Arc;

use tidegate_replica::{Clock, Dot, GroupId, Origin, Record, Stamp};

use super::*;
use crate::{Committer, Engine, MemoryEngine};

#[tokio::test]
async fn a_condemned_store_is_empty_when_it_is_opened_and_remembers_its_votes() {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::default());
    let open = || NodeStore::open(Arc::clone(&engine), Committer::inline(Arc::clone(&engine)));
    let store = open().unwrap();
    let origin = Origin::Group { group: GroupId(1), generation: 0 };
    let record = |n: u64| Record {
        key: n.to_be_bytes().to_vec().into(),
        value: n.is_multiple_of(2).then(|| "v".into()),
        stamp: Stamp { epoch: 0, revision: n },
        dot: Dot { origin, sequence: n },
    };
    let records: Vec<Record> = (1..=STEP as u64 + 10).map(record).collect();
    let clock = Clock::from_iter([(origin, records.len() as u64)]);
    let (mut batch, _) = store.merge(&records, &clock, None).unwrap();
    let (vote, log) =
        (NodeStore::group_key(GroupId(1), VOTE), NodeStore::group_key(GroupId(1), b"7"));
    batch.put(Tree::Meta, vote.clone(), Bytes::from_static(b"vote"));
    batch.put(Tree::Meta, NodeStore::group_key(GroupId(1), b"applied"), Bytes::from_static(b"a"));
    batch.put(Tree::Log, log, Bytes::from_static(b"entry"));
    batch.put(Tree::Store, b"incarnation".as_slice(), Bytes::from_static(b"1234"));
    engine.apply(&batch).unwrap();

    let before = open().unwrap();
    assert_eq!(before.clock().unwrap(), clock, "nothing goes that is not condemned");
    before.condemn().await.unwrap();
    assert_eq!(before.clock().unwrap(), clock, "nothing goes before it is opened again");

    let after = open().unwrap();
    let mut left = Vec::new();
    for tree in TREES {
        let rows = engine.scan(tree, Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap();
        left.extend(rows.into_iter().map(|(key, _)| (tree, key)));
    }
    let (anew, format) = (Bytes::from_static(b"anew"), Bytes::from_static(FORMAT));
    assert_eq!(left, [(Tree::Meta, vote), (Tree::Store, anew), (Tree::Store, format)]);
    assert!(after.clock().unwrap().is_empty());
    assert!(open().is_ok(), "it opens as any other");
}
