//! Decisions over gRPC beside a bare echo: same TLS, same metadata, messages of the same size, each server in its own process.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use prost::Message;
use tidegate_client::{Client, Credentials};
use tidegate_proto::{
    decision::v1::{
        AuthorizeRequest, AuthorizeStreamRequest, BatchAuthorizeRequest, Effect, Question,
        decision_service_client::DecisionServiceClient,
    },
    iam::v1::{
        AttachUserPolicyRequest, CreateAccessKeyRequest, CreateUserRequest, PutUserPolicyRequest,
        iam_service_client::IamServiceClient,
    },
};
use tidegate_tests::{Cluster, Failure};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, metadata::MetadataMap};

use crate::figures::{Round, compare, load, percentile};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rounds of each, in turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of a round.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Only `unary`, `batch` or `stream`.
    #[arg(long, default_value = "")]
    only: String,
}

const CONNECTIONS: usize = 4;
const UNARY_IN_FLIGHT: usize = 64;
const BATCHES_IN_FLIGHT: usize = 4;
const BATCH: usize = 100;
const STREAM_WINDOW: usize = 32;
/// Policies of the caller; each decision looks at all of them.
const POLICIES: [&str; 4] = [
    "AmazonS3ReadOnlyAccess",
    "AmazonSQSReadOnlyAccess",
    "AmazonDynamoDBReadOnlyAccess",
    "AmazonEC2ReadOnlyAccess",
];

/// A process that ends with the value.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A user who may ask for decisions and read S3, with a key.
async fn asker(operator: &Client) -> Result<Credentials, Failure> {
    let mut iam = IamServiceClient::new(operator.channel());
    let path = |method: &str| format!("/tidegate.iam.v1.IamService/{method}");
    let user_name = "asker".to_owned();
    let id = |n: &str| format!("bench-{n}");
    let message = CreateUserRequest {
        user_name: user_name.clone(),
        request_id: id("user"),
        ..Default::default()
    };
    iam.create_user(operator.sign(&path("CreateUser"), message)?).await?;
    for policy in POLICIES {
        let message = AttachUserPolicyRequest {
            user_name: user_name.clone(),
            policy_arn: format!("arn:aws:iam::aws:policy/{policy}"),
            request_id: id(policy),
            validate_only: false,
        };
        iam.attach_user_policy(operator.sign(&path("AttachUserPolicy"), message)?).await?;
    }
    let message = PutUserPolicyRequest {
        user_name: user_name.clone(),
        policy_name: "ask".to_owned(),
        policy_document: r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"tidegate:*","Resource":"*"}}"#.to_owned(),
        request_id: id("inline"),
        validate_only: false,
    };
    iam.put_user_policy(operator.sign(&path("PutUserPolicy"), message)?).await?;
    let message = CreateAccessKeyRequest { user_name, request_id: id("key"), validate_only: false };
    let made = iam
        .create_access_key(operator.sign(&path("CreateAccessKey"), message)?)
        .await?
        .into_inner();
    let key = made.access_key.ok_or("no key was made")?;
    Ok(Credentials {
        access_key_id: key.access_key.unwrap_or_default().access_key_id,
        secret_access_key: key.secret_access_key,
        session_token: None,
    })
}

fn question(n: usize) -> Question {
    Question {
        action: "s3:GetObject".to_owned(),
        resource: format!("arn:aws:s3:::photos/2026/{n:04}.jpg"),
        ..Default::default()
    }
}

/// A message with the metadata that signs it; used again by every call.
struct Prepared<M> {
    message: M,
    metadata: MetadataMap,
}

impl<M: Message + Clone> Prepared<M> {
    fn new(client: &Client, method: &str, message: M) -> Result<Self, Failure> {
        let path = format!("/tidegate.decision.v1.DecisionService/{method}");
        let metadata = client.sign(&path, message.clone())?.metadata().clone();
        Ok(Self { message, metadata })
    }

    fn request(&self) -> Request<M> {
        let mut request = Request::new(self.message.clone());
        *request.metadata_mut() = self.metadata.clone();
        request
    }
}

