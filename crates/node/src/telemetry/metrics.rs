//! The metrics of one node. Base units, no principal or account in a label.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// A real-valued gauge.
pub(crate) type Seconds = Gauge<f64, AtomicU64>;

/// The effect of a decision.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct EffectLabel {
    pub(crate) effect: &'static str,
}

/// A group.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct GroupLabel {
    pub(crate) group: u32,
}

/// Another node.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct NodeLabel {
    pub(crate) node: String,
}

/// Where a change came from and where it has arrived.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct RouteLabel {
    pub(crate) from_region: String,
    pub(crate) to_region: String,
    pub(crate) bound: &'static str,
}

/// What a refused request was refused for.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(crate) struct ReasonLabel {
    pub(crate) reason: String,
}

fn latencies() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 1.6, 24))
}

fn decisions() -> Histogram {
    Histogram::new(exponential_buckets(0.000_000_5, 2.0, 24))
}

/// Everything that this node counts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub(crate) decisions: Family<EffectLabel, Counter>,
    pub(crate) decision_duration: Histogram,
    pub(crate) decision_lag: Histogram,
    pub(crate) propagation: Family<RouteLabel, Histogram>,
    pub(crate) region_ack: Family<RouteLabel, Histogram>,
    pub(crate) applied: Family<GroupLabel, Gauge>,
    pub(crate) tombstones: Gauge,
    pub(crate) staleness: Family<GroupLabel, Seconds>,
    pub(crate) peer_last_heard: Family<NodeLabel, Seconds>,
    pub(crate) refused: Family<ReasonLabel, Counter>,
    pub(crate) alarms: Counter,
    pub(crate) digest_mismatches: Counter,
    pub(crate) merged_records: Counter,
    pub(crate) committed_records: Counter,
}

impl Metrics {
    /// All metrics at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            decisions: Family::default(),
            decision_duration: decisions(),
            decision_lag: latencies(),
            propagation: Family::new_with_constructor(latencies as fn() -> Histogram),
            region_ack: Family::new_with_constructor(latencies as fn() -> Histogram),
            applied: Family::default(),
            tombstones: Gauge::default(),
            staleness: Family::default(),
            peer_last_heard: Family::default(),
            refused: Family::default(),
            alarms: Counter::default(),
            digest_mismatches: Counter::default(),
            merged_records: Counter::default(),
            committed_records: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let r = self.registry.sub_registry_with_prefix("tidegate");
        r.register("decisions", "Decisions made, by effect", self.decisions.clone());
        r.register(
            "decision_duration_seconds",
            "Time to decide, without the wire",
            self.decision_duration.clone(),
        );
        r.register(
            "decision_lag_seconds",
            "Staleness bound that decisions stated",
            self.decision_lag.clone(),
        );
        r.register(
            "propagation_seconds",
            "Commit to published view, by the home's clock: upper bound and estimate",
            self.propagation.clone(),
        );
        r.register(
            "region_ack_seconds",
            "What this node wrote itself to another's published view: upper bound and estimate",
            self.region_ack.clone(),
        );
        r.register(
            "applied_revision",
            "Position of the published view in each group",
            self.applied.clone(),
        );
        r.register("tombstones", "Deletions that are still remembered", self.tombstones.clone());
        r.register("staleness_seconds", "Staleness bound of each group", self.staleness.clone());
        r.register(
            "peer_last_heard_seconds",
            "Time since each peer was heard",
            self.peer_last_heard.clone(),
        );
        r.register("refused_requests", "Requests refused, by reason", self.refused.clone());
        r.register("alarms", "Conditions that a person must look at", self.alarms.clone());
        r.register(
            "state_digest_mismatch",
            "Digests that differed at equal positions",
            self.digest_mismatches.clone(),
        );
        r.register("merged_records", "Records merged from gossip", self.merged_records.clone());
        r.register(
            "committed_records",
            "Records that this node's groups committed",
            self.committed_records.clone(),
        );
    }

    /// The metrics as Prometheus reads them.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
