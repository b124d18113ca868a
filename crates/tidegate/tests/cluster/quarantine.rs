//! A quarantine decides at once at a node that is cut off from every other, and everywhere once that is healed; it outlives `kill -9` right
//! behind its reply; its target writes nothing more, and never lifts it.

use std::time::{Duration, Instant};

use tidegate_client::{Arrived, Client, Credentials, Propagated, Receipt, Receipts, reason};
use tidegate_proto::{
    cluster::v1::{Link, SetLinkRequest, SetLinkResponse},
    decision::v1::Effect,
    iam::v1::{
        CreateAccessKeyRequest, CreateAccessKeyResponse, CreateRoleRequest, CreateRoleResponse,
        ListAccessKeysRequest, ListAccessKeysResponse,
    },
    region::v1::{
        LiftQuarantineRequest, LiftQuarantineResponse, ListQuarantinesRequest,
        ListQuarantinesResponse, Quarantine, QuarantineRequest, Target, VoidSessionsRequest,
        VoidSessionsResponse, target::Target as Whom,
    },
    sts::v1::{
        AssumeRoleRequest, AssumeRoleResponse, GetCallerIdentityRequest, GetCallerIdentityResponse,
    },
};
use tonic::{Code, Status};

use crate::harness::{
    Cluster, NODES, authorize, call, create, eventually, put_policy, question, users,
};

const ALL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
const CREATE_KEY: &str = "/tidegate.iam.v1.IamService/CreateAccessKey";
const LIST_KEYS: &str = "/tidegate.iam.v1.IamService/ListAccessKeys";
const CREATE_ROLE: &str = "/tidegate.iam.v1.IamService/CreateRole";
const SET_LINK: &str = "/tidegate.cluster.v1.ClusterService/SetLink";
const WHO: &str = "/tidegate.sts.v1.StsService/GetCallerIdentity";
const ASSUME: &str = "/tidegate.sts.v1.StsService/AssumeRole";
const LIST: &str = "/tidegate.region.v1.QuarantineService/ListQuarantines";
const LIFT: &str = "/tidegate.region.v1.QuarantineService/LiftQuarantine";
const VOID: &str = "/tidegate.region.v1.QuarantineService/VoidSessions";
const ADA: &str = "arn:aws:iam::000000000001:user/ada";
const ROLE: &str = "arn:aws:iam::000000000001:role/worker";
const REGIONS: [&str; 3] = ["eu-central-1", "us-east-1", "ap-southeast-2"];
/// The node of the last region, which stands alone.
const ALONE: u64 = 5;

/// Cuts the last region off from the others at every node, or heals it.
async fn cut(cluster: &Cluster, partitioned: bool) {
    for node in NODES {
        let client = cluster.client(node).await;
        for other in &REGIONS[..2] {
            for (from, to) in [(other, &REGIONS[2]), (&REGIONS[2], other)] {
                let link = Link {
                    from_region: (*from).to_owned(),
                    to_region: (*to).to_owned(),
                    partitioned,
                    ..Link::default()
                };
                let message = SetLinkRequest { link: Some(link) };
                let _done: SetLinkResponse = call(&client, SET_LINK, message).await.unwrap();
            }
        }
    }
}

/// A user who may do everything, with a key.
pub(crate) async fn user_with_key(root: &Client, name: &str) -> Credentials {
    eventually("a user is made", async || create(root, name).await.is_ok()).await;
    eventually("it may do everything", async || put_policy(root, name, ALL).await.is_ok()).await;
    let message = CreateAccessKeyRequest {
        user_name: name.to_owned(),
        request_id: format!("key-{name}"),
        ..CreateAccessKeyRequest::default()
    };
    let made: CreateAccessKeyResponse = call(root, CREATE_KEY, message).await.unwrap();
    let key = made.access_key.unwrap();
    let access_key_id = key.access_key.unwrap().access_key_id;
    Credentials { access_key_id, secret_access_key: key.secret_access_key, session_token: None }
}

fn asked(target: Whom) -> QuarantineRequest {
    QuarantineRequest {
        target: Some(Target { target: Some(target) }),
        reason: "its laptop was stolen".to_owned(),
        duration: Some(prost_types::Duration { seconds: 3_600, nanos: 0 }),
        ..QuarantineRequest::default()
    }
}

/// Quarantines somebody, gives the acceptance, and leaves the receipt.
pub(crate) async fn contain(client: &Client, target: Whom) -> Quarantine {
    let mut receipts = client.quarantine(asked(target), Duration::from_secs(1)).await.unwrap();
    accepted(&mut receipts).await
}

