//! The key by which a node signs what it says: Ed25519, the same signature for the same bytes every time.

use core::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

/// Bytes of a public key.
pub const PUBLIC_KEY_BYTES: usize = 32;
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// A node's signing key. There is no way to get the private part out of it.
pub struct NodeKey {
    pair: Ed25519KeyPair,
    public: [u8; PUBLIC_KEY_BYTES],
    known: AtomicBool,
}

impl core::fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NodeKey").field("public", &hex::encode(self.public)).finish_non_exhaustive()
    }
}

/// Bytes that are no seed of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing key is made from 32 bytes")]
pub struct NodeKeyError;

impl NodeKey {
    /// The key that is made from 32 random bytes.
    pub fn from_seed(seed: &[u8]) -> Result<Self, NodeKeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NodeKeyError)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| NodeKeyError)?;
        Ok(Self { pair, public, known: AtomicBool::new(false) })
    }

    /// What others verify its signatures with.
    pub fn public(&self) -> [u8; PUBLIC_KEY_BYTES] {
        self.public
    }

    /// The directory names it: what it signs can be verified from now on.
    pub fn is_known_now(&self) {
        self.known.store(true, Ordering::Release);
    }

    /// Whether the directory names it.
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }

    /// Signs bytes for one purpose: a signature for another is none.
    pub fn sign(&self, purpose: &str, parts: &[&[u8]]) -> [u8; SIGNATURE_BYTES] {
        let mut signature = [0; SIGNATURE_BYTES];
        let signed = self.pair.sign(&statement(purpose, parts));
        for (out, byte) in signature.iter_mut().zip(signed.as_ref()) {
            *out = *byte;
        }
        signature
    }
}

/// What is signed: the purpose and each part behind its length.
pub(crate) fn statement(purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    for part in core::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part);
    }
    bytes
}

/// Whether the holder of a public key signed these parts for this purpose.
pub fn verify_signature(public: &[u8], purpose: &str, parts: &[&[u8]], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(&statement(purpose, parts), signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_holder_signs_and_only_what_and_for_what_it_signed() {
        let key = NodeKey::from_seed(&[7; 32]).unwrap();
        let other = NodeKey::from_seed(&[8; 32]).unwrap();
        let signature = key.sign("test", &[b"ab", b"c"]);
        assert_eq!(signature, key.sign("test", &[b"ab", b"c"]), "the same every time");
        assert!(verify_signature(&key.public(), "test", &[b"ab", b"c"], &signature));
        assert!(!verify_signature(&other.public(), "test", &[b"ab", b"c"], &signature));
        assert!(!verify_signature(&key.public(), "toast", &[b"ab", b"c"], &signature));
        assert!(!verify_signature(&key.public(), "test", &[b"a", b"bc"], &signature));
        assert!(!verify_signature(b"no key", "test", &[b"ab", b"c"], &signature));
        for at in 0..SIGNATURE_BYTES {
            let mut altered = signature;
            altered[at] ^= 1;
            assert!(!verify_signature(&key.public(), "test", &[b"ab", b"c"], &altered));
        }
        assert_eq!(NodeKey::from_seed(&[1; 31]).unwrap_err(), NodeKeyError);
        assert!(!format!("{key:?}").contains("0707"));
    }
}
