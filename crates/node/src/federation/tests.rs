//! Against issuers on this machine: keys are kept and changed, an issuer that is away or misbehaves costs little, and nobody else is asked.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer as Authority, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use serde_json::{Value, json};
use tidegate_authn::{JwsAlgorithm, TokenKey, certificate_thumbprint};
use tidegate_policy::UnixMillis;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::platform::{BoxFuture, BoxedIo, Listener, TokioPlatform};

/// The real network under a clock that the test sets.
#[derive(Debug, Default)]
struct Clocked {
    real: TokioPlatform,
    seconds: AtomicU64,
}

impl Platform for Clocked {
    fn bind(&self, address: &str) -> BoxFuture<io::Result<Box<dyn Listener>>> {
        self.real.bind(address)
    }
    fn connect(&self, address: &str) -> BoxFuture<io::Result<BoxedIo>> {
        self.real.connect(address)
    }
    fn resolve(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        self.real.resolve(host, port)
    }
    fn wall(&self) -> UnixMillis {
        self.real.wall()
    }
    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.seconds.load(Ordering::SeqCst))
    }
    fn entropy(&self, buffer: &mut [u8]) {
        self.real.entropy(buffer);
    }
}

/// What a server answers at a path: the head behind the status, and the body.
type Pages = Arc<Mutex<BTreeMap<String, (String, String)>>>;

/// A server of documents.
struct Server {
    address: SocketAddr,
    pages: Pages,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut io: BoxedIo, pages: Pages, asked: Arc<AtomicUsize>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await?);
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let page = pages.lock().get(path).cloned();
    let (status, body) = page.unwrap_or_else(|| ("404 Not Found".to_owned(), String::new()));
    if status == "silence" {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    io.write_all(answer.as_bytes()).await?;
    io.shutdown().await
}

impl Server {
    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (pages, asked) = (Pages::default(), Arc::new(AtomicUsize::new(0)));
        let address = listener.local_addr().unwrap();
        let (served, counted) = (Arc::clone(&pages), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while let Ok((io, _)) = listener.accept().await {
                let (tls, pages, asked) = (tls.clone(), Arc::clone(&served), Arc::clone(&counted));
                tokio::spawn(async move {
                    let io: BoxedIo = match tls {
                        Some(tls) => Box::new(tls.accept(io).await?),
                        None => Box::new(io),
                    };
                    answer(io, pages, asked).await
                });
            }
        });
        Self { address, pages, asked, task }
    }

    fn page(&self, path: &str, status: &str, body: &str) {
        self.pages.lock().insert(path.to_owned(), (status.to_owned(), body.to_owned()));
    }

    /// Becomes an issuer with these keys.
    fn publish(&self, issuer: &str, keys: &[&TokenKey]) {
        let named = keys.iter().enumerate().map(|(n, key)| key.jwk(&format!("k{n}")));
        let keys = json!({ "keys": named.collect::<Vec<Value>>() });
        self.page("/keys", "200 OK", &keys.to_string());
        let document = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") });
        self.page("/.well-known/openid-configuration", "200 OK", &document.to_string());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

struct World {
    clock: Arc<Clocked>,
    issuers: Issuers,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(Clocked::default());
        let platform: Arc<dyn Platform> = Arc::clone(&clock) as _;
        let issuers = Issuers::new(&config::Federation::default(), platform).unwrap();
        Self { clock, issuers }
    }

    fn at(&self, seconds: u64) {
        self.clock.seconds.store(seconds, Ordering::SeqCst);
    }

    async fn ask(&self, issuer: &str, token: &Jws) -> Result<Arc<JwkSet>, FetchError> {
        self.issuers.keys(1, issuer, Vec::new(), true, token).await
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        self.issuers.fetcher.get(url, &[], true).await
    }
}

fn key() -> TokenKey {
    TokenKey::generate(JwsAlgorithm::Es384).unwrap()
}

fn signed(key: &TokenKey, id: &str) -> Jws {
    Jws::parse(&key.sign(id, &json!({})).unwrap()).unwrap()
}

#[tokio::test]
async fn keys_are_kept_and_new_ones_are_found_without_asking_more_than_every_ten_seconds() {
    let (world, server) = (World::new(), Server::start(None).await);
    let issuer = format!("http://{}", server.address);
    let (old, new) = (key(), key());
    server.publish(&issuer, &[&old]);
    let by_old = signed(&old, "k0");
    for second in [0, 1, 899] {
        world.at(second);
        assert_eq!(world.ask(&issuer, &by_old).await.unwrap().verify(&by_old), Ok(()));
    }
    assert_eq!(server.asked(), 2, "the document and the keys, once");
    // The issuer changes its key: the token that it signs is the first sign of it.
    server.publish(&issuer, &[&old, &new]);
    let by_new = signed(&new, "k1");
    assert_eq!(world.ask(&issuer, &by_new).await.unwrap().verify(&by_new), Ok(()));
    assert_eq!(server.asked(), 4);
    // Ids that nobody knows ask no more than that.
    for _ in 0..50 {
        let forged = signed(&new, "k2");
        assert!(!world.ask(&issuer, &forged).await.unwrap().knows(&forged));
    }
    assert_eq!(server.asked(), 4);
    world.at(910);
    world.ask(&issuer, &signed(&new, "k2")).await.unwrap();
    assert_eq!(server.asked(), 6);
    // A key that was taken back is good no longer once the keys are due.
    server.publish(&issuer, &[&new]);
    world.at(910 + 900);
    let keys = world.ask(&issuer, &by_old).await.unwrap();
    assert!(keys.verify(&by_old).is_err());
}

