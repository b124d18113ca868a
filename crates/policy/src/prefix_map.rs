//! A map from texts to values that answers one question quickly: which of its keys does this text begin with?
//!
//! Keys stand in order, and each knows the longest other key that it begins with. Every key that begins a text then lies on one
//! chain: from the last key that is not greater than the text, up through those links. So a search costs one binary search and
//! the chain, however many keys there are.

use std::collections::BTreeMap;

/// The map; immutable once built.
#[derive(Clone, Debug, Default)]
pub(crate) struct PrefixMap<V> {
    rows: Box<[Row<V>]>,
}

#[derive(Clone, Debug)]
struct Row<V> {
    key: Box<str>,
    /// The place of the longest other key that this one begins with.
    parent: Option<u32>,
    value: V,
}

impl<V> PrefixMap<V> {
    pub(crate) fn new(entries: BTreeMap<&str, V>) -> Self {
        let mut rows: Vec<Row<V>> = Vec::with_capacity(entries.len());
        let mut chain: Vec<(u32, &str)> = Vec::new();
        for (place, (key, value)) in (0u32..).zip(entries) {
            while chain.last().is_some_and(|(_, open)| !key.starts_with(open)) {
                chain.pop();
            }
            rows.push(Row {
                key: key.into(),
                parent: chain.last().map(|(place, _)| *place),
                value,
            });
            chain.push((place, key));
        }
        Self { rows: rows.into() }
    }

    /// The values of all keys that `text` begins with, the longest key first.
    pub(crate) fn prefixes<'m>(&'m self, text: &'m str) -> impl Iterator<Item = &'m V> {
        let not_greater = self.rows.partition_point(|row| *row.key <= *text);
        let row = |place: usize| self.rows.get(place);
        let start = not_greater.checked_sub(1).and_then(row);
        core::iter::successors(start, move |below| row(below.parent? as usize))
            .skip_while(move |candidate| !text.starts_with(&*candidate.key))
            .map(|found| &found.value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_just_the_keys_that_begin_the_text(keys in prop::collection::vec("[ab]{0,5}", 0..20), text in "[abc]{0,8}") {
            let map = PrefixMap::new(keys.iter().map(|k| (k.as_str(), k.clone())).collect());
            let mut expected: Vec<&String> = keys.iter().filter(|k| text.starts_with(k.as_str())).collect();
            expected.sort_by_key(|k| core::cmp::Reverse(k.len()));
            expected.dedup();
            prop_assert_eq!(map.prefixes(&text).collect::<Vec<_>>(), expected);
        }
    }
}
