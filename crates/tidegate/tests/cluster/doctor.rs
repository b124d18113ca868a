//! Nodes whose state of an account is not that of the voters: they say so, decide nothing about it, and mend it where they can; and what
//! `tidegate doctor` says of it.

use std::{path::Path, sync::Arc};

use prost::Message;
use tidegate_client::Client;
use tidegate_model::{Key, record::User};
use tidegate_proto::{
    iam::v1::{CreateAccountRequest, CreateAccountResponse},
    membership::v1::{TransferLeaderRequest, TransferLeaderResponse},
};
use tidegate_replica::{Clock, Record};
use tidegate_store::{Committer, Engine, NodeStore, SledEngine, SledOptions};
use tonic_types::StatusExt;

use crate::harness::{
    Cluster, Profile, authorize, call, create, eventually, question, tidegate, users,
};

const TRANSFER: &str = "/tidegate.membership.v1.MembershipService/TransferLeader";
const CREATE_ACCOUNT: &str = "/tidegate.iam.v1.AccountService/CreateAccount";

/// Makes another account, and gives its root user's profile.
async fn member(cluster: &Cluster) -> (u64, Profile) {
    let message = CreateAccountRequest {
        name: "member".to_owned(),
        email: "member@example.com".to_owned(),
        ..CreateAccountRequest::default()
    };
    let made: CreateAccountResponse =
        call(&cluster.client(1).await, CREATE_ACCOUNT, message).await.unwrap();
    let key = made.root_access_key.unwrap();
    let profile = Profile {
        access_key_id: key.access_key.unwrap().access_key_id,
        secret_access_key: key.secret_access_key,
        ..cluster.profile.clone()
    };
    (made.account.unwrap().id.parse().unwrap(), profile)
}

/// Changes a user's row in a stopped node's store behind everybody's back: same place, same stamp, another value.
fn corrupt(store: &Path, account: u64, user: &str) {
    let options = SledOptions::default();
    let engine: Arc<dyn Engine> = Arc::new(SledEngine::open(store, options).unwrap());
    let store = NodeStore::open(Arc::clone(&engine), Committer::inline(engine)).unwrap();
    let key = Key::User(account, user.to_owned()).encode();
    let row = store.record(&key).unwrap().unwrap();
    let mut value = User::decode(row.value.clone().unwrap()).unwrap();
    "/somewhere/else/".clone_into(&mut value.path);
    let wrong = Record { value: Some(value.encode_to_vec().into()), ..row };
    let (batch, changes) = store.merge(&[wrong], &Clock::default(), None).unwrap();
    assert_eq!(changes.len(), 1);
    store.engine().apply(&batch).unwrap();
    store.engine().sync().unwrap();
}

async fn reason(client: &Client) -> String {
    match authorize(client, question()).await {
        Ok(_) => String::new(),
        Err(status) => status.get_details_error_info().map(|i| i.reason).unwrap_or_default(),
    }
}

/// What the doctor finds about accounts: level, whose, and what it means.
fn accounts(cluster: &Cluster) -> Vec<(String, String, String)> {
    let done = tidegate()
        .args(["doctor", "-o", "json", "--profile"])
        .arg(cluster.path().join("profile.toml"))
        .output()
        .unwrap();
    let said: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let findings = said["findings"].as_array().unwrap();
    let about = findings.iter().filter(|f| f["check"] == "account");
    let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    about.map(|f| (word(&f["level"]), word(&f["about"]), word(&f["means"]))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_differs_is_fenced_at_that_node_alone_and_mended() {
    let mut cluster = Cluster::running().await;
    let (account, profile) = member(&cluster).await;
    let home = cluster.client(1).await;
    eventually("the account has a user", async || {
        let Some(client) = profile.connect(1).await else { return false };
        create(&client, "ada").await.is_ok()
    })
    .await;
    cluster.agree(&[1, 2, 3, 4, 5]).await;
    assert_eq!(accounts(&cluster), []);

    // A reader: it is fetched anew.
    cluster.kill_nine(4);
    corrupt(&cluster.path().join("n4").join("store"), account, "ada");
    cluster.start(4);
    cluster.serves(4).await;
    let theirs = profile.connect(4).await.unwrap();
    // It is fenced for less than a second: the log tells of it.
    eventually("it decides nothing about the account", async || {
        let log = std::fs::read_to_string(cluster.log(4)).unwrap();
        log.contains("it decides nothing about the account")
    })
    .await;
    assert_eq!(reason(&cluster.client(4).await).await, "", "about others it does");
    assert_eq!(reason(&profile.connect(5).await.unwrap()).await, "", "and other nodes do");
    eventually("it is mended", async || reason(&theirs).await.is_empty()).await;
    assert!(users(&theirs, None).await.unwrap().contains("ada"));
    cluster.agree(&[1, 2, 3, 4, 5]).await;
    assert!(cluster.metric(4, "tidegate_alarms_total") > 0);
    eventually("the doctor tells of it", async || {
        let found = accounts(&cluster);
        found.len() == 1 && found[0].0 == "warn" && found[0].1 == "n4"
    })
    .await;

    // A voter that does not lead: it stays fenced, and goes on voting.
    let leads = TransferLeaderRequest { id: 1, groups: Vec::new() };
    eventually("another leads", async || {
        let done: Result<TransferLeaderResponse, _> = call(&home, TRANSFER, leads.clone()).await;
        done.is_ok()
    })
    .await;
    cluster.kill_nine(3);
    corrupt(&cluster.path().join("n3").join("store"), account, "ada");
    cluster.start(3);
    cluster.serves(3).await;
    let theirs = profile.connect(3).await.unwrap();
    eventually("it decides nothing about the account", async || {
        reason(&theirs).await == "ACCOUNT_FENCED"
    })
    .await;
    let found = accounts(&cluster);
    let (level, about, means) = found.first().unwrap();
    assert_eq!((level.as_str(), about.as_str()), ("bad", format!("{account:012} at n3").as_str()));
    assert!(means.contains("this node votes there"), "{means}");
    cluster.kill_nine(3);
    cluster.start(3);
    cluster.serves(3).await;
    assert_eq!(reason(&theirs).await, "ACCOUNT_FENCED", "a restart opens nothing");
    assert_eq!(reason(&profile.connect(4).await.unwrap()).await, "", "others go on");
}
