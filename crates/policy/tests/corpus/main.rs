//! The corpus of cases written from AWS's documentation, against the engine and against the naive evaluator.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets what it did not expect must fail, and says where"
)]

#[path = "../evaluation/case.rs"]
#[allow(dead_code, reason = "the generated cases use all of it, the written ones a part")]
mod case;
#[path = "../evaluation/language.rs"]
mod language;
#[path = "../evaluation/oracle.rs"]
mod oracle;

mod agreement;
mod checklist;
mod explained;
mod naive;
mod page;

use std::{collections::BTreeSet, fs, path::PathBuf};

use tidegate_policy::cases::{CaseFile, Report};

/// No fewer cases than this; taking some out is a decision.
const CASES_MIN: usize = 600;

fn testdata() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// What a case refers to as `file:` stands beside the cases.
fn load(file: &str) -> Result<String, String> {
    fs::read_to_string(testdata().join("cases").join(file)).map_err(|e| format!("`{file}`: {e}"))
}

fn paths() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(testdata().join("cases"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    paths.sort();
    paths
}

/// Every file of cases, by name.
fn files() -> Vec<CaseFile> {
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        CaseFile::read(&name, &fs::read_to_string(&path).unwrap()).unwrap_or_else(|e| panic!("{e}"))
    };
    paths().into_iter().map(read).collect()
}

fn reports() -> Vec<Report> {
    files().iter().map(|file| file.run(&load)).collect()
}

#[test]
fn every_case_comes_out_as_aws_says() {
    let reports = reports();
    let failed: Vec<String> = reports
        .iter()
        .flat_map(|report| report.failed().map(|case| format!("{}: {case}", report.file)))
        .collect();
    let run: usize = reports.iter().map(|report| report.results.len()).sum();
    assert!(failed.is_empty(), "{} of {run} cases failed:\n{}", failed.len(), failed.join("\n"));
    assert!(run >= CASES_MIN, "only {run} cases ran");
}

#[test]
fn every_case_names_its_page_and_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for report in reports() {
        for case in report.results {
            assert!(case.source.is_some(), "{}: `{}` has no source", report.file, case.name);
            assert!(case.line > 0, "{}: `{}` has no line", report.file, case.name);
            assert!(
                names.insert(case.name.clone()),
                "{}: `{}` comes twice",
                report.file,
                case.name
            );
        }
    }
}

/// A corpus that can't fail proves nothing: with the other effect expected, every case that decides fails.
#[test]
fn every_case_fails_when_the_other_effect_is_expected() {
    for path in paths() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let turned = text
            .replace("expect: allowed", "expect: turned")
            .replace("expect: implicitDeny", "expect: allowed")
            .replace("expect: explicitDeny", "expect: allowed")
            .replace("expect: turned", "expect: implicitDeny");
        let file = CaseFile::read(&name, &turned).unwrap();
        let report = file.run(&load);
        let failed = report.failed().chain(report.known());
        let failed: BTreeSet<&str> = failed.map(|case| case.name.as_str()).collect();
        for (case, _) in file.situations(&load) {
            assert!(failed.contains(case), "{name}: `{case}` passes with either effect");
        }
    }
}
