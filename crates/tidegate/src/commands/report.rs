//! Errors as a person wants to read them: what, what was changed, what to do, and under which name to ask again; and their exit codes.

use std::{error::Error, io, process::ExitCode};

use tidegate_client::CallError;
use tidegate_proto::common::v1::ErrorReason;

use super::Failure;

/// Exit codes, as `--help` names them.
pub(crate) mod code {
    /// Anything that has no code of its own.
    pub(crate) const ERROR: u8 = 1;
    /// A decision that denies.
    pub(crate) const DENIED: u8 = 2;
    /// A change that is not everywhere yet.
    pub(crate) const NOT_YET: u8 = 3;
    /// A view that is too old.
    pub(crate) const TOO_STALE: u8 = 4;
    /// A guarantee that was broken, or a cluster that is not well.
    pub(crate) const BROKEN: u8 = 5;
    /// Words that the command line does not know: `EX_USAGE`.
    pub(crate) const USAGE: u8 = 64;
}

/// What the command line was told makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// A change that gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub(crate) struct ChangeFailed {
    /// Why.
    pub(crate) source: CallError,
    /// The name under which it was sent.
    pub(crate) request_id: String,
}

/// What the person at the terminal can do.
fn advice(reason: ErrorReason) -> Option<&'static str> {
    Some(match reason {
        ErrorReason::MissingAuthenticationToken
        | ErrorReason::IncompleteSignature
        | ErrorReason::SignatureDoesNotMatch => {
            "check the access key and the secret in the profile"
        }
        ErrorReason::InvalidClientTokenId => {
            "the key is unknown or inactive at this node; a fresh key takes a moment to arrive"
        }
        ErrorReason::RequestTimeTooSkewed => "set this machine's clock",
        ErrorReason::ExpiredToken | ErrorReason::SessionVoid => {
            "get a new session with `tidegate role assume`"
        }
        ErrorReason::AccessDenied => "`tidegate explain ACTION RESOURCE` says what denies it",
        ErrorReason::Quarantined => {
            "`tidegate quarantine list` shows it; the account's root user or an operator lifts it"
        }
        ErrorReason::NoSuchEntity => {
            "if it was made a moment ago, ask with `--consistency strong` or with the token of the change"
        }
        ErrorReason::InvalidAuthenticationCode => {
            "wait for the device's next code: each is good once, near its own time"
        }
        ErrorReason::EntityTemporarilyUnmodifiable => "try again in a moment",
        ErrorReason::ConcurrentModification => "read it again and use its new etag",
        ErrorReason::IdempotencyMismatch => "use another --request-id for another change",
        ErrorReason::NotYetPropagated => {
            "wait with `tidegate wait TOKEN`, or ask another node with --at"
        }
        ErrorReason::TooStale => "allow an older view, or ask another node with --at",
        ErrorReason::NoQuorum => {
            "`tidegate status` shows who leads; more than half of a group's voters must be up, or be replaced: `tidegate cluster recover`"
        }
        ErrorReason::DiskFull => "free some space on the node's disk",
        ErrorReason::InvalidToken => "use a token that this cluster gave",
        ErrorReason::PositionDropped => {
            "what the token stands for was lost in a recovery: read anew, and make the change again if it is missing"
        }
        ErrorReason::AccountFenced => {
            "ask another node with --at; `tidegate doctor` says whether it is being mended"
        }
        ErrorReason::TooLarge => "send less at once",
        ErrorReason::NotReady => "the cluster has not been founded yet; try again in a moment",
        ErrorReason::Internal => "look into the node's log",
        ErrorReason::Unspecified
        | ErrorReason::EntityAlreadyExists
        | ErrorReason::PasswordPolicyViolation
        | ErrorReason::DeleteConflict
        | ErrorReason::LimitExceeded
        | ErrorReason::MalformedPolicyDocument
        | ErrorReason::ValidationError
        | ErrorReason::AccountNotFound
        | ErrorReason::UnknownOutcome
        | ErrorReason::Overloaded
        | ErrorReason::DevelopmentOnly
        | ErrorReason::UnmodifiableEntity => return None,
    })
}

