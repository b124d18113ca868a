//! Why a command was refused, in AWS's words.

use prost::Message;

/// The kinds of refusal. The numbers are stored with remembered requests and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum RejectionKind {
    /// Never used.
    Unspecified = 0,
    /// What was named is not there.
    NoSuchEntity = 1,
    /// The name is taken.
    EntityAlreadyExists = 2,
    /// Something still hangs on it.
    DeleteConflict = 3,
    /// A quota is used up.
    LimitExceeded = 4,
    /// A policy can't be read.
    MalformedPolicyDocument = 5,
    /// A value is outside its range.
    ValidationError = 6,
    /// The caller may not.
    AccessDenied = 7,
    /// The entity has changed since it was read.
    ConcurrentModification = 8,
    /// The account is not here.
    AccountNotFound = 9,
    /// The same request id came with another request.
    IdempotencyMismatch = 10,
    /// The caller's key or session is gone.
    InvalidClientTokenId = 11,
    /// This cannot be changed.
    UnmodifiableEntity = 12,
    /// A value is well formed but does not fit here.
    InvalidInput = 13,
    /// The caller is quarantined.
    Quarantined = 30,
    /// The caller's session was issued before sessions of its role became void.
    SessionVoid = 31,
    /// Somebody of the account has this certificate already.
    DuplicateCertificate = 50,
    /// The user has this SSH public key already.
    DuplicateSshPublicKey = 51,
    /// AWS attaches the policy to its own roles, and to nothing else.
    PolicyNotAttachable = 52,
    /// A code of an MFA device is not good, or not any more.
    InvalidAuthenticationCode = 40,
    /// What has the name now is not what was looked at.
    EntityTemporarilyUnmodifiable = 41,
    /// A password is not what the account's policy asks for.
    PasswordPolicyViolation = 42,
}

/// A refusal. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Rejection {
    /// Its kind.
    #[prost(enumeration = "RejectionKind", tag = "1")]
    pub kind: i32,
    /// What to tell the caller.
    #[prost(string, tag = "2")]
    pub message: String,
}

impl Rejection {
    /// A refusal of a kind.
    pub fn new(kind: RejectionKind, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into() }
    }

    /// "The user with name X cannot be found."
    pub fn no_such(what: &str, name: &str) -> Self {
        Self::new(
            RejectionKind::NoSuchEntity,
            format!("The {what} with name {name} cannot be found."),
        )
    }

    /// "User with name X already exists."
    pub fn exists(what: &str, name: &str) -> Self {
        Self::new(
            RejectionKind::EntityAlreadyExists,
            format!("{what} with name {name} already exists."),
        )
    }

    /// "Cannot exceed quota for X: n"
    pub fn limit(quota: &str, max: usize) -> Self {
        Self::new(RejectionKind::LimitExceeded, format!("Cannot exceed quota for {quota}: {max}"))
    }

    /// "Cannot delete entity, ..."
    pub fn conflict(what: &str) -> Self {
        Self::new(RejectionKind::DeleteConflict, format!("Cannot delete entity, {what}."))
    }

    /// A value outside its range.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(RejectionKind::ValidationError, message)
    }
}

impl core::fmt::Display for Rejection {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Rejection {}
