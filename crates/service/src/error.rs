//! One enum of reasons, one table of what each means to a caller.

use std::sync::Arc;

use tidegate_authn::AuthnError;
use tidegate_model::{Rejection, RejectionKind};

use crate::Denial;

/// Why a request was refused. The numbers are those of `ErrorReason` in `proto/tidegate/common/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
#[expect(missing_docs, reason = "documented one by one in common.proto, whose numbers these are")]
pub enum Reason {
    MissingAuthenticationToken = 1,
    IncompleteSignature = 2,
    SignatureDoesNotMatch = 3,
    InvalidClientTokenId = 4,
    RequestTimeTooSkewed = 5,
    ExpiredToken = 6,
    AccessDenied = 7,
    NoSuchEntity = 8,
    EntityAlreadyExists = 9,
    DeleteConflict = 10,
    LimitExceeded = 11,
    MalformedPolicyDocument = 12,
    ValidationError = 13,
    ConcurrentModification = 14,
    AccountNotFound = 15,
    IdempotencyMismatch = 16,
    NotYetPropagated = 17,
    TooStale = 18,
    NoQuorum = 19,
    UnknownOutcome = 20,
    Overloaded = 21,
    DiskFull = 22,
    InvalidToken = 23,
    DevelopmentOnly = 24,
    Internal = 25,
    UnmodifiableEntity = 26,
    TooLarge = 27,
    NotReady = 28,
    Quarantined = 29,
    SessionVoid = 30,
    InvalidAuthenticationCode = 40,
    EntityTemporarilyUnmodifiable = 41,
    PasswordPolicyViolation = 42,
    PositionDropped = 90,
    AccountFenced = 91,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 35] = [
        Self::MissingAuthenticationToken,
        Self::IncompleteSignature,
        Self::SignatureDoesNotMatch,
        Self::InvalidClientTokenId,
        Self::RequestTimeTooSkewed,
        Self::ExpiredToken,
        Self::AccessDenied,
        Self::NoSuchEntity,
        Self::EntityAlreadyExists,
        Self::DeleteConflict,
        Self::LimitExceeded,
        Self::MalformedPolicyDocument,
        Self::ValidationError,
        Self::ConcurrentModification,
        Self::AccountNotFound,
        Self::IdempotencyMismatch,
        Self::NotYetPropagated,
        Self::TooStale,
        Self::NoQuorum,
        Self::UnknownOutcome,
        Self::Overloaded,
        Self::DiskFull,
        Self::InvalidToken,
        Self::DevelopmentOnly,
        Self::Internal,
        Self::UnmodifiableEntity,
        Self::TooLarge,
        Self::NotReady,
        Self::Quarantined,
        Self::SessionVoid,
        Self::InvalidAuthenticationCode,
        Self::EntityTemporarilyUnmodifiable,
        Self::PasswordPolicyViolation,
        Self::PositionDropped,
        Self::AccountFenced,
    ];

    /// The reason with this number.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|r| *r as i32 == number)
    }

    /// Its name, as `ErrorInfo.reason` has it, and whether trying again can help.
    pub fn row(self) -> (&'static str, bool) {
        match self {
            Self::MissingAuthenticationToken => ("MISSING_AUTHENTICATION_TOKEN", false),
            Self::IncompleteSignature => ("INCOMPLETE_SIGNATURE", false),
            Self::SignatureDoesNotMatch => ("SIGNATURE_DOES_NOT_MATCH", false),
            Self::InvalidClientTokenId => ("INVALID_CLIENT_TOKEN_ID", true),
            Self::RequestTimeTooSkewed => ("REQUEST_TIME_TOO_SKEWED", false),
            Self::ExpiredToken => ("EXPIRED_TOKEN", false),
            Self::AccessDenied => ("ACCESS_DENIED", false),
            Self::NoSuchEntity => ("NO_SUCH_ENTITY", false),
            Self::EntityAlreadyExists => ("ENTITY_ALREADY_EXISTS", false),
            Self::DeleteConflict => ("DELETE_CONFLICT", false),
            Self::LimitExceeded => ("LIMIT_EXCEEDED", false),
            Self::MalformedPolicyDocument => ("MALFORMED_POLICY_DOCUMENT", false),
            Self::ValidationError => ("VALIDATION_ERROR", false),
            Self::ConcurrentModification => ("CONCURRENT_MODIFICATION", false),
            Self::AccountNotFound => ("ACCOUNT_NOT_FOUND", true),
            Self::IdempotencyMismatch => ("IDEMPOTENCY_MISMATCH", false),
            Self::NotYetPropagated => ("NOT_YET_PROPAGATED", true),
            Self::TooStale => ("TOO_STALE", true),
            Self::NoQuorum => ("NO_QUORUM", true),
            Self::UnknownOutcome => ("UNKNOWN_OUTCOME", true),
            Self::Overloaded => ("OVERLOADED", true),
            Self::DiskFull => ("DISK_FULL", true),
            Self::InvalidToken => ("INVALID_TOKEN", false),
            Self::DevelopmentOnly => ("DEVELOPMENT_ONLY", false),
            Self::Internal => ("INTERNAL", false),
            Self::UnmodifiableEntity => ("UNMODIFIABLE_ENTITY", false),
            Self::TooLarge => ("TOO_LARGE", false),
            Self::NotReady => ("NOT_READY", true),
            Self::Quarantined => ("QUARANTINED", false),
            Self::SessionVoid => ("SESSION_VOID", false),
            Self::InvalidAuthenticationCode => ("INVALID_AUTHENTICATION_CODE", false),
            Self::EntityTemporarilyUnmodifiable => ("ENTITY_TEMPORARILY_UNMODIFIABLE", true),
            Self::PasswordPolicyViolation => ("PASSWORD_POLICY_VIOLATION", false),
            Self::PositionDropped => ("POSITION_DROPPED", false),
            Self::AccountFenced => ("ACCOUNT_FENCED", true),
        }
    }
}

