//! Virtual MFA devices and own passwords: what is recorded of a device, the commands, and which time steps are good when.
//!
//! Whoever serves a call finds the step that a code belongs to, since it alone can open seeds. Whether that step may be used is decided
//! where the account's writes are ordered: it must be near the time of the entry, and behind every step that was used before. So a code is
//! taken once, however many nodes are shown it at the same time.

use core::ops::RangeInclusive;

use prost::Message;

use crate::{
    AccountState, Command, EntityKind, ResourceKind,
    resource::{Body, Resource},
};

/// Milliseconds of a time step: thirty seconds, as authenticator apps have it.
pub const MFA_STEP_MILLIS: u64 = 30_000;
/// Steps by which a device's clock may be off, either way (RFC 6238 recommends one).
const STEPS_OFF_MAX: u64 = 1;
/// Steps by which a device's clock may be off when it is resynchronised: ten minutes, either way.
const RESYNC_STEPS_MAX: u64 = 20;
/// Devices of one user, or of the root user.
pub const MFA_DEVICES_PER_USER_MAX: usize = 8;

/// A virtual MFA device.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct MfaDevice {
    /// Its seed, sealed with a cluster key for its serial number.
    #[prost(bytes = "vec", tag = "1")]
    pub sealed_seed: Vec<u8>,
    /// The name, in lower case, of the user who has it, empty for the root user; absent: nobody has it.
    #[prost(string, optional, tag = "2")]
    pub user: Option<String>,
    /// Since when, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "3")]
    pub enabled: u64,
    /// The step of the code that was used last.
    #[prost(uint64, tag = "4")]
    pub last_step: u64,
    /// Steps by which its clock is ahead.
    #[prost(sint64, tag = "5")]
    pub drift: i64,
}

/// Gives a device to a user.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct EnableMfaDevice {
    /// The device's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its unique id, as it was when the codes were looked at.
    #[prost(string, tag = "2")]
    pub id: String,
    /// The user; empty: the root user.
    #[prost(string, tag = "3")]
    pub user: String,
    /// The step of the second of two consecutive codes.
    #[prost(uint64, tag = "4")]
    pub step: u64,
}

/// Notes by how much a device's clock is off.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ResyncMfaDevice {
    /// The device's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its unique id, as it was when the codes were looked at.
    #[prost(string, tag = "2")]
    pub id: String,
    /// The user who has it; empty: the root user.
    #[prost(string, tag = "3")]
    pub user: String,
    /// The step of the second of two consecutive codes.
    #[prost(uint64, tag = "4")]
    pub step: u64,
}

/// Takes a device from its user.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DeactivateMfaDevice {
    /// The device's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The user who has it; empty: the root user.
    #[prost(string, tag = "2")]
    pub user: String,
}

/// Uses up a code of the caller's own device.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UseMfaCode {
    /// The device's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its unique id, as it was when the code was looked at.
    #[prost(string, tag = "2")]
    pub id: String,
    /// The code's step.
    #[prost(uint64, tag = "3")]
    pub step: u64,
}

/// Sets the caller's own password.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ChangePassword {
    /// The user, who is the caller.
    #[prost(string, tag = "1")]
    pub user: String,
    /// The hash that the old password was found to have.
    #[prost(string, tag = "2")]
    pub old_hash: String,
    /// The hash of the new one.
    #[prost(string, tag = "3")]
    pub hash: String,
}

/// The time step of a point in time, in milliseconds since the Unix epoch.
fn step_at(time: u64) -> u64 {
    time / MFA_STEP_MILLIS
}

impl MfaDevice {
    fn around(&self, time: u64, off: u64) -> RangeInclusive<u64> {
        let middle = step_at(time).saturating_add_signed(self.drift);
        // What was used, and what comes before it, is not looked for again.
        let first = middle.saturating_sub(off).max(self.last_step.saturating_add(1));
        first..=middle.saturating_add(off)
    }

