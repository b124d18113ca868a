//! What both front doors do the same way, gRPC's and that of the AWS Query protocol: views, reads, changes and pages. A call is authorized
//! here and nowhere else.

mod freshness;
pub(crate) mod one_time;
mod subject;

use std::sync::Arc;

use tidegate_authn::Mac;
use tidegate_model::{
    AccountState, Captured, Command, EntityKind, Envelope, command::ReplyBox, permissions,
};
use tidegate_policy::AccountId;
use tidegate_replica::{Clock, GroupId};
use tidegate_service::{Caller, Reason, ServiceError, check_on};
use tracing::Instrument;

pub(crate) use self::{
    freshness::{
        Evidence, Fresh, Seen, covering, decision_id, evidence, not_yet, still, view, view_of,
    },
    one_time::{CodeError, use_code},
    subject::Subject,
};
use crate::{carrying, core::Core, telemetry::trace};

/// Items of a page that is asked for without a size.
const PAGE_DEFAULT: u32 = 100;
/// Most items of a page.
const PAGE_MAX: u32 = 1_000;

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(Reason::ValidationError, message)
}

/// A change that took effect, or, when it was only to be validated, would.
pub(crate) struct Done {
    /// The account before the change.
    pub(crate) account: Arc<AccountState>,
    /// What the change gave.
    pub(crate) reply: ReplyBox,
    /// Where the proposal stands: the group that has the account, and the index in its log; `None`: it was only validated.
    pub(crate) place: Option<(GroupId, u64)>,
    /// The id under which it is remembered.
    pub(crate) request_id: String,
}

/// A request's own id, or a fresh one where the caller gave none: what is tried again within the call is then known for the same.
pub(crate) fn request_id(core: &Core, given: String) -> String {
    if given.is_empty() { format!("drawn-{}", decision_id(core)) } else { given }
}

/// The token of a position in a group's log, at which `account` was changed. Of an account that was moved it names the directory's position,
/// too: whoever covers that looks for the account where it is.
pub(crate) fn token_of(
    core: &Core,
    account: AccountId,
    group: GroupId,
    index: u64,
) -> Result<String, ServiceError> {
    let view = core.views.load();
    let moved = view.directory.account(account).is_some_and(|placement| placement.epoch > 0);
    let mut positions =
        if moved { view.positions_of(&[GroupId::DIRECTORY]) } else { Clock::default() };
    positions.advance(core.origin(group), index);
    core.token(&view, positions)
}

/// One page of `items`, which come in order of their keys, and the token of the next.
pub(crate) fn page<T>(
    core: &Core,
    operation: &str,
    size: u32,
    token: &str,
    items: impl Iterator<Item = (String, T)>,
) -> Result<(Vec<T>, String), ServiceError> {
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
        // No key lies between the last one and that with a zero behind it.
        let ended = |zeros| format!("{operation}\0{last}{}", "\0".repeat(zeros as usize));
        mac.write_word(|zeros| ended(zeros).into_bytes())
    } else {
        String::new()
    };
    Ok((page, next))
}

/// Brings a command of the caller into the group of its account.
pub(crate) async fn mutate(
    core: &Core,
    caller: &Caller,
    request_id: String,
    validate_only: bool,
    command: Command,
) -> Result<Done, ServiceError> {
    let view = core.views.load();
    let account = view.account(caller.account)?;
    // Refused here before it costs a write; what counts is the check at its own log index.
    for (action, resource) in permissions(&command, account) {
        check_on(account, caller, &action, &resource)?;
    }
    if !request_id.is_empty() {
        carrying::is_repeatable();
    }
    let request_id = self::request_id(core, request_id);
    let span = tracing::info_span!("write", node = %core.me, group = %caller.group);
    let envelope = Envelope {
        request_id: request_id.clone(),
        account: caller.account.as_u64(),
        caller: Some(caller.reference.clone()),
        context: Captured::entries(&caller.context),
        trace: trace::traceparent(&span).unwrap_or_default(),
        command: Some(command),
    };
    if validate_only {
        let mut state = view
            .groups
            .get(&view.group_of(caller.account)?.0)
            .cloned()
            .ok_or_else(|| invalid("the account's group is not here"))?;
        let applied = state.apply(
            u64::MAX,
            core.platform.wall().0,
            &Envelope { request_id: String::new(), ..envelope },
        );
        let reply = applied.outcome.into_result()?;
        return Ok(Done { account: Arc::clone(account), reply, place: None, request_id });
    }
    // On the heap: reads share this function's callers.
    let proposed = Box::pin(core.propose_for(caller.account, &envelope, core.patience()));
    let (group, index, reply) = proposed.instrument(span).await?;
    Ok(Done { account: Arc::clone(account), reply, place: Some((group, index)), request_id })
}

/// The view that a read asks for, and the caller's account in it, if the caller may.
pub(crate) async fn read(
    core: &Core,
    caller: &Caller,
    fresh: &Fresh,
    action: &str,
    subject: Subject<'_>,
) -> Result<(Seen, Arc<AccountState>), ServiceError> {
    let view = view_of(core, fresh, caller.account).await?;
    let account = Arc::clone(view.account(caller.account)?);
    let caller = still(core, &view, caller)?;
    check_on(&account, &caller, action, &subject.arn(&account))?;
    Ok((view, account))
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
pub(crate) fn own_name(caller: &Caller, name: &str) -> String {
    if name.is_empty() {
        caller.resolved.principal.username.as_deref().unwrap_or_default().to_owned()
    } else {
        name.to_owned()
    }
}

/// Sixteen random bytes.
pub(crate) fn draw(core: &Core) -> [u8; 16] {
    let mut bytes = [0; 16];
    core.platform.entropy(&mut bytes);
    bytes
}

/// A fresh secret of forty letters, and the same sealed for its key.
pub(crate) fn secret(core: &Core, key_id: &str) -> Result<(String, Vec<u8>), ServiceError> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = [draw(core), draw(core), draw(core)].concat();
    let letter = |b: &u8| char::from(LETTERS.get(usize::from(b & 63)).copied().unwrap_or(b'A'));
    let secret: String = bytes.iter().take(40).map(letter).collect();
    let sealed = core.seal_secret(key_id, secret.as_bytes())?;
    Ok((secret, sealed))
}
