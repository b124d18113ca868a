//! Virtual MFA devices and own passwords: the one order in which codes are used up.

use crate::{
    AccountState, Key, Reply, Resolved, ResourceKind,
    apply::{Answer, Step},
    command::{CallerRef, caller_kind},
    mfa::{
        ChangePassword, DeactivateMfaDevice, EnableMfaDevice, MFA_DEVICES_PER_USER_MAX, MfaDevice,
        ResyncMfaDevice, UseMfaCode, of_resource,
    },
    rejection::{Rejection, RejectionKind},
    resource::{Body, LoginProfile, Resource},
};
use tidegate_policy::PrincipalKind;

/// Passwords before the present one that are remembered: the most that a password policy can forbid.
const PREVIOUS_MAX: usize = 24;

/// "`VirtualMFADevice` with serial number … doesn't exist."
pub(crate) fn missing(serial: &str) -> Rejection {
    let message = format!("VirtualMFADevice with serial number {serial} doesn't exist.");
    Rejection::new(RejectionKind::NoSuchEntity, message)
}

fn bad_code() -> Rejection {
    Rejection::new(
        RejectionKind::InvalidAuthenticationCode,
        "Authentication code for device is not valid.",
    )
}

/// Refuses the use of a code by anybody but who has the device, by own credentials or a session that acts as him.
pub(super) fn check_own(
    account: &AccountState,
    command: &UseMfaCode,
    caller: &CallerRef,
    resolved: &Resolved,
) -> Result<(), Rejection> {
    let acts_itself =
        matches!(caller.kind, caller_kind::ROOT | caller_kind::USER | caller_kind::USER_SESSION);
    let own = match (resolved.principal.kind, resolved.principal.username.as_deref()) {
        (PrincipalKind::Root, _) => Some(String::new()),
        (_, name) => name.map(str::to_ascii_lowercase),
    };
    let device = account.resource(ResourceKind::MfaDevice, &command.name);
    let user = device.and_then(|d| of_resource(&d.value)).and_then(|d| d.user.clone());
    if acts_itself && own.is_some() && own == user {
        return Ok(());
    }
    Err(Rejection::new(RejectionKind::AccessDenied, "The MFA device is not the caller's own."))
}

/// Refuses the change of another's password.
pub(super) fn check_own_password(
    command: &ChangePassword,
    resolved: &Resolved,
) -> Result<(), Rejection> {
    let own = resolved.principal.username.as_deref();
    if own.is_some_and(|name| name.eq_ignore_ascii_case(&command.user)) {
        return Ok(());
    }
    Err(Rejection::new(RejectionKind::AccessDenied, "Users change their own password alone."))
}

impl LoginProfile {
    /// Puts the present hash among those before it.
    pub(super) fn remember(&mut self) {
        let present = core::mem::take(&mut self.hash);
        if !present.is_empty() {
            self.previous.insert(0, present);
            self.previous.truncate(PREVIOUS_MAX);
        }
    }
}

