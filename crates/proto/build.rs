//! Generates the gRPC types from `proto/`, without a `protoc`.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const FILES: [&str; 9] =
    ["common", "iam", "sts", "decision", "propagation", "cluster", "region", "workload", "peer"];

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
        .compile_fds(descriptors)?;
    Ok(())
}
