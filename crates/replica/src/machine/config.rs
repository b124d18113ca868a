//! What a machine is told at its start, and who belongs to its cluster.

use core::time::Duration;

use crate::{GroupId, NodeId, RegionName};

/// How a machine behaves.
#[derive(Clone, Debug)]
pub struct ReplicaConfig {
    /// This node.
    pub me: NodeId,
    /// Its region.
    pub region: RegionName,
    /// How often clocks are exchanged with a peer. A lost push is found after about this long: it *is* the tail of the propagation
    /// time. 250 ms is right for clusters on earth; less costs messages, more than `antientropy_every` is senseless.
    pub digest_every: Duration,
    /// How often a random peer is compared with, state digests included. A second is right: it finds what a fault of the turn hides.
    pub antientropy_every: Duration,
    /// How often the homes of the groups are asked how far they are: the staleness bound can't go below a round trip plus this.
    pub probe_every: Duration,
}

impl ReplicaConfig {
    /// The settings that suit a cluster on earth.
    pub fn new(me: NodeId, region: RegionName) -> Self {
        Self {
            me,
            region,
            digest_every: Duration::from_millis(250),
            antientropy_every: Duration::from_secs(1),
            probe_every: Duration::from_millis(100),
        }
    }
}

/// A member of the cluster, as the directory has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number.
    pub node: NodeId,
    /// Its region.
    pub region: RegionName,
    /// The groups that it votes in.
    pub voter_of: Vec<GroupId>,
}