/// One of the two servers, and calls that are signed for it.
struct Side {
    clients: Vec<DecisionServiceClient<tonic::transport::Channel>>,
    signer: Client,
}

impl Side {
    async fn connect(
        address: &str,
        authority: &str,
        credentials: &Credentials,
    ) -> Result<Self, Failure> {
        let (mut clients, mut signer) = (Vec::new(), None);
        for _ in 0..CONNECTIONS {
            let client =
                Client::connect(&[address.to_owned()], authority, credentials.clone()).await?;
            clients.push(DecisionServiceClient::new(client.channel()));
            signer = Some(client);
        }
        Ok(Self { clients, signer: signer.ok_or("no connection")? })
    }

    fn client(
        &self,
        task: usize,
    ) -> Result<DecisionServiceClient<tonic::transport::Channel>, Failure> {
        Ok(self.clients.get(task % CONNECTIONS).ok_or("no connection")?.clone())
    }

    async fn unary(&self, time: Duration) -> Result<Round, Failure> {
        let prepare = |n| {
            Prepared::new(
                &self.signer,
                "Authorize",
                AuthorizeRequest { question: Some(question(n)), consistency: None },
            )
        };
        let calls = (0..UNARY_IN_FLIGHT)
            .map(|n| Ok((self.client(n)?, Arc::new(prepare(n)?))))
            .collect::<Result<Vec<_>, Failure>>()?;
        load(UNARY_IN_FLIGHT, time, 1, |task| {
            let calls = calls.get(task).cloned();
            move || {
                let calls = calls.clone();
                async move {
                    let (mut client, call) = calls.ok_or("no call")?;
                    let answer = client.authorize(call.request()).await?.into_inner();
                    allowed(
                        answer.answer.as_ref().map(tidegate_proto::decision::v1::Answer::effect),
                    )
                }
            }
        })
        .await
    }

    async fn batch(&self, time: Duration) -> Result<Round, Failure> {
        let message = BatchAuthorizeRequest {
            questions: (0..BATCH).map(question).collect(),
            consistency: None,
        };
        let call = Arc::new(Prepared::new(&self.signer, "BatchAuthorize", message)?);
        let clients =
            (0..BATCHES_IN_FLIGHT).map(|n| self.client(n)).collect::<Result<Vec<_>, _>>()?;
        load(BATCHES_IN_FLIGHT, time, u32::try_from(BATCH)?, |task| {
            let (client, call) = (clients.get(task).cloned(), Arc::clone(&call));
            move || {
                let (client, call) = (client.clone(), Arc::clone(&call));
                async move {
                    let answers = client
                        .ok_or("no client")?
                        .batch_authorize(call.request())
                        .await?
                        .into_inner()
                        .answers;
                    if answers.len() != BATCH {
                        return Err("the batch is not whole".into());
                    }
                    allowed(answers.last().map(tidegate_proto::decision::v1::Answer::effect))
                }
            }
        })
        .await
    }

    /// One stream a connection, with a window of questions on their way.
    async fn stream(&self, time: Duration) -> Result<Round, Failure> {
        let start = Instant::now();
        let mut running = Vec::new();
        for n in 0..CONNECTIONS {
            let (questions, waiting) = tokio::sync::mpsc::channel(STREAM_WINDOW);
            let path = "/tidegate.decision.v1.DecisionService/AuthorizeStream";
            let request = self.signer.sign_stream(path, ReceiverStream::new(waiting))?;
            let mut client = self.client(n)?;
            running.push(tokio::spawn(async move {
                let ask = |id: u64| AuthorizeStreamRequest {
                    correlation_id: id,
                    question: Some(question(usize::try_from(id % 64).unwrap_or(0))),
                    consistency: None,
                };
                for id in 0..u64::try_from(STREAM_WINDOW)? {
                    questions.send(ask(id)).await?;
                }
                let mut sent: Vec<Instant> = vec![Instant::now(); STREAM_WINDOW];
                let mut answers = client.authorize_stream(request).await?.into_inner();
                let mut took = Vec::new();
                while start.elapsed() < time {
                    let answer = answers.message().await?.ok_or("the stream ended")?;
                    allowed(
                        answer.answer.as_ref().map(tidegate_proto::decision::v1::Answer::effect),
                    )?;
                    let next = answer.correlation_id + u64::try_from(STREAM_WINDOW)?;
                    if let Some(sent) = sent.get_mut(usize::try_from(next)? % STREAM_WINDOW) {
                        took.push(sent.elapsed());
                        *sent = Instant::now();
                    }
                    questions.send(ask(next)).await?;
                }
                Ok::<_, Failure>(took)
            }));
        }
        let mut took = Vec::new();
        for task in running {
            took.extend(task.await??);
        }
        let elapsed = start.elapsed();
        took.sort();
        let rate = f64::from(u32::try_from(took.len())?) / elapsed.as_secs_f64();
        Ok(Round { rate, p50: percentile(&took, 0.5), p99: percentile(&took, 0.99) })
    }
}

