//! Tags: put on, taken off, listed.

use tidegate_model::{Command, ResourceKind, resource::ChangeTags};
use tidegate_query::{Code, Refusal};

use super::{mfa, policies, providers, shapes};
use crate::{
    aws::{
        answer::Outcome,
        call::{Call, no_such},
    },
    operations::Subject,
};

/// What has tags.
#[derive(Clone, Copy)]
enum Tagged {
    User,
    Role,
    Policy,
    Resource(ResourceKind),
}

impl Tagged {
    /// The number under which commands know it.
    fn number(self) -> u32 {
        match self {
            Self::User => 1,
            Self::Role => 3,
            Self::Policy => 4,
            Self::Resource(kind) => 100 + kind as u32,
        }
    }

    /// The name that a call gives.
    fn name(self, call: &Call<'_>) -> Result<String, Refusal> {
        Ok(match self {
            Self::User => call.user_name(),
            Self::Role => call.text("RoleName"),
            Self::Policy => call.text("PolicyArn"),
            Self::Resource(ResourceKind::InstanceProfile) => call.text("InstanceProfileName"),
            Self::Resource(ResourceKind::ServerCertificate) => call.text("ServerCertificateName"),
            Self::Resource(ResourceKind::MfaDevice) => mfa::name(call)?,
            Self::Resource(kind) => providers::named(call, kind)?,
        })
    }
}

async fn change(call: &Call<'_>, of: Tagged) -> Outcome {
    let name = of.name(call)?;
    let (put, remove) = (shapes::read_tags(call.input), call.input.texts("TagKeys"));
    if put.is_empty() && remove.is_empty() {
        let message = "At least one tag or tag key is needed.";
        return Err(Refusal::new(Code::InvalidInput, message));
    }
    call.just(Command::ChangeTags(ChangeTags { kind: of.number(), name, put, remove })).await
}

async fn list(call: &Call<'_>, of: Tagged) -> Outcome {
    let name = of.name(call)?;
    let subject = match of {
        Tagged::User => Subject::User(&name),
        Tagged::Role => Subject::Role(&name),
        Tagged::Policy => Subject::Arn(&name),
        Tagged::Resource(kind) => Subject::Resource(kind, &name),
    };
    let (seen, account) = call.read(subject).await?;
    let tags = match of {
        Tagged::User => {
            account.user(&name).ok_or_else(|| no_such("user", &name))?.value.tags.clone()
        }
        Tagged::Role => {
            account.role(&name).ok_or_else(|| no_such("role", &name))?.value.tags.clone()
        }
        Tagged::Policy => policies::tags(&account, &name)?,
        Tagged::Resource(kind) => {
            let found = account.resource(kind, &name);
            let missing = || match kind {
                ResourceKind::MfaDevice => mfa::missing(&call.text("SerialNumber")),
                _ => providers::missing(kind, &name),
            };
            found.ok_or_else(missing)?.value.tags.clone()
        }
    };
    call.seen(&seen, call.page("Tags", shapes::paged_tags(&tags))?)
}

macro_rules! of_each {
    ($($handler:ident $of:expr => $($name:ident)*;)*) => {
        $($(pub(super) async fn $name(call: &Call<'_>) -> Outcome {
            $handler(call, $of).await
        })*)*
    };
}

of_each! {
    change Tagged::User => user;
    change Tagged::Role => role;
    change Tagged::Policy => policy;
    change Tagged::Resource(ResourceKind::InstanceProfile) => instance_profile;
    change Tagged::Resource(ResourceKind::OidcProvider) => oidc_provider;
    change Tagged::Resource(ResourceKind::SamlProvider) => saml_provider;
    change Tagged::Resource(ResourceKind::ServerCertificate) => server_certificate;
    change Tagged::Resource(ResourceKind::MfaDevice) => mfa_device;
    list Tagged::User => list_user;
    list Tagged::Role => list_role;
    list Tagged::Policy => list_policy;
    list Tagged::Resource(ResourceKind::InstanceProfile) => list_instance_profile;
    list Tagged::Resource(ResourceKind::OidcProvider) => list_oidc_provider;
    list Tagged::Resource(ResourceKind::SamlProvider) => list_saml_provider;
    list Tagged::Resource(ResourceKind::ServerCertificate) => list_server_certificate;
    list Tagged::Resource(ResourceKind::MfaDevice) => list_mfa_device;
}
