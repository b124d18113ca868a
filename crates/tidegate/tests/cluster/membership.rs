//! Nodes are drained, leave, are evicted and come back: nothing that was acknowledged is lost, nothing that was deleted comes back, and who
//! was evicted hands over what it alone had.

use std::time::Duration;

use tidegate_client::{Client, Receipt};
use tidegate_proto::{
    cluster::v1::{
        DescribeClusterRequest, DescribeClusterResponse, Link, SetLinkRequest, SetLinkResponse,
    },
    iam::v1::{DeleteUserRequest, DeleteUserResponse},
    membership::v1::{
        DescribeMembershipRequest, DescribeMembershipResponse, DrainNodeRequest, DrainNodeResponse,
        EvictNodeRequest, EvictNodeResponse, RetireNodeRequest, RetireNodeResponse,
        TransferLeaderRequest, TransferLeaderResponse,
    },
    region::v1::{
        ListQuarantinesRequest, ListQuarantinesResponse, QuarantineRequest, Target,
        target::Target as Whom,
    },
};
use tonic::{Code, Status};

use crate::harness::{Cluster, NODES, call, create, eventually, status, users};

const MEMBERS: &str = "/tidegate.membership.v1.MembershipService/DescribeMembership";
const DRAIN: &str = "/tidegate.membership.v1.MembershipService/DrainNode";
const RETIRE: &str = "/tidegate.membership.v1.MembershipService/RetireNode";
const EVICT: &str = "/tidegate.membership.v1.MembershipService/EvictNode";
const TRANSFER: &str = "/tidegate.membership.v1.MembershipService/TransferLeader";
const DESCRIBE: &str = "/tidegate.cluster.v1.ClusterService/DescribeCluster";
const DELETE_USER: &str = "/tidegate.iam.v1.IamService/DeleteUser";
const SET_LINK: &str = "/tidegate.cluster.v1.ClusterService/SetLink";
const QUARANTINES: &str = "/tidegate.region.v1.QuarantineService/ListQuarantines";
/// The node of the last region, which stands alone.
const ALONE: u64 = 5;

/// The leader of each group as one of its voters knows it.
async fn leaders(cluster: &Cluster, at: u64) -> Vec<String> {
    let status = status(&cluster.profile, at).await;
    status.map(|s| s.groups.into_iter().map(|g| g.leader).collect()).unwrap_or_default()
}

async fn drain(client: &Client, id: u64, end: bool) -> Result<DrainNodeResponse, Status> {
    call(client, DRAIN, DrainNodeRequest { id, end, ..DrainNodeRequest::default() }).await
}

async fn evict(client: &Client, id: u64) -> Result<EvictNodeResponse, Status> {
    call(client, EVICT, EvictNodeRequest { id, ..EvictNodeRequest::default() }).await
}

/// The nodes and their states, as a node knows them.
async fn members(client: &Client) -> Vec<(u64, String)> {
    let members: Result<DescribeMembershipResponse, _> =
        call(client, MEMBERS, DescribeMembershipRequest {}).await;
    members.map(|m| m.nodes.into_iter().map(|n| (n.id, n.state)).collect()).unwrap_or_default()
}

async fn knows(client: &Client, node: u64) -> bool {
    members(client).await.iter().any(|(id, _)| *id == node)
}

