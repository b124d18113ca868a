//! What a development cluster looks like on disk: three regions, five nodes, their configurations, keys and profile.

use std::{
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
};

use rand::Rng;
use serde::{Deserialize, Serialize};
use tidegate_node::config::{
    Federation, Founding, Gossip, Limits, Listen, NodeConfig, Peer, Raft, Store, Telemetry, Tls,
};

use super::pki::{Authority, PkiError, write_private};

/// The regions of a development cluster and the nodes in each: the first holds the directory and all account groups.
pub(crate) const REGIONS: [(&str, &[u64]); 3] =
    [("eu-central-1", &[1, 2, 3]), ("us-east-1", &[4]), ("ap-southeast-2", &[5])];

/// Account groups of a development cluster: few, since each costs heartbeats.
pub(crate) const GROUPS: u32 = 4;

/// The operator's account in a development cluster.
pub(crate) const OPERATOR_ACCOUNT: &str = "000000000001";

/// Why a layout could not be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayoutError {
    /// A certificate.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// A file or folder.
    #[error("`{path}` can't be used")]
    Io {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A configuration that does not serialize.
    #[error("a configuration can't be written")]
    Toml(#[from] toml::ser::Error),
    /// A configuration that can't be read.
    #[error("`{path}` can't be used")]
    Config {
        /// Which.
        path: String,
        /// Why.
        source: tidegate_node::config::ConfigError,
    },
}

/// The profile that clients read.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Profile {
    /// Access key id of the operator's root user.
    pub(crate) access_key_id: String,
    /// Its secret.
    pub(crate) secret_access_key: String,
    /// The session token, with temporary credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session_token: Option<String>,
    /// Path of the authority's certificate.
    pub(crate) ca: PathBuf,
    /// Nodes to call.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Where a development cluster takes orders about itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) admin: Option<Admin>,
}

/// The admin endpoint of a development cluster.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Admin {
    /// Its address on loopback, `127.0.0.1:port`: plain HTTP.
    pub(crate) address: String,
    /// What a caller proves himself with, as `authorization: Bearer …`.
    pub(crate) token: String,
}

/// One node that serves clients.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Endpoint {
    /// Its region.
    pub(crate) region: String,
    /// Its name, `n1`.
    pub(crate) node: String,
    /// Its client address, `https://host:port`.
    pub(crate) address: String,
    /// Its address for clients of AWS, `https://host:port`; empty: it has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) aws: String,
}

/// A development cluster's folder.
#[derive(Debug)]
pub(crate) struct Layout {
    folder: PathBuf,
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> LayoutError {
    let path = path.display().to_string();
    move |source| LayoutError::Io { path, source }
}

/// A free loopback port for each of `count` listeners. They are free now; another process may still take one.
fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    let listeners =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<Vec<_>>>()?;
    listeners.iter().map(|l| Ok(l.local_addr()?.port())).collect()
}

fn access_key_id() -> String {
    tidegate_model::ids::access_key_id(1, &rand::rng().random::<[u8; 16]>())
}

fn secret() -> String {
    use rand::distr::{Alphanumeric, SampleString};
    Alphanumeric.sample_string(&mut rand::rng(), 40)
}

/// An admin endpoint at the first port, which no node has.
fn admin(base_port: u16) -> io::Result<Admin> {
    let free = || free_ports(1).map(|ports| ports.first().copied().unwrap_or_default());
    let port = if base_port == 0 { free()? } else { base_port };
    let token: [u8; 16] = rand::rng().random();
    Ok(Admin { address: format!("127.0.0.1:{port}"), token: hex::encode(token) })
}

