//! One table of errors: the code, the HTTP status and whose fault it is, as AWS has them, and what each of our reasons becomes.

mod federation;

use std::sync::Arc;

use tidegate_authn::AuthnError;
use tidegate_service::{Denial, Reason, RejectionKind, ServiceError};

use crate::Service;

macro_rules! codes {
    ($($code:ident $name:literal $status:literal $sender:literal;)*) => {
        /// An error code of AWS.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "AWS's own names, documented in its API references")]
        pub enum Code { $($code,)* }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// The code as clients see it, its HTTP status, and whether the sender is to blame.
            pub fn row(self) -> (&'static str, u16, bool) {
                match self { $(Self::$code => ($name, $status, $sender),)* }
            }
        }
    };
}

codes! {
    AccessDenied "AccessDenied" 403 true;
    AccountNotManagementOrDelegatedAdministrator "AccountNotManagementOrDelegatedAdministratorException" 400 true;
    CallerIsNotManagementAccount "CallerIsNotManagementAccountException" 400 true;
    ConcurrentModification "ConcurrentModification" 409 true;
    DeleteConflict "DeleteConflict" 409 true;
    DuplicateCertificate "DuplicateCertificate" 409 true;
    DuplicateSshPublicKey "DuplicateSSHPublicKey" 400 true;
    EntityAlreadyExists "EntityAlreadyExists" 409 true;
    EntityTemporarilyUnmodifiable "EntityTemporarilyUnmodifiable" 409 true;
    ExpiredToken "ExpiredToken" 403 true;
    ExpiredTokenException "ExpiredTokenException" 400 true;
    FeatureDisabled "FeatureDisabled" 404 true;
    FeatureEnabled "FeatureEnabled" 409 true;
    IdpCommunicationError "IDPCommunicationError" 400 true;
    IdpRejectedClaim "IDPRejectedClaim" 403 true;
    IncompleteSignature "IncompleteSignature" 403 true;
    InternalFailure "InternalFailure" 500 false;
    InvalidAction "InvalidAction" 400 true;
    InvalidAuthenticationCode "InvalidAuthenticationCode" 403 true;
    InvalidAuthorizationMessage "InvalidAuthorizationMessageException" 400 true;
    InvalidCertificate "InvalidCertificate" 400 true;
    InvalidClientTokenId "InvalidClientTokenId" 403 true;
    InvalidIdentityToken "InvalidIdentityToken" 400 true;
    InvalidInput "InvalidInput" 400 true;
    InvalidPublicKey "InvalidPublicKey" 400 true;
    JwtPayloadSizeExceeded "JWTPayloadSizeExceededException" 400 true;
    InvalidUserType "InvalidUserType" 400 true;
    KeyPairMismatch "KeyPairMismatch" 400 true;
    LimitExceeded "LimitExceeded" 409 true;
    MalformedCertificate "MalformedCertificate" 400 true;
    MalformedInput "MalformedInput" 400 true;
    MalformedPolicyDocument "MalformedPolicyDocument" 400 true;
    MalformedQueryString "MalformedQueryString" 400 true;
    MissingAction "MissingAction" 400 true;
    MissingAuthenticationToken "MissingAuthenticationToken" 403 true;
    NoSuchEntity "NoSuchEntity" 404 true;
    NoSuchVersion "NoSuchVersion" 400 true;
    NotSupportedService "NotSupportedService" 404 true;
    OutboundFederationDisabled "OutboundWebIdentityFederationDisabledException" 403 true;
    PackedPolicyTooLarge "PackedPolicyTooLarge" 400 true;
    PasswordPolicyViolation "PasswordPolicyViolation" 400 true;
    PolicyEvaluation "PolicyEvaluation" 500 false;
    PolicyNotAttachable "PolicyNotAttachable" 400 true;
    ReportExpired "ReportExpired" 410 true;
    ReportInProgress "ReportInProgress" 404 true;
    ReportNotPresent "ReportNotPresent" 410 true;
    RequestEntityTooLarge "RequestEntityTooLarge" 413 true;
    RequestExpired "RequestExpired" 400 true;
    ServiceFailure "ServiceFailure" 500 false;
    ServiceUnavailable "ServiceUnavailable" 503 false;
    SessionDurationEscalation "SessionDurationEscalationException" 403 true;
    SignatureDoesNotMatch "SignatureDoesNotMatch" 403 true;
    Throttling "Throttling" 400 true;
    UnmodifiableEntity "UnmodifiableEntity" 400 true;
    UnrecognizedPublicKeyEncoding "UnrecognizedPublicKeyEncoding" 400 true;
    UnsupportedOperation "UnsupportedOperation" 400 true;
    ValidationError "ValidationError" 400 true;
}

/// A refused call, as a client of AWS sees it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Which error.
    pub code: Code,
    /// What to tell.
    pub message: String,
    /// What was denied, where policies denied it.
    pub denial: Option<Arc<Denial>>,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), denial: None }
    }

    /// The body of the answer. `service` is whose namespace it has; unknown where the call did not say whom it meant.
    pub fn body(&self, service: Option<Service>, request_id: &str) -> String {
        crate::answer::error(self, service, request_id)
    }
}

