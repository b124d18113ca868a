//! The machine that makes one node converge with all others.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    Clock, Coverage, Dot, Frame, GroupId, Message, NodeId, Origin, PropagationEvent, Record, Records,
    RegionName, Scope,
    coverage::coverage,
    liveness::Liveness,
    propagation::{Propagation, RoundTrips},
    pull::Pulls,
    push,
    staleness::Staleness,
};

/// Bytes of one page of a catch-up. Below gRPC's default message limit, above what a slow link needs to be filled.
const PAGE_BYTES: usize = 1 << 20;
/// Peers that get a digest at once; in larger clusters the turn goes round.
const DIGEST_PEERS: usize = 8;
/// How often a peer's round trip is measured.
const PING_EVERY: Duration = Duration::from_millis(500);
/// Pings, probes and confirmations that may be under way.
const UNDER_WAY_MAX: usize = 4_096;

/// How a machine behaves.
#[derive(Clone, Debug)]
pub struct ReplicaConfig {
    /// This node.
    pub me: NodeId,
    /// Its region.
    pub region: RegionName,
    /// How often clocks are exchanged with a peer.
    pub digest_every: Duration,
    /// How often a random peer is compared with, beside the turn.
    pub antientropy_every: Duration,
    /// How often the homes of the groups are asked how far they are: the staleness bound can't go below a round trip plus this.
    pub probe_every: Duration,
}

/// A member of the cluster, as the directory has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number.
    pub node: NodeId,
    /// Its region.
    pub region: RegionName,
    /// The groups that it votes in.
    pub voter_of: Vec<GroupId>,
}

/// Which of the two connections to a peer a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Acknowledgements, probes, digests, liveness: nothing may stand before them.
    Urgent,
    /// Pushes and pages.
    Bulk,
}

/// Names a merge.
pub type MergeId = u64;
/// Names a confirmation.
pub type ConfirmId = u64;

/// Records to be stored, in one atomic batch with the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeBatch {
    /// Its name.
    pub id: MergeId,
    /// Records to be written where they are newer than what is stored.
    pub writes: Vec<Record>,
    /// What the stored clock advances to.
    pub clock: Clock,
    /// Origins whose stored records are all void but those written here.
    pub replaced: Vec<Origin>,
    /// Whether the view may be published now; `false` in the middle of a catch-up.
    pub publish: bool,
    /// `traceparent` of the change, to follow it.
    pub trace: Option<String>,
}

/// What a person must look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// A message could not be used and was set aside.
    Poison {
        /// Who sent it.
        from: NodeId,
        /// What was wrong.
        why: String,
    },
    /// At equal positions this node's state differs from another's.
    DigestMismatch {
        /// The other.
        with: NodeId,
        /// The group.
        group: GroupId,
    },
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send a message.
    Send {
        /// To whom.
        to: NodeId,
        /// On which connection.
        lane: Lane,
        /// What.
        message: Message,
    },
    /// Make a batch durable, then call [`Replica::persisted`].
    Merge(MergeBatch),
    /// Run a `ReadIndex`, begun now, for those of the groups that this node leads; then call [`Replica::confirmed`].
    Confirm {
        /// Its name.
        id: ConfirmId,
        /// The groups that were asked for.
        groups: Vec<GroupId>,
    },
    /// A change of this node's groups has arrived somewhere.
    Propagated(PropagationEvent),
    /// Something is wrong.
    Alarm(Alarm),
}

#[derive(Debug, Default)]
struct PeerState {
    published: Clock,
    trips: RoundTrips,
    heard: Option<Duration>,
    digests: BTreeMap<GroupId, [u8; 32]>,
}

#[derive(Debug)]
struct Due {
    digest: Duration,
    antientropy: Duration,
    probe: Duration,
    ping: Duration,
}