/// Cuts the last region off from the others at every node.
async fn cut(cluster: &Cluster) {
    for node in NODES {
        let client = cluster.client(node).await;
        for other in ["eu-central-1", "us-east-1"] {
            for (from, to) in [(other, "ap-southeast-2"), ("ap-southeast-2", other)] {
                let (from_region, to_region) = (from.to_owned(), to.to_owned());
                let link = Link { from_region, to_region, partitioned: true, ..Link::default() };
                let message = SetLinkRequest { link: Some(link) };
                let _done: SetLinkResponse = call(&client, SET_LINK, message).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_go_where_they_are_told_and_away_from_who_is_drained() {
    let cluster = Cluster::running().await;
    let asked = cluster.client(4).await;
    let message = |id, groups: &[u32]| TransferLeaderRequest { id, groups: groups.to_vec() };
    for (id, groups, why) in
        [(5, &[][..], "no group"), (4, &[0], "does not vote"), (1, &[77], "g77")]
    {
        let refused: Result<TransferLeaderResponse, _> =
            call(&asked, TRANSFER, message(id, groups)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(why), "{}", refused.message());
    }
    for id in [2, 3] {
        eventually("it leads all groups", async || {
            let done: Result<TransferLeaderResponse, _> =
                call(&asked, TRANSFER, message(id, &[])).await;
            done.is_ok() && leaders(&cluster, 1).await.iter().all(|l| *l == format!("n{id}"))
        })
        .await;
    }

    drain(&asked, 3, false).await.unwrap();
    eventually("it leads nothing", async || {
        let leaders = leaders(&cluster, 1).await;
        !leaders.is_empty() && leaders.iter().all(|l| ["n1", "n2"].contains(&l.as_str()))
    })
    .await;
    let third = cluster.client(3).await;
    assert!(members(&third).await.contains(&(3, "DRAINING".to_owned())));
    eventually("it goes on serving who comes", async || create(&third, "late").await.is_ok()).await;
    eventually("the others are drained but for one", async || {
        drain(&asked, 2, false).await.is_ok()
    })
    .await;
    let refused = drain(&asked, 1, false).await.unwrap_err();
    assert!(refused.message().contains("would be left"), "{}", refused.message());
    drain(&asked, 3, true).await.unwrap();
    let done = async || {
        let message = message(3, &[0]);
        let done: Result<TransferLeaderResponse, _> = call(&asked, TRANSFER, message).await;
        done.is_ok()
    };
    eventually("it may lead again", done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_leaves_and_another_takes_its_place() {
    let mut cluster = Cluster::running().await;
    let joined = cluster.join(6, "eu-central-1").await;
    let home = cluster.client(1).await;
    let retire =
        |id, replacement| RetireNodeRequest { id, replacement, ..RetireNodeRequest::default() };
    for (id, replacement, why) in [(3, 0, "in its place"), (3, 4, "home region"), (5, 6, "nobody")]
    {
        let refused: Result<RetireNodeResponse, _> =
            call(&home, RETIRE, retire(id, replacement)).await;
        let refused = refused.unwrap_err();
        assert!(refused.message().contains(why), "{}", refused.message());
    }
    let third = cluster.client(3).await;
    let before = create(&third, "before").await;
    let _left: RetireNodeResponse = call(&home, RETIRE, retire(3, 6)).await.unwrap();
    eventually("it is out", async || !knows(&home, 3).await).await;
    let described: DescribeClusterResponse =
        call(&home, DESCRIBE, DescribeClusterRequest {}).await.unwrap();
    for group in described.groups {
        assert_eq!((group.voters, group.leaving.len()), (vec![1, 2, 6], 0));
    }
    eventually("it refuses whoever asks", async || {
        users(&third, None).await.is_err_and(|e| e.message().contains("leaves the cluster"))
    })
    .await;
    cluster.kill_nine(3);
    eventually("the others write", async || create(&home, "after").await.is_ok()).await;
    let sixth = cluster.profile.connect_to(&joined).await.unwrap();
    eventually("the new voter has all", async || {
        let there = users(&sixth, None).await.unwrap_or_default();
        there.contains("after") && (before.is_err() || there.contains("before"))
    })
    .await;
    cluster.agree(&[1, 2, 4, 5]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_evicted_hands_over_what_it_alone_had_and_begins_anew() {
    let mut cluster = Cluster::running().await;
    let home = cluster.client(1).await;
    for name in ["ada", "bob"] {
        eventually("a user is made", async || create(&home, name).await.is_ok()).await;
    }
    cluster.agree(&NODES).await;
    let refused = evict(&home, 2).await.unwrap_err();
    assert!(refused.message().contains("out of its groups"), "{}", refused.message());

    // Cut off, it takes a quarantine that nobody else hears of; and it holds a user that is deleted meanwhile.
    cut(&cluster).await;
    let alone = cluster.client(ALONE).await;
    let target = Target {
        target: Some(Whom::PrincipalArn("arn:aws:iam::000000000001:user/ada".to_owned())),
    };
    let asked = QuarantineRequest {
        target: Some(target),
        reason: "its laptop was stolen".to_owned(),
        duration: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        ..QuarantineRequest::default()
    };
    let mut receipts = alone.quarantine(asked, Duration::from_secs(1)).await.unwrap();
    let first = receipts.next().await.unwrap();
    assert!(matches!(first, Some(Receipt::Accepted(_))));
    drop(receipts);
    let delete = DeleteUserRequest { user_name: "bob".to_owned(), ..DeleteUserRequest::default() };
    let _gone: DeleteUserResponse = call(&home, DELETE_USER, delete).await.unwrap();
    evict(&home, ALONE).await.unwrap();
    eventually("nobody knows it", async || !knows(&home, ALONE).await).await;
    assert!(users(&alone, None).await.unwrap().contains("bob"), "it knows of nothing");

    heal(&cluster).await;
    eventually("it is back", async || knows(&home, ALONE).await).await;
    eventually("what it alone had is everywhere", async || {
        for node in NODES {
            let Some(client) = cluster.profile.connect(node).await else { return false };
            let listed: Result<ListQuarantinesResponse, _> =
                call(&client, QUARANTINES, ListQuarantinesRequest::default()).await;
            let held = |l: ListQuarantinesResponse| l.quarantines.iter().any(|q| q.node == "n5");
            if !listed.is_ok_and(held) {
                return false;
            }
        }
        true
    })
    .await;
    let log = std::fs::read_to_string(cluster.log(ALONE)).unwrap();
    for said in ["was evicted while it was away", "begins anew"] {
        assert!(log.contains(said), "its log does not say `{said}`");
    }
    cluster.agree(&NODES).await;
    let there = users(&cluster.client(ALONE).await, None).await.unwrap();
    assert!(there.contains("ada") && !there.contains("bob"), "what was deleted is back: {there:?}");

    // Killed instead of cut off, it finds out when it starts.
    cluster.kill_nine(ALONE);
    evict(&home, ALONE).await.unwrap();
    eventually("a user is made", async || create(&home, "cleo").await.is_ok()).await;
    cluster.start(ALONE);
    eventually("it is back", async || knows(&home, ALONE).await).await;
    cluster.agree(&NODES).await;
    assert!(users(&cluster.client(ALONE).await, None).await.unwrap().contains("cleo"));
    for node in NODES {
        assert_eq!(cluster.metric(node, "tidegate_state_digest_mismatch_total"), 0);
    }
}

/// Heals the last region. The node there takes part no more as soon as it learns what happened.
async fn heal(cluster: &Cluster) {
    let mut clients = Vec::new();
    for node in NODES {
        clients.push((node, cluster.client(node).await));
    }
    for to in ["eu-central-1", "us-east-1"] {
        for (from_region, to_region) in [("ap-southeast-2", to), (to, "ap-southeast-2")] {
            let (from_region, to_region) = (from_region.to_owned(), to_region.to_owned());
            let link = Link { from_region, to_region, ..Link::default() };
            for (node, client) in &clients {
                let message = SetLinkRequest { link: Some(link.clone()) };
                let healed: Result<SetLinkResponse, _> = call(client, SET_LINK, message).await;
                assert!(healed.is_ok() || *node == ALONE, "{healed:?}");
            }
        }
    }
}
