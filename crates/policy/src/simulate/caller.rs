//! Who calls in a simulation.

use super::{SimulationError, SimulationRequest};
use crate::{Arn, Principal, PrincipalKind, cases::path_and_name};

/// The caller that the request names, else the principal whose policies are simulated, else nobody in particular.
pub(super) fn of(
    request: &SimulationRequest,
    source: Option<&Principal>,
) -> Result<Principal, SimulationError> {
    let is_user = |principal: &&Principal| principal.kind == PrincipalKind::User;
    match (&request.caller_arn, source) {
        (Some(arn), source) => named(arn, source),
        (None, source) if request.resource_policy.is_some() => {
            source.filter(is_user).cloned().ok_or(SimulationError::CallerNeeded)
        }
        (None, Some(source)) => Ok(source.clone()),
        (None, None) => Ok(nobody()),
    }
}

/// The user, role or group with this ARN. The source is known better than by its ARN.
fn named(text: &str, source: Option<&Principal>) -> Result<Principal, SimulationError> {
    if let Some(source) = source.filter(|source| *source.entity_arn == *text) {
        return Ok(source.clone());
    }
    let refused = || SimulationError::Caller(text.to_owned());
    let arn = Arn::parse(text).ok().filter(|arn| arn.service() == "iam").ok_or_else(refused)?;
    let account = arn.account_id().ok_or_else(refused)?;
    let (kind, _) = arn.resource().split_once('/').ok_or_else(refused)?;
    let behind = arn.resource().get(kind.len()..).unwrap_or_default();
    let (path, name) = path_and_name(behind).ok_or_else(refused)?;
    match kind {
        "user" => Ok(Principal::user(account, path, name, "")),
        "role" => Ok(Principal {
            arn: text.into(),
            user_id: "".into(),
            ..Principal::role_session(account, path, name, "", "")
        }),
        "group" => Ok(Principal {
            arn: text.into(),
            principal_arn: text.into(),
            entity_arn: text.into(),
            username: None,
            ..Principal::user(account, path, name, "")
        }),
        _ => Err(refused()),
    }
}

/// Nobody in particular: no condition key follows from it.
fn nobody() -> Principal {
    Principal { kind: PrincipalKind::User, arn: "".into(), ..Principal::anonymous() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(arn: &str) -> Result<Principal, SimulationError> {
        let request =
            SimulationRequest { caller_arn: Some(arn.to_owned()), ..SimulationRequest::default() };
        of(&request, None)
    }

    #[test]
    fn users_roles_and_groups_call_and_nobody_else() {
        let ada = caller("arn:aws:iam::123456789012:user/team/ada").unwrap();
        assert_eq!((ada.kind, ada.username.as_deref()), (PrincipalKind::User, Some("ada")));
        for arn in
            ["arn:aws:iam::123456789012:role/ci/deploy", "arn:aws:iam::123456789012:group/ops"]
        {
            let found = caller(arn).unwrap();
            assert_eq!((&*found.arn, &*found.principal_arn, &*found.entity_arn), (arn, arn, arn));
            assert_eq!((found.username, &*found.user_id), (None, ""));
        }
        for wrong in [
            "",
            "ada",
            "arn:aws:iam:::user/ada",
            "arn:aws:iam::123456789012:root",
            "arn:aws:iam::123456789012:user",
            "arn:aws:iam::123456789012:user/",
            "arn:aws:iam::123456789012:policy/p",
            "arn:aws:sts::123456789012:assumed-role/deploy/run",
            "arn:aws:sts::123456789012:federated-user/ada",
            "arn:aws:s3:::user/ada",
            "ec2.amazonaws.com",
        ] {
            assert_eq!(caller(wrong), Err(SimulationError::Caller(wrong.to_owned())));
        }
    }

    #[test]
    fn a_resource_policy_needs_a_caller_and_a_role_is_none_by_itself() {
        let account = || "123456789012".parse().unwrap();
        let ada = Principal::user(account(), "/", "ada", "AIDAADA");
        let deploy = Principal::role_session(account(), "/", "deploy", "AROADEPLOY", "run");
        let policy = SimulationRequest {
            resource_policy: Some(String::new()),
            ..SimulationRequest::default()
        };
        assert_eq!(of(&policy, None), Err(SimulationError::CallerNeeded));
        assert_eq!(of(&policy, Some(&deploy)), Err(SimulationError::CallerNeeded));
        assert_eq!(of(&policy, Some(&ada)), Ok(ada.clone()));
        let named = SimulationRequest { caller_arn: Some(deploy.entity_arn.to_string()), ..policy };
        assert_eq!(of(&named, Some(&deploy)), Ok(deploy), "with all that is known of it");
        assert_eq!(of(&named, Some(&ada)).unwrap().kind, PrincipalKind::AssumedRole);
    }
}