    /// The steps whose codes are good at `time`, in milliseconds since the Unix epoch.
    pub fn good_steps(&self, time: u64) -> RangeInclusive<u64> {
        self.around(time, STEPS_OFF_MAX)
    }

    /// The steps among which the device's clock is looked for when it is resynchronised at `time`.
    pub fn resync_steps(&self, time: u64) -> RangeInclusive<u64> {
        Self { drift: 0, ..self.clone() }.around(time, RESYNC_STEPS_MAX)
    }

    /// By how much a device is ahead that shows the code of `step` at `time`.
    pub(crate) fn drift_of(step: u64, time: u64) -> i64 {
        let drift = i128::from(step) - i128::from(step_at(time));
        i64::try_from(drift).unwrap_or_default()
    }
}

/// The device that a resource is.
pub fn of_resource(resource: &Resource) -> Option<&MfaDevice> {
    match &resource.body {
        Some(Body::MfaDevice(device)) => Some(device),
        _ => None,
    }
}

impl AccountState {
    /// The serial number of a device: its ARN.
    pub fn mfa_serial(&self, device: &Resource) -> String {
        ResourceKind::MfaDevice.arn(self, &device.path, &device.name)
    }

    /// The device with a serial number.
    pub fn mfa_device(&self, serial: &str) -> Option<(&Resource, &MfaDevice)> {
        let name = serial.rsplit('/').next()?;
        let resource = &self.resource(ResourceKind::MfaDevice, name)?.value;
        (self.mfa_serial(resource) == serial).then_some(())?;
        Some((resource, of_resource(resource)?))
    }

    /// All devices, ordered by name.
    pub fn mfa_devices(&self) -> impl Iterator<Item = (&Resource, &MfaDevice)> {
        self.resources(ResourceKind::MfaDevice)
            .filter_map(|r| Some((&r.value, of_resource(&r.value)?)))
    }

    /// The devices of a user; empty name: of the root user.
    pub fn mfa_devices_of(&self, user: &str) -> impl Iterator<Item = (&Resource, &MfaDevice)> {
        let user = user.to_ascii_lowercase();
        self.mfa_devices().filter(move |(_, d)| d.user.as_deref() == Some(user.as_str()))
    }
}

/// The permissions that one of this module's commands needs. The use of an own code needs none: [`crate::apply`] looks at whose it is.
pub(crate) fn permissions(command: &Command, account: &AccountState) -> Vec<(String, String)> {
    let (action, user) = match command {
        Command::EnableMfaDevice(c) => ("EnableMFADevice", &c.user),
        Command::ResyncMfaDevice(c) => ("ResyncMFADevice", &c.user),
        Command::DeactivateMfaDevice(c) => ("DeactivateMFADevice", &c.user),
        Command::ChangePassword(c) => ("ChangePassword", &c.user),
        _ => return Vec::new(),
    };
    let arn = match account.user(user) {
        Some(user) => account.arn(EntityKind::User, &user.value.path, &user.value.name),
        None if user.is_empty() => account.root_arn(),
        None => account.arn(EntityKind::User, "/", user),
    };
    vec![(format!("iam:{action}"), arn)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_near_the_time_and_behind_what_was_used() {
        let device = |last_step, drift| MfaDevice { last_step, drift, ..MfaDevice::default() };
        let time = 100 * MFA_STEP_MILLIS + 29_999;
        assert_eq!(device(0, 0).good_steps(time), 99..=101);
        assert_eq!(device(99, 0).good_steps(time), 100..=101);
        assert!(device(101, 0).good_steps(time).is_empty());
        assert_eq!(device(0, -3).good_steps(time), 96..=98);
        assert_eq!(device(0, 0).good_steps(0), 1..=1);
        assert_eq!(device(95, -9).resync_steps(time), 96..=120);
        assert_eq!(MfaDevice::drift_of(96, time), -4);
        assert!(device(u64::MAX, i64::MAX).good_steps(u64::MAX).count() <= 1);
    }
}
