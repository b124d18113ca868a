//! The machine that makes one node converge with all others.

mod catching_up;
mod config;
mod generations;
mod losing;
mod merging;
mod output;
mod queries;
mod telling;
mod ticking;
mod vouching;

use core::{fmt, time::Duration};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};

pub use config::{Member, ReplicaConfig};
pub use output::{
    Alarm, Answer, CaughtUp, ConfirmId, Counters, Lane, MergeBatch, MergeId, Output, Replaced,
};

use crate::{
    Clock, Dot, Frame, GroupId, Members, Message, NodeId, Origin, Record, Records, RegionName,
    catch_up::{Page, Pulls, Question},
    early::Early,
    liveness::Liveness,
    propagation::Propagation,
    push,
    round_trips::RoundTrips,
    staleness::Staleness,
};

/// Pings and confirmations that may be under way, past which the oldest are forgotten; and merges that may wait to be durable, past
/// which the oldest count as durable with the next.
const UNDER_WAY_MAX: usize = 4_096;

/// Bytes of a frame that is pushed. A larger one is announced, and pulled in pages.
const PUSH_BYTES_MAX: usize = 1 << 20;

/// What is known of a member.
#[derive(Debug, Default)]
struct PeerState {
    /// What it said to have merged and does not decide on: who can be pulled from.
    ahead: Clock,
    /// What it said to decide on.
    published: Clock,
    trips: RoundTrips,
    heard: Option<Duration>,
    /// The position of each group at which its digest was last found to differ.
    differed: BTreeMap<GroupId, (Origin, u64)>,
}

/// When what repeats is due.
#[derive(Debug, Default)]
struct Due {
    digest: Duration,
    antientropy: Duration,
    probe: Duration,
    ping: Duration,
}

impl PeerState {
    /// Up to where it said to have merged an origin.
    fn merged(&self, origin: Origin) -> u64 {
        self.ahead.get(origin).max(self.published.get(origin))
    }

    fn has_merged(&mut self, merged: &Clock) {
        self.ahead.join(merged);
        self.ahead.retain_ahead_of(&self.published);
    }

    fn has_published(&mut self, published: &Clock) {
        self.published.join(published);
        self.ahead.retain_ahead_of(&self.published);
    }
}

type Verdict = Result<(), String>;

/// Says why a record can't be decided on.
struct Validator(Box<dyn Fn(&Record) -> Verdict + Send + Sync>);

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Validator")
    }
}

/// The convergence machine of one node.
///
/// # Driving it
/// One task owns the machine. It calls [`receive`](Self::receive), [`committed`](Self::committed) and [`confirmed`](Self::confirmed)
/// as things happen and [`tick`](Self::tick) at least every 20 ms, each with the same monotonic clock, and after each call empties
/// [`poll`](Self::poll):
///
/// | output | what the driver does | what may go wrong |
/// |---|---|---|
/// | `Send` | hands the message to the lane's connection | may be lost, delayed, doubled or overtaken: it is repaired |
/// | `Merge` | stores the batch, atomically and in the order given; then [`persisted`](Self::persisted), then publishes the view, then [`published`](Self::published) | must not be skipped or reordered: its clock is already counted on. A store that fails stops the node; at restart the machine begins from the stored clock |
/// | `Check` | compares the state with what vouches for it, then [`checked`](Self::checked) | must be done before the next output |
/// | `Confirm` | begins a `ReadIndex` now, then [`confirmed`](Self::confirmed), with no position where it leads no group | may never answer |
/// | `Propagated`, `Alarm` | tells whoever listens | |
///
/// Several batches may share one durable commit and one publication; `persisted` of the last stands for all before it. While a commit
/// runs the driver goes on calling: nothing waits for it but `published`. Work and outputs of one call are bounded by the message that
/// was given and by the members, so the outputs need no bound of their own.
///
/// A group that this node votes in is fed by `committed` alone: gossip of it is ignored, so that its state follows its log. What the
/// node writes itself is fed by [`appended`](Self::appended) alone, under the incarnation that [`write_as`](Self::write_as) named.
///
/// # Errors
/// There are none: what can't be used is counted ([`counters`](Self::counters)) and, where a person must look, told as [`Alarm`].
#[derive(Debug)]
pub struct Replica {
    config: ReplicaConfig,
    members: Arc<Members>,
    own: BTreeSet<GroupId>,
    /// Where past generations of groups ended.
    ended: BTreeMap<GroupId, Vec<u64>>,
    /// Under which incarnation this node writes.
    own_node: Option<Origin>,
    validator: Option<Validator>,
    /// Whether only its writer and voters are believed that what a node wrote is complete.
    strict: bool,
    /// Up to where others told what a node wrote: its records are merged, and its clock stands.
    hearsay: BTreeMap<Origin, u64>,
    /// Origins of which an unverified state is half in the store: nothing of them is taken until the node starts anew.
    stuck: BTreeSet<Origin>,
    /// Everything merged, durable or not.
    merged: Clock,
    /// What of it the driver reported as durable.
    durable: Clock,
    unsaved: VecDeque<(MergeId, Clock)>,
    published: Clock,
    digests: BTreeMap<GroupId, [u8; 32]>,
    peers: BTreeMap<NodeId, PeerState>,
    /// The recent round trips to each region, whoever answered.
    region_trips: BTreeMap<RegionName, RoundTrips>,
    pulls: Pulls,
    early: Early,
    liveness: Liveness,
    propagation: Propagation,
    staleness: Staleness,
    pings: BTreeMap<u64, (NodeId, Duration)>,
    confirms: BTreeMap<ConfirmId, (NodeId, u64)>,
    rng: StdRng,
    number: u64,
    due: Due,
    turn: usize,
    ping_turn: usize,
    counters: Counters,
    outputs: VecDeque<Output>,
}

