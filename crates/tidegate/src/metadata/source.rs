//! Fetches the credentials of an instance's role from whichever node answers, and fetches others before they end.

use std::{sync::Arc, time::Duration};

use tidegate_client::reason;
use tidegate_proto::workload::v1::{
    GetRoleCredentialsRequest, GetRoleCredentialsResponse,
    workload_service_client::WorkloadServiceClient,
};
use tokio::sync::watch;
use tonic::{
    Code, Request, Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

/// How long a connection may take to come up.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// How long one node may take to answer.
const CALL_MAX: Duration = Duration::from_secs(5);
/// Before nodes are asked again that did not answer, or refused.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// The name that every node's certificate carries beside its own.
const SERVER_NAME: &str = "localhost";

/// An instance with credentials of its role. Times are in milliseconds since the Unix epoch, by the issuing node's clock.
#[derive(Clone)]
pub(crate) struct Workload {
    pub(crate) account_id: String,
    pub(crate) instance_id: String,
    pub(crate) region: String,
    pub(crate) partition: String,
    pub(crate) role_name: String,
    pub(crate) role_arn: String,
    pub(crate) instance_profile_arn: String,
    pub(crate) instance_profile_id: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
    pub(crate) issued: u64,
    pub(crate) expires: u64,
}

impl core::fmt::Debug for Workload {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Workload").field("role_arn", &self.role_arn).finish_non_exhaustive()
    }
}

/// What the source has.
#[derive(Clone, Debug)]
pub(crate) enum State {
    /// Nothing yet, or nothing any more: no node answers.
    Waiting(String),
    /// Nothing, since nodes refuse it.
    Refused(String),
    /// Credentials that have not ended.
    Given(Arc<Workload>),
}

/// Why a try gave nothing.
enum Failed {
    Refused(String),
    Unreachable(String),
}

/// Where credentials come from.
pub(crate) struct Source {
    nodes: Vec<Channel>,
    secret: String,
    duration: Duration,
    rotate_every: Duration,
}

fn millis(time: Option<prost_types::Timestamp>) -> u64 {
    let time = time.unwrap_or_default();
    let seconds = u64::try_from(time.seconds).unwrap_or_default();
    seconds * 1_000 + u64::try_from(time.nanos).unwrap_or_default() / 1_000_000
}

impl Source {
    /// From nodes at `https://host:port`. `duration`: how long each credentials last.
    ///
    /// # Errors
    /// An address or the certificate can't be used.
    pub(crate) fn new(
        addresses: &[String],
        ca_pem: &str,
        secret: String,
        duration: Duration,
        rotate_every: Duration,
    ) -> Result<Self, tonic::transport::Error> {
        let node = |address: &String| {
            let tls = ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(ca_pem))
                .domain_name(SERVER_NAME);
            let endpoint = Endpoint::from_shared(address.clone())?.tls_config(tls)?;
            Ok(endpoint.connect_timeout(CONNECT_MAX).timeout(CALL_MAX).connect_lazy())
        };
        let nodes = addresses.iter().map(node).collect::<Result<_, tonic::transport::Error>>()?;
        Ok(Self { nodes, secret, duration, rotate_every })
    }

    /// Asks the nodes in turn, the one that answered last first.
    async fn fetch(&mut self) -> Result<GetRoleCredentialsResponse, Failed> {
        let seconds = u32::try_from(self.duration.as_secs()).unwrap_or(u32::MAX);
        let (mut refused, mut last) = (None, "there is no node to ask".to_owned());
        for n in 0..self.nodes.len() {
            let Some(channel) = self.nodes.get(n).cloned() else { break };
            let request = Request::new(GetRoleCredentialsRequest {
                instance_secret: self.secret.clone(),
                duration_seconds: seconds,
            });
            match WorkloadServiceClient::new(channel).get_role_credentials(request).await {
                Ok(answer) => {
                    self.nodes.rotate_left(n);
                    return Ok(answer.into_inner());
                }
                Err(status) if is_final(&status) => {
                    return Err(Failed::Refused(status.message().to_owned()));
                }
                // Another node may have heard of the instance.
                Err(status) if status.code() == Code::Unauthenticated => {
                    refused = Some(status.message().to_owned());
                }
                Err(status) => status.message().clone_into(&mut last),
            }
        }
        Err(refused.map_or(Failed::Unreachable(last), Failed::Refused))
    }

    /// Keeps `state` as it should be, for ever. What has been given stays while no node answers, until it ends; what nodes refuse is taken
    /// back at once.
    pub(crate) async fn run(mut self, state: watch::Sender<State>) {
        let mut ends = tokio::time::Instant::now();
        loop {
            let pause = match self.fetch().await {
                Ok(answer) => {
                    let workload = workload(answer, self.duration);
                    tracing::info!(
                        key = workload.access_key_id,
                        "the role's credentials are fresh"
                    );
                    ends = tokio::time::Instant::now() + self.duration;
                    state.send_replace(State::Given(Arc::new(workload)));
                    self.rotate_every
                }
                Err(Failed::Refused(why)) => {
                    tracing::warn!(why, "the role's credentials are refused");
                    state.send_replace(State::Refused(why));
                    ASK_AGAIN
                }
                Err(Failed::Unreachable(why)) => {
                    tracing::warn!(why, "no node gives the role's credentials");
                    let given = matches!(&*state.borrow(), State::Given(_));
                    if !given || tokio::time::Instant::now() >= ends {
                        state.send_replace(State::Waiting(why));
                    }
                    ASK_AGAIN
                }
            };
            tokio::time::sleep(pause).await;
        }
    }
}

/// Whether no other node would answer otherwise for long: the role is contained, or does not trust its service.
fn is_final(status: &Status) -> bool {
    let (reason, _) = reason(status);
    status.code() == Code::PermissionDenied || reason == "VALIDATION_ERROR"
}

fn workload(answer: GetRoleCredentialsResponse, duration: Duration) -> Workload {
    let credentials = answer.credentials.unwrap_or_default();
    let expires = millis(credentials.expiration);
    let lasts = u64::try_from(duration.as_millis()).unwrap_or_default();
    Workload {
        account_id: answer.account_id,
        instance_id: answer.instance_id,
        region: answer.region,
        partition: answer.partition,
        role_name: answer.role_name,
        role_arn: answer.role_arn,
        instance_profile_arn: answer.instance_profile_arn,
        instance_profile_id: answer.instance_profile_id,
        access_key_id: credentials.access_key_id,
        secret_access_key: credentials.secret_access_key,
        session_token: credentials.session_token,
        issued: expires.saturating_sub(lasts),
        expires,
    }
}
