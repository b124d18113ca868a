//! Instance profiles, identity providers, the alias, the password policy and login profiles.

use tidegate_replica::RegionName;

use crate::{
    AccountState, Key, Reply,
    apply::{Answer, Step, held, mfa::missing as mfa_missing, service_linked::check_unprotected},
    mfa::MfaDevice,
    record::Account,
    rejection::{Rejection, RejectionKind},
    resource::{
        AccountAlias, Body, Change, ChangeResource, EC2, Resource, ResourceKind, holder,
        role_of_instance, trusts_service,
    },
    validate,
};

/// Client ids of an OIDC provider.
const CLIENT_IDS_MAX: usize = 100;
/// Thumbprints of an OIDC provider.
const THUMBPRINTS_MAX: usize = 5;

pub(super) fn missing(kind: ResourceKind, name: &str) -> Rejection {
    let message = match kind {
        ResourceKind::OidcProvider | ResourceKind::SamlProvider => {
            format!("{} not found for {name}", kind.title())
        }
        ResourceKind::LoginProfile => format!("Login Profile for User {name} cannot be found."),
        ResourceKind::AccountAlias => format!("The account alias {name} cannot be found."),
        ResourceKind::PasswordPolicy => {
            format!("The Password Policy with domain name {name} cannot be found.")
        }
        ResourceKind::InstanceProfile => format!("Instance Profile {name} cannot be found."),
        ResourceKind::ServerCertificate => {
            format!("The Server Certificate with name {name} cannot be found.")
        }
        ResourceKind::Instance => format!("The instance {name} cannot be found."),
        ResourceKind::MfaDevice => return mfa_missing(name),
        _ => format!("The {} with id {} cannot be found.", kind.title(), holder(name).1),
    };
    Rejection::new(RejectionKind::NoSuchEntity, message)
}

pub(super) fn taken(kind: ResourceKind, name: &str) -> Rejection {
    let message = match kind {
        ResourceKind::OidcProvider => format!("Provider with url https://{name} already exists."),
        ResourceKind::LoginProfile => format!("Login Profile for user {name} already exists."),
        ResourceKind::ServerCertificate => {
            format!("The Server Certificate with name {name} already exists.")
        }
        ResourceKind::MfaDevice => {
            "MFADevice entity at the same path and name already exists.".to_owned()
        }
        _ => format!("{} {name} already exists.", kind.title()),
    };
    Rejection::new(RejectionKind::EntityAlreadyExists, message)
}

pub(super) fn mismatch() -> Rejection {
    Rejection::invalid("The change does not fit the kind of resource.")
}

fn check_lists(body: &Body) -> Result<(), Rejection> {
    let Body::OidcProvider(provider) = body else { return Ok(()) };
    if provider.client_ids.len() > CLIENT_IDS_MAX {
        return Err(Rejection::limit("ClientIdsPerOpenIdConnectProvider", CLIENT_IDS_MAX));
    }
    if provider.thumbprints.len() > THUMBPRINTS_MAX {
        let message = format!("Thumbprint list must contain fewer than {THUMBPRINTS_MAX} entries.");
        return Err(Rejection::new(RejectionKind::InvalidInput, message));
    }
    Ok(())
}

/// The body after an update: what an update of its kind does not say stays.
fn updated(old: &Body, new: &Body) -> Result<Body, Rejection> {
    Ok(match (old, new) {
        (Body::OidcProvider(old), Body::OidcProvider(new)) => {
            let mut body = old.clone();
            body.thumbprints.clone_from(&new.thumbprints);
            Body::OidcProvider(body)
        }
        (Body::LoginProfile(old), Body::LoginProfile(new)) => {
            let mut body = old.clone();
            if !new.hash.is_empty() {
                body.remember();
                body.hash.clone_from(&new.hash);
            }
            body.reset_required = new.reset_required.or(old.reset_required);
            Body::LoginProfile(body)
        }
        (Body::SamlProvider(_), Body::SamlProvider(_))
        | (Body::PasswordPolicy(_), Body::PasswordPolicy(_)) => new.clone(),
        (old, new) => held::updated(old, new)?,
    })
}

