//! Messages between machines: out, over the network, and in.

use std::time::Duration;

use tidegate_replica::{Message, NodeId, Replica};

use super::{Event, Parcel, World};
use crate::pure::{
    bug::Bug,
    net::{Fate, Way},
};

/// Messages that wait for a node that stands still; more is lost, as buffers are.
const INBOX_MAX: usize = 4_096;

/// Whether a message brings what groups write: a node without room sets it aside.
fn is_bulk(message: &Message) -> bool {
    match message {
        Message::Push { frame, .. } | Message::PullReply { frame, .. } => {
            frame.origin.group().is_some()
        }
        _ => false,
    }
}

impl World {
    pub(super) fn fly(&mut self, from: NodeId, to: NodeId, mut message: Message) {
        let Some(sender) = self.nodes.get_mut(&from) else { return };
        let bug = self.options.bug;
        if bug != Bug::None {
            let merged =
                || sender.replica.as_ref().map(|r| r.merged_clock().clone()).unwrap_or_default();
            if !bug.spoil(&mut message, merged) {
                return;
            }
            if let (Bug::LostWakeup, Message::Pull { origin, .. }) = (bug, &message)
                && !sender.asked.insert(*origin)
            {
                return;
            }
            if let (Bug::StalenessFromReply, Message::Probe { nonce, .. }) = (bug, &message)
                && let Some(positions) = sender.echoes.get(&to)
            {
                let echo = Message::Echo { nonce: *nonce, positions: positions.clone() };
                let parcel = Parcel::Whole(Box::new(echo));
                self.schedule(Duration::ZERO, Event::Deliver { way: (to, from), parcel });
            }
        }
        let Some(region) = self.nodes.get(&from).map(|n| n.region) else { return };
        let Some(other) = self.nodes.get(&to).map(|n| n.region) else { return };
        let parcel = if self.plan.bytes {
            let bytes = message.encode();
            self.counts.sent(&message, bytes.len() as u64);
            let whose = if matches!(message, Message::Pull { .. }) { from } else { to };
            if let Some((_, counts)) = self.toll.as_mut().filter(|(node, _)| *node == whose) {
                counts.sent(&message, bytes.len() as u64);
            }
            Parcel::Bytes(bytes)
        } else {
            self.counts.sent(&message, 0);
            Parcel::Whole(Box::new(message))
        };
        let way = (from, to);
        match self.net.send(self.now, way, (region, other), &mut self.random.net) {
            Fate::Lost => {}
            Fate::Held => self.held.entry(way).or_default().push(parcel),
            Fate::Arrives(first, again) => {
                if let Some(again) = again {
                    self.schedule(again, Event::Deliver { way, parcel: parcel.clone() });
                }
                self.schedule(first, Event::Deliver { way, parcel });
            }
        }
    }

    /// What was held on a way goes on.
    pub(super) fn release(&mut self, way: Way) {
        for parcel in self.held.remove(&way).unwrap_or_default() {
            self.schedule(Duration::from_millis(1), Event::Deliver { way, parcel });
        }
    }

    pub(super) fn deliver(&mut self, way @ (from, to): Way, parcel: Parcel) {
        if !self.net.is_open(way) {
            return;
        }
        let (now, bug) = (self.now, self.options.bug);
        let Some(node) = self.nodes.get_mut(&to).filter(|n| n.replica.is_some()) else { return };
        if node.paused {
            if node.inbox.len() < INBOX_MAX {
                node.inbox.push(Event::Deliver { way, parcel });
            }
            return;
        }
        let message = match parcel {
            Parcel::Whole(message) => *message,
            Parcel::Bytes(bytes) => match Message::decode(bytes) {
                Ok(message) => message,
                Err(_) => return self.counts.unreadable += 1,
            },
        };
        if node.disk.full && is_bulk(&message) {
            self.counts.set_aside += 1;
            return;
        }
        match (bug, &message) {
            (Bug::LostWakeup, Message::PullReply { frame, .. }) => {
                node.asked.remove(&frame.origin);
            }
            (Bug::StalenessFromReply, Message::Echo { positions, .. }) => {
                node.echoes.insert(from, positions.clone());
            }
            _ => {}
        }
        node.with(now, |replica: &mut Replica, local, records| {
            replica.receive(local, from, message, records);
        });
        self.drain(to);
    }
}
