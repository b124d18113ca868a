//! Voters alone hold the key that seals secrets: a read replica verifies what voters have verified before, carries what it must not do itself,
//! and acts for nobody.

use std::{fs, path::PathBuf};

use prost::Message as _;
use tidegate_client::{Client, Credentials};
use tidegate_model::{
    CallerRef, Command, Envelope,
    command::{CreateUser, caller_kind},
};
use tidegate_proto::{
    cluster::v1::{DescribeNodeRequest, DescribeNodeResponse},
    iam::v1::{
        CreateAccessKeyRequest, CreateAccessKeyResponse, CreateUserRequest, CreateUserResponse,
    },
    peer::v1::ForwardRequest,
};
use tonic::Code;

use crate::{
    harness::{
        CREATE_USER, Cluster, authorize, call, create, eventually, put_policy, question, user,
        users,
    },
    strangers::as_node,
};

const CREATE_KEY: &str = "/tidegate.iam.v1.IamService/CreateAccessKey";
const DESCRIBE_NODE: &str = "/tidegate.cluster.v1.ClusterService/DescribeNode";
/// Bytes that the keys are made of.
const OLD: &str = "5e";
const NEW: &str = "e5";
const MAY_LIST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}}"#;
const VOTERS: [u64; 3] = [1, 2, 3];
const REPLICA: u64 = 5;

/// A user's new key.
async fn key_of(by_way_of: &Client, user: &str) -> Credentials {
    let message = CreateAccessKeyRequest {
        user_name: user.to_owned(),
        request_id: format!("key-{user}"),
        ..Default::default()
    };
    let made: CreateAccessKeyResponse = call(by_way_of, CREATE_KEY, message).await.unwrap();
    let key = made.access_key.unwrap();
    Credentials {
        access_key_id: key.access_key.unwrap().access_key_id,
        secret_access_key: key.secret_access_key,
        session_token: None,
    }
}

/// A command of the operator's root user, as a node says that it was given it.
fn made_up(cluster: &Cluster) -> ForwardRequest {
    let mut account = String::new();
    cluster.configure(1, |s| {
        s["founding"]["operator_account"].as_str().unwrap().clone_into(&mut account);
    });
    let account = account.parse().unwrap();
    let caller = CallerRef {
        kind: caller_kind::ROOT,
        account,
        access_key: cluster.profile.access_key_id.clone(),
        ..CallerRef::default()
    };
    let user =
        CreateUser { name: "eve".to_owned(), id: "AIDAEVE".to_owned(), ..Default::default() };
    let envelope = Envelope {
        account,
        caller: Some(caller),
        command: Some(Command::CreateUser(user)),
        ..Envelope::default()
    };
    ForwardRequest { group: 1, envelope: envelope.encode_to_vec().into(), patience_ms: 5_000 }
}

/// Five nodes of which the voters hold a sealing key, and its file.
async fn with_sealing_key() -> (Cluster, PathBuf) {
    let mut cluster = Cluster::laid_out().await;
    let file = cluster.path().join("sealing.key");
    fs::write(&file, OLD.repeat(32)).unwrap();
    for node in VOTERS {
        cluster.configure(node, |settings| {
            let path = toml::Value::String(file.to_str().unwrap().to_owned());
            settings.insert("sealing_key".to_owned(), path);
        });
    }
    cluster.start_all().await;
    (cluster, file)
}

/// The sealing keys that a node holds, and how many secrets it knows under which.
async fn sealing(cluster: &Cluster, node: u64) -> (Vec<String>, Vec<(String, u64)>) {
    let client = cluster.client(node).await;
    let said: DescribeNodeResponse =
        call(&client, DESCRIBE_NODE, DescribeNodeRequest {}).await.unwrap();
    let uses = said.sealed_secrets.into_iter().map(|s| (s.sealing_key, s.secrets));
    (said.sealing_keys, uses.collect())
}

