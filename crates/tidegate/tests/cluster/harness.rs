//! Clusters of real processes, and calls to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use http::uri::PathAndQuery;
use prost::Message;
use serde::Deserialize;
use tempfile::TempDir;
use tidegate_client::{Client, Credentials};
use tidegate_proto::{
    cluster::v1::{Node, RegisterNodeRequest, RegisterNodeResponse},
    common::v1::{Consistency, consistency::Mode},
    decision::v1::{AuthorizeRequest, AuthorizeResponse, Question},
    iam::v1::{
        CreateUserRequest, CreateUserResponse, ListUsersRequest, ListUsersResponse,
        PutUserPolicyRequest, PutUserPolicyResponse,
    },
    propagation::v1::{GetReplicationStatusRequest, GetReplicationStatusResponse, GroupStatus},
};
use tokio::sync::{Mutex, MutexGuard};
use tonic::{Request, Status};

/// The nodes of a development cluster; the first three vote.
pub(crate) const NODES: [u64; 5] = [1, 2, 3, 4, 5];
/// How long anything may take on a busy machine before it counts as never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Five processes are enough for one machine: tests take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// Waits until no other test has a cluster.
pub(crate) async fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().await
}

#[derive(Clone, Deserialize)]
pub(crate) struct Endpoint {
    address: String,
}

/// Who calls whom.
#[derive(Clone, Deserialize)]
pub(crate) struct Profile {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) ca: PathBuf,
    pub(crate) endpoints: Vec<Endpoint>,
}

impl Profile {
    /// A connection to a node, if it is there.
    pub(crate) async fn connect(&self, node: u64) -> Option<Client> {
        let place = usize::try_from(node - 1).unwrap();
        self.connect_to(&self.endpoints.get(place)?.address).await
    }

    /// A connection to a node as somebody else, if it is there.
    pub(crate) async fn connect_as(&self, node: u64, credentials: Credentials) -> Option<Client> {
        let place = usize::try_from(node - 1).unwrap();
        let address = self.endpoints.get(place)?.address.clone();
        let ca = fs::read_to_string(&self.ca).unwrap();
        Client::connect(&[address], &ca, credentials).await.ok()
    }

    /// A connection to an address, if somebody is there.
    pub(crate) async fn connect_to(&self, address: &str) -> Option<Client> {
        let ca = fs::read_to_string(&self.ca).unwrap();
        let credentials = Credentials {
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.clone(),
            session_token: None,
        };
        Client::connect(&[address.to_owned()], &ca, credentials).await.ok()
    }
}

/// Node processes and their folder. They end with the value.
pub(crate) struct Cluster {
    pub(crate) folder: TempDir,
    pub(crate) profile: Profile,
    pub(crate) environment: Vec<(String, String)>,
    processes: BTreeMap<u64, Child>,
    _turn: MutexGuard<'static, ()>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in self.processes.keys().copied().collect::<Vec<_>>() {
            self.kill_nine(node);
        }
        if std::thread::panicking() {
            for node in NODES {
                let log = fs::read_to_string(self.log(node)).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(20).collect();
                for line in last.iter().rev() {
                    eprintln!("n{node}: {line}");
                }
            }
        }
    }
}

/// The program.
pub(crate) fn tidegate() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tidegate"))
}

impl Cluster {
    /// The files of a new cluster. Nothing runs yet.
    pub(crate) async fn laid_out() -> Self {
        let turn = turn().await;
        let folder = tempfile::tempdir().unwrap();
        let args = ["dev", "--base-port", "0", "--write-configs-only", "--data"];
        assert!(tidegate().args(args).arg(folder.path()).status().unwrap().success());
        let profile = fs::read_to_string(folder.path().join("profile.toml")).unwrap();
        Self {
            profile: toml::from_str(&profile).unwrap(),
            folder,
            environment: Vec::new(),
            processes: BTreeMap::new(),
            _turn: turn,
        }
    }

    /// Five nodes that serve.
    pub(crate) async fn running() -> Self {
        let mut cluster = Self::laid_out().await;
        cluster.start_all().await;
        cluster
    }

