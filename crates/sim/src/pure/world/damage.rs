//! Disks that lose or alter what was written.

use rand::Rng;
use tidegate_replica::NodeId;

use super::{Change, World};

impl World {
    /// The power goes in the middle of a write: some of the batches are there, the next one in part, the others not at all.
    pub(super) fn tear(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let writing = node.disk.syncing.max(1);
        let kept = self.random.lives.random_range(0..writing);
        node.disk.torn = true;
        self.counts.torn += 1;
        self.stop(id, kept);
    }

    /// A node has found that its disk is damaged: it must be built anew from its peers, under another number.
    pub(super) fn give_up(&mut self, id: NodeId) {
        let Some(region) = self.nodes.get(&id).map(|n| n.region) else { return };
        self.mark(id, "damaged", || "has found damage".to_owned());
        self.stop(id, 0);
        if !self.leaves(id) {
            self.counts.rot_found += 1;
            self.ask_for(Change::Leave(id));
            self.join(region);
        }
    }

    /// Whether a node waits to be taken out of the directory.
    pub(super) fn leaves(&self, id: NodeId) -> bool {
        self.changes.iter().any(|c| matches!(c, Change::Leave(l) if *l == id))
    }

    /// Everything is read once: what is damaged is found.
    pub(super) fn scrub(&mut self) {
        let damaged = self.nodes.iter().filter(|(_, n)| n.disk.is_damaged());
        for id in damaged.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.give_up(id);
        }
    }
}
