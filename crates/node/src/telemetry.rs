//! Metrics of one node in Prometheus' words, and the traces that follow a change across nodes.

pub mod metrics;
pub mod server;
pub mod trace;
