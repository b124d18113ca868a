//! Hostile text to the parser: it never panics, and what it accepts prints to a text that parses to the same policy.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_policy::{CompiledPolicy, PolicyDocument, PolicyKind, PolicySource, Statement};

const KINDS: [PolicyKind; 7] = [
    PolicyKind::Identity,
    PolicyKind::Resource,
    PolicyKind::Trust,
    PolicyKind::Boundary,
    PolicyKind::Session,
    PolicyKind::ServiceControl,
    PolicyKind::ResourceControl,
];

/// The first byte chooses the kind of the policy; the rest is its text.
fn split(data: &[u8]) -> Option<(PolicyKind, &str)> {
    let (first, text) = data.split_first()?;
    let kind = KINDS[usize::from(*first) % KINDS.len()];
    Some((kind, std::str::from_utf8(text).ok()?))
}

fn same(one: &[Statement], other: &[Statement]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.says_the_same(b))
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, text)) = split(data) else { return };
    let document = match PolicyDocument::parse(text, kind) {
        Ok(document) => document,
        Err(error) => {
            // An error that can't be shown would be found by whoever gets it.
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let printed = document.to_json();
    let again = PolicyDocument::parse(&printed, kind)
        .unwrap_or_else(|error| panic!("the printed text is refused: {error}\n{printed}"));
    assert_eq!(again.version(), document.version(), "{printed}");
    assert_eq!(again.id(), document.id(), "{printed}");
    assert!(same(again.statements(), document.statements()), "{printed}");
    assert_eq!(again.to_json(), printed);
    // What was accepted can be compiled.
    let compiled = CompiledPolicy::compile(PolicySource::Session(0), &document);
    assert_eq!(compiled.len(), document.statements().len());
});
