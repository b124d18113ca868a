//! Certificates, SSH keys and credentials for services: whose they are, how many, and what is remembered of what was asked for.

use crate::{
    Key,
    apply::{
        Answer, Step,
        resources::{mismatch, missing, taken},
    },
    rejection::{Rejection, RejectionKind},
    resource::{Body, Resource, ResourceKind, held_name, holder},
    validate,
};

/// Properties that an account has at most.
const PROPERTIES_MAX: usize = 100;

/// The body after an update of one of these; what an update does not say stays.
pub(super) fn updated(old: &Body, new: &Body) -> Result<Body, Rejection> {
    Ok(match (old, new) {
        (Body::SigningCertificate(old), Body::SigningCertificate(new)) => {
            let mut body = old.clone();
            body.active = new.active;
            Body::SigningCertificate(body)
        }
        (Body::SshPublicKey(old), Body::SshPublicKey(new)) => {
            let mut body = old.clone();
            body.active = new.active;
            Body::SshPublicKey(body)
        }
        (Body::ServiceCredential(old), Body::ServiceCredential(new)) => {
            let mut body = old.clone();
            if new.hash.is_empty() {
                body.active = new.active;
            } else {
                body.hash.clone_from(&new.hash);
                body.active = true;
            }
            Body::ServiceCredential(body)
        }
        (Body::AccountProperties(old), Body::AccountProperties(change)) => {
            let mut body = old.clone();
            body.properties.extend(change.properties.clone());
            let body = Body::AccountProperties(body);
            check_properties(new)?;
            check_properties_count(&body)?;
            body
        }
        (Body::TokenPreferences(_), Body::TokenPreferences(_))
        | (Body::CredentialReport(_), Body::CredentialReport(_)) => new.clone(),
        _ => return Err(mismatch()),
    })
}

fn check_properties_count(body: &Body) -> Result<(), Rejection> {
    match body {
        Body::AccountProperties(p) if p.properties.len() > PROPERTIES_MAX => {
            let message = format!("An account has at most {PROPERTIES_MAX} properties.");
            Err(Rejection::new(RejectionKind::InvalidInput, message))
        }
        _ => Ok(()),
    }
}

/// Properties are `Namespace/PropertyName`, all of one namespace in one change (AWS, `PutAccountProperties`).
pub(super) fn check_properties(body: &Body) -> Result<(), Rejection> {
    let Body::AccountProperties(change) = body else { return Err(mismatch()) };
    let refuse = |message: String| Err(Rejection::new(RejectionKind::InvalidInput, message));
    let mut namespaces: Vec<&str> = Vec::new();
    for key in change.properties.keys() {
        match key.split('/').collect::<Vec<_>>().as_slice() {
            [namespace, name] if !namespace.is_empty() && !name.is_empty() => {
                namespaces.push(namespace);
            }
            _ => return refuse(format!("The property key {key} is not Namespace/PropertyName.")),
        }
    }
    namespaces.dedup();
    match namespaces.as_slice() {
        [] => refuse("At least one property is needed.".to_owned()),
        [_] => check_properties_count(body),
        _ => refuse("All properties must belong to the same namespace.".to_owned()),
    }
}

