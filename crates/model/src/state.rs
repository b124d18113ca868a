//! The state of one group as a persistent value: cloning it costs nothing, and a clone never changes.

mod equal;
mod partition;
mod place;

use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use parking_lot::Mutex;
use prost::Message;
use tidegate_policy::{AccountId, Arn, CompiledPolicy, PolicyKind, PolicySource, aws_managed};
use tidegate_replica::{GroupId, Record};

use crate::{
    EntityKind, Key, ResourceKind,
    caller::Resolved,
    federation::Outbound,
    record::{
        AccessKey, Account, ApplyVersion, Edge, Group, InlinePolicy, Policy, PolicyVersion, Role,
        User,
    },
    region::{Lift, Quarantine, VoidSessions},
    requests::Requests,
    resource::Resource,
    validate::compiled,
};

pub use place::Place;

/// A record that can't be used. It is set aside; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record can't be used: {0}")]
pub struct BadRecord(pub(crate) String);

/// An entity and the log index at which it last changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity<T> {
    /// The entity.
    pub value: T,
    /// Its etag.
    pub revision: u64,
}

/// A managed policy with its versions, ready to decide.
#[derive(Clone, Debug)]
pub struct PolicyState {
    /// Its facts.
    pub meta: Policy,
    /// Log index at which it last changed.
    pub revision: u64,
    /// Its versions by number.
    pub versions: OrdMap<u32, Arc<PolicyVersion>>,
    /// The default version compiled; `None` while its record has not come yet.
    pub compiled: Option<Arc<CompiledPolicy>>,
}

/// An inline policy, ready to decide.
#[derive(Clone, Debug)]
pub(crate) struct Inline {
    pub(crate) value: InlinePolicy,
    pub(crate) compiled: Option<Arc<CompiledPolicy>>,
}

/// A role with its trust policy, ready to decide.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    pub(crate) compiled: Option<Arc<CompiledPolicy>>,
}

type Edges = OrdSet<(EntityKind, Arc<str>, Arc<str>)>;

/// What was resolved of one state of an account: dropped with the state.
type Memo = Arc<Mutex<std::collections::BTreeMap<String, Arc<Resolved>>>>;

/// One account.
#[derive(Clone, Debug)]
pub struct AccountState {
    id: AccountId,
    pub(crate) account: Option<Account>,
    pub(crate) users: OrdMap<Arc<str>, Arc<Entity<User>>>,
    pub(crate) user_ids: OrdMap<Arc<str>, Arc<str>>,
    pub(crate) groups: OrdMap<Arc<str>, Arc<Entity<Group>>>,
    pub(crate) roles: OrdMap<Arc<str>, Arc<Entity<Role>>>,
    pub(crate) role_ids: OrdMap<Arc<str>, Arc<str>>,
    pub(crate) trusts: OrdMap<Arc<str>, Trust>,
    pub(crate) policies: OrdMap<Arc<str>, Arc<PolicyState>>,
    pub(crate) inline: OrdMap<(EntityKind, Arc<str>, Arc<str>), Arc<Inline>>,
    pub(crate) attachments: Edges,
    /// (user, group).
    pub(crate) memberships: OrdSet<(Arc<str>, Arc<str>)>,
    pub(crate) access_keys: OrdMap<Arc<str>, Arc<AccessKey>>,
    pub(crate) resources: OrdMap<(ResourceKind, Arc<str>), Arc<Entity<Resource>>>,
    /// What nodes wrote and the account's group has imported, by id.
    pub(crate) imported: OrdMap<Arc<str>, Arc<Quarantine>>,
    pub(crate) lifted: OrdMap<Arc<str>, Arc<Lift>>,
    pub(crate) void: OrdMap<Arc<str>, Arc<VoidSessions>>,
    pub(crate) place: Place,
    pub(crate) outbound: Option<Arc<Outbound>>,
    pub(crate) memo: Memo,
}

fn read<M: Message + Default>(value: &Bytes) -> Result<M, BadRecord> {
    M::decode(value.clone()).map_err(|e| BadRecord(e.to_string()))
}

/// The name in a managed policy's ARN, in lower case.
pub(crate) fn policy_name(arn: &str) -> Option<String> {
    let arn = Arn::parse(arn).ok()?;
    let name = arn.resource().strip_prefix("policy/")?.rsplit('/').next()?.to_ascii_lowercase();
    (arn.service() == "iam").then_some(name)
}