/// The convergence machine of one node.
///
/// # Driving it
/// Call [`receive`](Self::receive), [`committed`](Self::committed) and [`confirmed`](Self::confirmed) as things happen and
/// [`tick`](Self::tick) at least every 20 ms, each with the same monotonic clock. After each call empty [`poll`](Self::poll):
/// - `Send` may be lost, delayed, doubled or overtaken;
/// - `Merge` batches are stored in the order given, atomically and durably; then [`persisted`](Self::persisted), then the view is
///   published and [`published`](Self::published) called. Several batches may share one durable commit and one publication;
/// - nothing else may wait for a `Merge`, and no `Merge` may be skipped: its clock is already counted on.
///
/// A group that this node votes in is fed by `committed` alone: gossip of it is ignored.
#[derive(Debug)]
pub struct Replica {
    config: ReplicaConfig,
    members: BTreeMap<NodeId, Member>,
    own: BTreeSet<GroupId>,
    merged: Clock,
    published: Clock,
    digests: BTreeMap<GroupId, [u8; 32]>,
    peers: BTreeMap<NodeId, PeerState>,
    pulls: Pulls,
    liveness: Liveness,
    propagation: Propagation,
    staleness: Staleness,
    pings: BTreeMap<u64, (NodeId, Duration)>,
    confirms: BTreeMap<ConfirmId, (NodeId, u64)>,
    rng: StdRng,
    counter: u64,
    due: Due,
    turn: usize,
    outputs: VecDeque<Output>,
}

impl Replica {
    /// A machine that starts from the clock that its store had.
    pub fn new(config: ReplicaConfig, clock: Clock, seed: u64) -> Self {
        let liveness = Liveness::new(config.me, seed);
        let zero = Duration::ZERO;
        Self {
            members: BTreeMap::new(),
            own: BTreeSet::new(),
            published: clock.clone(),
            merged: clock,
            digests: BTreeMap::new(),
            peers: BTreeMap::new(),
            pulls: Pulls::default(),
            liveness,
            propagation: Propagation::default(),
            staleness: Staleness::default(),
            pings: BTreeMap::new(),
            confirms: BTreeMap::new(),
            rng: StdRng::seed_from_u64(seed),
            counter: 0,
            due: Due { digest: zero, antientropy: zero, probe: zero, ping: zero },
            turn: 0,
            outputs: VecDeque::new(),
            config,
        }
    }

    /// Who belongs to the cluster. Strangers are not answered.
    pub fn set_members(&mut self, members: impl IntoIterator<Item = Member>) {
        self.members = members.into_iter().map(|m| (m.node, m)).collect();
        let members = &self.members;
        self.peers.retain(|node, _| members.contains_key(node));
    }

    /// The groups that this node votes in.
    pub fn set_own_groups(&mut self, groups: impl IntoIterator<Item = GroupId>) {
        self.own = groups.into_iter().collect();
    }

    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn send(&mut self, to: NodeId, lane: Lane, message: Message) {
        if to != self.config.me {
            self.outputs.push_back(Output::Send { to, lane, message });
        }
    }

    fn is_own(&self, origin: Origin) -> bool {
        origin.group().is_some_and(|g| self.own.contains(&g))
    }

    fn others(&self) -> Vec<NodeId> {
        self.members.keys().copied().filter(|n| *n != self.config.me).collect()
    }

    /// A group of this node committed and stored a frame. `push`: this node leads the group and sends it out.
    pub fn committed(&mut self, now: Duration, frame: Frame, push: bool) {
        let dot = Dot { origin: frame.origin, sequence: frame.upto };
        self.merged.advance(dot.origin, dot.sequence);
        if !push {
            return;
        }
        if !frame.records.is_empty() {
            self.propagation.committed(now, dot);
        }
        let alive = |node| self.liveness.is_alive(node);
        for to in push::from_home(dot, &self.config.region, &self.members, alive) {
            self.send(to, Lane::Bulk, Message::Push { frame: frame.clone(), hops: 0 });
        }
    }