/// The first word of a receipt.
async fn accepted(receipts: &mut Receipts) -> Quarantine {
    let first = receipts.next().await.unwrap();
    assert!(matches!(first, Some(Receipt::Accepted(_))), "not accepted first: {first:?}");
    let Some(Receipt::Accepted(quarantine)) = first else { unreachable!() };
    *quarantine
}

/// The rest of a receipt: each acknowledgement, and the end.
async fn rest(receipts: &mut Receipts) -> (Vec<Arrived>, Propagated) {
    let mut acknowledged = Vec::new();
    while let Some(said) = receipts.next().await.unwrap() {
        match said {
            Receipt::Accepted(_) => {}
            Receipt::Acknowledged(arrival) => acknowledged.push(arrival),
            Receipt::Finished(end) => return (acknowledged, end),
        }
    }
    unreachable!("a receipt ends with a word")
}

async fn quarantines(client: &Client) -> Vec<Quarantine> {
    let message = ListQuarantinesRequest::default();
    let listed: ListQuarantinesResponse = call(client, LIST, message).await.unwrap();
    listed.quarantines
}

async fn lift(client: &Client, ids: &[&str]) -> Result<LiftQuarantineResponse, Status> {
    let message = LiftQuarantineRequest {
        request_id: ids.join("-"),
        account_id: String::new(),
        quarantine_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
    };
    call(client, LIFT, message).await
}

/// Waits until each of these is refused, or not, for this reason at every node.
async fn everywhere(cluster: &Cluster, who: &[&Credentials], why: &str) {
    for node in NODES {
        for credentials in who {
            eventually("it is so everywhere", async || {
                refusal(cluster, node, credentials).await == why
            })
            .await;
        }
    }
}

/// Why a caller is refused at a node; empty: he is not.
pub(crate) async fn refusal(cluster: &Cluster, node: u64, credentials: &Credentials) -> String {
    let client = cluster.client(node).await.with_credentials(credentials.clone());
    let answer: Result<GetCallerIdentityResponse, _> =
        call(&client, WHO, GetCallerIdentityRequest {}).await;
    answer.err().map(|status| reason(&status).0).unwrap_or_default()
}