impl Replica {
    /// A machine that starts from the clock that its store had. `seed` must differ from start to start: nonces come from it, and an
    /// echo of an earlier life must not answer a question of this one.
    pub fn new(config: ReplicaConfig, clock: Clock, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let number = rng.random_range(0..u64::MAX / 2);
        Self {
            members: Arc::default(),
            own: BTreeSet::new(),
            ended: BTreeMap::new(),
            own_node: None,
            validator: None,
            strict: false,
            hearsay: BTreeMap::new(),
            stuck: BTreeSet::new(),
            merged: clock.clone(),
            durable: clock.clone(),
            unsaved: VecDeque::new(),
            published: clock,
            digests: BTreeMap::new(),
            peers: BTreeMap::new(),
            region_trips: BTreeMap::new(),
            pulls: Pulls::new(number),
            early: Early::default(),
            liveness: Liveness::new(config.me, rng.random()),
            propagation: Propagation::default(),
            staleness: Staleness::default(),
            pings: BTreeMap::new(),
            confirms: BTreeMap::new(),
            number,
            rng,
            due: Due::default(),
            turn: 0,
            ping_turn: 0,
            counters: Counters::default(),
            outputs: VecDeque::new(),
            config,
        }
    }

    /// Who belongs to the cluster. Strangers are not answered. As long as nobody is named, everybody that the transport lets in is
    /// heard: so a new node learns of the directory.
    pub fn set_members(&mut self, members: impl IntoIterator<Item = Member>) {
        self.share_members(Arc::new(members.into_iter().collect()));
    }

    /// The same with a value that many machines may share: of a large cluster it is the largest thing that a machine holds.
    pub fn share_members(&mut self, members: Arc<Members>) {
        self.peers.retain(|node, _| members.contains(*node));
        self.liveness.set_members(Arc::clone(&members));
        self.members = members;
    }

    /// The groups that this node votes in. What was being pulled of them is dropped.
    pub fn set_own_groups(&mut self, groups: impl IntoIterator<Item = GroupId>) {
        self.own = groups.into_iter().collect();
        self.drop_own();
    }

    /// The incarnation under which this node writes from now on: a fresh one where its store may lack what it wrote before.
    pub fn write_as(&mut self, incarnation: u32) {
        self.own_node = Some(Origin::Node { node: self.config.me, incarnation });
        self.drop_own();
    }

    fn drop_own(&mut self) {
        let (own, own_node) = (&self.own, self.own_node);
        let foreign = |origin: &Origin| match origin.group() {
            Some(group) => !own.contains(&group),
            None => own_node != Some(*origin),
        };
        self.pulls.retain(foreign);
        self.early.retain(foreign);
    }

    /// The digests of the state that the store had at the start: so that peers can be told from the first moment whether theirs is the same.
    pub fn begin_with(&mut self, digests: &[(GroupId, [u8; 32])]) {
        self.digests.extend(digests.iter().copied());
    }

    /// Judges each record before it is merged. One that it refuses, with the reason, is [set aside](MergeBatch::aside), alarmed and
    /// counted. It must be a function of the record alone: all nodes of one build must judge alike.
    pub fn set_validator(
        &mut self,
        validator: impl Fn(&Record) -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.validator = Some(Validator(Box::new(validator)));
    }

    /// A group of this node committed a frame at the time `at`, and it is durable here. `push`: this node leads the group and sends it
    /// out. The propagation of each change in it is measured from `at`.
    pub fn committed(&mut self, at: Duration, frame: Frame, push: bool) {
        let dot = Dot { origin: frame.origin, sequence: frame.upto };
        self.merged.advance(dot.origin, dot.sequence);
        self.durable.advance(dot.origin, dot.sequence);
        if !push {
            return;
        }
        let mut last = None;
        for change in frame.records.iter().map(|r| r.dot) {
            if last.replace(change) != Some(change) {
                self.propagation.committed(at, change);
            }
        }
        let alive = |node| self.liveness.is_alive(node);
        let targets = push::from_home(dot, &self.config.region, self.members.by_node(), alive);
        if frame.size() > PUSH_BYTES_MAX {
            for (to, _) in targets {
                self.send_digest(to, false);
            }
            return;
        }
        let to_relay = Message::Push { frame: frame.clone(), hops: 0 };
        let to_last = Message::Push { frame, hops: 1 };
        for (to, hops) in targets {
            let push = if hops == 0 { &to_relay } else { &to_last };
            self.send(to, Lane::Bulk, push.clone());
        }
    }

