//! What every operation does the same way: pages, reads, changes, and the ARNs that they name.

use tracing::Instrument;

use super::{
    AccountState, Arc, Caller, Captured, Command, Consistency, Core, EntityKind, Envelope, GroupId,
    Mac, ReplyBox, ResponseMetadata, Seen, Status, check, invalid, permissions, refuse, wire,
};

use crate::telemetry::trace;

/// Items of a page that is asked for without a size.
const PAGE_DEFAULT: u32 = 100;
/// Most items of a page.
const PAGE_MAX: u32 = 1_000;

/// A change that took effect, or, with `validate_only`, would.
pub(super) struct Done {
    pub(super) account: Arc<AccountState>,
    pub(super) reply: ReplyBox,
    pub(super) metadata: Option<ResponseMetadata>,
}

/// One page of `items`, which come in order of their keys, and the token of the next.
pub(in crate::grpc) fn page<T>(
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
pub(super) async fn mutate(
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
    let request_id = wire::request_id(core, request_id);
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
    // On the heap: reads share this function's callers.
    let proposed = Box::pin(core.propose(caller.group, &envelope, core.patience()));
    let (index, reply) = proposed.instrument(span).await.map_err(refuse)?;
    let metadata = wire::metadata(core, caller.group, (index, reply.revision), request_id)?;
    Ok(Done { account: Arc::clone(account), reply, metadata: Some(metadata) })
}

/// The view that a read asks for, and the caller's account in it, if the caller may.
pub(super) async fn read(
    core: &Core,
    caller: &Caller,
    consistency: Option<&Consistency>,
    action: &str,
    resource: impl FnOnce(&AccountState) -> String,
) -> Result<(Seen, Arc<AccountState>), Status> {
    let view = wire::view(core, consistency, &[GroupId::DIRECTORY, caller.group]).await?;
    let account = Arc::clone(view.account(caller.account).map_err(refuse)?);
    let caller = wire::still(core, &view, caller)?;
    check(&caller, action, &resource(&account)).map_err(refuse)?;
    Ok((view, account))
}

pub(super) fn evidence(
    core: &Core,
    caller: &Caller,
    view: &Seen,
) -> Result<Option<tidegate_proto::common::v1::Evidence>, Status> {
    wire::evidence(core, view, &[GroupId::DIRECTORY, caller.group]).map(Some)
}

pub(super) fn user_arn(account: &AccountState, name: &str) -> String {
    let path = account.user(name).map_or("/", |u| &u.value.path).to_owned();
    account.arn(EntityKind::User, &path, name)
}

pub(super) fn group_arn(account: &AccountState, name: &str) -> String {
    let path = account.group(name).map_or("/", |g| &g.value.path).to_owned();
    account.arn(EntityKind::Group, &path, name)
}

pub(super) fn role_arn(account: &AccountState, name: &str) -> String {
    let path = account.role(name).map_or("/", |r| &r.value.path).to_owned();
    account.arn(EntityKind::Role, &path, name)
}

/// The user that a call without a name means: the caller.
pub(super) fn own_name(caller: &Caller, name: &str) -> String {
    if name.is_empty() {
        caller.resolved.principal.username.as_deref().unwrap_or_default().to_owned()
    } else {
        name.to_owned()
    }
}
