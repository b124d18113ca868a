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
    /// What secrets are sealed with, where that is another key than what all nodes hold; the newest first.
    secrets: Vec<SealingKey>,
    /// Who signs what is issued here.
    issuer: Option<(u64, Arc<NodeKey>)>,
}

/// A key that secrets are sealed with.
struct SealingKey {
    id: u32,
    key: LessSafeKey,
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
    /// Sealed under a sealing key that is not here.
    #[error("sealed under the sealing key {0:08x}, which is not here")]
    UnknownSealingKey(u32),
    /// No sealing key, more than a node may hold, or one twice.
    #[error("a file of sealing keys has from 1 to {SEALING_KEYS_MAX} different keys, a line each")]
    SealingKeys,
    /// Altered, or sealed for something else.
    #[error("the sealed data was altered or belongs to something else")]
    Altered,
}

/// Stands before what is sealed with a sealing key that is not named.
const SECRETS: u8 = 2;
/// Stands before what is sealed with a sealing key, the key's id behind it.
const NAMED: u8 = 3;
/// Sealing keys that a node may hold at once.
pub const SEALING_KEYS_MAX: usize = 8;
/// Bytes of an AES-GCM nonce.
const NONCE: usize = 12;

impl SealError {
    /// Whether a node with another key may open what this one can't.
    pub fn is_unknown_key(self) -> bool {
        matches!(self, Self::UnknownKey(_) | Self::UnknownSealingKey(_))
    }
}

/// What tells a sealed secret from another: what it is sealed with, and its nonce.
pub fn fingerprint(sealed: &[u8]) -> &[u8] {
    let named = if sealed.first() == Some(&NAMED) { size_of::<u32>() } else { 0 };
    sealed.get(..1 + named + NONCE).unwrap_or_default()
}

