//! Virtual MFA devices, and the codes that they show.

use tidegate_authn::{SEED_BYTES, Seed, qr_code_png};
use tidegate_model::{
    AccountState, Command, Reply, ResourceKind,
    mfa::{DeactivateMfaDevice, EnableMfaDevice, MfaDevice, ResyncMfaDevice},
    resource::{Body, Change, ChangeResource, Resource},
};
use tidegate_policy::UnixMillis;
use tidegate_query::{Code, Fields, Refusal, Value};

use super::shapes;
use crate::{
    aws::{
        answer::{Outcome, internal},
        call::{Call, given, no_such},
    },
    operations::{CodeError, Subject, decision_id, one_time, use_code},
};

const MFA: ResourceKind = ResourceKind::MfaDevice;

/// "`VirtualMFADevice` with serial number … doesn't exist."
pub(super) fn missing(serial: &str) -> Refusal {
    let message = format!("VirtualMFADevice with serial number {serial} doesn't exist.");
    Refusal::new(Code::NoSuchEntity, message)
}

fn bad_code() -> Refusal {
    Refusal::new(Code::InvalidAuthenticationCode, "Authentication code for device is not valid.")
}

/// The name in a serial number of the caller's account.
pub(super) fn name(call: &Call<'_>) -> Result<String, Refusal> {
    let serial = call.text("SerialNumber");
    let prefix = format!("arn:{}:iam::{}:mfa/", call.caller.state.partition(), call.caller.account);
    let name = serial.strip_prefix(&prefix).and_then(|rest| rest.rsplit('/').next());
    name.filter(|n| !n.is_empty()).map(ToOwned::to_owned).ok_or_else(|| missing(&serial))
}

/// The user that a call names; empty: the root user, which calls itself by the account's name, as `GetUser` shows it.
fn user(call: &Call<'_>, account: &AccountState) -> String {
    let named = call.user_name();
    let is_root = call.caller.resolved.principal.arn.ends_with(":root");
    let own = account.account().is_some_and(|a| a.name == named);
    if is_root && own && account.user(&named).is_none() { String::new() } else { named }
}

/// A seed of a device, opened.
fn open(call: &Call<'_>, serial: &str, device: &MfaDevice) -> Result<Seed, Refusal> {
    Ok(one_time::open(call.core, call.caller.account, serial, device)?)
}

/// Counts a try at the codes of a device.
fn count(call: &Call<'_>, serial: &str) -> Result<(), Refusal> {
    Ok(one_time::count(call.core, serial)?)
}

/// `otpauth://totp/NAME@USER?secret=SEED`: what the QR code of a new device says, as with AWS.
fn enrolment(call: &Call<'_>, device: &str, seed: &Seed) -> String {
    let number = call.caller.account.to_string();
    let user = call.caller.resolved.principal.username.as_deref().unwrap_or(&number);
    // Names hold letters, digits and `_+=,.@-`: none of them means anything in the path of a URI but `@`, which stands in between.
    let plain = |name: &str| name.replace('@', "%40").replace('+', "%2B");
    let secret = seed.base32();
    format!("otpauth://totp/{}@{}?secret={}", plain(device), plain(user), secret.expose())
}

pub(super) async fn create(call: &Call<'_>) -> Outcome {
    let core = call.core;
    let (device, path) = (call.text("VirtualMFADeviceName"), call.text("Path"));
    let mut bytes = vec![0; SEED_BYTES];
    core.platform.entropy(&mut bytes);
    let seed = Seed::new(bytes).map_err(|e| internal(&e))?;
    let view = core.views.load();
    let serial = MFA.arn(view.account(call.caller.account)?, &path, &device);
    let sealed = core.seal_secret(&serial, seed.expose())?;
    let new = Resource {
        name: device.clone(),
        path,
        id: decision_id(core),
        tags: shapes::read_tags(call.input),
        body: Some(Body::MfaDevice(MfaDevice { sealed_seed: sealed, ..MfaDevice::default() })),
        ..Resource::default()
    };
    let change = Some(Change::Create(new));
    let command = ChangeResource { kind: MFA as u32, name: device.clone(), change };
    let done = call.change(Command::ChangeResource(command)).await?;
    let made = given(&done, |r| if let Reply::Resource(r) = r { Some(r.clone()) } else { None })?;
    let png = qr_code_png(&enrolment(call, &device, &seed)).map_err(|e| internal(&e))?;
    let fields = Fields::new()
        .with("SerialNumber", serial)
        .with("Base32StringSeed", seed.base32().expose().as_bytes().to_vec())
        .with("QRCodePNG", png)
        .with_some("Tags", (!made.tags.is_empty()).then(|| shapes::tags(&made.tags)));
    call.changed(&done, Fields::new().with("VirtualMFADevice", fields))
}

/// The device that a call names, its seed and serial number.
fn device(
    call: &Call<'_>,
    account: &AccountState,
) -> Result<(Resource, MfaDevice, String, Seed), Refusal> {
    let serial = call.text("SerialNumber");
    let (resource, device) = account.mfa_device(&serial).ok_or_else(|| missing(&serial))?;
    let seed = open(call, &serial, device)?;
    Ok((resource.clone(), device.clone(), serial, seed))
}

