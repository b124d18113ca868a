//! What is probably wrong with a name that nearly matches: the case of its letters, a letter, or what stands behind it.

use crate::{
    Operator, Request, catalogue,
    lint::is_slip,
    template::Template,
    wildcard::{literal_head, wildcard_matches},
};

/// Why a listed name is probably not the one that was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Only upper and lower case differ.
    Case {
        /// The name as the policy has it.
        wanted: String,
        /// What would match; `None` where that is not plain.
        corrected: Option<String>,
    },
    /// It names the thing itself, a bucket, and not what is in it.
    Inside {
        /// The name as the policy has it.
        wanted: String,
        /// What would match.
        corrected: String,
    },
    /// It names what is in the thing, and not the thing itself.
    Itself {
        /// The name as the policy has it.
        wanted: String,
        /// What would match.
        corrected: String,
    },
    /// It holds a variable, and the policy is of the version that knows none.
    OldVersion {
        /// The text as the policy has it.
        wanted: String,
    },
    /// It holds a wildcard, and the operator knows none.
    Wildcard {
        /// The text as the policy has it.
        wanted: String,
        /// The operator that knows them.
        operator: Operator,
    },
    /// A letter or two differ.
    Spelling {
        /// The name as the policy has it.
        wanted: String,
        /// What would match.
        corrected: String,
    },
}

/// More letters than these are another name, not a slip of the pen.
const SLIPS_MAX: usize = 2;

/// As many letters of a word bear one slip: `east` and `west` are two words.
const LETTERS_EACH: usize = 4;

/// Longer names are not compared letter by letter: the time grows with the product of their lengths.
const LENGTH_MAX: usize = 256;

impl Hint {
    /// What would match instead, and what is written now.
    pub(crate) fn correction(&self) -> Option<(&str, &str)> {
        match self {
            Self::Case { wanted, corrected } => Some((wanted, corrected.as_deref()?)),
            Self::Inside { wanted, corrected }
            | Self::Itself { wanted, corrected }
            | Self::Spelling { wanted, corrected } => Some((wanted, corrected)),
            Self::OldVersion { .. } | Self::Wildcard { .. } => None,
        }
    }

    /// The plainest hint among listed names that do not match.
    pub(crate) fn among(listed: &[String], actual: &str) -> Option<Self> {
        let kinds = [Self::case, Self::inside, Self::itself, Self::spelling];
        kinds.iter().find_map(|kind| listed.iter().find_map(|wanted| kind(wanted, actual)))
    }

    /// Whether a listed action is none that AWS knows, and a slip away from the one that is asked for.
    pub(crate) fn of_action(listed: &[String], actual: &str) -> Option<Self> {
        let lower = actual.to_ascii_lowercase();
        let slips = |wanted: &&String| {
            is_slip(wanted.to_ascii_lowercase().as_bytes(), lower.as_bytes())
                && !wanted.contains(['*', '?'])
                && catalogue::action(wanted).is_none()
        };
        listed
            .iter()
            .find(slips)
            .map(|wanted| Self::Spelling { wanted: wanted.clone(), corrected: actual.to_owned() })
    }

    fn case(wanted: &str, actual: &str) -> Option<Self> {
        if !wildcard_matches(&wanted.to_ascii_lowercase(), &actual.to_ascii_lowercase()) {
            return None;
        }
        let head = literal_head(wanted).len();
        let corrected = actual.get(..head).zip(wanted.get(head..)).map(|(a, b)| format!("{a}{b}"));
        let corrected = corrected.filter(|corrected| wildcard_matches(corrected, actual));
        Some(Self::Case { wanted: wanted.to_owned(), corrected })
    }

    fn inside(wanted: &str, actual: &str) -> Option<Self> {
        let corrected = format!("{}/*", wanted.trim_end_matches('/'));
        wildcard_matches(&corrected, actual)
            .then(|| Self::Inside { wanted: wanted.to_owned(), corrected })
    }

    fn itself(wanted: &str, actual: &str) -> Option<Self> {
        (wanted.strip_suffix("/*") == Some(actual))
            .then(|| Self::Itself { wanted: wanted.to_owned(), corrected: actual.to_owned() })
    }

    /// Whether a listed text would match if `${…}` were a variable.
    pub(crate) fn of_version(
        listed: &[String],
        request: &Request<'_>,
        actual: &str,
    ) -> Option<Self> {
        let matches = |wanted: &&String| {
            wanted.contains("${") && Template::new(wanted, true).like(actual, request)
        };
        let wanted = listed.iter().find(matches)?.clone();
        Some(Self::OldVersion { wanted })
    }

    /// Whether a listed text would match if its wildcards were some.
    pub(crate) fn of_operator(operator: Operator, listed: &[String], actual: &str) -> Option<Self> {
        let like = operator.with_wildcards()?;
        let wanted = listed.iter().find(|wanted| wildcard_matches(wanted, actual))?.clone();
        Some(Self::Wildcard { wanted, operator: like })
    }

