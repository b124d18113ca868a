//! Each bug is found by the differential test, and how soon; and by the corpus of cases.

use proptest::{strategy::Strategy, strategy::ValueTree, test_runner::TestRunner};

use std::{fs, path::Path};

use super::{ALL, Bug, SWITCHED_ON};
use crate::cases::CaseFile;

// The same cases and the same oracle as in `tests/evaluation`, which can't switch a bug on.
#[path = "../../tests/evaluation/case.rs"]
mod case;
#[path = "../../tests/evaluation/compare.rs"]
mod compare;
#[path = "../../tests/evaluation/generate.rs"]
mod generate;
#[path = "../../tests/evaluation/language.rs"]
mod language;
#[path = "../../tests/evaluation/oracle.rs"]
mod oracle;
#[path = "../../tests/evaluation/words.rs"]
mod words;

/// As many as one run of the differential test compares.
const CASES_MAX: usize = 4_096;

#[test]
fn every_deliberate_bug_is_found() {
    let mut runner = TestRunner::deterministic();
    let cases = (generate::texts(), generate::ask());
    let mut hidden = ALL.to_vec();
    let mut found = Vec::new();
    for case in 1..=CASES_MAX {
        let (texts, ask) = cases.new_tree(&mut runner).unwrap().current();
        let asks = [ask];
        assert_eq!(compare::difference(&texts, &asks), None, "without a bug");
        hidden.retain(|bug| {
            SWITCHED_ON.set(Some(*bug));
            let differs = compare::difference(&texts, &asks).is_some();
            SWITCHED_ON.set(None);
            if differs {
                found.push((case, *bug));
            }
            !differs
        });
        if hidden.is_empty() {
            break;
        }
    }
    for (case, bug) in &found {
        println!("{bug:?}: case {case}");
    }
    assert_eq!(hidden, [], "not found within {CASES_MAX} cases");
}

/// Whether a file of the corpus has a case that fails.
fn fails(file: &CaseFile, folder: &Path) -> bool {
    let load = |name: &str| fs::read_to_string(folder.join(name)).map_err(|e| e.to_string());
    file.run(&load).failed().next().is_some()
}

/// Bugs of the index over composed policies, which cases do not use: they decide policy by policy.
const OF_THE_INDEX: [Bug; 1] = [Bug::NothingStandsBehindAStar];

#[test]
fn the_corpus_fails_for_every_deliberate_bug() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cases");
    let paths = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    // In the same order on every machine.
    paths.sort();
    let read = |path| CaseFile::read("", &fs::read_to_string(path).unwrap()).unwrap();
    let files: Vec<CaseFile> = paths.iter().map(read).collect();
    assert!(!files.iter().any(|file| fails(file, &folder)), "without a bug");
    let survives = |bug: &Bug| {
        SWITCHED_ON.set(Some(*bug));
        let survives = !files.iter().any(|file| fails(file, &folder));
        SWITCHED_ON.set(None);
        survives
    };
    let surviving: Vec<Bug> = ALL.iter().copied().filter(survives).collect();
    assert_eq!(surviving, OF_THE_INDEX);
}
