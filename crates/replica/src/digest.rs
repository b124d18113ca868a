//! State digests: a sum of keyed hashes that changes with every record and does not care for order.
//!
//! A bare sum of hashes can be forged by whoever chooses many values (the generalized birthday attack); with a key that tenants do not
//! know it can't. Tombstones are left out, since nodes collect them at different times.

use sha2::{Digest, Sha256};

use crate::{Record, Stamp};

/// The sum, modulo 2^256, of a keyed hash of each live record. Adding and removing are inverse, so it is kept as records come and go.
///
/// Equal positions of an origin give equal digests at all nodes that share the key: the best oracle there is, in tests and outside.
/// Two digests are equal only if their keys are, too; the default key is all zeros.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct StateDigest {
    secret: [u8; 32],
    sum: [u64; 4],
}

impl core::fmt::Debug for StateDigest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("StateDigest").field(&self.sum).finish()
    }
}

/// SHA-256 of the key, the record's key with its length, its stamp and its value. The sums never leave the cluster and single hashes
/// never leave this function, so a prefixed key is enough: nothing is there to be extended.
fn hash(secret: &[u8; 32], key: &[u8], value: &[u8], stamp: Stamp) -> [u64; 4] {
    let mut hasher = Sha256::new();
    hasher.update(secret);
    hasher.update((key.len() as u64).to_be_bytes());
    hasher.update(key);
    hasher.update(stamp.epoch.to_be_bytes());
    hasher.update(stamp.revision.to_be_bytes());
    hasher.update(value);
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(hasher.finalize().chunks_exact(8)) {
        *word = u64::from_be_bytes(bytes.try_into().unwrap_or_default());
    }
    words
}

impl StateDigest {
    /// The digest of nothing, under a cluster's key.
    pub fn keyed(secret: [u8; 32]) -> Self {
        Self { secret, sum: [0; 4] }
    }

    fn change(&mut self, words: [u64; 4], negate: bool) {
        // Subtraction is addition of the two's complement: invert and carry one in.
        let mut carry = negate;
        for (sum, word) in self.sum.iter_mut().zip(words).rev() {
            let word = if negate { !word } else { word };
            let (a, c1) = sum.overflowing_add(word);
            let (b, c2) = a.overflowing_add(u64::from(carry));
            *sum = b;
            carry = c1 || c2;
        }
    }

    /// Adds a record. Tombstones are left out: nodes collect them at different times.
    pub fn add(&mut self, record: &Record) {
        if let Some(value) = &record.value {
            self.change(hash(&self.secret, &record.key, value, record.stamp), false);
        }
    }

    /// Takes a record out that was added before.
    pub fn remove(&mut self, record: &Record) {
        if let Some(value) = &record.value {
            self.change(hash(&self.secret, &record.key, value, record.stamp), true);
        }
    }

    /// The sum, most significant byte first.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (out, word) in bytes.chunks_exact_mut(8).zip(self.sum) {
            out.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Dot, GroupId, Origin};

    fn record(key: u8, value: Vec<u8>, revision: u64) -> Record {
        let origin = Origin::Group { group: GroupId(1), generation: 0 };
        let dot = Dot { origin, sequence: revision };
        Record {
            key: vec![key].into(),
            value: Some(value.into()),
            stamp: Stamp { epoch: 0, revision },
            dot,
        }
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_removing_undoes_adding(
            records in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..4), 0..9u64), 1..20),
        ) {
            let records: Vec<_> = records.into_iter().map(|(k, v, r)| record(k, v, r)).collect();
            let (mut forth, mut back) = (StateDigest::default(), StateDigest::default());
            for record in &records {
                forth.add(record);
            }
            for record in records.iter().rev() {
                back.add(record);
            }
            prop_assert_eq!(forth, back);
            for record in &records {
                forth.remove(record);
            }
            prop_assert_eq!(forth, StateDigest::default());
        }
    }

    #[test]
    fn another_value_or_revision_gives_another_digest() {
        let digest = |r: Record| {
            let mut d = StateDigest::default();
            d.add(&r);
            d.to_bytes()
        };
        assert_ne!(digest(record(1, vec![1], 1)), digest(record(1, vec![2], 1)));
        assert_ne!(digest(record(1, vec![1], 1)), digest(record(1, vec![1], 2)));
        let mut keyed = StateDigest::keyed([1; 32]);
        keyed.add(&record(1, vec![1], 1));
        assert_ne!(keyed.to_bytes(), digest(record(1, vec![1], 1)), "another key");
    }
}