impl Layout {
    /// The layout in `folder`, which may not exist yet.
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf() }
    }

    /// Whether a cluster was laid out here before.
    pub(crate) fn exists(&self) -> bool {
        self.profile_path().exists()
    }

    /// Where the profile stands.
    pub(crate) fn profile_path(&self) -> PathBuf {
        self.folder.join("profile.toml")
    }

    /// Numbers of all nodes.
    pub(crate) fn nodes() -> Vec<u64> {
        REGIONS.iter().flat_map(|(_, nodes)| nodes.iter().copied()).collect()
    }

    /// Where the configuration of node `number` stands.
    pub(crate) fn config_path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("n{number}.toml"))
    }

    /// Reads the configuration of node `number`.
    pub(crate) fn config(&self, number: u64) -> Result<NodeConfig, LayoutError> {
        let path = self.config_path(number);
        let text = fs::read_to_string(&path).map_err(io_error(&path))?;
        NodeConfig::from_toml(&text)
            .map_err(|source| LayoutError::Config { path: path.display().to_string(), source })
    }

    /// A new cluster of [`REGIONS`]. `base_port` 0 takes whatever ports are free.
    pub(crate) fn create(&self, base_port: u16) -> Result<(), LayoutError> {
        let regions: Vec<_> =
            REGIONS.iter().map(|(region, nodes)| ((*region).to_owned(), nodes.to_vec())).collect();
        self.create_regions(&regions, base_port)
    }

    /// Writes keys, certificates, configurations and the profile of a new cluster: regions with the numbers of their nodes, those of the
    /// first vote. The profile comes last: once it is there, the layout is whole. `base_port` 0 takes whatever ports are free.
    pub(crate) fn create_regions(
        &self,
        regions: &[(String, Vec<u64>)],
        base_port: u16,
    ) -> Result<(), LayoutError> {
        fs::create_dir_all(&self.folder).map_err(io_error(&self.folder))?;
        let folder = self.folder.canonicalize().map_err(io_error(&self.folder))?;
        let authority = Authority::create(&folder, "dev")?;
        self.new_cluster_key()?;
        let (key_id, secret) = (access_key_id(), secret());
        write_private(&folder.join("operator.secret"), &secret)?;
        let nodes = regions.iter().map(|(_, nodes)| nodes.len()).sum();
        let ports = Self::ports(nodes, base_port).map_err(io_error(&folder))?;
        let peers = peers(regions, &ports);
        let voters = regions.first().map_or(&[][..], |(_, nodes)| nodes.as_slice());
        for (peer, ports) in peers.iter().zip(&ports) {
            let home = folder.join(format!("n{}", peer.node));
            fs::create_dir_all(&home).map_err(io_error(&home))?;
            authority.issue(&home, peer.node, &peer.region)?;
            let config = node_config(&folder, peer, *ports, &peers, (&key_id, voters));
            write_private(&self.config_path(peer.node), &config.to_toml()?)?;
        }
        let endpoints = peers
            .iter()
            .zip(&ports)
            .map(|(p, [.., aws])| Endpoint {
                region: p.region.clone(),
                node: format!("n{}", p.node),
                address: format!("https://{}", p.grpc),
                aws: format!("https://127.0.0.1:{aws}"),
            })
            .collect();
        let profile = Profile {
            access_key_id: key_id,
            secret_access_key: secret,
            session_token: None,
            ca: folder.join("ca.pem"),
            endpoints,
            admin: Some(admin(base_port).map_err(io_error(&folder))?),
        };
        write_private(&self.profile_path(), &toml::to_string(&profile)?)?;
        Ok(())
    }

    /// Adds the certificate and configuration of a sixth or later node to a layout that exists, with node 1 as its peer.
    pub(crate) fn add_node(&self, number: u64, region: &str) -> Result<(), LayoutError> {
        let folder = self.folder.canonicalize().map_err(io_error(&self.folder))?;
        let first = self.config(1)?;
        let home = folder.join(format!("n{number}"));
        fs::create_dir_all(&home).map_err(io_error(&home))?;
        Authority::open(&folder, "dev")?.issue(&home, number, region)?;
        let mut ports = free_ports(4).map_err(io_error(&folder))?.into_iter();
        let mut port = || ports.next().unwrap_or_default();
        let ports = [port(), port(), port(), port()];
        let peer = Peer {
            node: number,
            region: region.to_owned(),
            address: format!("127.0.0.1:{}", ports[1]),
            grpc: format!("127.0.0.1:{}", ports[0]),
        };
        let mut peers = first.peers.clone();
        peers.push(Peer {
            node: 1,
            region: first.region.clone(),
            address: first.listen.peer.clone(),
            grpc: first.listen.grpc.clone(),
        });
        let config = node_config(&folder, &peer, ports, &peers, ("", &[]));
        write_private(&self.config_path(number), &config.to_toml()?)?;
        Ok(())
    }

    /// Draws another cluster key: nothing that was sealed or signed under the one before is good any more.
    pub(crate) fn new_cluster_key(&self) -> Result<(), LayoutError> {
        let key: [u8; 32] = rand::rng().random();
        Ok(write_private(&self.folder.join("cluster.key"), &hex::encode(key))?)
    }

    fn ports(nodes: usize, base_port: u16) -> io::Result<Vec<[u16; 4]>> {
        if base_port != 0 {
            return Ok((1u16..)
                .take(nodes)
                .map(|n| [0, 100, 200, 300].map(|of| base_port + of + n))
                .collect());
        }
        let ports = free_ports(nodes * 4)?;
        Ok(ports.chunks_exact(4).filter_map(|c| <[u16; 4]>::try_from(c).ok()).collect())
    }
}

fn peers(regions: &[(String, Vec<u64>)], ports: &[[u16; 4]]) -> Vec<Peer> {
    let nodes = regions.iter().flat_map(|(region, nodes)| nodes.iter().map(move |n| (region, *n)));
    nodes
        .zip(ports)
        .map(|((region, node), [grpc, peer, ..])| Peer {
            node,
            region: region.clone(),
            address: format!("127.0.0.1:{peer}"),
            grpc: format!("127.0.0.1:{grpc}"),
        })
        .collect()
}

fn node_config(
    folder: &Path,
    me: &Peer,
    ports: [u16; 4],
    peers: &[Peer],
    (key_id, voters): (&str, &[u64]),
) -> NodeConfig {
    let home = folder.join(format!("n{}", me.node));
    let founding = voters.contains(&me.node).then(|| Founding {
        development: true,
        groups: GROUPS,
        voters: voters.to_vec(),
        operator_account: OPERATOR_ACCOUNT.to_owned(),
        operator_email: "operator@dev.tidegate".to_owned(),
        operator_access_key_id: key_id.to_owned(),
        operator_secret_file: folder.join("operator.secret"),
    });
    NodeConfig {
        cluster: "dev".to_owned(),
        node: me.node,
        region: me.region.clone(),
        data: home.join("store"),
        listen: Listen {
            grpc: me.grpc.clone(),
            peer: me.address.clone(),
            aws: format!("127.0.0.1:{}", ports[3]),
            metrics: format!("127.0.0.1:{}", ports[2]),
            advertised_grpc: None,
            advertised_peer: None,
        },
        tls: Tls {
            ca: folder.join("ca.pem"),
            certificate: home.join("node.pem"),
            key: home.join("node.key"),
        },
        cluster_key: folder.join("cluster.key"),
        sealing_key: None,
        recovery_key: None,
        peers: peers.iter().filter(|p| p.node != me.node).cloned().collect(),
        founding,
        store: Store::default(),
        raft: Raft::default(),
        gossip: Gossip::default(),
        limits: Limits::default(),
        telemetry: Telemetry::default(),
        federation: Federation::default(),
        links: Vec::new(),
        relearn: false,
    }
}
