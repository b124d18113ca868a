//! What a node's certificate is worth: a read replica may not speak for the cluster, nor in a group that it does not vote in; and who was
//! removed is no peer any more, however long its certificate lasts.

use std::{sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use prost::Message as _;
use tidegate_model::{
    CallerRef, Command, Envelope,
    command::{ActivateAccount, caller_kind},
    membership::{Change, ReadmitNode},
};
use tidegate_proto::{
    cluster::v1::{
        Node, RegisterNodeRequest, RegisterNodeResponse, RemoveNodeRequest, RemoveNodeResponse,
    },
    peer::v1::{
        ForwardRequest, RaftRequest, ReadIndexRequest, peer_service_client::PeerServiceClient,
        raft_response::Result as Answer,
    },
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    },
};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

use crate::harness::{Cluster, call, eventually, tidegate};

const REGISTER: &str = "/tidegate.cluster.v1.ClusterService/RegisterNode";
const REMOVE: &str = "/tidegate.cluster.v1.ClusterService/RemoveNode";

/// The peer door of a node, opened with another node's certificate.
pub(crate) async fn as_node(
    cluster: &Cluster,
    number: u64,
    door: u64,
) -> PeerServiceClient<Channel> {
    let (mut tls, mut address) = (toml::Table::new(), String::new());
    cluster.configure(number, |s| tls = s["tls"].as_table().unwrap().clone());
    cluster.configure(door, |s| s["listen"]["peer"].as_str().unwrap().clone_into(&mut address));
    let file = |name: &str| cluster.path().join(tls[name].as_str().unwrap());
    let certificates = |name: &str| {
        let read = CertificateDer::pem_file_iter(file(name)).unwrap();
        read.collect::<Result<Vec<_>, _>>().unwrap()
    };
    let mut roots = RootCertStore::empty();
    for authority in certificates("ca") {
        roots.add(authority).unwrap();
    }
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates("certificate"), key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let mut name = String::new();
    cluster
        .configure(door, |s| name = format!("n{door}.{}.tidegate", s["cluster"].as_str().unwrap()));
    let dial = tower::service_fn(move |_| {
        let (connector, address) = (connector.clone(), address.clone());
        let name = ServerName::try_from(name.clone()).unwrap();
        async move {
            let stream = tokio::net::TcpStream::connect(address).await?;
            connector.connect(name, stream).await.map(TokioIo::new)
        }
    });
    let endpoint = Endpoint::from_static("http://peer").timeout(Duration::from_secs(10));
    PeerServiceClient::new(endpoint.connect_with_connector(dial).await.unwrap())
}

/// A command in the name of the cluster itself.
fn forged() -> ForwardRequest {
    let caller = CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() };
    let command = Command::ActivateAccount(ActivateAccount { account: 1 });
    let envelope = Envelope { caller: Some(caller), command: Some(command), ..Envelope::default() };
    ForwardRequest { group: 0, envelope: envelope.encode_to_vec().into(), patience_ms: 5_000 }
}

/// What an evicted node asks the node that it reached: to be taken in again.
fn readmission() -> ForwardRequest {
    let caller = CallerRef { kind: caller_kind::NODE, ..CallerRef::default() };
    let command = Change::Readmit(ReadmitNode { node: 99 }).into();
    let envelope = Envelope { caller: Some(caller), command: Some(command), ..Envelope::default() };
    ForwardRequest { group: 0, envelope: envelope.encode_to_vec().into(), patience_ms: 5_000 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_alone_is_not_enough() {
    let cluster = Cluster::running().await;
    let home = cluster.client(1).await;

    // n5 is a member that votes in nothing.
    let mut replica = as_node(&cluster, 5, 1).await;
    replica.read_index(ReadIndexRequest { groups: vec![1] }).await.unwrap();
    let refused = replica.forward(forged()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    // Of that it speaks for others, and the command is judged.
    replica.forward(readmission()).await.unwrap();
    let vote = RaftRequest { number: 1, group: 1, ..RaftRequest::default() };
    let mut answers = replica.raft(tokio_stream::iter([vote])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().result.unwrap();
    assert_eq!(answer, Answer::Refusal("only voters of a group speak in it".to_owned()));
    // n2 votes in the directory: its word is the cluster's, and is judged as a command.
    as_node(&cluster, 2, 1).await.forward(forged()).await.unwrap();

    let done = tidegate()
        .args(["dev", "--add-node", "6:us-east-1", "--data"])
        .arg(cluster.path())
        .status();
    assert!(done.unwrap().success());
    let node = Node {
        id: 6,
        region: "us-east-1".to_owned(),
        peer_address: "127.0.0.1:1".to_owned(),
        client_address: String::new(),
    };
    let ask = ReadIndexRequest { groups: vec![1] };
    let mut stranger = as_node(&cluster, 6, 1).await;
    assert_eq!(stranger.read_index(ask.clone()).await.unwrap_err().code(), Code::PermissionDenied);
    let message = RegisterNodeRequest { request_id: "join".to_owned(), node: Some(node) };
    let _registered: RegisterNodeResponse = call(&home, REGISTER, message).await.unwrap();
    eventually("who is registered is a peer", async || {
        stranger.clone().read_index(ask.clone()).await.is_ok()
    })
    .await;
    let message = RemoveNodeRequest { request_id: "leave".to_owned(), id: 6 };
    let _removed: RemoveNodeResponse = call(&home, REMOVE, message).await.unwrap();
    eventually("who was removed is none any more", async || {
        stranger
            .clone()
            .read_index(ask.clone())
            .await
            .is_err_and(|e| e.code() == Code::PermissionDenied)
    })
    .await;
}
