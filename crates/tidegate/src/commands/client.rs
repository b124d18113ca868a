//! The client's commands.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Subcommand;
use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use tidegate_client::{Client, reason};
use tidegate_proto::{
    decision::v1::{
        AuthorizeRequest, Effect, ExplainRequest, Question,
        decision_service_client::DecisionServiceClient,
    },
    iam::v1::{
        AttachUserPolicyRequest, CreateAccessKeyRequest, CreateAccountRequest, CreateUserRequest,
        DeleteUserRequest, DetachUserPolicyRequest, ListAccountsRequest, ListUsersRequest,
        PutUserPolicyRequest, account_service_client::AccountServiceClient,
        iam_service_client::IamServiceClient,
    },
    propagation::v1::{
        Arrival, GetReplicationStatusRequest, Scope, WaitForPropagationRequest,
        WatchPropagationRequest, propagation_service_client::PropagationServiceClient,
        scope::Scope as Kind, wait_for_propagation_response::Event,
    },
};
use tonic::Status;

use super::Failure;

const DENIED: u8 = 2;
const NOT_YET: u8 = 3;

/// What a client may ask.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Groups and nodes as one node sees them.
    Status,
    /// Makes or lists accounts. Operators only.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Users of the caller's account.
    #[command(subcommand)]
    User(UserCommand),
    /// Decides: exit code 0 allows, 2 denies.
    Authorize(QuestionArgs),
    /// Decides and says why.
    Explain(QuestionArgs),
    /// Waits until a token's changes have arrived.
    Wait {
        /// The token of the change.
        token: String,
        /// Only this region.
        #[arg(long)]
        region: Option<String>,
        /// How long to wait, in seconds.
        #[arg(long, default_value_t = 30)]
        timeout: u64,
    },
    /// Shows changes as they arrive at each node.
    Watch,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Makes an account.
    Create { name: String, email: String },
    /// Lists accounts.
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Creates a user.
    Create { name: String },
    /// Deletes a user.
    Delete { name: String },
    /// Lists users.
    List,
    /// Attaches a managed policy.
    Attach { name: String, policy_arn: String },
    /// Detaches a managed policy.
    Detach { name: String, policy_arn: String },
    /// Writes an inline policy from a file.
    PutPolicy { name: String, policy: String, file: PathBuf },
    /// Creates an access key. Its secret is shown once.
    CreateKey { name: String },
}

#[derive(Debug, clap::Args)]
pub(crate) struct QuestionArgs {
    /// The action, `s3:GetObject`.
    action: String,
    /// The resource's ARN.
    #[arg(default_value = "*")]
    resource: String,
    /// The principal's ARN; the caller by default.
    #[arg(long, default_value = "")]
    principal: String,
}

fn request_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

fn refused(status: &Status) -> Failure {
    let (reason, retryable) = reason(status);
    let hint = if retryable { " Trying again may help." } else { "" };
    format!("{} ({reason}).{hint}", status.message()).into()
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header(head);
    table
}

pub(crate) fn millis(d: Option<&prost_types::Duration>) -> String {
    let ms = |d: &prost_types::Duration| {
        Duration::new(d.seconds.unsigned_abs(), d.nanos.unsigned_abs()).as_millis()
    };
    d.map_or_else(|| "-".to_owned(), |d| format!("{} ms", ms(d)))
}

fn arrived(a: &Arrival) -> String {
    format!(
        "{} {} within {} (about {})",
        a.node,
        a.region,
        millis(a.upper_bound.as_ref()),
        millis(a.estimate.as_ref())
    )
}

/// Runs a client command.
pub(crate) async fn run(command: Command, profile: &Path, at: &str) -> Result<ExitCode, Failure> {
    let profile = crate::profile::read(profile)?;
    let client = crate::profile::connect(&profile, at).await?;
    match command {
        Command::Status => status(&client).await,
        Command::Account(command) => account(&client, command).await,
        Command::User(command) => user(&client, command).await,
        Command::Authorize(q) => authorize(&client, q).await,
        Command::Explain(q) => explain(&client, q).await,
        Command::Wait { token, region, timeout } => wait(&client, token, region, timeout).await,
        Command::Watch => watch(&client).await,
    }
}

