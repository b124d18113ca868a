//! Matching with `*` (any run of characters) and `?` (any one character).

/// Whether `text` matches `pattern`, compared byte by byte. Linear in practice: at most one star is ever retried.
pub fn wildcard_matches(pattern: &str, text: &str) -> bool {
    let (p, t) = (pattern.as_bytes(), text.as_bytes());
    let (mut pi, mut ti) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while ti < t.len() {
        match p.get(pi) {
            Some(b'*') => {
                retry = Some((pi + 1, ti));
                pi += 1;
            }
            Some(b'?') => {
                ti += char_width(t.get(ti).copied());
                pi += 1;
            }
            Some(c) if Some(c) == t.get(ti) => {
                pi += 1;
                ti += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    pi = after_star;
                    ti = from + 1;
                    retry = Some((after_star, from + 1));
                }
                None => return false,
            },
        }
    }
    p.get(pi..).unwrap_or_default().iter().all(|b| *b == b'*')
}

fn char_width(first: Option<u8>) -> usize {
    match first {
        Some(0xC0..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xFF) => 4,
        _ => 1,
    }
}

/// One step of a pattern in which wildcards are told from characters that only look like them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// Any run of bytes.
    Star,
    /// Any one character.
    Any,
    /// This byte.
    Byte(u8),
}

impl Token {
    /// The tokens of a pattern as it is written.
    pub(crate) fn pattern(text: &str) -> impl Iterator<Item = Self> {
        text.bytes().map(|b| match b {
            b'*' => Self::Star,
            b'?' => Self::Any,
            b => Self::Byte(b),
        })
    }
}

/// Whether `text` matches the tokens.
pub(crate) fn matches_tokens(pattern: &[Token], text: &[u8]) -> bool {
    let (mut pi, mut ti) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while ti < text.len() {
        match pattern.get(pi) {
            Some(Token::Star) => {
                retry = Some((pi + 1, ti));
                pi += 1;
            }
            Some(Token::Any) => {
                ti += char_width(text.get(ti).copied());
                pi += 1;
            }
            Some(Token::Byte(c)) if Some(c) == text.get(ti) => {
                pi += 1;
                ti += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    pi = after_star;
                    ti = from + 1;
                    retry = Some((after_star, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern.get(pi..).unwrap_or_default().iter().all(|t| *t == Token::Star)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbb", false),
            ("a?c", "abc", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("*a*b*c", "xxaxxbxxbxc", true),
            ("", "", true),
            ("", "a", false),
            ("a**b", "ab", true),
        ] {
            assert_eq!(wildcard_matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
