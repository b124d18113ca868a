//! Commands for the end of an account, for access keys with chosen ids, and for several commands at once.

use prost::Message;

use super::Envelope;

/// Reserves an access key id that does not say its account, so that no two accounts share one.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ReserveAccessKey {
    /// The account.
    #[prost(uint64, tag = "1")]
    pub account: u64,
    /// The id.
    #[prost(string, tag = "2")]
    pub id: String,
}

/// Closes an account: from here on nobody in it is known. [`EraseAccount`] and [`ForgetAccount`] follow.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CloseAccount {
    /// The account.
    #[prost(uint64, tag = "1")]
    pub account: u64,
}

/// Deletes records of an account in its group, the account's own first. The reply says whether none is left.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct EraseAccount {
    /// At most so many.
    #[prost(uint32, tag = "1")]
    pub records_max: u32,
}

/// Takes a closed account, which its group has erased, out of the directory with its e-mail address and its reserved key ids.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ForgetAccount {
    /// The account.
    #[prost(uint64, tag = "1")]
    pub account: u64,
}

/// Several commands that take effect together or not at all. Only the cluster itself says so.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Batch {
    /// The commands, in order. None of them is a batch.
    #[prost(message, repeated, tag = "1")]
    pub commands: Vec<Envelope>,
}
