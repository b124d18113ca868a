//! The partition of an account, and what AWS's own policies are called in it.

use std::borrow::Cow;

use crate::AccountState;

impl AccountState {
    /// The partition that its ARNs begin with.
    pub fn partition(&self) -> &str {
        match self.account.as_ref().map_or("", |a| a.partition.as_str()) {
            "" => "aws",
            partition => partition,
        }
    }

    /// The ARN of its root user.
    pub fn root_arn(&self) -> String {
        format!("arn:{}:iam::{}:root", self.partition(), self.id)
    }

    /// The name under which a policy that AWS manages is known here, if `arn` is that of one in this account's partition.
    pub fn aws_managed<'a>(&self, arn: &'a str) -> Option<Cow<'a, str>> {
        let rest = arn.strip_prefix("arn:")?.strip_prefix(self.partition())?;
        let name = rest.strip_prefix(":iam::aws:")?;
        Some(match self.partition() {
            "aws" => Cow::Borrowed(arn),
            _ => Cow::Owned(format!("arn:aws:iam::aws:{name}")),
        })
    }

    /// What a policy that AWS manages, `arn:aws:iam::aws:…`, is called in this account's partition.
    pub fn aws_managed_arn(&self, arn: &str) -> String {
        match arn.strip_prefix("arn:aws:") {
            Some(rest) => format!("arn:{}:{rest}", self.partition()),
            None => arn.to_owned(),
        }
    }
}
