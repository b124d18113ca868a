//! Sealing with the cluster key: AES-256-GCM, the purpose and owner bound in as additional data.

use std::sync::Arc;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hmac,
};

use crate::NodeKey;

/// The cluster's master key, from which keys for each purpose are derived.
pub struct ClusterKey {
    id: u8,
    sealing: LessSafeKey,
    mac: hmac::Key,
    digest: [u8; 32],
    /// What secrets are sealed with, where that is another key than what all nodes hold.
    secrets: Option<LessSafeKey>,
    /// Who signs what is issued here.
    issuer: Option<(u64, Arc<NodeKey>)>,
}

impl core::fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ClusterKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is sealed can't be opened, or can't be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key file is no key.
    #[error("a cluster key is 64 hexadecimal digits")]
    Key,
    /// Sealed under a key that is not here.
    #[error("sealed under the unknown key {0}")]
    UnknownKey(u8),
    /// Altered, or sealed for something else.
    #[error("the sealed data was altered or belongs to something else")]
    Altered,
}

/// The id of the key that secrets are sealed with, where it is one of its own.
const SECRETS: u8 = 2;
/// Bytes of an AES-GCM nonce.
const NONCE: usize = 12;

fn derive(master: &[u8; 32], purpose: &str) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, master);
    let tag = hmac::sign(&key, purpose.as_bytes());
    let mut derived = [0; 32];
    for (out, byte) in derived.iter_mut().zip(tag.as_ref()) {
        *out = *byte;
    }
    derived
}

impl ClusterKey {
    /// The key with this id from its 32 bytes.
    pub fn new(id: u8, master: &[u8; 32]) -> Result<Self, SealError> {
        let sealing = UnboundKey::new(&AES_256_GCM, &derive(master, "tidegate seal v1"))
            .map_err(|_| SealError::Key)?;
        let mac = hmac::Key::new(hmac::HMAC_SHA256, &derive(master, "tidegate mac v1"));
        let digest = derive(master, "tidegate digest v1");
        Ok(Self {
            id,
            sealing: LessSafeKey::new(sealing),
            mac,
            digest,
            secrets: None,
            issuer: None,
        })
    }

    /// The key from the text of a key file: 64 hexadecimal digits. Its id is 1.
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let mut master = [0; 32];
        hex::decode_to_slice(text.trim(), &mut master).map_err(|_| SealError::Key)?;
        Self::new(1, &master)
    }

    /// Secrets are sealed with a second key, from the text of its file: 64 hexadecimal digits. Whoever has the first alone does not open them.
    pub fn with_secrets(self, text: &str) -> Result<Self, SealError> {
        let mut master = [0; 32];
        hex::decode_to_slice(text.trim(), &mut master).map_err(|_| SealError::Key)?;
        let key = UnboundKey::new(&AES_256_GCM, &derive(&master, "tidegate secrets v1"))
            .map_err(|_| SealError::Key)?;
        Ok(Self { secrets: Some(LessSafeKey::new(key)), ..self })
    }

    /// Whether secrets are sealed with a key of their own here.
    pub fn has_secrets(&self) -> bool {
        self.secrets.is_some()
    }

    /// Seals a secret for `owner`, with the key for secrets where there is one. `nonce` must never be used twice: draw it at random.
    pub fn seal_secret(
        &self,
        owner: &str,
        plain: &[u8],
        nonce: [u8; NONCE],
    ) -> Result<Vec<u8>, SealError> {
        match &self.secrets {
            Some(key) => seal_with(key, SECRETS, owner, plain, nonce),
            None => self.seal(owner, plain, nonce),
        }
    }

    /// Opens a secret that was sealed for `owner`, with whichever key.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] at a node that does not hold the key.
    pub fn open_secret(&self, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        match (sealed.split_first(), &self.secrets) {
            (Some((&SECRETS, rest)), Some(key)) => open_with(key, owner, rest),
            _ => self.open(owner, sealed),
        }
    }

    /// This node signs, with its own key, the sessions that it seals, once that key [is known](NodeKey::is_known).
    #[must_use]
    pub fn issuing_as(self, node: u64, key: Arc<NodeKey>) -> Self {
        Self { issuer: Some((node, key)), ..self }
    }

    /// Whether sessions that are sealed now are signed.
    pub fn issues(&self) -> bool {
        self.issuer().is_some()
    }

    pub(crate) fn issuer(&self) -> Option<(u64, &NodeKey)> {
        self.issuer.as_ref().filter(|(_, key)| key.is_known()).map(|(node, key)| (*node, &**key))
    }

    /// The key of the digests of states: who chooses values must not know what they are hashed with.
    pub fn digest_key(&self) -> [u8; 32] {
        self.digest
    }

    pub(crate) fn mac_key(&self) -> &hmac::Key {
        &self.mac
    }

    /// Seals `plain` for `owner`. `nonce` must never be used twice: draw it at random.
    pub fn seal(
        &self,
        owner: &str,
        plain: &[u8],
        nonce: [u8; NONCE],
    ) -> Result<Vec<u8>, SealError> {
        seal_with(&self.sealing, self.id, owner, plain, nonce)
    }

    /// Opens what was sealed for `owner`.
    pub fn open(&self, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (id, rest) = sealed.split_first().ok_or(SealError::Altered)?;
        if *id != self.id {
            return Err(SealError::UnknownKey(*id));
        }
        open_with(&self.sealing, owner, rest)
    }
}

