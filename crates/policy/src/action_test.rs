//! Whether one action matches one pattern, mostly answered by comparing a few words.

use crate::{Action, wildcard::bytes_match};

/// Words of an action's start: few actions are longer, and those that begin alike up to there are compared once more.
const WORDS: usize = 4;

/// The bytes in them.
const BYTES: usize = WORDS * size_of::<u64>();

/// The first bytes of an action in lower case, zeros behind it where it is shorter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ActionStart([u64; WORDS]);

impl ActionStart {
    pub(crate) fn new(text: &str) -> Self {
        let mut words = [0; WORDS];
        for (word, chunk) in words.iter_mut().zip(text.as_bytes().chunks(size_of::<u64>())) {
            let mut bytes = [0; size_of::<u64>()];
            bytes.iter_mut().zip(chunk).for_each(|(byte, known)| *byte = *known);
            *word = u64::from_le_bytes(bytes);
        }
        Self(words)
    }

    /// Ones in the first `length` bytes.
    fn mask(length: usize) -> Self {
        let mut left = length;
        Self([(); WORDS].map(|()| {
            let bytes = left.min(size_of::<u64>());
            left -= bytes;
            u64::MAX.checked_shr(64 - 8 * u32::try_from(bytes).unwrap_or_default()).unwrap_or(0)
        }))
    }
}

/// The letters that the name of an action can start with, a bit for each; some share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Initials(u32);

impl Initials {
    pub(crate) const ALL: Self = Self(u32::MAX);

    fn of(byte: u8) -> Self {
        Self(1 << (byte % 32))
    }

    /// Of an action in lower case.
    pub(crate) fn of_action(name: &str) -> Self {
        name.bytes().next().map_or(Self::ALL, Self::of)
    }

    /// Those of the actions that a pattern can match.
    pub(crate) fn of_pattern(pattern: &str) -> Self {
        match pattern.split_once(':') {
            Some((service, name)) if !service.contains(['*', '?']) => match name.bytes().next() {
                Some(b'*' | b'?') => Self::ALL,
                first => first.map_or(Self::default(), Self::of),
            },
            _ => Self::ALL,
        }
    }

    /// Those of either.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether one of them is also among others.
    pub(crate) fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

/// A pattern of actions, in lower case as they are compared.
#[derive(Clone, Debug)]
pub(crate) struct ActionTest {
    start: ActionStart,
    /// Ones where the start of an action must be this.
    mask: ActionStart,
    /// The pattern, where its start does not say it all.
    pattern: Option<Box<[u8]>>,
}

impl ActionTest {
    /// A test of this pattern. (An action holds neither zeros nor wildcards.)
    pub(crate) fn new(pattern: &str) -> Self {
        let head = pattern.find(['*', '?']).unwrap_or(pattern.len());
        let (mask, enough) = match pattern.get(head..) {
            // What is shorter than the words ends with zeros, which are compared as well.
            Some("") => (BYTES, head < BYTES),
            Some("*") => (head, head <= BYTES),
            _ => (head, false),
        };
        let mask = ActionStart::mask(mask.min(BYTES));
        let mut start = ActionStart::new(pattern);
        for (word, mask) in start.0.iter_mut().zip(mask.0) {
            *word &= mask;
        }
        Self { start, mask, pattern: (!enough).then(|| pattern.as_bytes().into()) }
    }

    /// Whether an action matches.
    #[inline]
    pub(crate) fn matches(&self, action: &Action) -> bool {
        let words = action.start().0.iter().zip(&self.start.0).zip(&self.mask.0);
        let differs =
            words.fold(0, |differs, ((action, wanted), mask)| differs | ((action ^ wanted) & mask));
        differs == 0
            && self
                .pattern
                .as_ref()
                .is_none_or(|pattern| bytes_match(pattern, action.lower().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wildcard_matches;

    proptest! {
        #[test]
        fn a_test_says_what_the_pattern_says(
            pattern in "(a|b|aaaaaaaaaaaaaaaaaaaaaaaaaaaaa|\\*|\\?){0,4}:?(a|b|\\*|\\?){0,5}",
            name in "(a|b|aaaaaaaaaaaaaaaaaaaaaaaaaaaaa){1,3}",
        ) {
            let action = Action::parse(&format!("a:{name}")).unwrap();
            for pattern in [&pattern, &format!("a:{pattern}"), &format!("a:{name}"), &format!("a:{name}*")] {
                let expected = wildcard_matches(pattern, action.lower());
                prop_assert_eq!(ActionTest::new(pattern).matches(&action), expected, "{}", pattern);
                let initials = Initials::of_pattern(pattern);
                prop_assert!(!expected || initials.meets(action.initial()), "{}", pattern);
            }
        }
    }
}
