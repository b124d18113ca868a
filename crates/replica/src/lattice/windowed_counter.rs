//! A counter of many writers in windows of time.

use std::collections::BTreeMap;

use crdts::{CmRDT, CvRDT, GCounter};

use super::Lattice;
use crate::NodeId;

/// Events counted by many nodes in numbered windows of time: failed sign-ins of a principal.
///
/// A reset is a higher epoch, never a decrement: decrements and resets of counters that others still raise diverge. Windows end by
/// [`expire`](Self::expire), whose bound only rises, so that a late merge brings none back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowedCounter {
    epoch: u64,
    /// Windows below it are over.
    oldest: u64,
    windows: BTreeMap<u64, GCounter<NodeId>>,
}

impl WindowedCounter {
    /// Counts one event of `node` in a window. In one that is over it counts nothing. Each node names only itself.
    pub fn increment(&mut self, window: u64, node: NodeId) {
        if window < self.oldest {
            return;
        }
        let counter = self.windows.entry(window).or_default();
        let op = counter.inc(node);
        counter.apply(op);
    }

    /// Starts anew: what was counted so far, here or elsewhere, counts no longer.
    pub fn reset(&mut self) {
        self.epoch += 1;
        self.windows.clear();
    }

    /// Ends the windows below `oldest`.
    pub fn expire(&mut self, oldest: u64) {
        self.oldest = self.oldest.max(oldest);
        self.windows = self.windows.split_off(&self.oldest);
    }

    /// Events in a window, over all writers.
    pub fn count(&self, window: u64) -> u64 {
        self.windows.get(&window).map_or(0, |counter| counter.read().try_into().unwrap_or(u64::MAX))
    }
}

impl Lattice for WindowedCounter {
    fn merge(&mut self, other: &Self) {
        if other.epoch > self.epoch {
            self.epoch = other.epoch;
            self.windows.clone_from(&other.windows);
        } else if other.epoch == self.epoch {
            for (window, counter) in &other.windows {
                self.windows.entry(*window).or_default().merge(counter.clone());
            }
        }
        self.expire(other.oldest);
    }
}
