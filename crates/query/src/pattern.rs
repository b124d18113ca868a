//! The patterns of the service models: Java's regular expressions, which a value must match as a whole.

use core::fmt;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

/// Bytes that one compiled pattern may take.
const COMPILED_MAX: usize = 4 << 20;

/// A pattern and, once it was needed, its compiled form.
pub(crate) struct Pattern {
    written: String,
    compiled: OnceLock<Option<Regex>>,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.written)
    }
}

/// The account alias: the one pattern that looks ahead, for "no two hyphens in a row".
const ALIAS: &str = "^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$";

/// The pattern in this engine's words. Java's `\w` and `\d` are those of ASCII, and code points beyond the first plane are written
/// with five digits in the models.
fn translated(written: &str) -> String {
    let text = written
        .replace("[\\w]", "[A-Za-z0-9_]")
        .replace("\\w", "A-Za-z0-9_")
        .replace("[\\d]", "[0-9]")
        .replace("\\d", "[0-9]")
        .replace("\\u10000-\\u10FFFF", "\\u{10000}-\\u{10FFFF}");
    format!("\\A(?:{})\\z", text.replace("\\/", "/"))
}

impl Pattern {
    pub(crate) fn new(written: &str) -> Self {
        Self { written: written.to_owned(), compiled: OnceLock::new() }
    }

    /// The pattern as AWS shows it.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    fn compiled(&self) -> Option<&Regex> {
        let compile =
            || RegexBuilder::new(&translated(&self.written)).size_limit(COMPILED_MAX).build().ok();
        self.compiled.get_or_init(compile).as_ref()
    }

    /// Whether the whole of `text` fits. What can't be compiled fits nothing; a test compiles all of them.
    pub(crate) fn fits(&self, text: &str) -> bool {
        if self.written == ALIAS {
            return is_alias(text);
        }
        self.compiled().is_some_and(|r| r.is_match(text))
    }

    #[cfg(test)]
    pub(crate) fn works(&self) -> bool {
        self.written == ALIAS || self.compiled().is_some()
    }
}

fn is_alias(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (3..=63).contains(&text.len())
        && text.bytes().all(|b| plain(b) || b == b'-')
        && text.bytes().next().is_some_and(plain)
        && text.bytes().next_back().is_some_and(plain)
        && !text.contains("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_values_in_ascii() {
        let check = |pattern: &str, good: &[&str], bad: &[&str]| {
            let pattern = Pattern::new(pattern);
            for text in good {
                assert!(pattern.fits(text), "{pattern:?} refuses {text}");
            }
            for text in bad {
                assert!(!pattern.fits(text), "{pattern:?} takes {text:?}");
            }
        };
        check(r"[\w+=,.@-]+", &["ada", "a.b@c-d_1"], &["", "a b", "ä", "a\n", "٣"]);
        check(r"[\w]+", &["AKIA1"], &["a-b"]);
        check(r"\d{12}", &["123456789012"], &["12345678901", "1234567890123", "a23456789012"]);
        check(r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", &["/", "/a/b/"], &["", "a", "/a", "/ /"]);
        check(ALIAS, &["abc", "a-b", "a1-2b"], &["ab", "-ab", "ab-", "a--b", "Abc"]);
        check(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", &["", "Größe 1", "a:b"], &["a\u{7}", "{}"]);
        check(r"[\u0009\u000A\u000D\u0020-\u00FF]+", &["{ }\n", "ÿ"], &["Ā", "\u{1}"]);
    }
}
