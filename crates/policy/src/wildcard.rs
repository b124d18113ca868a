//! Matching with `*` (any run of characters) and `?` (any one character).
//!
//! One algorithm serves all patterns, those with policy variables in them too: it sees them as a row of [`Token`]s. Patterns whose only
//! wildcards are stars, nearly all there are, have a faster one: the text between the stars is searched for.

use crate::truth::Truth;

/// Whether `text` matches `pattern` from end to end. Case is significant.
pub fn wildcard_matches(pattern: &str, text: &str) -> bool {
    bytes_match(pattern.as_bytes(), text.as_bytes())
}

/// The same for the bytes of texts in UTF-8, or of what stands behind the first characters of such texts.
pub(crate) fn bytes_match(pattern: &[u8], text: &[u8]) -> bool {
    let Some(first) = memchr::memchr2(b'*', b'?', pattern) else { return pattern == text };
    let (head, wild) = pattern.split_at(first);
    let Some(behind) = text.strip_prefix(head) else { return false };
    if memchr::memchr(b'?', wild).is_some() {
        return matches(wild, 0..wild.len(), behind);
    }
    // The first and the last star cut off what must stand at both ends.
    let (middle, tail) = wild.split_at(memchr::memrchr(b'*', wild).unwrap_or_default());
    let tail = tail.strip_prefix(b"*").unwrap_or_default();
    let Some(between) = behind.strip_suffix(tail) else { return false };
    middle.split(|byte| *byte == b'*').try_fold(between, behind_first).is_some()
}

/// A pattern that starts with a wildcard, cut at its stars once.
#[derive(Clone, Debug)]
pub(crate) enum Cut {
    /// What stands between the stars, and behind the last one.
    Stars { between: Box<[Piece]>, end: Box<[u8]> },
    /// There is another wildcard in it.
    Any(Box<[u8]>),
}

/// A text to be searched for.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    text: Box<[u8]>,
    /// Where one of its bytes stands that are rare in names.
    rare: usize,
}

impl Cut {
    pub(crate) fn new(pattern: &str) -> Self {
        match pattern.rsplit_once('*') {
            Some((before, end)) if pattern.starts_with('*') && !pattern.contains('?') => {
                let pieces = before.split('*').filter(|piece| !piece.is_empty());
                Self::Stars {
                    between: pieces.map(|piece| Piece::new(piece.as_bytes())).collect(),
                    end: end.as_bytes().into(),
                }
            }
            _ => Self::Any(pattern.as_bytes().into()),
        }
    }

    /// Whether a text matches, or what stands behind the first characters of one.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Stars { between, end } => text.strip_suffix(&**end).is_some_and(|rest| {
                between.iter().try_fold(rest, |rest, piece| piece.behind_first(rest)).is_some()
            }),
            Self::Any(pattern) => bytes_match(pattern, text),
        }
    }
}

impl Piece {
    /// A text of at least one byte.
    fn new(text: &[u8]) -> Self {
        let frequent = |byte: &u8| b"/:-_.aeinorst0123456789".contains(byte);
        let rare = text.iter().position(|byte| !frequent(byte)).unwrap_or_default();
        Self { text: text.into(), rare }
    }

    /// The part of a text behind the first place at which this one stands in it.
    fn behind_first<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let rare = *self.text.get(self.rare)?;
        let mut start = 0;
        loop {
            start += memchr::memchr(rare, text.get(start + self.rare..)?)?;
            if let Some(behind) = text.get(start..)?.strip_prefix(&*self.text) {
                return Some(behind);
            }
            start += 1;
        }
    }
}

/// The part of a text behind the first place at which a piece of it stands.
fn behind_first<'t>(text: &'t [u8], piece: &[u8]) -> Option<&'t [u8]> {
    let Some((first, others)) = piece.split_first() else { return Some(text) };
    let mut rest = text;
    loop {
        rest = rest.get(memchr::memchr(*first, rest)? + 1..)?;
        if let Some(behind) = rest.strip_prefix(others) {
            return Some(behind);
        }
    }
}

/// Whether every text that matches `other` matches `pattern`, as far as the stars of `other` can be told apart from characters: only a
/// star takes a star. What is said to be covered is.
pub(crate) fn wildcard_covers(pattern: &str, other: &str) -> bool {
    let (pattern, other): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), other.chars().collect());
    let (mut at, mut read) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&c) = other.get(read) {
        match pattern.get(at) {
            Some('*') => {
                at += 1;
                retry = Some((at, read));
            }
            Some(&wanted) if c != '*' && (wanted == '?' || wanted == c) => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((behind_star, from)) = retry else { return false };
                at = behind_star;
                read = from + 1;
                retry = Some((at, read));
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|c| *c == '*')
}

/// What every match of a pattern begins with: the text before its first wildcard.
pub(crate) fn literal_head(pattern: &str) -> &str {
    pattern.get(..pattern.find(['*', '?']).unwrap_or(pattern.len())).unwrap_or_default()
}

/// One step of a pattern. A character that came from a variable or an escape is a [`Token::Byte`], whatever it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// Any run of characters.
    Star,
    /// Any one character.
    Any,
    /// This byte.
    Byte(u8),
}

impl From<u8> for Token {
    fn from(byte: u8) -> Self {
        match byte {
            b'*' => Self::Star,
            b'?' => Self::Any,
            byte => Self::Byte(byte),
        }
    }
}

/// A row of tokens.
pub(crate) trait Pattern {
    /// The token at a place; `None` behind the end.
    fn token(&self, at: usize) -> Option<Token>;
}

impl Pattern for [u8] {
    fn token(&self, at: usize) -> Option<Token> {
        self.get(at).copied().map(Token::from)
    }
}

