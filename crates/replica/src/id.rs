//! Names of nodes, regions, groups, origins and dots.

use core::fmt;
use std::sync::Arc;

/// A node's number, unique in its cluster for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// A Raft group. Group 0 is the directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

impl GroupId {
    /// The directory of the cluster.
    pub const DIRECTORY: Self = Self(0);
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g{}", self.0)
    }
}

/// The name of a region: 1 to 64 letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionName(Arc<str>);

/// A text that is no region name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a region: 1 to 64 letters, digits and hyphens are needed")]
pub struct RegionNameError(String);

impl RegionName {
    /// Reads a name.
    pub fn new(text: &str) -> Result<Self, RegionNameError> {
        let well_formed = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if well_formed {
            Ok(Self(text.into()))
        } else {
            Err(RegionNameError(text.chars().take(80).collect()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RegionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who numbers writes: a group in one generation, or a node in one incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A group. Its sequence is the log index. The generation changes only when the group is recovered or restored.
    Group {
        /// Which.
        group: GroupId,
        /// Since which recovery.
        generation: u32,
    },
    /// A node, for what needs no order. The incarnation changes when it may have lost what it wrote.
    Node {
        /// Which.
        node: NodeId,
        /// Since which loss.
        incarnation: u32,
    },
}

impl Origin {
    /// The group, where a group writes.
    pub fn group(self) -> Option<GroupId> {
        match self {
            Self::Group { group, .. } => Some(group),
            Self::Node { .. } => None,
        }
    }

    /// Thirteen bytes that order as origins do.
    pub fn to_bytes(self) -> [u8; 13] {
        let (kind, number, since) = match self {
            Self::Group { group, generation } => (0, u64::from(group.0), generation),
            Self::Node { node, incarnation } => (1, node.0, incarnation),
        };
        let mut bytes = [kind; 13];
        let (_, rest) = bytes.split_at_mut(1);
        let (number_bytes, since_bytes) = rest.split_at_mut(8);
        number_bytes.copy_from_slice(&number.to_be_bytes());
        since_bytes.copy_from_slice(&since.to_be_bytes());
        bytes
    }

    /// The origin that [`Origin::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (number, since) = rest.split_at_checked(8)?;
        let number = u64::from_be_bytes(number.try_into().ok()?);
        let since = u32::from_be_bytes(since.try_into().ok()?);
        match kind {
            0 => Some(Self::Group { group: GroupId(number.try_into().ok()?), generation: since }),
            1 => Some(Self::Node { node: NodeId(number), incarnation: since }),
            _ => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group { group, generation } => write!(f, "{group}.{generation}"),
            Self::Node { node, incarnation } => write!(f, "{node}.{incarnation}"),
        }
    }
}

/// One write of one origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dot {
    /// Who wrote.
    pub origin: Origin,
    /// Its how-manieth write.
    pub sequence: u64,
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.origin, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_survive_their_bytes_and_keep_their_order() {
        let all = [
            Origin::Group { group: GroupId(0), generation: 0 },
            Origin::Group { group: GroupId(300), generation: 2 },
            Origin::Node { node: NodeId(1), incarnation: 9 },
        ];
        for origin in all {
            assert_eq!(Origin::from_bytes(&origin.to_bytes()), Some(origin));
        }
        assert!(all.windows(2).all(|w| w[0].to_bytes() < w[1].to_bytes()));
        assert_eq!(Origin::from_bytes(&[7; 13]), None);
        assert_eq!(Origin::from_bytes(&[0; 5]), None);
    }

    #[test]
    fn region_names_are_checked() {
        assert!(RegionName::new("eu-central-1").is_ok());
        for bad in ["", "eu central", &"x".repeat(65)] {
            assert!(RegionName::new(bad).is_err());
        }
    }
}
