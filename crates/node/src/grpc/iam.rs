//! Accounts and what is in them over gRPC. Each handler translates, calls once, and translates back.

use std::sync::Arc;

use tidegate_authn::Mac;
use tidegate_model::{
    AccountState, CallerRef, Captured, Command, EntityKind, Envelope, PolicyState, Reply,
    command::{self, ReplyBox},
    ids::{self, IdKind},
    permissions, record,
};
use tidegate_policy::{AccountId, UnixMillis, aws_managed};
use tidegate_proto::{
    common::v1::{Consistency, ResponseMetadata},
    iam::v1::{self as pb, account_service_server::AccountService, iam_service_server::IamService},
};
use tidegate_replica::GroupId;
use tidegate_service::{Caller, Reason, ServiceError, View, check};
use tonic::{Request, Response, Status};

use super::{cluster::operator, status::refuse, wire};
use crate::core::Core;

/// Items of a page that is asked for without a size.
const PAGE_DEFAULT: u32 = 100;
/// Most items of a page.
const PAGE_MAX: u32 = 1_000;

/// Serves accounts, for operators.
#[derive(Clone, Debug)]
pub(crate) struct AccountHandler(pub(crate) Arc<Core>);

/// Serves what is in the caller's account.
#[derive(Clone, Debug)]
pub(crate) struct IamHandler(pub(crate) Arc<Core>);

/// A change that took effect, or, with `validate_only`, would.
struct Done {
    account: Arc<AccountState>,
    reply: ReplyBox,
    metadata: Option<ResponseMetadata>,
}

fn invalid(message: impl Into<String>) -> Status {
    refuse(ServiceError::new(Reason::ValidationError, message))
}

fn no_such(what: &str, name: &str) -> Status {
    refuse(ServiceError::new(
        Reason::NoSuchEntity,
        format!("The {what} with name {name} cannot be found."),
    ))
}

fn draw(core: &Core) -> [u8; 16] {
    let mut bytes = [0; 16];
    core.platform.entropy(&mut bytes);
    bytes
}

/// A fresh secret of forty letters, and the same sealed for its key.
fn secret(core: &Core, key_id: &str) -> Result<(String, Vec<u8>), Status> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = [draw(core), draw(core), draw(core)].concat();
    let letter = |b: &u8| char::from(LETTERS.get(usize::from(b & 63)).copied().unwrap_or(b'A'));
    let secret: String = bytes.iter().take(40).map(letter).collect();
    let mut nonce = [0; 12];
    core.platform.entropy(&mut nonce);
    let sealed = core.cluster_key.seal(key_id, secret.as_bytes(), nonce);
    let sealed = sealed.map_err(|e| refuse(ServiceError::new(Reason::Internal, e.to_string())))?;
    Ok((secret, sealed))
}

fn created(millis: u64) -> prost_types::Timestamp {
    wire::timestamp(UnixMillis(millis))
}

fn tags(tags: Vec<pb::Tag>) -> Vec<record::Tag> {
    tags.into_iter().map(|t| record::Tag { key: t.key, value: t.value }).collect()
}

fn user(account: &AccountState, u: &record::User, revision: u64) -> pb::User {
    pb::User {
        arn: account.arn(EntityKind::User, &u.path, &u.name),
        user_name: u.name.clone(),
        path: u.path.clone(),
        user_id: u.id.clone(),
        create_date: Some(created(u.created)),
        permissions_boundary: u.boundary.clone(),
        tags: u
            .tags
            .iter()
            .map(|t| pb::Tag { key: t.key.clone(), value: t.value.clone() })
            .collect(),
        etag: revision.to_string(),
    }
}

fn group(account: &AccountState, g: &record::Group, revision: u64) -> pb::Group {
    pb::Group {
        arn: account.arn(EntityKind::Group, &g.path, &g.name),
        group_name: g.name.clone(),
        path: g.path.clone(),
        group_id: g.id.clone(),
        create_date: Some(created(g.created)),
        etag: revision.to_string(),
    }
}

fn role(account: &AccountState, r: &record::Role, revision: u64) -> pb::Role {
    pb::Role {
        arn: account.arn(EntityKind::Role, &r.path, &r.name),
        role_name: r.name.clone(),
        path: r.path.clone(),
        role_id: r.id.clone(),
        create_date: Some(created(r.created)),
        assume_role_policy_document: r.trust_policy.clone(),
        description: r.description.clone(),
        max_session_duration: r.session_seconds_max,
        permissions_boundary: r.boundary.clone(),
        tags: r
            .tags
            .iter()
            .map(|t| pb::Tag { key: t.key.clone(), value: t.value.clone() })
            .collect(),
        etag: revision.to_string(),
    }
}

fn attachments(account: &AccountState, arn: &str) -> u32 {
    u32::try_from(account.entities_for(arn).count()).unwrap_or(u32::MAX)
}

fn policy(account: &AccountState, p: &record::Policy, revision: u64) -> pb::Policy {
    let arn = account.policy_arn(p);
    pb::Policy {
        attachment_count: attachments(account, &arn),
        arn,
        policy_name: p.name.clone(),
        path: p.path.clone(),
        policy_id: p.id.clone(),
        default_version_id: format!("v{}", p.default_version),
        description: p.description.clone(),
        create_date: Some(created(p.created)),
        etag: revision.to_string(),
    }
}

fn aws_policy(account: &AccountState, p: &aws_managed::ManagedPolicy) -> pb::Policy {
    pb::Policy {
        attachment_count: attachments(account, p.arn.as_str()),
        arn: p.arn.to_string(),
        policy_name: p.name.to_string(),
        path: p.path.to_string(),
        default_version_id: p.default_version.to_string(),
        create_date: tidegate_policy::parse_date(&p.create_date)
            .and_then(|d| Some(created(u64::try_from(d).ok()?))),
        ..pb::Policy::default()
    }
}

fn version(p: &PolicyState, v: &record::PolicyVersion) -> pb::PolicyVersion {
    pb::PolicyVersion {
        version_id: format!("v{}", v.number),
        document: v.document.clone(),
        is_default_version: p.meta.default_version == v.number,
        create_date: Some(created(v.created)),
    }
}

