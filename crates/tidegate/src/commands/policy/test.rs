//! `tidegate policy test`: files of cases against the engine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use tidegate_policy::cases::{self, Report};

use super::{
    super::{
        Failure,
        output::{Format, for_programs, print},
    },
    files,
};

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files of cases, and folders with such files.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Writes the results as `JUnit` XML too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Names the cases that passed too.
    #[arg(long)]
    all: bool,
}

/// Whether a file of a folder is one of cases: YAML with `cases` at the start of a line.
fn is_one(path: &Path, text: &str) -> bool {
    let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    yaml && text.lines().any(|line| line.starts_with("cases:"))
}

/// Runs every case of every file.
pub(crate) fn run(args: &Args, format: Format) -> Result<ExitCode, Failure> {
    let mut reports = Vec::new();
    for (path, text) in files::find(&args.paths, "cases", is_one)? {
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        reports.push(cases::run(&path.display().to_string(), &text, &files::loader(folder))?);
    }
    if let Some(path) = &args.junit {
        fs::write(path, cases::junit(&reports))
            .map_err(|e| format!("`{}` can't be written: {e}", path.display()))?;
    }
    if !for_programs(format, &serde_json::to_value(&reports)?)? {
        print(&people(&reports, args.all))?;
    }
    let passed = reports.iter().all(Report::passed);
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What failed, and how many of each there were.
fn people(reports: &[Report], all: bool) -> String {
    let mut text = String::new();
    let (mut ran, mut failed, mut known) = (0, 0, 0);
    for report in reports {
        let before = text.len();
        for result in &report.results {
            let tells = all || !matches!(result.verdict, cases::Verdict::Passed);
            if tells {
                text.push_str(&result.to_string());
            }
        }
        if text.len() > before {
            text.insert_str(before, &format!("{}\n", report.file));
        }
        ran += report.results.len();
        failed += report.failed().count();
        known += report.known().count();
    }
    let (cases, files) =
        (files::count(ran, "case", "cases"), files::count(reports.len(), "file", "files"));
    text + &format!(
        "{cases} in {files}: {failed} failed, {known} known to fail
"
    )
}