impl AccountState {
    pub(crate) fn new(id: AccountId) -> Self {
        Self {
            id,
            account: None,
            users: OrdMap::new(),
            user_ids: OrdMap::new(),
            groups: OrdMap::new(),
            roles: OrdMap::new(),
            role_ids: OrdMap::new(),
            trusts: OrdMap::new(),
            policies: OrdMap::new(),
            inline: OrdMap::new(),
            attachments: OrdSet::new(),
            memberships: OrdSet::new(),
            access_keys: OrdMap::new(),
            resources: OrdMap::new(),
            imported: OrdMap::new(),
            lifted: OrdMap::new(),
            void: OrdMap::new(),
            place: Place::default(),
            outbound: None,
            memo: Memo::default(),
        }
    }

    /// Its number.
    pub fn id(&self) -> AccountId {
        self.id
    }

    /// Its facts; `None` while it is being made or after it was deleted.
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// A user by name, without regard to case.
    pub fn user(&self, name: &str) -> Option<&Arc<Entity<User>>> {
        self.users.get(name.to_ascii_lowercase().as_str())
    }

    /// A group by name.
    pub fn group(&self, name: &str) -> Option<&Arc<Entity<Group>>> {
        self.groups.get(name.to_ascii_lowercase().as_str())
    }

    /// A role by name.
    pub fn role(&self, name: &str) -> Option<&Arc<Entity<Role>>> {
        self.roles.get(name.to_ascii_lowercase().as_str())
    }

    /// A customer managed policy by ARN.
    pub fn policy(&self, arn: &str) -> Option<&Arc<PolicyState>> {
        let policy = self.policies.get(policy_name(arn)?.as_str())?;
        (self.policy_arn(&policy.meta) == arn).then_some(policy)
    }

    /// All users, ordered by name, those behind `after` (a name in lower case).
    pub fn users_after<'a>(
        &'a self,
        after: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Entity<User>>> {
        self.users.iter().skip_while(move |(n, _)| &***n <= after).map(|(_, u)| u)
    }

    /// All users, ordered by name.
    pub fn users(&self) -> impl Iterator<Item = &Arc<Entity<User>>> {
        self.users.values()
    }

