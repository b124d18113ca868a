//! The credential report, and the lists of credentials that no user has here yet.
//!
//! AWS makes a report every four hours; here it is made of the view when it is asked for, and so there is always one.

use tidegate_model::{
    AccountState, ResourceKind,
    record::AccessKey,
    resource::{Body, LoginProfile, PasswordPolicy},
};
use tidegate_policy::UnixMillis;
use tidegate_query::{Fields, Value};

use super::passwords;
use crate::{
    aws::{
        answer::Outcome,
        call::{Call, no_such},
    },
    operations::Subject,
};

/// The columns, as AWS has them.
const COLUMNS: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated";
const NONE: &str = "N/A";
const UNKNOWN: &str = "no_information";
const UNSUPPORTED: &str = "not_supported";
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

/// The five columns of a key. When it was used last is not known here.
fn key(key: Option<&AccessKey>) -> [String; 5] {
    let none = || NONE.to_owned();
    match key {
        Some(key) => [flag(key.active), time(key.created), none(), none(), none()],
        None => [flag(false), none(), none(), none(), none()],
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
    (name, arn, created): (&str, &str, u64),
    user: &str,
    password: [String; 4],
) -> String {
    let mut columns = vec![name.to_owned(), arn.to_owned(), time(created)];
    columns.extend(password);
    columns.push(flag(account.mfa_devices_of(user).next().is_some()));
    let mut keys = account.access_keys(user);
    columns.extend(key(keys.next().map(|k| &**k)));
    columns.extend(key(keys.next().map(|k| &**k)));
    columns.extend([flag(false), NONE.to_owned(), flag(false), NONE.to_owned()]);
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
fn report(account: &AccountState) -> String {
    let policy = passwords::policy(account);
    let created = account.account().map(|a| a.created).unwrap_or_default();
    let root = format!("arn:aws:iam::{}:root", account.id());
    let none = [UNSUPPORTED, UNKNOWN, UNSUPPORTED, UNSUPPORTED].map(ToOwned::to_owned);
    let mut lines = vec![COLUMNS.to_owned()];
    lines.push(line(account, ("<root_account>", &root, created), "", none));
    for user in account.users() {
        let (name, path) = (&user.value.name, &user.value.path);
        let login = account.resource(ResourceKind::LoginProfile, name);
        let login = login.and_then(|r| match &r.value.body {
            Some(Body::LoginProfile(login)) => Some(login),
            _ => None,
        });
        let arn = quoted(&account.arn(tidegate_model::EntityKind::User, path, name));
        let of = (&*quoted(name), &*arn, user.value.created);
        lines.push(line(account, of, name, password(login, policy)));
    }
    lines.join("\n")
}

pub(super) async fn generate(call: &Call<'_>) -> Outcome {
    let (seen, _) = call.read(Subject::Account).await?;
    call.seen(&seen, Fields::new().with("State", "COMPLETE"))
}

pub(super) async fn get(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let output = Fields::new()
        .with("Content", report(&account).into_bytes())
        .with("ReportFormat", "text/csv")
        .with("GeneratedTime", call.core.platform.wall());
    call.seen(&seen, output)
}

/// A list that is empty for everybody: what would stand in it can't be made here yet.
fn nothing(list: &str) -> Fields {
    Fields::new().with(list, Value::List(Vec::new())).with("IsTruncated", false)
}

async fn of_user(call: &Call<'_>, list: &str) -> Outcome {
    let name = call.user_name();
    let (seen, account) = call.read(Subject::User(&name)).await?;
    if !name.is_empty() {
        account.user(&name).ok_or_else(|| no_such("user", &name))?;
    }
    call.seen(&seen, nothing(list))
}

async fn of_account(call: &Call<'_>, list: &str) -> Outcome {
    let (seen, _) = call.read(Subject::Account).await?;
    call.seen(&seen, nothing(list))
}

macro_rules! empty_lists {
    ($($handler:ident $name:ident $list:literal;)*) => {
        $(pub(super) async fn $name(call: &Call<'_>) -> Outcome {
            $handler(call, $list).await
        })*
    };
}

empty_lists! {
    of_user signing_certificates "Certificates";
    of_user ssh_public_keys "SSHPublicKeys";
    of_user service_credentials "ServiceSpecificCredentials";
    of_account server_certificates "ServerCertificateMetadataList";
}
