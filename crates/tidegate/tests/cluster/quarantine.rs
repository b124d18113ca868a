//! A quarantine decides at once at a node that is cut off from every other, and everywhere once that is healed; it outlives `kill -9` right
//! behind its reply; its target writes nothing more, and never lifts it.

use std::time::{Duration, Instant};

use tidegate_client::{Client, Credentials, Receipt, reason};
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
use tonic::Code;

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
async fn user_with_key(root: &Client, name: &str) -> Credentials {
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
async fn contain(client: &Client, target: Whom) -> Quarantine {
    let mut receipts = client.quarantine(asked(target), Duration::from_secs(1)).await.unwrap();
    match receipts.next().await.unwrap() {
        Some(Receipt::Accepted(quarantine)) => *quarantine,
        other => panic!("not accepted first: {other:?}"),
    }
}

/// Why a caller is refused at a node; empty: he is not.
async fn refusal(cluster: &Cluster, node: u64, credentials: &Credentials) -> String {
    let client = cluster.client(node).await.with_credentials(credentials.clone());
    let answer: Result<GetCallerIdentityResponse, _> =
        call(&client, WHO, GetCallerIdentityRequest {}).await;
    answer.err().map(|status| reason(&status).0).unwrap_or_default()
}

async fn known_everywhere(cluster: &Cluster, credentials: &Credentials) {
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
    let mut receipts = alone
        .quarantine(asked(Whom::PrincipalArn(ADA.to_owned())), Duration::from_secs(2))
        .await
        .unwrap();
    let Some(Receipt::Accepted(taken)) = receipts.next().await.unwrap() else {
        panic!("not accepted first");
    };
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
    let mut end = None;
    while let Some(said) = receipts.next().await.unwrap() {
        if let Receipt::Finished(propagated) = said {
            end = Some(propagated);
        }
    }
    let end = end.expect("a receipt ends with a word");
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
    for node in NODES {
        for who in [&ada, &bob] {
            eventually("it decides everywhere", async || {
                refusal(&cluster, node, who).await == "QUARANTINED"
            })
            .await;
        }
    }
    println!("everywhere {:?} after healing, all calls included", healed.elapsed());

    // The home has it in its own order by now, and the target lifts nothing.
    let list = async |client: &Client| -> Vec<Quarantine> {
        let message = ListQuarantinesRequest::default();
        let listed: ListQuarantinesResponse = call(client, LIST, message).await.unwrap();
        listed.quarantines
    };
    eventually("its home has imported both", async || {
        let all = list(&root).await;
        all.len() == 2 && all.iter().all(|q| q.imported)
    })
    .await;
    let lift = |ids: &[&str], request: &str| LiftQuarantineRequest {
        request_id: request.to_owned(),
        account_id: String::new(),
        quarantine_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
    };
    let as_ada = root.with_credentials(ada.clone());
    let refused: Result<LiftQuarantineResponse, _> =
        call(&as_ada, LIFT, lift(&[&taken.quarantine_id], "no")).await;
    assert_eq!(reason(&refused.unwrap_err()), ("QUARANTINED".to_owned(), false));
    let unknown: Result<LiftQuarantineResponse, _> =
        call(&root, LIFT, lift(&["nothing"], "nothing")).await;
    assert_eq!(reason(&unknown.unwrap_err()).0, "NO_SUCH_ENTITY");
    let both = [taken.quarantine_id.as_str(), second.quarantine_id.as_str()];
    let lifted: LiftQuarantineResponse = call(&root, LIFT, lift(&both, "yes")).await.unwrap();
    assert!(lifted.metadata.unwrap().revision > 0);
    for node in NODES {
        for who in [&ada, &bob] {
            eventually("it is lifted everywhere", async || {
                refusal(&cluster, node, who).await.is_empty()
            })
            .await;
        }
    }
    assert_eq!(list(&root).await, []);
    cluster.agree(&NODES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_names_every_node_and_sessions_are_contained_with_who_began_them() {
    let cluster = Cluster::running().await;
    let root = cluster.client(1).await;
    let ada = user_with_key(&root, "ada").await;
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{ADA}"}},"Action":"sts:AssumeRole"}}}}"#
    );
    let message = CreateRoleRequest {
        role_name: "worker".to_owned(),
        assume_role_policy_document: trust,
        request_id: "role".to_owned(),
        ..CreateRoleRequest::default()
    };
    let _role: CreateRoleResponse = call(&root, CREATE_ROLE, message).await.unwrap();
    known_everywhere(&cluster, &ada).await;
    let as_ada = root.with_credentials(ada.clone());
    let assume = async |name: &str| -> Result<Credentials, tonic::Status> {
        let message = AssumeRoleRequest {
            role_arn: ROLE.to_owned(),
            role_session_name: name.to_owned(),
            ..AssumeRoleRequest::default()
        };
        let given: AssumeRoleResponse = call(&as_ada, ASSUME, message).await?;
        let c = given.credentials.unwrap();
        Ok(Credentials {
            access_key_id: c.access_key_id,
            secret_access_key: c.secret_access_key,
            session_token: Some(c.session_token),
        })
    };
    let (first, second) = (assume("first").await.unwrap(), assume("second").await.unwrap());
    for who in [&first, &second] {
        known_everywhere(&cluster, who).await;
    }

    // One session by its access key: the other goes on.
    let near = cluster.client(4).await;
    let mut receipts = near
        .quarantine(asked(Whom::AccessKeyId(first.access_key_id.clone())), Duration::from_secs(60))
        .await
        .unwrap();
    let (mut acknowledged, mut end) = (Vec::new(), None);
    while let Some(said) = receipts.next().await.unwrap() {
        match said {
            Receipt::Accepted(_) => {}
            Receipt::Acknowledged(arrival) => acknowledged.push(arrival),
            Receipt::Finished(propagated) => end = Some(propagated),
        }
    }
    let end = end.unwrap();
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
    for node in NODES {
        eventually("sessions are void everywhere", async || {
            refusal(&cluster, node, &second).await == "SESSION_VOID"
        })
        .await;
    }
    let third = assume("third").await.unwrap();
    known_everywhere(&cluster, &third).await;

    // The user: its key, the session that it began, and its next.
    let _taken = contain(&near, Whom::PrincipalArn(ADA.to_owned())).await;
    assert_eq!(refusal(&cluster, 4, &ada).await, "QUARANTINED");
    assert_eq!(refusal(&cluster, 4, &third).await, "QUARANTINED");
    eventually("and at its home", async || refusal(&cluster, 1, &ada).await == "QUARANTINED").await;
    let refused = assume("fourth").await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).0.as_str()),
        (Code::PermissionDenied, "QUARANTINED")
    );
    assert!(refused.message().contains("stolen"), "{}", refused.message());
    let before = users(&root, None).await.unwrap();
    assert!(create(&as_ada, "mallory").await.is_err());
    assert_eq!(users(&root, None).await.unwrap(), before);

    // What is above the caller is not his to contain, and nothing lasts for ever.
    let bob = user_with_key(&root, "bob").await;
    let as_bob = root.with_credentials(bob);
    let refused = async |client: &Client, request: QuarantineRequest| {
        let refused = client.quarantine(request, Duration::from_secs(1)).await;
        let error = refused.err().expect("refused");
        error.to_string()
    };
    let root_arn = "arn:aws:iam::000000000001:root".to_owned();
    let whole = "000000000001".to_owned();
    assert!(refused(&as_bob, asked(Whom::AccountId(whole))).await.contains("VALIDATION_ERROR"));
    let long = QuarantineRequest {
        duration: Some(prost_types::Duration { seconds: 8 * 24 * 3_600, nanos: 0 }),
        ..asked(Whom::PrincipalArn(ADA.to_owned()))
    };
    assert!(refused(&root, long).await.contains("VALIDATION_ERROR"));
    let endless = QuarantineRequest { duration: None, ..asked(Whom::PrincipalArn(root_arn)) };
    assert!(refused(&root, endless).await.contains("VALIDATION_ERROR"));
    let nobody = asked(Whom::PrincipalArn("arn:aws:iam::000000000001:user/nobody".to_owned()));
    assert!(refused(&root, nobody).await.contains("NO_SUCH_ENTITY"));

    // The same request is one quarantine, also at another node.
    let twice = QuarantineRequest {
        request_id: "twice".to_owned(),
        ..asked(Whom::PrincipalArn("arn:aws:iam::000000000001:user/bob".to_owned()))
    };
    let mut ids = Vec::new();
    for node in [2, 5] {
        let client = cluster.client(node).await;
        let mut receipts = client.quarantine(twice.clone(), Duration::from_secs(60)).await.unwrap();
        while let Some(said) = receipts.next().await.unwrap() {
            if let Receipt::Accepted(quarantine) = said {
                ids.push((quarantine.quarantine_id, quarantine.node));
            }
        }
    }
    assert_eq!(ids[0], ids[1]);

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
