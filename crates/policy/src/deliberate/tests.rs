//! Each bug is found by the differential test, and how soon.

use proptest::{strategy::Strategy, strategy::ValueTree, test_runner::TestRunner};

use super::{ALL, SWITCHED_ON};

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