fn allowed(effect: Option<Effect>) -> Result<(), Failure> {
    if effect == Some(Effect::Allow) {
        Ok(())
    } else {
        Err(format!("{effect:?} is not an allow").into())
    }
}

/// Starts the echo with the answers that the node gave.
async fn echo(node: &Side, cluster: &Cluster, folder: &Path) -> Result<(Guard, String), Failure> {
    let one = Prepared::new(
        &node.signer,
        "Authorize",
        AuthorizeRequest { question: Some(question(0)), consistency: None },
    )?;
    let message =
        BatchAuthorizeRequest { questions: (0..BATCH).map(question).collect(), consistency: None };
    let batch = Prepared::new(&node.signer, "BatchAuthorize", message)?;
    let mut client = node.client(0)?;
    let (asked, given) =
        (one.message.encoded_len(), client.authorize(one.request()).await?.into_inner());
    println!(
        "request {asked} bytes, answer {} bytes, {} metadata entries\n",
        given.encoded_len(),
        one.metadata.len()
    );
    fs::write(folder.join("one"), given.encode_to_vec())?;
    fs::write(
        folder.join("batch"),
        client.batch_authorize(batch.request()).await?.into_inner().encode_to_vec(),
    )?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["echo", "--config"]).arg(cluster.settings(1)).arg("--answers").arg(folder);
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    Ok((Guard(child), line.trim().to_owned()))
}

/// Measures both in turns and prints a table.
pub(crate) async fn run(binary: &Path, args: &Args) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::lay_out(binary, folder.path())?;
    cluster.keep(&[1])?;
    cluster.start(1)?;
    let credentials = asker(&cluster.client(1).await?).await?;
    let authority = cluster.authority()?;
    let ours = Side::connect(&cluster.address(1)?, &authority, &credentials).await?;
    let (_echo, address) = echo(&ours, &cluster, folder.path()).await?;
    let theirs = Side::connect(&address, &authority, &credentials).await?;
    let time = Duration::from_secs(args.seconds);
    println!(
        "| decisions a second | Tidegate | bare echo | ratio | Tidegate p50 / p99 | echo p50 / p99 |\n|---|---|---|---|---|---|"
    );
    for what in ["unary", "batch", "stream"] {
        if !args.only.is_empty() && args.only != what {
            continue;
        }
        let (mut mine, mut echoes) = (Vec::new(), Vec::new());
        for _ in 0..args.rounds {
            for (side, rounds) in [(&theirs, &mut echoes), (&ours, &mut mine)] {
                rounds.push(match what {
                    "unary" => side.unary(time).await?,
                    "batch" => side.batch(time).await?,
                    _ => side.stream(time).await?,
                });
            }
        }
        let name = match what {
            "unary" => format!("unary, {UNARY_IN_FLIGHT} in flight"),
            "batch" => format!("batches of {BATCH}, {BATCHES_IN_FLIGHT} in flight"),
            _ => format!("{CONNECTIONS} streams, {STREAM_WINDOW} in flight each"),
        };
        compare(&name, &mine, &echoes);
    }
    Ok(())
}