pub(super) async fn enable(call: &Call<'_>) -> Outcome {
    let view = call.core.views.load();
    let account = view.account(call.caller.account)?;
    let (resource, device, serial, seed) = device(call, account)?;
    count(call, &serial)?;
    let (first, second) = (call.text("AuthenticationCode1"), call.text("AuthenticationCode2"));
    let steps = MfaDevice { drift: 0, ..device }.good_steps(call.core.platform.wall().0);
    let step = seed.step_of_pair((&first, &second), steps).ok_or_else(bad_code)?;
    call.core.attempts.right(&serial);
    call.just(Command::EnableMfaDevice(EnableMfaDevice {
        name: resource.name,
        id: resource.id,
        user: user(call, account),
        step,
    }))
    .await
}

pub(super) async fn resync(call: &Call<'_>) -> Outcome {
    let view = call.core.views.load();
    let account = view.account(call.caller.account)?;
    let (resource, device, serial, seed) = device(call, account)?;
    count(call, &serial)?;
    let (first, second) = (call.text("AuthenticationCode1"), call.text("AuthenticationCode2"));
    let steps = device.resync_steps(call.core.platform.wall().0);
    let step = seed.step_of_pair((&first, &second), steps).ok_or_else(bad_code)?;
    call.core.attempts.right(&serial);
    call.just(Command::ResyncMfaDevice(ResyncMfaDevice {
        name: resource.name,
        id: resource.id,
        user: user(call, account),
        step,
    }))
    .await
}

pub(super) async fn deactivate(call: &Call<'_>) -> Outcome {
    let view = call.core.views.load();
    let user = user(call, view.account(call.caller.account)?);
    call.just(Command::DeactivateMfaDevice(DeactivateMfaDevice { name: name(call)?, user })).await
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    let change = Some(Change::Delete(true));
    let command = ChangeResource { kind: MFA as u32, name: name(call)?, change };
    call.just(Command::ChangeResource(command)).await
}

/// The name of who has a device, as it was created; of the root user that of the account.
fn holder(account: &AccountState, device: &MfaDevice) -> Option<String> {
    let name = device.user.as_deref()?;
    let of_account = || account.account().map(|a| a.name.clone()).unwrap_or_default();
    Some(match account.user(name) {
        Some(user) => user.value.name.clone(),
        None if name.is_empty() => of_account(),
        None => name.to_owned(),
    })
}

fn listed(account: &AccountState, resource: &Resource, device: &MfaDevice) -> Fields {
    Fields::new()
        .with_some("UserName", holder(account, device))
        .with("SerialNumber", account.mfa_serial(resource))
        .with_some("EnableDate", device.user.as_ref().map(|_| UnixMillis(device.enabled)))
}

pub(super) async fn get(call: &Call<'_>) -> Outcome {
    let serial = call.text("SerialNumber");
    let asked = call.text("UserName");
    let own = call.user_name();
    let (seen, account) = call.read(Subject::User(&own)).await?;
    let (resource, device) = account.mfa_device(&serial).ok_or_else(|| missing(&serial))?;
    let of = holder(&account, device).unwrap_or_default();
    if !asked.is_empty() && !of.eq_ignore_ascii_case(&asked) {
        return Err(missing(&serial));
    }
    call.seen(&seen, listed(&account, resource, device))
}

pub(super) async fn list(call: &Call<'_>) -> Outcome {
    let name = call.user_name();
    let (seen, account) = call.read(Subject::User(&name)).await?;
    let of = user(call, &account);
    if !of.is_empty() {
        account.user(&of).ok_or_else(|| no_such("user", &of))?;
    }
    let devices = account
        .mfa_devices_of(&of)
        .map(|(r, d)| (r.name.to_ascii_lowercase(), Value::Structure(listed(&account, r, d))));
    call.seen(&seen, call.page("MFADevices", devices)?)
}

pub(super) async fn list_virtual(call: &Call<'_>) -> Outcome {
    let (seen, account) = call.read(Subject::Account).await?;
    let wanted = |device: &MfaDevice| match call.text("AssignmentStatus").as_str() {
        "Assigned" => device.user.is_some(),
        "Unassigned" => device.user.is_none(),
        _ => true,
    };
    let holder = |device: &MfaDevice| match device.user.as_deref() {
        Some("") => Some(shapes::root(&account)),
        Some(name) => account.user(name).map(|u| shapes::listed_user(&account, &u.value)),
        None => None,
    };
    let devices = account.mfa_devices().filter(|(_, d)| wanted(d)).map(|(r, d)| {
        let fields = Fields::new()
            .with("SerialNumber", account.mfa_serial(r))
            .with_some("User", holder(d))
            .with_some("EnableDate", d.user.as_ref().map(|_| UnixMillis(d.enabled)));
        (r.name.to_ascii_lowercase(), Value::Structure(fields))
    });
    call.seen(&seen, call.page("VirtualMFADevices", devices)?)
}

/// Uses up the code that a call of STS gives, of a device of the caller's own, and says when, in milliseconds since the Unix epoch; `None`
/// where the call gives none.
pub(super) async fn authenticated(call: &Call<'_>) -> Result<Option<u64>, Refusal> {
    let (serial, code) = (call.text("SerialNumber"), call.text("TokenCode"));
    Ok(use_code(call.core, call.caller, &serial, &code).await?)
}

impl From<CodeError> for Refusal {
    fn from(e: CodeError) -> Self {
        match e {
            CodeError::TooMany => Self::new(Code::Throttling, "Rate exceeded"),
            CodeError::Refused(error) => error.into(),
        }
    }
}
