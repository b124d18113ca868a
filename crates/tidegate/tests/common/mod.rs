//! What tests of the program share.

use std::{path::Path, process::Command};

/// Runs words in a folder; gives the exit code, standard output and standard error.
pub(crate) fn run(folder: &Path, words: &str) -> (i32, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(words.split(' '))
        .current_dir(folder)
        .env_remove("TIDEGATE_OUTPUT")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}
