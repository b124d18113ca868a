//! The twelve digits that name an account.

use core::{fmt, str::FromStr};

/// An account id: exactly twelve decimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(u64);

/// A text or number that is no account id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an account id: twelve digits are needed")]
pub struct AccountIdError(String);

impl AccountId {
    /// The account with this number, below 10^12.
    pub fn from_u64(number: u64) -> Result<Self, AccountIdError> {
        if number < 1_000_000_000_000 { Ok(Self(number)) } else { Err(AccountIdError(number.to_string())) }
    }

    /// The id as a number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl FromStr for AccountId {
    type Err = AccountIdError;

    fn from_str(text: &str) -> Result<Self, AccountIdError> {
        let refuse = || AccountIdError(text.to_owned());
        if text.len() != 12 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse());
        }
        text.parse().map(Self).map_err(|_| refuse())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_digits_and_nothing_else() {
        assert_eq!("000000000001".parse::<AccountId>().unwrap().to_string(), "000000000001");
        for bad in ["", "1", "0000000000012", "00000000000a", "+00000000001"] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
        assert!(AccountId::from_u64(1_000_000_000_000).is_err());
    }
}
