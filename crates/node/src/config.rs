//! A node's settings, as its TOML file has them. Unknown keys are errors.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use tidegate_replica::RegionName;
use tidegate_store::{SledOptions, SyncMode};

use crate::link::{self, Delay};

/// Everything that one node must be told. See `docs/operations.md` for how to choose.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// The cluster's name; also the trust domain of its certificates.
    pub cluster: String,
    /// This node's number, unique in the cluster for ever. A node whose data was wiped comes back under a new one.
    pub node: u64,
    /// The region that this node lives in.
    pub region: String,
    /// Folder of the store. Created when absent.
    pub data: PathBuf,
    /// Addresses to listen on.
    pub listen: Listen,
    /// Certificates.
    pub tls: Tls,
    /// File that holds the cluster key (32 bytes, hexadecimal): seals secrets, session and consistency tokens.
    pub cluster_key: PathBuf,
    /// File of a second such key, which seals secrets of access keys and the like. Given to voters alone: a node without it holds no secrets,
    /// and asks voters. Absent everywhere: the cluster key seals them.
    #[serde(default)]
    pub sealing_key: Option<PathBuf>,
    /// File with the public half of the recovery key (Ed25519, PEM). The same at every node: none takes a step of a recovery then without an
    /// order that the private half signs, which operators keep outside of the cluster. Absent: any member is followed.
    #[serde(default)]
    pub recovery_key: Option<PathBuf>,
    /// The nodes to call first; the directory tells the rest.
    #[serde(default)]
    pub peers: Vec<Peer>,
    /// How a new cluster begins. Only on the voters that found it; ignored once the directory exists.
    #[serde(default)]
    pub founding: Option<Founding>,
    /// How the store uses memory and disk.
    #[serde(default)]
    pub store: Store,
    /// Raft timing.
    #[serde(default)]
    pub raft: Raft,
    /// Gossip timing.
    #[serde(default)]
    pub gossip: Gossip,
    /// Bounds on what callers may ask.
    #[serde(default)]
    pub limits: Limits,
    /// Where metrics and traces go.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// Identity providers, and the cluster as one.
    #[serde(default)]
    pub federation: Federation,
    /// Links between regions that this node shapes from the start. Only on a cluster that was created in development mode; ignored, with
    /// an error in the log, on any other.
    #[serde(default)]
    pub links: Vec<Link>,
    /// Learns the directory anew from the nodes that the settings name, as a new node does: for one start of a node that was away while all
    /// voters of the directory that it knew were replaced, so that it believes nobody else. It ends once the directory is fresh.
    #[serde(skip)]
    pub relearn: bool,
}

/// Addresses, `host:port`.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// gRPC for clients, over TLS.
    pub grpc: String,
    /// gRPC for peers, over mutual TLS.
    pub peer: String,
    /// The AWS Query protocol of IAM and STS, over TLS. Empty: not served.
    #[serde(default)]
    pub aws: String,
    /// Prometheus metrics and liveness over plain HTTP. Empty: not served.
    #[serde(default)]
    pub metrics: String,
    /// What clients should dial, where it is not the address listened on.
    #[serde(default)]
    pub advertised_grpc: Option<String>,
    /// What peers should dial, where it is not the address listened on.
    #[serde(default)]
    pub advertised_peer: Option<String>,
}

/// PEM files.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The cluster's certificate authority.
    pub ca: PathBuf,
    /// This node's certificate: DNS name `n<node>.<cluster>.tidegate`.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Another node.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its number.
    pub node: u64,
    /// Its region.
    pub region: String,
    /// Its peer address, `host:port`.
    pub address: String,
    /// Its client address, `host:port`; empty when unknown.
    #[serde(default)]
    pub grpc: String,
}

/// What a cluster is created as. It cannot be changed later.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Founding {
    /// Development mode: the link model may be used. Never on a cluster that guards anything.
    #[serde(default)]
    pub development: bool,
    /// Number of account groups; a power of two.
    #[serde(default = "default_groups")]
    pub groups: u32,
    /// The nodes that vote in the directory and in every account group. They share one region.
    pub voters: Vec<u64>,
    /// The operator's account: 12 digits.
    pub operator_account: String,
    /// The operator's root e-mail address.
    pub operator_email: String,
    /// The access key of the operator's root user: its id.
    pub operator_access_key_id: String,
    /// File with the secret of that key.
    pub operator_secret_file: PathBuf,
}

fn default_groups() -> u32 {
    64
}

/// How the store uses memory and disk.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Bytes of cache. More than the hot part of the records is wasted.
    pub cache_bytes: u64,
    /// Bytes of disk that are kept free: below it new writes are refused until there is room again.
    pub reserve_bytes: u64,
    /// Whether a sync waits for the device. Without it a loss of power loses what was acknowledged: for tests alone, and refused by
    /// release builds.
    pub fsync: bool,
}

impl Default for Store {
    fn default() -> Self {
        let options = SledOptions::default();
        Self { cache_bytes: options.cache_bytes, reserve_bytes: options.reserve_bytes, fsync: true }
    }
}

