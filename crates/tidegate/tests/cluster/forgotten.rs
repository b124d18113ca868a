//! What was deleted is forgotten once every member has heard of it, and only then; who comes later takes a whole state and does not
//! bring it back.

use std::time::Duration;

use tidegate_client::Client;
use tidegate_proto::iam::v1::{DeleteUserRequest, DeleteUserResponse};

use crate::harness::{Cluster, NODES, call, create, eventually, users};

const DELETE_USER: &str = "/tidegate.iam.v1.IamService/DeleteUser";
const GRACE: Duration = Duration::from_secs(1);
const TOMBSTONES: &str = "tidegate_tombstones";

async fn come_and_go(home: &Client, names: &str) {
    for n in 0..20 {
        let user_name = format!("{names}{n}");
        create(home, &user_name).await.unwrap();
        let request_id = format!("delete-{user_name}");
        let message = DeleteUserRequest { user_name, request_id, ..DeleteUserRequest::default() };
        let _gone: DeleteUserResponse = call(home, DELETE_USER, message).await.unwrap();
    }
}

/// Waits until no node remembers what was deleted. A voter forgets with the next write.
async fn forgotten(cluster: &Cluster, home: &Client, names: &str) {
    let mut n = 0;
    eventually("no node remembers a deletion", async || {
        n += 1;
        create(home, &format!("{names}{n}")).await.unwrap();
        NODES.iter().all(|node| cluster.metric(*node, TOMBSTONES) == 0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletions_are_forgotten_once_everybody_has_heard_of_them() {
    let mut cluster = Cluster::laid_out().await;
    for node in NODES {
        cluster.configure(node, |settings| {
            let grace = i64::try_from(GRACE.as_millis()).unwrap();
            let gossip = settings.entry("gossip").or_insert(toml::Table::new().into());
            gossip.as_table_mut().unwrap().insert("tombstone_grace_ms".to_owned(), grace.into());
        });
    }
    cluster.start_all().await;
    let home = cluster.client(1).await;
    come_and_go(&home, "early").await;
    forgotten(&cluster, &home, "stays").await;

    cluster.kill_nine(5);
    come_and_go(&home, "late").await;
    tokio::time::sleep(GRACE * 5).await;
    create(&home, "meanwhile").await.unwrap();
    for node in [1, 2, 3, 4] {
        assert!(cluster.metric(node, TOMBSTONES) >= 20, "n5 has not heard of them");
    }
    cluster.start(5);
    cluster.agree(&NODES).await;
    forgotten(&cluster, &home, "back").await;

    let joined = cluster.join(6, "us-east-1").await;
    let joined = cluster.profile.connect_to(&joined).await.unwrap();
    let there = users(&joined, None).await.unwrap();
    assert_eq!(there, users(&home, None).await.unwrap());
    assert!(there.iter().all(|name| !name.starts_with("early") && !name.starts_with("late")));
    for node in [1, 2, 3, 4, 5, 6] {
        assert_eq!(cluster.metric(node, "tidegate_state_digest_mismatch_total"), 0);
    }
}
