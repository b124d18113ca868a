//! `GetUser` through the door for clients of AWS: TLS, HTTP/1.1, signature, authorization, answer in XML.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tidegate_client::Credentials;
use tidegate_proto::iam::v1::{CreateUserRequest, iam_service_client::IamServiceClient};
use tidegate_tests::{Cluster, Failure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Mutex,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::figures::{Round, load, millis, spread};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rounds of each.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of a round.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
}

/// Clients at once: one for the time of a call, and as many as keep two processors busy.
const CLIENTS: [usize; 2] = [1, 32];
const BODY: &str = "Action=GetUser&Version=2010-05-08&UserName=ada";

/// A request as it goes over the wire, signed by the published signer. Good for fifteen minutes.
fn request(address: &str, credentials: &Credentials) -> Result<Vec<u8>, Failure> {
    let (id, secret) = (&credentials.access_key_id, &credentials.secret_access_key);
    let identity = AwsCredentials::new(id, secret, None, None, "bench").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("iam")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    let headers = [("host", address), ("content-type", kind)];
    let body = SignableBody::Bytes(BODY.as_bytes());
    let url = format!("https://{address}/");
    let signable = SignableRequest::new("POST", url, headers.into_iter(), body)?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    let mut head = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n", BODY.len());
    for (name, value) in headers.into_iter().chain(instructions.headers()) {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.extend(["\r\n", BODY]);
    Ok(head.into_bytes())
}

/// A connection that is kept.
struct Connection {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: &str, authority: &str) -> Result<Self, Failure> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
            roots.add(certificate?)?;
        }
        let config =
            rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request and reads the whole answer, which must be one that went well.
    async fn call(&mut self, request: &[u8]) -> Result<(), Failure> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the connection was closed".into());
            }
            let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
            let head = core::str::from_utf8(self.buffer.get(..end).unwrap_or_default())?;
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
            });
            if !head.starts_with("HTTP/1.1 200") {
                return Err(String::from_utf8_lossy(&self.buffer).into_owned().into());
            }
            if self.buffer.len() >= end + 4 + length.ok_or("an answer without a length")?? {
                return Ok(());
            }
        }
    }
}

async fn round(
    clients: usize,
    seconds: u64,
    cluster: &Cluster,
    request: &Arc<Vec<u8>>,
) -> Result<Round, Failure> {
    let (address, authority) = (cluster.aws_address(1)?, cluster.authority()?);
    let mut connections = Vec::new();
    for _ in 0..clients {
        let connection = Connection::open(&address, &authority).await?;
        connections.push(Arc::new(Mutex::new(connection)));
    }
    load(clients, Duration::from_secs(seconds), 1, |task| {
        let (connection, request) = (connections.get(task).cloned(), Arc::clone(request));
        move || {
            let (connection, request) = (connection.clone(), Arc::clone(&request));
            async move { connection.ok_or("no connection")?.lock().await.call(&request).await }
        }
    })
    .await
}

/// Runs the rounds and prints a table.
pub(crate) async fn run(binary: &Path, args: &Args) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::lay_out(binary, folder.path())?;
    cluster.keep(&[1])?;
    cluster.start(1)?;
    let operator = cluster.client(1).await?;
    let message = CreateUserRequest {
        user_name: "ada".to_owned(),
        request_id: "bench".to_owned(),
        ..Default::default()
    };
    let message = operator.sign("/tidegate.iam.v1.IamService/CreateUser", message)?;
    IamServiceClient::new(operator.channel()).create_user(message).await?;
    let request = Arc::new(request(&cluster.aws_address(1)?, &cluster.operator())?);
    println!("| clients | calls a second | p50 | p99 |\n|---|---|---|---|");
    for clients in CLIENTS {
        let mut rounds = Vec::new();
        for _ in 0..args.rounds {
            rounds.push(round(clients, args.seconds, &cluster, &request).await?);
        }
        let (least, median, most) = spread(rounds.iter().map(|r| r.rate));
        let time = |of: fn(&Round) -> Duration| {
            let (_, median, _) = spread(rounds.iter().map(|r| of(r).as_secs_f64()));
            millis(Duration::from_secs_f64(median))
        };
        let (p50, p99) = (time(|r| r.p50), time(|r| r.p99));
        println!("| {clients} | {median:.0} ({least:.0} to {most:.0}) | {p50} | {p99} |");
    }
    Ok(())
}
