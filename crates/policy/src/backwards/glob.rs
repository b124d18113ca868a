//! Patterns compared with each other: whether one holds all that another does, and whether two have anything in common.

use core::fmt;

/// One step of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Any run of characters.
    Star,
    /// Any one character.
    Any,
    /// This character.
    Char(char),
}

/// A pattern as a row of steps. In a run of wildcards the question marks come first and one star last, so that `*?` and `?*` are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Glob(Box<[Step]>);

impl Glob {
    /// A text whose `*` and `?` are wildcards.
    pub(crate) fn new(pattern: &str) -> Self {
        Self::from_steps(pattern.chars().map(|c| match c {
            '*' => Step::Star,
            '?' => Step::Any,
            c => Step::Char(c),
        }))
    }

    pub(crate) fn from_steps(steps: impl IntoIterator<Item = Step>) -> Self {
        let (mut all, mut star) = (Vec::new(), false);
        for step in steps {
            match step {
                Step::Star => star = true,
                Step::Any => all.push(step),
                Step::Char(_) => {
                    if core::mem::take(&mut star) {
                        all.push(Step::Star);
                    }
                    all.push(step);
                }
            }
        }
        if star {
            all.push(Step::Star);
        }
        Self(all.into())
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether the two differ before the first wildcard of either: then they have nothing in common.
    fn differs_at_once(&self, other: &Self) -> bool {
        self.differs_from(other.0.iter().copied())
    }

    fn differs_from(&self, steps: impl Iterator<Item = Step>) -> bool {
        for pair in self.0.iter().zip(steps) {
            match pair {
                (Step::Char(a), Step::Char(b)) if *a != b => return true,
                (Step::Star, _) | (_, Step::Star) => return false,
                _ => {}
            }
        }
        false
    }

    /// Whether a pattern can't have anything in common with it, as far as can be told without reading the pattern whole.
    pub(crate) fn is_far_from(&self, pattern: &str) -> bool {
        self.differs_from(pattern.chars().map(|c| match c {
            '*' => Step::Star,
            '?' => Step::Any,
            c => Step::Char(c),
        }))
    }

    /// Whether it matches whatever the other matches. Where this is true it is so; it may be false of two patterns that only a
    /// closer look at the alphabet would show to be nested.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        !self.differs_at_once(other)
            && table(&self.0, &other.0, |mine, theirs, next| match (mine, theirs) {
                (None, None) => true,
                (Some(Step::Star), None) => next.first,
                (Some(Step::Star), Some(_)) => next.first || next.second,
                (Some(Step::Any), Some(Step::Any | Step::Char(_))) => next.both,
                (Some(Step::Char(a)), Some(Step::Char(b))) => a == b && next.both,
                _ => false,
            })
    }

    /// Whether a text matches both.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        !self.differs_at_once(other)
            && table(&self.0, &other.0, |mine, theirs, next| match (mine, theirs) {
                (None, None) => true,
                (Some(Step::Star), None) => next.first,
                (None, Some(Step::Star)) => next.second,
                (Some(Step::Star), Some(_)) | (Some(_), Some(Step::Star)) => {
                    next.first || next.second
                }
                (Some(Step::Char(a)), Some(Step::Char(b))) => a == b && next.both,
                (Some(_), Some(_)) => next.both,
                _ => false,
            })
    }
}

/// What is known of the rests of both patterns.
#[derive(Clone, Copy)]
struct Next {
    /// The first one step further.
    first: bool,
    /// The second one step further.
    second: bool,
    /// Both.
    both: bool,
}

/// Asks `rule` of each pair of rests, the shortest first; the answer for both patterns whole. Time is the product of their lengths.
fn table(
    first: &[Step],
    second: &[Step],
    rule: impl Fn(Option<Step>, Option<Step>, Next) -> bool,
) -> bool {
    // One row for each rest of the first pattern; `row[j]` is about the rest of the second that is `j` steps long.
    let mut below = vec![false; second.len() + 1];
    for mine in core::iter::once(None).chain(first.iter().rev().copied().map(Some)) {
        let mut row = Vec::with_capacity(second.len() + 1);
        let (mut left, mut below_left) = (false, false);
        let theirs = core::iter::once(None).chain(second.iter().rev().copied().map(Some));
        for (theirs, under) in theirs.zip(&below) {
            left = rule(mine, theirs, Next { first: *under, second: left, both: below_left });
            below_left = *under;
            row.push(left);
        }
        below = row;
    }
    below.last().copied().unwrap_or_default()
}

impl fmt::Display for Glob {
    /// As a policy writes it: a character that is no wildcard but looks like one is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| match step {
            Step::Star => f.write_str("*"),
            Step::Any => f.write_str("?"),
            Step::Char(c @ ('*' | '?')) => write!(f, "${{{c}}}"),
            Step::Char(c) => write!(f, "{c}"),
        })
    }
}

#[cfg(test)]
mod tests;
