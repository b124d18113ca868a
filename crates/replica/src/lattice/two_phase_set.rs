//! A set whose members come once and go once.

use std::collections::BTreeSet;

use super::Lattice;

/// A set whose members have unique names: once removed, a member never comes back.
///
/// For quarantines: adding denies, removing lifts. Whoever lifts names what it has seen, and so lifts no newer quarantine. The names of
/// the removed stay, until those who may still hold the member have all been heard; only the owner of the set can tell when that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoPhaseSet<T: Ord> {
    /// Added and not removed.
    present: BTreeSet<T>,
    removed: BTreeSet<T>,
}

impl<T: Ord> Default for TwoPhaseSet<T> {
    fn default() -> Self {
        Self { present: BTreeSet::new(), removed: BTreeSet::new() }
    }
}

impl<T: Ord + Clone> TwoPhaseSet<T> {
    /// Adds a member, unless it was removed before.
    pub fn add(&mut self, member: T) {
        if !self.removed.contains(&member) {
            self.present.insert(member);
        }
    }

    /// Removes members by name, also such as were not seen here yet. Others, also newer ones, stay.
    pub fn remove(&mut self, members: impl IntoIterator<Item = T>) {
        for member in members {
            self.present.remove(&member);
            self.removed.insert(member);
        }
    }

    /// Whether a member was added and not removed.
    pub fn contains(&self, member: &T) -> bool {
        self.present.contains(member)
    }

    /// Who was added and not removed, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.present.iter()
    }
}

impl<T: Ord + Clone> Lattice for TwoPhaseSet<T> {
    fn merge(&mut self, other: &Self) {
        self.remove(other.removed.iter().cloned());
        for member in &other.present {
            self.add(member.clone());
        }
    }
}
