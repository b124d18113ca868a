//! The key by which operators allow a recovery: Ed25519, in the PEM files that `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout`
//! write. The private half is kept outside of the cluster.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use x509_parser::pem::Pem;

use crate::node_key::{PUBLIC_KEY_BYTES, SIGNATURE_BYTES, statement};

/// What the key signs orders for: see `RecoveryOrder` of the protocol.
pub const RECOVERY_PURPOSE: &str = "recovery";

/// What stands before the key in the public half's DER: a sequence, Ed25519's object identifier (1.3.101.112), and a string of 33 bytes.
const PUBLIC_HEAD: [u8; 12] = *b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// A text that holds no such key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryKeyError {
    /// The private half can't be read.
    #[error(
        "it is no private Ed25519 key in PEM, as `openssl genpkey -algorithm ed25519` writes it"
    )]
    Private,
    /// The public half can't be read.
    #[error("it is no public Ed25519 key in PEM, as `openssl pkey -pubout` writes it")]
    Public,
}

/// The private half.
pub struct RecoveryKey(Ed25519KeyPair);

impl core::fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("RecoveryKey").field(&hex::encode(self.0.public_key())).finish()
    }
}

fn only(text: &str, label: &str) -> Option<Vec<u8>> {
    let mut all = Pem::iter_from_buffer(text.as_bytes());
    let pem = all.next()?.ok().filter(|pem| pem.label == label)?;
    all.next().is_none().then_some(pem.contents)
}

impl RecoveryKey {
    /// Reads the private half.
    ///
    /// # Errors
    /// The text holds none, or more than that.
    pub fn from_pem(text: &str) -> Result<Self, RecoveryKeyError> {
        let der = only(text, "PRIVATE KEY").ok_or(RecoveryKeyError::Private)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der);
        Ok(Self(pair.map_err(|_| RecoveryKeyError::Private)?))
    }

    /// Signs bytes for one purpose, as nodes' keys do: see [`crate::verify_signature`].
    pub fn sign(&self, purpose: &str, parts: &[&[u8]]) -> [u8; SIGNATURE_BYTES] {
        let mut signature = [0; SIGNATURE_BYTES];
        let signed = self.0.sign(&statement(purpose, parts));
        signature.iter_mut().zip(signed.as_ref()).for_each(|(out, byte)| *out = *byte);
        signature
    }
}

/// Reads the public half.
///
/// # Errors
/// The text holds none, or more than that.
pub fn recovery_public_key(text: &str) -> Result<[u8; PUBLIC_KEY_BYTES], RecoveryKeyError> {
    let der = only(text, "PUBLIC KEY").ok_or(RecoveryKeyError::Public)?;
    let key = der.strip_prefix(&PUBLIC_HEAD).and_then(|key| key.try_into().ok());
    key.ok_or(RecoveryKeyError::Public)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify_signature;

    // RFC 8410, sections 10.1 and 10.3.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn the_two_halves_that_openssl_writes_belong_together() {
        let key = RecoveryKey::from_pem(PRIVATE).unwrap();
        let public = recovery_public_key(PUBLIC).unwrap();
        let signature = key.sign("recovery", &[b"an order"]);
        assert!(verify_signature(&public, "recovery", &[b"an order"], &signature));
        assert!(!verify_signature(&public, "recovery", &[b"another"], &signature));
        assert!(!verify_signature(&public, "batch", &[b"an order"], &signature));
        assert!(!format!("{key:?}").contains("d4ee"), "the private half is not shown");
    }

    #[test]
    fn what_is_no_such_key_is_refused_by_name() {
        for text in ["", "19bf44", PUBLIC, &PRIVATE.repeat(2)] {
            assert_eq!(
                RecoveryKey::from_pem(text).unwrap_err(),
                RecoveryKeyError::Private,
                "{text}"
            );
        }
        // A key of another kind: X25519.
        let other = PUBLIC.replace("MCowBQYDK2Vw", "MCowBQYDK2Vu");
        for text in ["", PRIVATE, &other, &PUBLIC.repeat(2)] {
            assert_eq!(recovery_public_key(text).unwrap_err(), RecoveryKeyError::Public, "{text}");
        }
    }
}
