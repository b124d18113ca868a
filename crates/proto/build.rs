//! Generates the gRPC types from `proto/`, without a `protoc`.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const FILES: [&str; 10] = [
    "common",
    "iam",
    "sts",
    "decision",
    "propagation",
    "cluster",
    "region",
    "workload",
    "membership",
    "peer",
];

/// Messages that no log may show.
const UNSPOKEN: [&str; 7] = [
    ".tidegate.peer.v1.Header",
    ".tidegate.peer.v1.CarriedCall",
    ".tidegate.peer.v1.CarryRequest",
    ".tidegate.peer.v1.CarryResponse",
    ".tidegate.peer.v1.GrantRequest",
    ".tidegate.peer.v1.GrantResponse",
    ".tidegate.peer.v1.DayKey",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from("../../proto");
    println!("cargo::rerun-if-changed=../../proto");
    let files: Vec<PathBuf> =
        FILES.iter().map(|area| root.join(format!("tidegate/{area}/v1/{area}.proto"))).collect();
    let descriptors = protox::compile(&files, [&root])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".")
        .btree_map(".")
        .build_transport(true)
        // They hold signatures, new secrets, and keys to sign with.
        .skip_debug(UNSPOKEN)
        .compile_fds(descriptors)?;
    Ok(())
}
