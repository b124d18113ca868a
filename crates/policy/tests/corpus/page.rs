//! The page on tests of policies: its examples run, and it names every field that there is.

use std::{fs, path::Path};

use tidegate_policy::cases;

use crate::load;

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy-tests.md"))
        .unwrap()
}

#[test]
fn the_examples_of_the_page_pass() {
    let page = page();
    let mut ran = 0;
    for block in page.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let report = cases::run("docs/policy-tests.md", text, &load).unwrap();
        let failed: Vec<String> = report.failed().map(ToString::to_string).collect();
        assert!(failed.is_empty(), "{}", failed.join("\n"));
        ran += report.results.len();
    }
    assert!(ran >= 6, "only {ran} cases on the page");
}

/// The reader's own list of fields, from its error about one that there is not.
fn fields(text: &str) -> Vec<String> {
    let error = cases::run("f", text, &load).unwrap_err().to_string();
    let (_, list) = error.split_once("expected one of ").unwrap();
    list.split(", ").map(|field| field.trim_matches('`').to_owned()).collect()
}

#[test]
fn the_page_names_every_field() {
    let page = page();
    for text in ["nothing: 1", "cases: [{nothing: 1}]", "principals: {a: {nothing: 1}}"] {
        let fields = fields(text);
        assert!(fields.len() > 5, "{fields:?}");
        for field in fields {
            assert!(page.contains(&format!("`{field}`")), "docs/policy-tests.md has no `{field}`");
        }
    }
}
