//! Commands on who belongs to the cluster and on which group has which account.
//!
//! A move has five steps, each safe to repeat, and each carried out by whoever leads the old group:
//!
//! 1. [`MoveAccount`]: the directory names the new group under a new placement epoch, and the old one as the previous.
//! 2. [`FenceAccount`]: the old group takes nothing more for the account.
//! 3. [`AdoptAccount`], in parts: the new group takes over every row and every remembered request. With the last part it lives there.
//! 4. [`AccountMoved`]: the directory knows that the new group has all of it.
//! 5. [`ReleaseAccount`], in parts, once every member decides on the new group's state: the old one forgets it; then [`AccountReleased`].

use prost::Message;

/// Makes a key known that a node signs with. Only the node itself says so.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AddSigningKey {
    /// The node.
    #[prost(uint64, tag = "1")]
    pub node: u64,
    /// The public key: Ed25519, 32 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub public: bytes::Bytes,
}

/// Says whether sessions count that a node has issued and issues.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SetIssuing {
    /// The node.
    #[prost(uint64, tag = "1")]
    pub node: u64,
    /// Whether they count.
    #[prost(bool, tag = "2")]
    pub allowed: bool,
}

/// Lets a node lead nothing and send clients elsewhere, or ends that.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DrainNode {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub node: u64,
    /// It takes part again.
    #[prost(bool, tag = "2")]
    pub end: bool,
}

/// Adds a node, or changes where it is.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RegisterNode {
    /// The node.
    #[prost(message, optional, tag = "1")]
    pub node: Option<crate::record::Node>,
    /// Only as a new one: one that is known already is not changed.
    #[prost(bool, tag = "2")]
    pub new: bool,
}

/// Lets a node leave: another votes in its place, and once it has handed over what it wrote it is taken out.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RetireNode {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub node: u64,
    /// Who votes in its place; 0: it votes in nothing.
    #[prost(uint64, tag = "2")]
    pub replacement: u64,
}

/// Takes out a node that was away too long. When it comes back it hands over what it alone has, and begins anew.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct EvictNode {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub node: u64,
}

/// Takes a node in again that was evicted and begins anew.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ReadmitNode {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub node: u64,
}

/// Adds a group of accounts in a home region.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AddGroup {
    /// Its voters: nodes of one region, which is its home.
    #[prost(uint64, repeated, tag = "1")]
    pub voters: Vec<u64>,
}

/// Moves an account to another group.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct MoveAccount {
    /// The account.
    #[prost(uint64, tag = "1")]
    pub account: u64,
    /// The group.
    #[prost(uint32, tag = "2")]
    pub group: u32,
}

/// Ends an account in the group that it is moved away from.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct FenceAccount {
    /// The placement epoch that begins.
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    /// The group that it is moved to.
    #[prost(uint32, tag = "2")]
    pub to: u32,
}

/// A row of an account on its way to another group.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Row {
    /// Its plain key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// Its value as it is stored: what this build does not know of it goes along.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
    /// Its revision.
    #[prost(uint64, tag = "3")]
    pub revision: u64,
}

/// A part of an account that was moved here.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AdoptAccount {
    /// The placement epoch that begins.
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    /// The group that it comes from.
    #[prost(uint32, tag = "2")]
    pub from: u32,
    /// Log index of its fence there.
    #[prost(uint64, tag = "3")]
    pub fence: u64,
    /// No revision of it is greater.
    #[prost(uint64, tag = "4")]
    pub base: u64,
    /// The last row of the part before; empty: this is the first.
    #[prost(bytes = "vec", tag = "5")]
    pub after: Vec<u8>,
    /// The last row of this part.
    #[prost(bytes = "vec", tag = "6")]
    pub upto: Vec<u8>,
    /// Whether this is the last part.
    #[prost(bool, tag = "7")]
    pub last: bool,
    /// Rows, ordered by key.
    #[prost(message, repeated, tag = "8")]
    pub rows: Vec<Row>,
    /// Remembered requests as the old group keeps them, behind all rows.
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub requests: Vec<Vec<u8>>,
}

/// Says that an account's new group has all of it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AccountMoved {
    /// The account.
    #[prost(uint64, tag = "1")]
    pub account: u64,
    /// The placement epoch that began.
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
}

/// Forgets rows of an account that was moved away.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ReleaseAccount {
    /// The placement epoch that has ended.
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    /// Plain keys of the rows.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub keys: Vec<Vec<u8>>,
}

/// Says that an account's previous group has forgotten it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AccountReleased {
    /// The account.
    #[prost(uint64, tag = "1")]
    pub account: u64,
    /// The placement epoch that began.
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
}

/// What is done with an account that is moved, by the groups that have it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Relocate {
    /// Which step.
    #[prost(oneof = "Relocation", tags = "1, 2, 3")]
    pub step: Option<Relocation>,
}

/// A step of a move in one of the two groups.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Relocation {
    /// See [`FenceAccount`].
    #[prost(message, tag = "1")]
    Fence(FenceAccount),
    /// See [`AdoptAccount`].
    #[prost(message, tag = "2")]
    Adopt(AdoptAccount),
    /// See [`ReleaseAccount`].
    #[prost(message, tag = "3")]
    Release(ReleaseAccount),
}

/// A change of who belongs to the cluster, or of which group has which account, in the directory.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ChangeMembership {
    /// Which change.
    #[prost(oneof = "Change", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    pub change: Option<Change>,
}

/// A change of the directory.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Change {
    /// See [`DrainNode`].
    #[prost(message, tag = "1")]
    Drain(DrainNode),
    /// See [`RetireNode`].
    #[prost(message, tag = "2")]
    Retire(RetireNode),
    /// See [`EvictNode`].
    #[prost(message, tag = "3")]
    Evict(EvictNode),
    /// See [`ReadmitNode`].
    #[prost(message, tag = "4")]
    Readmit(ReadmitNode),
    /// See [`AddGroup`].
    #[prost(message, tag = "5")]
    AddGroup(AddGroup),
    /// See [`MoveAccount`].
    #[prost(message, tag = "6")]
    Move(MoveAccount),
    /// See [`AccountMoved`].
    #[prost(message, tag = "7")]
    Moved(AccountMoved),
    /// See [`AccountReleased`].
    #[prost(message, tag = "8")]
    Released(AccountReleased),
}

impl From<Change> for crate::Command {
    fn from(change: Change) -> Self {
        Self::ChangeMembership(ChangeMembership { change: Some(change) })
    }
}

impl From<Relocation> for crate::Command {
    fn from(step: Relocation) -> Self {
        Self::Relocate(Relocate { step: Some(step) })
    }
}
