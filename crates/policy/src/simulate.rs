//! What policies would decide: the semantics of AWS's `SimulateCustomPolicy`, `SimulatePrincipalPolicy`, `GetContextKeysForCustomPolicy`
//! and `GetContextKeysForPrincipalPolicy`.
//!
//! [`SimulationRequest`] and [`SimulationAnswer`] have the members of AWS's shapes, and are serialized with AWS's names. Every decision
//! is [`crate::authorize`]'s: a simulation only asks it for each action with each resource, and lists what was seen on the way.
//!
//! # What AWS's pages say, and where they leave a choice
//!
//! - There is one result for each action, with one of its own for each resource that is an ARN. The upper one sums them up: the most
//!   restrictive decision, the statements and details of those resources that decided so, every missing key. Its resource is the only
//!   one, else the ARN of the one resource type of the action that all of them have, with placeholders, else `*`.
//! - Listed are the statements that deny, if one does. Else those of identity and resource policies that allow, also where another
//!   type of policy is silent. What a boundary or an organization allows is in its own detail.
//! - A place begins where AWS's reader stood: behind the `[`, behind the statement before, or behind the `{` of an only statement that
//!   is in no list. It ends behind the statement's `}`.
//! - The type of a policy is printed as AWS's answers have it (`IAM Policy`, `Resource Policy`, `Permissions Boundary Policy`), not as
//!   its model of the shape does. `Service Control Policy` and the others are ours.
//! - A value of the context goes before whatever else is known of the caller and the resource. Without `CallerArn` nothing is known of
//!   the caller, and every resource is of the caller's account.
//! - A resource belongs to the account of its ARN, else to `ResourceOwner`, else to the caller's account. Of another account's resource
//!   only a `ResourcePolicy` can speak: where there is none, only the caller's side is simulated.
//! - A key is missing if the request does not have it, and a statement asks for it that speaks of the action, could speak of the
//!   resource and the caller, and fails in no condition whose keys the request has.
//! - Actions that no service lists are decided like all others: the list ages, and services of your own are not in it.
//! - Whoever calls may be a user, a role or a group; none of its sessions, and no root user.
//!
//! ```
//! use tidegate_policy::simulate::{self, EvalDecision, SimulationRequest};
//!
//! let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:username}/*"}}"#;
//! let request = SimulationRequest {
//!     policy_input_list: vec![policy.to_owned()],
//!     action_names: vec!["s3:GetObject".to_owned()],
//!     resource_arns: vec!["arn:aws:s3:::ada/cat.jpg".to_owned()],
//!     ..SimulationRequest::default()
//! };
//! let answer = simulate::custom(&request)?;
//! assert_eq!(answer.evaluation_results[0].eval_decision, EvalDecision::ImplicitDeny);
//! assert_eq!(answer.evaluation_results[0].missing_context_values, ["aws:username"]);
//!
//! let caller_arn = Some("arn:aws:iam::123456789012:user/ada".to_owned());
//! let answer = simulate::custom(&SimulationRequest { caller_arn, ..request })?;
//! assert_eq!(answer.evaluation_results[0].eval_decision, EvalDecision::Allowed);
//! assert_eq!(answer.evaluation_results[0].matched_statements[0].source_policy_id, "PolicyInputList.1");
//! # Ok::<(), tidegate_policy::simulate::SimulationError>(())
//! ```

mod answer;
mod caller;
mod entries;
mod error;
mod exclusion;
mod handling;
mod input;
mod judge;
mod keys;
mod page;
mod position;
mod request;
mod scene;
mod together;

pub use answer::{
    BoundaryDetail, EvalDecision, EvaluationResult, MatchedStatement, OrganizationsDetail,
    Position, ResourceSpecificResult, SimulationAnswer,
};
pub use error::SimulationError;
pub use keys::{context_keys, principal_context_keys};
pub use request::{
    ContextEntry, InlinePolicyIdentifier, OrganizationLevel, PolicyExclusion, SimulationRequest,
    SimulationSource,
};

/// Simulates the policies of the input: `SimulateCustomPolicy`.
///
/// # Errors
/// See [`SimulationError`]; nothing was decided.
pub fn custom(request: &SimulationRequest) -> Result<SimulationAnswer, SimulationError> {
    let policies = input::custom(request)?;
    let caller = caller::of(request, None)?;
    Ok(scene::Scene::new(request, policies, &caller)?.answer())
}

/// Simulates the policies of a principal together with those of the input: `SimulatePrincipalPolicy`.
///
/// A boundary of the input takes the place of the principal's. Organizations' policies come with the principal; all of its policies
/// can be left out one by one.
///
/// # Errors
/// See [`SimulationError`]; nothing was decided.
pub fn principal(
    request: &SimulationRequest,
    source: &SimulationSource,
) -> Result<SimulationAnswer, SimulationError> {
    let policies = input::principal(request, source)?;
    let caller = caller::of(request, source.principal.as_ref())?;
    Ok(scene::Scene::new(request, policies, &caller)?.answer())
}

#[cfg(test)]
mod tests;
