//! Runs the checkers, one after the other, and says at the end which of them failed.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use crate::tidy;

/// One checker.
struct Check {
    name: &'static str,
    command: &'static [&'static str],
    /// What is got ready meanwhile for a later checker, with whatever this one leaves of the machine. If it fails the later one says why.
    beside: &'static [&'static str],
    /// What shows that it is installed. Empty: it comes with the toolchain.
    probe: &'static [&'static str],
    /// Whether `--strict` insists on it.
    needed: bool,
}

const CHECKS: &[Check] = &[
    Check {
        name: "format",
        command: &["cargo", "fmt", "--all", "--check"],
        beside: &[],
        probe: &[],
        needed: true,
    },
    Check {
        name: "lints",
        command: &[
            "cargo",
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ],
        beside: &[],
        probe: &[],
        needed: true,
    },
    Check {
        name: "dependencies",
        command: &[
            "cargo",
            "deny",
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ],
        beside: &[],
        probe: &["cargo", "deny", "--version"],
        needed: true,
    },
    Check {
        name: "protocol files",
        command: &["npx", "--yes", "@bufbuild/buf", "lint"],
        beside: &[],
        probe: &["npx", "--version"],
        needed: true,
    },
    Check {
        name: "build",
        command: &["cargo", "build", "--workspace", "--all-targets"],
        beside: &[],
        probe: &[],
        needed: true,
    },
    Check {
        name: "tests",
        command: &["cargo", "test", "--workspace", "--quiet"],
        // The tests with real processes wait more than they work.
        beside: &[
            "nice",
            "-n",
            "19",
            "cargo",
            "build",
            "--quiet",
            "--profile",
            "seeds",
            "--package",
            "tidegate-sim",
        ],
        probe: &[],
        needed: true,
    },
    Check {
        name: "whole nodes under 50 seeds",
        command: &[
            "cargo",
            "run",
            "--quiet",
            "--profile",
            "seeds",
            "--package",
            "tidegate-sim",
            "--",
            "--world",
            "nodes",
            "--seeds",
            "0..50",
            "--seconds",
            "60",
            "--jobs",
            "2",
        ],
        beside: &[],
        probe: &[],
        needed: true,
    },
    Check {
        name: "clients in Python",
        command: &["tests/python/run"],
        beside: &[],
        probe: &["python3", "-c", "import venv, ensurepip, tomllib"],
        needed: true,
    },
    Check {
        name: "Terraform with the AWS provider",
        command: &["tests/terraform/run"],
        beside: &[],
        probe: &["tests/terraform/run", "probe"],
        needed: false,
    },
];

fn begin(root: &Path, words: &[&str], quiet: bool) -> Option<Command> {
    let (program, rest) = words.split_first()?;
    let mut command = Command::new(program);
    command.args(rest).current_dir(root);
    if quiet {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    }
    Some(command)
}

fn runs(root: &Path, words: &[&str], quiet: bool) -> bool {
    begin(root, words, quiet).is_some_and(|mut c| c.status().is_ok_and(|s| s.success()))
}

/// Checks everything and writes nothing. A checker that is missing is named; with `strict` it counts as failed.
pub(crate) fn verify(root: &Path, strict: bool) -> bool {
    let (mut failed, mut missing) = (Vec::new(), Vec::new());
    println!("== conventions");
    if !tidy::report(root) {
        failed.push("conventions");
    }
    for check in CHECKS {
        println!("== {}", check.name);
        if !check.probe.is_empty() && !runs(root, check.probe, true) {
            println!(
                "   not checked: `{}` can't run here: it, or what it needs, is not installed",
                check.command.join(" ")
            );
            if check.needed {
                missing.push(check.name);
            }
            continue;
        }
        let started = Instant::now();
        let beside = begin(root, check.beside, true).and_then(|mut c| c.spawn().ok());
        let passed = runs(root, check.command, false);
        let _ready = beside.map(|mut process| process.wait());
        println!(
            "   {} in {} s",
            if passed { "passed" } else { "FAILED" },
            started.elapsed().as_secs()
        );
        if !passed {
            failed.push(check.name);
        }
    }
    if strict {
        failed.append(&mut missing);
    }
    if !missing.is_empty() {
        println!("not checked, for want of a tool: {}", missing.join(", "));
    }
    if failed.is_empty() {
        println!("everything that was checked is as it should be");
    } else {
        println!("FAILED: {}", failed.join(", "));
    }
    failed.is_empty()
}

/// Formats, and lets clippy mend what it can.
pub(crate) fn fix(root: &Path) -> bool {
    let clippy = [
        "cargo",
        "clippy",
        "--workspace",
        "--all-targets",
        "--fix",
        "--allow-dirty",
        "--allow-staged",
    ];
    runs(root, &clippy, false) && runs(root, &["cargo", "fmt", "--all"], false)
}
