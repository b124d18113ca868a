//! What secrets are sealed under, and sealing anew what is sealed under another key.
//!
//! A sealing key is used once every voter has named it as one of its own, so that whoever leads can open what another has sealed. From then
//! on whoever leads a group goes through its secrets, and seals anew what stands under another key; what was changed meanwhile stays as it
//! is. A key under which nothing stands any more may be taken away.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tidegate_authn::{SEALING_KEYS_MAX, sealed_under};
use tidegate_model::{
    AccountState, CallerRef, Command, Envelope, GroupState,
    command::caller_kind,
    secrets::{Reseal, Resealed, SealedSecret},
    version::SEALING_KEYS,
};
use tidegate_replica::GroupId;
use tidegate_service::{Reason, ServiceError, View};

use crate::{core::Core, upgrade::version_of};

/// How often a leader looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a leader rests after a pass in which nothing was left to do, and after another.
const REST: (Duration, Duration) = (Duration::from_secs(600), Duration::from_secs(10));
/// How long one step may take before the leader looks again.
const STEP_MAX: Duration = Duration::from_secs(5);
/// Accounts that are looked through at once.
const ACCOUNTS_AT_ONCE: usize = 10_000;
/// Secrets of one account that are sealed anew in one step, and at most at once.
const SECRETS_AT_ONCE: (usize, usize) = (64, 512);

const _: () = assert!(SEALING_KEYS_MAX <= tidegate_model::secrets::SEALING_KEYS_MAX);

/// The newest of `mine` that all others hold, too; `None` where somebody holds none of them.
fn common(mine: &[u32], others: &[&[u32]]) -> Option<u32> {
    mine.iter().copied().find(|key| others.iter().all(|held| held.contains(key)))
}

fn voters(view: &View) -> BTreeSet<u64> {
    view.directory.placements().flat_map(|p| p.speakers().collect::<Vec<_>>()).collect()
}

/// The key that new secrets are sealed under.
pub(crate) fn key_in_use(core: &Core, view: &View) -> Option<u32> {
    let mine: Vec<u32> = core.cluster_key.sealing_keys().collect();
    let voters = voters(view);
    let held =
        |n: &u64| view.directory.node(*n).map(|node| &*node.sealing_keys).unwrap_or_default();
    common(&mine, &voters.iter().map(held).collect::<Vec<_>>())
}

/// The accounts that a group has whole: not what is left of one that was moved, or is not there yet.
fn served(state: &GroupState) -> impl Iterator<Item = &Arc<AccountState>> {
    state.accounts().filter(|account| state.account(account.id()).is_some())
}

/// How many secrets stand under which key; `None`: under one that is not named, be it the cluster's or a sealing key of a build of before.
pub(crate) fn uses(view: &View) -> BTreeMap<Option<u32>, u64> {
    let mut uses = BTreeMap::new();
    for account in view.groups.values().flat_map(served) {
        for secret in account.sealed_secrets() {
            *uses.entry(sealed_under(secret.sealed)).or_default() += 1;
        }
    }
    uses
}

impl Core {
    /// Seals a secret for `owner`.
    pub(crate) fn seal_secret(&self, owner: &str, plain: &[u8]) -> Result<Vec<u8>, ServiceError> {
        self.seal_under(owner, plain, key_in_use(self, &self.views.load()))
    }

    fn seal_under(
        &self,
        owner: &str,
        plain: &[u8],
        key: Option<u32>,
    ) -> Result<Vec<u8>, ServiceError> {
        let mut nonce = [0; 12];
        self.platform.entropy(&mut nonce);
        let sealed = self.cluster_key.seal_secret(owner, plain, nonce, key);
        sealed.map_err(|e| ServiceError::new(Reason::Internal, e.to_string()))
    }
}

/// How far a leader has come with the secrets of a group.
#[derive(Debug, Default)]
struct Pass {
    key: u32,
    /// The account that was looked at last.
    after: u64,
    sealed: u64,
    lost: u64,
    put_off: u64,
    rest_until: Duration,
}

/// Seals anew what is sealed under another key, and says what is missing, as long as the node lives.
pub(crate) async fn run(core: Arc<Core>) {
    let mut passes: BTreeMap<GroupId, Pass> = BTreeMap::new();
    let mut missed: BTreeSet<u32> = BTreeSet::new();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let view = core.views.load();
        warn_of_missing(&core, &view, &mut missed);
        let Some(key) = key_in_use(&core, &view) else { continue };
        for (number, state) in &view.groups {
            let group = GroupId(*number);
            let leads = core.group(group).is_some_and(|handle| handle.is_leading());
            if !leads || version_of(&view, group) < SEALING_KEYS {
                passes.remove(&group);
                continue;
            }
            let pass = passes.entry(group).or_default();
            if pass.key != key {
                *pass = Pass { key, ..Pass::default() };
            }
            if let Err(error) = look(&core, group, state, pass).await {
                tracing::debug!(%error, %group, "secrets are sealed anew later");
            }
        }
    }
}

