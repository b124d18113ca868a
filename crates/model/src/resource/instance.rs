//! Instances: whose role a workload is given, and who may give it to one.

use std::sync::Arc;

use tidegate_policy::{Action, Context, PolicySet, Principal, Request, authorize};

use super::{Body, Instance, Resource, ResourceKind};
use crate::{AccountState, EntityKind, record::Role, state::Entity};

/// The service in whose name instances are given roles, as trust policies and `iam:PassedToService` have it.
pub const EC2: &str = "ec2.amazonaws.com";

/// The ARN of an instance; `region` empty: of those of any region.
pub(super) fn arn(account: &AccountState, region: &str, id: &str) -> String {
    let region = if region.is_empty() || region == "/" { "*" } else { region };
    format!("arn:{}:ec2:{region}:{}:instance/{id}", account.partition(), account.id())
}

/// The role that an instance has at present: its own, or that of its instance profile.
pub fn role_of_instance<'a>(
    account: &'a AccountState,
    instance: &Instance,
) -> Option<&'a Arc<Entity<Role>>> {
    if !instance.role.is_empty() {
        return account.role(&instance.role);
    }
    let profile = account.resource(ResourceKind::InstanceProfile, &instance.profile)?;
    match &profile.value.body {
        Some(Body::InstanceProfile(profile)) => account.role(&profile.role),
        _ => None,
    }
}

/// Whether the trust policy of a role of this account lets a service assume it for `source`, the ARN of what the service acts for.
pub fn trusts_service(account: &AccountState, role: &Role, service: &str, source: &str) -> bool {
    let Some(trust) = account.trust(&role.name) else { return false };
    let Ok(action) = Action::parse("sts:AssumeRole") else { return false };
    let policies = PolicySet { resource: Some(trust), ..PolicySet::default() };
    let context = Context::default()
        .with("aws:SourceAccount", account.id().to_string())
        .with("aws:SourceArn", source);
    let principal = Principal::service(service);
    let arn = account.arn(EntityKind::Role, &role.path, &role.name);
    authorize(&policies, &Request::new(&principal, &action, &arn, &context)).is_allowed()
}

/// Besides registering an instance, its role is passed to it. A role that is not there is refused when the command is applied.
pub(super) fn pass_role(account: &AccountState, new: &Resource) -> Option<(String, String)> {
    let Some(Body::Instance(instance)) = &new.body else { return None };
    let role = &role_of_instance(account, instance)?.value;
    Some(("iam:PassRole".to_owned(), account.arn(EntityKind::Role, &role.path, &role.name)))
}
