//! Puts accounts with chosen ids and keys into a cluster in development mode: what test suites begin from.

use futures::future::try_join_all;
use tidegate_model::{
    Command, Envelope,
    command::{
        ActivateAccount, Batch, CreateAccessKey, InitAccount, ReserveAccessKey, ReserveAccount,
    },
    record::AccountPlacement,
};
use tidegate_policy::AccountId;
use tidegate_replica::{Clock, GroupId};
use tidegate_service::{Reason, ServiceError};

use crate::{core::Core, founding::system};

/// Commands of one log entry: with documents of the largest size they stay below what an entry may hold.
const COMMANDS_MAX: usize = 32;

/// An access key with a chosen id and secret.
#[derive(Clone)]
pub struct PlantedKey {
    /// Whose; empty: of the root user.
    pub user: String,
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl core::fmt::Debug for PlantedKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PlantedKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An account with what is in it.
#[derive(Clone, Debug)]
pub struct Planted {
    /// Its number, name, e-mail address and partition. One that is there already keeps its own.
    pub account: AccountPlacement,
    /// What makes its entities, in order.
    pub commands: Vec<Command>,
    /// Keys of users that those make, and of the root user.
    pub keys: Vec<PlantedKey>,
}

fn envelope(account: u64, command: Command) -> Envelope {
    Envelope { account, caller: Some(system()), command: Some(command), ..Envelope::default() }
}

async fn propose(
    core: &Core,
    group: GroupId,
    account: u64,
    commands: &[Envelope],
) -> Result<Clock, ServiceError> {
    let mut index = 0;
    for commands in commands.chunks(COMMANDS_MAX) {
        let batch = Command::Batch(Batch { commands: commands.to_vec() });
        let mut batch = envelope(account, batch);
        // What is tried again within the call is then known for the same.
        batch.request_id = crate::operations::request_id(core, String::new());
        (index, _) = core.propose(group, &batch, core.patience()).await?;
    }
    Ok(Clock::from_iter([(core.origin(group), index)]))
}

fn create_key(core: &Core, account: u64, key: &PlantedKey) -> Result<Envelope, ServiceError> {
    let sealed_secret = core.seal_secret(&key.id, key.secret.as_bytes())?;
    let create = CreateAccessKey { user: key.user.clone(), id: key.id.clone(), sealed_secret };
    Ok(envelope(account, Command::CreateAccessKey(create)))
}

/// What an account's group has to do.
fn in_group(core: &Core, planted: &Planted) -> Result<Vec<Envelope>, ServiceError> {
    let placement = &planted.account;
    let init = Command::InitAccount(InitAccount {
        name: placement.name.clone(),
        email: placement.email.clone(),
        root_key: None,
        partition: placement.partition.clone(),
    });
    let commands = core::iter::once(init).chain(planted.commands.iter().cloned());
    let mut all: Vec<_> = commands.map(|c| envelope(placement.account, c)).collect();
    for key in &planted.keys {
        all.push(create_key(core, placement.account, key)?);
    }
    Ok(all)
}

/// What the directory has to do.
fn in_directory(planted: &[Planted], is_there: impl Fn(u64) -> bool) -> Vec<Envelope> {
    let mut all = Vec::new();
    for Planted { account, keys, .. } in planted {
        let number = account.account;
        if !is_there(number) {
            let placement = Some(account.clone());
            all.push(Command::ReserveAccount(ReserveAccount { placement }));
            all.push(Command::ActivateAccount(ActivateAccount { account: number }));
        }
        for key in keys {
            let reserve = ReserveAccessKey { account: number, id: key.id.clone() };
            all.push(Command::ReserveAccessKey(reserve));
        }
    }
    all.into_iter().map(|command| envelope(0, command)).collect()
}

/// Makes accounts with all that is in them. Nobody knows them before they are whole. Gives a token that covers them.
///
/// # Errors
/// The cluster is not in development mode, or a command is refused: then some accounts may be there, and the cluster is to be begun anew.
pub(crate) async fn plant(core: &Core, planted: &[Planted]) -> Result<String, ServiceError> {
    let view = core.views.load();
    if !view.directory.cluster().is_some_and(|c| c.development) {
        let message = "accounts are planted only in a cluster that was created in development mode";
        return Err(ServiceError::new(Reason::DevelopmentOnly, message));
    }
    let mut tasks = Vec::new();
    for account in planted {
        let number = account.account.account;
        let id = AccountId::from_u64(number)
            .map_err(|e| ServiceError::new(Reason::ValidationError, e.to_string()))?;
        let group = match view.directory.account(id) {
            Some(placed) => Some(GroupId(placed.group)),
            None => view.directory.group_for(number),
        };
        let no_group =
            || ServiceError::new(Reason::NotReady, "the cluster has no group of accounts");
        let group = group.ok_or_else(no_group)?;
        let commands = in_group(core, account)?;
        tasks.push(async move { propose(core, group, number, &commands).await });
    }
    let mut positions = Clock::default();
    for reached in try_join_all(tasks).await? {
        positions.join(&reached);
    }
    let is_there = |number: u64| view.directory.accounts().any(|a| a.account == number);
    let commands = in_directory(planted, is_there);
    if !commands.is_empty() {
        positions.join(&propose(core, GroupId::DIRECTORY, 0, &commands).await?);
    }
    core.token(&view, positions)
}
