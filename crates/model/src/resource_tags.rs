//! What policies may ask about the tags of what a call is about: `aws:ResourceTag/…` and IAM's own `iam:ResourceTag/…`.

use std::borrow::Cow;

use tidegate_policy::Context;

use crate::{AccountState, ResourceKind, record::Tag};

impl AccountState {
    /// The tags of the entity of this account with this ARN; none where it has none, or is not there.
    pub fn tags_of(&self, arn: &str) -> &[Tag] {
        let prefix = format!("arn:aws:iam::{}:", self.id());
        let Some((word, path)) = arn.strip_prefix(&prefix).and_then(|r| r.split_once('/')) else {
            return &[];
        };
        let name = path.rsplit('/').next().unwrap_or(path);
        let resource = |kind: ResourceKind, name: &str| {
            self.resource(kind, name).map(|r| r.value.tags.as_slice())
        };
        let tags = match word {
            "user" => self.user(name).map(|u| u.value.tags.as_slice()),
            "role" => self.role(name).map(|r| r.value.tags.as_slice()),
            "policy" => self.policy(arn).map(|p| p.meta.tags.as_slice()),
            "instance-profile" => resource(ResourceKind::InstanceProfile, name),
            "server-certificate" => resource(ResourceKind::ServerCertificate, name),
            "saml-provider" => resource(ResourceKind::SamlProvider, name),
            // The name of an OIDC provider is its URL.
            "oidc-provider" => resource(ResourceKind::OidcProvider, path),
            _ => None,
        };
        tags.unwrap_or_default()
    }

    /// The circumstances of a call, with the tags of the entity that it is about.
    pub fn with_tags_of<'c>(&self, arn: &str, context: &'c Context) -> Cow<'c, Context> {
        let tags = self.tags_of(arn);
        if tags.is_empty() {
            return Cow::Borrowed(context);
        }
        let mut context = context.clone();
        for tag in tags {
            for scope in ["aws", "iam"] {
                context.insert(&format!("{scope}:ResourceTag/{}", tag.key), tag.value.as_str());
            }
        }
        Cow::Owned(context)
    }
}
