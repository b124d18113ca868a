//! node
pub mod telemetry;
pub mod platform;
