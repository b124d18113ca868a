//! Five real processes, writes under way, `kill -9` of one node after the other: nothing that was acknowledged may be missing on
//! any node afterwards, and all states must be equal.
//!
//! `TIDEGATE_KILL_ROUNDS=20 cargo test --release -p tidegate --test kill_nine -- --nocapture` is the long form.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Deserialize;
use tidegate_client::{Client, Credentials};
use tidegate_proto::{
    iam::v1::{CreateUserRequest, ListUsersRequest, iam_service_client::IamServiceClient},
    propagation::v1::{
        GetReplicationStatusRequest, GetReplicationStatusResponse,
        propagation_service_client::PropagationServiceClient,
    },
};

const NODES: [u64; 5] = [1, 2, 3, 4, 5];

#[derive(Clone, Deserialize)]
struct Endpoint {
    address: String,
}

#[derive(Clone, Deserialize)]
struct Profile {
    access_key_id: String,
    secret_access_key: String,
    ca: PathBuf,
    endpoints: Vec<Endpoint>,
}

struct Cluster {
    folder: PathBuf,
    profile: Profile,
    processes: BTreeMap<u64, Child>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.processes.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn tidegate() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tidegate"))
}

impl Cluster {
    fn lay_out(folder: &Path) -> Self {
        let args = ["dev", "--base-port", "0", "--write-configs-only", "--data"];
        assert!(tidegate().args(args).arg(folder).status().unwrap().success());
        let profile =
            toml::from_str(&fs::read_to_string(folder.join("profile.toml")).unwrap()).unwrap();
        let mut cluster =
            Self { folder: folder.to_path_buf(), profile, processes: BTreeMap::new() };
        for node in NODES {
            cluster.start(node);
        }
        cluster
    }

    fn start(&mut self, node: u64) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join(format!("n{node}.log")))
            .unwrap();
        let config = self.folder.join(format!("n{node}.toml"));
        let child = tidegate()
            .args(["node", "--config"])
            .arg(config)
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.processes.insert(node, child);
    }

    fn kill_nine(&mut self, node: u64) {
        let mut child = self.processes.remove(&node).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

async fn client(profile: &Profile, node: u64) -> Option<Client> {
    let address = profile.endpoints.get(usize::try_from(node - 1).unwrap())?.address.clone();
    let ca = fs::read_to_string(&profile.ca).unwrap();
    let credentials = Credentials {
        access_key_id: profile.access_key_id.clone(),
        secret_access_key: profile.secret_access_key.clone(),
        session_token: None,
    };
    Client::connect(&[address], &ca, credentials).await.ok()
}

async fn create(profile: &Profile, node: u64, name: &str) -> bool {
    let Some(client) = client(profile, node).await else { return false };
    let message = CreateUserRequest {
        user_name: name.to_owned(),
        request_id: name.to_owned(),
        ..CreateUserRequest::default()
    };
    let mut request = client.sign("/tidegate.iam.v1.IamService/CreateUser", message).unwrap();
    request.set_timeout(Duration::from_secs(5));
    IamServiceClient::new(client.channel()).create_user(request).await.is_ok()
}

async fn users(profile: &Profile, node: u64) -> Option<BTreeSet<String>> {
    let client = client(profile, node).await?;
    let (mut all, mut page_token) = (BTreeSet::new(), String::new());
    loop {
        let message =
            ListUsersRequest { page_size: 1_000, page_token, ..ListUsersRequest::default() };
        let request = client.sign("/tidegate.iam.v1.IamService/ListUsers", message).unwrap();
        let page =
            IamServiceClient::new(client.channel()).list_users(request).await.ok()?.into_inner();
        all.extend(page.users.into_iter().map(|u| u.user_name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Some(all);
        }
    }
}

async fn status(profile: &Profile, node: u64) -> Option<GetReplicationStatusResponse> {
    let client = client(profile, node).await?;
    let path = "/tidegate.propagation.v1.PropagationService/GetReplicationStatus";
    let request = client.sign(path, GetReplicationStatusRequest {}).unwrap();
    Some(
        PropagationServiceClient::new(client.channel())
            .get_replication_status(request)
            .await
            .ok()?
            .into_inner(),
    )
}

async fn eventually(what: &str, within: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn write(
    profile: Profile,
    writer: u64,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
) {
    let mut n = 0u64;
    while !stop.load(Ordering::Relaxed) {
        let name = format!("w{writer}-{n}");
        // Whoever got no answer asks another node under the same request id.
        for attempt in 0..50u64 {
            if create(&profile, (writer + n + attempt) % 5 + 1, &name).await {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_nodes_are_killed() {
    let rounds: u64 =
        env::var("TIDEGATE_KILL_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(3);
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::lay_out(folder.path());
    let profile = cluster.profile.clone();
    for node in NODES {
        eventually("a node serves", Duration::from_secs(60), async || {
            status(&profile, node).await.is_some()
        })
        .await;
    }
    let (stop, acknowledged) =
        (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(BTreeSet::new())));
    let writers: Vec<_> = (0..4)
        .map(|w| {
            tokio::spawn(write(profile.clone(), w, Arc::clone(&stop), Arc::clone(&acknowledged)))
        })
        .collect();
    for round in 0..rounds {
        let pause = Duration::from_millis(300 + rand::random::<u64>() % 1_500);
        tokio::time::sleep(pause).await;
        // The first round takes a voter, which may well lead.
        let victim =
            if round == 0 { 1 + rand::random::<u64>() % 3 } else { 1 + rand::random::<u64>() % 5 };
        cluster.kill_nine(victim);
        tokio::time::sleep(Duration::from_millis(rand::random::<u64>() % 1_500)).await;
        cluster.start(victim);
        eventually("a killed node serves again", Duration::from_secs(60), async || {
            status(&profile, victim).await.is_some()
        })
        .await;
        println!(
            "round {round}: n{victim} was killed, {} writes are acknowledged",
            acknowledged.lock().unwrap().len()
        );
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let wanted = acknowledged.lock().unwrap().clone();
    assert!(wanted.len() as u64 > 10 * rounds, "only {} writes were acknowledged", wanted.len());
    for node in NODES {
        eventually(
            "every acknowledged write is on every node",
            Duration::from_secs(60),
            async || users(&profile, node).await.is_some_and(|have| wanted.is_subset(&have)),
        )
        .await;
    }
    eventually("all digests are equal", Duration::from_secs(60), async || {
        let mut seen = BTreeSet::new();
        for node in NODES {
            let Some(status) = status(&profile, node).await else { return false };
            let groups: Vec<_> =
                status.groups.iter().map(|g| (g.group, g.published, g.digest.clone())).collect();
            seen.insert(groups);
        }
        seen.len() == 1
    })
    .await;
    println!(
        "{} acknowledged writes, none missing on any of five nodes, digests equal",
        wanted.len()
    );
}
