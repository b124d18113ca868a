//! Whether somebody is contained: by a quarantine, or by a time before which sessions are void.
//!
//! Always from what this node has, whatever consistency was asked for: a quarantine counts where it is known.

use std::{collections::BTreeMap, sync::Arc};

use tidegate_model::{
    AccountState, CallerRef, Resolved,
    command::caller_kind,
    region::{Quarantine, Subject, is_void, quarantined},
};
use tidegate_policy::{AccountId, UnixMillis};

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

/// The quarantine that denies this one in a view longest: one of its own account, or, of a session that was begun from other accounts, one of
/// theirs.
pub(crate) fn contained<'a>(
    view: &'a View,
    account: &'a AccountState,
    subject: &Subject<'_>,
    now: UnixMillis,
) -> Option<&'a Arc<Quarantine>> {
    let region = Some(&view.region);
    let own = quarantined(region, account, subject, now.0);
    let ancestors = abroad(subject.lineage);
    let elsewhere = ancestors.iter().filter_map(|(number, lineage)| {
        let state = view.account(AccountId::from_u64(*number).ok()?).ok()?;
        let ancestor =
            Subject { account: *number, root: false, entity: "", access_key: "", lineage };
        quarantined(region, state, &ancestor, now.0)
    });
    own.into_iter().chain(elsewhere).max()
}

/// What stands between the account and the name of whoever is of another account in a lineage. No id has it.
const OF: char = '/';

/// Who of a lineage is of other accounts, by account.
fn abroad(lineage: &[String]) -> BTreeMap<u64, Vec<String>> {
    let mut all: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (account, id) in lineage.iter().filter_map(|entry| entry.split_once(OF)) {
        if let Ok(number) = account.parse() {
            all.entry(number).or_default().push(id.to_owned());
        }
    }
    all
}

/// The lineage of a session of the account `to`, when it is begun by somebody of the account `from` with this lineage.
pub(crate) fn lineage_across(lineage: Vec<String>, from: u64, to: u64) -> Vec<String> {
    if from == to {
        return lineage;
    }
    let home = format!("{to}{OF}");
    let moved = |entry: String| match entry.strip_prefix(&home) {
        Some(id) => id.to_owned(),
        None if entry.contains(OF) => entry,
        None => format!("{from}{OF}{entry}"),
    };
    let mut all: Vec<String> = lineage.into_iter().map(moved).collect();
    all.sort();
    all.dedup();
    all
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
