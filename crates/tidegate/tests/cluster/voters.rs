//! Voters change under load: nothing that was acknowledged is lost, who leaves goes on as a read replica, and a voter that was away
//! meanwhile learns that it votes no more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tidegate_proto::cluster::v1::{
    ChangeVotersRequest, ChangeVotersResponse, DescribeClusterRequest, DescribeClusterResponse,
};
use tonic::Code;

use crate::harness::{Cluster, NODES, Profile, call, create, eventually, status, users};

const CHANGE: &str = "/tidegate.cluster.v1.ClusterService/ChangeVoters";
const DESCRIBE: &str = "/tidegate.cluster.v1.ClusterService/DescribeCluster";

fn change(voters: &[u64]) -> ChangeVotersRequest {
    ChangeVotersRequest {
        request_id: format!("{voters:?}"),
        voters: voters.to_vec(),
        groups: Vec::new(),
    }
}

/// Waits until every group has these voters and no others, as a node knows.
async fn settled(cluster: &Cluster, at: u64, voters: &[u64]) {
    eventually("the voters are changed", async || {
        let Some(client) = cluster.profile.connect(at).await else { return false };
        let described: Result<DescribeClusterResponse, _> =
            call(&client, DESCRIBE, DescribeClusterRequest {}).await;
        described.is_ok_and(|d| {
            d.groups.iter().all(|g| g.voters == voters && g.leaving.is_empty() && !g.changing)
        })
    })
    .await;
}

/// Makes users until it is told to stop, and says which were acknowledged. Each one is tried until it is.
async fn write(profile: Profile, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut made = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let name = format!("written{}", made.len());
        'tries: loop {
            for node in NODES {
                let Some(client) = profile.connect(node).await else { continue };
                match create(&client, &name).await {
                    Ok(_) => break 'tries,
                    Err(error) => assert_ne!(error.code(), Code::AlreadyExists, "{name}: {error}"),
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        made.push(name);
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn voters_change_under_load_and_lose_nothing() {
    let mut cluster = Cluster::running().await;
    let home = cluster.client(1).await;
    let refused: Result<ChangeVotersResponse, _> = call(&home, CHANGE, change(&[1, 2, 4])).await;
    assert!(refused.unwrap_err().message().contains("home region"));
    let refused: Result<ChangeVotersResponse, _> = call(&home, CHANGE, change(&[1, 2])).await;
    assert!(refused.unwrap_err().message().contains("three"));

    let joined = cluster.join(6, "eu-central-1").await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(cluster.profile.clone(), Arc::clone(&stop)));
    let _changed: ChangeVotersResponse = call(&home, CHANGE, change(&[2, 3, 6])).await.unwrap();
    settled(&cluster, 4, &[2, 3, 6]).await;

    // Two of the three are a quorum, and the new one counts.
    cluster.kill_nine(2);
    let third = cluster.client(3).await;
    eventually("a leader is found", async || create(&third, "without-n2").await.is_ok()).await;
    let _changed: ChangeVotersResponse = call(&third, CHANGE, change(&[1, 3, 6])).await.unwrap();
    settled(&cluster, 4, &[1, 3, 6]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    let made = writer.await.unwrap();

    cluster.start(2);
    settled(&cluster, 2, &[1, 3, 6]).await;
    cluster.agree(&NODES).await;
    let sixth = cluster.profile.connect_to(&joined).await.unwrap();
    let on_the_new_voter = users(&sixth, None).await.unwrap();
    assert!(made.len() > 20, "only {} writes", made.len());
    for node in NODES {
        let there = users(&cluster.client(node).await, None).await.unwrap();
        assert_eq!(there, on_the_new_voter);
        assert!(made.iter().all(|name| there.contains(name)), "n{node} lacks some");
        assert!(status(&cluster.profile, node).await.is_some());
        assert_eq!(cluster.metric(node, "tidegate_state_digest_mismatch_total"), 0);
    }
}
