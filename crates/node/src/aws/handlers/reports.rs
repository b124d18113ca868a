//! The credential report.
//!
//! As with AWS, a report must be asked for, and is good for four hours. What it says is made of the view when it is fetched.

use tidegate_model::{
    AccountState, ResourceKind,
    record::AccessKey,
    region::RegionState,
    resource::{Body, Change, CredentialReport, LoginProfile, PasswordPolicy, Resource},
};
use tidegate_policy::UnixMillis;
use tidegate_query::{Code, Fields, Refusal};

use super::{held, passwords};
use crate::{
    aws::{answer::Outcome, call::Call},
    operations::Subject,
};

/// The columns, as AWS has them.
const COLUMNS: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated";
const NONE: &str = "N/A";
const UNKNOWN: &str = "no_information";
const UNSUPPORTED: &str = "not_supported";
const REPORT: ResourceKind = ResourceKind::CredentialReport;
/// How long a report is good, in milliseconds: four hours, as with AWS.
const FRESH_MILLIS: u64 = 4 * 3_600_000;
/// Milliseconds of a day.
const DAY: u64 = 86_400_000;

/// A time as the report has it: ISO 8601 to the second, in UTC.
fn time(millis: u64) -> String {
    let text = UnixMillis(millis / 1000 * 1000).to_string();
    text.trim_end_matches('Z').to_owned() + "+00:00"
}

fn flag(yes: bool) -> String {
    if yes { "TRUE" } else { "FALSE" }.to_owned()
}

/// The five columns of a key.
fn key(account: &AccountState, region: &RegionState, key: Option<&AccessKey>) -> [String; 5] {
    let none = || NONE.to_owned();
    let Some(key) = key else { return [flag(false), none(), none(), none(), none()] };
    let used = match region.last_used(account.id().as_u64(), &key.id) {
        Some(used) => [time(used.minute * 60_000), used.region.clone(), used.service.clone()],
        None => [none(), none(), none()],
    };
    let [date, region, service] = used;
    [flag(key.active), time(key.created), date, region, service]
}

/// The two columns of a signing certificate.
fn certificate(resource: Option<&Resource>) -> [String; 2] {
    match resource.map(|r| (&r.body, r.created)) {
        Some((Some(Body::SigningCertificate(c)), created)) => [flag(c.active), time(created)],
        _ => [flag(false), NONE.to_owned()],
    }
}

/// The four columns of a password.
fn password(login: Option<&LoginProfile>, policy: Option<&PasswordPolicy>) -> [String; 4] {
    let Some(login) = login else {
        return [flag(false), NONE.to_owned(), NONE.to_owned(), NONE.to_owned()];
    };
    let days = policy.map_or(0, |p| u64::from(p.age_days_max));
    let rotation = if days == 0 { NONE.to_owned() } else { time(login.changed + days * DAY) };
    [flag(true), UNKNOWN.to_owned(), time(login.changed), rotation]
}

/// One line of the report.
fn line(
    account: &AccountState,
    region: &RegionState,
    (name, arn, created): (&str, &str, u64),
    user: &str,
    password: [String; 4],
) -> String {
    let mut columns = vec![name.to_owned(), arn.to_owned(), time(created)];
    columns.extend(password);
    columns.push(flag(account.mfa_devices_of(user).next().is_some()));
    let mut keys = account.access_keys(user);
    columns.extend(key(account, region, keys.next().map(|k| &**k)));
    columns.extend(key(account, region, keys.next().map(|k| &**k)));
    let mut certificates = account.held(ResourceKind::SigningCertificate, user);
    columns.extend(certificate(certificates.next().map(|r| &r.value)));
    columns.extend(certificate(certificates.next().map(|r| &r.value)));
    columns.join(",")
}

/// A text in quotes where CSV wants them.
fn quoted(text: &str) -> String {
    if text.contains([',', '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// The report on an account.
fn report(account: &AccountState, region: &RegionState) -> String {
    let policy = passwords::policy(account);
    let created = account.account().map(|a| a.created).unwrap_or_default();
    let root = account.root_arn();
    let none = [UNSUPPORTED, UNKNOWN, UNSUPPORTED, UNSUPPORTED].map(ToOwned::to_owned);
    let mut lines = vec![COLUMNS.to_owned()];
    lines.push(line(account, region, ("<root_account>", &root, created), "", none));
    for user in account.users() {
        let (name, path) = (&user.value.name, &user.value.path);
        let login = account.resource(ResourceKind::LoginProfile, name);
        let login = login.and_then(|r| match &r.value.body {
            Some(Body::LoginProfile(login)) => Some(login),
            _ => None,
        });
        let arn = quoted(&account.arn(tidegate_model::EntityKind::User, path, name));
        let of = (&*quoted(name), &*arn, user.value.created);
        lines.push(line(account, region, of, name, password(login, policy)));
    }
    lines.join("\n")
}

/// When the report was asked for last, in milliseconds since the Unix epoch.
fn generated(account: &AccountState) -> Option<u64> {
    match account.resource(REPORT, &account.id().to_string())?.value.body.as_ref() {
        Some(Body::CredentialReport(report)) => Some(report.generated),
        _ => None,
    }
}

/// Whether a report that was asked for then is still good.
fn is_fresh(generated: u64, now: u64) -> bool {
    now < generated.saturating_add(FRESH_MILLIS)
}

pub(super) async fn generate(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let now = call.core.platform.wall().0;
    if generated(&account).is_some_and(|at| is_fresh(at, now)) {
        return call.seen(&seen, Fields::new().with("State", "COMPLETE"));
    }
    let name = account.id().to_string();
    let body = Body::CredentialReport(CredentialReport::default());
    let update = held::new(&name, String::new(), body);
    let done = call.change(held::change(REPORT, name, Change::Update(update))).await?;
    let output = Fields::new()
        .with("State", "STARTED")
        .with("Description", "No report exists. Starting a new report generation task");
    call.changed(&done, output)
}

pub(super) async fn get(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let now = call.core.platform.wall();
    match generated(&account) {
        Some(at) if is_fresh(at, now.0) => {}
        Some(_) => {
            let message = "The report has expired: generate a new one.";
            return Err(Refusal::new(Code::ReportExpired, message));
        }
        None => {
            let message = "No report exists: generate one.";
            return Err(Refusal::new(Code::ReportNotPresent, message));
        }
    }
    let output = Fields::new()
        .with("Content", report(&account, &seen.region).into_bytes())
        .with("ReportFormat", "text/csv")
        .with("GeneratedTime", now);
    call.seen(&seen, output)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client would have to wait for: after four hours a report has expired.
    #[test]
    fn a_report_is_good_for_four_hours() {
        let at = 1_000;
        assert!(is_fresh(at, at) && is_fresh(at, at + FRESH_MILLIS - 1));
        assert!(!is_fresh(at, at + FRESH_MILLIS));
    }
}
