//! Opaque texts that only the cluster can make: consistency tokens and page tokens.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;

use crate::ClusterKey;

/// Bytes of the authenticator: 128 bits.
const TAG: usize = 16;
/// Longest text that is read, in bytes.
const TEXT_MAX: usize = 4_096;

/// A text that this cluster did not make for this purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is malformed, or was not made by this cluster for this purpose")]
pub struct MacError;

/// Makes and reads authenticated texts for one purpose.
#[derive(Clone, Copy, Debug)]
pub struct Mac<'a> {
    key: &'a ClusterKey,
    purpose: &'static str,
}

impl<'a> Mac<'a> {
    /// For one purpose: texts of another are refused.
    pub fn new(key: &'a ClusterKey, purpose: &'static str) -> Self {
        Self { key, purpose }
    }

    fn tag(&self, payload: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(self.key.mac_key());
        context.update(self.purpose.as_bytes());
        context.update(&[0]);
        context.update(payload);
        context.sign()
    }

    /// The payload as a text.
    pub fn write(&self, payload: &[u8]) -> String {
        let tag = self.tag(payload);
        let bytes: Vec<u8> = tag.as_ref().iter().take(TAG).chain(payload).copied().collect();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A payload as a text that does not begin with a hyphen, which command lines would take for an option: the first of those that
    /// `payload` gives, all of which mean the same to the reader.
    pub fn write_word(&self, payload: impl Fn(u32) -> Vec<u8>) -> String {
        let mut texts = (0..).map(|n| self.write(&payload(n)));
        texts.find(|text| !text.starts_with('-')).unwrap_or_default()
    }

    /// The payload of a text that [`Mac::write`] made.
    pub fn read(&self, text: &str) -> Result<Vec<u8>, MacError> {
        if text.len() > TEXT_MAX {
            return Err(MacError);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| MacError)?;
        let (tag, payload) = bytes.split_at_checked(TAG).ok_or(MacError)?;
        let expected = self.tag(payload);
        let same = expected.as_ref().get(..TAG).is_some_and(|e| bool::from(e.ct_eq(tag)));
        if same { Ok(payload.to_vec()) } else { Err(MacError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_back_and_forgeries_are_not() {
        let key = ClusterKey::new(1, &[7; 32]).unwrap();
        let mac = Mac::new(&key, "token");
        let text = mac.write(b"payload");
        assert_eq!(mac.read(&text).unwrap(), b"payload");
        assert_eq!(Mac::new(&key, "page").read(&text), Err(MacError));
        for bad in ["", "x", &text[1..], &"A".repeat(9_000), "####"] {
            assert_eq!(mac.read(bad), Err(MacError));
        }
    }
}
