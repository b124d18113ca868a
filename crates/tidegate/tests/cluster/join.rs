//! A node joins by itself, with a token that is good for it alone and for one time.

use std::process::Output;

use crate::harness::{Cluster, NODES, create, eventually, tidegate};

/// Makes a token for a node.
fn token(cluster: &Cluster, node: &str, more: &[&str]) -> Output {
    let profile = cluster.path().join("profile.toml");
    let mut command = tidegate();
    command.arg("--profile").arg(profile);
    command.args(["cluster", "create-join-token", node, "us-east-1", "-o", "json"]).args(more);
    command.output().unwrap()
}

/// What a node says that starts with a token and ends at once.
fn refusal(cluster: &Cluster, node: u64, token: &str) -> String {
    let mut command = tidegate();
    command.args(["node", "--config"]).arg(cluster.config(node)).args(["--join", token]);
    let done = command.output().unwrap();
    assert!(!done.status.success());
    String::from_utf8_lossy(&done.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_joins_by_itself_with_a_token_that_is_good_for_it_alone() {
    let mut cluster = Cluster::running().await;
    let home = cluster.client(1).await;
    eventually("a user is made", async || create(&home, "ada").await.is_ok()).await;
    for node in [6, 7] {
        let place = format!("{node}:us-east-1");
        let done =
            tidegate().args(["dev", "--add-node", &place, "--data"]).arg(cluster.path()).status();
        assert!(done.unwrap().success());
        cluster.configure(node, |settings| drop(settings.remove("peers")));
    }

    let taken = token(&cluster, "3", &[]);
    assert!(String::from_utf8_lossy(&taken.stderr).contains("n3 can't join"), "{taken:?}");
    let short = token(&cluster, "6", &["--lifetime", "10s"]);
    assert!(String::from_utf8_lossy(&short.stderr).contains("between 900"), "{short:?}");
    let made = token(&cluster, "6", &["--lifetime", "20m"]);
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let secret = made["token"].as_str().unwrap();

    let said = refusal(&cluster, 6, "tidegate-join-nothing");
    assert!(said.contains("create-join-token"), "{said}");
    let said = refusal(&cluster, 7, secret);
    assert!(
        said.contains("does not let this node join") && said.contains("ACCESS_DENIED"),
        "{said}"
    );

    cluster.environment.push(("TIDEGATE_JOIN".to_owned(), secret.to_owned()));
    cluster.start(6);
    let mut address = String::new();
    cluster.configure(6, |settings| {
        settings["listen"]["grpc"].as_str().unwrap().clone_into(&mut address);
    });
    let address = format!("https://{address}");
    eventually("it has what the others have", async || {
        let Some(joined) = cluster.profile.connect_to(&address).await else { return false };
        crate::harness::users(&joined, None).await.is_ok_and(|there| there.contains("ada"))
    })
    .await;

    // It starts again with the same words, whatever has become of the token.
    cluster.kill_nine(6);
    cluster.start(6);
    eventually("it serves again", async || cluster.profile.connect_to(&address).await.is_some())
        .await;
    let mut command = tidegate();
    command.args(["node", "--relearn", "--config"]).arg(cluster.config(7));
    let said = command.output().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("needs `peers`"), "{said:?}");

    // The token is spent: who has it puts no other node in the place of the one that joined.
    let data = cluster.path().join("elsewhere");
    cluster.configure(6, |settings| {
        settings.insert("data".to_owned(), toml::Value::String(data.display().to_string()));
        let listen = settings["listen"].as_table_mut().unwrap();
        listen.insert("peer".to_owned(), toml::Value::String("127.0.0.1:1".to_owned()));
    });
    let said = refusal(&cluster, 6, secret);
    assert!(said.contains("n6 is a member already"), "{said}");
    cluster.agree(&NODES).await;
}
