//! `tidegate sim`: the simulator, which is a program of its own since it replaces the clock and the random source of its process. What
//! operates a cluster must not be able to.

use std::{ffi::OsString, path::Path, process::ExitCode};

use super::Failure;

/// What is passed on.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// What `tidegate-sim` takes; `--help` says it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

/// The simulator is not where this program is.
#[derive(Debug, thiserror::Error)]
#[error("there is no `{0}` to run: `cargo build --package tidegate-sim` makes it")]
struct NoSimulator(String);

fn beside(me: &Path) -> Result<std::path::PathBuf, NoSimulator> {
    let name = format!("tidegate-sim{}", std::env::consts::EXE_SUFFIX);
    let simulator = me.with_file_name(name);
    if simulator.is_file() {
        Ok(simulator)
    } else {
        Err(NoSimulator(simulator.display().to_string()))
    }
}

/// Runs it with this terminal; its exit code is this one's.
pub(crate) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let simulator = beside(&std::env::current_exe()?)?;
    let ended = tokio::process::Command::new(simulator).args(args.arguments).status().await?;
    let code = ended.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulator_is_looked_for_beside_this_program_alone() {
        let folder = tempfile::tempdir().unwrap();
        let me = folder.path().join("tidegate");
        let error = beside(&me).unwrap_err().to_string();
        assert!(error.contains("tidegate-sim") && error.contains("cargo build"), "{error}");
        std::fs::write(
            folder.path().join(format!("tidegate-sim{}", std::env::consts::EXE_SUFFIX)),
            "",
        )
        .unwrap();
        assert!(beside(&me).is_ok());
    }
}
