//! A server that says what it is told to, and keeps what it was asked.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tidegate_proto::{
    cluster::v1::{self as cluster, cluster_service_server as cluster_server},
    common::v1::{Evidence, ResponseMetadata},
    propagation::v1::{self as propagation, propagation_service_server as propagation_server},
    sts::v1::{self as sts, sts_service_server as sts_server},
};
use tokio::{net::TcpListener, sync::oneshot};
use tokio_stream::{Stream, wrappers::TcpListenerStream};
use tonic::{
    Code, Request, Response, Status,
    transport::{Identity, ServerTlsConfig},
};
use tonic_types::{ErrorDetails, StatusExt};

/// The authority of the test, and a certificate of it.
pub(crate) struct Authority {
    pub(crate) certificate: String,
    identity: Identity,
}

/// One for all servers.
pub(crate) fn authority() -> &'static Authority {
    static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let certificate = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let own = own.signed_by(&key, &issuer).unwrap();
        Authority { certificate, identity: Identity::from_pem(own.pem(), key.serialize_pem()) }
    });
    &AUTHORITY
}

/// What to say to a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Say {
    Done,
    Refuse(&'static str, bool),
}

#[derive(Default)]
struct Script {
    say: VecDeque<Say>,
    request_ids: Vec<String>,
    tokens: Vec<Option<String>>,
    arrivals: Vec<String>,
    finishes: bool,
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) calls: Arc<AtomicUsize>,
    script: Arc<Mutex<Script>>,
    running: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

impl Server {
    /// Starts one on a free port.
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let (script, calls): (Arc<Mutex<Script>>, Arc<AtomicUsize>) = Default::default();
        let services = Services { script: Arc::clone(&script), calls: Arc::clone(&calls) };
        let tls = ServerTlsConfig::new().identity(authority().identity.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tonic::transport::Server::builder()
            .tls_config(tls)
            .unwrap()
            .add_service(sts_server::StsServiceServer::new(services.clone()))
            .add_service(cluster_server::ClusterServiceServer::new(services.clone()))
            .add_service(propagation_server::PropagationServiceServer::new(services));
        // A runtime of its own: when it ends, its connections break.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                listener.set_nonblocking(true).unwrap();
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = serving.serve_with_incoming(TcpListenerStream::new(listener)) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { address, calls, script, running: Mutex::new(Some((stop, thread))) }
    }

    /// Says these things, one a call; what comes after them is done.
    pub(crate) fn says(&self, say: impl IntoIterator<Item = Say>) {
        self.script.lock().say = say.into_iter().collect();
    }

    /// What waits are told: these nodes, then the end, or nothing more.
    pub(crate) fn arrivals(&self, nodes: &[&str], finishes: bool) {
        let mut script = self.script.lock();
        script.arrivals = nodes.iter().map(|n| (*n).to_owned()).collect();
        script.finishes = finishes;
    }

    /// Names of the changes that came.
    pub(crate) fn request_ids(&self) -> Vec<String> {
        self.script.lock().request_ids.clone()
    }

    /// Tokens that came with each call.
    pub(crate) fn tokens(&self) -> Vec<Option<String>> {
        self.script.lock().tokens.clone()
    }

    /// Breaks all connections and takes no more.
    pub(crate) fn stop(&self) {
        let running = self.running.lock().take();
        if let Some((stop, thread)) = running {
            drop(stop);
            thread.join().unwrap();
        }
    }
}

#[derive(Clone)]
struct Services {
    script: Arc<Mutex<Script>>,
    calls: Arc<AtomicUsize>,
}

impl Services {
    /// Answers as the script says, joining the caller's tokens as a node does.
    fn answer<A>(
        &self,
        metadata: &tonic::metadata::MetadataMap,
        answer: A,
    ) -> Result<Response<A>, Status> {
        assert!(metadata.contains_key("authorization"), "every call is signed");
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut script = self.script.lock();
        let tokens = metadata.get("x-tidegate-at-least").map(|t| t.to_str().unwrap().to_owned());
        script.tokens.push(tokens.clone());
        if let Some(Say::Refuse(reason, retryable)) = script.say.pop_front() {
            let metadata = [("retryable", retryable.to_string()), ("node", "n1".to_owned())];
            let metadata = metadata.map(|(k, v)| (k.to_owned(), v));
            let details = ErrorDetails::with_error_info(reason, "tidegate.dev", metadata);
            return Err(Status::with_error_details(Code::FailedPrecondition, "no", details));
        }
        let mut answer = Response::new(answer);
        if let Some(tokens) = tokens.filter(|t| t.contains(',')) {
            let joined = format!("join({})", tokens.replace(',', "+"));
            answer.metadata_mut().insert("x-tidegate-joined", joined.parse().unwrap());
        }
        Ok(answer)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the field is optional")]
fn changed(request_id: String) -> Option<ResponseMetadata> {
    Some(ResponseMetadata { token: "changed".to_owned(), request_id, revision: 1 })
}

fn unused<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("no test calls it"))
}

#[tonic::async_trait]
impl sts_server::StsService for Services {
    async fn assume_role(
        &self,
        _: Request<sts::AssumeRoleRequest>,
    ) -> Result<Response<sts::AssumeRoleResponse>, Status> {
        unused()
    }

    async fn get_caller_identity(
        &self,
        request: Request<sts::GetCallerIdentityRequest>,
    ) -> Result<Response<sts::GetCallerIdentityResponse>, Status> {
        self.answer(request.metadata(), sts::GetCallerIdentityResponse::default())
    }
}

