//! An account in the shape in which AWS dumps it: `aws iam get-account-authorization-details`.

use serde::{Deserialize, Deserializer};
use serde_yaml_ng::Value as Yaml;

/// What `GetAccountAuthorizationDetails` answers, as far as decisions depend on it. Members that are not listed here are left alone.
/// What a page of an answer leaves out is empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AccountDetails {
    /// Users.
    pub user_detail_list: Vec<UserDetail>,
    /// Groups.
    pub group_detail_list: Vec<GroupDetail>,
    /// Roles.
    pub role_detail_list: Vec<RoleDetail>,
    /// Managed policies.
    pub policies: Vec<ManagedPolicyDetail>,
}

/// A user.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserDetail {
    /// Its ARN.
    pub arn: String,
    /// `AIDA…`.
    #[serde(default)]
    pub user_id: String,
    /// Inline policies.
    #[serde(default)]
    pub user_policy_list: Vec<InlinePolicy>,
    /// Names of its groups.
    #[serde(default)]
    pub group_list: Vec<String>,
    /// Managed policies.
    #[serde(default)]
    pub attached_managed_policies: Vec<AttachedPolicy>,
    /// Its boundary.
    #[serde(default)]
    pub permissions_boundary: Option<BoundaryDetail>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// A group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupDetail {
    /// Its name.
    pub group_name: String,
    /// Inline policies.
    #[serde(default)]
    pub group_policy_list: Vec<InlinePolicy>,
    /// Managed policies.
    #[serde(default)]
    pub attached_managed_policies: Vec<AttachedPolicy>,
}

/// A role.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoleDetail {
    /// Its ARN.
    pub arn: String,
    /// `AROA…`.
    #[serde(default)]
    pub role_id: String,
    /// Who may assume it.
    #[serde(default)]
    pub assume_role_policy_document: Option<Document>,
    /// Inline policies.
    #[serde(default)]
    pub role_policy_list: Vec<InlinePolicy>,
    /// Managed policies.
    #[serde(default)]
    pub attached_managed_policies: Vec<AttachedPolicy>,
    /// Its boundary.
    #[serde(default)]
    pub permissions_boundary: Option<BoundaryDetail>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<Tag>,
}

/// A policy that stands in a user, a group or a role.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InlinePolicy {
    /// Its name.
    pub policy_name: String,
    /// What it says.
    pub policy_document: Document,
}

/// A managed policy that is attached.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachedPolicy {
    /// Its ARN.
    pub policy_arn: String,
}

/// A managed policy that bounds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BoundaryDetail {
    /// Its ARN.
    pub permissions_boundary_arn: String,
}

/// A tag.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

/// A managed policy with its versions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ManagedPolicyDetail {
    /// Its ARN.
    pub arn: String,
    /// Its versions, of which one is in force.
    #[serde(default)]
    pub policy_version_list: Vec<VersionDetail>,
}

/// A version of a managed policy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VersionDetail {
    /// What it says.
    pub document: Document,
    /// Whether it is in force.
    #[serde(default)]
    pub is_default_version: bool,
}

/// A policy's JSON. It is read from an object, as AWS's command line writes it, or from a text, percent-encoded as AWS's API sends it
/// or plain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document(pub String);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Yaml::deserialize(deserializer)? {
            Yaml::String(text) if text.trim_start().starts_with('{') => Ok(text),
            Yaml::String(text) => percent_decoded(&text)
                .ok_or_else(|| "a policy document is neither JSON nor percent-encoded".to_owned()),
            value => crate::cases::json(&value),
        };
        text.map(Self).map_err(serde::de::Error::custom)
    }
}

/// A text without its percent signs (RFC 3986); `None` where it is not so encoded.
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
