//! Many lattices under keys: merged key by key. A key never goes; what is under it may end, by its own lattice.

use std::collections::BTreeMap;

use super::Lattice;

impl<K: Ord + Clone, L: Lattice + Clone> Lattice for BTreeMap<K, L> {
    fn merge(&mut self, other: &Self) {
        for (key, value) in other {
            match self.get_mut(key) {
                Some(own) => own.merge(value),
                None => {
                    self.insert(key.clone(), value.clone());
                }
            }
        }
    }
}
