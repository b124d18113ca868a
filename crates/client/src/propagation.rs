//! Waiting until a change has arrived, and watching changes arrive.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use tidegate_proto::propagation::v1::{
    Arrival, Scope, WaitForPropagationRequest, WaitForPropagationResponse, WatchPropagationRequest,
    WatchPropagationResponse, propagation_service_client::PropagationServiceClient,
    wait_for_propagation_response::Event,
};
use tonic::{Status, Streaming};

use crate::{CallError, Client};

const WAIT: &str = "/tidegate.propagation.v1.PropagationService/WaitForPropagation";
const WATCH: &str = "/tidegate.propagation.v1.PropagationService/WatchPropagation";

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

/// What a wait yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// One more node decides on the change.
    Arrived(Arrived),
    /// The wait is over. Nothing follows.
    Finished(Propagated),
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

/// A wait that is under way. Each node is told once, also where the wait had to go on at another node.
#[derive(Debug)]
pub struct Waiting {
    client: Client,
    token: String,
    scope: Option<Scope>,
    end: Instant,
    events: Option<Streaming<WaitForPropagationResponse>>,
    told: BTreeSet<String>,
    failures: u32,
    over: bool,
}

impl Waiting {
    /// What happens next; `None` once [`Progress::Finished`] was given.
    ///
    /// # Errors
    /// A refusal, or that no node answers any more. That the time ran out is none: [`Propagated::missing`] names who lacks the change.
    pub async fn next(&mut self) -> Result<Option<Progress>, CallError> {
        while !self.over {
            let said = match self.events.take() {
                Some(events) => self.listen(events).await,
                None => self.ask().await.map(|()| None),
            };
            match said {
                Ok(Some(progress)) => return Ok(Some(progress)),
                Ok(None) => {}
                Err(error) => self.fail(error).await?,
            }
        }
        Ok(None)
    }

    async fn ask(&mut self) -> Result<(), CallError> {
        let left = self.end.saturating_duration_since(Instant::now());
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        let nanos = i32::try_from(left.subsec_nanos()).unwrap_or(0);
        let message = WaitForPropagationRequest {
            token: self.token.clone(),
            scope: self.scope.clone(),
            timeout: Some(prost_types::Duration { seconds, nanos }),
        };
        let node = self.client.node(self.client.current());
        let request = self.client.sign_for(node, WAIT, message)?;
        let mut service = PropagationServiceClient::new(node.channel.clone());
        let events = service.wait_for_propagation(request).await;
        self.events = Some(events.map_err(|s| CallError::refused(node.explain(s)))?.into_inner());
        Ok(())
    }

    async fn listen(
        &mut self,
        mut events: Streaming<WaitForPropagationResponse>,
    ) -> Result<Option<Progress>, CallError> {
        let ended = || Status::unavailable("the node ended the answer before the wait was over");
        let event = events.message().await.map_err(CallError::refused)?;
        self.failures = 0;
        let progress = match event.ok_or_else(|| CallError::refused(ended()))?.event {
            Some(Event::Arrival(a)) if self.told.insert(a.node.clone()) => {
                Some(Progress::Arrived(a.into()))
            }
            Some(Event::Finished(f)) if !f.covered && Instant::now() < self.end => {
                // The node's own patience ended before ours.
                tokio::time::sleep(self.client.retries.pause_first).await;
                return Ok(None);
            }
            Some(Event::Finished(f)) => {
                self.over = true;
                let (covered, reached, missing) = (f.covered, f.reached, f.missing);
                Some(Progress::Finished(Propagated { covered, reached, missing }))
            }
            Some(Event::Arrival(_)) | None => None,
        };
        self.events = Some(events);
        Ok(progress)
    }

    /// Goes on at another node, or gives up.
    async fn fail(&mut self, error: CallError) -> Result<(), CallError> {
        self.failures += 1;
        let retries = self.client.retries;
        let spent = self.failures >= retries.tries_max || Instant::now() >= self.end;
        if !error.retryable() || spent {
            self.over = true;
            return Err(error);
        }
        self.client.move_on(self.client.current());
        tokio::time::sleep(retries.pause(self.failures, (self.client.jitter.0)())).await;
        Ok(())
    }
}

impl Client {
    /// Waits until the changes of `token` decide everywhere in `scope` (`None`: at all nodes) or `patience` is over, and yields each node as
    /// it is heard of. Nothing is asked before the first [`Waiting::next`].
    pub fn propagation(&self, token: &str, scope: Option<Scope>, patience: Duration) -> Waiting {
        Waiting {
            client: self.clone(),
            token: token.to_owned(),
            scope,
            end: Instant::now() + patience,
            events: None,
            told: BTreeSet::new(),
            failures: 0,
            over: false,
        }
    }

    /// As [`Client::propagation`], told to `arrived` until the end.
    ///
    /// # Errors
    /// As [`Waiting::next`].
    pub async fn wait_for_propagation(
        &self,
        token: &str,
        scope: Option<Scope>,
        patience: Duration,
        mut arrived: impl FnMut(Arrived),
    ) -> Result<Propagated, CallError> {
        let mut waiting = self.propagation(token, scope, patience);
        while let Some(progress) = waiting.next().await? {
            match progress {
                Progress::Arrived(arrival) => arrived(arrival),
                Progress::Finished(end) => return Ok(end),
            }
        }
        Err(CallError::refused(Status::internal("the wait ended without a word")))
    }

    /// Arrivals of all changes that the asked node's groups commit, until the caller has enough or loses the right.
    ///
    /// # Errors
    /// A refusal.
    pub async fn watch_propagation(
        &self,
    ) -> Result<Streaming<WatchPropagationResponse>, CallError> {
        let node = self.node(self.current());
        let request = self.sign_for(node, WATCH, WatchPropagationRequest {})?;
        let mut service = PropagationServiceClient::new(node.channel.clone());
        let events = service.watch_propagation(request).await;
        Ok(events.map_err(|s| CallError::refused(node.explain(s)))?.into_inner())
    }
}
