//! The one executable: `node`, `dev`, `demo`, and the client's commands.

mod commands;
mod dev;
mod profile;

use std::process::ExitCode;

/// A node makes and drops many small values a second: the system's allocator took a fifth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    commands::run(std::env::args_os()).await
}