#[tokio::test]
async fn cut_off_from_an_issuer_its_keys_are_good_for_a_day() {
    let (world, server) = (World::new(), Server::start(None).await);
    let issuer = format!("http://{}", server.address);
    let own = key();
    server.publish(&issuer, &[&own]);
    let token = signed(&own, "k0");
    world.ask(&issuer, &token).await.unwrap();
    drop(server);
    for second in [900, 3_600, 86_399] {
        world.at(second);
        assert_eq!(world.ask(&issuer, &token).await.unwrap().verify(&token), Ok(()), "{second}");
    }
    world.at(86_400);
    assert_eq!(world.ask(&issuer, &token).await.unwrap_err(), FetchError::Unreachable);
    // Within ten seconds nobody is asked, and told the same.
    assert_eq!(world.ask(&issuer, &token).await.unwrap_err(), FetchError::Unreachable);
}

#[tokio::test]
async fn many_tokens_at_once_ask_once() {
    let (world, server) = (World::new(), Server::start(None).await);
    let issuer = format!("http://{}", server.address);
    let own = key();
    server.publish(&issuer, &[&own]);
    let token = signed(&own, "k0");
    let all = (0..20).map(|_| world.ask(&issuer, &token));
    assert!(futures::future::join_all(all).await.into_iter().all(|keys| keys.is_ok()));
    assert_eq!(server.asked(), 2);
    // Who waits is bounded: a slow issuer does not hold up everybody.
    let slow = Server::start(None).await;
    slow.page("/.well-known/openid-configuration", "silence", "");
    let issuer = format!("http://{}", slow.address);
    let all = (0..40).map(|_| world.ask(&issuer, &token));
    let verdicts = futures::future::join_all(all).await;
    let turned_away = verdicts.iter().filter(|v| matches!(v, Err(FetchError::Soon))).count();
    assert_eq!(turned_away, 40 - WAITING_MAX.0);
    assert!(verdicts.iter().all(Result::is_err));
}

#[tokio::test]
async fn what_is_not_the_issuers_document_is_refused() {
    let (world, server) = (World::new(), Server::start(None).await);
    let issuer = format!("http://{}", server.address);
    let (own, elsewhere) = (key(), Server::start(None).await);
    let token = signed(&own, "k0");
    let document = "/.well-known/openid-configuration";
    let mut second = 0;
    let mut check = async |expected: FetchError| {
        second += 10;
        world.at(second);
        assert_eq!(world.ask(&issuer, &token).await.unwrap_err(), expected);
    };
    check(FetchError::Status).await;
    let other = format!("http://{}", elsewhere.address);
    server.page(document, &format!("302 Found\r\nlocation: {other}{document}"), "");
    elsewhere.publish(&issuer, &[&own]);
    check(FetchError::Status).await;
    assert_eq!(elsewhere.asked(), 0, "redirects are not followed");
    server.publish(&other, &[&own]);
    check(FetchError::Content).await;
    server.publish(&issuer, &[&own]);
    server.page("/keys", "200 OK", "{}");
    check(FetchError::Content).await;
    server.page("/keys", "200 OK", &" ".repeat((256 << 10) + 1));
    check(FetchError::Content).await;
    for bad in ["http://example.com/keys", "file:///etc/passwd", "https://u:p@127.0.0.1/", "x"] {
        let page = json!({ "issuer": issuer, "jwks_uri": bad });
        server.page(document, "200 OK", &page.to_string());
        check(FetchError::Url).await;
    }
    for bad in ["https://169.254.169.254/", "https://10.0.0.1/", "https://[fe80::1]/"] {
        let page = json!({ "issuer": issuer, "jwks_uri": bad });
        server.page(document, "200 OK", &page.to_string());
        check(FetchError::Address).await;
    }
}

#[tokio::test]
async fn a_silent_issuer_is_given_up() {
    let (world, server) = (World::new(), Server::start(None).await);
    server.page("/silent", "silence", "");
    let url = format!("http://{}/silent", server.address);
    let asked = tokio::time::timeout(Duration::from_secs(30), world.get(&url)).await;
    assert_eq!(asked.unwrap().unwrap_err(), FetchError::Unreachable);
}

#[tokio::test]
async fn outside_of_development_this_machine_is_not_asked() {
    let (world, server) = (World::new(), Server::start(None).await);
    for (url, expected) in [
        (format!("http://{}/", server.address), FetchError::Url),
        (format!("https://{}/", server.address), FetchError::Address),
        (format!("https://localhost:{}/", server.address.port()), FetchError::Address),
    ] {
        let got = world.issuers.fetcher.get(&url, &[], false).await;
        assert_eq!(got.unwrap_err(), expected, "{url}");
    }
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn a_server_is_believed_by_a_registered_thumbprint_alone() {
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let authority = Authority::new(params, ca_key);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&leaf_key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone(), ca.der().clone()],
            PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap(),
        )
        .unwrap();
    let server = Server::start(Some(TlsAcceptor::from(Arc::new(config)))).await;
    server.page("/x", "200 OK", "here");
    let world = World::new();
    let get = async |host: &str, thumbprints: &[String]| {
        let url = format!("https://{host}:{}/x", server.address.port());
        world.issuers.fetcher.get(&url, thumbprints, true).await
    };
    let (by_ca, by_leaf) = (certificate_thumbprint(ca.der()), certificate_thumbprint(leaf.der()));
    assert_eq!(get("localhost", &[]).await.unwrap_err(), FetchError::Certificate);
    let other = "0".repeat(40);
    assert_eq!(get("localhost", &[other]).await.unwrap_err(), FetchError::Certificate);
    for registered in [by_ca, by_leaf.to_uppercase()] {
        let registered = [registered];
        assert_eq!(get("localhost", &registered).await.unwrap(), b"here");
        // The name counts, whoever vouches.
        assert_eq!(get("127.0.0.1", &registered).await.unwrap_err(), FetchError::Certificate);
    }
}
