//! The driver's queues: what nodes write waits behind no more than one step of what groups do.

mod forgeries;

use tidegate_model::{
    Key,
    record::User,
    region::{Quarantine, RegionKey, Target, target_kind},
};
use tidegate_replica::{Record, RegionName, ReplicaConfig, Stamp};
use tidegate_service::View;
use tidegate_store::{Committer, Engine, MemoryEngine};

use super::*;
use crate::{
    dial::Dialer,
    link::LinkModel,
    peers::{Me, Peers},
    platform::TokioPlatform,
};

const ACCOUNT: u64 = 123_456_789_012;
const HOME: NodeId = NodeId(1);
const ME: NodeId = NodeId(2);

fn member(node: NodeId, voter_of: Vec<GroupId>) -> Member {
    Member { node, region: RegionName::new("r").unwrap(), voter_of }
}

/// A driver on a store in memory, its peers unreachable.
async fn driver() -> (Driver, Gossip, Queues) {
    let platform: Arc<dyn Platform> = Arc::new(TokioPlatform::new());
    let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::default());
    let store = NodeStore::open(Arc::clone(&engine), Committer::inline(engine)).unwrap();
    let views = Arc::new(Views::new(View::default(), Arc::clone(&platform)));
    let (gossip, queues) = Gossip::new();
    let region = RegionName::new("r").unwrap();
    let me = Me {
        cluster: "c".to_owned(),
        node: ME,
        region: region.clone(),
        views: Arc::clone(&views),
        suspected: Arc::default(),
    };
    let dialer = Dialer { platform: Arc::clone(&platform), tls: None };
    let peers = Arc::new(Peers::new(me, dialer, Arc::new(LinkModel::new(1))));
    let mut replica = Replica::new(ReplicaConfig::new(ME, region), Clock::default(), 1);
    replica.set_members([member(HOME, vec![GroupId(1)]), member(ME, Vec::new())]);
    let lane = RegionLane::open(
        ME,
        store.clone(),
        Arc::clone(&views),
        gossip.clone(),
        Arc::clone(&platform),
    );
    let lane = Arc::new(lane.await.unwrap());
    let vouching = Arc::new(Vouching::alone(Arc::clone(&views), Arc::clone(&platform)));
    let driver = Driver {
        replica,
        gossip: gossip.clone(),
        store,
        views,
        digests: Arc::new(Digests::keyed([0; 32])),
        gate: Arc::new(Gate::new(ME)),
        peers,
        platform,
        metrics: Arc::new(Metrics::new()),
        confirm: Arc::new(|_| Box::pin(async { Vec::new() })),
        me: ME,
        home_region: "r".to_owned(),
        waiting: Waiting::default(),
        fresh_noted: Duration::ZERO,
        collection: Collection::new(Duration::from_secs(60)),
        collecting: Clock::default(),
        lane,
        vouching,
        forgotten: false,
        answers: VecDeque::new(),
        swept: Duration::ZERO,
    };
    (driver, gossip, queues)
}

fn push(origin: Origin, sequence: u64, key: Bytes, value: &impl prost::Message) -> Message {
    let record = Record {
        key,
        value: Some(value.encode_to_vec().into()),
        stamp: Stamp { epoch: 0, revision: sequence },
        dot: Dot { origin, sequence },
    };
    let (after, records) = (sequence - 1, vec![record]);
    let frame = Frame { origin, after, upto: sequence, records, trace: None, proof: None };
    Message::Push { frame, hops: 1 }
}

#[tokio::test]
async fn a_quarantine_overtakes_ten_thousand_queued_changes() {
    let (mut driver, gossip, mut queues) = driver().await;
    let views = Arc::clone(&driver.views);
    let group = Origin::Group { group: GroupId(1), generation: 0 };
    for sequence in 1..=10_000 {
        let name = format!("u{sequence}");
        let user = User { name: name.clone(), id: format!("AIDA{name}"), ..User::default() };
        let key = Key::User(ACCOUNT, name).encode();
        let message = push(group, sequence, key, &user);
        gossip.tell(Input::Said { from: HOME, message }).await;
    }
    let theirs = Origin::Node { node: HOME, incarnation: 1 };
    let key = RegionKey::Quarantine(ACCOUNT, "q".to_owned()).encode(theirs).unwrap();
    let quarantine = Quarantine {
        id: "q".to_owned(),
        account: ACCOUNT,
        until: 1,
        reason: "test".to_owned(),
        target: Some(Target { kind: target_kind::ROOT, ..Target::default() }),
        ..Quarantine::default()
    };
    let message = push(theirs, 1, key, &quarantine);
    assert!(message.is_urgent());
    gossip.tell_urgent(Input::Said { from: HOME, message }).await;
    let mut ticks = tokio::time::interval(Duration::from_secs(60));
    while views.load().region.quarantines().next().is_none() {
        assert!(driver.step(&mut queues, &mut ticks).await);
    }
    let before = views.load().positions.get(group);
    assert!(before <= 129, "{before} changes went before it");
    // And nothing of what it overtook is lost.
    while views.load().positions.get(group) < 10_000 {
        assert!(driver.step(&mut queues, &mut ticks).await);
    }
}

#[test]
fn only_what_is_about_the_writing_of_nodes_goes_ahead() {
    let pull = |origin| Message::Pull { origin, after: 0, base: 0, nonce: 1 };
    let node = Origin::Node { node: HOME, incarnation: 1 };
    let group = Origin::Group { group: GroupId(1), generation: 0 };
    assert!(pull(node).is_urgent() && !pull(group).is_urgent());
    let ack = |origin| {
        let published = Clock::from_iter([(origin, 1)]);
        Message::Ack { published, digests: Vec::new() }
    };
    assert!(ack(node).is_urgent() && !ack(group).is_urgent());
    // A digest that overtook the pushes before it would set off pulls of what is here already.
    let (merged, published) = (Clock::default(), Clock::default());
    assert!(!Message::Digest { merged, published, digests: Vec::new() }.is_urgent());
}
