//! Version vectors: up to which sequence of each origin a node has everything.

use core::cmp::Ordering;

use crate::{Dot, GroupId, Origin, lattice::Lattice};

/// For each origin the sequence up to which everything is there, without gaps. Joins form a lattice.
///
/// Every node keeps one of every other, so that it is as small as can be: positions that are not 0, ordered by origin, and no room for more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock(Vec<(Origin, u64)>);

impl Clock {
    fn place(&self, origin: Origin) -> Result<usize, usize> {
        self.0.binary_search_by_key(&origin, |(origin, _)| *origin)
    }

    /// The sequence up to which everything of `origin` is there; 0 when nothing is.
    pub fn get(&self, origin: Origin) -> u64 {
        self.place(origin).ok().and_then(|at| self.0.get(at)).map_or(0, |(_, sequence)| *sequence)
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
        match self.place(origin) {
            Ok(at) => {
                if let Some((_, stands)) = self.0.get_mut(at) {
                    *stands = sequence.max(*stands);
                }
            }
            Err(at) if sequence > 0 => {
                self.0.reserve_exact(1);
                self.0.insert(at, (origin, sequence));
            }
            Err(_) => {}
        }
    }

    /// The least clock that covers both.
    pub fn join(&mut self, other: &Self) {
        if other.0.iter().any(|(origin, _)| self.place(*origin).is_err()) {
            self.0 = united(&self.0, &other.0);
            return;
        }
        for (origin, sequence) in &other.0 {
            self.advance(*origin, *sequence);
        }
    }

    /// All positions, ordered by origin.
    pub fn iter(&self) -> impl Iterator<Item = (Origin, u64)> {
        self.0.iter().copied()
    }

    /// Whether nothing is there at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets what `other` covers.
    pub(crate) fn retain_ahead_of(&mut self, other: &Self) {
        self.0.retain(|(origin, sequence)| *sequence > other.get(*origin));
        self.0.shrink_to_fit();
    }

    /// The newest position of a group, over its generations.
    pub fn of_group(&self, group: GroupId) -> Option<(Origin, u64)> {
        let last = Origin::Group { group, generation: u32::MAX };
        let behind = self.0.partition_point(|(origin, _)| *origin <= last);
        let newest = self.0.get(behind.checked_sub(1)?).copied();
        newest.filter(|(origin, _)| origin.group() == Some(group))
    }
}

/// The positions of both, in one pass.
fn united(a: &[(Origin, u64)], b: &[(Origin, u64)]) -> Vec<(Origin, u64)> {
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    let mut all = Vec::new();
    while let (Some((of_a, _)), Some((of_b, _))) = (a.peek(), b.peek()) {
        match of_a.cmp(of_b) {
            Ordering::Less => all.extend(a.next()),
            Ordering::Greater => all.extend(b.next()),
            Ordering::Equal => all.extend(
                a.next()
                    .into_iter()
                    .zip(b.next())
                    .map(|((origin, of_a), (_, of_b))| (origin, of_a.max(of_b))),
            ),
        }
    }
    all.extend(a);
    all.extend(b);
    all.shrink_to_fit();
    all
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
