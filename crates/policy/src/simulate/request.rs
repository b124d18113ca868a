//! What a simulation takes: the members of AWS's requests, under AWS's names.

use serde::{Deserialize, Serialize};

use crate::{PolicySet, Principal};

/// The members of `SimulateCustomPolicyRequest` and `SimulatePrincipalPolicyRequest`. What the source of the policies is stands beside it,
/// in [`SimulationSource`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct SimulationRequest {
    /// Identity policies, as text. A custom simulation needs one.
    pub policy_input_list: Vec<String>,
    /// The permissions boundary: at most one.
    pub permissions_boundary_policy_input_list: Vec<String>,
    /// Service control policies, level by level, from the organization's root to the account. Only of a custom simulation.
    pub ordered_organization_policy_input_list: Vec<OrganizationLevel>,
    /// Policies of the principal that are left out. Only of a principal's simulation.
    pub policy_exclusion_list: Vec<PolicyExclusion>,
    /// Actions such as `s3:GetObject`; at least one.
    pub action_names: Vec<String>,
    /// Resources, each by its ARN or as `*`; `*` by default.
    pub resource_arns: Vec<String>,
    /// The policy that every resource has.
    pub resource_policy: Option<String>,
    /// The account of resources whose ARNs name none: the ARN of its root, or its number. The caller's by default.
    pub resource_owner: Option<String>,
    /// Who calls: the ARN of a user, a role or a group.
    pub caller_arn: Option<String>,
    /// Condition keys with their values.
    pub context_entries: Vec<ContextEntry>,
    /// A scenario of EC2, which says what resources must be there.
    pub resource_handling_option: Option<String>,
    /// Most results of an answer: 1 to 1,000, 100 by default.
    pub max_items: Option<i64>,
    /// Where the last answer ended.
    pub marker: Option<String>,
}

/// The service control policies of one level.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct OrganizationLevel {
    /// The policies, as text.
    pub service_control_policy_input_list: Vec<String>,
}

/// A condition key with its values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct ContextEntry {
    /// The key, `aws:SourceIp`.
    pub context_key_name: String,
    /// Its values; just one where the type is no list.
    pub context_key_values: Vec<String>,
    /// `string`, `numeric`, `boolean`, `ip`, `binary`, `date`, or one of them with `List`. By default a `string`, or a `stringList`
    /// where there is not just one value.
    pub context_key_type: Option<String>,
}

/// A policy, or a type of policies, that is left out: just one of the members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub struct PolicyExclusion {
    /// `inline`, `aws-managed`, `user-managed`, `permission-boundary`, `scp` or `rcp`.
    pub policy_type: Option<String>,
    /// A managed policy by its ARN.
    pub policy_arn: Option<String>,
    /// An inline policy.
    pub inline_policy_identifier: Option<InlinePolicyIdentifier>,
}

/// An inline policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct InlinePolicyIdentifier {
    /// Its name.
    pub policy_name: String,
    /// `user`, `group` or `role`.
    pub attachment_type: String,
    /// The name of the user, the group or the role.
    pub attachment_name: String,
}

/// The principal whose policies are simulated.
#[derive(Clone, Debug, Default)]
pub struct SimulationSource {
    /// The caller when the request names none: a user, or a session of a role. `None`: a group.
    pub principal: Option<Principal>,
    /// All policies that bind it, those of a user's groups too. A resource policy of the request takes the place of the one that is
    /// here.
    pub policies: PolicySet,
}