/// Says once of each key that another voter would seal with and this one, which votes too, does not hold.
fn warn_of_missing(core: &Core, view: &View, missed: &mut BTreeSet<u32>) {
    let voters = voters(view);
    if !voters.contains(&core.me.0) {
        return;
    }
    let nodes = voters.iter().filter_map(|n| view.directory.node(*n));
    for node in nodes {
        let Some(key) = node.sealing_keys.first().copied() else { continue };
        let here = core.cluster_key.sealing_keys().any(|mine| mine == key);
        if !here && missed.insert(key) {
            let key = format!("{key:08x}");
            tracing::warn!(%key, at = node.id, "this node votes and does not hold the sealing key of another voter: it counts once every voter holds it");
        }
    }
}

/// Looks through some accounts of a group.
async fn look(
    core: &Core,
    group: GroupId,
    state: &GroupState,
    pass: &mut Pass,
) -> Result<(), ServiceError> {
    let now = core.platform.monotonic();
    if now < pass.rest_until {
        return Ok(());
    }
    let after = pass.after;
    let rest = served(state).skip_while(|account| account.id().as_u64() <= after);
    let (mut seen, mut sealed) = (0, 0);
    for account in rest {
        if seen >= ACCOUNTS_AT_ONCE || sealed >= SECRETS_AT_ONCE.1 {
            return Ok(());
        }
        seen += 1;
        sealed += seal_anew(core, group, account, pass).await?;
        pass.after = account.id().as_u64();
    }
    let key = format!("{:08x}", pass.key);
    if pass.lost > 0 {
        tracing::error!(%group, %key, lost = pass.lost, "secrets of the group are sealed under a key that this node does not hold: give it back to every voter");
    }
    if pass.sealed > 0 {
        tracing::info!(%group, %key, secrets = pass.sealed, "secrets are sealed under the newest key that every voter holds");
    }
    let rest = if pass.sealed + pass.put_off > 0 { REST.1 } else { REST.0 };
    *pass = Pass { key: pass.key, rest_until: now + rest, ..Pass::default() };
    Ok(())
}

/// Seals anew what of an account stands under another key. Gives how many secrets that was.
async fn seal_anew(
    core: &Core,
    group: GroupId,
    account: &AccountState,
    pass: &mut Pass,
) -> Result<usize, ServiceError> {
    let stale: Vec<SealedSecret<'_>> =
        account.sealed_secrets().filter(|s| sealed_under(s.sealed) != Some(pass.key)).collect();
    for some in stale.chunks(SECRETS_AT_ONCE.0) {
        let mut secrets = Vec::new();
        for secret in some {
            let Ok(plain) = core.cluster_key.open_secret(&secret.owner, secret.sealed) else {
                pass.lost += 1;
                continue;
            };
            secrets.push(Resealed {
                kind: secret.kind,
                id: secret.id.to_owned(),
                from: secret.sealed.to_vec(),
                sealed: core.seal_under(&secret.owner, &plain, Some(pass.key))?,
            });
        }
        if secrets.is_empty() {
            continue;
        }
        let done = u64::try_from(secrets.len()).unwrap_or(u64::MAX);
        let envelope = Envelope {
            account: account.id().as_u64(),
            caller: Some(CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() }),
            command: Some(Command::Reseal(Reseal { secrets })),
            ..Envelope::default()
        };
        match core.propose(group, &envelope, STEP_MAX).await {
            Ok(_) => pass.sealed += done,
            // The group itself can do nothing now.
            Err(e) if matches!(e.reason, Reason::NoQuorum | Reason::UnknownOutcome) => {
                return Err(e);
            }
            // The account is being moved or erased: others do not wait for it.
            Err(error) => {
                tracing::debug!(%error, account = %account.id(), "its secrets are sealed anew later");
                pass.put_off += 1;
            }
        }
    }
    Ok(stale.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_key_that_everybody_holds_is_used() {
        assert_eq!(common(&[2, 1], &[&[2, 1], &[1, 2]]), Some(2));
        assert_eq!(common(&[2, 1], &[&[2, 1], &[1]]), Some(1), "not before each holds it");
        assert_eq!(
            common(&[2, 1], &[&[2, 1], &[]]),
            None,
            "somebody holds none, or has not said so"
        );
        assert_eq!(common(&[2], &[&[1]]), None);
        assert_eq!(common(&[], &[&[]]), None);
    }
}
