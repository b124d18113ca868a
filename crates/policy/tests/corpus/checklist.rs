//! The checklist of AWS's rules: every entry has a case, and every case names entries that there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::{reports, testdata};

/// Entries by slug, in groups.
type Checklist = BTreeMap<String, BTreeMap<String, String>>;

fn checklist() -> BTreeMap<String, String> {
    let text = fs::read_to_string(testdata().join("checklist.yaml")).unwrap();
    let groups: Checklist = serde_yaml_ng::from_str(&text).unwrap();
    let entries = groups.into_iter().flat_map(|(group, entries)| {
        entries.into_iter().map(move |(slug, rule)| (format!("{group}/{slug}"), rule))
    });
    entries.collect()
}

#[test]
fn every_entry_has_a_case_and_every_case_names_entries_that_there_are() {
    let checklist = checklist();
    let mut covered = BTreeSet::new();
    for report in reports() {
        for case in report.results {
            for slug in case.covers {
                assert!(
                    checklist.contains_key(&slug),
                    "{}: `{}`: no entry `{slug}`",
                    report.file,
                    case.name
                );
                covered.insert(slug);
            }
        }
    }
    let missing: Vec<String> = checklist
        .iter()
        .filter(|(slug, _)| !covered.contains(*slug))
        .map(|(slug, rule)| format!("{slug}: {rule}"))
        .collect();
    assert!(
        missing.is_empty(),
        "{} entries without a case:\n{}",
        missing.len(),
        missing.join("\n")
    );
}

/// Each trap has two sides: falling in, and the near miss that only looks like it.
#[test]
fn each_trap_has_both_sides() {
    let checklist = checklist();
    let traps: Vec<&String> = checklist.keys().filter(|slug| slug.starts_with("trap/")).collect();
    assert!(traps.len() >= 20, "only {}", traps.len());
    for slug in traps {
        let other = match slug.strip_suffix("/near") {
            Some(trap) => trap.to_owned(),
            None => format!("{slug}/near"),
        };
        assert!(checklist.contains_key(&other), "{slug} has no other side");
    }
}
