//! An account moves between groups and home regions while clients write and ask: nothing is lost, reordered or done twice, and whoever holds
//! a token decides on no less.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tidegate_proto::{
    common::v1::{AtLeastAsFresh, Consistency, ResponseMetadata, consistency::Mode},
    decision::v1::Effect,
    membership::v1::{
        AddGroupRequest, AddGroupResponse, DescribeMembershipRequest, DescribeMembershipResponse,
        MoveAccountRequest, MoveAccountResponse,
    },
};
use tonic::Code;

use crate::harness::{
    Cluster, NODES, Profile, authorize, call, create, eventually, put_policy, question, status,
    users,
};

const MEMBERS: &str = "/tidegate.membership.v1.MembershipService/DescribeMembership";
const ADD_GROUP: &str = "/tidegate.membership.v1.MembershipService/AddGroup";
const MOVE: &str = "/tidegate.membership.v1.MembershipService/MoveAccount";
const ACCOUNT: &str = "000000000001";

/// What one writer was told: name, id and metadata of each user, in its order.
type Made = Vec<(String, String, ResponseMetadata)>;

fn token(metadata: Option<ResponseMetadata>) -> Mode {
    let tokens = metadata.into_iter().map(|m| m.token).collect();
    Mode::AtLeastAsFresh(AtLeastAsFresh { tokens })
}

