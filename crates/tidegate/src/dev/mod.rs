//! A whole cluster on one machine: three regions, five nodes, real gRPC and mutual TLS between them on loopback.

use std::{path::Path, sync::Arc, time::Duration};

use tidegate_node::{Node, StartError, platform::TokioPlatform};

pub(crate) mod layout;
mod pki;

use layout::{Layout, LayoutError};

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
}

/// Five running nodes.
pub(crate) struct DevCluster {
    nodes: Vec<Node>,
    layout: Layout,
}

impl DevCluster {
    /// Starts all nodes in `folder`, laying a new cluster out when there is none. Returns once every node decides.
    pub(crate) async fn start(folder: &Path, base_port: u16) -> Result<Self, DevError> {
        let layout = Layout::at(folder);
        if !layout.exists() {
            layout.create(base_port)?;
        }
        let mut nodes = Vec::new();
        for number in Layout::nodes() {
            let config = layout.config(number)?;
            let platform = Arc::new(TokioPlatform::new());
            let node = Node::start(config, platform)
                .await
                .map_err(|source| DevError::Start { node: number, source })?;
            nodes.push(node);
        }
        let ready = async {
            for node in &nodes {
                node.ready().await;
            }
        };
        tokio::time::timeout(READY_MAX, ready).await.map_err(|_| DevError::NotReady)?;
        Ok(Self { nodes, layout })
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
    pub(crate) async fn shutdown(self) {
        for node in self.nodes {
            node.shutdown().await;
        }
    }
}
