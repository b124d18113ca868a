//! Clusters of real processes, for benchmarks that run real binaries and real clients.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde::Deserialize;
use tidegate_client::{Client, Credentials};
use tidegate_proto::{
    propagation::v1::{
        GetReplicationStatusRequest, GetReplicationStatusResponse,
        propagation_service_client::PropagationServiceClient,
    },
    sts::v1::{GetCallerIdentityRequest, sts_service_client::StsServiceClient},
};

/// Whatever went wrong.
pub type Failure = Box<dyn Error + Send + Sync>;

/// How often a node is asked whether it serves yet.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// Questions until it is given up: two minutes.
const ASKS_MAX: u32 = 6_000;

#[derive(Clone, Debug, Deserialize)]
struct Endpoint {
    node: String,
    address: String,
    #[serde(default)]
    aws: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Profile {
    access_key_id: String,
    secret_access_key: String,
    ca: PathBuf,
    endpoints: Vec<Endpoint>,
}

/// A cluster whose nodes are processes. They end with the value.
#[derive(Debug)]
pub struct Cluster {
    binary: PathBuf,
    folder: PathBuf,
    profile: Profile,
    processes: BTreeMap<u64, Child>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.processes.values_mut() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Cluster {
    /// Writes keys, certificates and settings of five nodes into `folder` and starts none of them.
    pub fn lay_out(binary: &Path, folder: &Path) -> Result<Self, Failure> {
        let args = ["dev", "--base-port", "0", "--write-configs-only", "--data"];
        let made = Command::new(binary).args(args).arg(folder).stdout(Stdio::null()).status();
        let made = made.map_err(|e| {
            format!(
                "`{}` can't be run ({e}); build it with `cargo build --release`",
                binary.display()
            )
        })?;
        if !made.success() {
            return Err("the cluster could not be laid out".into());
        }
        let profile = toml::from_str(&fs::read_to_string(folder.join("profile.toml"))?)?;
        Ok(Self {
            binary: binary.into(),
            folder: folder.into(),
            profile,
            processes: BTreeMap::new(),
        })
    }

    /// Where the settings of a node stand.
    pub fn settings(&self, node: u64) -> PathBuf {
        self.folder.join(format!("n{node}.toml"))
    }

    /// Leaves only these nodes in the settings of each of them; all of them vote.
    pub fn keep(&self, nodes: &[u64]) -> Result<(), Failure> {
        for node in nodes {
            let path = self.settings(*node);
            let mut settings: toml::Table = toml::from_str(&fs::read_to_string(&path)?)?;
            if let Some(peers) = settings.get_mut("peers").and_then(toml::Value::as_array_mut) {
                let number = |p: &toml::Value| p.get("node").and_then(toml::Value::as_integer);
                peers.retain(|p| {
                    number(p).is_some_and(|n| nodes.iter().any(|k| i64::try_from(*k) == Ok(n)))
                });
            }
            if let Some(founding) = settings.get_mut("founding").and_then(toml::Value::as_table_mut)
            {
                let voters =
                    nodes.iter().filter_map(|n| i64::try_from(*n).ok()).map(toml::Value::Integer);
                founding.insert("voters".to_owned(), toml::Value::Array(voters.collect()));
            }
            fs::write(&path, toml::to_string(&settings)?)?;
        }
        Ok(())
    }

    /// Starts a node. Its log goes into the folder.
    pub fn start(&mut self, node: u64) -> Result<(), Failure> {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join(format!("n{node}.log")))?;
        let mut command = Command::new(&self.binary);
        command.args(["node", "--config"]).arg(self.settings(node));
        let child = command.stderr(log).stdout(Stdio::null()).spawn()?;
        self.processes.insert(node, child);
        Ok(())
    }

    /// Ends a node at once.
    pub fn kill(&mut self, node: u64) -> Result<(), Failure> {
        if let Some(mut child) = self.processes.remove(&node) {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Resident memory of a node, in bytes, as the kernel counts it.
    pub fn resident(&self, node: u64) -> Result<u64, Failure> {
        let child = self.processes.get(&node).ok_or("the node does not run")?;
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes * 1024)
    }

    /// The client address of a node, `https://host:port`.
    pub fn address(&self, node: u64) -> Result<String, Failure> {
        let name = format!("n{node}");
        let found = self.profile.endpoints.iter().find(|e| e.node == name);
        Ok(found.ok_or("no such node")?.address.clone())
    }

    /// The address of a node for clients of AWS, `host:port`.
    pub fn aws_address(&self, node: u64) -> Result<String, Failure> {
        let name = format!("n{node}");
        let found = self.profile.endpoints.iter().find(|e| e.node == name).ok_or("no such node")?;
        Ok(found.aws.trim_start_matches("https://").to_owned())
    }

    /// The authority's certificate, PEM.
    pub fn authority(&self) -> Result<String, Failure> {
        Ok(fs::read_to_string(&self.profile.ca)?)
    }

    /// The operator's root user.
    pub fn operator(&self) -> Credentials {
        Credentials {
            access_key_id: self.profile.access_key_id.clone(),
            secret_access_key: self.profile.secret_access_key.clone(),
            session_token: None,
        }
    }

    /// A connection of its own to a node that serves, as the operator. Waits until it does.
    pub async fn client(&self, node: u64) -> Result<Client, Failure> {
        let (address, authority) = (self.address(node)?, self.authority()?);
        for _ in 0..ASKS_MAX {
            if let Ok(client) =
                Client::connect(std::slice::from_ref(&address), &authority, self.operator()).await
            {
                let request = client.sign(
                    "/tidegate.sts.v1.StsService/GetCallerIdentity",
                    GetCallerIdentityRequest {},
                )?;
                if StsServiceClient::new(client.channel())
                    .get_caller_identity(request)
                    .await
                    .is_ok()
                {
                    return Ok(client);
                }
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        Err(format!("n{node} does not serve; its log stands in {}", self.folder.display()).into())
    }
}

/// How a node sees the cluster.
pub async fn status(client: &Client) -> Result<GetReplicationStatusResponse, Failure> {
    let path = "/tidegate.propagation.v1.PropagationService/GetReplicationStatus";
    let request = client.sign(path, GetReplicationStatusRequest {})?;
    let answer =
        PropagationServiceClient::new(client.channel()).get_replication_status(request).await?;
    Ok(answer.into_inner())
}
