//! Group 0: the cluster, its nodes, its groups, and which account lives where.

mod closing;
mod keys;
mod membership;
mod recovery;

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use prost::Message;
use tidegate_policy::AccountId;
use tidegate_replica::{GroupId, Record};

use crate::{
    Command, Envelope, Key, Outcome, Place, Reply,
    apply::{Changes, check_batch, check_request_id, check_sizes, merge, origin, raised, records},
    command::{ReplyBox, SetClock, caller_kind, clock_run},
    record::{
        AccountPlacement, ApplyVersion, Cluster, Departed, EmailOwner, Features, KeyOwner, Node,
        Placement, SigningKey, VirtualClock,
    },
    rejection::{Rejection, RejectionKind},
    requests::Requests,
    state::{Applied, BadRecord, LocalRow},
};

/// How many voters a group may have: an even number is no safer than the odd one before it.
const VOTERS: [usize; 4] = [1, 3, 5, 7];

/// Bytes of a public key of Ed25519.
const SIGNING_KEY_BYTES: usize = 32;
/// Keys that a node may have had: it gets another only when its store was lost.
const SIGNING_KEYS_OF_NODE_MAX: u32 = 64;
/// Partitions that an account may be of; empty: `aws`.
const PARTITIONS: [&str; 4] = ["", "aws", "aws-cn", "aws-us-gov"];

/// How far the clock of a cluster in development mode may be from the nodes' own, in milliseconds: ten years, longer than anything lasts
/// that a test lets pass.
const CLOCK_OFF_MILLIS_MAX: u64 = 3_650 * 24 * 3_600_000;

/// The directory as a persistent value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DirectoryState {
    cluster: Option<Arc<Cluster>>,
    nodes: OrdMap<u64, Arc<Node>>,
    departed: OrdMap<u64, Arc<Departed>>,
    placements: OrdMap<u32, Arc<Placement>>,
    accounts: OrdMap<u64, Arc<AccountPlacement>>,
    /// Accounts that are being moved.
    moving: OrdSet<u64>,
    emails: OrdMap<Arc<str>, u64>,
    /// The account of an alias, and the log index at which it was reserved.
    aliases: OrdMap<Arc<str>, (u64, u64)>,
    features: Features,
    /// Access key ids that were chosen, with the account of each.
    keys: OrdMap<Arc<str>, u64>,
    /// By node and number.
    signing_keys: OrdMap<(u64, u32), Arc<SigningKey>>,
    requests: Requests,
    version: Option<u32>,
}

fn read<M: Message + Default>(value: &Bytes) -> Result<M, BadRecord> {
    M::decode(value.clone()).map_err(|e| BadRecord(e.to_string()))
}

