//! Voters alone hold the key that seals secrets: a read replica verifies what voters have verified before, carries what it must not do itself,
//! and acts for nobody.

use std::fs;

use prost::Message as _;
use tidegate_client::{Client, Credentials};
use tidegate_model::{
    CallerRef, Command, Envelope,
    command::{CreateUser, caller_kind},
};
use tidegate_proto::{
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_replica_holds_no_secret_and_acts_for_nobody() {
    let mut cluster = Cluster::laid_out().await;
    let file = cluster.path().join("sealing.key");
    fs::write(&file, "5e".repeat(32)).unwrap();
    for node in VOTERS {
        cluster.configure(node, |settings| {
            let path = toml::Value::String(file.to_str().unwrap().to_owned());
            settings.insert("sealing_key".to_owned(), path);
        });
    }
    cluster.start_all().await;

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
