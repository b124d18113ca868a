//! A node that was away while every voter of the directory that it knew was replaced and removed comes back when it is told to learn the
//! directory anew, and not before.

use std::time::Duration;

use tidegate_proto::cluster::v1::{
    ChangeVotersRequest, ChangeVotersResponse, DescribeClusterRequest, DescribeClusterResponse,
    RemoveNodeRequest, RemoveNodeResponse,
};

use crate::harness::{Cluster, call, create, eventually, users};

const CHANGE: &str = "/tidegate.cluster.v1.ClusterService/ChangeVoters";
const DESCRIBE: &str = "/tidegate.cluster.v1.ClusterService/DescribeCluster";
const REMOVE: &str = "/tidegate.cluster.v1.ClusterService/RemoveNode";
/// Who was away.
const AWAY: u64 = 5;
const NEW: [u64; 3] = [6, 7, 8];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_knows_no_voter_any_more_learns_the_directory_anew_when_it_is_told_to() {
    let mut cluster = Cluster::running().await;
    let home = cluster.client(1).await;
    eventually("a user is made", async || create(&home, "ada").await.is_ok()).await;
    cluster.kill_nine(AWAY);
    let mut address = String::new();
    for node in NEW {
        address = cluster.join(node, "eu-central-1").await;
    }
    let (request_id, voters) = ("others".to_owned(), NEW.to_vec());
    let message = ChangeVotersRequest { request_id, voters, groups: Vec::new() };
    let _changed: ChangeVotersResponse = call(&home, CHANGE, message).await.unwrap();
    let new = cluster.profile.connect_to(&address).await.unwrap();
    eventually("the voters are changed", async || {
        let described: Result<DescribeClusterResponse, _> =
            call(&new, DESCRIBE, DescribeClusterRequest {}).await;
        described.is_ok_and(|d| {
            d.groups.iter().all(|g| g.voters == NEW && g.leaving.is_empty() && !g.changing)
        })
    })
    .await;
    eventually("they serve", async || create(&new, "bob").await.is_ok()).await;
    for node in [1, 2, 3, 4] {
        let message = RemoveNodeRequest { request_id: format!("{node} goes"), id: node };
        eventually("a node is removed", async || {
            let removed: Result<RemoveNodeResponse, _> = call(&new, REMOVE, message.clone()).await;
            removed.is_ok()
        })
        .await;
        cluster.kill_nine(node);
    }

    // Whom to call its settings say now.
    let mut peers = Vec::new();
    for node in NEW {
        cluster.configure(node, |settings| {
            let address = settings["listen"]["peer"].as_str().unwrap();
            let peer = format!("node = {node}\nregion = 'eu-central-1'\naddress = '{address}'");
            peers.push(toml::Value::Table(peer.parse().unwrap()));
        });
    }
    cluster.configure(AWAY, |settings| {
        settings.insert("peers".to_owned(), toml::Value::Array(peers));
    });
    let has = async |cluster: &Cluster| {
        let Some(back) = cluster.profile.connect(AWAY).await else { return false };
        users(&back, None).await.is_ok_and(|there| there.contains("bob"))
    };
    cluster.start(AWAY);
    cluster.serves(AWAY).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!has(&cluster).await, "it believes nobody whom it does not know");
    cluster.kill_nine(AWAY);
    cluster.start_with(AWAY, &["--relearn"]);
    eventually("it has what was written meanwhile", async || has(&cluster).await).await;
}
