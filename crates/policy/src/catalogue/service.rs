//! A service with its actions, resource types and condition keys.

use core::fmt;

use super::{arn_pattern::ArnPattern, condition_key::ConditionKey, service};

/// What an action does, in AWS's five levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessLevel {
    /// Names the resources that there are, and not what is in them.
    List,
    /// Reads what is in resources.
    Read,
    /// Creates, changes or deletes resources.
    Write,
    /// Grants or changes permissions.
    PermissionsManagement,
    /// Changes tags and nothing else.
    Tagging,
}

impl fmt::Display for AccessLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Write => "write",
            Self::PermissionsManagement => "permissions management",
            Self::Tagging => "tagging",
        })
    }
}

/// A resource type that an action works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionResource {
    /// The type's name among those of the service.
    pub name: &'static str,
    /// Whether a call always names such a resource.
    pub required: bool,
    /// Condition keys that the action brings for this type.
    pub condition_keys: Box<[&'static str]>,
}

/// An action as the reference lists it. Printed, it is `service:Name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueAction {
    /// The service's prefix.
    pub service: &'static str,
    /// Its name, such as `GetObject`.
    pub name: &'static str,
    /// What it does.
    pub access_level: AccessLevel,
    /// What it works on; empty when it knows no resource but `*`.
    pub resource_types: Box<[ActionResource]>,
    /// Condition keys that the action brings whatever it works on. `${TagKey}` and the like stand for any text.
    pub condition_keys: Box<[&'static str]>,
    /// Actions that the caller needs as well, written `service:Name`.
    pub dependent_actions: Box<[&'static str]>,
    /// The name in lower case.
    pub(super) lower: &'static str,
}

impl CatalogueAction {
    /// Whether every call of this action names a resource of some type. Of several types that can stand for each other none is
    /// required.
    pub fn needs_resource(&self) -> bool {
        self.resource_types.iter().any(|resource| resource.required)
    }

    /// Whether a request of this action can bring a condition key: by itself, or with a resource of one of its types.
    pub fn brings(&self, key: &ConditionKey) -> bool {
        let listed = |keys: &[&str]| keys.contains(&key.name);
        let of_type = |name: &str| service(self.service)?.resource_type(name);
        listed(&self.condition_keys)
            || self.resource_types.iter().any(|resource| {
                let own = of_type(resource.name);
                listed(&resource.condition_keys) || own.is_some_and(|o| listed(&o.condition_keys))
            })
    }

    /// Whether the action is granted on a resource of this type.
    pub fn works_on(&self, resource_type: &ResourceType) -> bool {
        self.service == resource_type.service
            && self.resource_types.iter().any(|resource| resource.name == resource_type.name)
    }
}

impl fmt::Display for CatalogueAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.name)
    }
}

/// A resource type of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceType {
    /// The service's prefix.
    pub service: &'static str,
    /// Its name, such as `bucket`.
    pub name: &'static str,
    /// Its ARN with placeholders, such as `arn:${Partition}:s3:::${BucketName}`.
    pub arn: &'static str,
    /// Condition keys that a request on it brings.
    pub condition_keys: Box<[&'static str]>,
    pub(super) pattern: ArnPattern,
}

impl ResourceType {
    /// Whether an ARN, or an ARN pattern of a policy, can be a resource of this type.
    pub fn can_be(&self, arn: &str) -> bool {
        ArnPattern::of_policy(arn).overlaps(&self.pattern)
    }

    pub(crate) fn pattern(&self) -> &ArnPattern {
        &self.pattern
    }

    /// The service that the ARNs of this type name; a few services own resources under the name of another.
    pub fn arn_service(&self) -> &'static str {
        self.arn.split(':').nth(2).unwrap_or_default()
    }
}

/// A service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its prefix, in lower case: `s3`.
    pub prefix: &'static str,
    /// Its name: `Amazon S3`.
    pub name: &'static str,
    /// Ordered by lower-case name.
    pub(super) actions: Box<[CatalogueAction]>,
    pub(super) resource_types: Box<[ResourceType]>,
    pub(super) condition_keys: Box<[ConditionKey]>,
}

impl Service {
    /// Its actions, ordered by name whatever its case.
    pub fn actions(&self) -> &[CatalogueAction] {
        &self.actions
    }

    /// The action with this name, whatever its case.
    pub fn action(&self, name: &str) -> Option<&CatalogueAction> {
        let name = name.to_ascii_lowercase();
        let found = self.actions.binary_search_by(|action| action.lower.cmp(&name)).ok()?;
        self.actions.get(found)
    }

    /// Its resource types, ordered by name.
    pub fn resource_types(&self) -> &[ResourceType] {
        &self.resource_types
    }

    /// The resource type with this name.
    pub fn resource_type(&self, name: &str) -> Option<&ResourceType> {
        self.resource_types.iter().find(|resource| resource.name == name)
    }

    /// The condition keys that its actions and resources bring, AWS's global ones among them.
    pub fn condition_keys(&self) -> &[ConditionKey] {
        &self.condition_keys
    }
}