/// What AWS says of a signature that fits nothing, word for word: clients look for it.
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

fn code(reason: Reason) -> Code {
    match reason {
        Reason::MissingAuthenticationToken => Code::MissingAuthenticationToken,
        Reason::IncompleteSignature => Code::IncompleteSignature,
        Reason::SignatureDoesNotMatch | Reason::RequestTimeTooSkewed => Code::SignatureDoesNotMatch,
        Reason::InvalidClientTokenId | Reason::AccountNotFound => Code::InvalidClientTokenId,
        // Clients fetch new credentials at this one.
        Reason::ExpiredToken | Reason::SessionVoid => Code::ExpiredToken,
        Reason::AccessDenied | Reason::Quarantined => Code::AccessDenied,
        Reason::NoSuchEntity => Code::NoSuchEntity,
        Reason::EntityAlreadyExists => Code::EntityAlreadyExists,
        Reason::DeleteConflict => Code::DeleteConflict,
        Reason::LimitExceeded => Code::LimitExceeded,
        Reason::MalformedPolicyDocument => Code::MalformedPolicyDocument,
        Reason::ValidationError
        | Reason::InvalidToken
        | Reason::IdempotencyMismatch
        | Reason::PositionDropped => Code::ValidationError,
        Reason::InvalidAuthenticationCode => Code::InvalidAuthenticationCode,
        Reason::EntityTemporarilyUnmodifiable => Code::EntityTemporarilyUnmodifiable,
        Reason::PasswordPolicyViolation => Code::PasswordPolicyViolation,
        Reason::ConcurrentModification => Code::ConcurrentModification,
        Reason::UnmodifiableEntity => Code::UnmodifiableEntity,
        Reason::TooLarge => Code::RequestEntityTooLarge,
        Reason::DevelopmentOnly => Code::UnsupportedOperation,
        // Clients of AWS try again at these, by themselves.
        Reason::NotYetPropagated
        | Reason::TooStale
        | Reason::AccountFenced
        | Reason::NoQuorum
        | Reason::UnknownOutcome
        | Reason::Overloaded
        | Reason::DiskFull
        | Reason::NotReady => Code::ServiceUnavailable,
        Reason::Internal => Code::InternalFailure,
    }
}

impl From<ServiceError> for Refusal {
    fn from(e: ServiceError) -> Self {
        let message = match e.reason {
            Reason::SignatureDoesNotMatch => MISMATCH.to_owned(),
            Reason::InvalidClientTokenId | Reason::AccountNotFound => {
                "The security token included in the request is invalid.".to_owned()
            }
            Reason::ExpiredToken => {
                "The security token included in the request is expired".to_owned()
            }
            Reason::MissingAuthenticationToken => {
                "Request is missing Authentication Token".to_owned()
            }
            _ => e.message,
        };
        let finer = e.kind.and_then(finer);
        let code = finer.unwrap_or_else(|| code(e.reason));
        Self { denial: e.denial, ..Self::new(code, message) }
    }
}

/// The code of a kind of rejection that says it finer than its reason.
fn finer(kind: RejectionKind) -> Option<Code> {
    Some(match kind {
        RejectionKind::InvalidInput => Code::InvalidInput,
        RejectionKind::DuplicateCertificate => Code::DuplicateCertificate,
        RejectionKind::DuplicateSshPublicKey => Code::DuplicateSshPublicKey,
        RejectionKind::PolicyNotAttachable => Code::PolicyNotAttachable,
        _ => return None,
    })
}

impl From<AuthnError> for Refusal {
    fn from(e: AuthnError) -> Self {
        match e {
            AuthnError::RequestExpired => Self::new(Code::RequestExpired, e.to_string()),
            // AWS says which part is missing, and how far the time is off.
            AuthnError::IncompleteSignature(what) => Self::new(Code::IncompleteSignature, what),
            AuthnError::SignatureNotCurrent(_) | AuthnError::WrongScope(_) => {
                Self::new(Code::SignatureDoesNotMatch, e.to_string())
            }
            AuthnError::MissingAuthenticationToken
            | AuthnError::SignatureDoesNotMatch
            | AuthnError::RequestTimeTooSkewed { .. } => ServiceError::from(e).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_the_service_models() {
        for service in Service::ALL {
            for error in service.api().operations().flat_map(|o| &o.errors) {
                let ours = Code::ALL.iter().map(|c| c.row()).find(|r| r.0 == error.code);
                if let Some((name, status, sender)) = ours {
                    assert_eq!((status, sender), (error.status, error.sender), "{name}");
                }
            }
        }
    }

    #[test]
    fn every_reason_has_a_code_and_every_code_its_name() {
        for reason in Reason::ALL {
            let refusal = Refusal::from(ServiceError::new(reason, "why"));
            assert_eq!(refusal.code.row().1 >= 500, !refusal.code.row().2, "{reason:?}");
        }
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|c| c.row().0).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