impl Store {
    /// As the engine takes it.
    pub(crate) fn options(&self) -> SledOptions {
        SledOptions {
            cache_bytes: self.cache_bytes,
            reserve_bytes: self.reserve_bytes,
            sync: if self.fsync { SyncMode::Fsync } else { SyncMode::FlushOnly },
        }
    }
}

/// Raft timing. Every group of the node uses it.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Raft {
    /// Milliseconds between a leader's heartbeats. Well below the election timeout.
    pub heartbeat_ms: u64,
    /// Shortest election timeout, in milliseconds. At least four heartbeats.
    pub election_min_ms: u64,
    /// Longest election timeout, in milliseconds. More than the shortest.
    pub election_max_ms: u64,
    /// Log entries after which a snapshot is taken and the log before it purged.
    pub snapshot_every: u64,
    /// The greatest apply version that this node announces and applies, at most what its build knows: with a lesser one it acts as an older
    /// build does.
    #[serde(default = "apply_version")]
    pub apply_version_max: u32,
}

fn apply_version() -> u32 {
    tidegate_model::version::APPLY_VERSION
}

impl Default for Raft {
    /// For voters in one region.
    fn default() -> Self {
        Self {
            heartbeat_ms: 250,
            election_min_ms: 1_000,
            election_max_ms: 2_000,
            snapshot_every: 20_000,
            apply_version_max: apply_version(),
        }
    }
}

/// Gossip timing.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Gossip {
    /// Milliseconds between two exchanges of clocks with a peer: how long a lost push goes unseen.
    pub digest_ms: u64,
    /// Milliseconds between two anti-entropy rounds with a random peer.
    pub anti_entropy_ms: u64,
    /// Milliseconds between two questions to the home of a group: what the staleness bound can't go below.
    pub probe_ms: u64,
    /// Milliseconds that tombstones are kept after every member has them.
    pub tombstone_grace_ms: u64,
}

impl Default for Gossip {
    fn default() -> Self {
        Self { digest_ms: 250, anti_entropy_ms: 1_000, probe_ms: 200, tombstone_grace_ms: 600_000 }
    }
}

/// Bounds. Past each the caller gets a typed error.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest request message, in bytes.
    pub message_bytes_max: usize,
    /// Longest time that a call may wait for a view to become fresh enough, in milliseconds.
    pub wait_ms_max: u64,
    /// Past this staleness `freshness` is `NOT_SERVING`, in milliseconds.
    pub staleness_soft_ms: u64,
    /// Past this staleness decisions are refused, in milliseconds.
    pub staleness_hard_ms: u64,
    /// Connections that each listener may have at a time. Well below the process's limit of descriptors, which the store needs, too.
    pub connections_max: usize,
    /// Calls of AWS clients that may be under way at a time. Past it they are refused with `Throttling`.
    pub calls_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 1 << 20,
            wait_ms_max: 30_000,
            staleness_soft_ms: 30_000,
            staleness_hard_ms: 6 * 3_600_000,
            connections_max: 4_096,
            calls_max: 1_024,
        }
    }
}

/// What happens to messages from one region to another, as [`crate::link::Link`] has it.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Link {
    /// The region that sends.
    pub from_region: String,
    /// The region that receives.
    pub to_region: String,
    /// One-way delay, in milliseconds: always this, or the least, or the median.
    pub delay_ms: u64,
    /// The longest delay of a uniform one, in milliseconds. Not together with `sigma`.
    pub delay_max_ms: Option<u64>,
    /// The standard deviation of the delay's logarithm, for a log-normal one.
    pub sigma: Option<f64>,
    /// Probability that a message is lost, 0 to 1.
    pub loss: f64,
    /// Probability that a message arrives twice, 0 to 1.
    pub duplication: f64,
    /// Probability that a message may be overtaken by later ones, 0 to 1.
    pub reordering: f64,
    /// Messages wait until the link is thawed.
    pub frozen: bool,
    /// Messages are lost until the link is healed.
    pub partitioned: bool,
}

impl Link {
    /// The link between its regions.
    pub(crate) fn read(&self) -> Result<(RegionName, RegionName, link::Link), ConfigError> {
        let refuse = |why: String| ConfigError::Value { key: "links", why };
        let region = |name: &str| RegionName::new(name).map_err(|e| refuse(e.to_string()));
        let delay = Duration::from_millis(self.delay_ms);
        let delay = match (self.delay_max_ms, self.sigma) {
            (None, None) => Delay::Fixed(delay),
            (Some(max), None) => Delay::Uniform(delay, Duration::from_millis(max)),
            (None, Some(sigma)) => Delay::LogNormal { median: delay, sigma },
            (Some(_), Some(_)) => {
                return Err(refuse("a delay is uniform or log-normal, not both".to_owned()));
            }
        };
        let link = link::Link {
            delay,
            loss: self.loss,
            duplication: self.duplication,
            reordering: self.reordering,
            frozen: self.frozen,
            partitioned: self.partitioned,
        };
        link.validate().map_err(|e| refuse(e.to_string()))?;
        Ok((region(&self.from_region)?, region(&self.to_region)?, link))
    }
}