fn version_number(text: &str) -> Result<u32, Status> {
    let number = text.strip_prefix('v').and_then(|n| n.parse().ok());
    number.ok_or_else(|| invalid(format!("`{text}` is not a version: expected `v1` and the like")))
}

fn access_key(k: &record::AccessKey) -> pb::AccessKey {
    pb::AccessKey {
        access_key_id: k.id.clone(),
        user_name: k.user.clone(),
        status: if k.active { "Active" } else { "Inactive" }.to_owned(),
        create_date: Some(created(k.created)),
    }
}

fn attached_name(arn: &str) -> pb::AttachedPolicy {
    let name = arn.rsplit('/').next().unwrap_or_default();
    pb::AttachedPolicy { policy_name: name.to_owned(), policy_arn: arn.to_owned() }
}

/// One page of `items`, which come in order of their keys, and the token of the next.
fn page<T>(
    core: &Core,
    operation: &'static str,
    size: u32,
    token: &str,
    items: impl Iterator<Item = (String, T)>,
) -> Result<(Vec<T>, String), Status> {
    let mac = Mac::new(&core.cluster_key, "page v1");
    let after = if token.is_empty() {
        None
    } else {
        let bad = || invalid("the page token was not made by this operation of this cluster");
        let text = mac.read(token).ok().and_then(|p| String::from_utf8(p).ok()).ok_or_else(bad)?;
        Some(
            text.strip_prefix(operation)
                .and_then(|t| t.strip_prefix('\0'))
                .ok_or_else(bad)?
                .to_owned(),
        )
    };
    let size = match size {
        0 => PAGE_DEFAULT,
        1..=PAGE_MAX => size,
        other => {
            return Err(invalid(format!(
                "a page of {other} items is not between 1 and {PAGE_MAX}"
            )));
        }
    };
    let mut rest = items.skip_while(|(key, _)| after.as_ref().is_some_and(|a| key <= a)).peekable();
    let (mut page, mut last) = (Vec::new(), String::new());
    while let Some((key, item)) = rest.next_if(|_| page.len() < size as usize) {
        last = key;
        page.push(item);
    }
    let next = if rest.peek().is_some() {
        mac.write(format!("{operation}\0{last}").as_bytes())
    } else {
        String::new()
    };
    Ok((page, next))
}

/// Brings a command of the caller into the group of its account.
async fn mutate(
    core: &Core,
    caller: &Caller,
    request_id: String,
    validate_only: bool,
    command: Command,
) -> Result<Done, Status> {
    let view = core.views.load();
    let account = view.account(caller.account).map_err(refuse)?;
    // Refused here before it costs a write; what counts is the check at its own log index.
    for (action, resource) in permissions(&command, account) {
        check(caller, &action, &resource).map_err(refuse)?;
    }
    let envelope = Envelope {
        request_id: request_id.clone(),
        account: caller.account.as_u64(),
        caller: Some(caller.reference.clone()),
        context: Captured::entries(&caller.context),
        trace: crate::telemetry::trace::traceparent(&tracing::Span::current()).unwrap_or_default(),
        command: Some(command),
    };
    if validate_only {
        let mut state = view
            .groups
            .get(&caller.group.0)
            .cloned()
            .ok_or_else(|| invalid("the account's group is not here"))?;
        let applied = state.apply(
            u64::MAX,
            core.platform.wall().0,
            &Envelope { request_id: String::new(), ..envelope },
        );
        let reply = applied.outcome.into_result().map_err(|r| refuse(r.into()))?;
        return Ok(Done { account: Arc::clone(account), reply, metadata: None });
    }
    let (index, reply) =
        core.propose(caller.group, &envelope, core.config.wait_max()).await.map_err(refuse)?;
    let metadata = wire::metadata(core, caller.group, index, request_id)?;
    Ok(Done { account: Arc::clone(account), reply, metadata: Some(metadata) })
}

/// The view that a read asks for, and the caller's account in it, if the caller may.
async fn read(
    core: &Core,
    caller: &Caller,
    consistency: Option<&Consistency>,
    action: &str,
    resource: impl FnOnce(&AccountState) -> String,
) -> Result<(Arc<View>, Arc<AccountState>), Status> {
    let view = wire::view(core, consistency, &[GroupId::DIRECTORY, caller.group]).await?;
    let account = Arc::clone(view.account(caller.account).map_err(refuse)?);
    let resolved =
        account.resolve(&caller.reference, core.platform.wall().0).map_err(|r| refuse(r.into()))?;
    let caller = Caller { resolved, ..caller.clone() };
    check(&caller, action, &resource(&account)).map_err(refuse)?;
    Ok((view, account))
}

fn evidence(
    core: &Core,
    caller: &Caller,
    view: &View,
) -> Result<Option<tidegate_proto::common::v1::Evidence>, Status> {
    wire::evidence(core, view, &[GroupId::DIRECTORY, caller.group]).map(Some)
}

fn user_arn(account: &AccountState, name: &str) -> String {
    let path = account.user(name).map_or("/", |u| &u.value.path).to_owned();
    account.arn(EntityKind::User, &path, name)
}

fn group_arn(account: &AccountState, name: &str) -> String {
    let path = account.group(name).map_or("/", |g| &g.value.path).to_owned();
    account.arn(EntityKind::Group, &path, name)
}

fn role_arn(account: &AccountState, name: &str) -> String {
    let path = account.role(name).map_or("/", |r| &r.value.path).to_owned();
    account.arn(EntityKind::Role, &path, name)
}

/// The user that a call without a name means: the caller.
fn own_name(caller: &Caller, name: &str) -> String {
    if name.is_empty() {
        caller.resolved.principal.username.as_deref().unwrap_or_default().to_owned()
    } else {
        name.to_owned()
    }
}