/// Starts the voters again, one by one.
async fn roll(cluster: &mut Cluster) {
    for voter in VOTERS {
        cluster.kill_nine(voter);
        cluster.start(voter);
        cluster.serves(voter).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealing_key_is_changed_while_all_goes_on() {
    let (mut cluster, file) = with_sealing_key().await;
    let home = cluster.client(1).await;
    create(&home, "ada").await.unwrap();
    put_policy(&home, "ada", MAY_LIST).await.unwrap();
    let ada = key_of(&home, "ada").await;
    let (old, _uses) = sealing(&cluster, 1).await;
    let old = old.concat();
    assert_eq!(sealing(&cluster, REPLICA).await, (Vec::new(), Vec::new()));
    let under = async |key: &str, node| {
        let uses = sealing(&cluster, node).await.1;
        uses.len() == 1 && uses[0].0 == key && uses[0].1 >= 2
    };
    // The founder sealed the first secret before anybody had said which keys there are.
    eventually("all is under the first key, by its name", async || under(&old, 1).await).await;

    // The new key stands first; while one voter lacks it, nothing is sealed under it.
    let next = cluster.path().join("next.key");
    fs::write(&next, format!("{}\n{}\n", NEW.repeat(32), OLD.repeat(32))).unwrap();
    for voter in [1, 2] {
        cluster.configure(voter, |settings| {
            let path = toml::Value::String(next.to_str().unwrap().to_owned());
            settings.insert("sealing_key".to_owned(), path);
        });
        cluster.kill_nine(voter);
        cluster.start(voter);
        cluster.serves(voter).await;
    }
    let (held, _uses) = sealing(&cluster, 1).await;
    assert_eq!((held.len(), &held[1]), (2, &old));
    let new = held[0].clone();
    let home = cluster.client(1).await;
    create(&home, "bob").await.unwrap();
    let _bob = key_of(&home, "bob").await;
    let uses = sealing(&cluster, 1).await.1;
    assert!(uses.iter().all(|(key, _)| *key == old), "{uses:?}");

    // Once all hold it, what is old is sealed anew and what is new is sealed under it.
    fs::copy(&next, &file).unwrap();
    cluster.kill_nine(3);
    cluster.start(3);
    cluster.serves(3).await;
    for voter in VOTERS {
        eventually("all is under the new key", async || {
            let uses = sealing(&cluster, voter).await.1;
            uses.len() == 1 && uses[0].0 == new
        })
        .await;
    }
    let home = cluster.client(1).await;
    let replica = cluster.client(REPLICA).await;
    for door in [&home, &replica] {
        let as_ada = door.with_credentials(ada.clone());
        eventually("ada's key is as good as before", async || users(&as_ada, None).await.is_ok())
            .await;
    }

    // The old one is taken away, and nobody needs it.
    for path in [&next, &file] {
        fs::write(path, NEW.repeat(32)).unwrap();
    }
    roll(&mut cluster).await;
    assert_eq!(sealing(&cluster, 2).await.0, core::slice::from_ref(&new));
    let home = cluster.client(1).await;
    let as_ada = home.with_credentials(ada);
    eventually("ada's key goes on", async || users(&as_ada, None).await.is_ok()).await;
    create(&home, "cyd").await.unwrap();
    cluster.agree(&[1, 2, 3, 4, 5]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_replica_holds_no_secret_and_acts_for_nobody() {
    let (mut cluster, _file) = with_sealing_key().await;

    // A write by way of the replica is a voter's work, and is there to be read.
    let replica = cluster.client(REPLICA).await;
    create(&replica, "ada").await.unwrap();
    create(&replica, "bob").await.unwrap();
    eventually("what was carried has arrived", async || {
        users(&replica, None)
            .await
            .is_ok_and(|there| there.contains("ada") && there.contains("bob"))
    })
    .await;
    let again = CreateUserRequest { request_id: "again".to_owned(), ..user("ada") };
    let refused = call::<_, CreateUserResponse>(&replica, CREATE_USER, again).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists, "a voter's refusal comes back: {refused}");
    for name in ["ada", "bob"] {
        put_policy(&replica, name, MAY_LIST).await.unwrap();
    }

    // Keys that are made by way of it work there; bob's is used at home alone.
    let ada = replica.with_credentials(key_of(&replica, "ada").await);
    let home = cluster.client(1).await;
    let key = key_of(&replica, "bob").await;
    let (bob, bob_at_home) = (replica.with_credentials(key.clone()), home.with_credentials(key));
    let may = async |who: &Client| users(who, None).await.is_ok();
    eventually("ada is known at the replica", async || may(&ada).await).await;
    eventually("bob is known at home", async || may(&bob_at_home).await).await;
    cluster.agree(&[1, 2, 3, 4, 5]).await;

    // The replica's word for a client is no word.
    for voter in VOTERS {
        let mut door = as_node(&cluster, REPLICA, voter).await;
        let refused = door.forward(made_up(&cluster)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    }
    assert!(!users(&home, None).await.unwrap().contains("eve"));

    // Alone it goes on for whoever used it lately, and can't even verify anybody else.
    for voter in VOTERS {
        cluster.kill_nine(voter);
    }
    users(&ada, None).await.unwrap();
    authorize(&replica, question()).await.unwrap();
    let refused = users(&bob, None).await.unwrap_err();
    assert!(refused.message().contains("holds no secrets"), "{refused}");
    let refused = create(&replica, "cyd").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");

    for voter in VOTERS {
        cluster.start(voter);
    }
    eventually("a voter vouches for bob", async || may(&bob).await).await;
}
