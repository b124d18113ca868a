//! The twelve digits that name an account.

use core::{fmt, str::FromStr};

/// An account id: exactly twelve decimal digits. Kept as digits, so that a condition compares it without formatting it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId([u8; 12]);

/// A text or number that is no account id. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an account id: twelve digits are needed")]
pub struct AccountIdError(Box<str>);

impl AccountId {
    /// The account with this number; an error from 10^12 on.
    pub fn from_u64(number: u64) -> Result<Self, AccountIdError> {
        format!("{number:012}").parse()
    }

    /// The id as a number.
    pub fn as_u64(self) -> u64 {
        self.0.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        // Only digits are ever stored, so the default is never used.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({self})")
    }
}

impl FromStr for AccountId {
    type Err = AccountIdError;

    fn from_str(text: &str) -> Result<Self, AccountIdError> {
        let digits = <[u8; 12]>::try_from(text.as_bytes()).ok();
        match digits.filter(|d| d.iter().all(u8::is_ascii_digit)) {
            Some(digits) => Ok(Self(digits)),
            None => Err(AccountIdError(text.chars().take(64).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_digits_and_nothing_else() {
        assert_eq!("000000000001".parse::<AccountId>().unwrap().to_string(), "000000000001");
        for text in
            ["", "1", "12345678901", "1234567890123", "12345678901a", "+12345678901", "１２３４"]
        {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_and_digits_are_one_order() {
        let (one, many) =
            (AccountId::from_u64(1).unwrap(), AccountId::from_u64(999_999_999_999).unwrap());
        assert!(one < many);
        assert_eq!((one.as_u64(), many.as_u64()), (1, 999_999_999_999));
        assert!(AccountId::from_u64(1_000_000_000_000).is_err());
    }
}
