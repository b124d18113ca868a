//! Frames that came before their turn: kept, within a bound, until the gap before them closes.

use std::collections::BTreeMap;

use crate::{Frame, NodeId, Origin};

/// Frames that wait, for one origin: what a busy group commits within two round trips.
const FRAMES_MAX: usize = 256;
/// Bytes of all frames that wait. Beyond it a pull brings them.
const BYTES_MAX: usize = 64 << 20;
/// What a frame costs beside its records: empty ones count, too, and so bound the number of origins.
const OVERHEAD: usize = 256;

/// The frames that wait, by the sequence behind which they begin.
#[derive(Debug, Default)]
pub(crate) struct Early {
    frames: BTreeMap<Origin, BTreeMap<u64, (NodeId, Frame)>>,
    bytes: usize,
}

fn cost(frame: &Frame) -> usize {
    frame.size() + frame.trace.as_ref().map_or(0, String::len) + OVERHEAD
}

impl Early {
    /// Keeps a frame. Where there is no room, it or the farthest of its origin is dropped and `false` returned: a pull brings it again.
    pub(crate) fn keep(&mut self, from: NodeId, frame: Frame) -> bool {
        if self.bytes + cost(&frame) > BYTES_MAX {
            return false;
        }
        let waiting = self.frames.entry(frame.origin).or_default();
        if waiting.get(&frame.after).is_some_and(|(_, kept)| kept.upto >= frame.upto) {
            return true;
        }
        self.bytes += cost(&frame);
        let shorter = waiting.insert(frame.after, (from, frame));
        let farthest = if waiting.len() > FRAMES_MAX { waiting.pop_last() } else { None };
        let dropped = farthest.map(|(_, kept)| kept);
        let fits = dropped.is_none();
        for (_, frame) in shorter.into_iter().chain(dropped) {
            self.bytes -= cost(&frame);
        }
        fits
    }

    /// The next frame whose turn has come now that everything up to `merged` is there. Frames that say nothing new are dropped.
    pub(crate) fn next(&mut self, origin: Origin, merged: u64) -> Option<(NodeId, Frame)> {
        let waiting = self.frames.get_mut(&origin)?;
        while let Some(first) = waiting.first_entry()
            && *first.key() <= merged
        {
            let (from, frame) = first.remove();
            self.bytes -= cost(&frame);
            if frame.upto > merged {
                return Some((from, frame));
            }
        }
        if waiting.is_empty() {
            self.frames.remove(&origin);
        }
        None
    }

    /// Whether a gap is still open before frames of `origin`.
    pub(crate) fn waits(&self, origin: Origin) -> bool {
        self.frames.contains_key(&origin)
    }

    /// Forgets what waits for other origins than these.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Origin) -> bool) {
        self.frames.retain(|origin, _| keep(origin));
        let left = self.frames.values().flat_map(BTreeMap::values);
        self.bytes = left.map(|(_, frame)| cost(frame)).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GroupId;

    const ORIGIN: Origin = Origin::Group { group: GroupId(1), generation: 0 };

    fn frame(after: u64, upto: u64) -> Frame {
        Frame { origin: ORIGIN, after, upto, records: Vec::new(), trace: None, proof: None }
    }

    #[test]
    fn frames_come_back_in_order_once_the_gap_closes() {
        let mut early = Early::default();
        for f in [frame(5, 6), frame(3, 4), frame(4, 5), frame(9, 10), frame(3, 4)] {
            assert!(early.keep(NodeId(1), f));
        }
        assert_eq!(early.next(ORIGIN, 2), None, "the gap is still open");
        assert!(early.waits(ORIGIN));
        let mut merged = 3;
        while let Some((_, f)) = early.next(ORIGIN, merged) {
            assert_eq!(f.after, merged);
            merged = f.upto;
        }
        assert_eq!(merged, 6);
        assert_eq!(early.next(ORIGIN, 10), None, "what says nothing new is dropped");
        assert!(!early.waits(ORIGIN));
        assert_eq!(early.bytes, 0);
    }

    #[test]
    fn past_the_bound_the_farthest_is_dropped() {
        let mut early = Early::default();
        let kept = (0..2_000).filter(|n| early.keep(NodeId(1), frame(*n, *n + 1))).count();
        assert_eq!(kept, FRAMES_MAX);
        assert_eq!(early.next(ORIGIN, 0).map(|(_, f)| f.upto), Some(1), "the nearest stay");
        assert_eq!(early.bytes, (FRAMES_MAX - 1) * OVERHEAD);
        early.retain(|_| false);
        assert_eq!(early.bytes, 0);
    }

    #[test]
    fn bytes_are_bounded_over_all_origins() {
        let mut early = Early::default();
        let kept = |group| {
            let origin = Origin::Group { group: GroupId(group), generation: 0 };
            let trace = Some("x".repeat(BYTES_MAX / 4));
            early.keep(NodeId(1), Frame { origin, trace, ..frame(5, 6) })
        };
        assert_eq!((0..5).map(kept).collect::<Vec<_>>(), [true, true, true, false, false]);
    }
}
