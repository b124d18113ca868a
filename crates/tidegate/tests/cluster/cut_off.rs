//! A read replica that is cut off decides on, says how old its view may be, refuses what it can't promise, and catches up when it is
//! healed. A node that joins fills itself and counts. An open stream ends with its caller's right.

use std::{collections::BTreeMap, time::Duration};

use tidegate_client::{Client, Credentials, reason};
use tidegate_proto::{
    cluster::v1::{Link, SetLinkRequest, SetLinkResponse},
    common::v1::{AtLeastAsFresh, Consistency, consistency::Mode},
    decision::v1::{
        AuthorizeRequest, AuthorizeResponse, AuthorizeStreamRequest, Effect,
        decision_service_client::DecisionServiceClient,
    },
    iam::v1::{
        CreateAccessKeyRequest, CreateAccessKeyResponse, DeleteUserPolicyRequest,
        DeleteUserPolicyResponse,
    },
    propagation::v1::{
        WatchPropagationRequest, propagation_service_client::PropagationServiceClient,
    },
};
use tonic::Code;

use crate::harness::{Cluster, NODES, authorize, call, create, eventually, put_policy, question};

const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:*","tidegate:*"],"Resource":"*"}}"#;
const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*"}}"#;
const CREATE_KEY: &str = "/tidegate.iam.v1.IamService/CreateAccessKey";
const DELETE_POLICY: &str = "/tidegate.iam.v1.IamService/DeleteUserPolicy";
const SET_LINK: &str = "/tidegate.cluster.v1.ClusterService/SetLink";
const STREAM: &str = "/tidegate.decision.v1.DecisionService/AuthorizeStream";
const WATCH: &str = "/tidegate.propagation.v1.PropagationService/WatchPropagation";
pub(crate) const REMOTE: &str = "ap-southeast-2";

fn about(user: &str, mode: Option<Mode>) -> AuthorizeRequest {
    let mut message = question();
    if let Some(question) = &mut message.question {
        question.principal = format!("arn:aws:iam::000000000001:user/{user}");
    }
    AuthorizeRequest { consistency: mode.map(|mode| Consistency { mode: Some(mode) }), ..message }
}

fn effect(answer: &AuthorizeResponse) -> Effect {
    answer.answer.as_ref().unwrap().effect()
}

fn staleness(answer: &AuthorizeResponse) -> Duration {
    let bound = answer.evidence.as_ref().unwrap().staleness_bound.unwrap();
    Duration::new(bound.seconds.unsigned_abs(), bound.nanos.unsigned_abs())
}

