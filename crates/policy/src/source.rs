//! Where a policy comes from, and what AWS calls its type.

use core::fmt;
use std::sync::Arc;

use crate::Arn;

/// Where a policy comes from. Printed, it names the policy for people: `user/ada/photos` or an ARN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicySource {
    /// A managed policy, AWS's or the customer's.
    Managed(Arn),
    /// Inline in a user.
    UserInline {
        /// The user's name.
        user: Arc<str>,
        /// The policy's name.
        name: Arc<str>,
    },
    /// Inline in a group.
    GroupInline {
        /// The group's name.
        group: Arc<str>,
        /// The policy's name.
        name: Arc<str>,
    },
    /// Inline in a role.
    RoleInline {
        /// The role's name.
        role: Arc<str>,
        /// The policy's name.
        name: Arc<str>,
    },
    /// A managed policy used as permissions boundary.
    Boundary(Arn),
    /// The trust policy of a role.
    Trust(Arc<str>),
    /// The n-th session policy.
    Session(usize),
    /// The policy of a resource.
    Resource(Arc<str>),
    /// A service control policy of an organization, by its id or ARN.
    ServiceControl(Arc<str>),
    /// A resource control policy of an organization, by its id or ARN.
    ResourceControl(Arc<str>),
    /// The policy of a VPC endpoint, by the endpoint's id.
    VpcEndpoint(Arc<str>),
    /// A policy of a simulation's input, by its place there: `PolicyInputList.1`.
    Input(Arc<str>),
}

impl fmt::Display for PolicySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Managed(arn) | Self::Boundary(arn) => write!(f, "{arn}"),
            Self::UserInline { user, name } => write!(f, "user/{user}/{name}"),
            Self::GroupInline { group, name } => write!(f, "group/{group}/{name}"),
            Self::RoleInline { role, name } => write!(f, "role/{role}/{name}"),
            Self::Trust(role) => write!(f, "role/{role}/trust"),
            Self::Session(n) => write!(f, "session/{n}"),
            Self::Resource(name) => write!(f, "resource/{name}"),
            Self::ServiceControl(id) => write!(f, "service-control/{id}"),
            Self::ResourceControl(id) => write!(f, "resource-control/{id}"),
            Self::VpcEndpoint(id) => write!(f, "vpc-endpoint/{id}"),
            Self::Input(place) => write!(f, "input/{place}"),
        }
    }
}

/// The part that a policy plays in a decision. Printed as AWS's access-denied sentence names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyType {
    /// Attached to the caller or to one of its groups.
    Identity,
    /// Attached to the resource.
    Resource,
    /// The caller's permissions boundary.
    Boundary,
    /// The session's policy.
    Session,
    /// A role's trust policy: a resource policy without whose word nothing is allowed.
    Trust,
    /// An organization's limit on the principals of its accounts.
    ServiceControl,
    /// An organization's limit on the resources of its accounts.
    ResourceControl,
    /// What may pass through the VPC endpoint that the request came by.
    VpcEndpoint,
}

impl PolicyType {
    /// The name of the check that it stands for in AWS's access troubleshooter, which counts a role's trust policy among those of
    /// resources (IAM Toolbox API reference, `PolicyInfo`).
    pub fn aws_name(self) -> &'static str {
        match self {
            Self::Identity => "IDENTITY_BASED_POLICY",
            Self::Resource | Self::Trust => "RESOURCE_BASED_POLICY",
            Self::Boundary => "PERMISSIONS_BOUNDARY",
            Self::Session => "SESSION_POLICY",
            Self::ServiceControl => "SERVICE_CONTROL_POLICY",
            Self::ResourceControl => "RESOURCE_CONTROL_POLICY",
            Self::VpcEndpoint => "VPC_ENDPOINT_POLICY",
        }
    }

    /// The type with its article, as it stands in a sentence.
    pub(crate) fn with_article(self) -> &'static str {
        match self {
            Self::Identity => "an identity-based policy",
            Self::Resource => "a resource-based policy",
            Self::Boundary => "a permissions boundary",
            Self::Session => "a session policy",
            Self::Trust => "a role trust policy",
            Self::ServiceControl => "a service control policy",
            Self::ResourceControl => "a resource control policy",
            Self::VpcEndpoint => "a VPC endpoint policy",
        }
    }
}

impl fmt::Display for PolicyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, name) = self.with_article().split_once(' ').unwrap_or_default();
        f.write_str(name)
    }
}
