//! Which operations a session may call at all, whatever its policies say (AWS, "Comparing the AWS STS API operations").

use tidegate_model::{CallerRef, command::caller_kind};

use crate::{Reason, ServiceError};

/// What session credentials may never call in STS: operations that begin with an access key.
const LONG_TERM: [&str; 2] = ["GetSessionToken", "GetFederationToken"];

/// Refuses a call that is not for the caller's kind of credentials. `service`: `iam` or `sts`, as scopes of signatures name them; others
/// have no such rules.
pub fn check_session(
    caller: &CallerRef,
    service: &str,
    operation: &str,
) -> Result<(), ServiceError> {
    let iam = match caller.kind {
        caller_kind::FEDERATED_SESSION => false,
        caller_kind::USER_SESSION => caller.mfa_at.is_some(),
        _ => true,
    };
    let sts = match caller.kind {
        caller_kind::FEDERATED_SESSION => operation == "GetCallerIdentity",
        caller_kind::USER_SESSION => matches!(operation, "GetCallerIdentity" | "AssumeRole"),
        caller_kind::SESSION => !LONG_TERM.contains(&operation),
        _ => true,
    };
    match service {
        "iam" if !iam => Err(ServiceError::new(
            Reason::InvalidClientTokenId,
            "sessions of federated users, and those that were made without a code of an MFA device, may not call IAM",
        )),
        "sts" if !sts => {
            let message = format!("Cannot call {operation} with session credentials");
            Err(ServiceError::new(Reason::AccessDenied, message))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_call_what_aws_lets_them_call() {
        let session = |kind, mfa_at| CallerRef { kind, mfa_at, ..CallerRef::default() };
        let user = session(caller_kind::USER_SESSION, None);
        let with_mfa = session(caller_kind::USER_SESSION, Some(1));
        let federated = session(caller_kind::FEDERATED_SESSION, None);
        let role = session(caller_kind::SESSION, None);
        let long_term = session(caller_kind::USER, None);
        let why = |caller: &CallerRef, service: &str, operation: &str| {
            check_session(caller, service, operation).err().map(|e| e.reason)
        };
        for caller in [&user, &federated] {
            assert_eq!(why(caller, "iam", "GetUser"), Some(Reason::InvalidClientTokenId));
        }
        for caller in [&with_mfa, &role, &long_term] {
            assert_eq!(why(caller, "iam", "GetUser"), None);
        }
        for caller in [&user, &with_mfa, &federated, &role] {
            assert_eq!(why(caller, "sts", "GetSessionToken"), Some(Reason::AccessDenied));
            assert_eq!(why(caller, "sts", "GetFederationToken"), Some(Reason::AccessDenied));
            assert_eq!(why(caller, "sts", "GetCallerIdentity"), None);
            assert_eq!(why(caller, "tidegate", "Authorize"), None);
        }
        assert_eq!(why(&federated, "sts", "AssumeRole"), Some(Reason::AccessDenied));
        assert_eq!(why(&user, "sts", "DecodeAuthorizationMessage"), Some(Reason::AccessDenied));
        for caller in [&user, &with_mfa, &role, &long_term] {
            assert_eq!(why(caller, "sts", "AssumeRole"), None);
        }
        assert_eq!(why(&long_term, "sts", "GetSessionToken"), None);
    }
}
