//! The stored values of entities, version 1.
//!
//! prost messages whose fields are only ever added: what an older build does not know it carries along by key. A change that breaks this
//! becomes a module of its own with a function from the version before.

use prost::Message;

/// A key and a value that somebody put on an entity.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Tag {
    /// Its key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// An account.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Account {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Its root user's e-mail address.
    #[prost(string, tag = "3")]
    pub email: String,
    /// When it was created, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "4")]
    pub created: u64,
    /// Its partition; empty: `aws`.
    #[prost(string, tag = "120")]
    pub partition: String,
    /// Log index of the directory up to which reservations of aliases are behind the account: one that it has, had, or never took.
    #[prost(uint64, tag = "160")]
    pub aliases_upto: u64,
}

/// A user.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct User {
    /// Its name as typed.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its path.
    #[prost(string, tag = "2")]
    pub path: String,
    /// `AIDA…`.
    #[prost(string, tag = "3")]
    pub id: String,
    /// When it was created, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "4")]
    pub created: u64,
    /// ARN of its permissions boundary; empty: none.
    #[prost(string, tag = "5")]
    pub boundary: String,
    /// Its tags.
    #[prost(message, repeated, tag = "6")]
    pub tags: Vec<Tag>,
    /// Who made it: a unique id, of a session with its name behind a colon, or the account's number for its root user. Empty: it was made
    /// before apply version 2.
    #[prost(string, tag = "180")]
    pub created_by: String,
}

/// A group.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Group {
    /// Its name as typed.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its path.
    #[prost(string, tag = "2")]
    pub path: String,
    /// `AGPA…`.
    #[prost(string, tag = "3")]
    pub id: String,
    /// When it was created, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "4")]
    pub created: u64,
}

/// A role.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Role {
    /// Its name as typed.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its path.
    #[prost(string, tag = "2")]
    pub path: String,
    /// `AROA…`.
    #[prost(string, tag = "3")]
    pub id: String,
    /// When it was created, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "4")]
    pub created: u64,
    /// Who may assume it, as written.
    #[prost(string, tag = "5")]
    pub trust_policy: String,
    /// What it is for.
    #[prost(string, tag = "6")]
    pub description: String,
    /// Longest session, in seconds.
    #[prost(uint32, tag = "7")]
    pub session_seconds_max: u32,
    /// ARN of its permissions boundary; empty: none.
    #[prost(string, tag = "8")]
    pub boundary: String,
    /// Its tags.
    #[prost(message, repeated, tag = "9")]
    pub tags: Vec<Tag>,
}

/// A managed policy without its documents.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Policy {
    /// Its name as typed.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its path.
    #[prost(string, tag = "2")]
    pub path: String,
    /// `ANPA…`.
    #[prost(string, tag = "3")]
    pub id: String,
    /// When it was created, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "4")]
    pub created: u64,
    /// What it is for.
    #[prost(string, tag = "5")]
    pub description: String,
    /// The version that applies: 3 for `v3`.
    #[prost(uint32, tag = "6")]
    pub default_version: u32,
    /// The highest version number ever given: never reused.
    #[prost(uint32, tag = "7")]
    pub last_version: u32,
    /// When it last changed, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "8")]
    pub updated: u64,
    /// Its tags.
    #[prost(message, repeated, tag = "9")]
    pub tags: Vec<Tag>,
}

/// One version of a managed policy.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PolicyVersion {
    /// 3 for `v3`.
    #[prost(uint32, tag = "1")]
    pub number: u32,
    /// The document as written.
    #[prost(string, tag = "2")]
    pub document: String,
    /// When it was created, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "3")]
    pub created: u64,
}

/// An inline policy.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct InlinePolicy {
    /// Its name as typed.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The document as written.
    #[prost(string, tag = "2")]
    pub document: String,
}

/// An edge between two entities: nothing but that it is there.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Edge {
    /// When it was made, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "1")]
    pub created: u64,
}

