//! Who is alive: foca's SWIM over the urgent lane. Who is a *member* is the directory's word alone.

use core::{num::NonZeroUsize, ops::Bound, time::Duration};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use foca::{Config, Foca, Identity, Notification, PeriodicParams, PostcardCodec, Runtime, Timer};
use rand::{SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};

use crate::{Members, NodeId};

/// A node as foca sees it. The round changes when a node that was thought dead speaks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Identified {
    node: u64,
    round: u32,
}

impl Identity for Identified {
    type Addr = u64;

    fn renew(&self) -> Option<Self> {
        Some(Self { round: self.round.wrapping_add(1), ..*self })
    }

    fn addr(&self) -> u64 {
        self.node
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.round > adversary.round
    }
}

/// What foca wants done.
#[derive(Default)]
struct Effects {
    packets: Vec<(NodeId, Bytes)>,
    timers: Vec<(Duration, Timer<Identified>)>,
    /// In the order of their happening: who is alive now, or not.
    changes: Vec<(NodeId, bool)>,
}

impl Runtime<Identified> for &mut Effects {
    fn notify(&mut self, notification: Notification<'_, Identified>) {
        match notification {
            Notification::MemberUp(id) => self.changes.push((NodeId(id.node), true)),
            Notification::MemberDown(id) => self.changes.push((NodeId(id.node), false)),
            _ => {}
        }
    }

    fn send_to(&mut self, to: Identified, data: &[u8]) {
        self.packets.push((NodeId(to.node), Bytes::copy_from_slice(data)));
    }

    fn submit_after(&mut self, event: Timer<Identified>, after: Duration) {
        self.timers.push((after, event));
    }
}

/// The liveness of all members.
pub(crate) struct Liveness {
    foca: Foca<Identified, PostcardCodec, StdRng, foca::NoCustomBroadcast>,
    timers: BTreeMap<(Duration, u64), Timer<Identified>>,
    submitted: u64,
    alive: BTreeSet<NodeId>,
    announced: BTreeMap<NodeId, Duration>,
    me: NodeId,
    members: Arc<Members>,
    /// Members that are not alive.
    missing: BTreeSet<NodeId>,
    /// Since when calls are counted, how many there were, and who was called last.
    calls: (Duration, usize, NodeId),
}

impl core::fmt::Debug for Liveness {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Liveness").field("alive", &self.alive).finish_non_exhaustive()
    }
}

/// How often a member that is not alive is called again.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(1);
/// Members that are called in that time: whoever answers names others, so that few calls make all known. A cluster of thousands that starts
/// at once would else begin with millions of them.
const ANNOUNCES_MAX: usize = 32;

fn config() -> Config {
    let mut config = Config::simple();
    // Round trips on earth stay below 400 ms; a probe may take one and its indirect form another.
    config.probe_period = Duration::from_secs(1);
    config.probe_rtt = Duration::from_millis(450);
    config.suspect_to_down_after = Duration::from_secs(3);
    config.remove_down_after = Some(Duration::from_secs(10));
    // A node that was wrongly thought dead learns of it from anybody, takes a new round and is back.
    config.notify_down_members = true;
    config.periodic_announce_to_down_members =
        Some(PeriodicParams { frequency: Duration::from_secs(1), num_members: NonZeroUsize::MIN });
    config.periodic_gossip = Some(PeriodicParams {
        frequency: Duration::from_millis(250),
        num_members: NonZeroUsize::MIN,
    });
    config
}

impl Liveness {
    /// Knows nobody yet.
    pub(crate) fn new(me: NodeId, seed: u64) -> Self {
        let identity = Identified { node: me.0, round: 0 };
        Self {
            foca: Foca::new(identity, config(), StdRng::seed_from_u64(seed), PostcardCodec),
            timers: BTreeMap::new(),
            submitted: 0,
            alive: BTreeSet::new(),
            announced: BTreeMap::new(),
            me,
            members: Arc::default(),
            missing: BTreeSet::new(),
            calls: (Duration::ZERO, 0, me),
        }
    }

    /// Whether a node was heard of and is not thought dead.
    pub(crate) fn is_alive(&self, node: NodeId) -> bool {
        self.alive.contains(&node)
    }

    fn settle(&mut self, now: Duration, effects: Effects) -> Vec<(NodeId, Bytes)> {
        for (after, timer) in effects.timers {
            self.submitted += 1;
            self.timers.insert((now + after, self.submitted), timer);
        }
        for (node, alive) in effects.changes {
            if alive {
                self.alive.insert(node);
                self.missing.remove(&node);
            } else {
                self.alive.remove(&node);
                if self.members.contains(node) {
                    self.missing.insert(node);
                }
            }
        }
        effects.packets
    }

    /// Takes a packet. A packet that can't be read is dropped.
    pub(crate) fn receive(&mut self, now: Duration, packet: &[u8]) -> Vec<(NodeId, Bytes)> {
        let mut effects = Effects::default();
        let _unreadable = self.foca.handle_data(packet, &mut effects).is_err();
        self.settle(now, effects)
    }

    /// Lets time pass.
    pub(crate) fn tick(&mut self, now: Duration) -> Vec<(NodeId, Bytes)> {
        let mut packets = Vec::new();
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let timer = entry.remove();
            let mut effects = Effects::default();
            let _stale = self.foca.handle_timer(timer, &mut effects).is_err();
            packets.extend(self.settle(now, effects));
        }
        for node in self.to_call(now) {
            self.announced.insert(node, now);
            let mut effects = Effects::default();
            let id = Identified { node: node.0, round: 0 };
            let _late = self.foca.announce(id, &mut effects).is_err();
            packets.extend(self.settle(now, effects));
        }
        packets
    }

    /// The members that are called now, each once a second at most, in turn.
    fn to_call(&mut self, now: Duration) -> Vec<NodeId> {
        let (since, count, last) = self.calls;
        let (since, count) = if now >= since + ANNOUNCE_EVERY { (now, 0) } else { (since, count) };
        let due = |node: &&NodeId| {
            self.announced.get(node).is_none_or(|last| now >= *last + ANNOUNCE_EVERY)
        };
        let behind = self.missing.range((Bound::Excluded(last), Bound::Unbounded));
        let turn = behind.chain(self.missing.range(..=last));
        let called: Vec<NodeId> = turn.filter(due).take(ANNOUNCES_MAX - count).copied().collect();
        let last = called.last().copied().unwrap_or(last);
        self.calls = (since, count + called.len(), last);
        called
    }

    /// Who belongs to the cluster.
    pub(crate) fn set_members(&mut self, members: Arc<Members>) {
        let missing = members.nodes().iter().filter(|n| **n != self.me && !self.alive.contains(n));
        self.missing = missing.copied().collect();
        self.announced.retain(|node, _| members.contains(*node));
        self.members = members;
    }
}

#[cfg(test)]
mod tests;
