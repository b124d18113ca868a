//! Commands and outcomes as bytes of the log.

use bytes::Bytes;
use prost::Message;

use super::{Envelope, Outcome, OutcomeResult, ReplyBox};
use crate::rejection::Rejection;

impl Envelope {
    /// The envelope as bytes.
    pub fn to_bytes(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    /// Reads an envelope from bytes of the log.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        Self::decode(bytes)
    }
}

impl Outcome {
    /// The outcome of a command.
    pub fn new(result: Result<ReplyBox, Rejection>) -> Self {
        let result = match result {
            Ok(reply) => OutcomeResult::Reply(reply),
            Err(rejection) => OutcomeResult::Rejection(rejection),
        };
        Self { result: Some(result) }
    }

    /// The reply or the refusal.
    pub fn into_result(self) -> Result<ReplyBox, Rejection> {
        match self.result {
            Some(OutcomeResult::Reply(reply)) => Ok(reply),
            Some(OutcomeResult::Rejection(rejection)) => Err(rejection),
            None => Err(Rejection::invalid("the outcome is empty")),
        }
    }
}
