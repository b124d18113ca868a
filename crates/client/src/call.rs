//! Calls that are tried again, at another node when one does not answer.

use std::{sync::atomic::Ordering, time::Duration};

use prost::{Message, bytes::Bytes};
use rand::Rng;
use sha2::{Digest, Sha256};
use tonic::{Status, client::Grpc, codegen::http::uri::PathAndQuery};

use crate::{Client, ClientError, raw::RawCodec, reason};

/// How often a call is tried again, and how long it waits in between: the pause doubles, and a random part of it is waited.
///
/// Only what may be retried is: reads, and changes that carry a `request_id`, by which the server gives the first outcome again. Every
/// change of Tidegate's carries one. A refusal is tried again when the server says that this may help.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// Tries in all, at least one.
    pub tries_max: u32,
    /// The first pause at most.
    pub pause_first: Duration,
    /// Any pause at most.
    pub pause_max: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            tries_max: 5,
            pause_first: Duration::from_millis(50),
            pause_max: Duration::from_secs(2),
        }
    }
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It could not be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The server refused it, after `tries` tries.
    #[error("{} ({reason})", status.message())]
    Refused {
        /// In the words of `ErrorReason`.
        reason: String,
        /// Whether trying again later may help.
        retryable: bool,
        /// How often it was tried.
        tries: u32,
        /// What the server said.
        status: Box<Status>,
    },
    /// The answer is of another type than was asked for.
    #[error("the answer can't be read: {0}")]
    Answer(#[from] prost::DecodeError),
}

impl CallError {
    /// The reason of a refusal; empty for other errors.
    pub fn reason(&self) -> &str {
        match self {
            Self::Refused { reason, .. } => reason,
            _ => "",
        }
    }

    /// A refusal as it came, tried once.
    pub fn refused(status: Status) -> Self {
        let (reason, retryable) = reason(&status);
        Self::Refused { reason, retryable, tries: 1, status: Box::new(status) }
    }
}

impl Client {
    /// The answer to `message` from the method at `path`, such as `/tidegate.iam.v1.IamService/CreateUser`. Tries again as
    /// [`Retries`] says; a node that can't be reached is left for the next one.
    ///
    /// # Errors
    /// The last refusal, when no try helped.
    pub async fn call<M: Message, A: Message + Default>(
        &self,
        path: &str,
        message: &M,
    ) -> Result<A, CallError> {
        Ok(A::decode(self.call_bytes(path, message.encode_to_vec().into()).await?)?)
    }

    /// As [`Client::call`], for a message that is encoded already.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_bytes(&self, path: &str, message: Bytes) -> Result<Bytes, CallError> {
        let hash = hex::encode(Sha256::digest(&message));
        let method = PathAndQuery::try_from(path).map_err(|e| ClientError::Sign(e.to_string()))?;
        let mut pause = self.retries.pause_first;
        let mut tries = 0;
        loop {
            tries += 1;
            let at = self.at.load(Ordering::Relaxed);
            let node = self.node(at);
            let request = self.sign_for(node, path, message.clone(), &hash)?;
            let mut grpc = Grpc::new(node.channel.clone());
            let answer = match grpc.ready().await {
                Ok(()) => grpc.unary(request, method.clone(), RawCodec).await,
                Err(error) => Err(Status::unavailable(format!(
                    "`{}` can't be reached: {error}",
                    node.address
                ))),
            };
            let status = match answer {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => status,
            };
            let (reason, retryable) = reason(&status);
            if !retryable || tries >= self.retries.tries_max {
                return Err(CallError::Refused {
                    reason,
                    retryable,
                    tries,
                    status: Box::new(status),
                });
            }
            if status.code() == tonic::Code::Unavailable {
                // Whoever comes first moves on; the others follow.
                let next = (at + 1) % self.nodes.len();
                let _moved = self
                    .at
                    .compare_exchange(at, next, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok();
            }
            let share: f64 = rand::rng().random_range(0.5..=1.0);
            tokio::time::sleep(pause.mul_f64(share)).await;
            pause = (pause * 2).min(self.retries.pause_max);
        }
    }
}
