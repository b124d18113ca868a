//! Unique ids and access key ids in AWS's form.

use tidegate_policy::AccountId;

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What an id names: its first four letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// `AIDA`.
    User,
    /// `AROA`.
    Role,
    /// `AGPA`.
    Group,
    /// `ANPA`.
    ManagedPolicy,
    /// `AIPA`.
    InstanceProfile,
    /// `ASCA`.
    Certificate,
    /// `APKA`.
    PublicKey,
    /// `ACCA`.
    ServiceCredential,
}

impl IdKind {
    /// The four letters.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::User => "AIDA",
            Self::Role => "AROA",
            Self::Group => "AGPA",
            Self::ManagedPolicy => "ANPA",
            Self::InstanceProfile => "AIPA",
            Self::Certificate => "ASCA",
            Self::PublicKey => "APKA",
            Self::ServiceCredential => "ACCA",
        }
    }
}

fn letters(entropy: &[u8], count: usize) -> String {
    let bits =
        entropy.iter().flat_map(|b| (0..8).rev().map(move |n| (b >> n) & 1)).collect::<Vec<_>>();
    let letter = |five: &[u8]| {
        let value = five.iter().fold(0usize, |v, bit| v * 2 + usize::from(*bit));
        char::from(ALPHABET.get(value).copied().unwrap_or(b'A'))
    };
    bits.chunks(5).map(letter).take(count).collect()
}

/// A unique id from 11 or more random bytes: the prefix and 17 letters.
pub fn unique_id(kind: IdKind, entropy: &[u8; 16]) -> String {
    format!("{}{}", kind.prefix(), letters(entropy, 17))
}

fn key_id(prefix: &str, account: u64, entropy: &[u8; 16]) -> String {
    // 40 bits of account, then 40 random bits: 16 letters.
    let (low, high) = (account.to_be_bytes(), entropy);
    let bytes: Vec<u8> = low.iter().skip(3).chain(high.iter().take(5)).copied().collect();
    format!("{prefix}{}", letters(&bytes, 16))
}

/// The id of a long-term access key of an account: it says which account, so that any node finds it.
pub fn access_key_id(account: u64, entropy: &[u8; 16]) -> String {
    key_id("AKIA", account, entropy)
}

/// The id of a temporary access key of an account.
pub fn session_key_id(account: u64, entropy: &[u8; 16]) -> String {
    key_id("ASIA", account, entropy)
}

/// The account that an access key id names.
pub fn account_of_key(id: &str) -> Option<AccountId> {
    let encoded = id.get(4..)?;
    if encoded.len() != 16 || !(id.starts_with("AKIA") || id.starts_with("ASIA")) {
        return None;
    }
    let mut number = 0u64;
    for letter in encoded.bytes().take(8) {
        let value = ALPHABET.iter().position(|c| *c == letter)?;
        number = number * 32 + value as u64;
    }
    AccountId::from_u64(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_awss_form_and_keys_name_their_account() {
        let id = unique_id(IdKind::User, &[0xab; 16]);
        assert_eq!((id.len(), &id[..4]), (21, "AIDA"));
        for account in [1, 123_456_789_012, 999_999_999_999] {
            let id = access_key_id(account, &[7; 16]);
            assert_eq!(id.len(), 20);
            assert_eq!(account_of_key(&id).unwrap().as_u64(), account);
        }
        for bad in
            ["", "AKIA", "AKIAaaaaaaaaaaaaaaaa", "XXXXAAAAAAAAAAAAAAAA", "AKIA7777777777777777"]
        {
            assert!(account_of_key(bad).is_none(), "{bad}");
        }
    }
}
