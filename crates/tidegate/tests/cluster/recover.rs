//! The majority of the home region is lost for good: what can go on without it goes on, and everything else does once it was recovered.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tidegate_client::Receipt;
use tidegate_proto::{
    cluster::v1::{
        DescribeClusterRequest, DescribeClusterResponse, Link, SetLinkRequest, SetLinkResponse,
    },
    common::v1::{AtLeastAsFresh, Consistency, consistency::Mode},
    region::v1::{QuarantineRequest, Target, target::Target as Whom},
    sts::v1::{GetCallerIdentityRequest, GetCallerIdentityResponse},
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{
    CREATE_USER, Cluster, authorize, call, create, eventually, question, tidegate, user, users,
};

const DESCRIBE: &str = "/tidegate.cluster.v1.ClusterService/DescribeCluster";
const SET_LINK: &str = "/tidegate.cluster.v1.ClusterService/SetLink";
const IDENTITY: &str = "/tidegate.sts.v1.StsService/GetCallerIdentity";

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// `tidegate cluster recover` at a node: its exit code and what it said.
fn recover(
    cluster: &Cluster,
    at: u64,
    voters: &str,
    more: &[&str],
) -> (bool, serde_json::Value, String) {
    let done = tidegate()
        .args(["cluster", "recover", voters, "-o", "json", "--at", &format!("n{at}"), "--profile"])
        .arg(cluster.path().join("profile.toml"))
        .args(more)
        .output()
        .unwrap();
    let said = serde_json::from_slice(&done.stdout).unwrap_or_default();
    (done.status.success(), said, String::from_utf8_lossy(&done.stderr).into_owned())
}

/// Asks for it until it is done: a node may be slow to answer.
async fn recovered(cluster: &Cluster, at: u64, voters: &str) -> serde_json::Value {
    let mut answer = serde_json::Value::Null;
    eventually("the groups are recovered", async || {
        let (done, said, why) = recover(cluster, at, voters, &["--yes"]);
        if !done {
            eprintln!("not yet: {why}");
        }
        answer = said;
        done
    })
    .await;
    answer
}

/// Whether all groups have these voters, and nobody leaves or learns any more.
async fn settled(cluster: &Cluster, at: u64, voters: &[u64]) -> bool {
    let client = cluster.client(at).await;
    let said: Result<DescribeClusterResponse, _> =
        call(&client, DESCRIBE, DescribeClusterRequest {}).await;
    said.is_ok_and(|said| {
        said.groups.iter().all(|g| g.voters == voters && g.leaving.is_empty() && !g.changing)
    })
}

#[expect(clippy::too_many_lines, reason = "one story from the loss to the writes behind it")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_survivor_of_the_home_brings_all_that_it_held() {
    let mut cluster = Cluster::running().await;
    let at = cluster.client(4).await;
    create(&at, "before").await.unwrap();
    let (done, _, why) = recover(&cluster, 4, "3", &[]);
    assert!(!done && why.contains("nothing to recover"), "{why}");

    // Writes come as fast as they may while the majority is lost.
    let writer = cluster.client(5).await;
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let writing = tokio::spawn(async move {
        let mut acknowledged = BTreeMap::new();
        for n in 0u32.. {
            let name = format!("w{n}");
            let mut request = writer.sign(CREATE_USER, user(&name)).unwrap();
            request.set_timeout(Duration::from_secs(5));
            match crate::harness::send(&writer, CREATE_USER, request).await {
                Ok(done) => {
                    let done: tidegate_proto::iam::v1::CreateUserResponse = done;
                    acknowledged.insert(name, done.metadata.unwrap().token);
                    counted.fetch_add(1, Ordering::Relaxed);
                }
                Err(status) => return (acknowledged, status),
            }
        }
        unreachable!()
    });
    eventually("some are acknowledged", async || count.load(Ordering::Relaxed) >= 20).await;
    cluster.kill_nine(1);
    cluster.kill_nine(2);
    let (acknowledged, _cut_short) = writing.await.unwrap();
    assert!(acknowledged.len() >= 20, "{}", acknowledged.len());

    // Reads, identities and quarantines go on; writes are refused by name.
    assert!(users(&at, None).await.unwrap().contains("before"));
    authorize(&at, question()).await.unwrap();
    let _me: GetCallerIdentityResponse =
        call(&at, IDENTITY, GetCallerIdentityRequest {}).await.unwrap();
    let target = Target {
        target: Some(Whom::PrincipalArn("arn:aws:iam::000000000001:user/before".to_owned())),
    };
    let asked = QuarantineRequest {
        target: Some(target),
        reason: "in need".to_owned(),
        duration: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        ..QuarantineRequest::default()
    };
    let mut receipts = at.quarantine(asked, Duration::from_secs(1)).await.unwrap();
    let first = receipts.next().await.unwrap();
    assert!(matches!(first, Some(Receipt::Accepted(_))));
    drop(receipts);
    let refused = create(&at, "in-vain").await.unwrap_err();
    assert!(["NO_QUORUM", "UNKNOWN_OUTCOME"].contains(&reason(&refused).as_str()), "{refused:?}");

    // What would be done is said first, and changes nothing.
    let (told, plan, why) = recover(&cluster, 4, "3", &[]);
    assert!(told, "{why}");
    assert_eq!(plan["done"], false);
    assert_eq!(plan["lost"], serde_json::json!([1, 2]));
    assert_eq!(plan["groups"].as_array().unwrap().len(), 5);
    let (done, _, why) = recover(&cluster, 4, "4,5", &["--yes"]);
    assert!(!done && why.contains("three, five or seven"), "{why}");
    assert!(create(&at, "still-in-vain").await.is_err());

    let said = recovered(&cluster, 4, "3").await;
    assert_eq!(said["done"], true);
    eventually("the survivor votes alone", async || settled(&cluster, 4, &[3]).await).await;
    eventually("writes go on", async || create(&at, "after").await.is_ok()).await;
    cluster.agree(&[3, 4, 5]).await;
    let there = users(&at, None).await.unwrap();
    let mut lost = 0;
    for (name, token) in &acknowledged {
        let mode = Mode::AtLeastAsFresh(AtLeastAsFresh { tokens: vec![token.clone()] });
        let mut asked = question();
        asked.consistency = Some(Consistency { mode: Some(mode) });
        match authorize(&at, asked).await {
            Ok(_) => assert!(there.contains(name), "{name} was acknowledged and held, and is gone"),
            Err(status) => {
                assert_eq!(reason(&status), "POSITION_DROPPED", "{status:?}");
                lost += 1;
            }
        }
    }
    // Only what was under way while both were killed can have reached no survivor.
    assert!(lost <= 2, "{lost} of {} are lost", acknowledged.len());

    // It is all there after a restart, too.
    for node in [3, 4] {
        cluster.kill_nine(node);
        cluster.start(node);
        cluster.serves(node).await;
    }
    eventually("writes go on", async || {
        create(&cluster.client(4).await, "after-a-restart").await.is_ok()
    })
    .await;
    cluster.agree(&[3, 4, 5]).await;
    assert!(users(&cluster.client(3).await, None).await.unwrap().is_superset(&there));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_region_becomes_the_home_and_tokens_of_what_was_dropped_are_refused() {
    let mut cluster = Cluster::running().await;
    for node in [6, 7] {
        cluster.join(node, "us-east-1").await;
    }
    let home = cluster.client(1).await;
    create(&home, "before").await.unwrap();
    cluster.agree(&[1, 2, 3, 4, 5]).await;

    // A change that two voters have and nobody else.
    cluster.kill_nine(3);
    for node in [1, 2] {
        let client = cluster.client(node).await;
        for other in ["us-east-1", "ap-southeast-2"] {
            let (from_region, to_region) = ("eu-central-1".to_owned(), other.to_owned());
            let link = Link { from_region, to_region, partitioned: true, ..Link::default() };
            let _done: SetLinkResponse =
                call(&client, SET_LINK, SetLinkRequest { link: Some(link) }).await.unwrap();
        }
    }
    let mut token = String::new();
    eventually("two of three write", async || match create(&home, "dropped").await {
        Ok(done) => {
            token = done.metadata.unwrap().token;
            true
        }
        Err(_) => false,
    })
    .await;
    cluster.kill_nine(1);
    cluster.kill_nine(2);

    let at = cluster.client(4).await;
    let (told, plan, why) = recover(&cluster, 4, "4,6,7", &[]);
    assert!(told && plan["lost"] == serde_json::json!([1, 2, 3]), "{plan} {why}");
    assert!(plan["groups"][0]["source"] == "gossip", "{plan}");
    let said = recovered(&cluster, 4, "4,6,7").await;
    assert_eq!(said["done"], true);
    eventually("the others vote", async || settled(&cluster, 4, &[4, 6, 7]).await).await;
    eventually("writes go on", async || create(&at, "after").await.is_ok()).await;

    let mode = Mode::AtLeastAsFresh(AtLeastAsFresh { tokens: vec![token] });
    let mut asked = question();
    asked.consistency = Some(Consistency { mode: Some(mode) });
    let refused = authorize(&at, asked).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "POSITION_DROPPED")
    );

    // Who joins behind it learns who votes since, though none of them voted before.
    let joined = cluster.join_by(4, 8, "us-east-1").await;
    let eighth = cluster.profile.connect_to(&joined).await.unwrap();
    assert!(users(&eighth, None).await.unwrap().contains("after"));

    // So does who had voted before and comes back: it begins anew, also when it is stopped in between.
    for _ in 0..2 {
        cluster.start(1);
        eventually("it is back", async || {
            let Some(back) = cluster.profile.connect(1).await else { return false };
            let there = users(&back, None).await.unwrap_or_default();
            there.contains("after") && !there.contains("dropped")
        })
        .await;
        cluster.agree(&[1, 4, 5]).await;
        cluster.kill_nine(1);
    }
    let log = std::fs::read_to_string(cluster.log(1)).unwrap();
    assert!(log.contains("was evicted while it was away"), "it was told: {log}");
    assert!(settled(&cluster, 4, &[4, 6, 7]).await, "it votes in nothing");
}