impl Step<'_> {
    /// A device that is still the one that was looked at.
    fn mfa_device(&self, name: &str, id: &str) -> Result<(Resource, MfaDevice), Rejection> {
        let kind = ResourceKind::MfaDevice;
        let found = self.account.resource(kind, name).map(|r| r.value.clone());
        let found = found.and_then(|r| of_resource(&r).cloned().map(|d| (r, d)));
        let (resource, device) = found.ok_or_else(|| missing(&kind.arn(self.account, "", name)))?;
        if resource.id != id {
            return Err(Rejection::new(
                RejectionKind::EntityTemporarilyUnmodifiable,
                "The MFA device was deleted and created again. Try again later.",
            ));
        }
        Ok((resource, device))
    }

    /// The same where `user` has it.
    fn device_of(
        &self,
        name: &str,
        id: &str,
        user: &str,
    ) -> Result<(Resource, MfaDevice), Rejection> {
        let (resource, device) = self.mfa_device(name, id)?;
        if device.user.as_deref() != Some(user) {
            let serial = self.account.mfa_serial(&resource);
            let message = format!("MFA Device with serial number {serial} is not of this user.");
            return Err(Rejection::new(RejectionKind::NoSuchEntity, message));
        }
        Ok((resource, device))
    }

    fn put_device(&mut self, mut resource: Resource, device: MfaDevice) {
        let key =
            Key::Resource(self.number, ResourceKind::MfaDevice, resource.name.to_ascii_lowercase());
        resource.body = Some(Body::MfaDevice(device));
        self.changes.put(key, &resource);
    }

    /// The name of a user in lower case; empty for the root user.
    fn holder(&self, user: &str) -> Result<String, Rejection> {
        if !user.is_empty() && self.account.user(user).is_none() {
            return Err(Rejection::no_such("user", user));
        }
        Ok(user.to_ascii_lowercase())
    }

    pub(super) fn enable_mfa_device(&mut self, c: &EnableMfaDevice) -> Answer {
        let user = self.holder(&c.user)?;
        let (resource, mut device) = self.mfa_device(&c.name, &c.id)?;
        if device.user.is_some() {
            let message = "MFA Device is already in use.";
            return Err(Rejection::new(RejectionKind::EntityAlreadyExists, message));
        }
        if self.account.mfa_devices_of(&user).count() >= MFA_DEVICES_PER_USER_MAX {
            return Err(Rejection::limit("MFADevicesPerUser", MFA_DEVICES_PER_USER_MAX));
        }
        device.drift = 0;
        if !device.good_steps(self.time).contains(&c.step) {
            return Err(bad_code());
        }
        device.user = Some(user);
        device.enabled = self.time;
        device.last_step = c.step;
        self.put_device(resource, device);
        Ok(Reply::Done(true))
    }

    pub(super) fn resync_mfa_device(&mut self, c: &ResyncMfaDevice) -> Answer {
        let user = self.holder(&c.user)?;
        let (resource, mut device) = self.device_of(&c.name, &c.id, &user)?;
        if !device.resync_steps(self.time).contains(&c.step) {
            return Err(bad_code());
        }
        device.drift = MfaDevice::drift_of(c.step, self.time);
        device.last_step = c.step;
        self.put_device(resource, device);
        Ok(Reply::Done(true))
    }

    pub(super) fn deactivate_mfa_device(&mut self, c: &DeactivateMfaDevice) -> Answer {
        let user = self.holder(&c.user)?;
        let id = self.account.resource(ResourceKind::MfaDevice, &c.name);
        let id = id.map(|r| r.value.id.clone()).unwrap_or_default();
        let (resource, mut device) = self.device_of(&c.name, &id, &user)?;
        // The step that was used last stays: what was used is not good for the next user either.
        device.user = None;
        device.enabled = 0;
        self.put_device(resource, device);
        Ok(Reply::Done(true))
    }

    pub(super) fn use_mfa_code(&mut self, c: &UseMfaCode) -> Answer {
        let (resource, mut device) = self.mfa_device(&c.name, &c.id)?;
        if !device.good_steps(self.time).contains(&c.step) {
            return Err(bad_code());
        }
        device.last_step = c.step;
        self.put_device(resource, device);
        Ok(Reply::Done(true))
    }

    pub(super) fn change_password(&mut self, c: &ChangePassword) -> Answer {
        let kind = ResourceKind::LoginProfile;
        let found = self.account.resource(kind, &c.user).map(|r| r.value.clone());
        let Some(Resource { body: Some(Body::LoginProfile(mut login)), name, .. }) = found.clone()
        else {
            let message = format!("Login Profile for User {} cannot be found.", c.user);
            return Err(Rejection::new(RejectionKind::NoSuchEntity, message));
        };
        // Between the look at the old password and now somebody else has set one.
        if login.hash != c.old_hash || c.hash.is_empty() {
            return Err(Rejection::new(
                RejectionKind::EntityTemporarilyUnmodifiable,
                format!("Login Profile for User {name} was changed meanwhile. Try again."),
            ));
        }
        login.remember();
        login.hash.clone_from(&c.hash);
        login.changed = self.time;
        login.reset_required = Some(false);
        let changed =
            Resource { body: Some(Body::LoginProfile(login)), ..found.unwrap_or_default() };
        self.changes.put(Key::Resource(self.number, kind, c.user.to_ascii_lowercase()), &changed);
        Ok(Reply::Done(true))
    }

    /// Refuses to delete a user who has a device.
    pub(crate) fn check_no_mfa_device(&self, user: &str) -> Result<(), Rejection> {
        match self.account.mfa_devices_of(user).next() {
            Some(_) => Err(Rejection::conflict("must deactivate MFA devices first")),
            None => Ok(()),
        }
    }

    /// A user's devices move along when the user is renamed.
    pub(crate) fn move_mfa_devices(&mut self, from: &str, to: &str) {
        let account = self.account;
        for (resource, device) in account.mfa_devices_of(from) {
            let moved = MfaDevice { user: Some(to.to_owned()), ..device.clone() };
            self.put_device(resource.clone(), moved);
        }
    }
}

#[cfg(test)]
mod tests;
