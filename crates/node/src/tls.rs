//! Mutual TLS between nodes and TLS towards clients: who a certificate says that a peer is.

use std::{io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tidegate_policy::UnixMillis;
use tidegate_replica::NodeId;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::{config, platform::BoxedIo};

/// TLS of one node.
#[derive(Clone)]
pub(crate) struct NodeTls {
    pub(crate) clients: TlsAcceptor,
    pub(crate) aws: TlsAcceptor,
    peers: TlsAcceptor,
    dial: TlsConnector,
    cluster: Arc<str>,
    /// When this node's certificate ends, and the first of the authorities that it trusts.
    pub(crate) expires: (Option<UnixMillis>, Option<UnixMillis>),
}

impl std::fmt::Debug for NodeTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeTls").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

/// A certificate or key that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file.
    #[error("`{path}` can't be read as PEM")]
    Pem {
        /// The file.
        path: String,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// The certificates do not fit together.
    #[error("the certificates can't be used")]
    Unusable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fail = |source| TlsError::Pem { path: path.display().to_string(), source };
    CertificateDer::pem_file_iter(path).map_err(fail)?.collect::<Result<_, _>>().map_err(fail)
}

/// The DNS name that node `node` of `cluster` has in its certificate.
pub fn node_name(cluster: &str, node: NodeId) -> String {
    format!("{node}.{cluster}.tidegate")
}

impl NodeTls {
    pub(crate) fn load(config: &config::Tls, cluster: &str) -> Result<Self, TlsError> {
        let unusable = |e: Box<dyn std::error::Error + Send + Sync>| TlsError::Unusable(e);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        let authorities = certificates(&config.ca)?;
        let authority_ends = authorities.iter().filter_map(ends).min();
        for ca in authorities {
            roots.add(ca).map_err(|e| unusable(e.into()))?;
        }
        let roots = Arc::new(roots);
        let chain = certificates(&config.certificate)?;
        let expires = (chain.first().and_then(ends), authority_ends);
        let key = PrivateKeyDer::from_pem_file(&config.key)
            .map_err(|source| TlsError::Pem { path: config.key.display().to_string(), source })?;
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                .build()
                .map_err(|e| unusable(e.into()))?;
        let server = || {
            ServerConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
        };
        let mut clients = server()
            .map_err(|e| unusable(e.into()))?
            .with_no_client_auth()
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(|e| unusable(e.into()))?;
        let mut peers = server()
            .map_err(|e| unusable(e.into()))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(|e| unusable(e.into()))?;
        let mut dial = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| unusable(e.into()))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|e| unusable(e.into()))?;
        let mut aws = clients.clone();
        aws.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        for alpn in
            [&mut clients.alpn_protocols, &mut peers.alpn_protocols, &mut dial.alpn_protocols]
        {
            *alpn = vec![b"h2".to_vec()];
        }
        Ok(Self {
            clients: TlsAcceptor::from(Arc::new(clients)),
            aws: TlsAcceptor::from(Arc::new(aws)),
            peers: TlsAcceptor::from(Arc::new(peers)),
            dial: TlsConnector::from(Arc::new(dial)),
            cluster: cluster.into(),
            expires,
        })
    }

    /// Takes a peer's connection and says which node its certificate names.
    pub(crate) async fn accept_peer(&self, io: BoxedIo) -> io::Result<(BoxedIo, NodeId)> {
        let stream = self.peers.accept(io).await?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let node = certificate.and_then(|c| named_node(c, &self.cluster)).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the certificate names no node of this cluster",
            )
        })?;
        Ok((Box::new(stream), node))
    }

    /// Completes a connection to the node that should be at its other end.
    pub(crate) async fn dial_peer(&self, io: BoxedIo, node: NodeId) -> io::Result<BoxedIo> {
        let name =
            ServerName::try_from(node_name(&self.cluster, node)).map_err(io::Error::other)?;
        Ok(Box::new(self.dial.connect(name, io).await?))
    }
}

/// When a certificate ends.
fn ends(certificate: &CertificateDer<'_>) -> Option<UnixMillis> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).ok()?;
    Some(UnixMillis(seconds.saturating_mul(1_000)))
}

fn named_node(certificate: &CertificateDer<'_>, cluster: &str) -> Option<NodeId> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = parsed.subject_alternative_name().ok()??;
    let suffix = format!(".{cluster}.tidegate");
    names.value.general_names.iter().find_map(|name| match name {
        GeneralName::DNSName(dns) => {
            dns.strip_suffix(&suffix)?.strip_prefix('n')?.parse().ok().map(NodeId)
        }
        _ => None,
    })
}