/// Whether a text in UTF-8 matches the part of `pattern` in `range`. At most one star is ever retried, so that time is bounded by the
/// product of both lengths and is their sum in practice.
pub(crate) fn matches<P: Pattern + ?Sized>(
    pattern: &P,
    range: core::ops::Range<usize>,
    bytes: &[u8],
) -> bool {
    let (mut at, mut read) = (range.start, 0);
    let token = |at: usize| if at < range.end { pattern.token(at) } else { None };
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&byte) = bytes.get(read) {
        match token(at) {
            Some(Token::Star) => {
                at += 1;
                retry = Some((at, read));
            }
            Some(Token::Any) => {
                at += 1;
                read += char_width(byte);
            }
            Some(Token::Byte(wanted)) if wanted == byte => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((behind_star, from)) = retry else { return false };
                at = behind_star;
                read = from + bytes.get(from).map_or(1, |b| char_width(*b));
                retry = Some((at, read));
            }
        }
    }
    (at..range.end).all(|at| token(at) == Some(Token::Star))
}

/// Bytes of the character that starts with `first`.
fn char_width(first: u8) -> usize {
    match first {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xFF => 4,
        _ => 1,
    }
}

/// The parts of an ARN; the last may hold more colons.
const ARN_PARTS: usize = 6;

/// Whether an ARN matches, its six parts one by one: a wildcard never crosses one of the first five colons
/// (AWS, "ARN condition operators"). What has fewer than six parts is no ARN, so that the answer is unknown.
pub(crate) fn arn_matches<P: Pattern + ?Sized>(pattern: &P, arn: &str) -> Truth {
    let colons = |at: &usize| match pattern.token(*at) {
        None => Some(false),
        Some(token) => (token == Token::Byte(b':')).then_some(true),
    };
    let colons = (0..).filter_map(|at| colons(&at)).take_while(|colon| *colon);
    if colons.take(ARN_PARTS - 1).count() < ARN_PARTS - 1
        || arn.bytes().filter(|b| *b == b':').take(ARN_PARTS - 1).count() < ARN_PARTS - 1
    {
        return Truth::Unknown;
    }
    let mut from = 0;
    for (number, part) in (1..).zip(arn.splitn(ARN_PARTS, ':')) {
        let mut to = from;
        while pattern.token(to).is_some_and(|t| number == ARN_PARTS || t != Token::Byte(b':')) {
            to += 1;
        }
        if !matches(pattern, from..to, part.as_bytes()) {
            return Truth::False;
        }
        from = to + 1;
    }
    Truth::True
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abbbc", true),
            ("a*c", "abbb", false),
            ("a*c", "ac", true),
            ("a?c", "abc", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("*??", "é", false),
            ("*??c", "éc", false),
            ("*a*b*c", "xxaxxbxxbxc", true),
            ("*a*b*c", "xxaxxcxxbx", false),
            ("a**b", "ab", true),
            ("A", "a", false),
        ] {
            assert_eq!(wildcard_matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn searching_between_stars_is_matching_step_by_step(
            pattern in "[abé*?]{0,8}|\\*[abx*]{0,8}",
            text in "[abcéx]{0,12}",
        ) {
            let step_by_step = matches(pattern.as_bytes(), 0..pattern.len(), text.as_bytes());
            prop_assert_eq!(wildcard_matches(&pattern, &text), step_by_step);
            prop_assert_eq!(Cut::new(&pattern).matches(text.as_bytes()), step_by_step);
        }
    }

    #[test]
    fn only_a_star_covers_a_star() {
        for (pattern, other, expected) in [
            ("*", "*", true),
            ("a*", "ab*", true),
            ("a*", "a*b?", true),
            ("a?", "a*", false),
            ("?/k", "*/k", false),
            ("*/k", "?/k", true),
            ("?*", "*", false),
            ("*b", "*", false),
            ("a?", "ab", true),
            ("a?", "a?", true),
            ("ab", "a?", false),
            ("*a*", "*xa?*", true),
            ("", "*", false),
        ] {
            assert_eq!(wildcard_covers(pattern, other), expected, "{pattern} {other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn theorem_what_a_covered_pattern_matches_its_cover_matches(
            pattern in "[ab?*]{0,5}", other in "[ab?*]{0,5}", text in "[ab]{0,6}",
        ) {
            if wildcard_covers(&pattern, &other) && wildcard_matches(&other, &text) {
                proptest::prop_assert!(wildcard_matches(&pattern, &text));
            }
        }
    }

    #[test]
    fn arns_match_part_by_part() {
        use Truth::{False, True, Unknown};
        for (pattern, arn, expected) in [
            ("arn:aws:sns:*:123456789012:t*", "arn:aws:sns:eu-west-1:123456789012:topic", True),
            ("arn:aws:svc:*:111122223333:f/*", "arn:aws:svc:store/abc:111122223333:f/d", True),
            ("arn:aws:svc:*:111122223333:f/*", "arn:aws:svc:a:b:111122223333:f/d", False),
            ("arn:aws:svc:::a:*", "arn:aws:svc:::a:b:c", True),
            ("arn:aws:svc:::a", "arn:aws:svc:::a:b", False),
            ("arn:aws:svc:::a", "arn:aws:svc:::", False),
            ("*", "arn:aws:svc:::a", Unknown),
            ("arn:*", "arn:aws:svc:::a", Unknown),
            ("arn:aws:s3:::b", "arn:aws:s3", Unknown),
            ("arn:aws:s3:::b", "", Unknown),
        ] {
            assert_eq!(arn_matches(pattern.as_bytes(), arn), expected, "{pattern} {arn}");
        }
    }
}
