//! A map from texts to values that answers one question quickly: which of its keys does this text begin with?
//!
//! It is a radix tree: what keys have in common stands once. A search reads the text once, from its start, and meets every key that
//! begins it on the way, however many other keys there are.

use std::collections::BTreeMap;

/// The map; immutable once built.
#[derive(Clone, Debug)]
pub(crate) struct PrefixMap<V> {
    root: Node<V>,
}

#[derive(Clone, Debug)]
struct Node<V> {
    /// What this node adds to its parent's key behind the byte that leads to it.
    label: Box<[u8]>,
    /// The value of the key that ends here.
    value: Option<V>,
    /// The bytes that lead to the children, in order.
    leads: Box<[u8]>,
    children: Box<[Node<V>]>,
}

impl<V> PrefixMap<V> {
    pub(crate) fn new(entries: BTreeMap<&str, V>) -> Self {
        let mut rows: Vec<(&[u8], Option<V>)> =
            entries.into_iter().map(|(key, value)| (key.as_bytes(), Some(value))).collect();
        Self { root: Node::new(0, 0, &mut rows) }
    }

    /// The values of all keys that `text` begins with, the shortest key first.
    pub(crate) fn prefixes<'m>(&'m self, text: &'m str) -> Prefixes<'m, V> {
        Prefixes { node: Some(&self.root), rest: text.as_bytes() }
    }
}

impl<V> Node<V> {
    /// The node whose label are the bytes `from..to` of all these keys, which are in order and the same up to `to`.
    fn new(from: usize, to: usize, rows: &mut [(&[u8], Option<V>)]) -> Self {
        let label = rows.first().and_then(|(key, _)| key.get(from..to)).unwrap_or_default().into();
        // In order, a key that ends here comes first.
        let value =
            rows.first_mut().filter(|(key, _)| key.len() == to).and_then(|(_, value)| value.take());
        let longer = if value.is_some() { rows.get_mut(1..).unwrap_or_default() } else { rows };
        let families = longer.chunk_by_mut(|(a, _), (b, _)| a.get(to) == b.get(to));
        let (leads, children): (Vec<u8>, Vec<Self>) = families
            .filter_map(|family| {
                let lead = family.first().and_then(|(key, _)| key.get(to).copied())?;
                let common = common_length(family);
                Some((lead, Self::new(to + 1, common, family)))
            })
            .unzip();
        Self { label, value, leads: leads.into(), children: children.into() }
    }

    /// The child that `text` leads to, and the text behind it.
    fn child<'t>(&self, text: &'t [u8]) -> Option<(&Self, &'t [u8])> {
        let (lead, behind) = text.split_first()?;
        let child = self.children.get(self.leads.binary_search(lead).ok()?)?;
        Some((child, behind.strip_prefix(&*child.label)?))
    }
}

/// How many bytes all these keys have in common: as many as the first and the last, since they are in order.
fn common_length<V>(rows: &[(&[u8], V)]) -> usize {
    match rows {
        [(first, _), .., (last, _)] => first.iter().zip(*last).take_while(|(a, b)| a == b).count(),
        [(only, _)] => only.len(),
        [] => 0,
    }
}

/// A walk down the tree.
#[derive(Debug)]
pub(crate) struct Prefixes<'m, V> {
    /// The next node; its label has been compared.
    node: Option<&'m Node<V>>,
    /// The text behind it.
    rest: &'m [u8],
}

impl<'m, V> Iterator for Prefixes<'m, V> {
    type Item = &'m V;

    fn next(&mut self) -> Option<&'m V> {
        while let Some(node) = self.node.take() {
            if let Some((child, rest)) = node.child(self.rest) {
                self.node = Some(child);
                self.rest = rest;
            }
            if let Some(value) = &node.value {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_just_the_keys_that_begin_the_text(
            keys in prop::collection::vec("[abé]{0,5}", 0..20),
            text in "[abcé]{0,8}",
        ) {
            let map = PrefixMap::new(keys.iter().map(|k| (k.as_str(), k.clone())).collect());
            let mut expected: Vec<&String> = keys.iter().filter(|k| text.starts_with(k.as_str())).collect();
            expected.sort();
            expected.dedup();
            prop_assert_eq!(map.prefixes(&text).collect::<Vec<_>>(), expected);
        }
    }
}
