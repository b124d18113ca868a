//! The one place where a reason becomes a gRPC status.

use tidegate_service::{Reason, ServiceError};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

const DOMAIN: &str = "tidegate.dev";

fn code(reason: Reason) -> Code {
    match reason {
        Reason::MissingAuthenticationToken
        | Reason::IncompleteSignature
        | Reason::SignatureDoesNotMatch
        | Reason::InvalidClientTokenId
        | Reason::RequestTimeTooSkewed
        | Reason::ExpiredToken
        | Reason::SessionVoid => Code::Unauthenticated,
        Reason::AccessDenied | Reason::Quarantined | Reason::InvalidAuthenticationCode => {
            Code::PermissionDenied
        }
        Reason::NoSuchEntity | Reason::AccountNotFound => Code::NotFound,
        Reason::EntityAlreadyExists => Code::AlreadyExists,
        Reason::DeleteConflict
        | Reason::NotYetPropagated
        | Reason::TooStale
        | Reason::DevelopmentOnly
        | Reason::PositionDropped
        | Reason::UnmodifiableEntity => Code::FailedPrecondition,
        Reason::LimitExceeded | Reason::DiskFull | Reason::TooLarge => Code::ResourceExhausted,
        Reason::MalformedPolicyDocument
        | Reason::PasswordPolicyViolation
        | Reason::ValidationError
        | Reason::InvalidToken
        | Reason::IdempotencyMismatch => Code::InvalidArgument,
        Reason::ConcurrentModification | Reason::EntityTemporarilyUnmodifiable => Code::Aborted,
        Reason::NoQuorum | Reason::Overloaded | Reason::NotReady | Reason::AccountFenced => {
            Code::Unavailable
        }
        Reason::UnknownOutcome => Code::DeadlineExceeded,
        Reason::Internal => Code::Internal,
    }
}

/// The status of a refusal, with `google.rpc.ErrorInfo`.
#[expect(
    clippy::disallowed_types,
    reason = "what tonic-types takes; the order is lost on the wire"
)]
pub(crate) fn status(error: &ServiceError) -> Status {
    let (name, retryable) = error.reason.row();
    let details = error.details.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    let metadata: std::collections::HashMap<String, String> =
        details.chain([("retryable".to_owned(), retryable.to_string())]).collect();
    let details = ErrorDetails::with_error_info(name, DOMAIN, metadata);
    Status::with_error_details(code(error.reason), error.message.clone(), details)
}

/// For the `?` of handlers.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
pub(crate) fn refuse(error: ServiceError) -> Status {
    status(&error)
}
