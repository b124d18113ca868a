//! A whole entity, of which the last write wins.

use bytes::Bytes;
use crdts::{CvRDT, LWWReg};

use super::Lattice;
use crate::Stamp;

/// A whole entity: the value with the greater stamp wins.
///
/// Stamps are unique by construction (a log index within an epoch), so "last" is an order that all agree on, not a race of clocks. Two
/// values under one stamp are a bug somewhere: [`LwwRecord::conflicts`] says so, to be alarmed, and the greater bytes win, so that
/// replicas still converge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LwwRecord(LWWReg<Option<Bytes>, Stamp>);

impl LwwRecord {
    /// A value, or a tombstone, under its stamp.
    pub fn new(value: Option<Bytes>, stamp: Stamp) -> Self {
        Self(LWWReg { val: value, marker: stamp })
    }

    /// The value; `None`: deleted.
    pub fn value(&self) -> Option<&Bytes> {
        self.0.val.as_ref()
    }

    /// The stamp.
    pub fn stamp(&self) -> Stamp {
        self.0.marker
    }

    /// Whether both claim one stamp for two values.
    pub fn conflicts(&self, other: &Self) -> bool {
        self.0.validate_merge(&other.0).is_err()
    }
}

impl Lattice for LwwRecord {
    fn merge(&mut self, other: &Self) {
        if self.conflicts(other) {
            if other.0.val > self.0.val {
                self.0.val.clone_from(&other.0.val);
            }
            return;
        }
        self.0.merge(other.0.clone());
    }
}