#[tonic::async_trait]
impl AccountService for AccountHandler {
    async fn create_account(
        &self,
        request: Request<pb::CreateAccountRequest>,
    ) -> Result<Response<pb::CreateAccountResponse>, Status> {
        let core = &self.0;
        let caller = operator(core, &request, "tidegate:CreateAccount")?;
        let r = request.into_inner();
        let number =
            draw(core).iter().fold(0u64, |n, b| (n << 8 | u64::from(*b)) % 999_999_999_000) + 1_000;
        let id = ids::access_key_id(number, &draw(core));
        let (secret, sealed_secret) = secret(core, &id)?;
        let root_key = record::AccessKey {
            id: id.clone(),
            active: true,
            sealed_secret,
            ..record::AccessKey::default()
        };
        let placement = record::AccountPlacement {
            account: number,
            email: r.email,
            name: r.name,
            root_key: Some(root_key),
            ..record::AccountPlacement::default()
        };
        // What the directory is told rests on a fresh look at the caller.
        core.read_index(caller.group, core.config.wait_max()).await.map_err(refuse)?;
        let envelope = Envelope {
            request_id: r.request_id.clone(),
            caller: Some(CallerRef { account: caller.account.as_u64(), ..caller.reference }),
            command: Some(Command::ReserveAccount(command::ReserveAccount {
                placement: Some(placement),
            })),
            ..Envelope::default()
        };
        if r.validate_only {
            return Err(invalid("accounts can't be validated only"));
        }
        let (index, reply) = core
            .propose(GroupId::DIRECTORY, &envelope, core.config.wait_max())
            .await
            .map_err(refuse)?;
        let Some(Reply::AccountPlacement(reserved)) = reply.reply else {
            return Err(refuse(ServiceError::new(
                Reason::Internal,
                "the directory gave another answer than an account",
            )));
        };
        let position = self.made(&reserved).await?;
        let mut metadata = wire::metadata(core, GroupId::DIRECTORY, index, r.request_id)?;
        metadata.token = position;
        let first = reserved.root_key.as_ref().is_some_and(|k| k.id == id);
        let key = reserved.root_key.clone().unwrap_or_default();
        Ok(Response::new(pb::CreateAccountResponse {
            account: Some(account(&record::AccountPlacement { active: true, ..reserved })),
            root_access_key: Some(pb::CreatedAccessKey {
                access_key: Some(access_key(&key)),
                secret_access_key: if first { secret } else { String::new() },
            }),
            metadata: Some(metadata),
        }))
    }

    async fn get_account(
        &self,
        request: Request<pb::GetAccountRequest>,
    ) -> Result<Response<pb::GetAccountResponse>, Status> {
        let core = &self.0;
        let caller = wire::caller(&request)?;
        if request.get_ref().account_id != caller.account.to_string() {
            operator(core, &request, "tidegate:GetAccount")?;
        }
        let r = request.into_inner();
        let id: AccountId = r
            .account_id
            .parse()
            .map_err(|e: tidegate_policy::AccountIdError| invalid(e.to_string()))?;
        let view = wire::view(core, r.consistency.as_ref(), &[GroupId::DIRECTORY]).await?;
        let found = view.directory.account(id).ok_or_else(|| no_such("account", &r.account_id))?;
        let evidence = wire::evidence(core, &view, &[GroupId::DIRECTORY])?;
        Ok(Response::new(pb::GetAccountResponse {
            account: Some(account(found)),
            evidence: Some(evidence),
        }))
    }

    async fn list_accounts(
        &self,
        request: Request<pb::ListAccountsRequest>,
    ) -> Result<Response<pb::ListAccountsResponse>, Status> {
        let core = &self.0;
        operator(core, &request, "tidegate:ListAccounts")?;
        let r = request.into_inner();
        let view = wire::view(core, r.consistency.as_ref(), &[GroupId::DIRECTORY]).await?;
        let items = view.directory.accounts().map(|a| (format!("{:012}", a.account), account(a)));
        let (accounts, next_page_token) =
            page(core, "ListAccounts", r.page_size, &r.page_token, items)?;
        let evidence = Some(wire::evidence(core, &view, &[GroupId::DIRECTORY])?);
        Ok(Response::new(pb::ListAccountsResponse { accounts, next_page_token, evidence }))
    }
}

fn account(a: &record::AccountPlacement) -> pb::Account {
    pb::Account {
        id: format!("{:012}", a.account),
        name: a.name.clone(),
        email: a.email.clone(),
        state: if a.active { "ACTIVE" } else { "PENDING" }.to_owned(),
        group: a.group,
    }
}

impl AccountHandler {
    /// Makes the account in its group, if whoever leads the directory has not done so yet, and gives a token that covers both.
    async fn made(&self, reserved: &record::AccountPlacement) -> Result<String, Status> {
        let core = &self.0;
        let init = command::InitAccount {
            name: reserved.name.clone(),
            email: reserved.email.clone(),
            root_key: reserved.root_key.clone(),
        };
        let envelope = Envelope {
            request_id: format!("init-{:012}", reserved.account),
            account: reserved.account,
            caller: Some(CallerRef { kind: command::caller_kind::SYSTEM, ..CallerRef::default() }),
            command: Some(Command::InitAccount(init)),
            ..Envelope::default()
        };
        let group = GroupId(reserved.group);
        let (index, _) =
            core.propose(group, &envelope, core.config.wait_max()).await.map_err(refuse)?;
        let directory =
            core.read_index(GroupId::DIRECTORY, core.config.wait_max()).await.map_err(refuse)?;
        let mut positions = directory;
        positions.advance(crate::machine::origin(group), index);
        core.token(&core.views.load(), positions).map_err(refuse)
    }
}

