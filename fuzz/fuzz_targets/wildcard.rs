//! The matcher of wildcards against one that is written straight from their definition.

#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use tidegate_policy::wildcard_matches;

/// Beyond this the naive matcher's table costs more than it finds.
const LENGTH_MAX: usize = 64;

/// Whether `pattern` from `p` on matches `text` from `t` on: a star is nothing or one character more, `?` is one character, and
/// anything else is itself. Answers are kept, or a row of stars would take time without end.
fn naive(
    pattern: &[char],
    text: &[char],
    p: usize,
    t: usize,
    known: &mut HashMap<(usize, usize), bool>,
) -> bool {
    if let Some(answer) = known.get(&(p, t)) {
        return *answer;
    }
    let answer = match (pattern.get(p), text.get(t)) {
        (None, rest) => rest.is_none(),
        (Some('*'), None) => naive(pattern, text, p + 1, t, known),
        (Some('*'), Some(_)) => {
            naive(pattern, text, p + 1, t, known) || naive(pattern, text, p, t + 1, known)
        }
        (Some(_), None) => false,
        (Some(wanted), Some(found)) => {
            (*wanted == '?' || wanted == found) && naive(pattern, text, p + 1, t + 1, known)
        }
    };
    known.insert((p, t), answer);
    answer
}

/// Characters that meet each other often, one of them of two bytes and one of four.
const FEW: [char; 8] = ['a', 'b', '*', '?', '/', ':', 'é', '𝄞'];

/// The first byte says where the pattern ends, and by its lowest bit whether bytes stand for few characters or for themselves.
fn split(data: &[u8]) -> Option<(String, String)> {
    let (first, rest) = data.split_first()?;
    let (pattern, text) = rest.split_at(usize::from(first >> 1) % (rest.len() + 1));
    if first & 1 == 0 {
        let few = |bytes: &[u8]| bytes.iter().map(|b| FEW[usize::from(*b) % FEW.len()]).collect();
        return Some((few(pattern), few(text)));
    }
    let read = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    Some((read(pattern)?, read(text)?))
}

fuzz_target!(|data: &[u8]| {
    let Some((pattern, text)) = split(data) else { return };
    let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    if p.len() > LENGTH_MAX || t.len() > LENGTH_MAX {
        return;
    }
    let expected = naive(&p, &t, 0, 0, &mut HashMap::new());
    assert_eq!(wildcard_matches(&pattern, &text), expected, "{pattern:?} {text:?}");
});
