//! One trace follows a change across nodes: from the call that wrote it, through the push at its home, to the merge in another region; and
//! a decision is in the trace of whoever asked. Seen at a collector that the nodes send to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value as Attribute,
};
use tidegate_client::Client;
use tokio_stream::wrappers::TcpListenerStream;
use toml::Value;
use tonic::{Request, Response, Status};

use crate::harness::{AUTHORIZE, CREATE_USER, Cluster, NODES, eventually, question, send, user};

/// The spans of each trace: (name, node).
type Traces = BTreeMap<String, BTreeSet<(String, String)>>;

/// Takes spans in, as an OpenTelemetry collector does.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Traces>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut traces = self.0.lock().unwrap();
        let scopes = request.into_inner().resource_spans.into_iter().flat_map(|r| r.scope_spans);
        for span in scopes.flat_map(|s| s.spans) {
            let node = span.attributes.iter().find(|a| a.key == "node");
            let node = node.and_then(|a| a.value.clone()?.value).map(|value| match value {
                Attribute::StringValue(text) => text,
                other => format!("{other:?}"),
            });
            let seen = (span.name, node.unwrap_or_default());
            traces.entry(hex::encode(span.trace_id)).or_default().insert(seen);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A signed request that begins in a trace.
fn traced<M: prost::Message>(
    client: &Client,
    path: &'static str,
    trace: &str,
    message: M,
) -> Request<M> {
    let mut request = client.sign(path, message).unwrap();
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_follows_a_change_across_nodes() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = Collector::default();
    let serving = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(collector.clone()))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let serving = tokio::spawn(serving);

    let mut cluster = Cluster::laid_out().await;
    for node in NODES {
        cluster.configure(node, |settings| {
            let telemetry = settings.entry("telemetry").or_insert(Value::Table(toml::Table::new()));
            let telemetry = telemetry.as_table_mut().unwrap();
            telemetry.insert("otlp_endpoint".to_owned(), Value::String(endpoint.clone()));
        });
    }
    cluster.environment.push(("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "200".to_owned()));
    cluster.start_all().await;

    let (writing, deciding) =
        ("4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c");
    let home = cluster.client(1).await;
    let request = traced(&home, CREATE_USER, writing, user("ada"));
    let _made: tidegate_proto::iam::v1::CreateUserResponse =
        send(&home, CREATE_USER, request).await.unwrap();
    let far = cluster.client(5).await;
    let request = traced(&far, AUTHORIZE, deciding, question());
    let _decided: tidegate_proto::decision::v1::AuthorizeResponse =
        send(&far, AUTHORIZE, request).await.unwrap();

    let span = |name: &str, node: &str| (name.to_owned(), node.to_owned());
    eventually("the spans are at the collector", async || {
        let traces = collector.0.lock().unwrap();
        let (Some(write), Some(decision)) = (traces.get(writing), traces.get(deciding)) else {
            return false;
        };
        let pushed = write.iter().any(|(name, _)| name == "push");
        let wanted =
            [span("call", "n1"), span("write", "n1"), span("merge", "n4"), span("merge", "n5")];
        pushed
            && wanted.iter().all(|s| write.contains(s))
            && [span("call", "n5"), span("decision", "n5")].iter().all(|s| decision.contains(s))
    })
    .await;
    serving.abort();
}