/// Cuts the remote region off from the two others, or heals it: each node shapes what it sends.
pub(crate) async fn cut(clients: &BTreeMap<u64, Client>, partitioned: bool) {
    for client in clients.values() {
        for other in ["eu-central-1", "us-east-1"] {
            for (from, to) in [(other, REMOTE), (REMOTE, other)] {
                let link = Link {
                    from_region: from.to_owned(),
                    to_region: to.to_owned(),
                    partitioned,
                    ..Link::default()
                };
                let message = SetLinkRequest { link: Some(link) };
                let _done: SetLinkResponse = call(client, SET_LINK, message).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_cut_off_says_so_and_catches_up() {
    let mut cluster = Cluster::laid_out().await;
    for node in NODES {
        cluster.configure(node, |settings| {
            let limits = settings["limits"].as_table_mut().unwrap();
            limits.insert("wait_ms_max".to_owned(), toml::Value::Integer(5_000));
        });
    }
    cluster.start_all().await;
    let mut clients = BTreeMap::new();
    for node in NODES {
        clients.insert(node, cluster.client(node).await);
    }
    let (home, replica) = (&clients[&1], &clients[&5]);
    // Writes wait no longer than the limit above, which an election on a busy machine may take.
    eventually("a user is made", async || create(home, "ada").await.is_ok()).await;
    eventually("it is granted", async || put_policy(home, "ada", ALLOW).await.is_ok()).await;
    eventually(
        "the grant has arrived, and the replica knows how old its view may be",
        async || {
            authorize(replica, about("ada", None)).await.is_ok_and(|a| {
                let bound = a.evidence.as_ref().and_then(|e| e.staleness_bound);
                effect(&a) == Effect::Allow && bound.is_some()
            })
        },
    )
    .await;
    cut(&clients, true).await;
    let mut revoked = String::new();
    eventually("it is revoked", async || {
        let done = put_policy(home, "ada", DENY).await;
        revoked = done.ok().and_then(|d| d.metadata).map(|m| m.token).unwrap_or_default();
        !revoked.is_empty()
    })
    .await;
    assert_eq!(effect(&authorize(home, about("ada", None)).await.unwrap()), Effect::ExplicitDeny);

    // It decides on what it has, and its bound grows.
    let first = authorize(replica, about("ada", None)).await.unwrap();
    assert_eq!(effect(&first), Effect::Allow);
    eventually("the bound passes a second", async || {
        let answer = authorize(replica, about("ada", None)).await.unwrap();
        staleness(&answer) > Duration::from_secs(1).max(staleness(&first))
    })
    .await;
    let half_a_second = prost_types::Duration { seconds: 0, nanos: 500_000_000 };
    let refused =
        authorize(replica, about("ada", Some(Mode::Bounded(half_a_second)))).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, ("TOO_STALE".to_owned(), true))
    );
    let fresh =
        |token: &str| Mode::AtLeastAsFresh(AtLeastAsFresh { tokens: vec![token.to_owned()] });
    let refused = authorize(replica, about("ada", Some(fresh(&revoked)))).await.unwrap_err();
    assert_eq!(reason(&refused), ("NOT_YET_PROPAGATED".to_owned(), true));
    assert!(refused.message().contains(" of "), "how far it is: {}", refused.message());
    let missing =
        home.wait_for_propagation(&revoked, None, Duration::from_secs(1), drop).await.unwrap();
    assert!(!missing.covered && missing.missing == ["n5"], "{missing:?}");

    cut(&clients, false).await;
    eventually("the revocation has arrived", async || {
        authorize(replica, about("ada", Some(fresh(&revoked))))
            .await
            .is_ok_and(|a| effect(&a) == Effect::ExplicitDeny)
    })
    .await;
    cluster.agree(&NODES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_joins_fills_itself_and_counts() {
    let mut cluster = Cluster::running().await;
    let home = cluster.client(1).await;
    create(&home, "before").await.unwrap();
    let address = cluster.join(6, "us-east-1").await;
    let token = create(&home, "after").await.unwrap().metadata.unwrap().token;
    let end = home.wait_for_propagation(&token, None, Duration::from_secs(30), drop).await.unwrap();
    assert!(end.covered && end.reached.contains(&"n6".to_owned()), "{end:?}");
    let joined = cluster.profile.connect_to(&address).await.unwrap();
    let answer = authorize(&joined, about("after", None)).await.unwrap();
    assert_eq!(effect(&answer), Effect::ImplicitDeny);
    assert_eq!(answer.evidence.unwrap().node, "n6");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_when_its_caller_loses_the_right() {
    let cluster = Cluster::running().await;
    let home = cluster.client(1).await;
    create(&home, "ada").await.unwrap();
    put_policy(&home, "ada", ALLOW).await.unwrap();
    let message = CreateAccessKeyRequest {
        user_name: "ada".to_owned(),
        request_id: "key".to_owned(),
        ..Default::default()
    };
    let made: CreateAccessKeyResponse = call(&home, CREATE_KEY, message).await.unwrap();
    let key = made.access_key.unwrap();
    let ada = home.with_credentials(Credentials {
        access_key_id: key.access_key.unwrap().access_key_id,
        secret_access_key: key.secret_access_key,
        session_token: None,
    });
    let (questions, waiting) = tokio::sync::mpsc::channel(1);
    let ask = |id| AuthorizeStreamRequest {
        correlation_id: id,
        question: question().question,
        consistency: None,
    };
    let request =
        ada.sign_stream(STREAM, tokio_stream::wrappers::ReceiverStream::new(waiting)).unwrap();
    questions.send(ask(1)).await.unwrap();
    let mut answers = DecisionServiceClient::new(ada.channel())
        .authorize_stream(request)
        .await
        .unwrap()
        .into_inner();
    let first = answers.message().await.unwrap().unwrap();
    assert_eq!((first.correlation_id, first.answer.unwrap().effect()), (1, Effect::Allow));
    let request = ada.sign(WATCH, WatchPropagationRequest {}).unwrap();
    let mut watch = PropagationServiceClient::new(ada.channel())
        .watch_propagation(request)
        .await
        .unwrap()
        .into_inner();
    let message = DeleteUserPolicyRequest {
        user_name: "ada".to_owned(),
        policy_name: "inline".to_owned(),
        request_id: "gone".to_owned(),
        validate_only: false,
    };
    let gone: DeleteUserPolicyResponse = call(&home, DELETE_POLICY, message).await.unwrap();
    let token = gone.metadata.unwrap().token;
    assert!(
        home.wait_for_propagation(&token, None, Duration::from_secs(30), drop)
            .await
            .unwrap()
            .covered
    );
    questions.send(ask(2)).await.unwrap();
    let ended = answers.message().await.unwrap_err();
    assert_eq!(
        (ended.code(), reason(&ended)),
        (Code::PermissionDenied, ("ACCESS_DENIED".to_owned(), false))
    );
    // A watch that nothing happens on ends as well.
    let ended = loop {
        match tokio::time::timeout(Duration::from_secs(10), watch.message()).await.unwrap() {
            Ok(Some(_arrival)) => {}
            Ok(None) => panic!("the watch ended without a reason"),
            Err(status) => break status,
        }
    };
    assert_eq!(reason(&ended), ("ACCESS_DENIED".to_owned(), false));
}
