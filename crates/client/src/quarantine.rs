//! Quarantines: one call at one node, whose answer is a receipt that fills in.

use std::time::Duration;

use tidegate_proto::region::v1::{
    Quarantine, QuarantineRequest, QuarantineResponse, quarantine_response::Event,
    quarantine_service_client::QuarantineServiceClient,
};
use tonic::{Status, Streaming};

use crate::{Arrived, CallError, Client, Propagated, request_id};

const PATH: &str = "/tidegate.region.v1.QuarantineService/Quarantine";

/// What a receipt yields.
#[derive(Clone, Debug, PartialEq)]
pub enum Receipt {
    /// The quarantine is durable and decides at the asked node. First.
    Accepted(Box<Quarantine>),
    /// One more node decides on it.
    Acknowledged(Arrived),
    /// The wait is over: who has it, and who is missing. Nothing follows.
    Finished(Propagated),
}

/// A receipt that is filling in.
#[derive(Debug)]
pub struct Receipts(Streaming<QuarantineResponse>);

impl Receipts {
    /// What happens next; `None` behind [`Receipt::Finished`].
    ///
    /// # Errors
    /// The node is gone. What it had accepted stands, and [`Receipt::Accepted`] was given before.
    pub async fn next(&mut self) -> Result<Option<Receipt>, CallError> {
        while let Some(said) = self.message().await? {
            return Ok(Some(match said.event {
                Some(Event::Accepted(quarantine)) => Receipt::Accepted(Box::new(quarantine)),
                Some(Event::Acknowledged(arrival)) => Receipt::Acknowledged(arrival.into()),
                Some(Event::Finished(f)) => {
                    let (covered, reached, missing) = (f.covered, f.reached, f.missing);
                    Receipt::Finished(Propagated { covered, reached, missing })
                }
                // An event that only a later build knows.
                None => continue,
            }));
        }
        Ok(None)
    }

    /// The same as the wire has it.
    ///
    /// # Errors
    /// As [`Receipts::next`].
    pub async fn message(&mut self) -> Result<Option<QuarantineResponse>, CallError> {
        self.0.message().await.map_err(CallError::refused)
    }
}

impl Client {
    /// Quarantines somebody at the node that is asked now, or at the next one that answers: any will do, and the same `request_id` is one
    /// quarantine everywhere. `patience`: how long to wait for acknowledgements.
    ///
    /// # Errors
    /// A refusal, or that no node answers.
    pub async fn quarantine(
        &self,
        mut request: QuarantineRequest,
        patience: Duration,
    ) -> Result<Receipts, CallError> {
        if request.request_id.is_empty() {
            request.request_id = request_id();
        }
        request.timeout = Some(prost_types::Duration {
            seconds: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(patience.subsec_nanos()).unwrap_or(0),
        });
        let mut tries = 0;
        loop {
            tries += 1;
            let at = self.current();
            let node = self.node(at);
            let signed = self.sign_for(node, PATH, request.clone())?;
            let mut service = QuarantineServiceClient::new(node.channel.clone());
            // Its first word says that it is durable; a node that is gone says nothing.
            let call = service.quarantine(signed);
            let answer = tokio::time::timeout(self.retries.try_max, call).await;
            let answer =
                answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time")));
            let error = match answer {
                Ok(events) => return Ok(Receipts(events.into_inner())),
                Err(status) => CallError::tried(node.explain(status), tries),
            };
            if !error.retryable() || tries >= self.retries.tries_max {
                return Err(error);
            }
            self.move_on(at);
            tokio::time::sleep(self.retries.pause(tries, (self.jitter.0)())).await;
        }
    }
}
