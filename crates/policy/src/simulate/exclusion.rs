//! Policies of the principal that are left out.

use super::{InlinePolicyIdentifier, PolicyExclusion, SimulationError};
use crate::{PolicySet, PolicySource};

/// Most exclusions of a request.
const MAX: usize = 256;

/// What is left out.
enum Exclusion<'a> {
    Inline,
    AwsManaged,
    UserManaged,
    Boundary,
    ServiceControl,
    ResourceControl,
    Arn(&'a str),
    One(&'a InlinePolicyIdentifier),
}

/// Leaves out what the list names.
pub(super) fn apply(set: &mut PolicySet, list: &[PolicyExclusion]) -> Result<(), SimulationError> {
    if list.len() > MAX {
        let name = "PolicyExclusionList";
        return Err(SimulationError::TooMany { name, found: list.len(), max: MAX });
    }
    for (n, item) in list.iter().enumerate() {
        let excluded = Exclusion::of(item).ok_or(SimulationError::Exclusion(n + 1))?;
        excluded.apply(set);
    }
    Ok(())
}

impl<'a> Exclusion<'a> {
    fn of(item: &'a PolicyExclusion) -> Option<Self> {
        match (&item.policy_type, &item.policy_arn, &item.inline_policy_identifier) {
            (Some(of), None, None) => Some(match of.as_str() {
                "inline" => Self::Inline,
                "aws-managed" => Self::AwsManaged,
                "user-managed" => Self::UserManaged,
                "permission-boundary" => Self::Boundary,
                "scp" => Self::ServiceControl,
                "rcp" => Self::ResourceControl,
                _ => return None,
            }),
            (None, Some(arn), None) => Some(Self::Arn(arn)),
            (None, None, Some(one)) => {
                matches!(one.attachment_type.as_str(), "user" | "group" | "role")
                    .then_some(Self::One(one))
            }
            _ => None,
        }
    }

    fn apply(&self, set: &mut PolicySet) {
        match self {
            Self::Boundary => set.boundary = None,
            Self::ServiceControl => set.service_control.clear(),
            Self::ResourceControl => set.resource_control.clear(),
            _ => {}
        }
        set.identity.retain(|policy| !self.names(policy.source()));
        set.boundary.take_if(|policy| self.names(policy.source()));
        for levels in [&mut set.service_control, &mut set.resource_control] {
            // A level of which nothing is left has no say: nothing else could be left out of it.
            levels.retain_mut(|level| {
                let before = level.len();
                level.retain(|policy| !self.names(policy.source()));
                before == 0 || !level.is_empty()
            });
        }
    }

    fn names(&self, source: &PolicySource) -> bool {
        let inline = |kind: &str, owner: &str, name: &str| match self {
            Self::Inline => true,
            Self::One(one) => {
                (&*one.attachment_type, &*one.attachment_name, &*one.policy_name)
                    == (kind, owner, name)
            }
            _ => false,
        };
        match source {
            PolicySource::Managed(arn) => match self {
                Self::AwsManaged => arn.account() == "aws",
                Self::UserManaged => arn.account() != "aws",
                Self::Arn(text) => arn.as_str() == *text,
                _ => false,
            },
            PolicySource::Boundary(arn) => matches!(self, Self::Arn(text) if arn.as_str() == *text),
            PolicySource::ServiceControl(id) | PolicySource::ResourceControl(id) => {
                matches!(self, Self::Arn(text) if **id == **text)
            }
            PolicySource::UserInline { user, name } => inline("user", user, name),
            PolicySource::GroupInline { group, name } => inline("group", group, name),
            PolicySource::RoleInline { role, name } => inline("role", role, name),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
