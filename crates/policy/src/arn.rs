//! Amazon resource names: six parts between colons, the last of which may hold more of them.

use core::fmt;
use std::sync::Arc;

use crate::AccountId;

/// A resource name, `arn:partition:service:region:account:resource`. Kept as it was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn(Arc<str>);

/// A text that is no ARN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an ARN: {expected}")]
pub struct ArnError {
    text: String,
    expected: &'static str,
}

/// The partition of every caller and every account. Those of others have accounts of their own, whatever their digits.
const PARTITION: &str = "aws";

/// The longest ARN that AWS accepts, in characters.
const ARN_MAX: usize = 2048;

impl Arn {
    /// Reads an ARN.
    pub fn parse(text: &str) -> Result<Self, ArnError> {
        let refuse = |expected| Err(ArnError { text: text.chars().take(200).collect(), expected });
        if text.len() > ARN_MAX {
            return refuse("it is longer than 2048 characters");
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", partition, service, _, account, resource] => {
                if partition.is_empty() || service.is_empty() || resource.is_empty() {
                    return refuse("partition, service and resource must not be empty");
                }
                let whole_account =
                    account.is_empty() || *account == "aws" || account.parse::<AccountId>().is_ok();
                if !whole_account && !account.contains(['*', '?']) {
                    return refuse("the account must be twelve digits or empty");
                }
                Ok(Self(text.into()))
            }
            _ => refuse("expected `arn:partition:service:region:account:resource`"),
        }
    }

    /// The ARN as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn part(&self, n: usize) -> &str {
        self.0.splitn(6, ':').nth(n).unwrap_or_default()
    }

    /// `aws`, `aws-cn` and so on.
    pub fn partition(&self) -> &str {
        self.part(1)
    }

    /// The service's prefix.
    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// The region, often empty.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// The account as written, often empty; `aws` for what AWS manages.
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// The account that this stands for: `arn:aws:iam::<account>:root`, of no other service and in no other partition.
    pub(crate) fn root_account(&self) -> Option<AccountId> {
        let root = self.partition() == PARTITION && self.service() == "iam";
        if root && self.region().is_empty() && self.resource() == "root" {
            self.account_id()
        } else {
            None
        }
    }

    /// The account, where it is one.
    pub fn account_id(&self) -> Option<AccountId> {
        self.account().parse().ok()
    }

    /// Everything behind the fifth colon.
    pub fn resource(&self) -> &str {
        self.part(5)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        let arn = Arn::parse("arn:aws:iam::123456789012:user/team/ada:x").unwrap();
        assert_eq!(arn.service(), "iam");
        assert_eq!(arn.region(), "");
        assert_eq!(arn.account_id().unwrap().to_string(), "123456789012");
        assert_eq!(arn.resource(), "user/team/ada:x");
    }

    #[test]
    fn only_the_root_of_an_account_stands_for_it() {
        for (arn, stands) in [
            ("arn:aws:iam::123456789012:root", true),
            ("arn:aws:sqs::123456789012:root", false),
            ("arn:aws-cn:iam::123456789012:root", false),
            ("arn:aws:iam:eu-west-1:123456789012:root", false),
            ("arn:aws:iam::aws:root", false),
            ("arn:aws:iam::123456789012:root/ada", false),
        ] {
            assert_eq!(Arn::parse(arn).unwrap().root_account().is_some(), stands, "{arn}");
        }
    }

    #[test]
    fn what_is_no_arn_is_refused() {
        for bad in [
            "",
            "arn",
            "arn:aws:iam::12:user/a",
            "arn:aws:iam::123456789012:",
            "urn:aws:iam::123456789012:user/a",
        ] {
            assert!(Arn::parse(bad).is_err(), "{bad}");
        }
    }
}