/// An access key.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AccessKey {
    /// `AKIA…`.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The user's name in lower case; empty: the root user's.
    #[prost(string, tag = "2")]
    pub user: String,
    /// Whether it may be used.
    #[prost(bool, tag = "3")]
    pub active: bool,
    /// The secret, sealed with a cluster key.
    #[prost(bytes = "vec", tag = "4")]
    pub sealed_secret: Vec<u8>,
    /// When it was created, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "5")]
    pub created: u64,
}

/// The cluster.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Cluster {
    /// Its unique id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Whether it was created in development mode. Can't be changed.
    #[prost(bool, tag = "3")]
    pub development: bool,
    /// The operator's account.
    #[prost(uint64, tag = "4")]
    pub operator: u64,
    /// When it was created, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "5")]
    pub created: u64,
    /// The clock that it goes by, where it was set; in development mode alone.
    #[prost(message, optional, tag = "150")]
    pub clock: Option<VirtualClock>,
}

/// A clock that was set: where it stands, or how far it is from the nodes' own clocks.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct VirtualClock {
    /// Milliseconds that it is ahead of the nodes' own clocks while it runs; below zero: behind them.
    #[prost(sint64, tag = "1")]
    pub ahead: i64,
    /// What it shows while it stands still, in milliseconds since the Unix epoch; 0: it runs.
    #[prost(uint64, tag = "2")]
    pub frozen: u64,
}

impl VirtualClock {
    /// What it shows when a node's own clock shows `real`; both in milliseconds since the Unix epoch.
    pub fn shows(&self, real: u64) -> u64 {
        if self.frozen > 0 { self.frozen } else { real.saturating_add_signed(self.ahead) }
    }
}

/// A node.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Node {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Its region.
    #[prost(string, tag = "2")]
    pub region: String,
    /// Where peers dial it.
    #[prost(string, tag = "3")]
    pub peer_address: String,
    /// Where clients dial it.
    #[prost(string, tag = "4")]
    pub client_address: String,
    /// What is to become of it: see [`node_state`].
    #[prost(uint32, tag = "10")]
    pub state: u32,
    /// The greatest apply version that it knows, as it has announced itself; 0: it has not.
    #[prost(uint32, tag = "180")]
    pub apply_version_max: u32,
    /// Ids of the sealing keys that it holds, as it has announced itself, the newest first.
    #[prost(fixed32, repeated, tag = "183")]
    pub sealing_keys: Vec<u32>,
}

/// The version that a group is applied by; without one it is 1.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ApplyVersion {
    /// See [`crate::version`].
    #[prost(uint32, tag = "1")]
    pub version: u32,
}

/// What is to become of a node, as [`Node::state`] numbers it.
pub mod node_state {
    /// It takes part.
    pub const ACTIVE: u32 = 0;
    /// It leads nothing, and sends clients elsewhere.
    pub const DRAINING: u32 = 1;
    /// The same; and once it votes in nothing and has handed over what it wrote it is taken out.
    pub const LEAVING: u32 = 2;
}

/// A node that was taken out. Its number is never given to another.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Departed {
    /// As it was.
    #[prost(message, optional, tag = "1")]
    pub node: Option<Node>,
    /// When, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "2")]
    pub at: u64,
    /// Whether it may come back: it was away too long, and hands over what it alone has.
    #[prost(bool, tag = "3")]
    pub may_return: bool,
}

/// A key that a node signs with. It outlives the node's membership, so that what it signed can still be verified.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SigningKey {
    /// The node.
    #[prost(uint64, tag = "1")]
    pub node: u64,
    /// Its how-manieth key.
    #[prost(uint32, tag = "2")]
    pub number: u32,
    /// The public key: Ed25519, 32 bytes.
    #[prost(bytes = "bytes", tag = "3")]
    pub public: bytes::Bytes,
    /// When it was registered, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "4")]
    pub registered: u64,
    /// Whether sessions that it signed are void.
    #[prost(bool, tag = "5")]
    pub barred: bool,
}