/// The lines about a call, below what it says itself.
fn about(error: &CallError, request_id: Option<&str>) -> String {
    let mut text = String::new();
    let mut line = |words: &str| text.extend(["  ", words, "\n"]);
    if let CallError::Refused { tries, .. } = error
        && *tries > 1
    {
        line(&format!("it was tried {tries} times"));
    }
    match (error.outcome_unknown(), request_id) {
        (true, Some(name)) => {
            line(&format!(
                "it may have taken effect; again with `--request-id {name}` it is the same change"
            ));
        }
        (_, Some(_)) if matches!(error, CallError::Refused { .. }) => line("nothing was changed"),
        _ => {}
    }
    if let Some(advice) = advice(error.kind()) {
        line(advice);
    } else if error.retryable() {
        line("trying again later may help");
    }
    if let Some(name) = request_id {
        line(&format!("request id: {name}"));
    }
    text
}

/// Everything that is written about an error, and its exit code.
pub(crate) fn describe(error: &(dyn Error + Send + Sync + 'static)) -> (String, u8) {
    if error.is::<clap::Error>() {
        return (error.to_string(), code::USAGE);
    }
    let mut text = format!("tidegate: {}\n", error.to_string().trim_end());
    if error.is::<Usage>() {
        text += "  `tidegate --help` says more\n";
        return (text, code::USAGE);
    }
    let change = error.downcast_ref::<ChangeFailed>();
    let call = change.map(|c| &c.source).or_else(|| error.downcast_ref::<CallError>());
    let Some(call) = call else {
        let mut cause = error.source();
        while let Some(deeper) = cause {
            let words = deeper.to_string();
            // Some errors quote their cause.
            if !text.contains(words.trim()) {
                text.extend(["  because ", &words, "\n"]);
            }
            cause = deeper.source();
        }
        return (text, code::ERROR);
    };
    text += &about(call, change.map(|c| c.request_id.as_str()));
    let code = match call.kind() {
        ErrorReason::NotYetPropagated => code::NOT_YET,
        ErrorReason::TooStale => code::TOO_STALE,
        _ => code::ERROR,
    };
    (text, code)
}

/// Prints an error and gives its exit code.
pub(crate) fn report(error: &Failure) -> ExitCode {
    let nobody_reads = |e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe;
    if error.downcast_ref::<io::Error>().is_some_and(nobody_reads) {
        return ExitCode::SUCCESS;
    }
    let (text, code) = describe(&**error);
    eprint!("{text}");
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: tonic::Code, reason: &str, retryable: &str) -> CallError {
        use tonic_types::{ErrorDetails, StatusExt};
        let metadata = [("retryable".to_owned(), retryable.to_owned())];
        let details = ErrorDetails::with_error_info(reason, "tidegate.dev", metadata);
        CallError::refused(tonic::Status::with_error_details(code, "So it is.", details))
    }

    #[test]
    fn an_error_says_what_was_changed_what_to_do_and_its_name() {
        let source = refused(tonic::Code::Aborted, "CONCURRENT_MODIFICATION", "false");
        let error = ChangeFailed { source, request_id: "r1".to_owned() };
        let (text, code) = describe(&error);
        assert_eq!(
            text,
            "tidegate: So it is. (CONCURRENT_MODIFICATION)\n  nothing was changed\n  read it again and use its new etag\n  request id: r1\n"
        );
        assert_eq!(code, code::ERROR);
    }

    #[test]
    fn without_an_answer_a_change_may_have_been_made() {
        let source = refused(tonic::Code::DeadlineExceeded, "UNKNOWN_OUTCOME", "true");
        let (text, _) = describe(&ChangeFailed { source, request_id: "r2".to_owned() });
        assert!(text.contains("may have taken effect; again with `--request-id r2`"), "{text}");
        assert!(!text.contains("nothing was changed"), "{text}");
    }

    #[test]
    fn each_kind_of_end_has_its_code() {
        let code = |e: &(dyn Error + Send + Sync + 'static)| describe(e).1;
        let of = |reason| code(&refused(tonic::Code::FailedPrecondition, reason, "true"));
        assert_eq!(of("NOT_YET_PROPAGATED"), code::NOT_YET);
        assert_eq!(of("TOO_STALE"), code::TOO_STALE);
        assert_eq!(of("NO_SUCH_ENTITY"), code::ERROR);
        assert_eq!(code(&Usage("what?".to_owned())), code::USAGE);
    }
}
