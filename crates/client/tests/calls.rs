//! The client against servers in the same process, over TLS: what is tried again, where, under which name, and what a session remembers.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod server;

use std::{sync::atomic::Ordering, time::Duration};

use server::{Say, Server, authority};
use tidegate_client::{CallError, Client, Credentials, Progress, Retries};
use tidegate_proto::{
    cluster::v1::{DescribeClusterRequest, RegisterNodeRequest, RemoveNodeRequest},
    common::v1::ErrorReason,
    sts::v1::GetCallerIdentityRequest,
};

fn retries() -> Retries {
    let ms = Duration::from_millis;
    Retries { pause_first: ms(1), pause_max: ms(4), tries_max: 4, ..Retries::default() }
}

async fn client(servers: &[&Server]) -> Client {
    let addresses: Vec<String> = servers.iter().map(|s| s.address.clone()).collect();
    let credentials = Credentials {
        access_key_id: "AKIAEXAMPLE".to_owned(),
        secret_access_key: "secret".to_owned(),
        session_token: None,
    };
    let client = Client::connect(&addresses, &authority().certificate, credentials).await.unwrap();
    client.with_retries(retries()).with_jitter(|| 0.0)
}

#[tokio::test]
async fn a_change_that_is_tried_again_keeps_its_name_and_a_read_is_tried_as_often() {
    let server = Server::start();
    let client = client(&[&server]).await;
    server.says([Say::Refuse("UNKNOWN_OUTCOME", true), Say::Refuse("OVERLOADED", true), Say::Done]);
    client.send(&RemoveNodeRequest { id: 6, request_id: String::new() }).await.unwrap();
    let names = server.request_ids();
    assert_eq!(names.len(), 3);
    assert!(!names[0].is_empty() && names.iter().all(|n| *n == names[0]), "{names:?}");

    server.says([Say::Refuse("NO_QUORUM", true), Say::Done]);
    client.send(&RemoveNodeRequest { id: 6, request_id: "mine".to_owned() }).await.unwrap();
    assert_eq!(server.request_ids().split_off(3), ["mine", "mine"]);
}

#[tokio::test]
async fn what_does_not_help_is_not_tried_again() {
    let server = Server::start();
    let client = client(&[&server]).await;
    server.says([Say::Refuse("ACCESS_DENIED", false)]);
    let error = client.send(&GetCallerIdentityRequest {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorReason::AccessDenied);
    assert!(!error.retryable() && !error.outcome_unknown());
    assert_eq!(server.calls.load(Ordering::Relaxed), 1);

    server.says([Say::Refuse("NO_QUORUM", true); 4]);
    let error = client.send(&GetCallerIdentityRequest {}).await.unwrap_err();
    let CallError::Refused { tries, ref details, .. } = error else { panic!("{error}") };
    assert_eq!(tries, 4, "as often as was said, and no more");
    assert_eq!(details.get("node").map(String::as_str), Some("n1"));
}

#[tokio::test]
async fn a_node_that_is_away_or_behind_is_left_for_the_next_one() {
    let (first, second) = (Server::start(), Server::start());
    let client = client(&[&first, &second]).await;
    first.says([Say::Refuse("NOT_YET_PROPAGATED", true)]);
    client.send(&GetCallerIdentityRequest {}).await.unwrap();
    assert_eq!(first.calls.load(Ordering::Relaxed), 1);
    assert_eq!(second.calls.load(Ordering::Relaxed), 1);
    client.send(&GetCallerIdentityRequest {}).await.unwrap();
    assert_eq!(second.calls.load(Ordering::Relaxed), 2, "who answered is asked again");

    second.stop();
    client.send(&GetCallerIdentityRequest {}).await.unwrap();
    assert_eq!(first.calls.load(Ordering::Relaxed), 2);
    first.stop();
    let error = client.send(&GetCallerIdentityRequest {}).await.unwrap_err();
    assert!(error.retryable() && error.outcome_unknown());
    assert!(error.to_string().contains("can't be reached"), "{error}");
}

#[tokio::test]
async fn a_session_sends_all_that_it_has_seen_and_keeps_the_join() {
    let server = Server::start();
    let client = client(&[&server]).await;
    let other = client.session();
    client.send(&RegisterNodeRequest::default()).await.unwrap();
    client.send(&DescribeClusterRequest {}).await.unwrap();
    client.send(&DescribeClusterRequest {}).await.unwrap();
    other.send(&DescribeClusterRequest {}).await.unwrap();
    // The change gave `changed`, each description `described`.
    let seen = [None, Some("changed"), Some("changed,described"), None];
    assert_eq!(server.tokens(), seen.map(|t| t.map(str::to_owned)));
    client.send(&GetCallerIdentityRequest {}).await.unwrap();
    let last = server.tokens().pop().unwrap().unwrap();
    assert!(last.starts_with("join(changed+described)"), "{last}");
}

#[tokio::test]
async fn a_wait_yields_each_node_once_also_when_it_goes_on_elsewhere() {
    let (first, second) = (Server::start(), Server::start());
    let client = client(&[&first, &second]).await;
    // The first one tells of n1 and then breaks off; the second one tells of all.
    first.arrivals(&["n1"], false);
    second.arrivals(&["n1", "n2"], true);
    let mut waiting = client.propagation("token", None, Duration::from_secs(60));
    let mut told = Vec::new();
    let end = loop {
        match waiting.next().await.unwrap().unwrap() {
            Progress::Arrived(arrival) => told.push(arrival.node),
            Progress::Finished(end) => break end,
        }
    };
    assert_eq!(told, ["n1", "n2"]);
    assert!(end.covered && end.missing.is_empty());
    assert_eq!(waiting.next().await.unwrap(), None, "nothing follows the end");
}