impl DirectoryState {
    /// The cluster; `None` before it was founded.
    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_deref()
    }

    /// The version that the directory is applied by.
    pub fn version(&self) -> u32 {
        self.version.unwrap_or(1)
    }

    /// All nodes, ordered by number.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().map(|n| &**n)
    }

    /// A node by number.
    pub fn node(&self, id: u64) -> Option<&Node> {
        self.nodes.get(&id).map(|n| &**n)
    }

    /// A node that was taken out.
    pub fn departed(&self, id: u64) -> Option<&Departed> {
        self.departed.get(&id).map(|n| &**n)
    }

    /// All groups, ordered by number; the directory is the first.
    pub fn placements(&self) -> impl Iterator<Item = &Placement> {
        self.placements.values().map(|p| &**p)
    }

    /// A group's home.
    pub fn placement(&self, group: GroupId) -> Option<&Placement> {
        self.placements.get(&group.0).map(|p| &**p)
    }

    /// All accounts, ordered by number.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountPlacement> {
        self.accounts.values().map(|a| &**a)
    }

    /// Accounts that are being moved to another group, ordered by number.
    pub fn moving(&self) -> impl Iterator<Item = &AccountPlacement> {
        self.moving.iter().filter_map(|a| self.accounts.get(a)).map(|a| &**a)
    }

    /// Where an account lives.
    pub fn account(&self, id: AccountId) -> Option<&AccountPlacement> {
        self.accounts.get(&id.as_u64()).map(|a| &**a)
    }

    /// The keys that a node signs with, or did, the oldest first; also of a node that is a member no more.
    pub fn signing_keys_of(&self, node: u64) -> impl Iterator<Item = &SigningKey> {
        self.signing_keys.range((node, 0)..=(node, u32::MAX)).map(|(_, key)| &**key)
    }

    /// Whether any node has a key.
    pub fn has_signing_keys(&self) -> bool {
        !self.signing_keys.is_empty()
    }

    /// The group in which a new account is to live: the account's number decides, among the groups whose home is the directory's.
    pub fn group_for(&self, account: u64) -> Option<GroupId> {
        let home = &self.placements.get(&0)?.region;
        let groups = self.placements.values().filter(|p| p.group != 0 && p.region == *home);
        let groups: Vec<u32> = groups.map(|p| p.group).collect();
        let n = usize::try_from(account.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33).ok()?;
        groups.get(n.checked_rem(groups.len())?).map(|g| GroupId(*g))
    }

    /// The features of the organization that are switched on.
    pub fn features(&self) -> Features {
        self.features
    }

    /// The account that an alias is reserved for.
    pub fn alias(&self, alias: &str) -> Option<u64> {
        self.aliases.get(alias).map(|(account, _)| *account)
    }

    /// Takes a record in: the only way in which the directory changes.
    pub fn absorb(&mut self, record: &Record) -> Result<(), BadRecord> {
        let key = Key::decode(&record.key).ok_or_else(|| BadRecord("an unknown key".to_owned()))?;
        let value = record.value.as_ref();
        match key {
            Key::Cluster => self.cluster = value.map(read).transpose()?.map(Arc::new),
            Key::Node(n) => match value.map(read).transpose()? {
                Some(node) => drop(self.nodes.insert(n, Arc::new(node))),
                None => drop(self.nodes.remove(&n)),
            },
            Key::Departed(n) => match value.map(read).transpose()? {
                Some(node) => drop(self.departed.insert(n, Arc::new(node))),
                None => drop(self.departed.remove(&n)),
            },
            Key::Placement(g) => match value.map(read).transpose()? {
                Some(placement) => drop(self.placements.insert(g, Arc::new(placement))),
                None => drop(self.placements.remove(&g)),
            },
            Key::AccountPlacement(a) => {
                let account = value.map(read::<AccountPlacement>).transpose()?;
                if account.as_ref().is_some_and(|account| account.previous != 0) {
                    self.moving.insert(a);
                } else {
                    self.moving.remove(&a);
                }
                match account {
                    Some(account) => drop(self.accounts.insert(a, Arc::new(account))),
                    None => drop(self.accounts.remove(&a)),
                }
            }
            Key::Email(e) => match value.map(read::<EmailOwner>).transpose()? {
                Some(owner) => drop(self.emails.insert(e.into(), owner.account)),
                None => drop(self.emails.remove(e.as_str())),
            },
            Key::Alias(a) => match value.map(read::<EmailOwner>).transpose()? {
                Some(owner) => {
                    self.aliases.insert(a.into(), (owner.account, record.stamp.revision));
                }
                None => {
                    self.aliases.remove(a.as_str());
                }
            },
            Key::ApplyVersion(0) => {
                self.version = value.map(read::<ApplyVersion>).transpose()?.map(|v| v.version);
            }
            Key::Features => self.features = value.map(read).transpose()?.unwrap_or_default(),
            Key::ChosenKey(id) => match value.map(read::<KeyOwner>).transpose()? {
                Some(owner) => drop(self.keys.insert(id.into(), owner.account)),
                None => drop(self.keys.remove(id.as_str())),
            },
            Key::SigningKey(node, number) => match value.map(read).transpose()? {
                Some(key) => drop(self.signing_keys.insert((node, number), Arc::new(key))),
                None => drop(self.signing_keys.remove(&(node, number))),
            },
            _ => return Err(BadRecord("a key of an account in the directory".to_owned())),
        }
        Ok(())
    }

    /// Takes in a row that [`Applied::local`] gave before.
    pub fn absorb_local(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), BadRecord> {
        self.requests.absorb(key, value)
    }

    /// The rows that the directory keeps for itself.
    pub fn local_rows(&self) -> impl Iterator<Item = LocalRow> + '_ {
        self.requests.rows()
    }

    /// Applies a command at a log index with the entry's time. The proposer has authorized it by a fresh read of the caller's group.
    pub fn apply(&mut self, index: u64, time: u64, envelope: &Envelope) -> Applied {
        if let Some(outcome) = self.requests.recall(envelope) {
            return Applied { records: Vec::new(), local: Vec::new(), outcome };
        }
        let before = self.clone();
        let done = check_request_id(envelope)
            .and_then(|()| self.execute(index, time, envelope))
            .and_then(|(records, reply)| {
                let outcome = Outcome::new(Ok(ReplyBox { reply: Some(reply), revision: index }));
                check_sizes(&records, &outcome)?;
                for record in &records {
                    self.absorb(record).map_err(|bad| Rejection::invalid(bad.to_string()))?;
                }
                Ok((records, outcome))
            });
        let (records, outcome) = done.unwrap_or_else(|rejection| {
            *self = before;
            (Vec::new(), Outcome::new(Err(rejection)))
        });
        let local = if records.is_empty() {
            Vec::new()
        } else {
            self.requests.remember(envelope, time, &outcome)
        };
        Applied { records, local, outcome }
    }

    /// The records that a command becomes. A batch's commands each see those before them.
    fn execute(
        &self,
        index: u64,
        time: u64,
        envelope: &Envelope,
    ) -> Result<(Vec<Record>, Reply), Rejection> {
        let mut changes = Changes::default();
        let Some(Command::Batch(batch)) = &envelope.command else {
            let reply = self.run(time, envelope, &mut changes)?;
            let place = Place::default();
            let records = records(origin(GroupId::DIRECTORY), index, &place, changes.writes);
            return Ok((records, reply));
        };
        check_batch(envelope, batch)?;
        let mut state = self.clone();
        let mut all = Vec::new();
        for inner in &batch.commands {
            let (records, _reply) = state.execute(index, time, inner)?;
            for record in &records {
                state.absorb(record).map_err(|bad| Rejection::invalid(bad.to_string()))?;
            }
            merge(&mut all, records);
        }
        Ok((all, Reply::Done(true)))
    }

    fn run(
        &self,
        time: u64,
        envelope: &Envelope,
        changes: &mut Changes,
    ) -> Result<Reply, Rejection> {
        match envelope.command.as_ref() {
            Some(Command::CreateCluster(c)) => self.create_cluster(time, c, changes),
            Some(Command::RegisterNode(c)) => self.register_node(c, changes),
            Some(Command::RemoveNode(c)) => self.remove_node(time, c.node, false, changes),
            Some(Command::ChangeMembership(c)) => self.change_membership(time, c, changes),
            Some(Command::RaiseVersion(c)) => {
                let group = GroupId::DIRECTORY;
                changes.writes.extend(raised(envelope, c.version, self.version(), group)?);
                Ok(Reply::Done(true))
            }
            Some(Command::AnnounceNode(c)) => self.announce_node(c, changes),
            Some(Command::RecoverGroups(c)) => self.recover_groups(time, c, changes),
            Some(Command::ChangeVoters(c)) => self.change_voters(c, changes),
            Some(Command::AddSigningKey(c)) => {
                let system =
                    envelope.caller.as_ref().is_some_and(|c| c.kind == caller_kind::SYSTEM);
                self.add_signing_key(time, system, c, changes)
            }
            Some(Command::SetIssuing(c)) => self.set_issuing(c, changes),
            Some(Command::SetClock(c)) => self.set_clock(c, changes),
            Some(Command::VotersChanged(c)) => {
                let placement = self.placements.get(&c.group).filter(|p| p.changes == c.change);
                // A later change has its own end.
                if let Some(placement) = placement {
                    let settled = Placement {
                        leaving: Vec::new(),
                        settled: c.change,
                        ..(**placement).clone()
                    };
                    changes.put(Key::Placement(c.group), &settled);
                }
                Ok(Reply::Done(true))
            }
            Some(Command::ReserveAccount(c)) => self.reserve_account(time, c, changes),
            Some(Command::ReserveAccessKey(c)) => self.reserve_access_key(c, changes),
            Some(Command::CloseAccount(c)) => self.close_account(c.account, changes),
            Some(Command::ForgetAccount(c)) => self.forget_account(c.account, changes),
            Some(Command::ActivateAccount(c)) => {
                let account = self.accounts.get(&c.account);
                let account = account
                    .ok_or_else(|| Rejection::no_such("account", &format!("{:012}", c.account)))?;
                let account =
                    AccountPlacement { active: true, root_key: None, ..(**account).clone() };
                changes.put(Key::AccountPlacement(c.account), &account);
                Ok(Reply::AccountPlacement(account))
            }
            Some(Command::ReserveAlias(c)) => self.reserve_alias(c, changes),
            Some(Command::ReleaseAlias(c)) => {
                let meant = |alias: &str, (account, at): &(u64, u64)| {
                    let named = if c.alias.is_empty() { alias != c.kept } else { alias == c.alias };
                    named && *account == c.account && *at <= c.upto
                };
                for (alias, _) in self.aliases.iter().filter(|(a, owner)| meant(a, owner)) {
                    changes.delete(Key::Alias(alias.to_string()));
                }
                Ok(Reply::Done(true))
            }
            Some(Command::ChangeFeatures(c)) => {
                let features = Features {
                    root_credentials: c.root_credentials.unwrap_or(self.features.root_credentials),
                    root_sessions: c.root_sessions.unwrap_or(self.features.root_sessions),
                };
                changes.put(Key::Features, &features);
                Ok(Reply::Done(true))
            }
            _ => Err(Rejection::invalid("This command does not belong to the directory.")),
        }
    }

    fn create_cluster(
        &self,
        time: u64,
        c: &crate::command::CreateCluster,
        changes: &mut Changes,
    ) -> Result<Reply, Rejection> {
        if self.cluster.is_some() {
            return Err(Rejection::exists("Cluster", "here"));
        }
        let cluster = c
            .cluster
            .as_ref()
            .ok_or_else(|| Rejection::invalid("The cluster is not described."))?;
        changes.put(Key::Cluster, &Cluster { created: time, ..cluster.clone() });
        for node in &c.nodes {
            changes.put(Key::Node(node.id), node);
        }
        for placement in &c.placements {
            changes.put(Key::Placement(placement.group), placement);
        }
        if let Some(operator) = &c.operator {
            reserve(time, operator, changes);
        }
        Ok(Reply::Done(true))
    }

    /// An alias is one account's in the whole cluster.
    fn reserve_alias(
        &self,
        c: &crate::command::ReserveAlias,
        changes: &mut Changes,
    ) -> Result<Reply, Rejection> {
        crate::validate::alias(&c.alias)?;
        if !self.accounts.contains_key(&c.account) {
            return Err(Rejection::no_such("account", &format!("{:012}", c.account)));
        }
        if self.aliases.get(c.alias.as_str()).is_some_and(|(owner, _)| *owner != c.account) {
            let message = format!("The account alias {} already exists.", c.alias);
            return Err(Rejection::new(RejectionKind::EntityAlreadyExists, message));
        }
        changes.put(Key::Alias(c.alias.clone()), &EmailOwner { account: c.account });
        Ok(Reply::Done(true))
    }

    fn change_voters(
        &self,
        c: &crate::command::ChangeVoters,
        changes: &mut Changes,
    ) -> Result<Reply, Rejection> {
        let voters: BTreeSet<u64> = c.voters.iter().copied().collect();
        if voters.len() != c.voters.len() || !VOTERS.contains(&voters.len()) {
            let message = "A group has three, five or seven voters, or one, each named once.";
            return Err(Rejection::invalid(message));
        }
        let mut regions = BTreeSet::new();
        for voter in &voters {
            let node = self.nodes.get(voter);
            let node = node.ok_or_else(|| Rejection::no_such("node", &format!("n{voter}")))?;
            regions.insert(node.region.as_str());
        }
        let all = || self.placements.keys().copied().collect();
        let groups: BTreeSet<u32> =
            if c.groups.is_empty() { all() } else { c.groups.iter().copied().collect() };
        for group in groups {
            let placement = self
                .placements
                .get(&group)
                .ok_or_else(|| Rejection::no_such("group", &format!("g{group}")))?;
            if regions.iter().any(|region| *region != placement.region) {
                let message = format!(
                    "The voters of g{group} must be in its home region, {}.",
                    placement.region
                );
                return Err(Rejection::invalid(message));
            }
            let leaving = placement.speakers().filter(|n| !voters.contains(n)).collect();
            let changed = Placement {
                voters: voters.iter().copied().collect(),
                leaving,
                changes: placement.changes + 1,
                ..(**placement).clone()
            };
            changes.put(Key::Placement(group), &changed);
        }
        Ok(Reply::Done(true))
    }

    fn add_signing_key(
        &self,
        time: u64,
        system: bool,
        c: &crate::membership::AddSigningKey,
        changes: &mut Changes,
    ) -> Result<Reply, Rejection> {
        if !system {
            return Err(Rejection::invalid("Only a node itself names its signing key."));
        }
        if !self.nodes.contains_key(&c.node) {
            return Err(Rejection::no_such("node", &format!("n{}", c.node)));
        }
        if c.public.len() != SIGNING_KEY_BYTES {
            return Err(Rejection::invalid("A signing key has 32 bytes."));
        }
        match self.signing_keys.values().find(|k| k.public == c.public) {
            Some(known) if known.node == c.node => return Ok(Reply::Done(true)),
            Some(_) => return Err(Rejection::exists("SigningKey", "at another node")),
            None => {}
        }
        let last = self.signing_keys_of(c.node).last();
        let number = last.map_or(0, |key| key.number.saturating_add(1));
        if number >= SIGNING_KEYS_OF_NODE_MAX {
            return Err(Rejection::limit("SigningKeysPerNode", SIGNING_KEYS_OF_NODE_MAX as usize));
        }
        let barred = last.is_some_and(|key| key.barred);
        let key =
            SigningKey { node: c.node, number, public: c.public.clone(), registered: time, barred };
        changes.put(Key::SigningKey(c.node, number), &key);
        Ok(Reply::Done(true))
    }

    fn set_issuing(
        &self,
        c: &crate::membership::SetIssuing,
        changes: &mut Changes,
    ) -> Result<Reply, Rejection> {
        let keys = self.signing_keys_of(c.node).collect::<Vec<_>>();
        if keys.is_empty() {
            return Err(Rejection::no_such("signing key of node", &format!("n{}", c.node)));
        }
        for key in keys.into_iter().filter(|k| k.barred == c.allowed) {
            let changed = SigningKey { barred: !c.allowed, ..key.clone() };
            changes.put(Key::SigningKey(c.node, key.number), &changed);
        }
        Ok(Reply::Done(true))
    }

    /// Sets the clock that the cluster goes by. It never goes back.
    fn set_clock(&self, c: &SetClock, changes: &mut Changes) -> Result<Reply, Rejection> {
        let cluster = self.cluster().filter(|c| c.development).ok_or_else(|| {
            Rejection::invalid("The clock of a cluster is set in development mode alone.")
        })?;
        let before = cluster.clock.unwrap_or_default();
        let shows = before.shows(c.real).saturating_add(c.advance);
        let freezes = match c.run {
            clock_run::AS_BEFORE => before.frozen > 0,
            clock_run::FROZEN => true,
            clock_run::RUNS => false,
            other => {
                let message = format!("A clock runs or stands still, and can't do {other}.");
                return Err(Rejection::invalid(message));
            }
        };
        if shows.abs_diff(c.real) > CLOCK_OFF_MILLIS_MAX || shows == 0 {
            let message = "A clock is set at most ten years from the nodes' own.";
            return Err(Rejection::invalid(message));
        }
        let clock = if freezes {
            VirtualClock { ahead: 0, frozen: shows }
        } else {
            // Both are below ten years more than any date.
            let off = i64::try_from(shows.abs_diff(c.real)).unwrap_or(i64::MAX);
            VirtualClock { ahead: if shows < c.real { -off } else { off }, frozen: 0 }
        };
        changes.put(Key::Cluster, &Cluster { clock: Some(clock), ..cluster.clone() });
        Ok(Reply::Done(true))
    }

    fn reserve_account(
        &self,
        time: u64,
        c: &crate::command::ReserveAccount,
        changes: &mut Changes,
    ) -> Result<Reply, Rejection> {
        let wanted = c
            .placement
            .as_ref()
            .ok_or_else(|| Rejection::invalid("The account is not described."))?;
        let well_formed = wanted.email.len() <= 254
            && wanted.email.split_once('@').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
        if !well_formed || wanted.email.contains('\0') {
            return Err(Rejection::invalid("The root user needs an e-mail address."));
        }
        let named = !wanted.name.is_empty() && wanted.name.chars().count() <= 50;
        if !named {
            return Err(Rejection::invalid("The account needs a name of 1 to 50 characters."));
        }
        let id =
            AccountId::from_u64(wanted.account).map_err(|e| Rejection::invalid(e.to_string()))?;
        if self.accounts.contains_key(&wanted.account) {
            return Err(Rejection::exists("Account", &id.to_string()));
        }
        if self.is_said_by_a_key(wanted.account) {
            let message =
                format!("The account id {id} is what an access key id of another account says.");
            return Err(Rejection::new(RejectionKind::EntityAlreadyExists, message));
        }
        if !PARTITIONS.contains(&wanted.partition.as_str()) {
            let message =
                format!("`{}` is no partition: aws, aws-cn or aws-us-gov.", wanted.partition);
            return Err(Rejection::invalid(message));
        }
        if self.emails.contains_key(wanted.email.to_ascii_lowercase().as_str()) {
            let message =
                format!("The e-mail address {} belongs to another account.", wanted.email);
            return Err(Rejection::new(RejectionKind::EntityAlreadyExists, message));
        }
        let group = self
            .group_for(wanted.account)
            .ok_or_else(|| Rejection::invalid("The cluster has no group of accounts."))?;
        let placement = AccountPlacement { group: group.0, active: false, ..wanted.clone() };
        reserve(time, &placement, changes);
        Ok(Reply::AccountPlacement(AccountPlacement { created: time, ..placement }))
    }
}

fn reserve(time: u64, placement: &AccountPlacement, changes: &mut Changes) {
    let placement = AccountPlacement { created: time, ..placement.clone() };
    changes.put(
        Key::Email(placement.email.to_ascii_lowercase()),
        &EmailOwner { account: placement.account },
    );
    changes.put(Key::AccountPlacement(placement.account), &placement);
}

#[cfg(test)]
mod tests;