#[tonic::async_trait]
impl cluster_server::ClusterService for Services {
    async fn describe_cluster(
        &self,
        request: Request<cluster::DescribeClusterRequest>,
    ) -> Result<Response<cluster::DescribeClusterResponse>, Status> {
        let evidence = Some(Evidence { token: "described".to_owned(), ..Evidence::default() });
        let answer = cluster::DescribeClusterResponse { evidence, ..Default::default() };
        self.answer(request.metadata(), answer)
    }

    async fn register_node(
        &self,
        request: Request<cluster::RegisterNodeRequest>,
    ) -> Result<Response<cluster::RegisterNodeResponse>, Status> {
        let metadata = changed(request.get_ref().request_id.clone());
        let answer = cluster::RegisterNodeResponse { node: None, metadata };
        self.answer(request.metadata(), answer)
    }

    async fn change_voters(
        &self,
        _: Request<cluster::ChangeVotersRequest>,
    ) -> Result<Response<cluster::ChangeVotersResponse>, Status> {
        unused()
    }

    async fn remove_node(
        &self,
        request: Request<cluster::RemoveNodeRequest>,
    ) -> Result<Response<cluster::RemoveNodeResponse>, Status> {
        let request_id = request.get_ref().request_id.clone();
        self.script.lock().request_ids.push(request_id.clone());
        self.answer(
            request.metadata(),
            cluster::RemoveNodeResponse { metadata: changed(request_id) },
        )
    }

    async fn set_issuing(
        &self,
        _: Request<cluster::SetIssuingRequest>,
    ) -> Result<Response<cluster::SetIssuingResponse>, Status> {
        unused()
    }

    async fn set_clock(
        &self,
        _: Request<cluster::SetClockRequest>,
    ) -> Result<Response<cluster::SetClockResponse>, Status> {
        unused()
    }

    async fn describe_node(
        &self,
        _: Request<cluster::DescribeNodeRequest>,
    ) -> Result<Response<cluster::DescribeNodeResponse>, Status> {
        unused()
    }

    async fn set_propagation_model(
        &self,
        _: Request<cluster::SetPropagationModelRequest>,
    ) -> Result<Response<cluster::SetPropagationModelResponse>, Status> {
        unused()
    }

    async fn freeze_propagation(
        &self,
        _: Request<cluster::FreezePropagationRequest>,
    ) -> Result<Response<cluster::FreezePropagationResponse>, Status> {
        unused()
    }

    async fn thaw_propagation(
        &self,
        _: Request<cluster::ThawPropagationRequest>,
    ) -> Result<Response<cluster::ThawPropagationResponse>, Status> {
        unused()
    }

    async fn hold_change(
        &self,
        _: Request<cluster::HoldChangeRequest>,
    ) -> Result<Response<cluster::HoldChangeResponse>, Status> {
        unused()
    }

    async fn release_change(
        &self,
        _: Request<cluster::ReleaseChangeRequest>,
    ) -> Result<Response<cluster::ReleaseChangeResponse>, Status> {
        unused()
    }

    async fn list_held_changes(
        &self,
        _: Request<cluster::ListHeldChangesRequest>,
    ) -> Result<Response<cluster::ListHeldChangesResponse>, Status> {
        unused()
    }

    async fn set_link(
        &self,
        _: Request<cluster::SetLinkRequest>,
    ) -> Result<Response<cluster::SetLinkResponse>, Status> {
        unused()
    }

    async fn list_links(
        &self,
        _: Request<cluster::ListLinksRequest>,
    ) -> Result<Response<cluster::ListLinksResponse>, Status> {
        unused()
    }

    async fn clear_links(
        &self,
        _: Request<cluster::ClearLinksRequest>,
    ) -> Result<Response<cluster::ClearLinksResponse>, Status> {
        unused()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl propagation_server::PropagationService for Services {
    type WaitForPropagationStream = Events<propagation::WaitForPropagationResponse>;
    type WatchPropagationStream = Events<propagation::WatchPropagationResponse>;

    async fn wait_for_propagation(
        &self,
        request: Request<propagation::WaitForPropagationRequest>,
    ) -> Result<Response<Self::WaitForPropagationStream>, Status> {
        use propagation::wait_for_propagation_response::Event;
        self.answer(request.metadata(), ())?;
        let script = self.script.lock();
        let arrival = |node: &String| {
            Event::Arrival(propagation::Arrival { node: node.clone(), ..Default::default() })
        };
        let mut events: Vec<_> = script.arrivals.iter().map(arrival).collect();
        if script.finishes {
            let reached = script.arrivals.clone();
            let end = propagation::Finished { covered: true, reached, missing: Vec::new() };
            events.push(Event::Finished(end));
        }
        let events = events
            .into_iter()
            .map(|event| Ok(propagation::WaitForPropagationResponse { event: Some(event) }));
        Ok(Response::new(Box::pin(tokio_stream::iter(events))))
    }

    async fn watch_propagation(
        &self,
        _: Request<propagation::WatchPropagationRequest>,
    ) -> Result<Response<Self::WatchPropagationStream>, Status> {
        unused()
    }

    async fn get_replication_status(
        &self,
        _: Request<propagation::GetReplicationStatusRequest>,
    ) -> Result<Response<propagation::GetReplicationStatusResponse>, Status> {
        unused()
    }
}
