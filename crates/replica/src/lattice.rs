//! The lattices that replicated data merge by.
//!
//! Laws, property-tested for each (`tests.rs`): `merge` is commutative, associative and idempotent, and monotone: merging
//! never moves a value down in the order that it defines. Then replicas that saw the same updates are equal, in whatever
//! order and however often they saw them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use crdts::{CmRDT, CvRDT, GCounter, LWWReg};

use crate::{NodeId, Stamp};

/// A join-semilattice.
pub trait Lattice {
    /// Moves `self` up to the least upper bound of both.
    fn merge(&mut self, other: &Self);
}

/// A whole entity: the value with the greater stamp wins. Two values under one stamp are a bug somewhere: the greater bytes win, so that
/// replicas still converge, and [`LwwRecord::conflicts`] says so.
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

    /// Whether both claim one stamp for two values. Stamps are unique by construction, so this is an alarm.
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

/// The greatest value seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxReg<T>(pub T);

impl<T: Ord + Clone> Lattice for MaxReg<T> {
    fn merge(&mut self, other: &Self) {
        if other.0 > self.0 {
            self.0 = other.0.clone();
        }
    }
}

/// A set whose members have unique names: once removed, a member never comes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TwoPhaseSet<T: Ord> {
    added: BTreeSet<T>,
    removed: BTreeSet<T>,
}

impl<T: Ord + Clone> TwoPhaseSet<T> {
    /// Adds a member.
    pub fn add(&mut self, member: T) {
        self.added.insert(member);
    }

    /// Removes members by name. Others, also newer ones, stay.
    pub fn remove(&mut self, members: impl IntoIterator<Item = T>) {
        self.removed.extend(members);
    }

    /// Who was added and not removed.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.added.difference(&self.removed)
    }
}

impl<T: Ord + Clone> Lattice for TwoPhaseSet<T> {
    fn merge(&mut self, other: &Self) {
        self.added.extend(other.added.iter().cloned());
        self.removed.extend(other.removed.iter().cloned());
    }
}

/// A counter of many writers in windows of time. A reset is a higher epoch, never a decrement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowedCounter {
    epoch: u64,
    windows: BTreeMap<u64, GCounter<NodeId>>,
}

impl WindowedCounter {
    /// Counts one event of `node` in the window with this number.
    pub fn increment(&mut self, window: u64, node: NodeId) {
        let counter = self.windows.entry(window).or_default();
        let op = counter.inc(node);
        counter.apply(op);
    }

    /// Starts anew: what was counted so far counts no longer.
    pub fn reset(&mut self) {
        self.epoch += 1;
        self.windows.clear();
    }

    /// Events in a window, over all writers.
    pub fn count(&self, window: u64) -> u64 {
        self.windows.get(&window).map_or(0, |counter| counter.read().try_into().unwrap_or(u64::MAX))
    }
}

impl Lattice for WindowedCounter {
    fn merge(&mut self, other: &Self) {
        if other.epoch < self.epoch {
            return;
        }
        if other.epoch > self.epoch {
            self.clone_from(other);
            return;
        }
        for (window, counter) in &other.windows {
            self.windows.entry(*window).or_default().merge(counter.clone());
        }
    }
}

#[cfg(test)]
mod tests;
