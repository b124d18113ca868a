//! What a simulation answers: the members of AWS's answer, under AWS's names.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Effect;

/// `SimulatePolicyResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SimulationAnswer {
    /// One for each action.
    pub evaluation_results: Vec<EvaluationResult>,
    /// Whether there are more.
    pub is_truncated: bool,
    /// What the next request must say to get them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

/// The outcome, from the least to the most restrictive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EvalDecision {
    /// It may be done.
    Allowed,
    /// Nothing allows it.
    ImplicitDeny,
    /// A statement denies it.
    ExplicitDeny,
}

impl EvalDecision {
    /// The decision as AWS spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
        }
    }
}

impl From<Effect> for EvalDecision {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Allow => Self::Allowed,
            Effect::ImplicitDeny => Self::ImplicitDeny,
            Effect::ExplicitDeny => Self::ExplicitDeny,
        }
    }
}

/// What is decided on one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EvaluationResult {
    /// The action, as the request spells it.
    pub eval_action_name: String,
    /// The only resource, or what all have in common.
    pub eval_resource_name: String,
    /// The most restrictive decision.
    pub eval_decision: EvalDecision,
    /// The statements that decided so.
    pub matched_statements: Vec<MatchedStatement>,
    /// Condition keys that were asked for and not there, as the policies spell them.
    pub missing_context_values: Vec<String>,
    /// What the organization said; `None` where none has a say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organizations_decision_detail: Option<OrganizationsDetail>,
    /// What the boundary said; `None` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions_boundary_decision_detail: Option<BoundaryDetail>,
    /// What each type of policy said, across accounts; empty in one account. `None` for the resource `*`, and where an organization
    /// does not allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eval_decision_details: Option<BTreeMap<&'static str, EvalDecision>>,
    /// One for each resource that is an ARN.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_specific_results: Vec<ResourceSpecificResult>,
}

/// What is decided on one action with one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResourceSpecificResult {
    /// The resource's ARN.
    pub eval_resource_name: String,
    /// The decision.
    pub eval_resource_decision: EvalDecision,
    /// The statements that decided so.
    pub matched_statements: Vec<MatchedStatement>,
    /// Condition keys that were asked for and not there.
    pub missing_context_values: Vec<String>,
    /// What each type of policy said; `None` in one account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eval_decision_details: Option<BTreeMap<&'static str, EvalDecision>>,
    /// What the boundary said; `None` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions_boundary_decision_detail: Option<BoundaryDetail>,
}

/// A statement that decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MatchedStatement {
    /// The policy: its place in the input (`PolicyInputList.1`, `ResourcePolicy`), the name of a managed one, or for an inline one its
    /// kind of owner, owner and name (`user_ada_photos`).
    pub source_policy_id: String,
    /// What part the policy plays: `IAM Policy`, `Resource Policy`, `Permissions Boundary Policy` and others.
    pub source_policy_type: &'static str,
    /// Where the statement begins in the policy's text.
    pub start_position: Position,
    /// Where it ends.
    pub end_position: Position,
}

/// A place in a policy's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// What an organization said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OrganizationsDetail {
    /// Whether every level allows and none denies.
    pub allowed_by_organizations: bool,
}

/// What a permissions boundary said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BoundaryDetail {
    /// Whether it allows and does not deny.
    pub allowed_by_permissions_boundary: bool,
}
