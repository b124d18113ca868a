//! Calls that are tried again, at another node when one does not answer or is behind.

use prost::{Message, bytes::Bytes};
use rand::Rng;
use sha2::{Digest, Sha256};
use tidegate_proto::common::v1::ErrorReason;
use tonic::{Response, Status, client::Grpc, codegen::http::uri::PathAndQuery};

use crate::{
    CallError, Client, ClientError, JOINED, Node, Operation,
    raw::RawCodec,
    sign::{self, Signed},
};

/// A name for a change: 128 random bits.
pub fn request_id() -> String {
    hex::encode(rand::rng().random::<[u8; 16]>())
}

/// Whether another node may do better: this one can't be reached, serves nobody, or is behind.
fn another_may_help(error: &CallError) -> bool {
    match error.kind() {
        ErrorReason::Unspecified
        | ErrorReason::NotReady
        | ErrorReason::NoQuorum
        | ErrorReason::Overloaded
        | ErrorReason::DiskFull
        | ErrorReason::NotYetPropagated
        | ErrorReason::TooStale
        | ErrorReason::InvalidClientTokenId
        | ErrorReason::AccountNotFound => error.retryable(),
        _ => false,
    }
}

impl Client {
    /// Makes a call and gives its answer. Tries again as [`Retries`](crate::Retries) says, at the next node where one can't be reached or is behind. A
    /// change without a `request_id` is given one first, so that all tries are one change. What the answer has seen is remembered.
    ///
    /// # Errors
    /// The last refusal, when no try helped.
    pub async fn send<O: Operation>(&self, request: &O) -> Result<O::Answer, CallError> {
        let mut request = request.clone();
        if let Some(name) = request.request_id()
            && name.is_empty()
        {
            *name = request_id();
        }
        let answer = self.call_bytes(O::PATH, request.encode_to_vec().into()).await?;
        let answer = O::Answer::decode(answer)?;
        self.saw(O::token(&answer).unwrap_or_default());
        Ok(answer)
    }

    /// The answer to `message` from the method at `path`, such as `/tidegate.iam.v1.IamService/CreateUser`, as [`Client::send`] makes
    /// it, but for what only a typed operation allows: the message must be a read or carry a `request_id`, and the answer's token is
    /// not remembered.
    ///
    /// # Errors
    /// As [`Client::send`].
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
    /// As [`Client::send`].
    pub async fn call_bytes(&self, path: &str, message: Bytes) -> Result<Bytes, CallError> {
        let hash = hex::encode(Sha256::digest(&message));
        let mut tries = 0;
        loop {
            tries += 1;
            let at = self.current();
            let error = match self.attempt(self.node(at), path, message.clone(), &hash).await? {
                Ok(answer) => return Ok(answer),
                Err(status) => CallError::tried(status, tries),
            };
            if !error.retryable() || tries >= self.retries.tries_max {
                return Err(error);
            }
            if another_may_help(&error) {
                self.move_on(at);
            }
            tokio::time::sleep(self.retries.pause(tries, (self.jitter.0)())).await;
        }
    }

    /// One try at one node: the outer error is ours, the inner one the node's or the network's.
    async fn attempt(
        &self,
        node: &Node,
        path: &str,
        message: Bytes,
        hash: &str,
    ) -> Result<Result<Bytes, Status>, ClientError> {
        let method = PathAndQuery::try_from(path).map_err(|e| ClientError::Sign(e.to_string()))?;
        let sent = self.seen.lock().to_send();
        let what = Signed { authority: &node.authority, path, hash };
        let request =
            sign::request(&self.credentials, &self.region, what, (self.clock.0)(), message)?;
        let request = Self::carrying(request, sent.as_deref())?;
        let mut grpc = Grpc::new(node.channel.clone());
        let call = async {
            grpc.ready().await.map_err(|e| Status::from_error(Box::new(e)))?;
            grpc.unary(request, method, RawCodec).await
        };
        let answer = tokio::time::timeout(self.retries.try_max, call).await;
        let answer: Result<Response<Bytes>, Status> = answer.unwrap_or_else(|_| {
            let patience = self.retries.try_max.as_secs();
            Err(Status::deadline_exceeded(format!("no answer within {patience} s")))
        });
        Ok(match answer {
            Ok(answer) => {
                let joined = answer.metadata().get(JOINED).and_then(|v| v.to_str().ok());
                if let (Some(sent), Some(joined)) = (sent, joined) {
                    self.seen.lock().joined(&sent, joined);
                }
                Ok(answer.into_inner())
            }
            Err(status) => Err(node.explain(status)),
        })
    }
}
