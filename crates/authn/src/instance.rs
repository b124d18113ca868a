//! The secret by which a workload proves that it runs on an instance: it says its account and instance, so that any node finds them.

use aws_lc_rs::digest;
use subtle::ConstantTimeEq;
use tidegate_policy::AccountId;

use crate::Secret;

/// What every such secret begins with, so that scanners of repositories can find one.
const PREFIX: &str = "tgi";
/// Random bytes in it.
const BYTES: usize = 32;

/// A text that is no secret of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret of an instance has the form `tgi_ACCOUNT_INSTANCE_SECRET`")]
pub struct InstanceSecretError;

/// An instance and the secret that proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceSecret {
    /// The account.
    pub account: AccountId,
    /// The instance's id.
    pub instance: String,
    /// 32 random bytes in hexadecimal.
    secret: Secret,
}

impl InstanceSecret {
    /// A secret from random bytes.
    pub fn new(account: AccountId, instance: &str, entropy: [u8; BYTES]) -> Self {
        Self { account, instance: instance.to_owned(), secret: Secret::new(hex::encode(entropy)) }
    }

    /// Reads a secret as its holder has it.
    pub fn parse(text: &str) -> Result<Self, InstanceSecretError> {
        let parts: Vec<&str> = text.trim().split('_').collect();
        let [PREFIX, account, instance, secret] = parts.as_slice() else {
            return Err(InstanceSecretError);
        };
        let hexadecimal =
            secret.len() == 2 * BYTES && secret.bytes().all(|b| b.is_ascii_hexdigit());
        if !hexadecimal || instance.is_empty() || instance.len() > 64 {
            return Err(InstanceSecretError);
        }
        Ok(Self {
            account: account.parse().map_err(|_| InstanceSecretError)?,
            instance: (*instance).to_owned(),
            secret: Secret::new((*secret).to_owned()),
        })
    }

    /// The secret as its holder is to have it. Only for showing once, and for proving.
    pub fn expose(&self) -> String {
        [PREFIX, &self.account.to_string(), &self.instance, self.secret.expose()].join("_")
    }

    /// What is stored of it. The secret has 256 random bits, so that a plain hash can't be searched.
    pub fn hash(&self) -> Vec<u8> {
        let bound = format!("{}\0{}", self.instance, self.secret.expose());
        digest::digest(&digest::SHA256, bound.as_bytes()).as_ref().to_vec()
    }

    /// Whether this is the secret of which `hash` is stored. Takes the same time wherever they differ.
    pub fn fits(&self, hash: &[u8]) -> bool {
        self.hash().as_slice().ct_eq(hash).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_back_and_fits_its_own_hash_alone() {
        let account: AccountId = "000000000042".parse().unwrap();
        let secret = InstanceSecret::new(account, "i-0123456789abcdef0", [7; 32]);
        let text = secret.expose();
        assert!(text.starts_with("tgi_000000000042_i-0123456789abcdef0_0707"), "{text}");
        assert_eq!(InstanceSecret::parse(&format!(" {text}\n")).unwrap(), secret);
        assert!(secret.fits(&secret.hash()));
        let other = InstanceSecret::new(account, "i-0123456789abcdef0", [8; 32]);
        assert!(!secret.fits(&other.hash()) && !secret.fits(&[]));
        // The same bits for another instance prove nothing.
        let elsewhere = InstanceSecret::new(account, "i-0123456789abcdef1", [7; 32]);
        assert!(!elsewhere.fits(&secret.hash()));
        assert!(!format!("{secret:?}").contains("0707"));
        for bad in
            ["", "tgi", "tgi_1_i_00", &text[1..], &text[..text.len() - 1], "tgi_000000000042__"]
        {
            assert_eq!(InstanceSecret::parse(bad), Err(InstanceSecretError), "{bad}");
        }
    }
}
