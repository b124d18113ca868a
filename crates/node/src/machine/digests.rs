//! What the states of groups hash to: kept as records come and go, and as it was when each was published.

use std::collections::BTreeMap;

use bytes::Bytes;
use parking_lot::Mutex;
use tidegate_replica::{Clock, Frame, GroupId, Record, SetHash};
use tidegate_store::Change;

/// Digests of the states of all groups, kept as records come and go.
#[derive(Debug)]
pub(crate) struct Digests {
    empty: SetHash,
    groups: Mutex<BTreeMap<GroupId, SetHash>>,
    /// Position and digest of what is published: the digests above run ahead of it.
    published: Mutex<BTreeMap<GroupId, (u64, [u8; 32])>>,
}

impl Digests {
    /// Digests of nothing, under the cluster's key.
    pub(crate) fn keyed(secret: [u8; 32]) -> Self {
        Self {
            empty: SetHash::keyed(secret),
            groups: Mutex::default(),
            published: Mutex::default(),
        }
    }

    /// The digest of nothing.
    pub(crate) fn empty(&self) -> SetHash {
        self.empty.clone()
    }

    /// Notes that the state of groups was published, and its digests there.
    pub(crate) fn publish(&self, positions: &Clock, digests: &[(GroupId, [u8; 32])]) {
        let mut published = self.published.lock();
        for (group, digest) in digests {
            if let Some((_, position)) = positions.of_group(*group) {
                published.insert(*group, (position, *digest));
            }
        }
    }

    /// Position and digest of the published state of a group; `None` before the first.
    pub(crate) fn published(&self, group: GroupId) -> Option<(u64, [u8; 32])> {
        self.published.lock().get(&group).copied()
    }

    pub(crate) fn change(&self, changes: &[Change]) {
        let mut digests = self.groups.lock();
        for change in changes {
            if let Some(old) = &change.old
                && let Some(group) = old.dot.origin.group()
            {
                digests.entry(group).or_insert_with(|| self.empty.clone()).remove(old);
            }
            if let Some(group) = change.new.dot.origin.group() {
                digests.entry(group).or_insert_with(|| self.empty.clone()).add(&change.new);
            }
        }
    }

    /// The digest that a group would have after these changes, which are not made.
    pub(crate) fn after(&self, group: GroupId, changes: &[Change]) -> [u8; 32] {
        let mut digest = self.groups.lock().get(&group).unwrap_or(&self.empty).clone();
        let of = |record: &Record| record.dot.origin.group() == Some(group);
        for Change { old, new } in changes {
            if let Some(old) = old.as_ref().filter(|old| of(old)) {
                digest.remove(old);
            }
            if of(new) {
                digest.add(new);
            }
        }
        digest.to_bytes()
    }

    /// Makes the changes of a step of a group, write by write, and gives the digest behind each of its frames. `changes`: what all of them
    /// together change.
    pub(super) fn step(
        &self,
        group: GroupId,
        frames: &[Frame],
        changes: &[Change],
    ) -> Vec<(u64, [u8; 32])> {
        let mut stands: BTreeMap<&Bytes, Option<&Record>> =
            changes.iter().map(|c| (&c.new.key, c.old.as_ref())).collect();
        let mut digests = self.groups.lock();
        let behind = frames.iter().map(|frame| {
            for record in &frame.records {
                // What adds nothing to what is stored is no change.
                let Some(stands) = stands.get_mut(&record.key) else { continue };
                let old = stands.replace(record).and_then(|r| Some((r, r.dot.origin.group()?)));
                if let Some((old, of)) = old {
                    digests.entry(of).or_insert_with(|| self.empty.clone()).remove(old);
                }
                digests.entry(group).or_insert_with(|| self.empty.clone()).add(record);
            }
            (frame.upto, digests.get(&group).unwrap_or(&self.empty).to_bytes())
        });
        behind.collect()
    }

    /// Forgets a group's.
    pub(crate) fn reset(&self, group: GroupId) {
        self.groups.lock().remove(&group);
    }

    pub(crate) fn of(&self, groups: impl IntoIterator<Item = GroupId>) -> Vec<(GroupId, [u8; 32])> {
        let digests = self.groups.lock();
        groups.into_iter().map(|g| (g, digests.get(&g).unwrap_or(&self.empty).to_bytes())).collect()
    }
}
