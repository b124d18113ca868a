//! Waiting until a change has arrived.

use std::time::Duration;

use tidegate_proto::propagation::v1::{
    Arrival, Scope, WaitForPropagationRequest,
    propagation_service_client::PropagationServiceClient, wait_for_propagation_response::Event,
};
use tonic::Status;

use crate::{CallError, Client};

/// A node decides on the change now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The node.
    pub node: String,
    /// Its region.
    pub region: String,
    /// Time since the commit, never below the truth. Absent where the asked node did not see the commit.
    pub upper_bound: Option<Duration>,
    /// The likeliest time since the commit.
    pub estimate: Option<Duration>,
}

/// How a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Propagated {
    /// Whether everyone who was asked for has it.
    pub covered: bool,
    /// Nodes that have it.
    pub reached: Vec<String>,
    /// Nodes that do not, as far as was heard.
    pub missing: Vec<String>,
}

fn duration(d: Option<&prost_types::Duration>) -> Option<Duration> {
    d.map(|d| Duration::new(d.seconds.unsigned_abs(), d.nanos.unsigned_abs()))
}

impl From<Arrival> for Arrived {
    fn from(a: Arrival) -> Self {
        let (upper_bound, estimate) =
            (duration(a.upper_bound.as_ref()), duration(a.estimate.as_ref()));
        Self { node: a.node, region: a.region, upper_bound, estimate }
    }
}

impl Client {
    /// Waits until the changes of `token` decide everywhere in `scope` (`None`: at all nodes) or `patience` is over, and tells `arrived`
    /// of each node as it is heard of.
    ///
    /// # Errors
    /// A refusal. That the time ran out is none: [`Propagated::missing`] names who lacks the change.
    pub async fn wait_for_propagation(
        &self,
        token: &str,
        scope: Option<Scope>,
        patience: Duration,
        mut arrived: impl FnMut(Arrived),
    ) -> Result<Propagated, CallError> {
        let path = "/tidegate.propagation.v1.PropagationService/WaitForPropagation";
        let seconds = i64::try_from(patience.as_secs()).unwrap_or(i64::MAX);
        let nanos = i32::try_from(patience.subsec_nanos()).unwrap_or(0);
        let timeout = Some(prost_types::Duration { seconds, nanos });
        let message = WaitForPropagationRequest { token: token.to_owned(), scope, timeout };
        let request = self.sign(path, message)?;
        let mut service = PropagationServiceClient::new(self.channel());
        let mut events =
            service.wait_for_propagation(request).await.map_err(CallError::refused)?.into_inner();
        while let Some(event) = events.message().await.map_err(CallError::refused)? {
            match event.event {
                Some(Event::Arrival(arrival)) => arrived(arrival.into()),
                Some(Event::Finished(end)) => {
                    return Ok(Propagated {
                        covered: end.covered,
                        reached: end.reached,
                        missing: end.missing,
                    });
                }
                None => {}
            }
        }
        Err(CallError::refused(Status::unavailable(
            "the node ended the answer before the wait was over",
        )))
    }
}
