//! The command that goes on with groups whose voters are lost: in a new generation each, which names where the old one ended.
//!
//! Before it is proposed every node that can be reached has what the old generation wrote up to that place, and has promised, durably, to
//! take nothing of it that lies above. Who could not be reached is evicted by the same command: whatever it has above comes to nothing.

use prost::Message;

/// A group that goes on in a new generation.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Recovered {
    /// The group.
    #[prost(uint32, tag = "1")]
    pub group: u32,
    /// The generation that has ended.
    #[prost(uint32, tag = "2")]
    pub generation: u32,
    /// Log index of its last entry: the base of the new one, whose indexes go on behind it.
    #[prost(uint64, tag = "3")]
    pub base: u64,
    /// The node that began the new one by itself.
    #[prost(uint64, tag = "4")]
    pub seed: u64,
}

/// Goes on with groups whose voters are lost.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RecoverGroups {
    /// The groups.
    #[prost(message, repeated, tag = "1")]
    pub groups: Vec<Recovered>,
    /// Their voters from then on: nodes of one region, which becomes their home.
    #[prost(uint64, repeated, tag = "2")]
    pub voters: Vec<u64>,
    /// Nodes that could not be reached: they are evicted, and begin anew when they come back.
    #[prost(uint64, repeated, tag = "3")]
    pub lost: Vec<u64>,
}
