//! Who may quarantine whom, who may lift, and how many there may be.

use super::{
    QUARANTINE_MILLIS_MAX, Quarantine, REASON_CHARS_MAX, RegionState, Subject, Target, target_kind,
};
use crate::{Rejection, RejectionKind};

/// Quarantines of one issuer that may stand at once. Whoever has more to contain takes the account.
pub const ISSUER_MAX: usize = 100;
/// Quarantines that one node has taken and that may stand at once: what all nodes hold in memory for it is bounded.
pub const NODE_MAX: usize = 10_000;
/// Quarantines that one command may lift.
pub const LIFTS_AT_ONCE_MAX: usize = 100;

fn denied(message: impl Into<String>) -> Rejection {
    Rejection::new(RejectionKind::AccessDenied, message)
}

/// Refuses an issuer whose account may not quarantine the target, whatever its policies say. `of_root`: the target is an access key of the
/// root user. `operator`: the cluster operator's account.
///
/// A quarantine can't be undone by who is in it, so nobody may be able to lock out who stands above it: accounts and their root users are
/// contained by the operator, and operators by operators.
pub fn may_quarantine(
    issuer_account: u64,
    account: u64,
    target: &Target,
    of_root: bool,
    operator: u64,
) -> Result<(), Rejection> {
    let by_operator = issuer_account == operator;
    if account == operator && !by_operator {
        return Err(denied("Only a cluster operator may quarantine a cluster operator."));
    }
    if account == operator && target.kind == target_kind::ACCOUNT {
        return Err(Rejection::invalid(
            "The cluster operator's account as a whole can't be quarantined: nobody could lift it.",
        ));
    }
    if by_operator {
        return Ok(());
    }
    if matches!(target.kind, target_kind::ACCOUNT | target_kind::ROOT) || of_root {
        return Err(denied("Only a cluster operator may quarantine an account or its root user."));
    }
    if issuer_account != account {
        return Err(denied(format!(
            "The account {issuer_account:012} may not quarantine anybody of the account {account:012}."
        )));
    }
    Ok(())
}

/// Refuses whoever may not lift a quarantine: its target never, and else only the root user of the account, where that is not the target, or
/// a cluster operator.
pub fn may_lift(
    quarantine: &Quarantine,
    lifter: &Subject<'_>,
    by_operator: bool,
) -> Result<(), Rejection> {
    let id = &quarantine.id;
    if quarantine.covers(lifter) {
        return Err(denied(format!("The quarantine {id} is never lifted by its target.")));
    }
    let kind = quarantine.target.as_ref().map_or(0, |t| t.kind);
    let above_root = matches!(kind, target_kind::ACCOUNT | target_kind::ROOT);
    let by_root = lifter.root && lifter.account == quarantine.account && !above_root;
    if by_operator || by_root {
        return Ok(());
    }
    Err(denied(format!(
        "The quarantine {id} is lifted by the root user of its account, where that is not its target, or by a cluster operator."
    )))
}

/// Refuses one more quarantine of an issuer at a node where either has too many that last: of the issuer those that nobody has lifted, and of
/// the node all that it keeps. `issuer`: ARN of the user or role behind him.
pub fn check_quota(
    region: &RegionState,
    issuer: &str,
    node: u64,
    now: u64,
    lifted: impl Fn(&Quarantine) -> bool,
) -> Result<(), Rejection> {
    let (mut of_issuer, mut of_node) = (0, 0);
    for quarantine in region.quarantines().filter(|q| q.lasts(now)) {
        of_issuer += usize::from(quarantine.issuer_principal == issuer && !lifted(quarantine));
        of_node += usize::from(quarantine.node == node);
    }
    if of_issuer >= ISSUER_MAX {
        return Err(Rejection::limit("QuarantinesPerIssuer", ISSUER_MAX));
    }
    if of_node >= NODE_MAX {
        return Err(Rejection::limit("QuarantinesPerNode", NODE_MAX));
    }
    Ok(())
}

/// Refuses a reason that says nothing, or too much.
pub fn check_reason(reason: &str) -> Result<(), Rejection> {
    if (1..=REASON_CHARS_MAX).contains(&reason.trim().chars().count()) {
        return Ok(());
    }
    Err(Rejection::invalid(format!(
        "A quarantine needs a reason of 1 to {REASON_CHARS_MAX} characters."
    )))
}

/// Refuses what no node of ours would have written.
pub fn check_quarantine(quarantine: &Quarantine) -> Result<(), Rejection> {
    let named = (1..=64).contains(&quarantine.id.len()) && quarantine.target.is_some();
    let bounded = quarantine.until.saturating_sub(quarantine.issued) <= QUARANTINE_MILLIS_MAX;
    if named && bounded {
        return check_reason(&quarantine.reason);
    }
    Err(Rejection::invalid("A quarantine needs an id, a target and an end."))
}