fn seal_with(
    key: &LessSafeKey,
    id: u8,
    owner: &str,
    plain: &[u8],
    nonce: [u8; NONCE],
) -> Result<Vec<u8>, SealError> {
    let mut body = plain.to_vec();
    let aad = Aad::from(owner.as_bytes());
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut body)
        .map_err(|_| SealError::Altered)?;
    let mut sealed = vec![id];
    sealed.extend(nonce);
    sealed.extend(body);
    Ok(sealed)
}

/// Opens what stands behind the key's id.
fn open_with(key: &LessSafeKey, owner: &str, rest: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or(SealError::Altered)?;
    let mut body = body.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plain = key.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut body);
    plain.map(|p| p.to_vec()).map_err(|_| SealError::Altered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_opens_and_no_bit_may_change() {
        let key = ClusterKey::new(1, &[7; 32]).unwrap();
        let sealed = key.seal("AKIA1", b"secret", [3; 12]).unwrap();
        assert_eq!(key.open("AKIA1", &sealed).unwrap(), b"secret");
        assert_eq!(key.open("AKIA2", &sealed), Err(SealError::Altered));
        for at in 1..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(key.open("AKIA1", &altered), Err(SealError::Altered));
        }
        assert_eq!(
            ClusterKey::new(2, &[7; 32]).unwrap().open("AKIA1", &sealed),
            Err(SealError::UnknownKey(1))
        );
        assert_eq!(ClusterKey::from_hex("zz").unwrap_err(), SealError::Key);
    }

    #[test]
    fn secrets_are_opened_by_whoever_has_their_key_alone() {
        let all = || ClusterKey::new(1, &[7; 32]).unwrap();
        let voter = all().with_secrets(&"ab".repeat(32)).unwrap();
        let sealed = voter.seal_secret("AKIA1", b"secret", [3; 12]).unwrap();
        assert_eq!(voter.open_secret("AKIA1", &sealed).unwrap(), b"secret");
        assert_eq!(voter.open_secret("AKIA2", &sealed), Err(SealError::Altered));
        assert_eq!(all().open_secret("AKIA1", &sealed), Err(SealError::UnknownKey(2)));
        let other = all().with_secrets(&"ac".repeat(32)).unwrap();
        assert_eq!(other.open_secret("AKIA1", &sealed), Err(SealError::Altered));
        // What was sealed before there was a second key is still opened.
        let old = all().seal_secret("AKIA1", b"old", [4; 12]).unwrap();
        assert_eq!(voter.open_secret("AKIA1", &old).unwrap(), b"old");
        assert_eq!(all().with_secrets("zz").unwrap_err(), SealError::Key);
    }
}