/// Where a group of accounts lives.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Placement {
    /// The group's number.
    #[prost(uint32, tag = "1")]
    pub group: u32,
    /// Its home region.
    #[prost(string, tag = "2")]
    pub region: String,
    /// Its voters, or during a change those that it shall have.
    #[prost(uint64, repeated, tag = "3")]
    pub voters: Vec<u64>,
    /// During a change: voters that it had and shall lose.
    #[prost(uint64, repeated, tag = "4")]
    pub leaving: Vec<u64>,
    /// How often its voters were changed.
    #[prost(uint64, tag = "5")]
    pub changes: u64,
    /// Which of these changes is done: that one and all before it.
    #[prost(uint64, tag = "6")]
    pub settled: u64,
    /// Where its past generations ended: the log index of the last entry of each. The present generation is their number.
    #[prost(uint64, repeated, tag = "180")]
    pub ended: Vec<u64>,
}

impl Placement {
    /// The present generation: how often the group was recovered.
    pub fn generation(&self) -> u32 {
        u32::try_from(self.ended.len()).unwrap_or(u32::MAX)
    }

    /// Who may speak in the group: its voters, and those that are leaving.
    pub fn speakers(&self) -> impl Iterator<Item = u64> + '_ {
        self.voters.iter().chain(&self.leaving).copied()
    }
}

/// Where an account lives, and how far its creation has come.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AccountPlacement {
    /// The account.
    #[prost(uint64, tag = "1")]
    pub account: u64,
    /// Its group.
    #[prost(uint32, tag = "2")]
    pub group: u32,
    /// Its root e-mail address as typed.
    #[prost(string, tag = "3")]
    pub email: String,
    /// Its name.
    #[prost(string, tag = "4")]
    pub name: String,
    /// Whether the account's group has it too. Until then whoever leads the directory completes the creation.
    #[prost(bool, tag = "5")]
    pub active: bool,
    /// The root user's first access key, kept until the account is active.
    #[prost(message, optional, tag = "6")]
    pub root_key: Option<AccessKey>,
    /// When it was reserved, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "7")]
    pub created: u64,
    /// How often it was moved to another group.
    #[prost(uint64, tag = "10")]
    pub epoch: u64,
    /// During a move: the group that it comes from. 0, which is the directory: none.
    #[prost(uint32, tag = "11")]
    pub previous: u32,
    /// During a move: whether its group has all of it. What is left then is to forget it in the previous one.
    #[prost(bool, tag = "12")]
    pub moved: bool,
    /// Its partition; empty: `aws`.
    #[prost(string, tag = "120")]
    pub partition: String,
    /// Whether it is being deleted: nobody in it is known any more.
    #[prost(bool, tag = "121")]
    pub closing: bool,
}

/// Where an account came from, in the group that it was moved to. From its last step on the account lives there.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Home {
    /// The group that it was in before.
    #[prost(uint32, tag = "1")]
    pub from: u32,
    /// Log index of its fence there: nothing was written behind it.
    #[prost(uint64, tag = "2")]
    pub fence: u64,
    /// Revisions in this group are its log indices and this: greater than all before.
    #[prost(uint64, tag = "3")]
    pub base: u64,
    /// How far it was taken over: the last row.
    #[prost(bytes = "vec", tag = "4")]
    pub upto: Vec<u8>,
    /// Whether all of it is here.
    #[prost(bool, tag = "5")]
    pub installed: bool,
}

/// The end of an account in a group that it is moved away from.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Fence {
    /// The group that it is moved to.
    #[prost(uint32, tag = "1")]
    pub to: u32,
    /// The log index of this entry.
    #[prost(uint64, tag = "2")]
    pub index: u64,
    /// Greatest revision that was given here, at the most.
    #[prost(uint64, tag = "3")]
    pub base: u64,
}

/// The account of an access key id that was chosen.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct KeyOwner {
    /// The account.
    #[prost(uint64, tag = "1")]
    pub account: u64,
}

/// The account of a root e-mail address.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct EmailOwner {
    /// The account.
    #[prost(uint64, tag = "1")]
    pub account: u64,
}

/// Features of the organization that are switched on.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Features {
    /// Whether the management account may manage the credentials of root users.
    #[prost(bool, tag = "1")]
    pub root_credentials: bool,
    /// Whether it may act as them for a task.
    #[prost(bool, tag = "2")]
    pub root_sessions: bool,
}