/// A refusal. Nothing was changed, but for [`Reason::UnknownOutcome`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ServiceError {
    /// Why.
    pub reason: Reason,
    /// What to tell the caller.
    pub message: String,
    /// The same for programs: `ErrorInfo.metadata`, as `common.proto` has it for the reason.
    pub details: Vec<(&'static str, String)>,
    /// The kind of rejection that it came of, which says it finer than the reason; `None`: it came of none.
    pub kind: Option<RejectionKind>,
    /// What was denied, where policies denied it.
    pub denial: Option<Arc<Denial>>,
}

impl ServiceError {
    /// A refusal.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), details: Vec::new(), kind: None, denial: None }
    }

    /// The refusal with one more detail.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl core::fmt::Display) -> Self {
        self.details.push((key, value.to_string()));
        self
    }

    /// The refusal with what was denied.
    #[must_use]
    pub fn denying(mut self, denial: Denial) -> Self {
        self.denial = Some(Arc::new(denial));
        self
    }
}

impl From<AuthnError> for ServiceError {
    fn from(e: AuthnError) -> Self {
        let reason = match e {
            AuthnError::MissingAuthenticationToken => Reason::MissingAuthenticationToken,
            AuthnError::IncompleteSignature(_) => Reason::IncompleteSignature,
            AuthnError::SignatureDoesNotMatch | AuthnError::WrongScope(_) => {
                Reason::SignatureDoesNotMatch
            }
            AuthnError::RequestTimeTooSkewed { .. }
            | AuthnError::SignatureNotCurrent(_)
            | AuthnError::RequestExpired => Reason::RequestTimeTooSkewed,
        };
        Self::new(reason, e.to_string())
    }
}

impl From<Rejection> for ServiceError {
    fn from(r: Rejection) -> Self {
        let reason = match r.kind() {
            RejectionKind::Unspecified => Reason::Internal,
            RejectionKind::NoSuchEntity => Reason::NoSuchEntity,
            RejectionKind::EntityAlreadyExists
            | RejectionKind::DuplicateCertificate
            | RejectionKind::DuplicateSshPublicKey => Reason::EntityAlreadyExists,
            RejectionKind::DeleteConflict => Reason::DeleteConflict,
            RejectionKind::LimitExceeded => Reason::LimitExceeded,
            RejectionKind::MalformedPolicyDocument => Reason::MalformedPolicyDocument,
            RejectionKind::ValidationError
            | RejectionKind::InvalidInput
            | RejectionKind::PolicyNotAttachable => Reason::ValidationError,
            RejectionKind::AccessDenied => Reason::AccessDenied,
            RejectionKind::ConcurrentModification => Reason::ConcurrentModification,
            RejectionKind::AccountNotFound => Reason::AccountNotFound,
            RejectionKind::IdempotencyMismatch => Reason::IdempotencyMismatch,
            RejectionKind::InvalidClientTokenId => Reason::InvalidClientTokenId,
            RejectionKind::UnmodifiableEntity => Reason::UnmodifiableEntity,
            RejectionKind::Quarantined => Reason::Quarantined,
            RejectionKind::SessionVoid => Reason::SessionVoid,
            RejectionKind::InvalidAuthenticationCode => Reason::InvalidAuthenticationCode,
            RejectionKind::EntityTemporarilyUnmodifiable => Reason::EntityTemporarilyUnmodifiable,
            RejectionKind::PasswordPolicyViolation => Reason::PasswordPolicyViolation,
            RejectionKind::AccountElsewhere => Reason::NotReady,
        };
        Self { kind: Some(r.kind()), ..Self::new(reason, r.message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_each_their_own() {
        assert!(Reason::ALL.is_sorted_by_key(|r| *r as i32));
        for reason in Reason::ALL {
            assert_eq!(Reason::from_number(reason as i32), Some(reason));
        }
        let names: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|r| r.row().0).collect();
        assert_eq!(names.len(), Reason::ALL.len());
    }
}
