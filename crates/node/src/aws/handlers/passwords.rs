//! Passwords, what they must be like, and the alias under which people sign in.

use tidegate_authn::{PasswordError, Secret, hash_password, verify_password};
use tidegate_model::{
    AccountState, Command, Envelope, Reply, ResourceKind,
    command::{ReleaseAlias, ReserveAlias},
    mfa::ChangePassword,
    resource::{
        AccountAlias, Body, Change, ChangeResource, LoginProfile, PasswordPolicy, Resource,
        password_violation,
    },
};
use tidegate_policy::UnixMillis;
use tidegate_query::{Code, Fields, Refusal, Value};
use tidegate_replica::GroupId;

use super::providers::missing;
use crate::{
    aws::{
        answer::{Outcome, internal},
        call::{Call, given},
    },
    operations::{self, Done, Subject, draw},
};

const ALIAS: ResourceKind = ResourceKind::AccountAlias;
const POLICY: ResourceKind = ResourceKind::PasswordPolicy;
const LOGIN: ResourceKind = ResourceKind::LoginProfile;
/// Least length of a password where an update of the policy names none.
const LENGTH_DEFAULT: u32 = 6;

fn change(kind: ResourceKind, name: String, change: Change) -> Command {
    Command::ChangeResource(ChangeResource { kind: kind as u32, name, change: Some(change) })
}

fn resource(name: &str, body: Body) -> Resource {
    Resource { name: name.to_owned(), body: Some(body), ..Resource::default() }
}

/// Brings a command about aliases into the directory; what counts is the account's own check of what follows or came before.
async fn in_directory(call: &Call<'_>, command: Command) -> Result<u64, Refusal> {
    let envelope = Envelope {
        request_id: operations::request_id(call.core, String::new()),
        caller: Some(call.caller.reference.clone()),
        command: Some(command),
        ..Envelope::default()
    };
    let core = call.core;
    let proposed = core.propose(GroupId::DIRECTORY, &envelope, core.patience());
    let (index, _) = Box::pin(proposed).await?;
    Ok(index)
}

/// Gives up what the account has reserved up to the index in `reply`, but `kept`: none of it comes into use any more. Where that fails it
/// stays reserved for the account until its alias changes again, and does no harm.
async fn release(call: &Call<'_>, done: &Done, kept: String) {
    let reserved = given(done, |reply| match reply {
        Reply::Resource(Resource { body: Some(Body::AccountAlias(alias)), .. }) => {
            Some(alias.reserved)
        }
        _ => None,
    });
    let Ok(upto) = reserved else { return };
    let account = call.caller.account.as_u64();
    let command = ReleaseAlias { account, upto, kept, ..ReleaseAlias::default() };
    if let Err(error) = in_directory(call, Command::ReleaseAlias(command)).await {
        tracing::warn!(%error, "an alias stays reserved");
    }
}

/// An alias is one account's in the whole cluster: it is reserved in the directory before the account has it.
pub(super) async fn create_alias(call: &Call<'_>) -> Outcome {
    let alias = call.text("AccountAlias");
    tidegate_service::check(call.caller, "iam:CreateAccountAlias", "*")?;
    call.settles(ALIAS);
    let reserve = ReserveAlias { alias: alias.clone(), account: call.caller.account.as_u64() };
    let reserved = in_directory(call, Command::ReserveAlias(reserve)).await?;
    let new = resource(&alias, Body::AccountAlias(AccountAlias { reserved }));
    let done = call.change(change(ALIAS, alias.clone(), Change::Create(new))).await?;
    release(call, &done, alias).await;
    call.changed(&done, Fields::new())
}

pub(super) async fn delete_alias(call: &Call<'_>) -> Outcome {
    let alias = call.text("AccountAlias");
    let done = call.change(change(ALIAS, alias, Change::Delete(true))).await?;
    release(call, &done, String::new()).await;
    call.changed(&done, Fields::new())
}

pub(super) async fn list_aliases(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let aliases =
        account.resources(ALIAS).map(|r| (r.value.name.clone(), Value::Text(r.value.name.clone())));
    call.seen(&seen, call.page("AccountAliases", aliases)?)
}