/// Whether an instance can be given its role: there is one, and its trust policy lets instances have it.
fn check_instance(account: &AccountState, new: &Resource) -> Result<(), Rejection> {
    let Some(Body::Instance(instance)) = &new.body else { return Err(mismatch()) };
    let well_formed = new.name.strip_prefix("i-").is_some_and(|id| {
        id.len() == 17 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    let region = RegionName::new(&new.path).is_ok();
    if !well_formed || !region || instance.secret_hash.len() != 32 {
        return Err(mismatch());
    }
    if instance.profile.is_empty() == instance.role.is_empty() {
        let message = "An instance needs either an instance profile or a role.";
        return Err(Rejection::invalid(message));
    }
    let profile = &instance.profile;
    if !profile.is_empty() && account.resource(ResourceKind::InstanceProfile, profile).is_none() {
        return Err(missing(ResourceKind::InstanceProfile, profile));
    }
    let role = role_of_instance(account, instance).ok_or_else(|| match instance.role.as_str() {
        "" => Rejection::invalid(format!("The instance profile {profile} has no role.")),
        role => Rejection::no_such("role", role),
    })?;
    let arn = ResourceKind::Instance.arn(account, &new.path, &new.name);
    if trusts_service(account, &role.value, EC2, &arn) {
        return Ok(());
    }
    let message =
        format!("The trust policy of the role {} does not let {EC2} assume it.", role.value.name);
    Err(Rejection::invalid(message))
}

impl Step<'_> {
    pub(crate) fn change_resource(&mut self, c: &ChangeResource) -> Answer {
        let kind = ResourceKind::from_number(c.kind).ok_or_else(mismatch)?;
        let change = c.change.as_ref().ok_or_else(mismatch)?;
        if let Change::Create(new) = change {
            return self.create_resource(kind, &c.name, new);
        }
        // Settings of the account are made by their first update.
        if let Change::Update(new) = change
            && kind.is_setting()
            && self.account.resource(kind, &c.name).is_none()
        {
            return self.create_resource(kind, &c.name, new);
        }
        if let (ResourceKind::ServerCertificate, Change::Update(new)) = (kind, change) {
            return self.rename_certificate(&c.name, new);
        }
        self.check_owner(kind, &c.name)?;
        let old = self.account.resource(kind, &c.name).ok_or_else(|| missing(kind, &c.name))?;
        let mut resource = old.value.clone();
        let body = resource.body.as_mut().ok_or_else(mismatch)?;
        match change {
            Change::Delete(_) => return self.delete_resource(kind, &c.name),
            Change::Update(new) => *body = updated(body, new.body.as_ref().ok_or_else(mismatch)?)?,
            Change::Add(what) => self.add(body, what)?,
            Change::Remove(what) => remove(body, what, &c.name)?,
            Change::Create(_) => return Err(mismatch()),
        }
        if let Change::Update(new) = change {
            self.date(body, new.body.as_ref());
        }
        check_lists(body)?;
        Ok(self.put_resource(kind, resource))
    }

    /// Notes when a password was set, if `new` sets one, or when a report was asked for.
    fn date(&self, body: &mut Body, new: Option<&Body>) {
        if let Body::CredentialReport(report) = body {
            report.generated = self.time;
        }
        if let (Body::LoginProfile(login), Some(Body::LoginProfile(new))) = (body, new)
            && !new.hash.is_empty()
        {
            login.changed = self.time;
        }
    }

    pub(super) fn put_resource(&mut self, kind: ResourceKind, resource: Resource) -> Reply {
        let key = Key::Resource(self.number, kind, resource.name.to_ascii_lowercase());
        self.changes.put(key, &resource);
        Reply::Resource(resource)
    }

    fn create_resource(&mut self, kind: ResourceKind, name: &str, new: &Resource) -> Answer {
        let body = new.body.as_ref().filter(|b| b.kind() == kind).ok_or_else(mismatch)?;
        check_lists(body)?;
        validate::tags(&new.tags)?;
        if name.is_empty() || name.contains('\0') || name != new.name {
            return Err(mismatch());
        }
        match kind {
            ResourceKind::InstanceProfile => {
                drop(validate::name("instanceProfileName", name, 128)?);
            }
            ResourceKind::MfaDevice => drop(validate::name("virtualMFADeviceName", name, 226)?),
            ResourceKind::LoginProfile => {
                self.account.user(name).ok_or_else(|| Rejection::no_such("user", name))?;
            }
            ResourceKind::ServerCertificate => {
                drop(validate::name("serverCertificateName", name, 128)?);
            }
            ResourceKind::AccountProperties => held::check_properties(body)?,
            _ if kind.is_held() => self.check_holder(kind, name, body)?,
            ResourceKind::Instance => check_instance(self.account, new)?,
            _ => {}
        }
        if self.account.resource(kind, name).is_some() {
            return Err(taken(kind, name));
        }
        if let Body::AccountAlias(alias) = body {
            if !self.take_alias(alias.reserved) {
                return Ok(Reply::Resource(new.clone()));
            }
        } else if kind == ResourceKind::AccessReport {
            self.forget_oldest(kind);
        } else if !kind.is_held() {
            let (quota, max) = kind.quota();
            if self.account.resources(kind).count() >= max {
                return Err(Rejection::limit(quota, max));
            }
        }
        let path = match kind {
            ResourceKind::InstanceProfile
            | ResourceKind::MfaDevice
            | ResourceKind::ServerCertificate => validate::path(&new.path)?,
            ResourceKind::Instance => new.path.clone(),
            _ => String::new(),
        };
        let mut made = Resource { path, created: self.time, ..new.clone() };
        if let Some(body) = made.body.as_mut() {
            self.date(body, Some(&body.clone()));
            fresh(body);
        }
        Ok(self.put_resource(kind, made))
    }

    /// Makes room for the alias that was reserved at `reserved`: an account has one, and a new one takes the place of the old one. `false`
    /// where one that was reserved later was there first: then this one was made before it and has lost its place already. So nothing
    /// that was reserved up to the account's `aliases_upto`, but the alias that it has, comes into use any more, and may be given up.
    fn take_alias(&mut self, reserved: u64) -> bool {
        let kind = ResourceKind::AccountAlias;
        if let Some(account) = self.account.account() {
            if reserved != 0 && reserved <= account.aliases_upto {
                return false;
            }
            let account = Account { aliases_upto: reserved, ..account.clone() };
            self.changes.put(Key::Account(self.number), &account);
        }
        let old: Vec<String> =
            self.account.resources(kind).map(|r| r.value.name.to_ascii_lowercase()).collect();
        for name in old {
            self.changes.delete(Key::Resource(self.number, kind, name));
        }
        true
    }

    fn delete_resource(&mut self, kind: ResourceKind, name: &str) -> Answer {
        let old = self.account.resource(kind, name).ok_or_else(|| missing(kind, name))?;
        if let Some(Body::InstanceProfile(profile)) = &old.value.body
            && !profile.role.is_empty()
        {
            return Err(Rejection::conflict("must remove roles from instance profile first"));
        }
        if let Some(Body::MfaDevice(MfaDevice { user: Some(_), .. })) = &old.value.body {
            let message = "MFA VirtualDevice in use. Must deactivate first.";
            return Err(Rejection::new(RejectionKind::DeleteConflict, message));
        }
        self.changes.delete(Key::Resource(self.number, kind, name.to_ascii_lowercase()));
        if kind == ResourceKind::AccountAlias {
            // Whoever asked gives up what the account does not need any more.
            let reserved = self.account.account().map_or(0, |a| a.aliases_upto);
            let body = Some(Body::AccountAlias(AccountAlias { reserved }));
            let name = name.to_owned();
            return Ok(Reply::Resource(Resource { name, body, ..Resource::default() }));
        }
        Ok(Reply::Done(true))
    }

    fn add(&self, body: &mut Body, what: &str) -> Result<(), Rejection> {
        match body {
            Body::InstanceProfile(profile) => {
                let role =
                    self.account.role(what).ok_or_else(|| Rejection::no_such("role", what))?;
                check_unprotected(&role.value)?;
                if !profile.role.is_empty() {
                    return Err(Rejection::limit("InstanceSessionsPerInstanceProfile", 1));
                }
                profile.role = role.value.name.to_ascii_lowercase();
            }
            Body::OidcProvider(provider) => {
                // Adding what is there changes nothing, as with AWS.
                if provider.client_ids.iter().all(|id| id != what) {
                    provider.client_ids.push(what.to_owned());
                }
            }
            _ => return Err(mismatch()),
        }
        Ok(())
    }

    /// Whether a role is in an instance profile.
    pub(crate) fn check_in_no_profile(&self, role: &str) -> Result<(), Rejection> {
        let holds =
            |r: &Resource| matches!(&r.body, Some(Body::InstanceProfile(p)) if p.role == role);
        if self.account.resources(ResourceKind::InstanceProfile).any(|r| holds(&r.value)) {
            return Err(Rejection::conflict("must remove roles from instance profile first"));
        }
        Ok(())
    }

    /// Whether a user has a password.
    pub(crate) fn check_no_login(&self, user: &str) -> Result<(), Rejection> {
        match self.account.resource(ResourceKind::LoginProfile, user) {
            Some(_) => Err(Rejection::conflict("must delete login profile first")),
            None => Ok(()),
        }
    }

    /// A user's password moves along when the user is renamed.
    pub(crate) fn move_login(&mut self, from: &str, to: &str, name: &str) {
        let kind = ResourceKind::LoginProfile;
        let Some(login) = self.account.resource(kind, from) else { return };
        let moved = Resource { name: name.to_owned(), ..login.value.clone() };
        self.changes.delete(Key::Resource(self.number, kind, from.to_owned()));
        self.changes.put(Key::Resource(self.number, kind, to.to_owned()), &moved);
    }
}

/// What is only ever said by its own commands is not there in a resource that was just made.
fn fresh(body: &mut Body) {
    match body {
        Body::LoginProfile(login) => login.previous.clear(),
        Body::MfaDevice(device) => {
            let sealed_seed = core::mem::take(&mut device.sealed_seed);
            *device = MfaDevice { sealed_seed, ..MfaDevice::default() };
        }
        _ => {}
    }
}

fn remove(body: &mut Body, what: &str, name: &str) -> Result<(), Rejection> {
    match body {
        Body::InstanceProfile(profile) if profile.role.eq_ignore_ascii_case(what) => {
            profile.role.clear();
        }
        Body::InstanceProfile(_) => {
            let message = format!("Role {what} in Instance Profile {name} cannot be found.");
            return Err(Rejection::new(RejectionKind::NoSuchEntity, message));
        }
        Body::OidcProvider(provider) => provider.client_ids.retain(|id| id != what),
        _ => return Err(mismatch()),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