/// The sealing key that a sealed secret names.
pub fn sealed_under(sealed: &[u8]) -> Option<u32> {
    let (NAMED, rest) = sealed.split_first().map(|(id, rest)| (*id, rest))? else { return None };
    rest.first_chunk().map(|id| u32::from_be_bytes(*id))
}

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
            secrets: Vec::new(),
            issuer: None,
        })
    }

    /// The key from the text of a key file: 64 hexadecimal digits. Its id is 1.
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let mut master = [0; 32];
        hex::decode_to_slice(text.trim(), &mut master).map_err(|_| SealError::Key)?;
        Self::new(1, &master)
    }

    /// Secrets are sealed with further keys, from the text of their file: 64 hexadecimal digits a line, the newest key first. Whoever has the
    /// cluster's key alone does not open them.
    pub fn with_secrets(self, text: &str) -> Result<Self, SealError> {
        let mut secrets: Vec<SealingKey> = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut master = [0; 32];
            hex::decode_to_slice(line, &mut master).map_err(|_| SealError::Key)?;
            let key = UnboundKey::new(&AES_256_GCM, &derive(&master, "tidegate secrets v1"))
                .map_err(|_| SealError::Key)?;
            let [a, b, c, d, ..] = derive(&master, "tidegate secrets id v1");
            let id = u32::from_be_bytes([a, b, c, d]);
            if secrets.iter().any(|known| known.id == id) {
                return Err(SealError::SealingKeys);
            }
            secrets.push(SealingKey { id, key: LessSafeKey::new(key) });
        }
        if !(1..=SEALING_KEYS_MAX).contains(&secrets.len()) {
            return Err(SealError::SealingKeys);
        }
        Ok(Self { secrets, ..self })
    }

    /// Ids of the sealing keys that are held here, the newest first. An id tells a key from another, and nothing of the key.
    pub fn sealing_keys(&self) -> impl Iterator<Item = u32> {
        self.secrets.iter().map(|key| key.id)
    }

    /// Whether secrets are sealed with a key of their own here.
    pub fn has_secrets(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Seals a secret for `owner`. `nonce` must never be used twice: draw it at random. `under`: the sealing key, which the sealed secret then
    /// names; without one it is the newest, unnamed, or the cluster's key where no sealing key is held.
    ///
    /// # Errors
    /// [`SealError::UnknownSealingKey`]: `under` is not held here.
    pub fn seal_secret(
        &self,
        owner: &str,
        plain: &[u8],
        nonce: [u8; NONCE],
        under: Option<u32>,
    ) -> Result<Vec<u8>, SealError> {
        match (under, self.secrets.first()) {
            (Some(id), _) => {
                let key = self.secrets.iter().find(|key| key.id == id);
                let key = &key.ok_or(SealError::UnknownSealingKey(id))?.key;
                let mut head = vec![NAMED];
                head.extend(id.to_be_bytes());
                seal_with(key, head, owner, plain, nonce)
            }
            (None, Some(newest)) => seal_with(&newest.key, vec![SECRETS], owner, plain, nonce),
            (None, None) => self.seal(owner, plain, nonce),
        }
    }

    /// Opens a secret that was sealed for `owner`, with whichever key.
    ///
    /// # Errors
    /// One that [is about the key](SealError::is_unknown_key) at a node that does not hold it.
    pub fn open_secret(&self, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        match sealed.split_first() {
            Some((&NAMED, rest)) => {
                let (id, rest) = rest.split_first_chunk().ok_or(SealError::Altered)?;
                let id = u32::from_be_bytes(*id);
                let key = self.secrets.iter().find(|key| key.id == id);
                open_with(&key.ok_or(SealError::UnknownSealingKey(id))?.key, owner, rest)
            }
            Some((&SECRETS, rest)) if self.has_secrets() => {
                let opened = self.secrets.iter().map(|key| open_with(&key.key, owner, rest));
                opened.reduce(Result::or).unwrap_or(Err(SealError::Altered))
            }
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
        seal_with(&self.sealing, vec![self.id], owner, plain, nonce)
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

/// Seals behind what says how.
fn seal_with(
    key: &LessSafeKey,
    head: Vec<u8>,
    owner: &str,
    plain: &[u8],
    nonce: [u8; NONCE],
) -> Result<Vec<u8>, SealError> {
    let mut body = plain.to_vec();
    let aad = Aad::from(owner.as_bytes());
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut body)
        .map_err(|_| SealError::Altered)?;
    let mut sealed = head;
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

    fn all() -> ClusterKey {
        ClusterKey::new(1, &[7; 32]).unwrap()
    }

    #[test]
    fn secrets_are_opened_by_whoever_has_their_key_alone() {
        let voter = all().with_secrets(&"ab".repeat(32)).unwrap();
        let sealed = voter.seal_secret("AKIA1", b"secret", [3; 12], None).unwrap();
        assert_eq!(voter.open_secret("AKIA1", &sealed).unwrap(), b"secret");
        assert_eq!(voter.open_secret("AKIA2", &sealed), Err(SealError::Altered));
        assert_eq!(all().open_secret("AKIA1", &sealed), Err(SealError::UnknownKey(2)));
        let other = all().with_secrets(&"ac".repeat(32)).unwrap();
        assert_eq!(other.open_secret("AKIA1", &sealed), Err(SealError::Altered));
        // What was sealed before there was a second key is still opened.
        let old = all().seal_secret("AKIA1", b"old", [4; 12], None).unwrap();
        assert_eq!(voter.open_secret("AKIA1", &old).unwrap(), b"old");
        for (text, why) in [
            ("zz", SealError::Key),
            (" \n", SealError::SealingKeys),
            (&["ab".repeat(32), "ab".repeat(32)].join("\n"), SealError::SealingKeys),
        ] {
            assert_eq!(all().with_secrets(text).unwrap_err(), why, "{text:?}");
        }
    }

    #[test]
    fn a_secret_names_its_key_and_is_opened_while_that_is_held() {
        let (old, new) = ("ab".repeat(32), "cd".repeat(32));
        let before = all().with_secrets(&old).unwrap();
        let both = all().with_secrets(&format!("{new}\n{old}\n")).unwrap();
        let after = all().with_secrets(&new).unwrap();
        let ids: Vec<u32> = both.sealing_keys().collect();
        assert_eq!(
            [after.sealing_keys().next(), before.sealing_keys().next()],
            [0, 1].map(|n| ids.get(n).copied())
        );

        let unnamed = before.seal_secret("AKIA1", b"secret", [3; 12], None).unwrap();
        let named = before.seal_secret("AKIA1", b"secret", [4; 12], Some(ids[1])).unwrap();
        let newest = both.seal_secret("AKIA1", b"secret", [5; 12], Some(ids[0])).unwrap();
        for sealed in [&unnamed, &named, &newest] {
            assert_eq!(both.open_secret("AKIA1", sealed).unwrap(), b"secret");
            assert_eq!(both.open_secret("AKIA2", sealed), Err(SealError::Altered));
        }
        assert_eq!(after.open_secret("AKIA1", &unnamed), Err(SealError::Altered));
        let unknown = SealError::UnknownSealingKey(ids[1]);
        assert_eq!(after.open_secret("AKIA1", &named), Err(unknown));
        assert!(unknown.is_unknown_key());
        assert_eq!(after.seal_secret("AKIA1", b"secret", [6; 12], Some(ids[1])), Err(unknown));
        assert_eq!(after.open_secret("AKIA1", &newest).unwrap(), b"secret");
        assert_eq!(
            [&unnamed, &named, &newest].map(|s| sealed_under(s)),
            [None, Some(ids[1]), Some(ids[0])]
        );
        // A nonce tells one from another, whether its key is named or not.
        let ends = [&unnamed, &named, &newest].map(|s| fingerprint(s).last().copied());
        assert_eq!(ends, [Some(3), Some(4), Some(5)]);
        assert_eq!(both.open_secret("AKIA1", &named[..3]), Err(SealError::Altered));
    }
}
