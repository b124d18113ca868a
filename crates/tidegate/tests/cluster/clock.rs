//! The clock of a development cluster is advanced and stands still, everywhere: sessions end by it, and signatures do not.

use std::time::Duration;

use tidegate_client::{Client, reason};
use tidegate_proto::{
    cluster::v1::{
        Clock, DescribeClusterRequest, DescribeClusterResponse, SetClockRequest, SetClockResponse,
    },
    sts::v1::{GetCallerIdentityRequest, GetCallerIdentityResponse},
};
use tonic::Status;

use crate::{
    harness::{Cluster, NODES, call, eventually},
    quarantine::{assume, refusal, with_role},
};

const SET: &str = "/tidegate.cluster.v1.ClusterService/SetClock";
const DESCRIBE: &str = "/tidegate.cluster.v1.ClusterService/DescribeCluster";
const WHO: &str = "/tidegate.sts.v1.StsService/GetCallerIdentity";

fn advance(seconds: i64) -> SetClockRequest {
    let advance = Some(prost_types::Duration { seconds, nanos: 0 });
    SetClockRequest { advance, ..SetClockRequest::default() }
}

async fn set(client: &Client, request: SetClockRequest) -> Result<Clock, Status> {
    let done: SetClockResponse = call(client, SET, request).await?;
    Ok(done.clock.unwrap())
}

async fn clock(client: &Client) -> Option<Clock> {
    let message = DescribeClusterRequest {};
    let cluster: DescribeClusterResponse = call(client, DESCRIBE, message).await.unwrap();
    cluster.clock
}

fn seconds(clock: &Clock) -> i64 {
    clock.now.unwrap().seconds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_end_by_the_clusters_clock_and_signatures_do_not() {
    let mut cluster = Cluster::running().await;
    let root = cluster.client(1).await;
    assert_eq!(clock(&root).await, None);
    let ada = with_role(&cluster, &root).await;
    let as_ada = root.with_credentials(ada.clone());
    let session = assume(&as_ada, "worker").await.unwrap();
    for node in NODES {
        eventually("the session is good", async || {
            refusal(&cluster, node, &session).await.is_empty()
        })
        .await;
    }
    let refused = set(&root.with_credentials(session.clone()), advance(1)).await.unwrap_err();
    assert_eq!(reason(&refused).0, "ACCESS_DENIED");
    let both = SetClockRequest { freeze: true, thaw: true, ..SetClockRequest::default() };
    assert_eq!(reason(&set(&root, both).await.unwrap_err()).0, "VALIDATION_ERROR");
    let too_far = set(&root, advance(20 * 365 * 86_400)).await.unwrap_err();
    assert_eq!(reason(&too_far).0, "VALIDATION_ERROR");
    assert_eq!(clock(&root).await, None, "what is refused changes nothing");

    // A session lasts an hour: two hours later it has ended, at every node, and whoever has a key goes on signing.
    let later = set(&root, advance(7_200)).await.unwrap();
    assert_eq!((later.ahead.unwrap().seconds, later.frozen), (7_200, false));
    for node in NODES {
        eventually("the session has ended", async || {
            refusal(&cluster, node, &session).await == "EXPIRED_TOKEN"
        })
        .await;
        let client = cluster.client(node).await.with_credentials(ada.clone());
        let who: Result<GetCallerIdentityResponse, _> =
            call(&client, WHO, GetCallerIdentityRequest {}).await;
        assert!(who.is_ok(), "signatures go by real clocks");
    }
    let fresh = assume(&as_ada, "again").await.unwrap();
    assert_eq!(refusal(&cluster, 1, &fresh).await, "", "a new one begins by the new clock");

    // It stands still, also over a restart, and goes on from there.
    let freeze = SetClockRequest { freeze: true, ..advance(0) };
    let stands = set(&root, freeze).await.unwrap();
    assert!(stands.frozen);
    cluster.kill_nine(5);
    cluster.start(5);
    cluster.serves(5).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let other = cluster.client(5).await;
    eventually("the clock is known elsewhere", async || {
        clock(&other).await.is_some_and(|c| c.frozen)
    })
    .await;
    assert_eq!(clock(&other).await.map(|c| c.now), Some(stands.now));
    let runs = set(&root, SetClockRequest { thaw: true, ..advance(0) }).await.unwrap();
    assert!(!runs.frozen && seconds(&runs) <= seconds(&stands) + 1, "{runs:?}, {stands:?}");
    eventually("it runs", async || seconds(&clock(&root).await.unwrap()) > seconds(&stands)).await;
    cluster.agree(&NODES).await;
}
