//! A map from texts to values that answers one question quickly: which of its keys does this text begin with?
//!
//! It is a radix tree: what keys have in common stands once. A search reads the text once, from its start, and meets every key that
//! begins it on the way, however many other keys there are. All nodes stand in one list, the children of one node side by side, and
//! all labels in one text, so that a search touches little memory.

use core::ops::ControlFlow;
use std::collections::BTreeMap;

/// The map; immutable once built.
#[derive(Clone, Debug)]
pub(crate) struct PrefixMap<V> {
    /// The root first.
    nodes: Box<[Node]>,
    /// What nodes add to their parents' keys, and the bytes that lead to their children.
    texts: Box<[u8]>,
    values: Box<[V]>,
}

/// A node; places are those in the lists of the map.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// What this node adds to its parent's key behind the byte that leads to it.
    label: Text,
    /// The bytes that lead to the children, in order.
    leads: Text,
    /// The child of the first of them; the others follow.
    children: u32,
    /// The value of the key that ends here, or [`NOTHING`].
    value: u32,
}

/// A short text of the map.
#[derive(Clone, Copy, Debug, Default)]
struct Text {
    /// Its first eight bytes, the first of them lowest; zeros where it is shorter.
    start: u64,
    length: u32,
    /// Where it stands in the map's texts.
    place: u32,
}

/// The place of no value.
const NOTHING: u32 = u32::MAX;

/// As many bytes as a word holds.
const WORD: usize = size_of::<u64>();

impl Text {
    /// What stands behind this text at the start of another one, where it stands there.
    #[inline]
    fn strip_from<'t>(self, texts: &[u8], text: &'t [u8]) -> Option<&'t [u8]> {
        let length = self.length as usize;
        if length <= WORD
            && let Some(word) = text.first_chunk()
        {
            let differs = u64::from_le_bytes(*word) ^ self.start;
            let outside = (WORD - length) * 8;
            // A shift by all bits of a word would be none.
            let same = length == 0 || differs << outside == 0;
            return if same { text.get(length..) } else { None };
        }
        text.strip_prefix(self.bytes(texts))
    }

    /// Where a byte stands first in this text.
    #[inline]
    fn position(self, texts: &[u8], byte: u8) -> Option<usize> {
        if self.length as usize > WORD {
            return self.bytes(texts).binary_search(&byte).ok();
        }
        // The lowest byte that is zero, as is well known: it alone borrows and had no high bit.
        let zeros = self.start ^ u64::from_le_bytes([byte; WORD]);
        let found = zeros.wrapping_sub(u64::from_le_bytes([0x01; WORD]))
            & !zeros
            & u64::from_le_bytes([0x80; WORD]);
        let place = found.trailing_zeros() / 8;
        (place < self.length).then_some(place as usize)
    }

    fn bytes(self, texts: &[u8]) -> &[u8] {
        let place = self.place as usize;
        texts.get(place..place + self.length as usize).unwrap_or_default()
    }
}

impl<V> PrefixMap<V> {
    pub(crate) fn new(entries: BTreeMap<&str, V>) -> Self {
        let mut values = Vec::with_capacity(entries.len());
        let keys: Vec<&[u8]> = entries
            .into_iter()
            .map(|(key, value)| {
                values.push(value);
                key.as_bytes()
            })
            .collect();
        let mut growing = Growing { keys: &keys, nodes: vec![Node::default()], texts: Vec::new() };
        growing.grow(0, 0, 0, 0..keys.len());
        let (nodes, texts) = (growing.nodes.into(), growing.texts.into());
        Self { nodes, texts, values: values.into() }
    }

