//! The end of an account: its group erases it, some records at a time, and the directory forgets it.

use tidegate_model::{
    Command, Envelope, Reply,
    command::{EraseAccount, ForgetAccount},
    record::AccountPlacement,
};
use tidegate_replica::GroupId;
use tidegate_service::Reason;

use super::{STEP_MAX, report, system};
use crate::core::Core;

/// Records that one log entry erases. They travel together, and are well below what a peer's message may hold.
const RECORDS_MAX: u32 = 1_000;

fn envelope(account: u64, command: Command) -> Envelope {
    // Without a request id: each step may be repeated, and none is to be remembered.
    Envelope { account, caller: Some(system()), command: Some(command), ..Envelope::default() }
}

/// Erases a closed account and forgets it. Where a step has no outcome, the next look begins again.
pub(super) async fn erase(core: &Core, account: &AccountPlacement) {
    let number = account.account;
    loop {
        let step = EraseAccount { records_max: RECORDS_MAX };
        let step = envelope(number, Command::EraseAccount(step));
        match core.propose(GroupId(account.group), &step, STEP_MAX).await {
            Ok((_, reply)) if matches!(reply.reply, Some(Reply::Done(true))) => break,
            Ok(_more) => {}
            // Nothing of it is left.
            Err(error) if error.reason == Reason::AccountNotFound => break,
            Err(error) => {
                tracing::debug!(%error, account = number, "an account is not erased yet");
                return;
            }
        }
    }
    let forget = Command::ForgetAccount(ForgetAccount { account: number });
    report(
        "an account can't be forgotten",
        core.propose(GroupId::DIRECTORY, &envelope(number, forget), STEP_MAX).await,
    );
}
