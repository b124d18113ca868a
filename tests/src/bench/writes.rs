//! Durable writes on three nodes, ours and etcd's, and what the disk itself can do. Each system: three processes, three data folders on
//! the same file system, all clients at the leader, values of the same size. Ours come signed, over TLS, and are authorized twice.

use std::{
    fs,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tidegate_client::Client;
use tidegate_proto::iam::v1::{
    CreateUserRequest, PutUserPolicyRequest, iam_service_client::IamServiceClient,
};
use tidegate_tests::{Cluster, Failure, status};
use tonic::transport::Channel;

use crate::{
    etcd::{Etcd, Put, put},
    figures::{Round, compare, load, millis, percentile},
};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rounds of each, in turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of a round.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Numbers of clients.
    #[arg(long, value_delimiter = ',', default_value = "1,64,256")]
    clients: Vec<usize>,
    /// Where the data goes; the folder for temporary files by default.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    folder: std::path::PathBuf,
    /// Without etcd.
    #[arg(long)]
    alone: bool,
}

/// Users whose policy is written, keys whose value is put.
const ENTITIES: usize = 64;
/// Bytes of a value.
const VALUE: usize = 256;
/// Connections that the clients share.
const CONNECTIONS: usize = 8;

/// Appends 1 KiB and waits for the disk, one after the other.
fn disk(folder: &Path, time: Duration) -> Result<Round, Failure> {
    let mut file = fs::File::create(folder.join("disk"))?;
    let (start, mut took) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        let one = Instant::now();
        file.write_all(&[7; 1024])?;
        file.sync_data()?;
        took.push(one.elapsed());
    }
    took.sort();
    let rate = f64::from(u32::try_from(took.len())?) / start.elapsed().as_secs_f64();
    Ok(Round { rate, p50: percentile(&took, 0.5), p99: percentile(&took, 0.99) })
}

/// A policy of [`VALUE`] bytes that differs with `n`.
pub(crate) fn document(n: u64) -> String {
    let mut text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/{n:020}/"#
    );
    let tail = r#"*"}}"#;
    text.extend(std::iter::repeat_n('x', VALUE.saturating_sub(text.len() + tail.len())));
    text + tail
}

/// Connections to the node that leads the operator's group.
async fn leader(cluster: &Cluster) -> Result<Vec<Client>, Failure> {
    let first = cluster.client(1).await?;
    for _ in 0..600 {
        let seen = status(&first).await?;
        let leading = seen.groups.iter().find(|g| g.group == 1).map(|g| g.leader.clone());
        if let Some(number) = leading.and_then(|l| l.strip_prefix('n')?.parse().ok()) {
            let mut clients = Vec::new();
            for _ in 0..CONNECTIONS {
                clients.push(cluster.client(number).await?);
            }
            return Ok(clients);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("group 1 has no leader".into())
}

async fn users(client: &Client) -> Result<(), Failure> {
    for n in 0..ENTITIES {
        let message = CreateUserRequest {
            user_name: format!("user{n}"),
            request_id: format!("make-{n}"),
            ..Default::default()
        };
        let request = client.sign("/tidegate.iam.v1.IamService/CreateUser", message)?;
        IamServiceClient::new(client.channel()).create_user(request).await?;
    }
    Ok(())
}

async fn ours(
    clients: &[Client],
    tasks: usize,
    time: Duration,
    count: &Arc<AtomicU64>,
) -> Result<Round, Failure> {
    load(tasks, time, 1, |task| {
        let client = clients.get(task % CONNECTIONS).cloned();
        let count = Arc::clone(count);
        move || {
            let (client, n) = (client.clone(), count.fetch_add(1, Ordering::Relaxed));
            async move {
                let client = client.ok_or("no connection")?;
                let message = PutUserPolicyRequest {
                    user_name: format!("user{}", n % ENTITIES as u64),
                    policy_name: "p".to_owned(),
                    policy_document: document(n),
                    request_id: format!("write-{n}"),
                    validate_only: false,
                };
                let request = client.sign("/tidegate.iam.v1.IamService/PutUserPolicy", message)?;
                IamServiceClient::new(client.channel()).put_user_policy(request).await?;
                Ok(())
            }
        }
    })
    .await
}

async fn theirs(
    channels: &[Channel],
    tasks: usize,
    time: Duration,
    count: &Arc<AtomicU64>,
) -> Result<Round, Failure> {
    load(tasks, time, 1, |task| {
        let channel = channels.get(task % CONNECTIONS).cloned();
        let count = Arc::clone(count);
        move || {
            let (channel, n) = (channel.clone(), count.fetch_add(1, Ordering::Relaxed));
            async move {
                let key =
                    format!("account/000000000001/user{:08}/p", n % ENTITIES as u64).into_bytes();
                put(&channel.ok_or("no connection")?, Put { key, value: document(n).into_bytes() })
                    .await
            }
        }
    })
    .await
}

/// Measures in turns and prints a table.
pub(crate) async fn run(binary: &Path, args: &Args) -> Result<(), Failure> {
    let folder = tempfile::tempdir_in(&args.folder)?;
    let time = Duration::from_secs(args.seconds);
    let raw = disk(folder.path(), time)?;
    println!(
        "append of 1 KiB and fdatasync, one writer: {:.0} a second, p50 {}\n",
        raw.rate,
        millis(raw.p50)
    );
    let mut cluster = Cluster::lay_out(binary, &folder.path().join("tidegate"))?;
    cluster.keep(&[1, 2, 3])?;
    for node in 1..=3 {
        cluster.start(node)?;
    }
    let clients = leader(&cluster).await?;
    users(clients.first().ok_or("no connection")?).await?;
    let etcd = if args.alone { None } else { Some(Etcd::start(folder.path())?) };
    let mut channels = Vec::new();
    if let Some(etcd) = &etcd {
        for _ in 0..CONNECTIONS {
            channels.push(etcd.leader().await?);
        }
    }
    let count = Arc::new(AtomicU64::new(0));
    println!(
        "| writes a second | Tidegate | etcd | ratio | Tidegate p50 / p99 | etcd p50 / p99 |\n|---|---|---|---|---|---|"
    );
    for tasks in &args.clients {
        let (mut mine, mut others) = (Vec::new(), Vec::new());
        for _ in 0..args.rounds {
            if etcd.is_some() {
                others.push(theirs(&channels, *tasks, time, &count).await?);
            }
            mine.push(ours(&clients, *tasks, time, &count).await?);
        }
        compare(
            &format!("{tasks} clients"),
            &mine,
            if others.is_empty() { &mine } else { &others },
        );
    }
    Ok(())
}
