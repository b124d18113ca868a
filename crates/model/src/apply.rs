//! Applying commands: authorize again, check, turn into records, absorb them.

mod batch;
mod credentials;
mod entities;
mod erase;
mod federation;
mod held;
mod mfa;
mod policies;
mod region;
mod relocation;
mod resources;
mod service_linked;
mod session;
mod tags;

pub(crate) use batch::{check_batch, merge};
use bytes::Bytes;
use prost::Message;
use tidegate_policy::{AccountId, Action, Request};
use tidegate_replica::{Dot, GroupId, Origin, Record, Stamp};

use crate::{
    AccountState, Captured, Command, ENTITY_BYTES_MAX, Envelope, GroupState, Key, Outcome, Place,
    REQUEST_ID_BYTES_MAX, Reply,
    command::{ReplyBox, caller_kind},
    permissions::permissions,
    record,
    rejection::{Rejection, RejectionKind},
    resource::{Body, Change},
    state::{AccountState as Account, Applied},
    version::{CREATED_BY, SEALING_KEYS},
};

/// What a command becomes: writes and deletions of keys, and the answer.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) writes: Vec<(Key, Option<Bytes>)>,
}

impl Changes {
    pub(crate) fn put(&mut self, key: Key, value: &impl Message) {
        self.writes.push((key, Some(value.encode_to_vec().into())));
    }

    pub(crate) fn delete(&mut self, key: Key) {
        self.writes.push((key, None));
    }
}

/// What a command sees: the account at its own log index, and the entry's time.
pub(crate) struct Step<'a> {
    pub(crate) account: &'a Account,
    pub(crate) number: u64,
    pub(crate) time: u64,
    /// Who is written down as the maker of what is made.
    pub(crate) author: String,
    pub(crate) changes: Changes,
}

pub(crate) type Answer = Result<Reply, Rejection>;

/// The records of an entry. `place`: of the account that they belong to.
pub(crate) fn records(
    origin: Origin,
    index: u64,
    place: &Place,
    writes: Vec<(Key, Option<Bytes>)>,
) -> Vec<Record> {
    let stamp = Stamp { epoch: place.epoch, revision: place.base() + index };
    let dot = Dot { origin, sequence: index };
    let record =
        |(key, value): (Key, _)| Record { key: key.encode_at(place.epoch), value, stamp, dot };
    writes.into_iter().map(record).collect()
}

/// Refuses what no row of a store could hold. Checked before anything is absorbed: a committed entry that can't be stored would stop its
/// group at every voter, for good.
pub(crate) fn check_sizes(records: &[Record], outcome: &Outcome) -> Result<(), Rejection> {
    let largest = records.iter().filter_map(|r| r.value.as_ref()).map(Bytes::len).max();
    if largest.unwrap_or(0).max(outcome.encoded_len()) > ENTITY_BYTES_MAX {
        return Err(Rejection::limit("EntityBytes", ENTITY_BYTES_MAX));
    }
    Ok(())
}

/// Refuses a request id that is too long to be remembered.
pub(crate) fn check_request_id(envelope: &Envelope) -> Result<(), Rejection> {
    if envelope.request_id.len() > REQUEST_ID_BYTES_MAX {
        return Err(Rejection::invalid(format!(
            "The request id is longer than {REQUEST_ID_BYTES_MAX} bytes."
        )));
    }
    Ok(())
}

pub(crate) fn origin(group: GroupId) -> Origin {
    Origin::Group { group, generation: 0 }
}

/// What raising a group's version writes; nothing where the command comes again.
pub(crate) fn raised(
    envelope: &Envelope,
    to: u32,
    from: u32,
    group: GroupId,
) -> Result<Vec<(Key, Option<Bytes>)>, Rejection> {
    let system = envelope.caller.as_ref().is_some_and(|c| c.kind == caller_kind::SYSTEM);
    if !system {
        let message = "Only the cluster itself may do this.";
        return Err(Rejection::new(RejectionKind::AccessDenied, message));
    }
    if to > from.saturating_add(1) {
        let message = format!("{group} is at apply version {from}, which {to} does not follow.");
        return Err(Rejection::invalid(message));
    }
    let mut changes = Changes::default();
    if to > from {
        changes.put(Key::ApplyVersion(group.0), &record::ApplyVersion { version: to });
    }
    Ok(changes.writes)
}

