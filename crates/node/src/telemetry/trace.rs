//! Traces: one trace follows a change from the write through push and merge to the decision, across nodes.

use std::io::IsTerminal;

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::TracerProvider as _,
};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt,
};

const TRACEPARENT: &str = "traceparent";

/// Reads and writes the one header that this module knows.
#[derive(Debug, Default)]
struct Traceparent(Option<String>);

impl Injector for Traceparent {
    fn set(&mut self, key: &str, value: String) {
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}

impl Extractor for Traceparent {
    fn get(&self, key: &str) -> Option<&str> {
        if key == TRACEPARENT { self.0.as_deref() } else { None }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

/// The W3C `traceparent` of `span`, to be carried to another node. `None` while nothing is traced.
pub(crate) fn traceparent(span: &Span) -> Option<String> {
    let mut carrier = Traceparent::default();
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    carrier.0
}

/// Makes `span` a child of the span that another node named. A name that can't be read is ignored.
pub(crate) fn follow(span: &Span, traceparent: Option<&str>) {
    if let Some(text) = traceparent {
        let carrier = Traceparent(Some(text.to_owned()));
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
        if span.set_parent(context).is_err() {
            tracing::trace!("a span took no parent");
        }
    }
}

/// Keeps traces flowing; dropping it sends what is left.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = self.provider.take()
            && let Err(error) = provider.shutdown()
        {
            tracing::debug!(%error, "the last traces were not sent");
        }
    }
}

/// Installs logging to standard error, one JSON object a line or for people, and traces to `otlp_endpoint` when there is one.
/// `filter` is in the words of `RUST_LOG`. A process installs once; later calls change nothing.
pub fn install(filter: &str, json: bool, otlp_endpoint: &str, service: &str) -> Telemetry {
    // Spans have a filter of their own: a log that is quiet must not make the traces empty.
    let spans = || EnvFilter::new("off,tidegate_node=info");
    let filter = || EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let log: Box<dyn Layer<Registry> + Send + Sync> = if json {
        log.json().with_filter(filter()).boxed()
    } else {
        log.with_target(false).with_filter(filter()).boxed()
    };
    let provider = exporter(otlp_endpoint, service);
    let traces = provider.as_ref().map(|p| {
        tracing_opentelemetry::layer().with_tracer(p.tracer("tidegate")).with_filter(spans())
    });
    if tracing_subscriber::registry().with(log).with(traces).try_init().is_err() {
        return Telemetry { provider: None };
    }
    Telemetry { provider }
}

fn exporter(endpoint: &str, service: &str) -> Option<SdkTracerProvider> {
    if endpoint.is_empty() {
        return None;
    }
    let exporter =
        opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
    match exporter {
        Ok(exporter) => Some(
            SdkTracerProvider::builder()
                .with_batch_exporter(exporter)
                .with_resource(Resource::builder().with_service_name(service.to_owned()).build())
                .build(),
        ),
        Err(error) => {
            tracing::warn!(%error, endpoint, "traces can't be sent there");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TraceContextExt;

    use super::*;

    #[test]
    fn a_trace_goes_on_at_the_other_side() {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
        let write = tracing::info_span!("write");
        let carried = traceparent(&write).unwrap();
        let merge = tracing::info_span!("merge");
        follow(&merge, Some(&carried));
        let trace = |span: &Span| span.context().span().span_context().trace_id();
        assert_eq!(trace(&write), trace(&merge));
        let other = tracing::info_span!("other");
        follow(&other, Some("not a traceparent"));
        assert_ne!(trace(&write), trace(&other));
    }
}
