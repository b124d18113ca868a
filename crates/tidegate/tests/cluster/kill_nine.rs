//! Five real processes, writes under way, `kill -9` of one node after the other, of each in turn, and of all at once: nothing that was
//! acknowledged may be missing on any node afterwards, and all states must be equal.
//!
//! `TIDEGATE_KILL_ROUNDS=20 cargo test --release -p tidegate --test cluster kill_nine -- --nocapture` is the long form.

use std::{
    collections::BTreeSet,
    env,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::harness::{Cluster, NODES, Profile, create, eventually, users};

/// Writers that create users until they are told to stop, each through any node.
pub(crate) struct Writers {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Writers {
    /// Four of them, through these nodes.
    pub(crate) fn start(profile: &Profile, nodes: &'static [u64], prefix: &str) -> Self {
        let (stop, acknowledged) =
            (Arc::<AtomicBool>::default(), Arc::<Mutex<BTreeSet<String>>>::default());
        let tasks = (0..4)
            .map(|w| {
                let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
                tokio::spawn(write(
                    profile.clone(),
                    nodes,
                    format!("{prefix}{w}"),
                    stop,
                    acknowledged,
                ))
            })
            .collect();
        Self { stop, acknowledged, tasks }
    }

    /// What was acknowledged until now.
    pub(crate) fn acknowledged(&self) -> BTreeSet<String> {
        self.acknowledged.lock().unwrap().clone()
    }

    /// What was acknowledged in all.
    pub(crate) async fn stop(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        self.acknowledged.lock().unwrap().clone()
    }
}

async fn write(
    profile: Profile,
    nodes: &[u64],
    prefix: String,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
) {
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        let name = format!("{prefix}-{n}");
        // Whoever got no answer asks another node under the same request id.
        for attempt in 0..50 {
            if let Some(client) = profile.connect(nodes[(n + attempt) % nodes.len()]).await
                && create(&client, &name).await.is_ok()
            {
                acknowledged.lock().unwrap().insert(name.clone());
                break;
            }
            if stop.load(Ordering::Relaxed) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        n += 1;
    }
}

/// Everything acknowledged is on every node, and all are equal.
async fn check(cluster: &Cluster, wanted: &BTreeSet<String>) {
    for node in NODES {
        eventually("every acknowledged write is on every node", async || {
            let Some(client) = cluster.profile.connect(node).await else { return false };
            users(&client, None).await.is_ok_and(|have| wanted.is_subset(&have))
        })
        .await;
    }
    cluster.agree(&NODES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_nodes_are_killed() {
    let rounds: usize =
        env::var("TIDEGATE_KILL_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(3);
    let mut cluster = Cluster::running().await;
    let writers = Writers::start(&cluster.profile, &NODES, "w");
    for round in 0..rounds {
        tokio::time::sleep(Duration::from_millis(300 + rand::random::<u64>() % 1_500)).await;
        // The first round takes a voter, which may well lead.
        let among = if round == 0 { 3 } else { 5 };
        let victim = 1 + rand::random::<u64>() % among;
        cluster.kill_nine(victim);
        tokio::time::sleep(Duration::from_millis(rand::random::<u64>() % 1_500)).await;
        cluster.start(victim);
        cluster.serves(victim).await;
        let so_far = writers.acknowledged().len();
        println!("round {round}: n{victim} was killed, {so_far} writes are acknowledged");
    }
    let wanted = writers.stop().await;
    assert!(wanted.len() > 10 * rounds, "only {} writes were acknowledged", wanted.len());
    check(&cluster, &wanted).await;
    println!(
        "{} acknowledged writes, none missing on any of five nodes, digests equal",
        wanted.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_node_in_turn_and_then_all_at_once_come_back() {
    let mut cluster = Cluster::running().await;
    let writers = Writers::start(&cluster.profile, &NODES, "t");
    for victim in NODES {
        cluster.kill_nine(victim);
        tokio::time::sleep(Duration::from_millis(rand::random::<u64>() % 300)).await;
        cluster.start(victim);
        cluster.serves(victim).await;
        // A leader may have gone: the next goes only once there is one again.
        let so_far = writers.acknowledged().len();
        eventually("writes go on after one node was killed", async || {
            writers.acknowledged().len() > so_far
        })
        .await;
    }
    for node in NODES {
        cluster.kill_nine(node);
    }
    let before = writers.acknowledged().len();
    cluster.start_all().await;
    eventually("writes go on after all nodes were killed", async || {
        writers.acknowledged().len() > before
    })
    .await;
    let wanted = writers.stop().await;
    check(&cluster, &wanted).await;
    println!("{} acknowledged writes, {before} of them before all nodes were killed", wanted.len());
}
