//! The policies of a simulation: those of the input, and those of a principal.

use std::sync::Arc;

use super::{SimulationError, SimulationRequest, SimulationSource, exclusion};
use crate::{CompiledPolicy, PolicyDocument, PolicyKind, PolicySet, PolicySource};

/// Levels of an organization: its root, five of organizational units, the account.
const LEVELS_MAX: usize = 7;

/// Those of a custom simulation.
pub(super) fn custom(request: &SimulationRequest) -> Result<PolicySet, SimulationError> {
    if !request.policy_exclusion_list.is_empty() {
        return Err(SimulationError::Foreign("PolicyExclusionList"));
    }
    if request.policy_input_list.is_empty() {
        return Err(SimulationError::Empty("PolicyInputList".to_owned()));
    }
    let levels = &request.ordered_organization_policy_input_list;
    if levels.len() > LEVELS_MAX {
        let name = "OrderedOrganizationPolicyInputList";
        return Err(SimulationError::TooMany { name, found: levels.len(), max: LEVELS_MAX });
    }
    let level = |(n, level): (usize, &super::OrganizationLevel)| {
        let place =
            format!("OrderedOrganizationPolicyInputList.{}.ServiceControlPolicyInputList", n + 1);
        let texts = &level.service_control_policy_input_list;
        if texts.is_empty() {
            return Err(SimulationError::Empty(place));
        }
        list(texts, &place, PolicyKind::ServiceControl)
    };
    let service_control = levels.iter().enumerate().map(level).collect::<Result<_, _>>()?;
    with_input(request, PolicySet { service_control, ..PolicySet::default() })
}

/// Those of a principal's simulation.
pub(super) fn principal(
    request: &SimulationRequest,
    source: &SimulationSource,
) -> Result<PolicySet, SimulationError> {
    if !request.ordered_organization_policy_input_list.is_empty() {
        return Err(SimulationError::Foreign("OrderedOrganizationPolicyInputList"));
    }
    let mut policies = source.policies.clone();
    exclusion::apply(&mut policies, &request.policy_exclusion_list)?;
    with_input(request, policies)
}

/// Adds what both take.
fn with_input(
    request: &SimulationRequest,
    mut policies: PolicySet,
) -> Result<PolicySet, SimulationError> {
    let identity = &request.policy_input_list;
    policies.identity.append(&mut list(identity, "PolicyInputList", PolicyKind::Identity)?);
    let name = "PermissionsBoundaryPolicyInputList";
    let boundaries = &request.permissions_boundary_policy_input_list;
    if boundaries.len() > 1 {
        return Err(SimulationError::TooMany { name, found: boundaries.len(), max: 1 });
    }
    if let Some(boundary) = list(boundaries, name, PolicyKind::Boundary)?.pop() {
        policies.boundary = Some(boundary);
    }
    if let Some(text) = &request.resource_policy {
        policies.resource = Some(policy(text, "ResourcePolicy".to_owned(), PolicyKind::Resource)?);
    }
    Ok(policies)
}

fn list(
    texts: &[String],
    name: &str,
    kind: PolicyKind,
) -> Result<Vec<Arc<CompiledPolicy>>, SimulationError> {
    let numbered = texts.iter().enumerate();
    numbered.map(|(n, text)| policy(text, format!("{name}.{}", n + 1), kind)).collect()
}

fn policy(
    text: &str,
    place: String,
    kind: PolicyKind,
) -> Result<Arc<CompiledPolicy>, SimulationError> {
    if text.is_empty() {
        return Err(SimulationError::Empty(place));
    }
    match PolicyDocument::parse(text, kind) {
        Ok(document) => {
            let source = PolicySource::Input(place.into());
            Ok(Arc::new(CompiledPolicy::compile(source, &document)))
        }
        Err(source) => Err(SimulationError::Malformed { place, source }),
    }
}