#[tonic::async_trait]
impl IamService for IamHandler {
    async fn create_user(
        &self,
        request: Request<pb::CreateUserRequest>,
    ) -> Result<Response<pb::CreateUserResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::CreateUser(command::CreateUser {
            name: r.user_name,
            path: r.path,
            id: ids::unique_id(IdKind::User, &draw(&self.0)),
            boundary: r.permissions_boundary,
            tags: tags(r.tags),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::CreateUserResponse {
            user: match &done.reply.reply {
                Some(Reply::User(v)) => Some(user(&done.account, v, done.reply.revision)),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    async fn get_user(
        &self,
        request: Request<pb::GetUserRequest>,
    ) -> Result<Response<pb::GetUserResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(&self.0, &caller, r.consistency.as_ref(), "iam:GetUser", |a| {
            user_arn(a, &own_name(&caller, &r.user_name))
        })
        .await?;
        let name = own_name(&caller, &r.user_name);
        let found = account.user(&name).ok_or_else(|| no_such("user", &name))?;
        Ok(Response::new(pb::GetUserResponse {
            user: Some(user(&account, &found.value, found.revision)),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn update_user(
        &self,
        request: Request<pb::UpdateUserRequest>,
    ) -> Result<Response<pb::UpdateUserResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::UpdateUser(command::UpdateUser {
            name: r.user_name,
            new_name: r.new_user_name,
            new_path: r.new_path,
            etag: r.etag,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::UpdateUserResponse {
            user: match &done.reply.reply {
                Some(Reply::User(v)) => Some(user(&done.account, v, done.reply.revision)),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    async fn delete_user(
        &self,
        request: Request<pb::DeleteUserRequest>,
    ) -> Result<Response<pb::DeleteUserResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Delete(command::Delete { kind: 1, name: r.user_name, etag: r.etag });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteUserResponse { metadata: done.metadata }))
    }

    async fn list_users(
        &self,
        request: Request<pb::ListUsersRequest>,
    ) -> Result<Response<pb::ListUsersResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListUsers", |a| {
                format!("arn:aws:iam::{}:user/*", a.id())
            })
            .await?;
        let prefix = if r.path_prefix.is_empty() { "/" } else { &r.path_prefix };
        let items = account
            .users()
            .filter(|e| e.value.path.starts_with(prefix))
            .map(|e| (e.value.name.to_ascii_lowercase(), user(&account, &e.value, e.revision)));
        let (users, next_page_token) =
            page(&self.0, "ListUsers", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListUsersResponse {
            users,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn create_group(
        &self,
        request: Request<pb::CreateGroupRequest>,
    ) -> Result<Response<pb::CreateGroupResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::CreateGroup(command::CreateGroup {
            name: r.group_name,
            path: r.path,
            id: ids::unique_id(IdKind::Group, &draw(&self.0)),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::CreateGroupResponse {
            group: match &done.reply.reply {
                Some(Reply::Group(v)) => Some(group(&done.account, v, done.reply.revision)),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    async fn get_group(
        &self,
        request: Request<pb::GetGroupRequest>,
    ) -> Result<Response<pb::GetGroupResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(&self.0, &caller, r.consistency.as_ref(), "iam:GetGroup", |a| {
            group_arn(a, &r.group_name)
        })
        .await?;
        let found = account.group(&r.group_name).ok_or_else(|| no_such("group", &r.group_name))?;
        let users = account
            .members_of(&r.group_name)
            .filter_map(|n| account.user(n))
            .map(|u| user(&account, &u.value, u.revision))
            .collect();
        Ok(Response::new(pb::GetGroupResponse {
            group: Some(group(&account, &found.value, found.revision)),
            users,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn delete_group(
        &self,
        request: Request<pb::DeleteGroupRequest>,
    ) -> Result<Response<pb::DeleteGroupResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command =
            Command::Delete(command::Delete { kind: 2, name: r.group_name, etag: r.etag });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteGroupResponse { metadata: done.metadata }))
    }

    async fn list_groups(
        &self,
        request: Request<pb::ListGroupsRequest>,
    ) -> Result<Response<pb::ListGroupsResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListGroups", |a| {
                format!("arn:aws:iam::{}:group/*", a.id())
            })
            .await?;
        let prefix = if r.path_prefix.is_empty() { "/" } else { &r.path_prefix };
        let items = account
            .groups()
            .filter(|e| e.value.path.starts_with(prefix))
            .map(|e| (e.value.name.to_ascii_lowercase(), group(&account, &e.value, e.revision)));
        let (groups, next_page_token) =
            page(&self.0, "ListGroups", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListGroupsResponse {
            groups,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn add_user_to_group(
        &self,
        request: Request<pb::AddUserToGroupRequest>,
    ) -> Result<Response<pb::AddUserToGroupResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Membership(command::Membership {
            group: r.group_name,
            user: r.user_name,
            member: true,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::AddUserToGroupResponse { metadata: done.metadata }))
    }

    async fn remove_user_from_group(
        &self,
        request: Request<pb::RemoveUserFromGroupRequest>,
    ) -> Result<Response<pb::RemoveUserFromGroupResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Membership(command::Membership {
            group: r.group_name,
            user: r.user_name,
            member: false,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::RemoveUserFromGroupResponse { metadata: done.metadata }))
    }

    async fn list_groups_for_user(
        &self,
        request: Request<pb::ListGroupsForUserRequest>,
    ) -> Result<Response<pb::ListGroupsForUserResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListGroupsForUser", |a| {
                user_arn(a, &r.user_name)
            })
            .await?;
        account.user(&r.user_name).ok_or_else(|| no_such("user", &r.user_name))?;
        let items = account
            .groups_of(&r.user_name)
            .filter_map(|n| account.group(n))
            .map(|g| (g.value.name.to_ascii_lowercase(), group(&account, &g.value, g.revision)));
        let (groups, next_page_token) =
            page(&self.0, "ListGroupsForUser", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListGroupsForUserResponse {
            groups,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn create_role(
        &self,
        request: Request<pb::CreateRoleRequest>,
    ) -> Result<Response<pb::CreateRoleResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::CreateRole(command::CreateRole {
            name: r.role_name,
            path: r.path,
            id: ids::unique_id(IdKind::Role, &draw(&self.0)),
            trust_policy: r.assume_role_policy_document,
            description: r.description,
            session_seconds_max: r.max_session_duration,
            boundary: r.permissions_boundary,
            tags: tags(r.tags),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::CreateRoleResponse {
            role: match &done.reply.reply {
                Some(Reply::Role(v)) => Some(role(&done.account, v, done.reply.revision)),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    async fn get_role(
        &self,
        request: Request<pb::GetRoleRequest>,
    ) -> Result<Response<pb::GetRoleResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) = read(&self.0, &caller, r.consistency.as_ref(), "iam:GetRole", |a| {
            role_arn(a, &r.role_name)
        })
        .await?;
        let found = account.role(&r.role_name).ok_or_else(|| no_such("role", &r.role_name))?;
        Ok(Response::new(pb::GetRoleResponse {
            role: Some(role(&account, &found.value, found.revision)),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn update_assume_role_policy(
        &self,
        request: Request<pb::UpdateAssumeRolePolicyRequest>,
    ) -> Result<Response<pb::UpdateAssumeRolePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        if r.policy_document.is_empty() {
            return Err(invalid("a trust policy is needed"));
        }
        let command = Command::UpdateRole(command::UpdateRole {
            name: r.role_name,
            trust_policy: r.policy_document,
            description: None,
            session_seconds_max: 0,
            etag: r.etag,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::UpdateAssumeRolePolicyResponse { metadata: done.metadata }))
    }

    async fn delete_role(
        &self,
        request: Request<pb::DeleteRoleRequest>,
    ) -> Result<Response<pb::DeleteRoleResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Delete(command::Delete { kind: 3, name: r.role_name, etag: r.etag });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteRoleResponse { metadata: done.metadata }))
    }

    async fn list_roles(
        &self,
        request: Request<pb::ListRolesRequest>,
    ) -> Result<Response<pb::ListRolesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListRoles", |a| {
                format!("arn:aws:iam::{}:role/*", a.id())
            })
            .await?;
        let prefix = if r.path_prefix.is_empty() { "/" } else { &r.path_prefix };
        let items = account
            .roles()
            .filter(|e| e.value.path.starts_with(prefix))
            .map(|e| (e.value.name.to_ascii_lowercase(), role(&account, &e.value, e.revision)));
        let (roles, next_page_token) =
            page(&self.0, "ListRoles", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListRolesResponse {
            roles,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn create_policy(
        &self,
        request: Request<pb::CreatePolicyRequest>,
    ) -> Result<Response<pb::CreatePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::CreatePolicy(command::CreatePolicy {
            name: r.policy_name,
            path: r.path,
            id: ids::unique_id(IdKind::ManagedPolicy, &draw(&self.0)),
            document: r.policy_document,
            description: r.description,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::CreatePolicyResponse {
            policy: match &done.reply.reply {
                Some(Reply::Policy(v)) => Some(policy(&done.account, v, done.reply.revision)),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    async fn get_policy(
        &self,
        request: Request<pb::GetPolicyRequest>,
    ) -> Result<Response<pb::GetPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:GetPolicy", |a| {
                let _any = a;
                r.policy_arn.clone()
            })
            .await?;
        let policy = match (account.policy(&r.policy_arn), aws_managed::find(&r.policy_arn)) {
            (Some(own), _) => policy(&account, &own.meta, own.revision),
            (None, Some(aws)) => aws_policy(&account, aws),
            (None, None) => return Err(no_such("policy", &r.policy_arn)),
        };
        Ok(Response::new(pb::GetPolicyResponse {
            policy: Some(policy),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn delete_policy(
        &self,
        request: Request<pb::DeletePolicyRequest>,
    ) -> Result<Response<pb::DeletePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command =
            Command::Delete(command::Delete { kind: 4, name: r.policy_arn, etag: r.etag });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeletePolicyResponse { metadata: done.metadata }))
    }

    async fn list_policies(
        &self,
        request: Request<pb::ListPoliciesRequest>,
    ) -> Result<Response<pb::ListPoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListPolicies", |a| {
                format!("arn:aws:iam::{}:policy/*", a.id())
            })
            .await?;
        let (local, managed) = match r.scope.as_str() {
            "" | "Local" => (true, false),
            "AWS" => (false, true),
            "All" => (true, true),
            other => return Err(invalid(format!("the scope `{other}` is not Local, AWS or All"))),
        };
        // The account's own come first: a tilde sorts behind every name.
        let own = account
            .policies()
            .filter(|_| local)
            .map(|p| (p.meta.name.to_ascii_lowercase(), policy(&account, &p.meta, p.revision)));
        let aws = aws_managed::all()
            .iter()
            .filter(|_| managed)
            .map(|p| (format!("~{}", p.arn), aws_policy(&account, p)));
        let items = own.chain(aws);
        let (policies, next_page_token) =
            page(&self.0, "ListPolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListPoliciesResponse {
            policies,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn create_policy_version(
        &self,
        request: Request<pb::CreatePolicyVersionRequest>,
    ) -> Result<Response<pb::CreatePolicyVersionResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let set_default = r.set_as_default;
        let command = Command::CreatePolicyVersion(command::CreatePolicyVersion {
            arn: r.policy_arn,
            document: r.policy_document,
            set_default: r.set_as_default,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::CreatePolicyVersionResponse {
            policy_version: match &done.reply.reply {
                Some(Reply::PolicyVersion(v)) => Some(pb::PolicyVersion {
                    version_id: format!("v{}", v.number),
                    document: v.document.clone(),
                    is_default_version: set_default,
                    create_date: Some(created(v.created)),
                }),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    async fn get_policy_version(
        &self,
        request: Request<pb::GetPolicyVersionRequest>,
    ) -> Result<Response<pb::GetPolicyVersionResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:GetPolicyVersion", |a| {
                let _any = a;
                r.policy_arn.clone()
            })
            .await?;
        let policy_version = match (account.policy(&r.policy_arn), aws_managed::find(&r.policy_arn))
        {
            (Some(own), _) => {
                let number = version_number(&r.version_id)?;
                own.versions
                    .get(&number)
                    .map(|v| version(own, v))
                    .ok_or_else(|| no_such("policy version", &r.version_id))?
            }
            (None, Some(aws)) if *aws.default_version == *r.version_id => pb::PolicyVersion {
                version_id: r.version_id.clone(),
                document: aws.document.to_string(),
                is_default_version: true,
                create_date: tidegate_policy::parse_date(&aws.update_date)
                    .and_then(|d| Some(created(u64::try_from(d).ok()?))),
            },
            _ => return Err(no_such("policy version", &r.version_id)),
        };
        Ok(Response::new(pb::GetPolicyVersionResponse {
            policy_version: Some(policy_version),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn list_policy_versions(
        &self,
        request: Request<pb::ListPolicyVersionsRequest>,
    ) -> Result<Response<pb::ListPolicyVersionsResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListPolicyVersions", |a| {
                let _any = a;
                r.policy_arn.clone()
            })
            .await?;
        let own = account.policy(&r.policy_arn).ok_or_else(|| no_such("policy", &r.policy_arn))?;
        let items = own.versions.values().map(|v| (format!("{:08}", v.number), version(own, v)));
        let (versions, next_page_token) =
            page(&self.0, "ListPolicyVersions", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListPolicyVersionsResponse {
            versions,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn set_default_policy_version(
        &self,
        request: Request<pb::SetDefaultPolicyVersionRequest>,
    ) -> Result<Response<pb::SetDefaultPolicyVersionResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let version = version_number(&r.version_id)?;
        let command = Command::PolicyVersion(command::PolicyVersion {
            arn: r.policy_arn,
            version,
            delete: false,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::SetDefaultPolicyVersionResponse { metadata: done.metadata }))
    }

    async fn delete_policy_version(
        &self,
        request: Request<pb::DeletePolicyVersionRequest>,
    ) -> Result<Response<pb::DeletePolicyVersionResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let version = version_number(&r.version_id)?;
        let command = Command::PolicyVersion(command::PolicyVersion {
            arn: r.policy_arn,
            version,
            delete: true,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeletePolicyVersionResponse { metadata: done.metadata }))
    }

    async fn list_entities_for_policy(
        &self,
        request: Request<pb::ListEntitiesForPolicyRequest>,
    ) -> Result<Response<pb::ListEntitiesForPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListEntitiesForPolicy", |a| {
                let _any = a;
                r.policy_arn.clone()
            })
            .await?;
        let items = account
            .entities_for(&r.policy_arn)
            .map(|(k, n)| {
                let name = format!("{}/{n}", k.word());
                (name.clone(), name)
            })
            .collect::<std::collections::BTreeMap<_, _>>()
            .into_iter();
        let (entities, next_page_token) =
            page(&self.0, "ListEntitiesForPolicy", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListEntitiesForPolicyResponse {
            entities,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn attach_user_policy(
        &self,
        request: Request<pb::AttachUserPolicyRequest>,
    ) -> Result<Response<pb::AttachUserPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Attach(command::Attach {
            kind: 1,
            name: r.user_name,
            arn: r.policy_arn,
            attached: true,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::AttachUserPolicyResponse { metadata: done.metadata }))
    }

    async fn detach_user_policy(
        &self,
        request: Request<pb::DetachUserPolicyRequest>,
    ) -> Result<Response<pb::DetachUserPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Attach(command::Attach {
            kind: 1,
            name: r.user_name,
            arn: r.policy_arn,
            attached: false,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DetachUserPolicyResponse { metadata: done.metadata }))
    }

    async fn list_attached_user_policies(
        &self,
        request: Request<pb::ListAttachedUserPoliciesRequest>,
    ) -> Result<Response<pb::ListAttachedUserPoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListAttachedUserPolicies", |a| {
                user_arn(a, &r.user_name)
            })
            .await?;
        account.user(&r.user_name).ok_or_else(|| no_such("user", &r.user_name))?;
        let items = account
            .attached(EntityKind::User, &r.user_name)
            .map(|arn| (arn.to_string(), attached_name(arn)));
        let (attached_policies, next_page_token) =
            page(&self.0, "ListAttachedUserPolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListAttachedUserPoliciesResponse {
            attached_policies,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn put_user_policy(
        &self,
        request: Request<pb::PutUserPolicyRequest>,
    ) -> Result<Response<pb::PutUserPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        if r.policy_document.is_empty() {
            return Err(invalid("a policy document is needed"));
        }
        let command = Command::PutInline(command::PutInline {
            kind: 1,
            name: r.user_name,
            policy: r.policy_name,
            document: r.policy_document,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::PutUserPolicyResponse { metadata: done.metadata }))
    }

    async fn delete_user_policy(
        &self,
        request: Request<pb::DeleteUserPolicyRequest>,
    ) -> Result<Response<pb::DeleteUserPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::PutInline(command::PutInline {
            kind: 1,
            name: r.user_name,
            policy: r.policy_name,
            document: String::new(),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteUserPolicyResponse { metadata: done.metadata }))
    }

    async fn get_user_policy(
        &self,
        request: Request<pb::GetUserPolicyRequest>,
    ) -> Result<Response<pb::GetUserPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:GetUserPolicy", |a| {
                user_arn(a, &r.user_name)
            })
            .await?;
        let found = account
            .inline(EntityKind::User, &r.user_name)
            .find(|i| i.name.eq_ignore_ascii_case(&r.policy_name));
        let found = found.ok_or_else(|| no_such("user policy", &r.policy_name))?;
        Ok(Response::new(pb::GetUserPolicyResponse {
            policy_document: found.document.clone(),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn list_user_policies(
        &self,
        request: Request<pb::ListUserPoliciesRequest>,
    ) -> Result<Response<pb::ListUserPoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListUserPolicies", |a| {
                user_arn(a, &r.user_name)
            })
            .await?;
        account.user(&r.user_name).ok_or_else(|| no_such("user", &r.user_name))?;
        let items = account
            .inline(EntityKind::User, &r.user_name)
            .map(|i| (i.name.to_ascii_lowercase(), i.name.clone()));
        let (policy_names, next_page_token) =
            page(&self.0, "ListUserPolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListUserPoliciesResponse {
            policy_names,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn attach_group_policy(
        &self,
        request: Request<pb::AttachGroupPolicyRequest>,
    ) -> Result<Response<pb::AttachGroupPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Attach(command::Attach {
            kind: 2,
            name: r.group_name,
            arn: r.policy_arn,
            attached: true,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::AttachGroupPolicyResponse { metadata: done.metadata }))
    }

    async fn detach_group_policy(
        &self,
        request: Request<pb::DetachGroupPolicyRequest>,
    ) -> Result<Response<pb::DetachGroupPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Attach(command::Attach {
            kind: 2,
            name: r.group_name,
            arn: r.policy_arn,
            attached: false,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DetachGroupPolicyResponse { metadata: done.metadata }))
    }

    async fn list_attached_group_policies(
        &self,
        request: Request<pb::ListAttachedGroupPoliciesRequest>,
    ) -> Result<Response<pb::ListAttachedGroupPoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListAttachedGroupPolicies", |a| {
                group_arn(a, &r.group_name)
            })
            .await?;
        account.group(&r.group_name).ok_or_else(|| no_such("group", &r.group_name))?;
        let items = account
            .attached(EntityKind::Group, &r.group_name)
            .map(|arn| (arn.to_string(), attached_name(arn)));
        let (attached_policies, next_page_token) =
            page(&self.0, "ListAttachedGroupPolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListAttachedGroupPoliciesResponse {
            attached_policies,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn put_group_policy(
        &self,
        request: Request<pb::PutGroupPolicyRequest>,
    ) -> Result<Response<pb::PutGroupPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        if r.policy_document.is_empty() {
            return Err(invalid("a policy document is needed"));
        }
        let command = Command::PutInline(command::PutInline {
            kind: 2,
            name: r.group_name,
            policy: r.policy_name,
            document: r.policy_document,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::PutGroupPolicyResponse { metadata: done.metadata }))
    }

    async fn delete_group_policy(
        &self,
        request: Request<pb::DeleteGroupPolicyRequest>,
    ) -> Result<Response<pb::DeleteGroupPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::PutInline(command::PutInline {
            kind: 2,
            name: r.group_name,
            policy: r.policy_name,
            document: String::new(),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteGroupPolicyResponse { metadata: done.metadata }))
    }

    async fn get_group_policy(
        &self,
        request: Request<pb::GetGroupPolicyRequest>,
    ) -> Result<Response<pb::GetGroupPolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:GetGroupPolicy", |a| {
                group_arn(a, &r.group_name)
            })
            .await?;
        let found = account
            .inline(EntityKind::Group, &r.group_name)
            .find(|i| i.name.eq_ignore_ascii_case(&r.policy_name));
        let found = found.ok_or_else(|| no_such("group policy", &r.policy_name))?;
        Ok(Response::new(pb::GetGroupPolicyResponse {
            policy_document: found.document.clone(),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn list_group_policies(
        &self,
        request: Request<pb::ListGroupPoliciesRequest>,
    ) -> Result<Response<pb::ListGroupPoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListGroupPolicies", |a| {
                group_arn(a, &r.group_name)
            })
            .await?;
        account.group(&r.group_name).ok_or_else(|| no_such("group", &r.group_name))?;
        let items = account
            .inline(EntityKind::Group, &r.group_name)
            .map(|i| (i.name.to_ascii_lowercase(), i.name.clone()));
        let (policy_names, next_page_token) =
            page(&self.0, "ListGroupPolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListGroupPoliciesResponse {
            policy_names,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn attach_role_policy(
        &self,
        request: Request<pb::AttachRolePolicyRequest>,
    ) -> Result<Response<pb::AttachRolePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Attach(command::Attach {
            kind: 3,
            name: r.role_name,
            arn: r.policy_arn,
            attached: true,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::AttachRolePolicyResponse { metadata: done.metadata }))
    }

    async fn detach_role_policy(
        &self,
        request: Request<pb::DetachRolePolicyRequest>,
    ) -> Result<Response<pb::DetachRolePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::Attach(command::Attach {
            kind: 3,
            name: r.role_name,
            arn: r.policy_arn,
            attached: false,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DetachRolePolicyResponse { metadata: done.metadata }))
    }

    async fn list_attached_role_policies(
        &self,
        request: Request<pb::ListAttachedRolePoliciesRequest>,
    ) -> Result<Response<pb::ListAttachedRolePoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListAttachedRolePolicies", |a| {
                role_arn(a, &r.role_name)
            })
            .await?;
        account.role(&r.role_name).ok_or_else(|| no_such("role", &r.role_name))?;
        let items = account
            .attached(EntityKind::Role, &r.role_name)
            .map(|arn| (arn.to_string(), attached_name(arn)));
        let (attached_policies, next_page_token) =
            page(&self.0, "ListAttachedRolePolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListAttachedRolePoliciesResponse {
            attached_policies,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn put_role_policy(
        &self,
        request: Request<pb::PutRolePolicyRequest>,
    ) -> Result<Response<pb::PutRolePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        if r.policy_document.is_empty() {
            return Err(invalid("a policy document is needed"));
        }
        let command = Command::PutInline(command::PutInline {
            kind: 3,
            name: r.role_name,
            policy: r.policy_name,
            document: r.policy_document,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::PutRolePolicyResponse { metadata: done.metadata }))
    }

    async fn delete_role_policy(
        &self,
        request: Request<pb::DeleteRolePolicyRequest>,
    ) -> Result<Response<pb::DeleteRolePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::PutInline(command::PutInline {
            kind: 3,
            name: r.role_name,
            policy: r.policy_name,
            document: String::new(),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteRolePolicyResponse { metadata: done.metadata }))
    }

    async fn get_role_policy(
        &self,
        request: Request<pb::GetRolePolicyRequest>,
    ) -> Result<Response<pb::GetRolePolicyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:GetRolePolicy", |a| {
                role_arn(a, &r.role_name)
            })
            .await?;
        let found = account
            .inline(EntityKind::Role, &r.role_name)
            .find(|i| i.name.eq_ignore_ascii_case(&r.policy_name));
        let found = found.ok_or_else(|| no_such("role policy", &r.policy_name))?;
        Ok(Response::new(pb::GetRolePolicyResponse {
            policy_document: found.document.clone(),
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn list_role_policies(
        &self,
        request: Request<pb::ListRolePoliciesRequest>,
    ) -> Result<Response<pb::ListRolePoliciesResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListRolePolicies", |a| {
                role_arn(a, &r.role_name)
            })
            .await?;
        account.role(&r.role_name).ok_or_else(|| no_such("role", &r.role_name))?;
        let items = account
            .inline(EntityKind::Role, &r.role_name)
            .map(|i| (i.name.to_ascii_lowercase(), i.name.clone()));
        let (policy_names, next_page_token) =
            page(&self.0, "ListRolePolicies", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListRolePoliciesResponse {
            policy_names,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }

    async fn put_user_permissions_boundary(
        &self,
        request: Request<pb::PutUserPermissionsBoundaryRequest>,
    ) -> Result<Response<pb::PutUserPermissionsBoundaryResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        if r.permissions_boundary.is_empty() {
            return Err(invalid("the ARN of a boundary is needed"));
        }
        let command = Command::PutBoundary(command::PutBoundary {
            kind: 1,
            name: r.user_name,
            arn: r.permissions_boundary,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::PutUserPermissionsBoundaryResponse { metadata: done.metadata }))
    }

    async fn delete_user_permissions_boundary(
        &self,
        request: Request<pb::DeleteUserPermissionsBoundaryRequest>,
    ) -> Result<Response<pb::DeleteUserPermissionsBoundaryResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::PutBoundary(command::PutBoundary {
            kind: 1,
            name: r.user_name,
            arn: String::new(),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteUserPermissionsBoundaryResponse { metadata: done.metadata }))
    }

    async fn put_role_permissions_boundary(
        &self,
        request: Request<pb::PutRolePermissionsBoundaryRequest>,
    ) -> Result<Response<pb::PutRolePermissionsBoundaryResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        if r.permissions_boundary.is_empty() {
            return Err(invalid("the ARN of a boundary is needed"));
        }
        let command = Command::PutBoundary(command::PutBoundary {
            kind: 3,
            name: r.role_name,
            arn: r.permissions_boundary,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::PutRolePermissionsBoundaryResponse { metadata: done.metadata }))
    }

    async fn delete_role_permissions_boundary(
        &self,
        request: Request<pb::DeleteRolePermissionsBoundaryRequest>,
    ) -> Result<Response<pb::DeleteRolePermissionsBoundaryResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::PutBoundary(command::PutBoundary {
            kind: 3,
            name: r.role_name,
            arn: String::new(),
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteRolePermissionsBoundaryResponse { metadata: done.metadata }))
    }

    async fn create_access_key(
        &self,
        request: Request<pb::CreateAccessKeyRequest>,
    ) -> Result<Response<pb::CreateAccessKeyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let id = ids::access_key_id(caller.account.as_u64(), &draw(&self.0));
        let (secret, sealed_secret) = secret(&self.0, &id)?;
        let drawn = id.clone();
        let command = Command::CreateAccessKey(command::CreateAccessKey {
            user: own_name(&caller, &r.user_name),
            id,
            sealed_secret,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::CreateAccessKeyResponse {
            access_key: match &done.reply.reply {
                // A retry that comes after the first answer shows the key without its secret: only the first answer had it.
                Some(Reply::AccessKey(k)) => Some(pb::CreatedAccessKey {
                    access_key: Some(access_key(k)),
                    secret_access_key: if k.id == drawn { secret } else { String::new() },
                }),
                _ => None,
            },
            metadata: done.metadata,
        }))
    }

    async fn update_access_key(
        &self,
        request: Request<pb::UpdateAccessKeyRequest>,
    ) -> Result<Response<pb::UpdateAccessKeyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let active = match r.status.as_str() {
            "Active" => true,
            "Inactive" => false,
            other => {
                return Err(invalid(format!("the status `{other}` is not Active or Inactive")));
            }
        };
        let command = Command::UpdateAccessKey(command::UpdateAccessKey {
            user: own_name(&caller, &r.user_name),
            id: r.access_key_id,
            active,
            delete: false,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::UpdateAccessKeyResponse { metadata: done.metadata }))
    }

    async fn delete_access_key(
        &self,
        request: Request<pb::DeleteAccessKeyRequest>,
    ) -> Result<Response<pb::DeleteAccessKeyResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let command = Command::UpdateAccessKey(command::UpdateAccessKey {
            user: own_name(&caller, &r.user_name),
            id: r.access_key_id,
            active: false,
            delete: true,
        });
        let done = mutate(&self.0, &caller, r.request_id, r.validate_only, command).await?;
        Ok(Response::new(pb::DeleteAccessKeyResponse { metadata: done.metadata }))
    }

    async fn list_access_keys(
        &self,
        request: Request<pb::ListAccessKeysRequest>,
    ) -> Result<Response<pb::ListAccessKeysResponse>, Status> {
        let caller = wire::caller(&request)?;
        let r = request.into_inner();
        let (view, account) =
            read(&self.0, &caller, r.consistency.as_ref(), "iam:ListAccessKeys", |a| {
                user_arn(a, &own_name(&caller, &r.user_name))
            })
            .await?;
        let name = own_name(&caller, &r.user_name);
        let items = account.access_keys(&name).map(|k| (k.id.clone(), access_key(k)));
        let (access_keys, next_page_token) =
            page(&self.0, "ListAccessKeys", r.page_size, &r.page_token, items)?;
        Ok(Response::new(pb::ListAccessKeysResponse {
            access_keys,
            next_page_token,
            evidence: evidence(&self.0, &caller, &view)?,
        }))
    }
}
