//! Signatures that were found to be good, so that each is verified once.

use std::collections::BTreeSet;

use crate::merkle::Hash;

/// Signatures of one generation.
const GENERATION_MAX: usize = 4_096;

/// Names of signatures that hold good, in two generations: the older is forgotten when the younger is full.
///
/// A name must be a hash of all that was verified: who signed, what, for what, and the signature.
#[derive(Debug, Default)]
pub struct Verified {
    younger: BTreeSet<Hash>,
    older: BTreeSet<Hash>,
}

impl Verified {
    /// Whether it was verified before, as far as that is remembered.
    pub fn has(&self, name: &Hash) -> bool {
        self.younger.contains(name) || self.older.contains(name)
    }

    /// Remembers that it holds good.
    pub fn note(&mut self, name: Hash) {
        if self.younger.len() >= GENERATION_MAX {
            self.older = core::mem::take(&mut self.younger);
        }
        self.younger.insert(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_remembered_and_never_more_than_two_generations() {
        let mut verified = Verified::default();
        let name = |n: usize| crate::merkle::leaf([&n.to_be_bytes()[..]]);
        for n in 0..3 * GENERATION_MAX {
            assert!(!verified.has(&name(n)));
            verified.note(name(n));
            assert!(verified.has(&name(n)));
        }
        assert!(verified.has(&name(3 * GENERATION_MAX - GENERATION_MAX)), "a generation back");
        assert!(!verified.has(&name(0)));
        assert!(verified.younger.len() + verified.older.len() <= 2 * GENERATION_MAX);
    }
}
