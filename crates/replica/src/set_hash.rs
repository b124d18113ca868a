//! A hash of a set of records that even its own keepers can't forge: what a signature over a whole state is put on.
//!
//! [`StateDigest`](crate::StateDigest) adds up 256-bit hashes: whoever knows its key finds another set with the same sum (the generalized
//! birthday attack of Wagner, 2002, needs some 2^32 hashes). This one adds up vectors of 1,024 lanes of 16 bits, `LtHash` of Bellare and
//! Micciancio (1997) with the parameters of Lewi et al., "Securing Update Propagation with Homomorphic Hashing" (2019): more than 200 bits of
//! security, and still a record is added or taken out without the others.

use sha2::{Digest, Sha256, block_api::compress256};

use crate::{Record, Stamp};

/// Lanes of 16 bits.
const LANES: usize = 1_024;
/// Lanes that one SHA-256 fills.
const LANES_A_BLOCK: usize = 16;

/// Where SHA-256 begins (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The sum, lane by lane and modulo 2^16, of a 2 KiB hash of each live record. Tombstones are left out: nodes collect them at different
/// times. Equal positions of an origin give equal hashes at all nodes that share the key.
#[derive(Clone, PartialEq, Eq)]
pub struct SetHash {
    key: [u8; 32],
    lanes: Box<[u16; LANES]>,
}

impl Default for SetHash {
    fn default() -> Self {
        Self::keyed([0; 32])
    }
}

impl core::fmt::Debug for SetHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("SetHash").field(&self.to_bytes()).finish()
    }
}

/// What the lanes of one record are drawn from: everything that two different records differ in.
fn seed(key: &[u8; 32], record: &Record, value: &[u8]) -> [u8; 32] {
    let Stamp { epoch, revision } = record.stamp;
    let mut hasher = Sha256::new();
    hasher.update(key);
    hasher.update((record.key.len() as u64).to_be_bytes());
    hasher.update(&record.key);
    hasher.update(epoch.to_be_bytes());
    hasher.update(revision.to_be_bytes());
    hasher.update(value);
    hasher.finalize().into()
}

impl SetHash {
    /// The hash of nothing, under a cluster's key.
    pub fn keyed(key: [u8; 32]) -> Self {
        Self { key, lanes: Box::new([0; LANES]) }
    }

    /// Lanes `16 n` to `16 n + 15` of a record are the SHA-256 of its seed and of `n`, in 32 bits.
    fn change(&mut self, record: &Record, change: impl Fn(u16, u16) -> u16) {
        let Some(value) = &record.value else { return };
        // Both fit into one block together with what ends a message: the hash is one compression.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&seed(&self.key, record, value));
        block[36] = 0x80;
        block[62..].copy_from_slice(&(36 * 8_u16).to_be_bytes());
        for (n, lanes) in (0_u32..).zip(self.lanes.chunks_exact_mut(LANES_A_BLOCK)) {
            block[32..36].copy_from_slice(&n.to_be_bytes());
            let mut words = INITIAL;
            compress256(&mut words, &[block]);
            for ([first, second], word) in lanes.as_chunks_mut().0.iter_mut().zip(words) {
                let [a, b, c, d] = word.to_be_bytes();
                *first = change(*first, u16::from_be_bytes([a, b]));
                *second = change(*second, u16::from_be_bytes([c, d]));
            }
        }
    }

    /// Adds a record. Tombstones change nothing.
    pub fn add(&mut self, record: &Record) {
        self.change(record, u16::wrapping_add);
    }

    /// Takes a record out that was added before.
    pub fn remove(&mut self, record: &Record) {
        self.change(record, u16::wrapping_sub);
    }

    /// The hash in 32 bytes, for comparing and signing.
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 2 * LANES];
        for (out, lane) in bytes.as_chunks_mut().0.iter_mut().zip(self.lanes.iter()) {
            *out = lane.to_be_bytes();
        }
        Sha256::digest(bytes).into()
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
        let stamp = Stamp { epoch: 0, revision };
        Record { key: vec![key].into(), value: Some(value.into()), stamp, dot }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn order_does_not_matter_and_removing_undoes_adding(
            records in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..4), 0..9u64), 1..12),
        ) {
            let records: Vec<_> = records.into_iter().map(|(k, v, r)| record(k, v, r)).collect();
            let (mut forth, mut back) = (SetHash::default(), SetHash::default());
            for r in &records {
                forth.add(r);
            }
            records.iter().rev().for_each(|r| back.add(r));
            prop_assert_eq!(forth.to_bytes(), back.to_bytes());
            prop_assert_ne!(forth.to_bytes(), SetHash::default().to_bytes());
            for r in &records {
                forth.remove(r);
            }
            prop_assert_eq!(forth, SetHash::default());
        }
    }

    /// Signatures hang on it, in stores and between builds: it is what its documentation says, and stays so.
    #[test]
    fn the_lanes_are_hashes_of_the_seed_and_a_number() {
        let record = record(7, vec![1, 2, 3], 5);
        let key = [9; 32];
        let mut hash = SetHash::keyed(key);
        hash.add(&record);
        let seed = seed(&key, &record, &[1, 2, 3]);
        for (n, lanes) in (0_u32..).zip(hash.lanes.chunks_exact(LANES_A_BLOCK)) {
            let block = Sha256::new().chain_update(seed).chain_update(n.to_be_bytes()).finalize();
            let expected: Vec<_> =
                block.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect();
            assert_eq!(lanes, expected, "{n}");
        }
        let told = hash.to_bytes().map(|byte| format!("{byte:02x}")).concat();
        assert_eq!(told, "7ff9772d2f62b3036532df3cd022e058bbf57270a4a5cfa0a916a7c26061552e");
    }

    #[test]
    fn whatever_differs_in_a_record_differs_in_the_hash_and_tombstones_are_nothing() {
        let hash = |r: &Record| {
            let mut h = SetHash::keyed([1; 32]);
            h.add(r);
            h.to_bytes()
        };
        let base = record(1, vec![1], 1);
        let others = [record(2, vec![1], 1), record(1, vec![2], 1), record(1, vec![1], 2)];
        assert!(others.iter().all(|other| hash(other) != hash(&base)));
        let epoch = Record { stamp: Stamp { epoch: 1, revision: 1 }, ..base.clone() };
        assert_ne!(hash(&epoch), hash(&base));
        let tombstone = Record { value: None, ..base.clone() };
        assert_eq!(hash(&tombstone), SetHash::keyed([1; 32]).to_bytes());
        let mut other_key = SetHash::default();
        other_key.add(&base);
        assert_ne!(other_key.to_bytes(), hash(&base));
    }
}
