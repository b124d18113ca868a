//! Which of many texts can stand anywhere within another one? Each is known by one run of four bytes that few others have.
//!
//! A search reads every run of four bytes of a text and looks it up in a table: its time does not depend on how many texts there are.

use std::collections::BTreeMap;

/// Four bytes as they stand in a text.
pub(crate) type Gram = [u8; 4];

/// A map from grams to values; immutable once built.
#[derive(Clone, Debug)]
pub(crate) struct GramMap<V> {
    /// Texts are read from here on.
    from: usize,
    /// A power of two of slots, at most a quarter of them taken, each at the first free place from that on which its hash names.
    grams: Box<[u32]>,
    /// Beside them their values; `None` in a free slot.
    values: Box<[Option<V>]>,
}

impl<V: Clone> GramMap<V> {
    /// A map that searches texts from the byte `from` on.
    pub(crate) fn new(from: usize, entries: BTreeMap<Gram, V>) -> Self {
        let slots = (entries.len() * 4).next_power_of_two();
        let (mut grams, mut values) = (vec![0; slots], vec![None; slots]);
        for (gram, value) in entries {
            let gram = u32::from_le_bytes(gram);
            let mut places = slots_from(gram, slots);
            // Three of four are free.
            let free = places.find(|place| values.get(*place).is_some_and(Option::is_none));
            let slot = free.and_then(|place| Some((grams.get_mut(place)?, values.get_mut(place)?)));
            if let Some((slot, held)) = slot {
                *slot = gram;
                *held = Some(value);
            }
        }
        Self { from, grams: grams.into(), values: values.into() }
    }

    /// The values of the grams that stand in `text`, each as often as its gram does.
    pub(crate) fn within<'m>(&'m self, text: &'m str) -> impl Iterator<Item = &'m V> {
        let text = text.as_bytes().get(self.from..).unwrap_or_default();
        text.windows(size_of::<Gram>()).filter_map(|window| self.get(window))
    }

    fn get(&self, window: &[u8]) -> Option<&V> {
        let gram = u32::from_le_bytes(window.try_into().ok()?);
        for place in slots_from(gram, self.grams.len()) {
            let found = *self.grams.get(place)?;
            if found == gram {
                return self.values.get(place)?.as_ref();
            }
            // No text of a policy holds four zero bytes that it would be known by, so that this is a free slot.
            if found == 0 {
                return None;
            }
        }
        None
    }
}

/// The slots in which a gram can stand, in the order in which they are searched; `slots` is a power of two.
fn slots_from(gram: u32, slots: usize) -> impl Iterator<Item = usize> {
    // The golden ratio spreads what differs in few bits (Knuth, "The Art of Computer Programming", volume 3, section 6.4).
    let hash = (u64::from(gram).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize;
    (0..slots).map(move |step| (hash + step) & (slots - 1))
}

/// All grams of some texts.
pub(crate) fn grams<'t>(texts: impl Iterator<Item = &'t str>) -> impl Iterator<Item = Gram> {
    texts
        .flat_map(|text| text.as_bytes().windows(size_of::<Gram>()))
        .filter_map(|window| window.try_into().ok())
        .filter(|gram| *gram != [0; 4])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_just_the_grams_within_the_text(
            keys in prop::collection::btree_set("[ab\0]{4}", 0..20),
            text in "[ab\0]{0,12}",
            from in 0_usize..4,
        ) {
            let keys: Vec<Gram> = grams(keys.iter().map(String::as_str)).collect();
            let map = GramMap::new(from, keys.iter().map(|gram| (*gram, *gram)).collect());
            let within = text.as_bytes().get(from..).unwrap_or_default();
            let expected: Vec<Gram> = within
                .windows(4)
                .map(|window| window.try_into().unwrap())
                .filter(|gram| keys.contains(gram))
                .collect();
            prop_assert_eq!(map.within(&text).copied().collect::<Vec<_>>(), expected);
        }
    }
}
