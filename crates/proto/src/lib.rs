//! The gRPC types and services of Tidegate, generated from `proto/`. Nothing here is written by hand but this file.

#![allow(
    missing_docs,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]

/// All descriptors, for server reflection.
pub const FILE_DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! areas {
    ($($(#[$doc:meta])* $area:ident = $package:literal;)*) => {
        $($(#[$doc])* pub mod $area {
            /// Version 1.
            pub mod v1 {
                tonic::include_proto!($package);
            }
        })*
    };
}

areas! {
    /// What every area shares.
    common = "tidegate.common.v1";
    /// Accounts and what is in them.
    iam = "tidegate.iam.v1";
    /// Temporary credentials.
    sts = "tidegate.sts.v1";
    /// Decisions.
    decision = "tidegate.decision.v1";
    /// How far changes have come.
    propagation = "tidegate.propagation.v1";
    /// The cluster itself.
    cluster = "tidegate.cluster.v1";
    /// Containing somebody, at any node.
    region = "tidegate.region.v1";
    /// Roles for workloads.
    workload = "tidegate.workload.v1";
    /// What nodes say to each other.
    peer = "tidegate.peer.v1";
}
