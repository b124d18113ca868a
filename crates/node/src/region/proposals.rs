//! What a leader refuses before it costs an entry: the writes of who is contained, and lifts that its own view does not bear out.

use std::sync::Arc;

use tidegate_model::{Captured, Command, Envelope, command::caller_kind};
use tidegate_policy::AccountId;
use tidegate_service::{Caller, Reason, ServiceError, check_foreign_lift, check_standing};

use crate::core::Core;

/// Refuses a proposal whose caller is contained as this node has it, and a lift whose caller may not. Whom this node does not know it leaves
/// to apply, but for lifts: those of another account's operator nobody else looks at.
pub(crate) fn check(core: &Core, bytes: &[u8]) -> Result<(), ServiceError> {
    // What can't be read is refused when it is applied.
    let Ok(envelope) = Envelope::from_bytes(bytes) else { return Ok(()) };
    let Some(reference) = envelope.caller.filter(|c| c.kind != caller_kind::SYSTEM) else {
        return Ok(());
    };
    let lift = match envelope.command {
        Some(Command::LiftQuarantine(lift)) => Some(lift),
        _ => None,
    };
    let unknown = || match lift {
        Some(_) => Err(ServiceError::new(Reason::AccessDenied, "the caller is not known here")),
        None => Ok(()),
    };
    let view = core.views.load();
    let now = core.platform.wall();
    let Ok(account) = AccountId::from_u64(reference.account) else { return unknown() };
    let (Ok(state), Ok(group)) = (view.account(account), view.group_of(account)) else {
        return unknown();
    };
    let Ok(resolved) = state.resolve(&reference, now.0) else { return unknown() };
    check_standing(&view, state, &reference, &resolved, now)?;
    let Some(lift) = &lift else { return Ok(()) };
    let context = Captured::context(&envelope.context);
    let caller = Caller { reference, account, group, state: Arc::clone(state), resolved, context };
    check_foreign_lift(&view, &caller, lift)
}