    /// A peer's message has arrived.
    pub fn receive(&mut self, now: Duration, from: NodeId, message: Message, records: &dyn Records) {
        if let Some(peer) = self.members.contains_key(&from).then(|| self.peers.entry(from).or_default()) {
            peer.heard = Some(now);
        } else if !self.members.is_empty() {
            return;
        }
        match message {
            Message::Push { frame, hops } => self.pushed(now, from, frame, hops),
            Message::Digest { merged, published, digests } => {
                self.acknowledged(now, from, &published, &digests);
                self.behind(now, from, &merged);
            }
            Message::Pull { origin, after } => self.answer_pull(from, origin, after, records),
            Message::PullReply { frame, more, replaces } => self.page(now, from, frame, more, replaces),
            Message::Ack { published, digests } => self.acknowledged(now, from, &published, &digests),
            Message::Ping { nonce } => self.send(from, Lane::Urgent, Message::Pong { nonce }),
            Message::Pong { nonce } => {
                if let Some((to, sent)) = self.pings.remove(&nonce)
                    && to == from
                {
                    self.peers.entry(from).or_default().trips.add(now.saturating_sub(sent));
                }
            }
            Message::Probe { nonce, groups } => {
                let id = self.next();
                self.confirms.insert(id, (from, nonce));
                while self.confirms.len() > UNDER_WAY_MAX {
                    self.confirms.pop_first();
                }
                self.outputs.push_back(Output::Confirm { id, groups });
            }
            Message::Echo { nonce, positions } => {
                self.staleness.echoed(from, nonce, &positions, &self.published);
            }
            Message::Swim(packet) => {
                let packets = self.liveness.receive(now, &packet);
                self.swim(packets);
            }
        }
    }

    fn swim(&mut self, packets: Vec<(NodeId, bytes::Bytes)>) {
        for (to, packet) in packets {
            self.send(to, Lane::Urgent, Message::Swim(packet));
        }
    }

    fn pushed(&mut self, now: Duration, from: NodeId, frame: Frame, hops: u32) {
        let origin = frame.origin;
        if self.is_own(origin) || frame.upto <= self.merged.get(origin) {
            return;
        }
        if hops == 0 {
            let dot = Dot { origin, sequence: frame.upto };
            for to in push::from_relay(dot, self.config.me, &self.members) {
                self.send(to, Lane::Bulk, Message::Push { frame: frame.clone(), hops: 1 });
            }
        }
        if frame.after > self.merged.get(origin) {
            self.pulls.keep(frame);
            self.pull(now, origin, from);
        } else {
            self.merge_frame(frame);
            self.merge_early(origin);
        }
    }

    fn merge_frame(&mut self, frame: Frame) {
        let have = self.merged.get(frame.origin);
        let writes = frame.records.into_iter().filter(|r| r.dot.sequence > have).collect();
        self.merge(frame.origin, frame.upto, writes, Vec::new(), true, frame.trace);
    }

    fn merge_early(&mut self, origin: Origin) {
        while let Some(frame) = self.pulls.next_early(origin, self.merged.get(origin)) {
            self.merge_frame(frame);
        }
    }

    fn merge(
        &mut self,
        origin: Origin,
        upto: u64,
        writes: Vec<Record>,
        replaced: Vec<Origin>,
        publish: bool,
        trace: Option<String>,
    ) {
        self.merged.advance(origin, upto);
        let clock = Clock::from_iter([(origin, upto)]);
        let id = self.next();
        self.outputs.push_back(Output::Merge(MergeBatch { id, writes, clock, replaced, publish, trace }));
    }

    fn pull(&mut self, now: Duration, origin: Origin, from: NodeId) {
        if self.pulls.begin(now, origin, from) {
            let after = self.merged.get(origin);
            self.send(from, Lane::Urgent, Message::Pull { origin, after });
        }
    }

    fn behind(&mut self, now: Duration, from: NodeId, merged: &Clock) {
        let ahead: Vec<Origin> = merged
            .iter()
            .filter(|(o, s)| !self.is_own(*o) && *s > self.merged.get(*o))
            .map(|(o, _)| o)
            .collect();
        for origin in ahead {
            self.pull(now, origin, from);
        }
    }

    fn answer_pull(&mut self, to: NodeId, origin: Origin, after: u64, records: &dyn Records) {
        let replaces = after > 0 && after < records.floor(origin);
        let after = if replaces { 0 } else { after };
        let page = records.range(origin, after, PAGE_BYTES);
        let upto = page.upto.max(after);
        let frame = Frame { origin, after, upto, records: page.records, trace: None };
        self.send(to, Lane::Bulk, Message::PullReply { frame, more: page.more, replaces });
    }

    fn page(&mut self, now: Duration, from: NodeId, frame: Frame, more: bool, replaces: bool) {
        let (origin, upto) = (frame.origin, frame.upto);
        if self.is_own(origin) || !self.pulls.expects(origin, from) {
            return;
        }
        if let Some(staged) = self.pulls.page(now, frame, more, replaces) {
            let replaced = if staged.replaces { vec![origin] } else { Vec::new() };
            // What a push brought meanwhile is newer than this page and stays.
            self.merge(origin, upto, staged.records, replaced, !more, None);
        }
        if more {
            self.send(from, Lane::Urgent, Message::Pull { origin, after: upto });
        } else {
            self.merge_early(origin);
        }
    }