    /// This node wrote a frame of its own at the time `at`; it is durable here. It goes to every member at once, ahead of what groups
    /// write, and its propagation is measured from `at`.
    pub fn appended(&mut self, at: Duration, frame: &Frame) {
        let dot = Dot { origin: frame.origin, sequence: frame.upto };
        // Of an incarnation that was given up peers may know another write under the same dot.
        if self.own_node != Some(dot.origin) {
            return;
        }
        self.merged.advance(dot.origin, dot.sequence);
        self.durable.advance(dot.origin, dot.sequence);
        self.propagation.committed(at, dot);
        let whole = frame.size() <= PUSH_BYTES_MAX;
        for to in self.others() {
            if whole {
                let frame = frame.clone();
                self.send(to, Lane::Urgent, Message::Push { frame, hops: 1 });
            } else {
                self.send_digest(to, false);
            }
        }
    }

    /// A peer's message has arrived. The transport vouches for `from`.
    pub fn receive(
        &mut self,
        now: Duration,
        from: NodeId,
        message: Message,
        records: &dyn Records,
    ) {
        if self.members.contains(from) {
            self.peers.entry(from).or_default().heard = Some(now);
        } else if !self.members.is_empty() {
            self.counters.strangers += 1;
            return;
        }
        match message {
            Message::Push { frame, hops } => self.pushed(now, from, frame, hops, records),
            Message::Digest { merged, published, digests } => {
                self.acknowledged(now, from, &published, &digests);
                self.compare(now, from, &merged);
            }
            Message::Pull { origin, after, base, nonce } => {
                let question = Question { to: self.config.me, origin, after, base, nonce };
                self.answer(from, question, records);
            }
            Message::PullReply { nonce, answer, frame, cut, next, replaces } => {
                self.page(now, from, Page { nonce, answer, frame, cut, next, replaces }, records);
            }
            Message::Ack { published, digests } => {
                self.acknowledged(now, from, &published, &digests);
            }
            Message::Ping { nonce } => self.send(from, Lane::Urgent, Message::Pong { nonce }),
            Message::Pong { nonce } => self.ponged(now, from, nonce),
            Message::Probe { nonce, groups } => self.confirm(from, nonce, groups),
            Message::Echo { nonce, positions } => {
                self.staleness.echoed(from, nonce, &positions, &self.published);
            }
            Message::Swim(packet) => {
                let packets = self.liveness.receive(now, &packet);
                self.swim(packets);
            }
        }
    }

    /// A `ReadIndex` answered for those groups that this node leads: the position of each.
    pub fn confirmed(&mut self, _now: Duration, id: ConfirmId, positions: Vec<(Origin, u64)>) {
        let Some((from, nonce)) = self.confirms.remove(&id) else { return };
        if from == self.config.me {
            self.staleness.echoed(from, nonce, &positions, &self.published);
        } else {
            self.send(from, Lane::Urgent, Message::Echo { nonce, positions });
        }
    }

    /// What to do next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A number that this machine has not used before, greater than all that it has.
    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn send(&mut self, to: NodeId, lane: Lane, message: Message) {
        if to != self.config.me {
            self.outputs.push_back(Output::Send { to, lane, message });
        }
    }

    fn swim(&mut self, packets: Vec<(NodeId, bytes::Bytes)>) {
        for (to, packet) in packets {
            self.send(to, Lane::Urgent, Message::Swim(packet));
        }
    }

    fn alarm(&mut self, alarm: Alarm) {
        self.outputs.push_back(Output::Alarm(alarm));
    }

    /// Asks the driver how far `groups` are, on behalf of `from`.
    fn confirm(&mut self, from: NodeId, nonce: u64, groups: Vec<GroupId>) {
        let id = self.next_number();
        self.confirms.insert(id, (from, nonce));
        while self.confirms.len() > UNDER_WAY_MAX {
            self.confirms.pop_first();
        }
        self.outputs.push_back(Output::Confirm { id, groups });
    }

    fn is_own(&self, origin: Origin) -> bool {
        match origin.group() {
            Some(group) => self.own.contains(&group),
            None => self.own_node == Some(origin),
        }
    }

    /// A peer has writes of this node that this node has not: its store lost what it had promised. It must not number on from there.
    fn look_for_forgotten(&mut self, from: NodeId, clock: &Clock) {
        let Some(origin) = self.own_node else { return };
        let sequence = clock.get(origin);
        if sequence > self.merged.get(origin) {
            self.own_node = None;
            self.alarm(Alarm::Forgotten { from, dot: Dot { origin, sequence } });
        }
    }

    fn others(&self) -> Vec<NodeId> {
        self.members.nodes().iter().copied().filter(|n| *n != self.config.me).collect()
    }
}

#[cfg(test)]
mod tests;