    /// Compares the text before the first wildcard, up to its last separator, with as many parts of the actual name.
    fn spelling(wanted: &str, actual: &str) -> Option<Self> {
        if wanted.len() > LENGTH_MAX || actual.len() > LENGTH_MAX {
            return None;
        }
        let head = literal_head(wanted);
        let whole = head.len() == wanted.len();
        let cut = if whole { head.len() } else { head.rfind(SEPARATORS)? + 1 };
        let (before, behind) = wanted.split_at_checked(cut)?;
        let parts = before.matches(SEPARATORS).count();
        let near = |start: &str| is_misspelt(before, start);
        let found = if whole {
            [actual].into_iter().find(|start| near(start))
        } else {
            // A separator may be the letter that is too many or too few.
            let counts = [parts, parts + 1, parts.saturating_sub(1)];
            counts.into_iter().filter_map(|n| first_parts(actual, n)).find(|start| near(start))
        };
        let corrected = format!("{}{behind}", found?);
        wildcard_matches(&corrected, actual)
            .then(|| Self::Spelling { wanted: wanted.to_owned(), corrected })
    }
}

const SEPARATORS: [char; 2] = ['/', ':'];

/// A text through its n-th separator.
fn first_parts(text: &str, n: usize) -> Option<&str> {
    let (at, separator) = text.match_indices(SEPARATORS).nth(n.checked_sub(1)?)?;
    text.get(..at + separator.len())
}

/// Whether one name is probably the other: the same words but for a few letters of long ones, or for what stands between them. A
/// digit or a single letter makes another name, such as `q1` and `q2`.
fn is_misspelt(one: &str, other: &str) -> bool {
    let words = |text| -> Vec<&str> {
        let words = str::split(text, |c: char| !c.is_alphanumeric());
        words.filter(|word| !word.is_empty()).collect()
    };
    let (ours, theirs) = (words(one), words(other));
    let slip = |(one, other): (&&str, &&str)| {
        let digits = |word: &str| word.chars().filter(char::is_ascii_digit).collect::<String>();
        let letters = one.chars().count().min(other.chars().count());
        one == other || digits(one) == digits(other) && slips(one, other) * LETTERS_EACH <= letters
    };
    let all = slips(one, other);
    if ours.len() == theirs.len() {
        all <= SLIPS_MAX && ours.iter().zip(&theirs).all(slip)
    } else {
        all == 1 && ours.concat() == theirs.concat()
    }
}

/// How many letters must be put in, taken out or changed to make one text of the other (Levenshtein).
fn slips(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (n, letter) in from.chars().enumerate() {
        let mut diagonal = n;
        let mut left = n + 1;
        let mut next = Vec::with_capacity(row.len());
        next.push(left);
        for (above, other) in row.iter().skip(1).zip(&to) {
            left = (diagonal + usize::from(letter != *other)).min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &str, actual: &str, corrected: Option<&str>) {
        let hint = Hint::among(&[wanted.to_owned()], actual);
        let found = hint.as_ref().and_then(Hint::correction).map(|(_, corrected)| corrected);
        assert_eq!(found, corrected, "{wanted} {actual}");
    }

    #[test]
    fn what_was_probably_meant() {
        let cat = "arn:aws:s3:::photos/2026/cat.jpg";
        check("arn:aws:s3:::Photos/*", cat, Some("arn:aws:s3:::photos/*"));
        check("arn:aws:s3:::photos", cat, Some("arn:aws:s3:::photos/*"));
        check("arn:aws:s3:::photos/*", "arn:aws:s3:::photos", Some("arn:aws:s3:::photos"));
        check("arn:aws:s3:::photos/2026/", cat, Some("arn:aws:s3:::photos/2026/*"));
        check("arn:aws:s3:::phtos/*", cat, Some("arn:aws:s3:::photos/*"));
        check("arn:aws:s3::photos/*", cat, Some("arn:aws:s3:::photos/*"));
        check("arn:aws:s3:::photos/2026/cat.jpeg", cat, None);
        check("arn:aws:s3:::photo/2026/cat.jpg", cat, Some(cat));
        check("arn:aws:s3:::films/*", cat, None);
        check("arn:aws:s3:::photos/2025/*", cat, None);
        check("arn:aws:s3:::photos-2026/cat.jpg", cat, Some(cat));
        check("arn:aws:s3:::app-east/*", "arn:aws:s3:::app-west/x", None);
        check("arn:aws:s3:::app-a/*", "arn:aws:s3:::app-b/x", None);
        check(
            "arn:aws:s3:::example-photos/*",
            "arn:aws:s3:::examplephotos/x",
            Some("arn:aws:s3:::examplephotos/*"),
        );
        check("*.png", cat, None);
        check("arn:aws:s3:::?hotos/2026/*.JPG", cat, None);
        assert!(matches!(
            Hint::among(&["arn:aws:s3:::?hotos/2026/*.JPG".to_owned()], cat),
            Some(Hint::Case { corrected: None, .. })
        ));
    }

    #[test]
    fn letters_are_counted() {
        for (from, to, count) in
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(slips(from, to), count, "{from} {to}");
        }
    }
}
