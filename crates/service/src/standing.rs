//! Whether somebody is contained: by a quarantine, or by a time before which sessions are void.
//!
//! Always from what this node has, whatever consistency was asked for: a quarantine counts where it is known.

use std::sync::Arc;

use tidegate_model::{
    AccountState, CallerRef, Resolved,
    command::caller_kind,
    region::{Quarantine, Subject, is_void, quarantined},
};
use tidegate_policy::UnixMillis;

use crate::{Reason, ServiceError, View};

/// What whoever is in a quarantine is told: which, until when, and why.
pub fn refusal(quarantine: &Quarantine) -> ServiceError {
    ServiceError::new(Reason::Quarantined, sentence(quarantine))
        .with("quarantine", &quarantine.id)
        .with("until", UnixMillis(quarantine.until))
}

pub(crate) fn sentence(quarantine: &Quarantine) -> String {
    let target = quarantine.target.as_ref().map_or("", |t| &t.arn);
    format!(
        "{target} is quarantined by {} until {}: {}",
        quarantine.id,
        UnixMillis(quarantine.until),
        quarantine.reason
    )
}

/// The quarantine that denies this one in a view longest.
pub(crate) fn contained<'a>(
    view: &'a View,
    account: &'a AccountState,
    subject: &Subject<'_>,
    now: UnixMillis,
) -> Option<&'a Arc<Quarantine>> {
    quarantined(Some(&view.region), account, subject, now.0)
}

/// Refuses a caller who is contained in this view.
pub fn check_standing(
    view: &View,
    account: &AccountState,
    reference: &CallerRef,
    resolved: &Resolved,
    now: UnixMillis,
) -> Result<(), ServiceError> {
    if let Some(quarantine) = contained(view, account, &Subject::caller(reference, resolved), now) {
        return Err(refusal(quarantine));
    }
    let session = reference.kind == caller_kind::SESSION;
    if session && is_void(Some(&view.region), account, &reference.id, reference.issued) {
        return Err(ServiceError::new(
            Reason::SessionVoid,
            "the session was issued before the time from which sessions of its role are good",
        ));
    }
    Ok(())
}
