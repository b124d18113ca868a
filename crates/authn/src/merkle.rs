//! Merkle trees over a few hashes: one signature for many, each of which can go its own way.
//!
//! As in RFC 6962: leaves and inner nodes are hashed under different prefixes, so that none can be taken for the other, and the left half of a
//! tree is the greatest power of two below its size.

use aws_lc_rs::digest::{Context, SHA256};

/// A SHA-256.
pub type Hash = [u8; 32];

fn finish(context: Context) -> Hash {
    let mut hash = [0; 32];
    for (out, byte) in hash.iter_mut().zip(context.finish().as_ref()) {
        *out = *byte;
    }
    hash
}

/// The hash of a leaf. Each part stands behind its length, so that no two sequences of parts have the same.
pub fn leaf<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[0]);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    finish(context)
}

fn inner(left: &Hash, right: &Hash) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[1]);
    context.update(left);
    context.update(right);
    finish(context)
}

/// Where a tree of `size` leaves is divided.
fn split(size: usize) -> usize {
    size.next_power_of_two() / 2
}

/// The root of a tree. One leaf is its own root; without any it is all zeros.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => [0; 32],
        [one] => *one,
        more => {
            let (left, right) = more.split_at(split(more.len()));
            inner(&root(left), &root(right))
        }
    }
}

/// The hashes beside the way from leaf `index` to the root, the nearest first.
pub fn path(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let at = split(leaves.len());
    let (left, right) = leaves.split_at(at);
    let (mut path, beside) =
        if index < at { (path(left, index), right) } else { (path(right, index - at), left) };
    path.push(root(beside));
    path
}

/// The root of the tree of `size` leaves in which `leaf` stands at `index` beside `path`; `None` where there is no such place.
pub fn climb(leaf: Hash, index: usize, size: usize, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    if size == 1 {
        return path.is_empty().then_some(leaf);
    }
    let (beside, rest) = path.split_last()?;
    let at = split(size);
    if index < at {
        Some(inner(&climb(leaf, index, at, rest)?, beside))
    } else {
        Some(inner(beside, &climb(leaf, index - at, size - at, rest)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(size: usize) -> Vec<Hash> {
        (0..size).map(|n| leaf([&n.to_be_bytes()[..]])).collect()
    }

    #[test]
    fn each_leaf_climbs_to_the_root_from_its_place_alone() {
        for size in 1..20 {
            let leaves = leaves(size);
            let root = root(&leaves);
            for (index, leaf) in leaves.iter().enumerate() {
                let path = path(&leaves, index);
                assert_eq!(climb(*leaf, index, size, &path), Some(root));
                for other in (0..size).filter(|other| *other != index) {
                    assert_ne!(climb(*leaf, other, size, &path), Some(root));
                }
                let forged = super::leaf([&b"forged"[..]]);
                assert_ne!(climb(forged, index, size, &path), Some(root));
            }
        }
    }

    #[test]
    fn places_that_are_not_there_lead_nowhere() {
        let one = leaves(1);
        assert_eq!(climb(one[0], 1, 1, &[]), None);
        assert_eq!(climb(one[0], 0, 0, &[]), None);
        assert_eq!(climb(one[0], 0, 1, &one), None);
        assert_eq!(climb(one[0], 0, 3, &one), None);
        assert_eq!(climb(one[0], 0, usize::MAX, &[]), None);
    }

    #[test]
    fn parts_are_not_run_together() {
        assert_ne!(leaf([&b"ab"[..], b"c"]), leaf([&b"a"[..], b"bc"]));
        let pair = leaves(2);
        assert_ne!(leaf([&pair[0][..], &pair[1]]), root(&pair));
    }
}
