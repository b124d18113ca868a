//! What time alone sets off: liveness, digests, anti-entropy, pings, probes and impatience.

use core::time::Duration;
use std::collections::BTreeMap;

use rand::RngExt;

use super::{Lane, Replica, UNDER_WAY_MAX};
use crate::{GroupId, Message, NodeId, Records};

/// Peers that get a digest at once; in larger clusters the turn goes round.
const DIGEST_PEERS: usize = 8;
/// Peers whose round trip is measured at once; in larger clusters the turn goes round, and of the others their region's is known.
const PING_PEERS: usize = 64;
/// How often a peer's round trip is measured.
const PING_EVERY: Duration = Duration::from_millis(500);

impl Replica {
    /// Lets time pass.
    pub fn tick(&mut self, now: Duration, _records: &dyn Records) {
        let packets = self.liveness.tick(now);
        self.swim(packets);
        self.reroute(now);
        let due = [self.due.digest, self.due.antientropy, self.due.ping];
        let others = if due.iter().any(|due| now >= *due) { self.others() } else { Vec::new() };
        if now >= self.due.digest {
            self.due.digest = now + self.config.digest_every;
            self.send_digests(&others);
            self.propagation.collect(&others);
        }
        if now >= self.due.antientropy && !others.is_empty() {
            self.due.antientropy = now + self.config.antientropy_every;
            if let Some(to) = others.get(self.rng.random_range(0..others.len())) {
                self.send_digest(*to, true);
            }
        }
        if now >= self.due.ping {
            self.due.ping = now + PING_EVERY;
            for n in 0..others.len().min(PING_PEERS) {
                if let Some(to) = others.get((self.ping_turn + n) % others.len()) {
                    self.ping(now, *to);
                }
            }
            self.ping_turn = self.ping_turn.wrapping_add(PING_PEERS);
        }
        if now >= self.due.probe {
            self.due.probe = now + self.config.probe_every;
            self.probe(now);
        }
    }

    fn send_digests(&mut self, others: &[NodeId]) {
        for n in 0..others.len().min(DIGEST_PEERS) {
            if let Some(to) = others.get((self.turn + n) % others.len()) {
                self.send_digest(*to, false);
            }
        }
        self.turn = self.turn.wrapping_add(DIGEST_PEERS);
    }

    fn ping(&mut self, now: Duration, to: NodeId) {
        let nonce = self.next_number();
        self.pings.insert(nonce, (to, now));
        while self.pings.len() > UNDER_WAY_MAX {
            self.pings.pop_first();
        }
        self.send(to, Lane::Urgent, Message::Ping { nonce });
    }

    pub(super) fn ponged(&mut self, now: Duration, from: NodeId, nonce: u64) {
        if self.pings.get(&nonce).is_some_and(|(to, _)| *to == from)
            && let Some((_, sent)) = self.pings.remove(&nonce)
            && let Some(peer) = self.peers.get_mut(&from)
        {
            let trip = now.saturating_sub(sent);
            peer.trips.add(trip);
            if let Some(member) = self.members.get(from) {
                self.region_trips.entry(member.region.clone()).or_default().add(trip);
            }
        }
    }

    /// Asks a voter of each group how far it is; this node itself by way of its driver.
    fn probe(&mut self, now: Duration) {
        let mut questions: BTreeMap<NodeId, Vec<GroupId>> = BTreeMap::new();
        for (group, voters) in self.members.voters() {
            if let Some(to) = self.staleness.source(now, *group, voters) {
                questions.entry(to).or_default().push(*group);
            }
        }
        for (to, groups) in questions {
            let nonce = self.next_number();
            self.staleness.asked(now, nonce, to, groups.clone());
            if to == self.config.me {
                self.confirm(to, nonce, groups);
            } else {
                self.send(to, Lane::Urgent, Message::Probe { nonce, groups });
            }
        }
    }
}