    fn acknowledged(&mut self, now: Duration, from: NodeId, published: &Clock, digests: &[(GroupId, [u8; 32])]) {
        let Some(member) = self.members.get(&from) else { return };
        let peer = self.peers.entry(from).or_default();
        peer.published.join(published);
        peer.digests.extend(digests.iter().copied());
        let rtt = peer.trips.smallest();
        let events = self.propagation.arrived(now, from, &member.region, rtt, published);
        self.outputs.extend(events.into_iter().map(Output::Propagated));
        for (group, digest) in digests {
            let (theirs, ours) = (published.of_group(*group), self.published.of_group(*group));
            let differs = self.digests.get(group).is_some_and(|d| d != digest);
            if differs && theirs.is_some() && theirs == ours {
                let alarm = Alarm::DigestMismatch { with: from, group: *group };
                self.outputs.push_back(Output::Alarm(alarm));
            }
        }
    }

    /// A batch is durable. Nothing else depends on it yet; the call keeps the contract explicit.
    pub fn persisted(&mut self, _now: Duration, _batch: MergeId) {}

    /// The decision view stands at `positions`, with these digests of the groups that moved. Acknowledgements leave now.
    pub fn published(&mut self, positions: &Clock, digests: &[(GroupId, [u8; 32])]) {
        let moved: Clock = positions.iter().filter(|(o, s)| self.published.get(*o) < *s).collect();
        self.digests.extend(digests.iter().copied());
        if moved.is_empty() {
            return;
        }
        self.published.join(&moved);
        self.staleness.published(&self.published);
        let groups: Vec<GroupId> = moved.iter().filter_map(|(o, _)| o.group()).collect();
        let digests: Vec<_> = digests.iter().copied().filter(|(g, _)| groups.contains(g)).collect();
        let voters = |m: &&Member| m.voter_of.iter().any(|g| groups.contains(g));
        let targets: Vec<NodeId> = self.members.values().filter(voters).map(|m| m.node).collect();
        for to in targets {
            let ack = Message::Ack { published: moved.clone(), digests: digests.clone() };
            self.send(to, Lane::Urgent, ack);
        }
    }

    /// A `ReadIndex` answered for those groups that this node leads.
    pub fn confirmed(&mut self, _now: Duration, id: ConfirmId, positions: Vec<(Origin, u64)>) {
        let Some((from, nonce)) = self.confirms.remove(&id) else { return };
        if from == self.config.me {
            self.staleness.echoed(from, nonce, &positions, &self.published);
        } else {
            self.send(from, Lane::Urgent, Message::Echo { nonce, positions });
        }
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Duration, _records: &dyn Records) {
        let members = self.others();
        let packets = self.liveness.tick(now, members.iter().copied());
        self.swim(packets);
        if now >= self.due.digest {
            self.due.digest = now + self.config.digest_every;
            for n in 0..members.len().min(DIGEST_PEERS) {
                if let Some(to) = members.get((self.turn + n) % members.len()) {
                    self.send_digest(*to);
                }
            }
            self.turn = self.turn.wrapping_add(DIGEST_PEERS);
            self.propagation.collect(members.iter().copied());
        }
        if now >= self.due.antientropy && !members.is_empty() {
            self.due.antientropy = now + self.config.antientropy_every;
            if let Some(to) = members.get(self.rng.random_range(0..members.len())) {
                self.send_digest(*to);
            }
        }
        if now >= self.due.ping {
            self.due.ping = now + PING_EVERY;
            for to in &members {
                self.ping(now, *to);
            }
        }
        if now >= self.due.probe {
            self.due.probe = now + self.config.probe_every;
            self.probe(now);
        }
    }

    fn ping(&mut self, now: Duration, to: NodeId) {
        let nonce = self.next();
        self.pings.insert(nonce, (to, now));
        while self.pings.len() > UNDER_WAY_MAX {
            self.pings.pop_first();
        }
        self.send(to, Lane::Urgent, Message::Ping { nonce });
    }

