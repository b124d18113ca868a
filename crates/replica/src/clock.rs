//! Version vectors: up to which sequence of each origin a node has everything.

use crdts::{CmRDT, CvRDT, VClock};

use crate::{Dot, GroupId, Origin};

/// For each origin the sequence up to which everything is there, without gaps. Joins form a lattice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock(VClock<Origin>);

impl Clock {
    /// The sequence up to which everything of `origin` is there; 0 when nothing is.
    pub fn get(&self, origin: Origin) -> u64 {
        self.0.get(&origin)
    }

    /// Whether `dot` is there.
    pub fn covers(&self, dot: Dot) -> bool {
        self.get(dot.origin) >= dot.sequence
    }

    /// Whether everything is there that `other` has.
    pub fn covers_clock(&self, other: &Self) -> bool {
        other.iter().all(|(origin, sequence)| self.get(origin) >= sequence)
    }

    /// Moves `origin` forward to `sequence`. Never back.
    pub fn advance(&mut self, origin: Origin, sequence: u64) {
        self.0.apply(crdts::Dot { actor: origin, counter: sequence });
    }

    /// The least clock that covers both.
    pub fn join(&mut self, other: &Self) {
        self.0.merge(other.0.clone());
    }

    /// All positions, ordered by origin.
    pub fn iter(&self) -> impl Iterator<Item = (Origin, u64)> {
        self.0.dots.iter().map(|(origin, sequence)| (*origin, *sequence))
    }

    /// Whether nothing is there at all.
    pub fn is_empty(&self) -> bool {
        self.0.dots.is_empty()
    }

    /// The newest position of a group, over its generations.
    pub fn of_group(&self, group: GroupId) -> Option<(Origin, u64)> {
        self.iter().filter(|(o, _)| o.group() == Some(group)).last()
    }
}

impl FromIterator<(Origin, u64)> for Clock {
    fn from_iter<I: IntoIterator<Item = (Origin, u64)>>(positions: I) -> Self {
        let mut clock = Self::default();
        for (origin, sequence) in positions {
            clock.advance(origin, sequence);
        }
        clock
    }
}
