//! Patterns against each other, and against every short text.

use proptest::prelude::*;

use super::*;
use crate::wildcard_matches;

#[test]
fn nested_and_crossing_patterns() {
    for (first, second, covers, meets) in [
        ("*", "", true, true),
        ("s3:*", "s3:Get*", true, true),
        ("s3:Get*", "s3:*", false, true),
        ("s3:Get*", "s3:*Acl", false, true),
        ("s3:Get*", "s3:Put*", false, false),
        ("*?", "?*", true, true),
        ("?", "", false, false),
        ("a?c", "abc", true, true),
        ("a*b*c", "a*c", false, true),
        ("a*c", "a*b*c", true, true),
        ("??", "???", false, false),
        ("?*", "???", true, true),
    ] {
        let (a, b) = (Glob::new(first), Glob::new(second));
        assert_eq!((a.covers(&b), a.meets(&b)), (covers, meets), "{first} {second}");
    }
    let star = Glob::from_steps([Step::Char('*')]);
    assert!(!star.covers(&Glob::new("*")) && Glob::new("*").covers(&star));
    assert_eq!(star.to_string(), "${*}");
    assert_eq!(Glob::new("a?*?*b").to_string(), "a??*b");
}

fn every_text() -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..5 {
        last = last.iter().flat_map(|text| ["a", "b", "c"].map(|c| format!("{text}{c}"))).collect();
        all.extend(last.iter().cloned());
    }
    all
}

proptest! {
    #[test]
    fn what_is_said_of_two_patterns_is_so(first in "[ab*?]{0,4}", second in "[ab*?]{0,4}") {
        let (a, b) = (Glob::new(&first), Glob::new(&second));
        let texts = every_text();
        let of = |pattern: &str| -> Vec<bool> { texts.iter().map(|t| wildcard_matches(pattern, t)).collect() };
        let (mine, theirs) = (of(&first), of(&second));
        let nested = mine.iter().zip(&theirs).all(|(a, b)| *a || !b);
        let crossing = mine.iter().zip(&theirs).any(|(a, b)| *a && *b);
        prop_assert!(!a.covers(&b) || nested);
        prop_assert!(!crossing || a.meets(&b));
    }
}