/// Refuses when the caller read another revision than there is. An empty etag asks for nothing.
pub(crate) fn check_etag(etag: &str, revision: u64) -> Result<(), Rejection> {
    if etag.is_empty() || etag == revision.to_string() {
        return Ok(());
    }
    let message =
        format!("The entity has changed: its etag is `{revision}`, the request has `{etag}`.");
    Err(Rejection::new(RejectionKind::ConcurrentModification, message))
}

fn account_missing(number: u64) -> Rejection {
    Rejection::new(
        RejectionKind::AccountNotFound,
        format!("The account {number:012} is not in this group."),
    )
}

/// Whether the caller may do this, at this log index.
fn check_caller(
    account: &AccountState,
    envelope: &Envelope,
    command: &Command,
    time: u64,
) -> Result<(), Rejection> {
    let Some(caller) = &envelope.caller else {
        return Err(Rejection::new(RejectionKind::AccessDenied, "The request names no caller."));
    };
    if caller.kind == caller_kind::SYSTEM {
        return Ok(());
    }
    // Another account's operator: no group knows both, so the leader that proposed this has authorized it.
    if caller.account != envelope.account
        && !matches!(command, Command::LiftQuarantine(c) if c.by_operator)
    {
        let message = format!(
            "The caller's account {:012} is not the account {:012}.",
            caller.account, envelope.account
        );
        return Err(Rejection::new(RejectionKind::AccessDenied, message));
    }
    if caller.account != envelope.account {
        return Ok(());
    }
    let resolved = account.resolve(caller, time)?;
    region::check_standing(account, caller, &resolved, time)?;
    if let Command::LiftQuarantine(lift) = command {
        region::check_lift(lift, caller, &resolved)?;
    }
    let context = Captured::context(&envelope.context);
    session::check_command(caller, command)?;
    session::check_root_alone(command, &resolved)?;
    match command {
        Command::UseMfaCode(c) => return mfa::check_own(account, c, caller, &resolved),
        Command::ChangePassword(c) => mfa::check_own_password(c, &resolved)?,
        _ => {}
    }
    let needed = permissions(command, account);
    if needed.is_empty() {
        return Err(Rejection::new(
            RejectionKind::AccessDenied,
            "Only the cluster itself may do this.",
        ));
    }
    for (action, resource) in needed {
        let action = Action::parse(&action).map_err(|e| Rejection::invalid(e.to_string()))?;
        let context = account.with_tags_of(&resource, &context);
        let request = Request::new(&resolved.principal, &action, &resource, &context);
        let decision = resolved.authorize(&request);
        if let Some(sentence) = decision.denied_sentence(&request) {
            return Err(Rejection::new(RejectionKind::AccessDenied, sentence));
        }
    }
    Ok(())
}

