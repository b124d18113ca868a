//! What sessions, and whoever is not the root user, may not do whatever their policies say.

use tidegate_policy::PrincipalKind;

use crate::{
    Command, Resolved,
    command::{CallerRef, caller_kind},
    rejection::{Rejection, RejectionKind},
};

/// Refuses commands of IAM from sessions that may not call it: those of federated users, and those that act as a user who gave no code of an
/// MFA device (AWS, "Comparing the AWS STS API operations").
pub(super) fn check_command(caller: &CallerRef, command: &Command) -> Result<(), Rejection> {
    let of_iam = !matches!(command, Command::UseMfaCode(_) | Command::LiftQuarantine(_));
    let may = match caller.kind {
        caller_kind::FEDERATED_SESSION => false,
        caller_kind::USER_SESSION => caller.mfa_at.is_some(),
        _ => true,
    };
    if may || !of_iam {
        return Ok(());
    }
    Err(Rejection::new(
        RejectionKind::InvalidClientTokenId,
        "The session may not call IAM: it was made without a code of an MFA device, or for a federated user.",
    ))
}

/// Refuses to let anybody but the root user itself change the root user's access keys and MFA devices: whoever could give it a key would be it.
pub(super) fn check_root_alone(command: &Command, resolved: &Resolved) -> Result<(), Rejection> {
    let user = match command {
        Command::CreateAccessKey(c) => &c.user,
        Command::UpdateAccessKey(c) => &c.user,
        Command::EnableMfaDevice(c) => &c.user,
        Command::ResyncMfaDevice(c) => &c.user,
        Command::DeactivateMfaDevice(c) => &c.user,
        _ => return Ok(()),
    };
    if !user.is_empty() || resolved.principal.kind == PrincipalKind::Root {
        return Ok(());
    }
    Err(Rejection::invalid("Must specify userName when calling with non-User credentials"))
}
