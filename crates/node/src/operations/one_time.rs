//! Codes of MFA devices that calls of STS bring, by either front door.

use tidegate_authn::Seed;
use tidegate_model::{
    Command,
    mfa::{MfaDevice, UseMfaCode},
};
use tidegate_policy::AccountId;
use tidegate_service::{Caller, Reason, ServiceError};

use super::mutate;
use crate::core::Core;

/// Why a code is not taken.
#[derive(Debug)]
pub(crate) enum CodeError {
    /// Wrong ones were tried too often.
    TooMany,
    /// Anything else.
    Refused(ServiceError),
}

impl From<ServiceError> for CodeError {
    fn from(e: ServiceError) -> Self {
        Self::Refused(e)
    }
}

impl From<CodeError> for ServiceError {
    fn from(e: CodeError) -> Self {
        match e {
            CodeError::TooMany => {
                Self::new(Reason::Overloaded, "too many wrong codes of the device were tried")
            }
            CodeError::Refused(error) => error,
        }
    }
}

fn internal(e: &dyn core::fmt::Display) -> ServiceError {
    ServiceError::new(Reason::Internal, e.to_string())
}

/// AWS says no more, whatever is the matter with the device.
fn not_own() -> ServiceError {
    ServiceError::new(
        Reason::AccessDenied,
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
    )
}

fn wrong() -> ServiceError {
    let message = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
    ServiceError::new(Reason::AccessDenied, message)
}

/// A seed of a device, opened.
pub(crate) fn open(
    core: &Core,
    account: AccountId,
    serial: &str,
    device: &MfaDevice,
) -> Result<Seed, ServiceError> {
    let bytes = core.open_secret(account, serial, &device.sealed_seed)?;
    Seed::new(bytes).map_err(|e| internal(&e))
}

/// Counts a try at the codes of a device.
pub(crate) fn count(core: &Core, serial: &str) -> Result<(), CodeError> {
    let may = core.attempts.take(serial, core.platform.monotonic());
    may.then_some(()).ok_or(CodeError::TooMany)
}

/// Uses up the code of a device of the caller's own, and says when, in milliseconds since the Unix epoch; `None` where neither a serial
/// number nor a code is given.
///
/// # Errors
/// `ValidationError` where one of the two is missing; `AccessDenied` where the device is not the caller's, or the code is wrong or was
/// used; [`CodeError::TooMany`]; and those of a change: a code is good once in the order of the account, at its home.
pub(crate) async fn use_code(
    core: &Core,
    caller: &Caller,
    serial: &str,
    code: &str,
) -> Result<Option<u64>, CodeError> {
    if serial.is_empty() && code.is_empty() {
        return Ok(None);
    }
    if serial.is_empty() || code.is_empty() {
        let message = "SerialNumber and TokenCode must be given together.";
        return Err(ServiceError::new(Reason::ValidationError, message).into());
    }
    let view = core.views.load();
    let account = view.account(caller.account)?;
    let principal = &caller.resolved.principal;
    let is_root = principal.arn.ends_with(":root");
    let own = if is_root { Some("") } else { principal.username.as_deref() };
    let (resource, device) = account
        .mfa_devices_of(own.ok_or_else(not_own)?)
        .find(|(r, _)| account.mfa_serial(r) == serial)
        .ok_or_else(not_own)?;
    count(core, serial)?;
    let now = core.platform.wall().0;
    let seed = open(core, caller.account, serial, device)?;
    // A code that is used up is no guess: it is refused likewise, but not counted.
    let unused = MfaDevice { last_step: 0, ..device.clone() };
    let step = seed.step_of(code, unused.good_steps(now)).ok_or_else(wrong)?;
    core.attempts.right(serial);
    if !device.good_steps(now).contains(&step) {
        return Err(wrong().into());
    }
    let used = UseMfaCode { name: resource.name.clone(), id: resource.id.clone(), step };
    let done = mutate(core, caller, String::new(), false, Command::UseMfaCode(used));
    match Box::pin(done).await {
        Ok(_) => Ok(Some(now)),
        Err(error) if error.reason == Reason::InvalidAuthenticationCode => Err(wrong().into()),
        Err(error) => Err(error.into()),
    }
}
