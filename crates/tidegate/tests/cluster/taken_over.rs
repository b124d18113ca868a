//! A read replica is taken: its certificate, its cluster key and all that it has seen are the adversary's. It speaks to the other nodes as that
//! node, and nothing changes there.

use std::{fs, sync::Arc};

use prost::bytes::Bytes;
use tidegate_authn::{ClusterKey, NodeKey, Secret, Session, SessionAttributes, SessionKind};
use tidegate_client::{Client, Credentials};
use tidegate_model::{
    Key,
    record::User,
    region::{Quarantine, RegionKey, Target, target_kind},
};
use tidegate_proto::peer::v1::{GossipRequest, Hello, Lane, gossip_request::Frame as Sent};
use tidegate_replica::{Dot, Frame, GroupId, Message, NodeId, Origin, Record, Stamp};
use tonic::Code;

use crate::{
    harness::{Cluster, authorize, create, eventually, question, status, users},
    strangers::as_node,
};

/// The node that is taken, and those that hear it: another read replica and a voter.
const TAKEN: u64 = 5;
const OTHERS: [u64; 2] = [4, 1];
const ALARMS: &str = "tidegate_alarms_total";

fn record(origin: Origin, sequence: u64, key: Bytes, value: &impl prost::Message) -> Record {
    Record {
        key,
        value: Some(value.encode_to_vec().into()),
        stamp: Stamp { epoch: 0, revision: sequence },
        dot: Dot { origin, sequence },
    }
}

fn push(after: u64, records: Vec<Record>) -> Message {
    let Dot { origin, sequence } = records[0].dot;
    let (trace, proof) = (None, None);
    Message::Push { frame: Frame { origin, after, upto: sequence, records, trace, proof }, hops: 0 }
}

/// A user that nobody created.
fn forged_user(account: u64, group: u32, after: u64) -> Message {
    let origin = Origin::Group { group: GroupId(group), generation: 0 };
    let user = User { name: "eve".to_owned(), id: "AIDAEVE".to_owned(), ..User::default() };
    push(
        after,
        vec![record(origin, after + 1, Key::User(account, "eve".to_owned()).encode(), &user)],
    )
}

/// The operator's root user contained, in the name of n2.
fn forged_quarantine(account: u64) -> Message {
    let origin = Origin::Node { node: NodeId(2), incarnation: 77 };
    let quarantine = Quarantine {
        id: "q".to_owned(),
        account,
        until: u64::MAX / 2,
        reason: "a forgery".to_owned(),
        node: 2,
        target: Some(Target { kind: target_kind::ROOT, ..Target::default() }),
        ..Quarantine::default()
    };
    let key = RegionKey::Quarantine(account, "q".to_owned()).encode(origin).unwrap();
    push(0, vec![record(origin, 1, key, &quarantine)])
}

/// Nothing at all, of n2's writing, up to the end of time: whoever believes it hears nothing of n2 any more.
fn forged_silence(incarnation: u32) -> Message {
    let origin = Origin::Node { node: NodeId(2), incarnation };
    let frame =
        Frame { origin, after: 0, upto: u64::MAX / 2, records: vec![], trace: None, proof: None };
    Message::Push { frame, hops: 1 }
}

/// Says something to a node as the taken one.
async fn say(cluster: &Cluster, to: u64, lane: Lane, messages: &[Message]) {
    let mut peer = as_node(cluster, TAKEN, to).await;
    let mut name = String::new();
    cluster.configure(to, |s| s["cluster"].as_str().unwrap().clone_into(&mut name));
    let hello = |node| Hello { cluster: name.clone(), node, lane: lane.into(), ..Hello::default() };
    // It can't be another: the certificate is its own.
    let other = GossipRequest { frame: Some(Sent::Hello(hello(2))) };
    let refused = peer.gossip(tokio_stream::iter([other])).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let mut frames = vec![GossipRequest { frame: Some(Sent::Hello(hello(TAKEN))) }];
    let message = |m: &Message| GossipRequest { frame: Some(Sent::Message(m.encode())) };
    frames.extend(messages.iter().map(message));
    let mut answers = peer.gossip(tokio_stream::iter(frames)).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().is_none(), "it heard all of it");
}