impl Step<'_> {
    /// Whether a user can have one more of these, and this one.
    pub(super) fn check_holder(
        &self,
        kind: ResourceKind,
        name: &str,
        body: &Body,
    ) -> Result<(), Rejection> {
        let (user, id) = holder(name);
        if id.is_empty() || id.contains('/') {
            return Err(mismatch());
        }
        self.check_owner(kind, name)?;
        self.check_new(kind, user, body)?;
        let (quota, max) = kind.quota();
        let same_service = |r: &Resource| match (&r.body, body) {
            (Some(Body::ServiceCredential(old)), Body::ServiceCredential(new)) => {
                old.service == new.service
            }
            _ => true,
        };
        let held = self.account.held(kind, user).filter(|r| same_service(&r.value)).count();
        if held >= max { Err(Rejection::limit(quota, max)) } else { Ok(()) }
    }

    /// Whether the user is there who holds something.
    pub(super) fn check_owner(&self, kind: ResourceKind, name: &str) -> Result<(), Rejection> {
        match holder(name).0 {
            user if kind.is_held() && !user.is_empty() => {
                let found = self.account.user(user);
                found.map(drop).ok_or_else(|| Rejection::no_such("user", user))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what somebody has already: a certificate in the account, an SSH key of the user.
    fn check_new(&self, kind: ResourceKind, user: &str, body: &Body) -> Result<(), Rejection> {
        match body {
            Body::SigningCertificate(new) => {
                let same = |r: &Resource| matches!(&r.body, Some(Body::SigningCertificate(old)) if old.fingerprint == new.fingerprint);
                if self.account.resources(kind).any(|r| same(&r.value)) {
                    let message =
                        "The certificate is already associated with an IAM user of the account.";
                    return Err(Rejection::new(RejectionKind::DuplicateCertificate, message));
                }
            }
            Body::SshPublicKey(new) => {
                let same = |r: &Resource| matches!(&r.body, Some(Body::SshPublicKey(old)) if old.key == new.key);
                if self.account.held(kind, user).any(|r| same(&r.value)) {
                    let message =
                        "The SSH public key is already associated with the specified IAM user.";
                    return Err(Rejection::new(RejectionKind::DuplicateSshPublicKey, message));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a user who is to be deleted holds none of these any more.
    pub(super) fn check_holds_nothing(&self, user: &str) -> Result<(), Rejection> {
        let needed = [
            (ResourceKind::SigningCertificate, "must delete signing certificates first"),
            (ResourceKind::SshPublicKey, "must delete SSH public keys first"),
            (ResourceKind::ServiceCredential, "must delete service specific credentials first"),
        ];
        match needed.into_iter().find(|(kind, _)| self.account.held(*kind, user).next().is_some()) {
            Some((_, what)) => Err(Rejection::conflict(what)),
            None => Ok(()),
        }
    }

    /// What a user holds moves along when the user is renamed. Both names in lower case.
    pub(super) fn move_held(&mut self, from: &str, to: &str) {
        for kind in ResourceKind::HELD {
            for held in self.account.held(kind, from) {
                let old = held.value.name.to_ascii_lowercase();
                let name = held_name(to, holder(&held.value.name).1);
                self.changes.delete(Key::Resource(self.number, kind, old));
                self.put_resource(kind, Resource { name, ..held.value.clone() });
            }
        }
    }

    /// Forgets the oldest of what is remembered of a kind, until there is room for one more.
    pub(super) fn forget_oldest(&mut self, kind: ResourceKind) {
        let mut all: Vec<(u64, String)> = self
            .account
            .resources(kind)
            .map(|r| (r.value.created, r.value.name.to_ascii_lowercase()))
            .collect();
        all.sort();
        let surplus = (all.len() + 1).saturating_sub(kind.quota().1);
        for (_, name) in all.into_iter().take(surplus) {
            self.changes.delete(Key::Resource(self.number, kind, name));
        }
    }

    /// Renames or moves a server certificate; an empty name or path leaves it as it is.
    pub(super) fn rename_certificate(&mut self, name: &str, new: &Resource) -> Answer {
        let kind = ResourceKind::ServerCertificate;
        let old = self.account.resource(kind, name).ok_or_else(|| missing(kind, name))?;
        let mut renamed = old.value.clone();
        let lower = name.to_ascii_lowercase();
        if !new.path.is_empty() {
            renamed.path = validate::path(&new.path)?;
        }
        if !new.name.is_empty() {
            let to = validate::name("newServerCertificateName", &new.name, 128)?;
            if to != lower {
                if self.account.resource(kind, &to).is_some() {
                    return Err(taken(kind, &new.name));
                }
                self.changes.delete(Key::Resource(self.number, kind, lower));
            }
            renamed.name.clone_from(&new.name);
        }
        Ok(self.put_resource(kind, renamed))
    }
}

#[cfg(test)]
mod tests;
