//! Version vectors: up to which sequence of each origin a node has everything.

use crdts::{CmRDT, CvRDT, VClock};

use crate::{Dot, GroupId, Origin, lattice::Lattice};

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
        let first = Origin::Group { group, generation: 0 };
        let last = Origin::Group { group, generation: u32::MAX };
        self.0.dots.range(first..=last).next_back().map(|(origin, sequence)| (*origin, *sequence))
    }
}

impl Lattice for Clock {
    fn merge(&mut self, other: &Self) {
        self.join(other);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(group: u32, generation: u32) -> Origin {
        Origin::Group { group: GroupId(group), generation }
    }

    #[test]
    fn positions_go_forward_only() {
        let mut clock = Clock::from_iter([(origin(1, 0), 5)]);
        clock.advance(origin(1, 0), 3);
        assert_eq!(clock.get(origin(1, 0)), 5);
        assert!(clock.covers(Dot { origin: origin(1, 0), sequence: 5 }));
        assert!(!clock.covers(Dot { origin: origin(1, 0), sequence: 6 }));
        assert!(
            !clock.covers(Dot { origin: origin(1, 1), sequence: 1 }),
            "another generation is another origin"
        );
    }

    #[test]
    fn clocks_are_ordered_in_part() {
        let (a, b) = (Clock::from_iter([(origin(1, 0), 5)]), Clock::from_iter([(origin(2, 0), 5)]));
        assert!(!a.covers_clock(&b) && !b.covers_clock(&a));
        let mut both = a.clone();
        both.join(&b);
        assert!(both.covers_clock(&a) && both.covers_clock(&b) && !a.covers_clock(&both));
        assert!(a.covers_clock(&Clock::default()));
    }

    #[test]
    fn the_newest_generation_stands_for_the_group() {
        let clock = Clock::from_iter([(origin(1, 0), 900), (origin(1, 2), 3), (origin(2, 0), 7)]);
        assert_eq!(clock.of_group(GroupId(1)), Some((origin(1, 2), 3)));
        assert_eq!(clock.of_group(GroupId(3)), None);
    }
}
