//! With the two other regions cut off, the third goes on: sessions are issued and signed reads are answered there, and each answer says how
//! old its view may be.

use std::{collections::BTreeMap, time::Duration};

use tidegate_client::{Client, Credentials, reason};
use tidegate_proto::{
    common::v1::Evidence,
    iam::v1::{
        CreateAccessKeyRequest, CreateAccessKeyResponse, CreateRoleRequest, CreateRoleResponse,
        ListUsersRequest, ListUsersResponse, PutRolePolicyRequest, PutRolePolicyResponse,
    },
    sts::v1::{AssumeRoleRequest, AssumeRoleResponse},
};
use tokio::time::Instant;
use tonic::Status;

use crate::{
    cut_off::{REMOTE, cut},
    harness::{Cluster, LIST_USERS, NODES, call, create, eventually, put_policy},
};

const CREATE_KEY: &str = "/tidegate.iam.v1.IamService/CreateAccessKey";
const CREATE_ROLE: &str = "/tidegate.iam.v1.IamService/CreateRole";
const PUT_ROLE_POLICY: &str = "/tidegate.iam.v1.IamService/PutRolePolicy";
const ASSUME_ROLE: &str = "/tidegate.sts.v1.StsService/AssumeRole";

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000001:root"},"Action":"sts:AssumeRole"}}"#;
const MAY_ASSUME: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}"#;
const MAY_LIST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}}"#;

/// How much the clocks of the test and of a node may differ about what a second is, and how long a probe may have been under way.
const SLACK: Duration = Duration::from_secs(1);

/// How long the region is alone: `TIDEGATE_CUT_SECONDS=600` for the long form.
fn cut_for() -> Duration {
    let seconds = std::env::var("TIDEGATE_CUT_SECONDS").ok().and_then(|s| s.parse().ok());
    Duration::from_secs(seconds.unwrap_or(6))
}

fn bound(evidence: Option<Evidence>) -> Duration {
    let evidence = evidence.unwrap();
    assert_eq!((evidence.region.as_str(), evidence.node.as_str()), (REMOTE, "n5"));
    let bound = evidence.staleness_bound.unwrap();
    Duration::new(bound.seconds.unsigned_abs(), bound.nanos.unsigned_abs())
}

async fn assume(client: &Client) -> Result<AssumeRoleResponse, Status> {
    let message = AssumeRoleRequest {
        role_arn: "arn:aws:iam::000000000001:role/reader".to_owned(),
        role_session_name: "alone".to_owned(),
        ..Default::default()
    };
    call(client, ASSUME_ROLE, message).await
}

/// A session of the role, and a read that it signs. Gives how old the two answers may be.
async fn work(ada: &Client) -> Result<[Duration; 2], Status> {
    let assumed = assume(ada).await?;
    let credentials = assumed.credentials.unwrap();
    let session = ada.with_credentials(Credentials {
        access_key_id: credentials.access_key_id,
        secret_access_key: credentials.secret_access_key,
        session_token: Some(credentials.session_token),
    });
    let read: ListUsersResponse = call(&session, LIST_USERS, ListUsersRequest::default()).await?;
    assert!(read.users.iter().any(|u| u.user_name == "ada"), "{read:?}");
    Ok([bound(assumed.evidence), bound(read.evidence)])
}

/// A user who may assume the role `reader`, with a key, as calls to the remote region's node.
async fn prepare(home: &Client, remote: &Client) -> Client {
    create(home, "ada").await.unwrap();
    put_policy(home, "ada", MAY_ASSUME).await.unwrap();
    let message = CreateRoleRequest {
        role_name: "reader".to_owned(),
        assume_role_policy_document: TRUST.to_owned(),
        request_id: "role".to_owned(),
        ..Default::default()
    };
    let _role: CreateRoleResponse = call(home, CREATE_ROLE, message).await.unwrap();
    let message = PutRolePolicyRequest {
        role_name: "reader".to_owned(),
        policy_name: "list".to_owned(),
        policy_document: MAY_LIST.to_owned(),
        request_id: "role-policy".to_owned(),
        ..Default::default()
    };
    let _put: PutRolePolicyResponse = call(home, PUT_ROLE_POLICY, message).await.unwrap();
    let message = CreateAccessKeyRequest {
        user_name: "ada".to_owned(),
        request_id: "key".to_owned(),
        ..Default::default()
    };
    let made: CreateAccessKeyResponse = call(home, CREATE_KEY, message).await.unwrap();
    let key = made.access_key.unwrap();
    remote.with_credentials(Credentials {
        access_key_id: key.access_key.unwrap().access_key_id,
        secret_access_key: key.secret_access_key,
        session_token: None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_that_is_alone_goes_on_and_says_how_old_its_view_is() {
    let mut cluster = Cluster::laid_out().await;
    for node in NODES {
        cluster.configure(node, |settings| {
            let limits = settings["limits"].as_table_mut().unwrap();
            limits.insert("wait_ms_max".to_owned(), toml::Value::Integer(10_000));
        });
    }
    cluster.start_all().await;
    let mut clients = BTreeMap::new();
    for node in NODES {
        clients.insert(node, cluster.client(node).await);
    }
    let ada = prepare(&clients[&1], &clients[&5]).await;
    eventually("the role has arrived, and how old the view may be is known", async || {
        assume(&ada).await.is_ok_and(|a| a.evidence.is_some_and(|e| e.staleness_bound.is_some()))
            && work(&ada).await.is_ok()
    })
    .await;

    cut(&clients, true).await;
    let alone = Instant::now();
    let mut rounds = 0;
    while alone.elapsed() < cut_for() {
        let before = alone.elapsed();
        let bounds = work(&ada).await.expect("a region that is alone goes on");
        for bound in bounds {
            // Nothing came in since: the view is at least as old, and the bound is no guess that says nothing.
            assert!(bound + SLACK >= before, "{bound:?} after {before:?}");
            assert!(bound <= alone.elapsed() + 10 * SLACK, "{bound:?} after {before:?}");
        }
        rounds += 1;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    // What needs the home is refused by name.
    let refused = create(&clients[&5], "never").await.unwrap_err();
    assert!(["NO_QUORUM", "UNKNOWN_OUTCOME"].contains(&reason(&refused).0.as_str()), "{refused:?}");
    let last = work(&ada).await.unwrap()[1];
    println!("{rounds} rounds in {:?} alone; the last read's bound: {last:?}", alone.elapsed());

    cut(&clients, false).await;
    eventually("the view is fresh again", async || {
        work(&ada).await.is_ok_and(|bounds| bounds.iter().all(|b| *b < Duration::from_secs(3)))
    })
    .await;
}
