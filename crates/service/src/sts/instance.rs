//! A role's credentials for a workload that proves on which instance it runs, issued at any node.

use tidegate_authn::{ClusterKey, InstanceSecret, Session, SessionAttributes, SessionKind};
use tidegate_model::{
    AccountState, EntityKind, ResourceKind,
    region::Subject,
    resource::{Body, EC2, Instance, Resource, role_of_instance, trusts_service},
};
use tidegate_policy::UnixMillis;

use super::{
    good_from,
    issue::{Issued, Order, issue},
};
use crate::{
    Reason, ServiceError, View,
    standing::{contained, refusal},
};

/// How long credentials last that are asked for without a time, in seconds.
const SECONDS_DEFAULT: u32 = 3_600;
/// Least and most, in seconds.
const SECONDS: core::ops::RangeInclusive<u32> = 900..=21_600;

/// What an instance is and what it was given.
#[derive(Clone, Debug)]
pub struct InstanceCredentials {
    /// Its region.
    pub region: String,
    /// The partition of its account.
    pub partition: String,
    /// The name of its role.
    pub role_name: String,
    /// Its role.
    pub role_arn: String,
    /// ARN and unique id of its instance profile; empty where it has its role by name.
    pub profile: (String, String),
    /// The session.
    pub session: Session,
    /// What goes with every call.
    pub token: String,
}

/// An instance that is not there and a secret that does not fit are told in the same words.
fn unproven() -> ServiceError {
    let message = "the instance and its secret are not known at this node; they may not have arrived yet, or the instance has ended";
    ServiceError::new(Reason::InvalidClientTokenId, message)
}

fn instance(resource: &Resource) -> Option<&Instance> {
    match &resource.body {
        Some(Body::Instance(instance)) => Some(instance),
        _ => None,
    }
}

fn profile(state: &AccountState, instance: &Instance) -> (String, String) {
    let kind = ResourceKind::InstanceProfile;
    let found = state.resource(kind, &instance.profile).map(|r| &r.value);
    found.map_or_else(Default::default, |p| (kind.arn(state, &p.path, &p.name), p.id.clone()))
}

/// Gives a workload the credentials of its instance's role. The role's trust policy is asked each time, and whoever is contained gets
/// nothing. `seconds` 0: an hour.
///
/// # Errors
/// The instance is not known here, the secret is not its own, it has no role that trusts `ec2.amazonaws.com`, or that role is
/// quarantined.
pub fn instance_credentials(
    view: &View,
    proof: &InstanceSecret,
    seconds: u32,
    now: UnixMillis,
    entropy: &mut dyn FnMut(&mut [u8]),
    key: &ClusterKey,
) -> Result<InstanceCredentials, ServiceError> {
    let state = view.account(proof.account).map_err(|_| unproven())?;
    let found = state.resource(ResourceKind::Instance, &proof.instance).ok_or_else(unproven)?;
    let known = instance(&found.value).ok_or_else(unproven)?;
    if !proof.fits(&known.secret_hash) {
        return Err(unproven());
    }
    let denied = |why: String| ServiceError::new(Reason::AccessDenied, why);
    let role = role_of_instance(state, known)
        .ok_or_else(|| denied(format!("the instance {} has no role", proof.instance)))?;
    let role = &role.value;
    let arn = ResourceKind::Instance.arn(state, &found.value.path, &found.value.name);
    if !trusts_service(state, role, EC2, &arn) {
        let message =
            format!("the trust policy of the role {} does not let {EC2} assume it", role.name);
        return Err(denied(message));
    }
    let account = proof.account.as_u64();
    let subject = Subject { account, root: false, entity: &role.id, access_key: "", lineage: &[] };
    if let Some(quarantine) = contained(view, state, &subject, now) {
        return Err(refusal(quarantine));
    }
    let seconds = if seconds == 0 { SECONDS_DEFAULT } else { seconds };
    if !SECONDS.contains(&seconds) {
        let message = format!(
            "credentials for {seconds} seconds are not between {} and {}",
            SECONDS.start(),
            SECONDS.end()
        );
        return Err(ServiceError::new(Reason::ValidationError, message));
    }
    let order = Order {
        federation: None,
        kind: SessionKind::Role,
        account,
        entity: role.id.clone(),
        name: found.value.name.clone(),
        issued: now.0.max(good_from(view, state, &role.id)),
        expires: now.0 + u64::from(seconds) * 1000,
        policies: None,
        lineage: Vec::new(),
        attributes: SessionAttributes::default(),
    };
    let Issued { session, token } = issue(view, order, entropy, key)?;
    Ok(InstanceCredentials {
        region: found.value.path.clone(),
        partition: state.partition().to_owned(),
        role_name: role.name.clone(),
        role_arn: state.arn(EntityKind::Role, &role.path, &role.name),
        profile: profile(state, known),
        session,
        token,
    })
}
