//! Generations of groups that were recovered: each ends at a sequence, and what lies above it was lost and comes to nothing.

use std::collections::BTreeMap;

use super::Replica;
use crate::{GroupId, Origin};

impl Replica {
    /// Where the past generations of groups ended, each the sequence of its last write. From here on nothing of a generation is taken from
    /// above its end, and nothing of one before all those before it are here to their ends: a later one's frames say nothing of theirs.
    pub fn set_ended(&mut self, ended: BTreeMap<GroupId, Vec<u64>>) {
        self.ended = ended;
        let ended = &self.ended;
        let open = |origin: &Origin| match origin {
            Origin::Group { group, generation } => {
                ended.get(group).is_none_or(|ends| ends.len() <= place(*generation))
            }
            Origin::Node { .. } => true,
        };
        // What is on its way may bring too much.
        self.pulls.retain(open);
        self.early.retain(open);
    }

    /// How far an origin may come here.
    pub(super) fn end_of(&self, origin: Origin) -> u64 {
        let Origin::Group { group, generation } = origin else { return u64::MAX };
        let end = self.ended.get(&group).and_then(|ends| ends.get(place(generation)));
        end.copied().unwrap_or(u64::MAX)
    }

    /// Whether everything stands here that an origin's first frame builds on.
    pub(super) fn has_base_of(&self, origin: Origin) -> bool {
        let Origin::Group { group, generation } = origin else { return true };
        let ends = self.ended.get(&group).map(Vec::as_slice).unwrap_or_default();
        (0..generation)
            .zip(ends)
            .all(|(generation, end)| self.merged.get(Origin::Group { group, generation }) >= *end)
    }

    /// Whether a frame of `origin` up to here may be taken.
    pub(super) fn takes(&self, origin: Origin, upto: u64) -> bool {
        upto <= self.end_of(origin) && self.has_base_of(origin)
    }
}

fn place(generation: u32) -> usize {
    usize::try_from(generation).unwrap_or(usize::MAX)
}
