//! Appending on a store in memory: durable and decided on before anybody is told, numbered on after a restart.

use prost::Message as _;
use tidegate_model::region::{
    ABSENCE_MILLIS_MAX, CLOCK_SKEW_MAX_MILLIS, LastUsed, Quarantine, Target, target_kind,
};
use tidegate_service::View;
use tidegate_store::{Committer, Engine, Faults, FaultyEngine, MemoryEngine};

use super::*;
use crate::platform::TokioPlatform;

const ME: NodeId = NodeId(7);
const ACCOUNT: u64 = 123_456_789_012;

fn store(engine: &Arc<dyn Engine>) -> NodeStore {
    NodeStore::open(Arc::clone(engine), Committer::inline(Arc::clone(engine))).unwrap()
}

struct Rig {
    lane: Arc<RegionLane>,
    views: Arc<Views>,
    gossip: Gossip,
    queues: crate::gossip::Queues,
    store: NodeStore,
}

/// A node that starts on this engine.
async fn start(engine: &Arc<dyn Engine>) -> Rig {
    let platform: Arc<dyn Platform> = Arc::new(TokioPlatform::new());
    let store = store(engine);
    let views = Arc::new(Views::new(View::default(), Arc::clone(&platform)));
    let (gossip, queues) = Gossip::new();
    let lane =
        RegionLane::open(ME, store.clone(), Arc::clone(&views), gossip.clone(), platform).await;
    Rig { lane: Arc::new(lane.unwrap()), views, gossip, queues, store }
}

fn quarantine(id: &str, until: u64) -> (RegionKey, Bytes) {
    let target = Target { kind: target_kind::ROOT, ..Target::default() };
    let value = Quarantine {
        id: id.to_owned(),
        account: ACCOUNT,
        until,
        issued: until,
        reason: "test".to_owned(),
        target: Some(target),
        ..Quarantine::default()
    };
    (RegionKey::Quarantine(ACCOUNT, id.to_owned()), value.encode_to_vec().into())
}

fn ids(view: &View) -> Vec<String> {
    view.region.quarantines().map(|q| q.id.clone()).collect()
}

#[tokio::test]
async fn what_is_appended_decides_and_is_durable_and_is_numbered_on_after_a_restart() {
    let memory = Arc::new(MemoryEngine::default());
    let engine: Arc<dyn Engine> = memory;
    let mut rig = start(&engine).await;
    let first = rig.lane.append(vec![quarantine("a", 5)]).await.unwrap();
    assert_eq!(ids(&rig.views.load()), ["a"]);
    assert!(rig.views.load().positions.covers(first));
    let incarnation = rig.lane.incarnation().await;
    assert_eq!(first.origin, Origin::Node { node: ME, incarnation });
    assert_eq!(rig.queues.appended(), [(0, 1)]);
    drop(rig);

    let again = start(&engine).await;
    assert_eq!(again.lane.incarnation().await, incarnation, "the same store, the same incarnation");
    let second = again.lane.append(vec![quarantine("b", 5)]).await.unwrap();
    assert_eq!((second.origin, second.sequence), (first.origin, first.sequence + 1));
    let page = again.store.page(first.origin, 0, usize::MAX).unwrap();
    assert_eq!((page.records.len(), page.upto), (2, 2));

    let other = start(&(Arc::new(MemoryEngine::default()) as Arc<dyn Engine>)).await;
    assert_ne!(other.lane.incarnation().await, incarnation, "another store, another incarnation");
}

#[tokio::test]
async fn a_fresh_incarnation_numbers_anew_and_is_kept() {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::default());
    let rig = start(&engine).await;
    let first = rig.lane.append(vec![quarantine("a", 5)]).await.unwrap();
    let mut writing = rig.lane.pause().unwrap();
    let fresh = rig.lane.reincarnate(&mut writing).await.unwrap();
    drop(writing);
    let next = rig.lane.append(vec![quarantine("b", 5)]).await.unwrap();
    assert_eq!(next, Dot { origin: Origin::Node { node: ME, incarnation: fresh }, sequence: 1 });
    assert_ne!(next.origin, first.origin);
    assert_eq!(start(&engine).await.lane.incarnation().await, fresh);
}

#[tokio::test]
async fn nothing_decides_or_leaves_that_is_not_durable() {
    let faulty = Arc::new(FaultyEngine::new(MemoryEngine::default()));
    let engine: Arc<dyn Engine> = Arc::clone(&faulty) as Arc<dyn Engine>;
    let mut rig = start(&engine).await;
    faulty.set(Faults { full: true, ..Faults::default() });
    let refused = rig.lane.append(vec![quarantine("a", 5)]).await.unwrap_err();
    assert_eq!(refused.reason, Reason::DiskFull);
    faulty.set(Faults::default());
    let first = rig.lane.append(vec![quarantine("b", 5)]).await.unwrap();
    assert_eq!((first.sequence, ids(&rig.views.load())), (1, vec!["b".to_owned()]));
    assert_eq!(rig.queues.appended(), [(0, 1)]);
    // It may yet stand in the store, and so be there after the next start.
    faulty.set(Faults { sync_fails: true, ..Faults::default() });
    let refused = rig.lane.append(vec![quarantine("c", 5)]).await.unwrap_err();
    assert_eq!(refused.reason, Reason::UnknownOutcome);
    assert_eq!(ids(&rig.views.load()), ["b"]);
    assert_eq!(rig.queues.appended(), []);
}

#[tokio::test]
async fn what_is_over_leaves_store_and_view() {
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::default());
    let rig = start(&engine).await;
    let now = TokioPlatform::new().wall().0;
    let over = now - CLOCK_SKEW_MAX_MILLIS - ABSENCE_MILLIS_MAX - 1_000;
    let used = |minute| LastUsed { minute, ..LastUsed::default() }.encode_to_vec().into();
    let cell = |name: &str| RegionKey::LastUsed(ACCOUNT, name.to_owned());
    rig.lane
        .append(vec![
            quarantine("over", over),
            quarantine("ended", now),
            (cell("AKIAOLD"), used(now / 60_000 - 401 * 24 * 60)),
            (cell("AKIANEW"), used(now / 60_000)),
        ])
        .await
        .unwrap();
    rig.lane.sweep().unwrap();
    assert_eq!(ids(&rig.views.load()), ["ended"]);
    assert!(rig.views.load().region.last_used(ACCOUNT, "AKIAOLD").is_none());
    assert!(rig.views.load().region.last_used(ACCOUNT, "AKIANEW").is_some());
    let incarnation = rig.lane.incarnation().await;
    let page = rig.store.page(Origin::Node { node: ME, incarnation }, 0, usize::MAX).unwrap();
    assert_eq!((page.records.len(), page.upto), (2, 1), "the position stays");
    drop(rig.gossip);
}
