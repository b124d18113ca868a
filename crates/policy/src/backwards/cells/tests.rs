//! Every cell that a short text can be in has a text.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const ANYTHING: Wanted<'_> = Wanted { like: None, of: |_| true };

fn glob(text: &str) -> Matcher {
    Matcher::glob(&Glob::new(text))
}

#[test]
fn each_side_of_each_pattern() {
    let patterns = ["arn:aws:s3:::b/*", "arn:aws:s3:::*/k", "*"].map(glob);
    let found = cells(&patterns, [], ANYTHING);
    assert_eq!(found.texts, ["", "arn:aws:s3:::/k", "arn:aws:s3:::b/", "arn:aws:s3:::b/k"]);
    assert!(found.complete);
    let found = cells(&patterns, ["arn:aws:s3:::b/photo".to_owned()], ANYTHING);
    assert!(found.texts.contains(&"arn:aws:s3:::b/photo".to_owned()));
    assert!(!found.texts.contains(&"arn:aws:s3:::b/".to_owned()));
}

#[test]
fn actions_and_arns_are_what_they_must_be() {
    let any = Matcher::any_action();
    let wanted = Wanted { like: Some(&any), of: |c| c.is_ascii_lowercase() || c == ':' };
    let found = cells(&["*", "iam:get*", "*user"].map(glob), [], wanted);
    assert_eq!(found.texts, ["x:x", "x:user", "iam:get", "iam:getuser"]);
    for (text, arn, named) in [
        ("arn:aws:s3:::b", true, true),
        ("x:aws:s3:::b", true, false),
        (":::::", true, false),
        ("arn:aws:s3", false, false),
        ("arn:aws:s3:::", true, false),
    ] {
        assert_eq!(Matcher::any_arn(false).matches(text), arn, "{text}");
        assert_eq!(Matcher::any_arn(true).matches(text), named, "{text}");
    }
}

#[test]
fn patterns_that_tell_too_much_apart_are_said_to() {
    let patterns: Vec<Matcher> =
        ('a'..='p').map(|c| glob(&format!("*{c}*{}*", c.to_ascii_uppercase()))).collect();
    assert!(!cells(&patterns, [], ANYTHING).complete);
}

fn every_text() -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..4 {
        last = last
            .iter()
            .flat_map(|text| ["a", "A", "b", ":"].map(|c| format!("{text}{c}")))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_in_a_cell_without_one(
        globs in prop::collection::vec("[ab:*?]{0,4}", 1..4),
        cased in "[aAb]{0,3}",
        arn in "[ab*?]{0,2}:{3,5}[a*]{0,2}",
    ) {
        let mut patterns: Vec<Matcher> = globs.iter().map(|text| glob(text)).collect();
        patterns.push(Matcher::text_of_any_case(&cased));
        patterns.extend(Matcher::arn(&Glob::new(&arn)));
        patterns.push(Matcher::any_arn(false));
        let found = cells(&patterns, [], ANYTHING);
        prop_assert!(found.complete);
        let mine: BTreeSet<_> = found.texts.iter().map(|text| signature(&patterns, text)).collect();
        prop_assert_eq!(mine.len(), found.texts.len());
        for text in every_text() {
            prop_assert!(mine.contains(&signature(&patterns, &text)), "{}", text);
        }
        for (text, pattern) in globs.iter().zip(&patterns) {
            for other in every_text() {
                prop_assert_eq!(pattern.matches(&other), crate::wildcard_matches(text, &other));
            }
        }
    }
}
