//! The tree is tidy, and each check sees what it is for.

use super::*;

fn source(path: &str, text: &str) -> Source {
    Source { path: path.into(), text: text.into() }
}

#[test]
fn the_tree_is_tidy() {
    let found = broken(&crate::root()).unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_file_without_purpose_or_with_too_many_is_seen() {
    let long = format!("//! Long.\n{}", "\n".repeat(LINES_MAX));
    let tree =
        [source("crates/a/src/lib.rs", "fn main() {}"), source("crates/a/src/long.rs", &long)];
    let found = shape(&tree);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("first line") && found[1].contains("split"), "{found:?}");
}

#[test]
fn what_is_left_over_is_seen() {
    let tree = [source("a.rs", concat!("//! A.\n// TO", "DO: later"))];
    assert_eq!(left_over(&tree), [concat!("a.rs:2: `TO", "DO` is left over")]);
}

#[test]
fn a_file_that_no_module_names_is_seen() {
    let tree = [
        source("crates/a/src/lib.rs", "mod kept;\npub mod folder;"),
        source("crates/a/src/kept.rs", "#[cfg(test)]\nmod tests;"),
        source("crates/a/src/kept/tests.rs", ""),
        source("crates/a/src/folder/mod.rs", ""),
        source("crates/a/src/lost.rs", ""),
    ];
    assert_eq!(dead_files(&tree), ["crates/a/src/lost.rs: no module names it"]);
}

#[test]
fn the_table_of_crates_is_read() {
    let rows = table(
        "| crate | kind |\n|---|---|\n| `a` | pure | words | none |\n| `b` | shell | words | a, c |",
    );
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1], ("b".to_owned(), "shell".to_owned(), "a, c".to_owned()));
}

#[test]
fn a_metric_and_a_setting_without_a_word_are_seen() {
    let tree = [
        source("docs/operations.md", "`tidegate_known` and `node`"),
        source(
            "crates/node/src/telemetry/metrics.rs",
            "r.register(\"known\", \"\"); r.register(\n\"new\", \"\");",
        ),
        source(
            "crates/node/src/config.rs",
            "    pub node: u64,\n    pub fresh: u64,\n    pub fn check(&self: x) {}",
        ),
    ];
    let found = documented(&tree);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("tidegate_new") && found[1].contains("`fresh`"), "{found:?}");
}