/// The policy of an account, which is named by the account's number.
pub(super) fn policy(account: &AccountState) -> Option<&PasswordPolicy> {
    match account.resource(POLICY, &account.id().to_string())?.value.body.as_ref() {
        Some(Body::PasswordPolicy(policy)) => Some(policy),
        _ => None,
    }
}

/// What is not named goes back to its default: an update is no partial one.
pub(super) async fn update_policy(call: &Call<'_>) -> Outcome {
    let yes = |name: &str| call.input.boolean(name).unwrap_or(false);
    let number = |name: &str| call.input.integer(name).and_then(|n| u32::try_from(n).ok());
    let policy = PasswordPolicy {
        length_min: number("MinimumPasswordLength").unwrap_or(LENGTH_DEFAULT),
        symbols: yes("RequireSymbols"),
        numbers: yes("RequireNumbers"),
        uppercase: yes("RequireUppercaseCharacters"),
        lowercase: yes("RequireLowercaseCharacters"),
        users_may_change: yes("AllowUsersToChangePassword"),
        age_days_max: number("MaxPasswordAge").unwrap_or(0),
        reuse_prevention: number("PasswordReusePrevention").unwrap_or(0),
        hard_expiry: call.input.boolean("HardExpiry"),
    };
    let name = call.caller.account.to_string();
    let update = resource(&name, Body::PasswordPolicy(policy));
    call.just(change(POLICY, name, Change::Update(update))).await
}

pub(super) async fn get_policy(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let policy = policy(&account).ok_or_else(|| {
        let message =
            format!("The Password Policy with domain name {} cannot be found.", account.id());
        Refusal::new(Code::NoSuchEntity, message)
    })?;
    let set = |number: u32| (number > 0).then_some(number);
    let fields = Fields::new()
        .with("MinimumPasswordLength", policy.length_min)
        .with("RequireSymbols", policy.symbols)
        .with("RequireNumbers", policy.numbers)
        .with("RequireUppercaseCharacters", policy.uppercase)
        .with("RequireLowercaseCharacters", policy.lowercase)
        .with("AllowUsersToChangePassword", policy.users_may_change)
        .with("ExpirePasswords", policy.age_days_max > 0)
        .with_some("MaxPasswordAge", set(policy.age_days_max))
        .with_some("PasswordReusePrevention", set(policy.reuse_prevention))
        .with_some("HardExpiry", policy.hard_expiry);
    call.seen(&seen, Fields::new().with("PasswordPolicy", fields))
}

pub(super) async fn delete_policy(call: &Call<'_>) -> Outcome {
    call.just(change(POLICY, call.caller.account.to_string(), Change::Delete(true))).await
}

/// The hash of the password that the call gives, if the account's policy takes it; empty where the call gives none.
async fn hash(call: &Call<'_>, member: &str) -> Result<String, Refusal> {
    let Some(password) = call.input.text(member) else { return Ok(String::new()) };
    let view = call.core.views.load();
    let account = view.account(call.caller.account)?;
    if let Some(wrong) = password_violation(policy(account), password) {
        return Err(Refusal::new(Code::PasswordPolicyViolation, wrong));
    }
    let (password, salt) = (Secret::new(password.to_owned()), draw(call.core));
    // It takes tens of milliseconds on purpose.
    let hashed = tokio::task::spawn_blocking(move || hash_password(&password, &salt)).await;
    hashed.map_err(|e| internal(&e))?.map_err(|e| internal(&e))
}

fn profile(hash: String, reset_required: Option<bool>) -> LoginProfile {
    LoginProfile { hash, reset_required, ..LoginProfile::default() }
}

fn login(r: &Resource) -> Fields {
    let reset = match &r.body {
        Some(Body::LoginProfile(login)) => login.reset_required.unwrap_or(false),
        _ => false,
    };
    Fields::new()
        .with("UserName", &*r.name)
        .with("CreateDate", UnixMillis(r.created))
        .with("PasswordResetRequired", reset)
}

/// The name of the user as it was created, where it is known here.
fn user(call: &Call<'_>) -> Result<String, Refusal> {
    let name = call.user_name();
    let view = call.core.views.load();
    let user = view.account(call.caller.account)?.user(&name).map(|u| u.value.name.clone());
    Ok(user.unwrap_or(name))
}

