//! Memory and start-up time of one node with many users.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use tidegate_client::{Client, Credentials};
use tidegate_proto::iam::v1::{
    AttachUserPolicyRequest, CreateAccountRequest, CreateUserRequest,
    account_service_client::AccountServiceClient, iam_service_client::IamServiceClient,
};
use tidegate_tests::{Cluster, Failure};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Users.
    #[arg(long, default_value_t = 10_000)]
    users: usize,
}

/// AWS's quota of users in an account.
const USERS_OF_ACCOUNT: usize = 5_000;
const TASKS: usize = 128;
/// One user of so many has a managed policy attached.
const ATTACHED_ONE_OF: usize = 10;

async fn account(operator: &Client, n: usize) -> Result<Client, Failure> {
    let message = CreateAccountRequest {
        name: format!("account {n}"),
        email: format!("root{n}@example.com"),
        request_id: format!("account-{n}"),
        ..Default::default()
    };
    let request = operator.sign("/tidegate.iam.v1.AccountService/CreateAccount", message)?;
    let made =
        AccountServiceClient::new(operator.channel()).create_account(request).await?.into_inner();
    let key = made.root_access_key.ok_or("no key")?;
    Ok(operator
        .with_credentials(Credentials {
            access_key_id: key.access_key.unwrap_or_default().access_key_id,
            secret_access_key: key.secret_access_key,
            session_token: None,
        })
        .session())
}

async fn user(root: &Client, n: usize) -> Result<(), Failure> {
    let mut iam = IamServiceClient::new(root.channel());
    let user_name = format!("user{n:07}");
    let message = CreateUserRequest {
        user_name: user_name.clone(),
        request_id: format!("u{n}"),
        ..Default::default()
    };
    iam.create_user(root.sign("/tidegate.iam.v1.IamService/CreateUser", message)?).await?;
    if n.is_multiple_of(ATTACHED_ONE_OF) {
        let message = AttachUserPolicyRequest {
            user_name,
            policy_arn: "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess".to_owned(),
            request_id: format!("a{n}"),
            validate_only: false,
        };
        iam.attach_user_policy(root.sign("/tidegate.iam.v1.IamService/AttachUserPolicy", message)?)
            .await?;
    }
    Ok(())
}

async fn fill(operator: &Client, users: usize) -> Result<(), Failure> {
    let mut roots = Vec::new();
    for n in 0..users.div_ceil(USERS_OF_ACCOUNT) {
        roots.push(account(operator, n).await?);
    }
    let (roots, next) = (Arc::new(roots), Arc::new(AtomicUsize::new(0)));
    let running: Vec<_> = (0..TASKS)
        .map(|_| {
            let (roots, next) = (Arc::clone(&roots), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= users {
                        return Ok::<_, Failure>(());
                    }
                    user(roots.get(n / USERS_OF_ACCOUNT).ok_or("no account")?, n).await?;
                }
            })
        })
        .collect();
    for task in running {
        task.await??;
    }
    Ok(())
}

/// Fills one node, looks at its memory, restarts it, and prints a row.
pub(crate) async fn run(binary: &Path, args: &Args) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::lay_out(binary, folder.path())?;
    cluster.keep(&[1])?;
    cluster.start(1)?;
    let operator = cluster.client(1).await?;
    let empty = cluster.resident(1)?;
    let start = Instant::now();
    fill(&operator, args.users).await?;
    let filled = start.elapsed();
    let full = cluster.resident(1)?;
    cluster.kill(1)?;
    let start = Instant::now();
    cluster.start(1)?;
    cluster.client(1).await?;
    let ready = start.elapsed();
    let restarted = cluster.resident(1)?;
    let mib = |bytes: u64| bytes / (1024 * 1024);
    println!(
        "| users | resident, empty | resident, filled | resident, restarted | start to first answer | filled in |\n|---|---|---|---|---|---|"
    );
    println!(
        "| {} | {} MiB | {} MiB | {} MiB | {:.2} s | {:.0} s |",
        args.users,
        mib(empty),
        mib(full),
        mib(restarted),
        ready.as_secs_f64(),
        filled.as_secs_f64()
    );
    Ok(())
}