    /// All groups, ordered by name.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<Entity<Group>>> {
        self.groups.values()
    }

    /// All roles, ordered by name.
    pub fn roles(&self) -> impl Iterator<Item = &Arc<Entity<Role>>> {
        self.roles.values()
    }

    /// All customer managed policies, ordered by name.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<PolicyState>> {
        self.policies.values()
    }

    /// Access keys of a user; empty name: of the root user.
    pub fn access_keys<'a>(&'a self, user: &str) -> impl Iterator<Item = &'a Arc<AccessKey>> {
        let user = user.to_ascii_lowercase();
        self.access_keys.values().filter(move |k| k.user == user)
    }

    /// An access key by id.
    pub fn access_key(&self, id: &str) -> Option<&Arc<AccessKey>> {
        self.access_keys.get(id)
    }

    /// An instance profile, identity provider or the like by name, without regard to case.
    pub fn resource(&self, kind: ResourceKind, name: &str) -> Option<&Arc<Entity<Resource>>> {
        self.resources.get(&(kind, Arc::from(name.to_ascii_lowercase())))
    }

    /// All resources of a kind, ordered by name.
    pub fn resources(&self, kind: ResourceKind) -> impl Iterator<Item = &Arc<Entity<Resource>>> {
        let from = (kind, Arc::from(""));
        self.resources.range(from..).take_while(move |((k, _), _)| *k == kind).map(|(_, r)| r)
    }

    /// ARNs of the managed policies attached to an entity, ordered.
    pub fn attached<'a>(
        &'a self,
        kind: EntityKind,
        name: &str,
    ) -> impl Iterator<Item = &'a Arc<str>> {
        let name: Arc<str> = name.to_ascii_lowercase().into();
        let from = (kind, Arc::clone(&name), Arc::from(""));
        self.attachments
            .range(from..)
            .take_while(move |(k, n, _)| *k == kind && *n == name)
            .map(|(_, _, arn)| arn)
    }

    /// Who a managed policy is attached to.
    pub fn entities_for<'a>(
        &'a self,
        arn: &'a str,
    ) -> impl Iterator<Item = (EntityKind, &'a Arc<str>)> {
        self.attachments.iter().filter(move |(_, _, a)| **a == *arn).map(|(k, n, _)| (*k, n))
    }

    /// Inline policies of an entity, ordered by name.
    pub fn inline<'a>(
        &'a self,
        kind: EntityKind,
        name: &str,
    ) -> impl Iterator<Item = &'a InlinePolicy> {
        self.inline_states(kind, name).map(|i| &i.value)
    }

    pub(crate) fn inline_states<'a>(
        &'a self,
        kind: EntityKind,
        name: &str,
    ) -> impl Iterator<Item = &'a Arc<Inline>> {
        let name: Arc<str> = name.to_ascii_lowercase().into();
        let from = (kind, Arc::clone(&name), Arc::from(""));
        self.inline
            .range(from..)
            .take_while(move |((k, n, _), _)| *k == kind && *n == name)
            .map(|(_, i)| i)
    }

    /// Names, in lower case, of the groups that a user is in.
    pub fn groups_of<'a>(&'a self, user: &str) -> impl Iterator<Item = &'a Arc<str>> {
        let user: Arc<str> = user.to_ascii_lowercase().into();
        let from = (Arc::clone(&user), Arc::from(""));
        self.memberships.range(from..).take_while(move |(u, _)| *u == user).map(|(_, g)| g)
    }

    /// Names, in lower case, of the users in a group.
    pub fn members_of<'a>(&'a self, group: &str) -> impl Iterator<Item = &'a Arc<str>> {
        let group = group.to_ascii_lowercase();
        self.memberships.iter().filter(move |(_, g)| **g == *group).map(|(u, _)| u)
    }

    /// `arn:aws:iam::…:user/path/name` and the like.
    pub fn arn(&self, kind: EntityKind, path: &str, name: &str) -> String {
        format!("arn:{}:iam::{}:{}{path}{name}", self.partition(), self.id, kind.word())
    }

    /// The ARN of a managed policy.
    pub fn policy_arn(&self, policy: &Policy) -> String {
        format!("arn:{}:iam::{}:policy{}{}", self.partition(), self.id, policy.path, policy.name)
    }

    /// The compiled form of a managed policy, AWS's or the account's own.
    pub(crate) fn managed(&self, arn: &str) -> Option<Arc<CompiledPolicy>> {
        if let Some(name) = self.aws_managed(arn) {
            aws_managed::compiled(&name)
        } else {
            self.policy(arn)?.compiled.clone()
        }
    }

    /// The compiled trust policy of a role.
    pub fn trust(&self, role: &str) -> Option<Arc<CompiledPolicy>> {
        self.trusts.get(role.to_ascii_lowercase().as_str())?.compiled.clone()
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of key")]
    fn absorb(&mut self, key: &Key, value: Option<&Bytes>, revision: u64) -> Result<(), BadRecord> {
        let arc = |s: &String| -> Arc<str> { s.as_str().into() };
        match key {
            Key::Account(_) => self.account = value.map(read).transpose()?,
            Key::User(_, n) => {
                let user: Option<User> = value.map(read).transpose()?;
                let old = self.users.remove(n.as_str());
                if let Some(old) = old {
                    self.user_ids.remove(old.value.id.as_str());
                }
                if let Some(user) = user {
                    self.user_ids.insert(arc(&user.id), arc(n));
                    self.users.insert(arc(n), Arc::new(Entity { value: user, revision }));
                }
            }
            Key::Group(_, n) => {
                let group: Option<Group> = value.map(read).transpose()?;
                match group {
                    Some(value) => {
                        drop(self.groups.insert(arc(n), Arc::new(Entity { value, revision })));
                    }
                    None => drop(self.groups.remove(n.as_str())),
                }
            }
            Key::Role(_, n) => self.absorb_role(n, value, revision)?,
            Key::Policy(_, n) => self.absorb_policy(n, value, revision)?,
            Key::PolicyVersion(_, n, number) => self.absorb_version(n, *number, value)?,
            Key::Inline(_, kind, entity, n) => {
                let at = (*kind, arc(entity), arc(n));
                match value.map(read::<InlinePolicy>).transpose()? {
                    Some(value) => {
                        let source = inline_source(*kind, &arc(entity), &value.name);
                        let compiled = compiled(&value.document, PolicyKind::Identity, source);
                        self.inline.insert(at, Arc::new(Inline { value, compiled }));
                    }
                    None => drop(self.inline.remove(&at)),
                }
            }
            Key::Attachment(_, kind, entity, policy) => {
                let at = (*kind, arc(entity), arc(policy));
                match value.map(read::<Edge>).transpose()? {
                    Some(_) => drop(self.attachments.insert(at)),
                    None => drop(self.attachments.remove(&at)),
                }
            }
            Key::Member(_, group, user) => {
                let at = (arc(user), arc(group));
                match value.map(read::<Edge>).transpose()? {
                    Some(_) => drop(self.memberships.insert(at)),
                    None => drop(self.memberships.remove(&at)),
                }
            }
            Key::AccessKey(_, id) => match value.map(read::<AccessKey>).transpose()? {
                Some(value) => drop(self.access_keys.insert(arc(id), Arc::new(value))),
                None => drop(self.access_keys.remove(id.as_str())),
            },
            Key::Resource(_, kind, n) => match value.map(read::<Resource>).transpose()? {
                Some(value) => {
                    let entity = Arc::new(Entity { value, revision });
                    drop(self.resources.insert((*kind, arc(n)), entity));
                }
                None => drop(self.resources.remove(&(*kind, arc(n)))),
            },
            Key::Imported(_, id) => absorb_one(&mut self.imported, arc(id), value)?,
            Key::Lift(_, id) => absorb_one(&mut self.lifted, arc(id), value)?,
            Key::Void(_, role) => absorb_one(&mut self.void, arc(role), value)?,
            Key::Home(..) => self.place.home = value.map(read).transpose()?.map(Arc::new),
            Key::Fence(..) => self.place.fence = value.map(read).transpose()?.map(Arc::new),
            Key::Outbound(_) => self.outbound = value.map(read).transpose()?.map(Arc::new),
            _ => return Err(BadRecord("a key of the directory in an account".to_owned())),
        }
        self.memo = Memo::default();
        Ok(())
    }

    fn absorb_role(
        &mut self,
        n: &str,
        value: Option<&Bytes>,
        revision: u64,
    ) -> Result<(), BadRecord> {
        let role: Option<Role> = value.map(read).transpose()?;
        if let Some(old) = self.roles.remove(n) {
            self.role_ids.remove(old.value.id.as_str());
            self.trusts.remove(n);
        }
        if let Some(value) = role {
            let name: Arc<str> = n.into();
            let source = PolicySource::Trust(value.name.as_str().into());
            let compiled = compiled(&value.trust_policy, PolicyKind::Trust, source);
            self.role_ids.insert(value.id.as_str().into(), Arc::clone(&name));
            self.trusts.insert(Arc::clone(&name), Trust { compiled });
            self.roles.insert(name, Arc::new(Entity { value, revision }));
        }
        Ok(())
    }

    fn absorb_policy(
        &mut self,
        n: &str,
        value: Option<&Bytes>,
        revision: u64,
    ) -> Result<(), BadRecord> {
        let Some(meta) = value.map(read::<Policy>).transpose()? else {
            self.policies.remove(n);
            return Ok(());
        };
        let versions = self.policies.get(n).map(|p| p.versions.clone()).unwrap_or_default();
        let mut policy = PolicyState { meta, revision, versions, compiled: None };
        self.compile_default(&mut policy);
        self.policies.insert(n.into(), Arc::new(policy));
        Ok(())
    }

    /// Versions may come before the policy itself: frames are ordered by log index, records within one are not.
    fn absorb_version(
        &mut self,
        n: &str,
        number: u32,
        value: Option<&Bytes>,
    ) -> Result<(), BadRecord> {
        let version: Option<PolicyVersion> = value.map(read).transpose()?;
        let mut policy = match self.policies.get(n) {
            Some(policy) => PolicyState::clone(policy),
            None if version.is_none() => return Ok(()),
            None => PolicyState {
                meta: Policy::default(),
                revision: 0,
                versions: OrdMap::new(),
                compiled: None,
            },
        };
        match version {
            Some(version) => drop(policy.versions.insert(number, Arc::new(version))),
            None => drop(policy.versions.remove(&number)),
        }
        self.compile_default(&mut policy);
        if policy.versions.is_empty() && policy.meta.name.is_empty() {
            self.policies.remove(n);
        } else {
            self.policies.insert(n.into(), Arc::new(policy));
        }
        Ok(())
    }

    fn compile_default(&self, policy: &mut PolicyState) {
        let arn = Arn::parse(&self.policy_arn(&policy.meta)).ok();
        let version = policy.versions.get(&policy.meta.default_version);
        policy.compiled = arn.zip(version).and_then(|(arn, v)| {
            compiled(&v.document, PolicyKind::Identity, PolicySource::Managed(arn))
        });
    }
}