impl GroupState {
    /// Applies a command at a log index with the entry's time. Refused commands change nothing but what is remembered of them.
    pub fn apply(&mut self, index: u64, time: u64, envelope: &Envelope) -> Applied {
        if let Some(Command::Relocate(relocate)) = &envelope.command {
            return self.relocate(index, envelope, relocate);
        }
        // Before what is remembered is recalled: the account's group of now remembers it, too.
        if let Some(rejection) = self.elsewhere(envelope.account) {
            let outcome = Outcome::new(Err(rejection));
            return Applied { records: Vec::new(), local: Vec::new(), outcome };
        }
        if let Some(outcome) = self.requests.recall(envelope) {
            return Applied { records: Vec::new(), local: Vec::new(), outcome };
        }
        let before = self.clone();
        let done = self.execute(index, time, envelope).and_then(|(records, reply)| {
            let revision = records.first().map_or(index, |r| r.stamp.revision);
            let outcome = Outcome::new(Ok(ReplyBox { reply: Some(reply), revision }));
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
        // A refusal is not remembered: what was missing may be there when the caller tries again.
        let local = if records.is_empty() {
            Vec::new()
        } else {
            self.requests.remember(envelope, time, &outcome)
        };
        Applied { records, local, outcome }
    }

    fn execute(
        &self,
        index: u64,
        time: u64,
        envelope: &Envelope,
    ) -> Result<(Vec<Record>, Reply), Rejection> {
        check_request_id(envelope)?;
        let command = envelope
            .command
            .as_ref()
            .ok_or_else(|| Rejection::invalid("The request holds no command."))?;
        if let Command::RaiseVersion(raise) = command {
            let writes = raised(envelope, raise.version, self.version(), self.group)?;
            let place = Place::default();
            return Ok((records(origin(self.group), index, &place, writes), Reply::Done(true)));
        }
        if let Command::Batch(batch) = command {
            return self.run_batch(index, time, envelope, batch);
        }
        if matches!(command, Command::Reseal(_)) && self.version() < SEALING_KEYS {
            return Err(Rejection::invalid(
                "Not every voter knows yet how secrets are sealed anew.",
            ));
        }
        let number = envelope.account;
        let id = AccountId::from_u64(number).map_err(|e| Rejection::invalid(e.to_string()))?;
        if let Command::InitAccount(c) = command {
            let system = envelope.caller.as_ref().is_some_and(|c| c.kind == caller_kind::SYSTEM);
            if !system {
                return Err(Rejection::new(
                    RejectionKind::AccessDenied,
                    "Only the cluster itself may do this.",
                ));
            }
            return Ok(self.init_account(index, time, number, c));
        }
        // What is erased is no account any more, and not yet gone.
        let erased = matches!(command, Command::EraseAccount(_));
        let found = if erased { self.accounts.get(&number) } else { self.account(id) };
        let account = found.ok_or_else(|| account_missing(number))?;
        check_caller(account, envelope, command, time)?;
        let mut step = Step {
            account,
            number,
            time,
            author: self.author(envelope),
            changes: Changes::default(),
        };
        let access_key = envelope.caller.as_ref().map_or("", |c| &c.access_key);
        let reply = step.run(command, access_key)?;
        let place = step.account.place();
        Ok((records(origin(self.group), index, place, step.changes.writes), reply))
    }

    /// Who asks, where this group's version writes that down.
    fn author(&self, envelope: &Envelope) -> String {
        let caller = envelope.caller.as_ref().filter(|_| self.version() >= CREATED_BY);
        match caller {
            None => String::new(),
            Some(caller) if caller.id.is_empty() => format!("{:012}", caller.account),
            Some(caller) if caller.session.is_empty() => caller.id.clone(),
            Some(caller) => format!("{}:{}", caller.id, caller.session),
        }
    }

    fn init_account(
        &self,
        index: u64,
        time: u64,
        number: u64,
        c: &crate::command::InitAccount,
    ) -> (Vec<Record>, Reply) {
        let known = self.accounts.get(&number).and_then(|a| a.account.clone());
        if let Some(known) = known {
            // The saga's second step, come again.
            return (Vec::new(), Reply::Account(known));
        }
        let account = record::Account {
            id: number,
            name: c.name.clone(),
            email: c.email.clone(),
            created: time,
            partition: c.partition.clone(),
            aliases_upto: 0,
        };
        let mut changes = Changes::default();
        changes.put(Key::Account(number), &account);
        if let Some(key) = &c.root_key {
            let key = record::AccessKey {
                user: String::new(),
                active: true,
                created: time,
                ..key.clone()
            };
            changes.put(Key::AccessKey(number, key.id.clone()), &key);
        }
        let place = Place::default();
        (records(origin(self.group), index, &place, changes.writes), Reply::Account(account))
    }
}

impl Step<'_> {
    fn run(&mut self, command: &Command, access_key: &str) -> Answer {
        match command {
            Command::CreateUser(c) => self.create_user(c),
            Command::UpdateUser(c) => self.update_user(c),
            Command::Delete(c) => self.delete(c),
            Command::CreateGroup(c) => self.create_group(c),
            Command::Membership(c) => self.membership(c),
            Command::CreateRole(c) => self.create_role(c),
            Command::UpdateRole(c) => self.update_role(c),
            Command::PutBoundary(c) => self.put_boundary(c),
            Command::CreatePolicy(c) => self.create_policy(c),
            Command::CreatePolicyVersion(c) => self.create_policy_version(c),
            Command::PolicyVersion(c) => self.policy_version(c),
            Command::Attach(c) => self.attach(c),
            Command::PutInline(c) => self.put_inline(c),
            Command::CreateAccessKey(c) => self.create_access_key(c),
            Command::UpdateAccessKey(c) => self.update_access_key(c),
            Command::ChangeResource(c) => self.change_resource(c),
            Command::ChangeTags(c) => self.change_tags(c),
            Command::UpdateGroup(c) => self.update_group(c),
            Command::CreateServiceLinkedRole(c) => self.create_service_linked_role(c),
            Command::DeleteServiceLinkedRole(c) => self.delete_service_linked_role(c),
            Command::ChangeOutbound(c) => self.change_outbound(c),
            Command::EnableMfaDevice(c) => self.enable_mfa_device(c),
            Command::ResyncMfaDevice(c) => self.resync_mfa_device(c),
            Command::DeactivateMfaDevice(c) => self.deactivate_mfa_device(c),
            Command::UseMfaCode(c) => self.use_mfa_code(c),
            Command::ChangePassword(c) => self.change_password(c),
            Command::ImportRegion(c) => Ok(self.import_region(c)),
            Command::LiftQuarantine(c) => self.lift_quarantine(c, access_key),
            Command::EraseAccount(c) => Ok(self.erase_account(c)),
            Command::Reseal(c) => self.reseal(c),
            Command::InitAccount(_)
            | Command::CreateCluster(_)
            | Command::RegisterNode(_)
            | Command::RemoveNode(_)
            | Command::ReserveAccount(_)
            | Command::ActivateAccount(_)
            | Command::ChangeVoters(_)
            | Command::AddSigningKey(_)
            | Command::SetIssuing(_)
            | Command::VotersChanged(_)
            | Command::Relocate(_)
            | Command::ChangeMembership(_)
            | Command::RecoverGroups(_)
            | Command::RaiseVersion(_)
            | Command::AnnounceNode(_)
            | Command::ReserveAlias(_)
            | Command::ReleaseAlias(_)
            | Command::ChangeFeatures(_)
            | Command::ReserveAccessKey(_)
            | Command::CloseAccount(_)
            | Command::ForgetAccount(_)
            | Command::Batch(_)
            | Command::SetClock(_) => {
                Err(Rejection::invalid("This command belongs to the directory."))
            }
        }
    }
}

impl Command {
    /// Clears what the serving node drew at random, so that a retry through another node is the same request.
    pub(crate) fn forget_drawn(&mut self) {
        match self {
            Self::CreateUser(c) => c.id.clear(),
            Self::CreateGroup(c) => c.id.clear(),
            Self::CreateRole(c) => c.id.clear(),
            Self::CreatePolicy(c) => c.id.clear(),
            Self::CreateAccessKey(c) => {
                c.id.clear();
                c.sealed_secret.clear();
            }
            Self::ChangeResource(c) => {
                if let Some(Change::Create(r) | Change::Update(r)) = &mut c.change {
                    r.id.clear();
                    match &mut r.body {
                        Some(Body::LoginProfile(login)) => login.hash.clear(),
                        Some(Body::ServiceCredential(credential)) => credential.hash.clear(),
                        Some(Body::Instance(instance)) => {
                            instance.secret_hash.clear();
                            r.name.clear();
                            c.name.clear();
                        }
                        _ => {}
                    }
                    if let Some(Body::MfaDevice(device)) = &mut r.body {
                        device.sealed_seed.clear();
                    }
                }
            }
            Self::CreateServiceLinkedRole(c) => c.id.clear(),
            Self::DeleteServiceLinkedRole(c) => c.task.clear(),
            // Keys, their names and the issuer are the serving node's.
            Self::ChangeOutbound(c) => {
                c.keys.clear();
                c.issuer.clear();
            }
            Self::ChangePassword(c) => c.hash.clear(),
            Self::ReserveAccount(c) => {
                if let Some(placement) = c.placement.as_mut() {
                    placement.root_key = None;
                    placement.account = 0;
                    placement.group = 0;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