/// Where metrics and traces go.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// OTLP endpoint for traces (gRPC). Empty: no traces leave the process.
    pub otlp_endpoint: String,
}

/// Identity providers, and the cluster as one.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Federation {
    /// The URL under which others reach the AWS listeners, without a slash at its end: accounts become issuers below it. The same at every
    /// node. Empty: `https://` and this node's own AWS address, which is good for one machine.
    pub issuer_url: String,
    /// What SAML responses for this cluster have as their recipient and audience. AWS's own by default, so that providers set up for AWS fit;
    /// a cluster with names of its own takes no response that was meant for AWS.
    pub saml_recipients: Vec<String>,
    /// Whether providers may be on private networks and on this machine. Whoever may register a provider can then make nodes send requests
    /// there.
    pub private_providers: bool,
    /// PEM file of authorities that are trusted for providers besides those of the system.
    pub ca: Option<PathBuf>,
    /// Milliseconds that a provider's keys are used without asking it again.
    pub keys_fresh_ms: u64,
    /// Milliseconds after which a provider's keys are not used any more, even where it can't be reached. More than `keys_fresh_ms`: how
    /// long a cluster that is cut off still knows those for whom its providers speak.
    pub keys_age_ms_max: u64,
    /// Milliseconds between two requests to one provider, whatever tokens come.
    pub keys_retry_ms: u64,
}

impl Default for Federation {
    fn default() -> Self {
        Self {
            issuer_url: String::new(),
            saml_recipients: ["https://signin.aws.amazon.com/saml", "urn:amazon:webservices"]
                .map(str::to_owned)
                .to_vec(),
            private_providers: false,
            ca: None,
            keys_fresh_ms: 900_000,
            keys_age_ms_max: 86_400_000,
            keys_retry_ms: 10_000,
        }
    }
}

impl Federation {
    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, why: &str| Err(ConfigError::Value { key, why: why.to_owned() });
        if !self.issuer_url.is_empty() {
            let host = self.issuer_url.strip_prefix("https://").unwrap_or_default();
            if host.is_empty() || host.ends_with('/') || host.contains(['?', '#', '@']) {
                return refuse(
                    "federation.issuer_url",
                    "a URL of https without a slash at its end is needed",
                );
            }
        }
        if self.saml_recipients.iter().any(String::is_empty) {
            return refuse("federation.saml_recipients", "a recipient has a name");
        }
        if self.keys_age_ms_max <= self.keys_fresh_ms {
            return refuse("federation.keys_age_ms_max", "more than keys_fresh_ms is needed");
        }
        if self.keys_retry_ms < 100 {
            return refuse("federation.keys_retry_ms", "at least 100 are needed");
        }
        Ok(())
    }
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, or a key that nobody reads.
    #[error("the configuration can't be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A value that contradicts another or its range.
    #[error("`{key}` can't be used: {why}")]
    Value {
        /// The setting.
        key: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl NodeConfig {
    /// Reads and checks a configuration.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text)?;
        config.check()?;
        Ok(config)
    }

    /// The configuration as a TOML file.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Checks what the types can't say.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, why: &str| Err(ConfigError::Value { key, why: why.to_owned() });
        if !(1..=apply_version()).contains(&self.raft.apply_version_max) {
            return refuse("raft.apply_version_max", "this build knows other apply versions");
        }
        if self.node == 0 {
            return refuse("node", "nodes are numbered from 1");
        }
        if self.cluster.is_empty()
            || !self.cluster.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        {
            return refuse("cluster", "a name of letters, digits and hyphens is needed");
        }
        if self.peers.iter().any(|p| p.node == self.node) {
            return refuse("peers", "a node is not its own peer");
        }
        if self.raft.election_min_ms < 4 * self.raft.heartbeat_ms {
            return refuse("raft.election_min_ms", "at least four heartbeats are needed");
        }
        if self.raft.election_max_ms <= self.raft.election_min_ms {
            return refuse(
                "raft.election_max_ms",
                "it must be longer than the shortest election timeout",
            );
        }
        for link in &self.links {
            link.read()?;
        }
        if self.limits.connections_max == 0 {
            return refuse("limits.connections_max", "at least one connection is needed");
        }
        if self.limits.calls_max == 0 {
            return refuse("limits.calls_max", "at least one call is needed");
        }
        self.federation.check()?;
        if !self.links.is_empty() && self.founding.as_ref().is_some_and(|f| !f.development) {
            return refuse("links", "only a cluster in development mode has them");
        }
        if let Some(founding) = &self.founding {
            if !founding.groups.is_power_of_two() || founding.groups > 1_024 {
                return refuse("founding.groups", "a power of two up to 1024 is needed");
            }
            if !founding.voters.contains(&self.node) {
                return refuse("founding.voters", "only a founding voter may carry this section");
            }
        }
        Ok(())
    }

    /// Longest time that a call may wait.
    pub fn wait_max(&self) -> Duration {
        Duration::from_millis(self.limits.wait_ms_max)
    }
}

#[cfg(test)]
mod tests;