/// What stands under a name, or no longer does.
fn absorb_one<M: Message + Default>(
    map: &mut OrdMap<Arc<str>, Arc<M>>,
    name: Arc<str>,
    value: Option<&Bytes>,
) -> Result<(), BadRecord> {
    match value.map(read).transpose()? {
        Some(value) => drop(map.insert(name, Arc::new(value))),
        None => drop(map.remove(&name)),
    }
    Ok(())
}

fn inline_source(kind: EntityKind, entity: &Arc<str>, name: &str) -> PolicySource {
    let (entity, name): (Arc<str>, Arc<str>) = (Arc::clone(entity), name.into());
    match kind {
        EntityKind::User => PolicySource::UserInline { user: entity, name },
        EntityKind::Group => PolicySource::GroupInline { group: entity, name },
        EntityKind::Role => PolicySource::RoleInline { role: entity, name },
    }
}

/// A row that a group keeps for itself: stored and in snapshots, not in gossip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalRow {
    /// Its key.
    pub key: Bytes,
    /// Its value; `None`: remove it.
    pub value: Option<Bytes>,
}

/// What applying a command gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// What changed, for everybody.
    pub records: Vec<Record>,
    /// What changed, for the group alone.
    pub local: Vec<LocalRow>,
    /// What to tell the caller.
    pub outcome: crate::Outcome,
}