/// A session of the operator's account, sealed with the key of the cluster and signed with a key of the adversary's in the name of n1.
fn forged_session(cluster: &Cluster, account: u64) -> Credentials {
    let mut path = String::new();
    cluster.configure(TAKEN, |s| s["cluster_key"].as_str().unwrap().clone_into(&mut path));
    let text = fs::read_to_string(cluster.path().join(path)).unwrap();
    let mine = Arc::new(NodeKey::from_seed(&[7; 32]).unwrap());
    mine.is_known_now();
    let key = ClusterKey::from_hex(&text).unwrap().issuing_as(1, mine);
    let access_key_id = tidegate_model::ids::session_key_id(account, &[7; 16]);
    let secret = "x".repeat(40);
    let session = Session {
        kind: SessionKind::Role,
        account,
        role_id: "AROA".to_owned(),
        name: "eve".to_owned(),
        access_key_id: access_key_id.clone(),
        secret: Secret::new(secret.clone()),
        issued: 1,
        expires: u64::MAX,
        policies: None,
        lineage: Vec::new(),
        attributes: SessionAttributes::default(),
        federation: None,
    };
    let session_token = Some(session.seal(&key, [7; 12]).unwrap());
    Credentials { access_key_id, secret_access_key: secret, session_token }
}

/// Where the operator's account is, and how far its group.
async fn place(cluster: &Cluster) -> (u64, u32, u64) {
    let mut account = String::new();
    cluster.configure(1, |s| {
        s["founding"]["operator_account"].as_str().unwrap().clone_into(&mut account);
    });
    let status = status(&cluster.profile, 4).await.unwrap();
    let group = status.groups.iter().find(|g| g.group == 1).unwrap();
    (account.parse().unwrap(), group.group, group.published)
}

async fn connect(cluster: &Cluster, node: u64, credentials: Credentials) -> Client {
    cluster.profile.connect_as(node, credentials).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_replica_that_was_taken_forges_nothing_at_others() {
    let mut cluster = Cluster::laid_out().await;
    cluster.environment.push(("TIDEGATE_LOG".to_owned(), "info,openraft=off".to_owned()));
    cluster.start_all().await;
    let home = cluster.client(1).await;
    create(&home, "ada").await.unwrap();
    eventually("every node has named its key", async || {
        let logs = [1, 2, 3, 4, 5].map(|n| fs::read_to_string(cluster.log(n)).unwrap_or_default());
        logs.iter().all(|log| log.contains("the signing key of this node is known"))
    })
    .await;
    cluster.agree(&[1, 2, 3, 4, 5]).await;
    cluster.kill_nine(TAKEN);

    let (account, group, published) = place(&cluster).await;
    for node in OTHERS {
        let alarms = cluster.metric(node, ALARMS);
        let bulk = [forged_user(account, group, published), forged_user(account, group, 0)];
        say(&cluster, node, Lane::Bulk, &bulk).await;
        let urgent = [forged_quarantine(account), forged_silence(1), forged_silence(2)];
        say(&cluster, node, Lane::Urgent, &urgent).await;
        // A voter has its own groups from their logs, and pays no heed to what anybody else says of them.
        let told = if node == 1 { 3 } else { 5 };
        eventually("each forgery is told", async || cluster.metric(node, ALARMS) >= alarms + told)
            .await;
        let log = fs::read_to_string(cluster.log(node)).unwrap();
        assert!(log.contains("n5 sent a forgery in the name of n2.77:1"), "who sent it is named");
        let client = cluster.client(node).await;
        assert!(!users(&client, None).await.unwrap().contains("eve"));
        authorize(&client, question()).await.expect("the operator is not contained");
        let session = connect(&cluster, node, forged_session(&cluster, account)).await;
        let refused = authorize(&session, question()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{refused}");
        assert!(refused.message().contains("node n1"), "{refused}");
    }

    // What is genuine goes on arriving, also by way of a node that heard all that.
    create(&home, "bob").await.unwrap();
    cluster.start(TAKEN);
    cluster.agree(&[1, 2, 3, 4, 5]).await;
    for node in [4, TAKEN] {
        let client = cluster.client(node).await;
        let there = users(&client, None).await.unwrap();
        assert!(there.contains("bob") && !there.contains("eve"));
        assert_eq!(cluster.metric(node, "tidegate_state_digest_mismatch_total"), 0);
    }
}
