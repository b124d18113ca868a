//! Why a call gave no answer, as types: the reason, whether trying again helps, and what the server said besides.

use std::collections::BTreeMap;

use tidegate_proto::common::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Why no call was made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none, or nobody is there.
    #[error("`{address}` can't be reached")]
    Connect {
        /// The address.
        address: String,
        /// Why.
        source: tonic::transport::Error,
    },
    /// No address was given.
    #[error("no endpoint was given")]
    NoEndpoint,
    /// The request can't be signed.
    #[error("the request can't be signed: {0}")]
    Sign(String),
}

impl From<ClientError> for Status {
    fn from(e: ClientError) -> Self {
        Self::internal(e.to_string())
    }
}

/// Why a call was refused, in the words of `ErrorReason`, and whether trying again can help. Where the server said nothing of the kind, the
/// call broke on its way: then the reason is the name of the gRPC code, and trying again helps unless the code says otherwise.
pub fn reason(status: &Status) -> (String, bool) {
    let details = status.get_error_details();
    match details.error_info() {
        Some(info) => {
            (info.reason.clone(), info.metadata.get("retryable").is_some_and(|r| r == "true"))
        }
        None => (format!("{:?}", status.code()), broke(status)),
    }
}

/// Whether a call broke between here and the server, rather than being refused by it.
fn broke(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded => true,
        // What tonic makes of a connection that ends in the middle of an answer.
        Code::Unknown | Code::Internal => std::error::Error::source(status).is_some(),
        _ => false,
    }
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It could not be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The server refused it, after `tries` tries; or it could not be reached.
    #[error("{}", sentence(status, reason))]
    Refused {
        /// In the words of `ErrorReason`; the name of a gRPC code where the call broke on its way.
        reason: String,
        /// Whether trying again later may help.
        retryable: bool,
        /// How often it was tried.
        tries: u32,
        /// What the server said besides, such as `node` and `position`.
        details: BTreeMap<String, String>,
        /// What the server said.
        status: Box<Status>,
    },
    /// The answer is of another type than was asked for.
    #[error("the answer can't be read: {0}")]
    Answer(#[from] prost::DecodeError),
}

fn sentence(status: &Status, reason: &str) -> String {
    match std::error::Error::source(status) {
        Some(source) => format!("{}: {source} ({reason})", status.message()),
        None => format!("{} ({reason})", status.message()),
    }
}

impl CallError {
    /// The reason of a refusal; empty for other errors.
    pub fn reason(&self) -> &str {
        match self {
            Self::Refused { reason, .. } => reason,
            _ => "",
        }
    }

    /// The reason as the protocol's enum; unspecified where the server named none.
    pub fn kind(&self) -> ErrorReason {
        ErrorReason::from_str_name(&format!("ERROR_REASON_{}", self.reason())).unwrap_or_default()
    }

    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Refused { retryable: true, .. })
    }

    /// Whether the call may have taken effect all the same: there was no answer to tell.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                let unnamed = self.kind() == ErrorReason::Unspecified && broke(status);
                unnamed || self.kind() == ErrorReason::UnknownOutcome
            }
            _ => false,
        }
    }

    /// A refusal as it came, tried once.
    pub fn refused(status: Status) -> Self {
        Self::tried(status, 1)
    }

    /// A refusal after `tries` tries.
    pub(crate) fn tried(status: Status, tries: u32) -> Self {
        let (reason, retryable) = reason(&status);
        let details = status.get_error_details();
        let details = details.error_info().map_or_else(BTreeMap::new, |info| {
            info.metadata
                .iter()
                .filter(|(key, _)| *key != "retryable")
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        });
        Self::Refused { reason, retryable, tries, details, status: Box::new(status) }
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn said(code: Code, reason: &str, retryable: &str) -> Status {
        let metadata = [("retryable", retryable), ("node", "n5")];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let details = ErrorDetails::with_error_info(reason, "tidegate.dev", metadata);
        Status::with_error_details(code, "it is so", details)
    }

    #[test]
    fn a_refusal_keeps_what_the_server_said() {
        let error =
            CallError::refused(said(Code::FailedPrecondition, "NOT_YET_PROPAGATED", "true"));
        assert_eq!(error.kind(), ErrorReason::NotYetPropagated);
        assert!(error.retryable() && !error.outcome_unknown());
        assert_eq!(error.to_string(), "it is so (NOT_YET_PROPAGATED)");
        let CallError::Refused { details, .. } = error else { panic!("a refusal") };
        assert_eq!(details, BTreeMap::from([("node".to_owned(), "n5".to_owned())]));
    }

    #[test]
    fn the_servers_word_counts_more_than_the_code() {
        assert!(!CallError::refused(said(Code::Unavailable, "INTERNAL", "false")).retryable());
        assert!(CallError::refused(Status::unavailable("gone")).retryable());
        assert!(!CallError::refused(Status::unimplemented("no such method")).retryable());
    }

    #[test]
    fn without_an_answer_the_outcome_is_unknown() {
        assert!(CallError::refused(Status::unavailable("gone")).outcome_unknown());
        assert!(
            CallError::refused(said(Code::DeadlineExceeded, "UNKNOWN_OUTCOME", "true"))
                .outcome_unknown()
        );
        assert!(
            !CallError::refused(said(Code::NotFound, "NO_SUCH_ENTITY", "false")).outcome_unknown()
        );
    }
}
