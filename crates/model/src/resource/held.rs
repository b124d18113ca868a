//! What users and the account hold besides: certificates, SSH keys, credentials for services, and what was asked for and is remembered.
//!
//! What belongs to a user is named `user/id`: it is found by either, and goes along when the user is renamed.

use std::collections::BTreeMap;

use prost::Message;

use super::{Body, Change, ChangeResource, ResourceKind};
use crate::{AccountState, EntityKind};

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty = $attr:tt);* $(;)? })*) => {
        $($(#[$doc])* #[derive(Clone, PartialEq, Eq, Message)]
        pub struct $name { $($(#[$field_doc])* #[prost $attr] pub $field: $type,)* })*
    };
}

messages! {
    /// See [`ResourceKind::ServerCertificate`]. The private key is proven to be its own when it is uploaded, and not kept.
    ServerCertificate {
        /// The certificate in PEM.
        certificate: String = (string, tag = "1");
        /// Its chain in PEM, or empty.
        chain: String = (string, tag = "2");
        /// Until when it is good, in milliseconds since the Unix epoch.
        expires: u64 = (uint64, tag = "3");
    }
    /// See [`ResourceKind::SigningCertificate`].
    SigningCertificate {
        /// The certificate in PEM.
        certificate: String = (string, tag = "1");
        /// SHA-256 of its bytes, in hexadecimal.
        fingerprint: String = (string, tag = "2");
        /// Whether it may be used.
        active: bool = (bool, tag = "3");
    }
    /// See [`ResourceKind::SshPublicKey`].
    SshPublicKey {
        /// The key as OpenSSH writes it.
        key: String = (string, tag = "1");
        /// MD5 in hexadecimal with colons.
        fingerprint: String = (string, tag = "2");
        /// Whether it may be used.
        active: bool = (bool, tag = "3");
    }
    /// See [`ResourceKind::ServiceCredential`].
    ServiceCredential {
        /// `codecommit.amazonaws.com` and the like.
        service: String = (string, tag = "1");
        /// The name that the service knows the user by.
        user_name: String = (string, tag = "2");
        /// The hash of the password, in the form that says how it was made; in a change, empty: as it was.
        hash: String = (string, tag = "3");
        /// Whether it may be used.
        active: bool = (bool, tag = "4");
        /// Until when it is good, in milliseconds since the Unix epoch; 0: for ever.
        expires: u64 = (uint64, tag = "5");
    }
    /// See [`ResourceKind::RoleDeletion`]. Its name is that of the task.
    RoleDeletion {
        /// The role's name.
        role: String = (string, tag = "1");
    }
    /// See [`ResourceKind::AccessReport`]. Its name is that of the job.
    AccessReport {
        /// One of [`ReportKind`].
        kind: u32 = (uint32, tag = "1");
        /// ARN of the user, group, role or policy that it is about; of a report on an organization, the path of the entity.
        subject: String = (string, tag = "2");
    }
    /// See [`ResourceKind::AccountProperties`]. Its name is the account's number.
    AccountProperties {
        /// Values by `Namespace/PropertyName`; in a change: those that change.
        properties: BTreeMap<String, String> = (btree_map = "string, string", tag = "1");
    }
    /// See [`ResourceKind::CredentialReport`]. Its name is the account's number.
    CredentialReport {
        /// When it was asked for last, in milliseconds since the Unix epoch.
        generated: u64 = (uint64, tag = "1");
    }
    /// See [`ResourceKind::TokenPreferences`]. Its name is the account's number.
    TokenPreferences {
        /// 1 or 2.
        version: u32 = (uint32, tag = "1");
    }
}

/// What a report is about, as [`AccessReport::kind`] numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// Services that an entity may use.
    Services = 1,
    /// The same with actions.
    Actions = 2,
    /// Services used in an organization.
    Organization = 3,
}

/// The name of something that a user holds; an empty user: the root user.
pub fn held_name(user: &str, id: &str) -> String {
    format!("{user}/{id}")
}

/// The user and the id in the name of something that a user holds.
pub fn holder(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or(("", name))
}

impl ResourceKind {
    /// The kinds that belong to users.
    pub const HELD: [Self; 3] =
        [Self::SigningCertificate, Self::SshPublicKey, Self::ServiceCredential];

    /// Whether an account has one at most, which its first update makes.
    pub(crate) fn is_setting(self) -> bool {
        matches!(
            self,
            Self::PasswordPolicy
                | Self::AccountProperties
                | Self::TokenPreferences
                | Self::CredentialReport
        )
    }

    /// Whether it belongs to a user.
    pub fn is_held(self) -> bool {
        Self::HELD.contains(&self)
    }
}

impl AccountState {
    /// What a user holds of a kind, ordered by id; an empty user: the root user.
    pub fn held<'a>(
        &'a self,
        kind: ResourceKind,
        user: &str,
    ) -> impl Iterator<Item = &'a std::sync::Arc<crate::Entity<super::Resource>>> {
        let prefix = held_name(&user.to_ascii_lowercase(), "");
        let from = (kind, std::sync::Arc::from(prefix.as_str()));
        self.resources
            .range(from..)
            .take_while(move |((k, name), _)| *k == kind && name.starts_with(&prefix))
            .map(|(_, r)| r)
    }
}

/// The ARN of the user who holds something.
pub(super) fn holder_arn(account: &AccountState, name: &str) -> String {
    match holder(name).0 {
        "" => format!("arn:aws:iam::{}:root", account.id()),
        user => {
            let path = account.user(user).map_or("/", |u| u.value.path.as_str());
            account.arn(EntityKind::User, path, user)
        }
    }
}

/// The action that a change of one of these needs; empty: only the cluster itself may.
pub(super) fn action(kind: ResourceKind, change: &Change) -> &'static str {
    match (kind, change) {
        (ResourceKind::ServerCertificate, Change::Create(_)) => "UploadServerCertificate",
        (ResourceKind::ServerCertificate, Change::Update(_)) => "UpdateServerCertificate",
        (ResourceKind::ServerCertificate, Change::Delete(_)) => "DeleteServerCertificate",
        (ResourceKind::SigningCertificate, Change::Create(_)) => "UploadSigningCertificate",
        (ResourceKind::SigningCertificate, Change::Update(_)) => "UpdateSigningCertificate",
        (ResourceKind::SigningCertificate, Change::Delete(_)) => "DeleteSigningCertificate",
        (ResourceKind::SshPublicKey, Change::Create(_)) => "UploadSSHPublicKey",
        (ResourceKind::SshPublicKey, Change::Update(_)) => "UpdateSSHPublicKey",
        (ResourceKind::SshPublicKey, Change::Delete(_)) => "DeleteSSHPublicKey",
        (ResourceKind::ServiceCredential, Change::Create(_)) => "CreateServiceSpecificCredential",
        (ResourceKind::ServiceCredential, Change::Update(new)) => match &new.body {
            Some(Body::ServiceCredential(c)) if !c.hash.is_empty() => {
                "ResetServiceSpecificCredential"
            }
            _ => "UpdateServiceSpecificCredential",
        },
        (ResourceKind::ServiceCredential, Change::Delete(_)) => "DeleteServiceSpecificCredential",
        (ResourceKind::AccessReport, Change::Create(new)) => match &new.body {
            Some(Body::AccessReport(r)) if r.kind == ReportKind::Organization as u32 => {
                "GenerateOrganizationsAccessReport"
            }
            _ => "GenerateServiceLastAccessedDetails",
        },
        (ResourceKind::AccountProperties, Change::Update(_)) => "PutAccountProperties",
        (ResourceKind::CredentialReport, Change::Update(_)) => "GenerateCredentialReport",
        (ResourceKind::TokenPreferences, Change::Update(_)) => "SetSecurityTokenServicePreferences",
        _ => "",
    }
}

/// The permissions that a change of one of these needs where the general rule does not say it; `None`: it does.
pub(super) fn permissions(
    c: &ChangeResource,
    kind: ResourceKind,
    change: &Change,
    account: &AccountState,
) -> Option<Vec<(String, String)>> {
    let one = |arn: String| (format!("iam:{}", super::action(kind, change)), arn);
    match (kind, change) {
        (ResourceKind::AccessReport, Change::Create(new)) => match &new.body {
            Some(Body::AccessReport(r)) if r.kind != ReportKind::Organization as u32 => {
                Some(vec![one(r.subject.clone())])
            }
            _ => None,
        },
        (ResourceKind::ServerCertificate, Change::Update(new)) => {
            let old = account.resource(kind, &c.name);
            let path = old.map(|r| r.value.path.clone()).unwrap_or_default();
            let name = if new.name.is_empty() { &c.name } else { &new.name };
            let new_path = if new.path.is_empty() { &path } else { &new.path };
            Some(vec![
                one(kind.arn(account, &path, &c.name)),
                one(kind.arn(account, new_path, name)),
            ])
        }
        _ if super::action(kind, change).is_empty() => Some(Vec::new()),
        _ => None,
    }
}