pub(crate) async fn known_everywhere(cluster: &Cluster, credentials: &Credentials) {
    for node in NODES {
        eventually("the key has arrived", async || {
            refusal(cluster, node, credentials).await.is_empty()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_contains_at_once_and_all_do_once_it_is_healed() {
    let mut cluster = Cluster::running().await;
    let root = cluster.client(1).await;
    let ada = user_with_key(&root, "ada").await;
    let bob = user_with_key(&root, "bob").await;
    known_everywhere(&cluster, &ada).await;
    known_everywhere(&cluster, &bob).await;
    cut(&cluster, true).await;

    let alone = cluster.client(ALONE).await;
    let asked = asked(Whom::PrincipalArn(ADA.to_owned()));
    let mut receipts = alone.quarantine(asked, Duration::from_secs(2)).await.unwrap();
    let taken = accepted(&mut receipts).await;
    assert_eq!(
        (taken.target_arn.as_str(), taken.node.as_str(), taken.reason.as_str()),
        (ADA, "n5", "its laptop was stolen")
    );
    // At once, in every consistency mode, and with its own reason; elsewhere not yet, as nobody could know.
    assert_eq!(refusal(&cluster, ALONE, &ada).await, "QUARANTINED");
    assert_eq!(refusal(&cluster, ALONE, &bob).await, "");
    assert_eq!(refusal(&cluster, 1, &ada).await, "");
    let mut about = question();
    about.question.as_mut().unwrap().principal = ADA.to_owned();
    let answer = authorize(&alone, about.clone()).await.unwrap().answer.unwrap();
    assert_eq!(answer.effect(), Effect::ExplicitDeny);
    assert_eq!(answer.quarantine.unwrap().quarantine_id, taken.quarantine_id);
    assert!(answer.message.contains(&taken.quarantine_id), "{}", answer.message);
    let (_, end) = rest(&mut receipts).await;
    assert_eq!(
        (end.covered, end.missing),
        (false, ["n1", "n2", "n3", "n4"].map(String::from).to_vec())
    );

    // Durable before the reply: another one, and `kill -9` right behind its acceptance.
    let second = contain(&alone, Whom::AccessKeyId(bob.access_key_id.clone())).await;
    cluster.kill_nine(ALONE);
    cluster.start(ALONE);
    cluster.serves(ALONE).await;
    for who in [&ada, &bob] {
        assert_eq!(refusal(&cluster, ALONE, who).await, "QUARANTINED");
    }

    // The restart has healed the node's own links; the others still lose what goes to it.
    cut(&cluster, false).await;
    let healed = Instant::now();
    everywhere(&cluster, &[&ada, &bob], "QUARANTINED").await;
    println!("everywhere {:?} after healing, all calls included", healed.elapsed());

    // The home has it in its own order by now, and the target lifts nothing.
    eventually("its home has imported both", async || {
        let all = quarantines(&root).await;
        all.len() == 2 && all.iter().all(|q| q.imported)
    })
    .await;
    let as_ada = root.with_credentials(ada.clone());
    let refused = lift(&as_ada, &[&taken.quarantine_id]).await.unwrap_err();
    assert_eq!(reason(&refused), ("QUARANTINED".to_owned(), false));
    let unknown = lift(&root, &["nothing"]).await.unwrap_err();
    assert_eq!(reason(&unknown).0, "NO_SUCH_ENTITY");
    let lifted = lift(&root, &[&taken.quarantine_id, &second.quarantine_id]).await.unwrap();
    assert!(lifted.metadata.unwrap().revision > 0);
    everywhere(&cluster, &[&ada, &bob], "").await;
    assert_eq!(quarantines(&root).await, []);
    cluster.agree(&NODES).await;
}

/// `ada` with her key, and a role that she may assume.
pub(crate) async fn with_role(cluster: &Cluster, root: &Client) -> Credentials {
    let ada = user_with_key(root, "ada").await;
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{ADA}"}},"Action":"sts:AssumeRole"}}}}"#
    );
    let message = CreateRoleRequest {
        role_name: "worker".to_owned(),
        assume_role_policy_document: trust,
        request_id: "role".to_owned(),
        ..CreateRoleRequest::default()
    };
    let _role: CreateRoleResponse = call(root, CREATE_ROLE, message).await.unwrap();
    known_everywhere(cluster, &ada).await;
    ada
}

pub(crate) async fn assume(client: &Client, name: &str) -> Result<Credentials, Status> {
    let message = AssumeRoleRequest {
        role_arn: ROLE.to_owned(),
        role_session_name: name.to_owned(),
        ..AssumeRoleRequest::default()
    };
    let given: AssumeRoleResponse = call(client, ASSUME, message).await?;
    let c = given.credentials.unwrap();
    Ok(Credentials {
        access_key_id: c.access_key_id,
        secret_access_key: c.secret_access_key,
        session_token: Some(c.session_token),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_names_every_node_and_sessions_are_contained_with_who_began_them() {
    let cluster = Cluster::running().await;
    let root = cluster.client(1).await;
    let ada = with_role(&cluster, &root).await;
    let as_ada = root.with_credentials(ada.clone());
    let first = assume(&as_ada, "first").await.unwrap();
    let second = assume(&as_ada, "second").await.unwrap();
    for who in [&first, &second] {
        known_everywhere(&cluster, who).await;
    }

    // One session by its access key: the other goes on.
    let near = cluster.client(4).await;
    let session = asked(Whom::AccessKeyId(first.access_key_id.clone()));
    let mut receipts = near.quarantine(session, Duration::from_secs(60)).await.unwrap();
    let (acknowledged, end) = rest(&mut receipts).await;
    assert!(end.covered && end.missing.is_empty(), "{end:?}");
    let measured: Vec<_> = acknowledged.iter().filter(|a| a.node != "n4").collect();
    assert_eq!(measured.len(), 4, "{acknowledged:?}");
    assert!(measured.iter().all(|a| a.upper_bound.is_some()), "{measured:?}");
    for node in NODES {
        assert_eq!(refusal(&cluster, node, &first).await, "QUARANTINED");
        assert_eq!(refusal(&cluster, node, &second).await, "");
    }

    // Sessions void: the second ends, and a session that is issued by who knows of it is good.
    let message = VoidSessionsRequest { role_arn: ROLE.to_owned(), issued_before: None };
    let _void: VoidSessionsResponse = call(&root, VOID, message).await.unwrap();
    everywhere(&cluster, &[&second], "SESSION_VOID").await;
    let third = assume(&as_ada, "third").await.unwrap();
    known_everywhere(&cluster, &third).await;

    // The user: its key, the session that it began, and its next.
    let _taken = contain(&near, Whom::PrincipalArn(ADA.to_owned())).await;
    assert_eq!(refusal(&cluster, 4, &ada).await, "QUARANTINED");
    assert_eq!(refusal(&cluster, 4, &third).await, "QUARANTINED");
    everywhere(&cluster, &[&ada, &third], "QUARANTINED").await;
    let refused = assume(&as_ada, "fourth").await.unwrap_err();
    let said = (refused.code(), reason(&refused).0);
    assert_eq!(said, (Code::PermissionDenied, "QUARANTINED".to_owned()));
    assert!(refused.message().contains("stolen"), "{}", refused.message());
    let before = users(&root, None).await.unwrap();
    assert!(create(&as_ada, "mallory").await.is_err());
    assert_eq!(users(&root, None).await.unwrap(), before);

    // Once a minute nodes tell each other what was used.
    eventually("the key's last use is known elsewhere", async || {
        let message = ListAccessKeysRequest {
            user_name: "ada".to_owned(),
            ..ListAccessKeysRequest::default()
        };
        let far = cluster.client(ALONE).await;
        let keys: ListAccessKeysResponse = call(&far, LIST_KEYS, message).await.unwrap();
        let used = keys.access_keys.into_iter().next().and_then(|k| k.last_used);
        used.is_some_and(|u| u.date.is_some() && !u.region.is_empty() && u.service == "sts")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_t_be_contained_is_refused_and_one_request_is_one_quarantine() {
    let cluster = Cluster::running().await;
    let root = cluster.client(1).await;
    let bob = user_with_key(&root, "bob").await;
    known_everywhere(&cluster, &bob).await;
    let as_bob = root.with_credentials(bob);
    let refused = async |client: &Client, request: QuarantineRequest| {
        client.quarantine(request, Duration::from_secs(1)).await.unwrap_err().to_string()
    };
    let of = |user: &str| Whom::PrincipalArn(format!("arn:aws:iam::000000000001:user/{user}"));
    let whole = asked(Whom::AccountId("000000000001".to_owned()));
    assert!(refused(&as_bob, whole).await.contains("VALIDATION_ERROR"));
    let eight_days = prost_types::Duration { seconds: 8 * 24 * 3_600, nanos: 0 };
    let long = QuarantineRequest { duration: Some(eight_days), ..asked(of("bob")) };
    assert!(refused(&root, long).await.contains("VALIDATION_ERROR"));
    let endless = QuarantineRequest { duration: None, ..asked(of("bob")) };
    assert!(refused(&root, endless).await.contains("VALIDATION_ERROR"));
    assert!(refused(&root, asked(of("nobody"))).await.contains("NO_SUCH_ENTITY"));

    // The same request is one quarantine, also at another node.
    let twice = QuarantineRequest { request_id: "twice".to_owned(), ..asked(of("bob")) };
    let mut taken = Vec::new();
    for node in [2, 5] {
        let client = cluster.client(node).await;
        let mut receipts = client.quarantine(twice.clone(), Duration::from_secs(60)).await.unwrap();
        taken.push(accepted(&mut receipts).await);
        assert!(rest(&mut receipts).await.1.covered);
    }
    let names: Vec<_> = taken.iter().map(|q| (&q.quarantine_id, &q.node)).collect();
    assert_eq!(names[0], names[1]);
}

/// Copies a folder, which nobody writes to.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_back_from_an_old_copy_goes_on_under_a_fresh_incarnation() {
    let mut cluster = Cluster::running().await;
    let root = cluster.client(1).await;
    let ada = user_with_key(&root, "ada").await;
    let bob = user_with_key(&root, "bob").await;
    known_everywhere(&cluster, &ada).await;
    known_everywhere(&cluster, &bob).await;
    let mut data = std::path::PathBuf::new();
    cluster.configure(ALONE, |settings| {
        data = std::path::PathBuf::from(settings["data"].as_str().unwrap());
    });
    let data = cluster.path().join(data);
    let old = cluster.path().join("old-copy");
    cluster.kill_nine(ALONE);
    copy(&data, &old);
    cluster.start(ALONE);
    cluster.serves(ALONE).await;
    let alone = cluster.client(ALONE).await;
    let asked = asked(Whom::PrincipalArn(ADA.to_owned()));
    let mut receipts = alone.quarantine(asked, Duration::from_secs(60)).await.unwrap();
    assert!(rest(&mut receipts).await.1.covered);
    cluster.kill_nine(ALONE);
    std::fs::remove_dir_all(&data).unwrap();
    copy(&old, &data);
    cluster.start(ALONE);
    cluster.serves(ALONE).await;
    eventually("what it forgot comes back from its peers", async || {
        refusal(&cluster, ALONE, &ada).await == "QUARANTINED"
    })
    .await;
    eventually("it says so", async || {
        let log = std::fs::read_to_string(cluster.log(ALONE)).unwrap();
        log.contains("goes on under a fresh incarnation")
    })
    .await;
    // What it takes from now on has names of its own: it reaches everybody.
    let alone = cluster.client(ALONE).await;
    let _taken = contain(&alone, Whom::AccessKeyId(bob.access_key_id.clone())).await;
    for node in NODES {
        eventually("it decides everywhere", async || {
            refusal(&cluster, node, &bob).await == "QUARANTINED"
        })
        .await;
    }
}