async fn status(client: &Client) -> Result<ExitCode, Failure> {
    let path = "/tidegate.propagation.v1.PropagationService/GetReplicationStatus";
    let request = client.sign(path, GetReplicationStatusRequest {})?;
    let answer =
        PropagationServiceClient::new(client.channel()).get_replication_status(request).await;
    let answer = answer.map_err(|s| refused(&s))?.into_inner();
    println!("as {} in {} sees it", answer.node, answer.region);
    let mut groups = table(&["group", "home", "leader", "position", "no older than"]);
    for g in &answer.groups {
        let staleness = millis(g.staleness_bound.as_ref());
        groups.add_row([
            format!("g{}", g.group),
            g.region.clone(),
            g.leader.clone(),
            g.published.to_string(),
            staleness,
        ]);
    }
    println!("{groups}");
    let mut nodes = table(&["node", "region", "alive", "round trip", "positions"]);
    for n in &answer.nodes {
        let mut positions: Vec<_> = n.published.iter().collect();
        positions.sort();
        let positions: Vec<String> = positions.iter().map(|(g, p)| format!("g{g}:{p}")).collect();
        nodes.add_row([
            n.node.clone(),
            n.region.clone(),
            n.alive.to_string(),
            millis(n.round_trip.as_ref()),
            positions.join(" "),
        ]);
    }
    println!("{nodes}");
    Ok(ExitCode::SUCCESS)
}

