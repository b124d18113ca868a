//! A whole cluster on one machine: three regions, five nodes, real gRPC and mutual TLS between them on loopback.

use std::{path::Path, sync::Arc, time::Duration};

use tidegate_node::{Node, StartError, gate::Model, platform::TokioPlatform};

pub(crate) mod admin;
pub(crate) mod layout;
mod pki;
pub(crate) mod seed;

use layout::{Layout, LayoutError};
pub(crate) use pki::write_private;
use seed::Seed;

/// How long a fresh cluster may take to serve.
const READY_MAX: Duration = Duration::from_secs(60);

/// Why no development cluster came up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevError {
    /// Its files.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// One of its nodes.
    #[error("node {node} did not start")]
    Start {
        /// Which.
        node: u64,
        /// Why.
        source: StartError,
    },
    /// It started but does not serve.
    #[error("the cluster did not serve within {READY_MAX:?}; see the log on standard error")]
    NotReady,
    /// What the seed file asks for.
    #[error("the cluster refuses what the seed file asks for: {0}")]
    Seed(String),
    /// A reset that is not possible.
    #[error("{0}")]
    NoReset(&'static str),
}

fn refused(e: impl core::fmt::Display) -> DevError {
    DevError::Seed(e.to_string())
}

/// Where the nodes keep what they store.
#[derive(Clone, Debug)]
pub(crate) enum Keeping {
    /// In the folder: a cluster that is there goes on.
    Disk,
    /// In memory: each start, and each reset, begins anew, from the seed if there is one.
    Memory(Option<Arc<Seed>>),
}

/// Five running nodes.
pub(crate) struct DevCluster {
    nodes: Vec<Node>,
    layout: Layout,
    keeping: Keeping,
    /// How propagation is modelled, kept through resets.
    propagation: (Model, u64),
}

impl DevCluster {
    /// Starts all nodes in `folder`, laying a new cluster out when there is none. Returns once every node decides.
    pub(crate) async fn start(
        folder: &Path,
        base_port: u16,
        keeping: Keeping,
    ) -> Result<Self, DevError> {
        let layout = Layout::at(folder);
        if !layout.exists() {
            layout.create(base_port)?;
        }
        let mut cluster =
            Self { nodes: Vec::new(), layout, keeping, propagation: (Model::default(), 1) };
        cluster.begin().await?;
        Ok(cluster)
    }

    /// Starts the nodes and makes what the seed asks for. Returns once every node decides on it.
    async fn begin(&mut self) -> Result<(), DevError> {
        // The first node begins the groups: the others are there to vote for it.
        let mut numbers = Layout::nodes();
        numbers.rotate_left(1);
        for number in numbers {
            let config = self.layout.config(number)?;
            let platform = match self.keeping {
                Keeping::Disk => TokioPlatform::new(),
                Keeping::Memory(_) => TokioPlatform::in_memory(),
            };
            let node = Node::start(config, Arc::new(platform))
                .await
                .map_err(|source| DevError::Start { node: number, source })?;
            self.nodes.push(node);
        }
        self.nodes.sort_by_key(Node::id);
        let ready = async {
            for node in &self.nodes {
                node.ready().await;
            }
        };
        tokio::time::timeout(READY_MAX, ready).await.map_err(|_| DevError::NotReady)?;
        self.plant().await?;
        let (model, seed) = self.propagation;
        self.set_propagation(model, seed);
        Ok(())
    }

    async fn plant(&self) -> Result<(), DevError> {
        let Keeping::Memory(Some(seed)) = &self.keeping else { return Ok(()) };
        let Some(first) = self.nodes.first() else { return Ok(()) };
        let accounts = seed.accounts(&mut rand::random);
        let token = first.plant(&accounts).await.map_err(refused)?;
        for node in &self.nodes {
            let covered = node.covers(&token, READY_MAX).await.map_err(refused)?;
            covered.ok_or(DevError::NotReady)?;
        }
        Ok(())
    }

    /// Models propagation, from now on and after each reset.
    pub(crate) fn set_propagation(&mut self, model: Model, seed: u64) {
        self.propagation = (model, seed);
        for node in &self.nodes {
            node.gate().set(model, seed);
        }
    }

    /// Begins anew: another cluster, with empty stores and another key, at the same addresses and with the same operator, from the same
    /// seed. Nothing of before is good any more, tokens and sessions included. Gives the new cluster's id.
    ///
    /// # Errors
    /// The cluster keeps its data on disk, or was not created in development mode: then it goes on as it is.
    pub(crate) async fn reset(&mut self) -> Result<String, DevError> {
        if matches!(self.keeping, Keeping::Disk) {
            let why = "only a cluster in memory can be reset: start it with --in-memory or --seed";
            return Err(DevError::NoReset(why));
        }
        let cluster = self.nodes.first().and_then(Node::cluster);
        if cluster.is_some_and(|(_, development)| !development) {
            let why = "only a cluster that was created in development mode can be reset";
            return Err(DevError::NoReset(why));
        }
        self.stop().await;
        self.layout.new_cluster_key()?;
        self.begin().await?;
        let cluster = self.nodes.first().and_then(Node::cluster);
        Ok(cluster.map(|(id, _)| id).unwrap_or_default())
    }

    /// Its files.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its nodes, in order of their numbers.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Stops all nodes, each after what it has accepted is durable.
    pub(crate) async fn stop(&mut self) {
        let mut stopping = tokio::task::JoinSet::new();
        for node in self.nodes.drain(..) {
            stopping.spawn(node.shutdown());
        }
        stopping.join_all().await;
    }

    /// Stops all nodes, each after what it has accepted is durable.
    pub(crate) async fn shutdown(mut self) {
        self.stop().await;
    }
}
