//! Three nodes of etcd on this machine, and puts to their leader over gRPC.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tidegate_tests::Failure;
use tonic::{
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

/// `etcdserverpb.PutRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Put {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

/// `etcdserverpb.ResponseHeader`, as far as it is needed.
#[derive(Clone, PartialEq, prost::Message)]
struct Header {
    #[prost(uint64, tag = "2")]
    member: u64,
}

/// `etcdserverpb.PutResponse` and `StatusResponse`, as far as they are needed.
#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

/// `etcdserverpb.StatusRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct Nothing {}

/// Three processes, three data folders. They end with the value.
pub(crate) struct Etcd {
    processes: Vec<Child>,
    addresses: Vec<String>,
}

impl Drop for Etcd {
    fn drop(&mut self) {
        for child in &mut self.processes {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn free_ports(count: usize) -> Result<Vec<u16>, Failure> {
    let held =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    held.iter().map(|l| Ok(l.local_addr()?.port())).collect()
}

async fn ask<M>(channel: &Channel, path: &'static str, message: M) -> Result<Answer, Failure>
where
    M: prost::Message + Send + Sync + 'static,
{
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await?;
    let codec = ProstCodec::<M, Answer>::default();
    Ok(grpc
        .unary(tonic::Request::new(message), PathAndQuery::from_static(path), codec)
        .await?
        .into_inner())
}

/// Puts one value.
pub(crate) async fn put(channel: &Channel, message: Put) -> Result<(), Failure> {
    let answer = ask(channel, "/etcdserverpb.KV/Put", message).await?;
    answer.header.map(drop).ok_or_else(|| "the put was not answered".into())
}

impl Etcd {
    /// Starts three nodes with their data below `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self, Failure> {
        let ports = free_ports(6)?;
        let pairs: Vec<(u16, u16)> =
            ports.chunks(2).filter_map(|c| Some((*c.first()?, *c.last()?))).collect();
        let everyone: Vec<String> = pairs
            .iter()
            .enumerate()
            .map(|(n, (_, peer))| format!("e{n}=http://127.0.0.1:{peer}"))
            .collect();
        let everyone = everyone.join(",");
        let mut etcd = Self { processes: Vec::new(), addresses: Vec::new() };
        for (n, (client, peer)) in pairs.iter().enumerate() {
            let (client, peer) =
                (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
            let mut command = Command::new("etcd");
            command
                .args(["--name", &format!("e{n}"), "--data-dir"])
                .arg(folder.join(format!("e{n}")));
            command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
            command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
            command.args([
                "--initial-cluster",
                &everyone,
                "--logger",
                "zap",
                "--log-level",
                "error",
            ]);
            command.args(["--quota-backend-bytes", "8589934592"]);
            let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            etcd.processes.push(child.map_err(|e| {
                format!("`etcd` can't be run ({e}): Debian's package is etcd-server")
            })?);
            etcd.addresses.push(client);
        }
        Ok(etcd)
    }

    /// A connection to the leader. Waits until there is one.
    pub(crate) async fn leader(&self) -> Result<Channel, Failure> {
        for _ in 0..600 {
            for address in &self.addresses {
                let Ok(channel) = Endpoint::from_shared(address.clone())?.connect().await else {
                    continue;
                };
                let Ok(status) =
                    ask(&channel, "/etcdserverpb.Maintenance/Status", Nothing {}).await
                else {
                    continue;
                };
                if status.leader != 0 && status.header.is_some_and(|h| h.member == status.leader) {
                    return Ok(channel);
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("etcd elected no leader".into())
    }
}