    fn send_digest(&mut self, to: NodeId) {
        let digests = self.digests.iter().map(|(g, d)| (*g, *d)).collect();
        let message =
            Message::Digest { merged: self.merged.clone(), published: self.published.clone(), digests };
        self.send(to, Lane::Urgent, message);
    }

    /// Asks a voter of each group how far it is: the one that answered last, else each in turn.
    fn probe(&mut self, now: Duration) {
        let mut groups: BTreeMap<GroupId, Vec<NodeId>> = BTreeMap::new();
        for member in self.members.values() {
            for group in &member.voter_of {
                groups.entry(*group).or_default().push(member.node);
            }
        }
        let mut asked: BTreeMap<NodeId, Vec<GroupId>> = BTreeMap::new();
        for (group, voters) in groups {
            let turn = self.next();
            let last = self.staleness.answered(group).filter(|n| voters.contains(n));
            let turn = usize::try_from(turn % voters.len().max(1) as u64).unwrap_or(0);
            // An answer that stays away for three probes frees the choice.
            let late = self.staleness.fresh_since(group).is_none_or(|t| now > t + 4 * self.config.probe_every);
            let unsure = late && self.peers_rtt(last) < now.saturating_sub(self.staleness.fresh_since(group).unwrap_or_default());
            if unsure {
                self.staleness.forget(group);
            }
            let Some(to) = last.filter(|_| !unsure).or_else(|| voters.get(turn).copied()) else { continue };
            asked.entry(to).or_default().push(group);
        }
        for (to, groups) in asked {
            let nonce = self.next();
            self.staleness.asked(now, nonce);
            if to == self.config.me {
                let id = self.next();
                self.confirms.insert(id, (to, nonce));
                self.outputs.push_back(Output::Confirm { id, groups });
            } else {
                self.send(to, Lane::Urgent, Message::Probe { nonce, groups });
            }
        }
    }

    /// How long an answer may be under way: four of the slowest recent round trips.
    fn peers_rtt(&self, node: Option<NodeId>) -> Duration {
        let trip = node.and_then(|n| self.peers.get(&n)).and_then(|p| p.trips.smallest());
        4 * trip.unwrap_or_default() + 6 * self.config.probe_every
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Everything that is merged here.
    pub fn merged_clock(&self) -> &Clock {
        &self.merged
    }

    /// What this node decides on.
    pub fn published_clock(&self) -> &Clock {
        &self.published
    }

    /// Since when (monotonic) the published view of `group` is known to be complete.
    pub fn fresh_since(&self, group: GroupId) -> Option<Duration> {
        self.staleness.fresh_since(group)
    }

    /// How old the published view of `groups` may be. `None` while the home of one was never heard.
    pub fn staleness(&self, now: Duration, groups: &[GroupId]) -> Option<Duration> {
        let ages = groups.iter().map(|g| self.fresh_since(*g).map(|t| now.saturating_sub(t)));
        ages.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// The positions that a peer last said to decide on.
    pub fn peer_clock(&self, node: NodeId) -> Option<&Clock> {
        self.peers.get(&node).map(|p| &p.published)
    }

    /// Whether the liveness protocol holds a node for alive.
    pub fn is_alive(&self, node: NodeId) -> bool {
        node == self.config.me || self.liveness.is_alive(node)
    }

    /// The smallest recent round trip to a peer.
    pub fn rtt(&self, node: NodeId) -> Option<Duration> {
        self.peers.get(&node).and_then(|p| p.trips.smallest())
    }

    /// When a peer was last heard.
    pub fn heard(&self, node: NodeId) -> Option<Duration> {
        self.peers.get(&node).and_then(|p| p.heard)
    }

    /// The digests of the published view.
    pub fn digests(&self) -> impl Iterator<Item = (GroupId, [u8; 32])> + '_ {
        self.digests.iter().map(|(g, d)| (*g, *d))
    }

    /// All members, this node included.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Which nodes of `scope` decide on `positions` by now, as far as this node has heard.
    pub fn coverage(&self, positions: &Clock, scope: &Scope) -> Coverage {
        let regions = self.members.values().map(|m| (m.node, m.region.clone())).collect();
        let published = |node: NodeId| {
            if node == self.config.me { Some(self.published.clone()) } else { self.peer_clock(node).cloned() }
        };
        coverage(&regions, published, positions, scope)
    }
}

#[cfg(test)]
mod tests;
