//! One bounded GET of a public document: over TLS, from an address that may be asked, without redirects, within a time and a size.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    client::WebPkiServerVerifier,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName},
};
use tokio::sync::{OnceCell, Semaphore};
use tokio_rustls::TlsConnector;

use super::{
    address::{Reach, is_loopback, reach},
    trust::ProviderVerifier,
};
use crate::{
    config,
    platform::{BoxedIo, Platform},
    tls::TlsError,
};

/// How long a document may take, from its name to its last byte.
const FETCH_MAX: Duration = Duration::from_secs(5);
/// Bytes of a document. The key sets of large providers have about ten thousand.
const DOCUMENT_BYTES_MAX: usize = 256 << 10;
/// Fetches under way at once at one node.
const FETCHES_MAX: usize = 32;

/// A document that could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    /// Not a URL that is asked: not https, or with a user in it.
    #[error("the address is not one of https")]
    Url,
    /// Its host has no address, or none that may be asked.
    #[error("the host has no address that may be asked")]
    Address,
    /// Nobody there, or too slow.
    #[error("the identity provider can't be reached")]
    Unreachable,
    /// It is somebody else.
    #[error(
        "the certificate is neither that of a trusted authority nor has it a registered thumbprint"
    )]
    Certificate,
    /// It answered, but not with the document.
    #[error("the identity provider answered with another status than 200")]
    Status,
    /// Not the document that it should be, or too long.
    #[error("the document is not what it should be")]
    Content,
    /// It was asked just now.
    #[error("the identity provider was asked a moment ago")]
    Soon,
}

/// Fetches documents.
pub(crate) struct Fetcher {
    platform: Arc<dyn Platform>,
    /// Whether private networks may be asked.
    private: bool,
    /// Authorities that are trusted besides those of the system.
    authorities: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    /// Made when it is first needed: reading the authorities of a system takes a while.
    public: OnceCell<Option<Arc<WebPkiServerVerifier>>>,
    places: Semaphore,
}

impl core::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Fetcher").field("private", &self.private).finish_non_exhaustive()
    }
}

/// Where a URL leads.
struct Place {
    host: String,
    port: u16,
    tls: bool,
    target: String,
}

fn place(url: &str, development: bool) -> Result<Place, FetchError> {
    let uri: Uri = url.parse().map_err(|_| FetchError::Url)?;
    let authority = uri.authority().filter(|a| !a.as_str().contains('@')).ok_or(FetchError::Url)?;
    let host = authority.host().to_owned();
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") if development && is_loopback(&host) => false,
        _ => return Err(FetchError::Url),
    };
    let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let target = uri.path_and_query().map_or("/", |t| t.as_str()).to_owned();
    Ok(Place { host, port, tls, target })
}

impl Fetcher {
    pub(super) fn new(
        settings: &config::Federation,
        platform: Arc<dyn Platform>,
    ) -> Result<Self, TlsError> {
        let authorities = match settings.ca.as_ref() {
            Some(path) => crate::tls::certificates(path)?,
            None => Vec::new(),
        };
        Ok(Self {
            platform,
            private: settings.private_providers,
            authorities,
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            public: OnceCell::new(),
            places: Semaphore::new(FETCHES_MAX),
        })
    }

    /// The document at a URL. `thumbprints`: of certificates that are trusted besides.
    pub(super) async fn get(
        &self,
        url: &str,
        thumbprints: &[String],
        development: bool,
    ) -> Result<Vec<u8>, FetchError> {
        let place = place(url, development)?;
        let Ok(_place) = self.places.try_acquire() else { return Err(FetchError::Soon) };
        let got = self.get_from(&place, thumbprints, development);
        tokio::time::timeout(FETCH_MAX, got).await.unwrap_or(Err(FetchError::Unreachable))
    }

    /// The first address of a host that may be asked. It is the address that is dialled: who answers for a name can't say one thing here and
    /// another later.
    async fn address(&self, place: &Place, development: bool) -> Result<SocketAddr, FetchError> {
        let host = place.host.trim_start_matches('[').trim_end_matches(']');
        let all = self.platform.resolve(host, place.port).await.map_err(|_| FetchError::Address)?;
        let may = |address: &SocketAddr| match reach(address.ip()) {
            Reach::Public => true,
            Reach::Private => {
                self.private || (development && address.ip().to_canonical().is_loopback())
            }
            Reach::Never => false,
        };
        all.into_iter().find(may).ok_or(FetchError::Address)
    }

    async fn get_from(
        &self,
        place: &Place,
        thumbprints: &[String],
        development: bool,
    ) -> Result<Vec<u8>, FetchError> {
        let address = self.address(place, development).await?;
        let io = self.platform.connect(&address.to_string()).await;
        let mut io: BoxedIo = io.map_err(|_| FetchError::Unreachable)?;
        if place.tls {
            io = self.greeted(io, place, thumbprints).await?;
        }
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(io)).await.map_err(|_| FetchError::Unreachable)?;
        // It ends with the sender and the body.
        tokio::spawn(connection);
        let host = match (place.tls, place.port) {
            (true, 443) | (false, 80) => place.host.clone(),
            (_, port) => format!("{}:{port}", place.host),
        };
        let request = Request::get(&place.target)
            .header(header::HOST, host)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<bytes::Bytes>::new())
            .map_err(|_| FetchError::Url)?;
        let answer = sender.send_request(request).await.map_err(|_| FetchError::Unreachable)?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status);
        }
        let body = Limited::new(answer.into_body(), DOCUMENT_BYTES_MAX).collect().await;
        match body {
            Ok(body) => Ok(body.to_bytes().to_vec()),
            Err(e) if e.is::<http_body_util::LengthLimitError>() => Err(FetchError::Content),
            Err(_) => Err(FetchError::Unreachable),
        }
    }

    async fn greeted(
        &self,
        io: BoxedIo,
        place: &Place,
        thumbprints: &[String],
    ) -> Result<BoxedIo, FetchError> {
        let public = self.public.get_or_init(|| async { self.public_verifier() }).await.clone();
        let verifier = ProviderVerifier {
            provider: Arc::clone(&self.provider),
            public,
            thumbprints: thumbprints.iter().map(|t| t.to_ascii_lowercase()).collect(),
        };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| FetchError::Unreachable)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let bare = place.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare).map_err(|_| FetchError::Url)?;
        match TlsConnector::from(Arc::new(config)).connect(name, io).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(e) => {
                let cause = e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
                Err(match cause {
                    Some(rustls::Error::InvalidCertificate(_)) => FetchError::Certificate,
                    _ => FetchError::Unreachable,
                })
            }
        }
    }

    /// The verifier by trusted authorities: those of the system, and those of the settings.
    fn public_verifier(&self) -> Option<Arc<WebPkiServerVerifier>> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(%error, "authorities of the system can't be read");
        }
        roots.add_parsable_certificates(system.certs);
        roots.add_parsable_certificates(self.authorities.iter().cloned());
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .ok()
    }
}
