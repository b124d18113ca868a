//! What people are told, in whole texts: `TIDEGATE_UPDATE=1 cargo test -p tidegate-policy --test corpus` writes them anew.

use std::{collections::BTreeSet, fs};

use tidegate_policy::{cases::CaseFile, explain};

use super::{load, testdata};

fn file() -> CaseFile {
    let text = fs::read_to_string(testdata().join("explain/cases.yaml")).unwrap();
    CaseFile::read("explain/cases.yaml", &text).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn each_case_is_explained_as_it_is_written() {
    let file = file();
    let report = file.run(&load);
    assert!(report.passed(), "{:?}", report.failed().collect::<Vec<_>>());
    let folder = testdata().join("explain");
    let mut names = BTreeSet::new();
    for (name, situation) in file.situations(&load) {
        let situation = situation.unwrap();
        let request = situation.requests().next().unwrap();
        let told = explain(&situation.set, &request).to_string();
        let path = folder.join(format!("{name}.txt"));
        if std::env::var_os("TIDEGATE_UPDATE").is_some() {
            fs::write(&path, &told).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(told, written, "{name}.txt is stale: run this test with TIDEGATE_UPDATE=1");
        names.insert(format!("{name}.txt"));
    }
    let found = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let found = found.filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    let name = |path: std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let found: BTreeSet<String> = found.map(name).collect();
    assert_eq!(found, names, "a text without its case");
}
