//! The one executable: `node`, `dev`, `demo`, and the client's commands.

mod check;
mod commands;
mod dev;
mod doctor;
mod http;
mod metadata;
mod profile;

use std::process::ExitCode;

/// A node makes and drops many small values a second: the system's allocator took a fifth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    // Connections and the store share the process's descriptors, and the usual soft limit of 1,024 is for programs that call select(2).
    // Where it can't be raised the process runs with what it has.
    let _descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(0);
    commands::run(std::env::args_os()).await
}