    /// Starts all five and waits until they serve.
    pub(crate) async fn start_all(&mut self) {
        for node in NODES {
            self.start(node);
        }
        for node in NODES {
            self.serves(node).await;
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config(&self, node: u64) -> PathBuf {
        self.path().join(format!("n{node}.toml"))
    }

    pub(crate) fn log(&self, node: u64) -> PathBuf {
        self.path().join(format!("n{node}.log"))
    }

    /// Changes a node's settings.
    pub(crate) fn configure(&self, node: u64, change: impl FnOnce(&mut toml::Table)) {
        let mut table: toml::Table =
            fs::read_to_string(self.config(node)).unwrap().parse().unwrap();
        change(&mut table);
        fs::write(self.config(node), table.to_string()).unwrap();
    }

    pub(crate) fn start(&mut self, node: u64) {
        self.start_with(node, &[]);
    }

    /// Starts a node with more words.
    pub(crate) fn start_with(&mut self, node: u64, words: &[&str]) {
        let log = fs::File::options().create(true).append(true).open(self.log(node)).unwrap();
        let child = tidegate()
            .args(["node", "--config"])
            .arg(self.config(node))
            .args(words)
            .envs(self.environment.iter().cloned())
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.processes.insert(node, child);
    }

    /// The number of a node's process.
    pub(crate) fn process(&self, node: u64) -> u32 {
        self.processes[&node].id()
    }

    /// `kill -9`.
    pub(crate) fn kill_nine(&mut self, node: u64) {
        let mut child = self.processes.remove(&node).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits until a node answers.
    pub(crate) async fn serves(&self, node: u64) {
        eventually("a node serves", async || status(&self.profile, node).await.is_some()).await;
    }

    /// Waits until a node answers, or has given up: then `false`.
    pub(crate) async fn serves_unless_it_ends(&mut self, node: u64) -> bool {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if status(&self.profile, node).await.is_some() {
                return true;
            }
            let ended = self.processes.get_mut(&node).unwrap().try_wait().unwrap();
            if ended.is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    }

    /// A connection to a node that serves.
    pub(crate) async fn client(&self, node: u64) -> Client {
        self.profile.connect(node).await.unwrap()
    }

    /// Registers and starts another node, waits until it has what the first one has, and gives its address.
    pub(crate) async fn join(&mut self, node: u64, region: &str) -> String {
        self.join_by(1, node, region).await
    }

    /// The same by way of another node than the first.
    pub(crate) async fn join_by(&mut self, by: u64, node: u64, region: &str) -> String {
        let home = self.client(by).await;
        let place = format!("{node}:{region}");
        let done =
            tidegate().args(["dev", "--add-node", &place, "--data"]).arg(self.path()).status();
        assert!(done.unwrap().success());
        let mut listen = toml::Table::new();
        self.configure(node, |settings| listen = settings["listen"].as_table().unwrap().clone());
        let at = |name: &str| listen[name].as_str().unwrap().to_owned();
        let registered = Node {
            id: node,
            region: region.to_owned(),
            peer_address: at("peer"),
            client_address: at("grpc"),
        };
        let message = RegisterNodeRequest { request_id: place, node: Some(registered) };
        let _registered: RegisterNodeResponse = call(&home, REGISTER, message).await.unwrap();
        self.start(node);
        let address = format!("https://{}", at("grpc"));
        eventually("the new node has what the others have", async || {
            let Some(joined) = self.profile.connect_to(&address).await else { return false };
            let mut states = Vec::new();
            for client in [&joined, &home] {
                let status: Result<GetReplicationStatusResponse, _> =
                    call(client, STATUS, GetReplicationStatusRequest {}).await;
                let Ok(status) = status else { return false };
                let group = |g: GroupStatus| (g.group, g.published, g.digest);
                states.push(status.groups.into_iter().map(group).collect::<Vec<_>>());
            }
            states[0] == states[1]
        })
        .await;
        address
    }

    /// A metric of a node that counts and has no labels.
    pub(crate) fn metric(&self, node: u64, name: &str) -> u64 {
        let mut address = String::new();
        self.configure(node, |settings| {
            settings["listen"]["metrics"].as_str().unwrap().clone_into(&mut address);
        });
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap().parse().unwrap()
    }

    /// Waits until the nodes have the same states.
    pub(crate) async fn agree(&self, nodes: &[u64]) {
        eventually("all digests are equal", async || {
            let mut seen = BTreeSet::new();
            for node in nodes {
                let Some(status) = status(&self.profile, *node).await else { return false };
                let groups: Vec<_> = status
                    .groups
                    .iter()
                    .map(|g| (g.group, g.published, g.digest.clone()))
                    .collect();
                seen.insert(groups);
            }
            seen.len() == 1
        })
        .await;
    }
}

/// Waits until it holds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// One call, signed.
pub(crate) async fn call<M, R>(client: &Client, path: &'static str, message: M) -> Result<R, Status>
where
    M: Message + 'static,
    R: Message + Default + 'static,
{
    let mut request = client.sign(path, message).unwrap();
    request.set_timeout(Duration::from_secs(30));
    send(client, path, request).await
}

/// One call with a request that is made by hand.
pub(crate) async fn send<M, R>(
    client: &Client,
    path: &'static str,
    request: Request<M>,
) -> Result<R, Status>
where
    M: Message + 'static,
    R: Message + Default + 'static,
{
    let mut grpc = tonic::client::Grpc::new(client.channel());
    grpc.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
    let codec = tonic_prost::ProstCodec::<M, R>::default();
    Ok(grpc.unary(request, PathAndQuery::from_static(path), codec).await?.into_inner())
}

pub(crate) const CREATE_USER: &str = "/tidegate.iam.v1.IamService/CreateUser";
pub(crate) const LIST_USERS: &str = "/tidegate.iam.v1.IamService/ListUsers";
pub(crate) const PUT_USER_POLICY: &str = "/tidegate.iam.v1.IamService/PutUserPolicy";
pub(crate) const AUTHORIZE: &str = "/tidegate.decision.v1.DecisionService/Authorize";
const REGISTER: &str = "/tidegate.cluster.v1.ClusterService/RegisterNode";
pub(crate) const STATUS: &str = "/tidegate.propagation.v1.PropagationService/GetReplicationStatus";

/// The request that makes a user; its name is the request's id as well, so that a retry is one.
pub(crate) fn user(name: &str) -> CreateUserRequest {
    CreateUserRequest {
        user_name: name.to_owned(),
        request_id: name.to_owned(),
        ..CreateUserRequest::default()
    }
}

/// Makes a user.
pub(crate) async fn create(client: &Client, name: &str) -> Result<CreateUserResponse, Status> {
    call(client, CREATE_USER, user(name)).await
}

/// Gives a user an inline policy.
pub(crate) async fn put_policy(
    client: &Client,
    user: &str,
    document: &str,
) -> Result<PutUserPolicyResponse, Status> {
    let message = PutUserPolicyRequest {
        user_name: user.to_owned(),
        policy_name: "inline".to_owned(),
        policy_document: document.to_owned(),
        request_id: format!("{:032x}", rand::random::<u128>()),
        validate_only: false,
    };
    call(client, PUT_USER_POLICY, message).await
}

/// Whether the caller may list buckets: any question will do.
pub(crate) fn question() -> AuthorizeRequest {
    let question = Question {
        action: "s3:ListAllMyBuckets".to_owned(),
        resource: "*".to_owned(),
        ..Question::default()
    };
    AuthorizeRequest { question: Some(question), consistency: None }
}

/// Asks for a decision.
pub(crate) async fn authorize(
    client: &Client,
    message: AuthorizeRequest,
) -> Result<AuthorizeResponse, Status> {
    call(client, AUTHORIZE, message).await
}

/// Names of all users as a node has them; by default at once, from its own view.
pub(crate) async fn users(client: &Client, mode: Option<Mode>) -> Result<BTreeSet<String>, Status> {
    let (mut all, mut page_token) = (BTreeSet::new(), String::new());
    loop {
        let message = ListUsersRequest {
            page_size: 1_000,
            page_token,
            consistency: mode.clone().map(|mode| Consistency { mode: Some(mode) }),
            ..ListUsersRequest::default()
        };
        let page: ListUsersResponse = call(client, LIST_USERS, message).await?;
        all.extend(page.users.into_iter().map(|u| u.user_name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

/// How a node stands, if it answers.
pub(crate) async fn status(profile: &Profile, node: u64) -> Option<GetReplicationStatusResponse> {
    let client = profile.connect(node).await?;
    call(&client, STATUS, GetReplicationStatusRequest {}).await.ok()
}