/// All accounts of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupState {
    pub(crate) group: GroupId,
    pub(crate) accounts: OrdMap<u64, Arc<AccountState>>,
    pub(crate) requests: Requests,
    pub(crate) version: Option<u32>,
}

impl GroupState {
    /// An empty group.
    pub fn new(group: GroupId) -> Self {
        Self { group, accounts: OrdMap::new(), requests: Requests::default(), version: None }
    }

    /// The version that the group is applied by.
    pub fn version(&self) -> u32 {
        self.version.unwrap_or(1)
    }

    /// An account of this group.
    pub fn account(&self, id: AccountId) -> Option<&Arc<AccountState>> {
        self.accounts.get(&id.as_u64()).filter(|a| a.account.is_some() && a.place.is_installed())
    }

    /// All accounts, ordered by number.
    pub fn accounts(&self) -> impl Iterator<Item = &Arc<AccountState>> {
        self.accounts.values()
    }

    /// Takes a record in: the only way in which this state changes.
    pub fn absorb(&mut self, record: &Record) -> Result<(), BadRecord> {
        let (epoch, key) =
            Key::decode_at(&record.key).ok_or_else(|| BadRecord("an unknown key".to_owned()))?;
        if key == Key::ApplyVersion(self.group.0) {
            let version = record.value.as_ref().map(read::<ApplyVersion>).transpose()?;
            self.version = version.map(|v| v.version);
            return Ok(());
        }
        let number = match &key {
            Key::Account(a)
            | Key::User(a, _)
            | Key::Group(a, _)
            | Key::Role(a, _)
            | Key::Policy(a, _)
            | Key::PolicyVersion(a, ..)
            | Key::Inline(a, ..)
            | Key::Attachment(a, ..)
            | Key::Member(a, ..)
            | Key::AccessKey(a, _)
            | Key::Resource(a, ..)
            | Key::Imported(a, _)
            | Key::Lift(a, _)
            | Key::Void(a, _)
            | Key::Home(a, _)
            | Key::Fence(a, _)
            | Key::Outbound(a) => *a,
            _ => return Err(BadRecord("a key of the directory in a group of accounts".to_owned())),
        };
        let id = AccountId::from_u64(number).map_err(|e| BadRecord(e.to_string()))?;
        let mut account = match self.accounts.get(&number) {
            // What is left of an earlier stay.
            Some(account) if account.place.epoch > epoch => return Ok(()),
            Some(account) if account.place.epoch == epoch => AccountState::clone(account),
            _ => {
                AccountState { place: Place { epoch, ..Place::default() }, ..AccountState::new(id) }
            }
        };
        account.absorb(&key, record.value.as_ref(), record.stamp.revision)?;
        if record.value.is_none() && account.is_empty() && account.place.fence.is_none() {
            self.accounts.remove(&number);
        } else {
            self.accounts.insert(number, Arc::new(account));
        }
        Ok(())
    }

    /// Takes in a row that [`Applied::local`] gave before.
    pub fn absorb_local(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), BadRecord> {
        self.requests.absorb(key, value)
    }

    /// The rows that the group keeps for itself.
    pub fn local_rows(&self) -> impl Iterator<Item = LocalRow> + '_ {
        self.requests.rows()
    }
}