pub(super) async fn create_login(call: &Call<'_>) -> Outcome {
    let name = user(call)?;
    let hash = hash(call, "Password").await?;
    if hash.is_empty() {
        return Err(Refusal::new(Code::ValidationError, "A password is needed."));
    }
    let reset_required = Some(call.input.boolean("PasswordResetRequired").unwrap_or(false));
    let new = resource(&name, Body::LoginProfile(profile(hash, reset_required)));
    let done = call.change(change(LOGIN, name, Change::Create(new))).await?;
    let made = given(&done, |r| if let Reply::Resource(r) = r { Some(r.clone()) } else { None })?;
    call.changed(&done, Fields::new().with("LoginProfile", login(&made)))
}

pub(super) async fn get_login(call: &Call<'_>) -> Outcome {
    let name = call.user_name();
    let (seen, account) = call.read(Subject::User(&name)).await?;
    let found = account.resource(LOGIN, &name).ok_or_else(|| missing(LOGIN, &name))?;
    call.seen(&seen, Fields::new().with("LoginProfile", login(&found.value)))
}

pub(super) async fn update_login(call: &Call<'_>) -> Outcome {
    let name = user(call)?;
    let hash = hash(call, "Password").await?;
    let reset_required = call.input.boolean("PasswordResetRequired");
    let update = resource(&name, Body::LoginProfile(profile(hash, reset_required)));
    call.just(change(LOGIN, name, Change::Update(update))).await
}

pub(super) async fn delete_login(call: &Call<'_>) -> Outcome {
    call.just(change(LOGIN, call.user_name(), Change::Delete(true))).await
}

/// Which of these hashes is that of the password.
async fn find(password: &str, hashes: Vec<String>) -> Result<Option<String>, Refusal> {
    let password = Secret::new(password.to_owned());
    let found = tokio::task::spawn_blocking(move || {
        for hash in hashes {
            match verify_password(&password, &hash) {
                Ok(()) => return Ok(Some(hash)),
                Err(PasswordError::Wrong) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(None)
    });
    found.await.map_err(|e| internal(&e))?.map_err(|e| internal(&e))
}

/// The login profile of a user in the present view.
fn own_profile(call: &Call<'_>, name: &str) -> Result<(LoginProfile, usize), Refusal> {
    let view = call.core.views.load();
    let account = view.account(call.caller.account)?;
    let found = account.resource(LOGIN, name).and_then(|r| match &r.value.body {
        Some(Body::LoginProfile(login)) => Some(login.clone()),
        _ => None,
    });
    let forbidden = policy(account).map_or(0, |p| p.reuse_prevention as usize);
    Ok((found.ok_or_else(|| missing(LOGIN, name))?, forbidden))
}

/// The caller's own password. Whoever may is asked before the passwords are looked at: hashes are costly, and tell.
pub(super) async fn change_own(call: &Call<'_>) -> Outcome {
    let Some(name) = call.caller.resolved.principal.username.as_deref() else {
        let message = "Only IAM Users can change their own password";
        return Err(Refusal::new(Code::InvalidUserType, message));
    };
    let (_, account) = call.read(Subject::User(name)).await?;
    let core = call.core;
    let guessed = format!("{}/{}", account.id(), name.to_ascii_lowercase());
    let (login, forbidden) = own_profile(call, name)?;
    if !core.attempts.take(&guessed, core.platform.monotonic()) {
        return Err(Refusal::new(Code::Throttling, "Rate exceeded"));
    }
    let (old, new) = (call.text("OldPassword"), call.text("NewPassword"));
    if find(&old, vec![login.hash.clone()]).await?.is_none() {
        return Err(Refusal::new(Code::AccessDenied, "The old password was incorrect."));
    }
    core.attempts.right(&guessed);
    let hash = hash(call, "NewPassword").await?;
    let before = core::iter::once(&login.hash).chain(&login.previous).take(forbidden);
    if find(&new, before.cloned().collect()).await?.is_some() {
        let message = format!("Password can't be one of the last {forbidden} passwords");
        return Err(Refusal::new(Code::PasswordPolicyViolation, message));
    }
    let change = ChangePassword { user: name.to_owned(), old_hash: login.hash, hash };
    call.just(Command::ChangePassword(change)).await
}