    /// Shows `hear` the values of all keys that `text` begins with, each with what stands behind the key, until it breaks off; the
    /// shortest key comes first.
    #[inline]
    pub(crate) fn prefixes<'m, 't>(
        &'m self,
        text: &'t [u8],
        mut hear: impl FnMut(&'m V, &'t [u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut next = self.nodes.first().map(|root| (root, text));
        while let Some((node, rest)) = next {
            if let Some(value) = self.values.get(node.value as usize) {
                hear(value, rest)?;
            }
            next = self.child(node, rest);
        }
        ControlFlow::Continue(())
    }

    /// The child of a node that `text` leads to, and the text behind it.
    #[inline]
    fn child<'t>(&self, node: &Node, text: &'t [u8]) -> Option<(&Node, &'t [u8])> {
        let (lead, behind) = text.split_first()?;
        let number = node.leads.position(&self.texts, *lead)?;
        let child = self.nodes.get(node.children as usize + number)?;
        Some((child, child.label.strip_from(&self.texts, behind)?))
    }
}

/// A tree being built; its values stand in the order of the keys.
struct Growing<'k> {
    keys: &'k [&'k [u8]],
    nodes: Vec<Node>,
    texts: Vec<u8>,
}

impl Growing<'_> {
    /// Makes the node at `place` of the keys of this range, whose label are their bytes `from..to`: they are in order and the same
    /// up to there.
    fn grow(&mut self, place: usize, from: usize, to: usize, mut range: core::ops::Range<usize>) {
        let keys = self.keys.get(range.clone()).unwrap_or_default();
        let label = keys.first().and_then(|key| key.get(from..to)).unwrap_or_default();
        let label = self.remember(label.iter().copied());
        let mut node = Node { label, value: NOTHING, ..Node::default() };
        // In order, a key that ends here comes first.
        if keys.first().is_some_and(|key| key.len() == to) {
            node.value = place_of(range.start);
            range.start += 1;
        }
        let longer = self.keys.get(range.clone()).unwrap_or_default();
        let families: Vec<&[&[u8]]> = longer.chunk_by(|a, b| a.get(to) == b.get(to)).collect();
        let lead = |family: &&[&[u8]]| family.first().and_then(|key| key.get(to).copied());
        node.leads = self.remember(families.iter().filter_map(lead));
        node.children = place_of(self.nodes.len());
        self.nodes.resize(self.nodes.len() + families.len(), Node::default());
        if let Some(slot) = self.nodes.get_mut(place) {
            *slot = node;
        }
        let mut start = range.start;
        for (child, family) in (node.children as usize..).zip(families) {
            let end = start + family.len();
            self.grow(child, to + 1, common_length(family), start..end);
            start = end;
        }
    }

    fn remember(&mut self, bytes: impl Iterator<Item = u8>) -> Text {
        let place = self.texts.len();
        self.texts.extend(bytes);
        let text = self.texts.get(place..).unwrap_or_default();
        let mut start = [0; WORD];
        for (byte, known) in start.iter_mut().zip(text) {
            *byte = *known;
        }
        Text {
            start: u64::from_le_bytes(start),
            length: place_of(text.len()),
            place: place_of(place),
        }
    }
}

/// A place in a list. A policy's text is limited, so that no list is near the end of this type.
fn place_of(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NOTHING)
}

/// How many bytes all these keys have in common: as many as the first and the last, since they are in order.
fn common_length(keys: &[&[u8]]) -> usize {
    match keys {
        [first, .., last] => first.iter().zip(*last).take_while(|(a, b)| a == b).count(),
        [only] => only.len(),
        [] => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_just_the_keys_that_begin_the_text(
            keys in prop::collection::vec("[a-lé]{0,5}", 0..40),
            text in "[a-lé]{0,8}",
        ) {
            let map = PrefixMap::new(keys.iter().map(|k| (k.as_str(), k.clone())).collect());
            let behind = |key| Some((key, text.strip_prefix(key)?.as_bytes()));
            let mut expected: Vec<_> = keys.iter().filter_map(|k| behind(k.as_str())).collect();
            expected.sort();
            expected.dedup();
            let mut found = Vec::new();
            let end = map.prefixes(text.as_bytes(), |key, behind| {
                found.push((key.as_str(), behind));
                ControlFlow::Continue(())
            });
            prop_assert_eq!((found, end), (expected, ControlFlow::Continue(())));
        }
    }
}