/// RFC 8410, sections 10.1 and 10.3; and a private half that belongs to neither.
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
const OTHER: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n-----END PRIVATE KEY-----\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_knows_a_recovery_key_goes_along_with_nobody_who_does_not_hold_it() {
    let mut cluster = Cluster::laid_out().await;
    let [public, private, other] = ["public.pem", "private.pem", "other.pem"].map(|name| {
        let path = cluster.path().join(name);
        path.display().to_string()
    });
    for (path, text) in [(&public, PUBLIC), (&private, PRIVATE), (&other, OTHER)] {
        std::fs::write(path, text).unwrap();
    }
    // The fourth node was taken over: it wants no order.
    for node in [1, 2, 3, 5] {
        cluster.configure(node, |settings| {
            settings.insert("recovery_key".to_owned(), toml::Value::String(public.clone()));
        });
    }
    cluster.start_all().await;
    let at = cluster.client(4).await;
    create(&at, "before").await.unwrap();
    cluster.agree(&[1, 2, 3, 4, 5]).await;
    cluster.kill_nine(1);
    cluster.kill_nine(2);

    // Nor does it say so.
    let (told, plan, why) = recover(&cluster, 4, "3", &[]);
    assert!(told && plan["needs_order"] == false, "{plan} {why}");
    let (told, plan, why) = recover(&cluster, 5, "3", &[]);
    assert!(told && plan["needs_order"] == true, "{plan} {why}");
    let key = |path: &'static str| cluster.path().join(path).display().to_string();
    let [private, other, public] = [key("private.pem"), key("other.pem"), key("public.pem")];
    let refused: [(u64, &[&str], &str); 5] = [
        (4, &["--yes"], "n3 refuses: it takes the steps of a recovery only with an order"),
        (5, &["--yes"], "n5 refuses: it takes the steps of a recovery only with an order"),
        (4, &["--yes", "--recovery-key", &other], "n3 refuses: the order is not signed by"),
        (5, &["--yes", "--recovery-key", &other], "n5 refuses: the order is not signed by"),
        (5, &["--yes", "--recovery-key", &public], "no private Ed25519 key"),
    ];
    for (node, more, sentence) in refused {
        let (done, _, why) = recover(&cluster, node, "3", more);
        assert!(!done && why.contains(sentence), "{sentence}: {why}");
    }
    // Nobody speaks less for that: the lost ones come back, and it all goes on.
    cluster.start(1);
    cluster.serves(1).await;
    eventually("two of three write", async || create(&at, "back").await.is_ok()).await;
    cluster.kill_nine(1);

    let signed = ["--yes", "--recovery-key", &private];
    eventually("the groups are recovered", async || {
        let (done, said, why) = recover(&cluster, 5, "3", &signed);
        if !done {
            eprintln!("not yet: {why}");
        }
        done && said["done"] == true
    })
    .await;
    eventually("the survivor votes alone", async || settled(&cluster, 4, &[3]).await).await;
    eventually("writes go on", async || create(&at, "after").await.is_ok()).await;
    let there = users(&cluster.client(3).await, None).await.unwrap();
    assert!(["before", "back", "after"].iter().all(|name| there.contains(*name)), "{there:?}");
}
