//! Two builds in one cluster: nodes are upgraded one by one while clients write, the states stay the same everywhere, and what only the
//! later build writes is written once every voter is of it.

use std::collections::BTreeSet;

use tidegate_client::Client;
use tidegate_proto::{
    cluster::v1::{DescribeClusterRequest, DescribeClusterResponse},
    iam::v1::{GetUserRequest, GetUserResponse, UpdateUserRequest, UpdateUserResponse},
};

use crate::harness::{Cluster, NODES, call, create, eventually, users};

const DESCRIBE: &str = "/tidegate.cluster.v1.ClusterService/DescribeCluster";
const GET_USER: &str = "/tidegate.iam.v1.IamService/GetUser";
const UPDATE_USER: &str = "/tidegate.iam.v1.IamService/UpdateUser";

/// The apply versions of all groups at a node.
async fn versions(client: &Client) -> BTreeSet<u32> {
    let said: DescribeClusterResponse =
        call(client, DESCRIBE, DescribeClusterRequest {}).await.unwrap_or_default();
    said.groups.iter().map(|g| g.apply_version).collect()
}

async fn author(client: &Client, name: &str) -> String {
    let message = GetUserRequest { user_name: name.to_owned(), ..GetUserRequest::default() };
    let user: GetUserResponse = call(client, GET_USER, message).await.unwrap();
    user.user.unwrap().created_by
}

fn builds(cluster: &Cluster, node: u64, version: i64) {
    cluster.configure(node, |settings| {
        settings["raft"]["apply_version_max"] = version.into();
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_are_upgraded_one_by_one_and_no_version_is_used_before_all_voters_know_it() {
    let mut cluster = Cluster::laid_out().await;
    for node in NODES {
        builds(&cluster, node, 1);
    }
    cluster.start_all().await;
    let mut made = BTreeSet::new();
    for (n, node) in [4, 2, 1].into_iter().enumerate() {
        builds(&cluster, node, 2);
        cluster.kill_nine(node);
        cluster.start(node);
        cluster.serves(node).await;
        let name = format!("mixed{n}");
        eventually("writes go on", async || {
            create(&cluster.client(NODES[n]).await, &name).await.is_ok()
        })
        .await;
        made.insert(name);
    }
    cluster.agree(&NODES).await;
    let home = cluster.client(1).await;
    assert_eq!(versions(&home).await, BTreeSet::from([1]), "one voter is of the older build");
    assert_eq!(author(&home, "mixed2").await, "", "nothing is written that it does not know");

    builds(&cluster, 3, 2);
    cluster.kill_nine(3);
    cluster.start(3);
    cluster.serves(3).await;
    eventually("every group is applied by the later version", async || {
        versions(&home).await == BTreeSet::from([2])
    })
    .await;
    create(&home, "new").await.unwrap();
    made.insert("new".to_owned());
    assert_eq!(author(&home, "new").await, "000000000001");
    // Who was made before stays as he was, whoever changes him.
    let message = UpdateUserRequest {
        user_name: "mixed0".to_owned(),
        new_path: "/moved/".to_owned(),
        ..UpdateUserRequest::default()
    };
    let _moved: UpdateUserResponse = call(&home, UPDATE_USER, message).await.unwrap();
    assert_eq!(author(&home, "mixed0").await, "");

    // A reader of the older build goes on, with the same state; a voter of it is refused.
    cluster.agree(&NODES).await;
    assert!(users(&cluster.client(5).await, None).await.unwrap().is_superset(&made));
    builds(&cluster, 3, 1);
    cluster.kill_nine(3);
    cluster.start(3);
    assert!(!cluster.serves_unless_it_ends(3).await, "it would apply what it does not know");
    let log = std::fs::read_to_string(cluster.log(3)).unwrap();
    assert!(log.contains("start a newer build"), "{log}");
    create(&home, "without-it").await.unwrap();
}