/// Makes users at all nodes in turn until it is told to stop. Each is tried, at the next node, until it is acknowledged.
async fn write(profile: Profile, writer: usize, stop: Arc<AtomicBool>) -> Made {
    let (mut made, mut turn) = (Made::new(), writer);
    while !stop.load(Ordering::Relaxed) {
        let name = format!("w{writer}-{}", made.len());
        loop {
            turn += 1;
            let node = NODES[turn % NODES.len()];
            let Some(client) = profile.connect(node).await else { continue };
            match create(&client, &name).await {
                Ok(done) => {
                    let id = done.user.unwrap().user_id;
                    made.push((name, id, done.metadata.unwrap()));
                    break;
                }
                Err(error) => assert_ne!(error.code(), Code::AlreadyExists, "{name}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    made
}

/// Grants and revokes in turn, and asks another node each time whether it decides so, with the token of the change.
async fn toggle(profile: Profile, stop: Arc<AtomicBool>) -> usize {
    let (mut turn, mut checked) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let wanted = if turn % 2 == 0 { "Allow" } else { "Deny" };
        let document = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{wanted}","Action":"s3:*","Resource":"*"}}}}"#
        );
        let done = loop {
            let Some(client) = profile.connect(NODES[turn % NODES.len()]).await else { continue };
            match put_policy(&client, "toggled", &document).await {
                Ok(done) => break done,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        let mut ask = question();
        if let Some(question) = &mut ask.question {
            question.principal = format!("arn:aws:iam::{ACCOUNT}:user/toggled");
        }
        ask.consistency = Some(Consistency { mode: Some(token(done.metadata)) });
        for other in [turn + 1, turn + 2, turn + 3] {
            let node = NODES[other % NODES.len()];
            let Some(client) = profile.connect(node).await else { continue };
            let Ok(answer) = authorize(&client, ask.clone()).await else { continue };
            let effect = answer.answer.unwrap().effect();
            let expected = if wanted == "Allow" { Effect::Allow } else { Effect::ExplicitDeny };
            assert_eq!(effect, expected, "n{node} at the token of change {turn}");
            checked += 1;
        }
    }
    checked
}

/// Moves the account, and waits until every node knows that it has.
async fn moved(cluster: &Cluster, group: u32, at: u64) {
    let client = cluster.client(at).await;
    let message = MoveAccountRequest {
        request_id: format!("{:032x}", rand::random::<u128>()),
        account_id: ACCOUNT.to_owned(),
        group,
    };
    eventually("the move is written down", async || {
        let asked: Result<MoveAccountResponse, _> = call(&client, MOVE, message.clone()).await;
        asked.is_ok()
    })
    .await;
}

async fn settled(cluster: &Cluster, nodes: &[u64]) {
    for node in nodes {
        eventually("the account has moved", async || {
            let Some(client) = cluster.profile.connect(*node).await else { return false };
            let members: Result<DescribeMembershipResponse, _> =
                call(&client, MEMBERS, DescribeMembershipRequest {}).await;
            members.is_ok_and(|m| m.moves.is_empty())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_moves_under_load_and_nobody_loses_anything() {
    let mut cluster = Cluster::running().await;
    let home = cluster.client(1).await;
    eventually("a user is made", async || create(&home, "toggled").await.is_ok()).await;
    let added: AddGroupResponse =
        call(&home, ADD_GROUP, AddGroupRequest { voters: vec![4], ..AddGroupRequest::default() })
            .await
            .unwrap();
    assert_eq!(added.region, "us-east-1");

    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..3)
        .map(|n| tokio::spawn(write(cluster.profile.clone(), n, Arc::clone(&stop))))
        .collect();
    let toggler = tokio::spawn(toggle(cluster.profile.clone(), Arc::clone(&stop)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    // To another home region, while who leads the old group dies in the middle of it; and back to another group.
    let leader = status(&cluster.profile, 1).await.unwrap().groups[1].leader.clone();
    let leader: u64 = leader.trim_start_matches('n').parse().unwrap();
    moved(&cluster, added.group, leader % 3 + 1).await;
    cluster.kill_nine(leader);
    let rest: Vec<u64> = NODES.into_iter().filter(|n| *n != leader).collect();
    tokio::time::sleep(Duration::from_secs(2)).await;
    cluster.start(leader);
    settled(&cluster, &NODES).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    moved(&cluster, 2, rest[0]).await;
    settled(&cluster, &NODES).await;
    moved(&cluster, 1, rest[1]).await;
    settled(&cluster, &NODES).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);

    let mut all = Vec::new();
    for writer in writers {
        let made = writer.await.unwrap();
        let revisions: Vec<u64> = made.iter().map(|(.., m)| m.revision).collect();
        assert!(
            revisions.is_sorted_by(|a, b| a < b),
            "a writer's changes are in its order: {revisions:?}"
        );
        assert!(made.len() > 10, "only {} writes", made.len());
        all.extend(made);
    }
    let checked = toggler.await.unwrap();
    assert!(checked > 10, "only {checked} decisions at tokens");
    let distinct: BTreeSet<u64> = all.iter().map(|(.., m)| m.revision).collect();
    assert_eq!(distinct.len(), all.len(), "no revision was given twice");

    // Each request, sent again, is the one that was done, in whichever group: nothing was done twice.
    let home = cluster.client(1).await;
    for (name, id, metadata) in all.iter().step_by(all.len() / 50 + 1) {
        let again = create(&home, name).await.unwrap();
        assert_eq!(again.user.unwrap().user_id, *id, "{name}");
        assert_eq!(again.metadata.unwrap().revision, metadata.revision, "{name}");
    }
    cluster.agree(&NODES).await;
    for node in NODES {
        let client = cluster.client(node).await;
        // Whoever holds a token of any time sees no less.
        for (name, _, metadata) in all.iter().step_by(all.len() / 10 + 1) {
            let there = users(&client, Some(token(Some(metadata.clone())))).await.unwrap();
            assert!(there.contains(name), "n{node} lacks {name} at its token");
        }
        let there = users(&client, Some(Mode::Strong(true))).await.unwrap();
        assert_eq!(there.len(), all.len() + 1, "n{node}");
        assert!(all.iter().all(|(name, ..)| there.contains(name)), "n{node} lacks some");
        assert_eq!(cluster.metric(node, "tidegate_state_digest_mismatch_total"), 0);
        assert_eq!(cluster.metric(node, "tidegate_alarms_total"), 0);
    }
    println!("{} users made, {checked} decisions at tokens", all.len());
}