async fn account(client: &Client, command: AccountCommand) -> Result<ExitCode, Failure> {
    let mut accounts = AccountServiceClient::new(client.channel());
    match command {
        AccountCommand::Create { name, email } => {
            let message = CreateAccountRequest {
                name,
                email,
                request_id: request_id(),
                validate_only: false,
            };
            let request = client.sign("/tidegate.iam.v1.AccountService/CreateAccount", message)?;
            let made =
                accounts.create_account(request).await.map_err(|s| refused(&s))?.into_inner();
            let key = made.root_access_key.unwrap_or_default();
            println!("account {}", made.account.unwrap_or_default().id);
            println!("access_key_id {}", key.access_key.unwrap_or_default().access_key_id);
            println!("secret_access_key {}", key.secret_access_key);
            println!("token {}", made.metadata.unwrap_or_default().token);
        }
        AccountCommand::List => {
            let request = client.sign(
                "/tidegate.iam.v1.AccountService/ListAccounts",
                ListAccountsRequest::default(),
            )?;
            let all = accounts.list_accounts(request).await.map_err(|s| refused(&s))?.into_inner();
            let mut table = table(&["account", "name", "e-mail", "state", "group"]);
            for a in all.accounts {
                table.add_row([a.id, a.name, a.email, a.state, format!("g{}", a.group)]);
            }
            println!("{table}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::too_many_lines, reason = "one arm for each verb")]
async fn user(client: &Client, command: UserCommand) -> Result<ExitCode, Failure> {
    let mut iam = IamServiceClient::new(client.channel());
    macro_rules! send {
        ($method:ident, $name:literal, $message:expr) => {{
            let path = concat!("/tidegate.iam.v1.IamService/", $name);
            let answer = iam.$method(client.sign(path, $message)?).await;
            answer.map_err(|s| refused(&s))?.into_inner()
        }};
    }
    let request_id = request_id();
    let metadata = match command {
        UserCommand::Create { name } => {
            let message =
                CreateUserRequest { user_name: name, request_id, ..CreateUserRequest::default() };
            let done = send!(create_user, "CreateUser", message);
            println!("{}", done.user.unwrap_or_default().arn);
            done.metadata
        }
        UserCommand::Delete { name } => {
            let message =
                DeleteUserRequest { user_name: name, request_id, ..DeleteUserRequest::default() };
            send!(delete_user, "DeleteUser", message).metadata
        }
        UserCommand::List => {
            let all = send!(list_users, "ListUsers", ListUsersRequest::default());
            let mut table = table(&["user", "id", "ARN"]);
            for u in all.users {
                table.add_row([u.user_name, u.user_id, u.arn]);
            }
            println!("{table}");
            None
        }
        UserCommand::Attach { name, policy_arn } => {
            let message = AttachUserPolicyRequest {
                user_name: name,
                policy_arn,
                request_id,
                validate_only: false,
            };
            send!(attach_user_policy, "AttachUserPolicy", message).metadata
        }
        UserCommand::Detach { name, policy_arn } => {
            let message = DetachUserPolicyRequest {
                user_name: name,
                policy_arn,
                request_id,
                validate_only: false,
            };
            send!(detach_user_policy, "DetachUserPolicy", message).metadata
        }
        UserCommand::PutPolicy { name, policy, file } => {
            let policy_document = std::fs::read_to_string(&file)
                .map_err(|e| format!("`{}` can't be read: {e}", file.display()))?;
            let message = PutUserPolicyRequest {
                user_name: name,
                policy_name: policy,
                policy_document,
                request_id,
                validate_only: false,
            };
            send!(put_user_policy, "PutUserPolicy", message).metadata
        }
        UserCommand::CreateKey { name } => {
            let message =
                CreateAccessKeyRequest { user_name: name, request_id, validate_only: false };
            let made = send!(create_access_key, "CreateAccessKey", message);
            let key = made.access_key.unwrap_or_default();
            println!("access_key_id {}", key.access_key.unwrap_or_default().access_key_id);
            println!("secret_access_key {}", key.secret_access_key);
            made.metadata
        }
    };
    if let Some(metadata) = metadata {
        println!("token {}", metadata.token);
    }
    Ok(ExitCode::SUCCESS)
}

fn question(q: QuestionArgs) -> Question {
    Question { principal: q.principal, action: q.action, resource: q.resource, context: Vec::new() }
}

async fn authorize(client: &Client, q: QuestionArgs) -> Result<ExitCode, Failure> {
    let message = AuthorizeRequest { question: Some(question(q)), consistency: None };
    let request = client.sign("/tidegate.decision.v1.DecisionService/Authorize", message)?;
    let answer = DecisionServiceClient::new(client.channel())
        .authorize(request)
        .await
        .map_err(|s| refused(&s))?
        .into_inner();
    let (answer, evidence) =
        (answer.answer.unwrap_or_default(), answer.evidence.unwrap_or_default());
    let allowed = answer.effect() == Effect::Allow;
    println!("{}", if allowed { "allowed".to_owned() } else { answer.message.clone() });
    for s in &answer.statements {
        println!("  by {} statement {} (line {}, column {})", s.policy, s.index, s.line, s.column);
    }
    println!(
        "  {} in {}, view no older than {}",
        evidence.node,
        evidence.region,
        millis(evidence.staleness_bound.as_ref())
    );
    Ok(if allowed { ExitCode::SUCCESS } else { ExitCode::from(DENIED) })
}

async fn explain(client: &Client, q: QuestionArgs) -> Result<ExitCode, Failure> {
    let message = ExplainRequest { question: Some(question(q)), consistency: None };
    let request = client.sign("/tidegate.decision.v1.DecisionService/Explain", message)?;
    let answer = DecisionServiceClient::new(client.channel())
        .explain(request)
        .await
        .map_err(|s| refused(&s))?
        .into_inner();
    print!("{}", answer.text);
    let allowed = answer.answer.is_some_and(|a| a.effect() == Effect::Allow);
    Ok(if allowed { ExitCode::SUCCESS } else { ExitCode::from(DENIED) })
}

async fn wait(
    client: &Client,
    token: String,
    region: Option<String>,
    timeout: u64,
) -> Result<ExitCode, Failure> {
    let message = WaitForPropagationRequest {
        token,
        scope: region.map(|r| Scope { scope: Some(Kind::Region(r)) }),
        timeout: Some(prost_types::Duration { seconds: i64::try_from(timeout)?, nanos: 0 }),
    };
    let request =
        client.sign("/tidegate.propagation.v1.PropagationService/WaitForPropagation", message)?;
    let answers =
        PropagationServiceClient::new(client.channel()).wait_for_propagation(request).await;
    let mut answers = answers.map_err(|s| refused(&s))?.into_inner();
    while let Some(answer) = answers.message().await.map_err(|s| refused(&s))? {
        match answer.event {
            Some(Event::Arrival(a)) => eprintln!("{}", arrived(&a)),
            Some(Event::Finished(f)) if f.covered => {
                println!("everywhere that was asked for: {}", f.reached.join(" "));
                return Ok(ExitCode::SUCCESS);
            }
            Some(Event::Finished(f)) => {
                println!("not yet at: {}", f.missing.join(" "));
                return Ok(ExitCode::from(NOT_YET));
            }
            None => {}
        }
    }
    Err("the node ended the answer before the wait was over".into())
}

async fn watch(client: &Client) -> Result<ExitCode, Failure> {
    let request = client.sign(
        "/tidegate.propagation.v1.PropagationService/WatchPropagation",
        WatchPropagationRequest {},
    )?;
    let answers = PropagationServiceClient::new(client.channel()).watch_propagation(request).await;
    let mut answers = answers.map_err(|s| refused(&s))?.into_inner();
    while let Some(event) = answers.message().await.map_err(|s| refused(&s))? {
        let place = event.arrival.as_ref().map(arrived).unwrap_or_default();
        println!("g{} revision {} at {place}", event.group, event.revision);
    }
    Ok(ExitCode::SUCCESS)
}
