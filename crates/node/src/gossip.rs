//! The driver of the convergence machine: the only task that touches it.
//!
//! Inputs come through one bounded queue: what peers sent, what this node's groups committed, what calls want to know. Outputs go
//! to the peers' lanes, to the store and to the view, in the order that `replica::Replica` prescribes: a merge is durable before
//! it is published, and published before it is acknowledged.

mod merging;
mod own;
mod publishing;
mod queues;
mod vouched;

use core::sync::atomic::{AtomicBool, Ordering};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use parking_lot::Mutex;
use tidegate_policy::UnixMillis;
use tidegate_replica::{
    Alarm, Answer, Clock, Coverage, Dot, Frame, GroupId, Member, Message, NodeId, Origin, Output,
    PropagationEvent, Replica, Scope, Turns,
};
use tidegate_store::{Batch, NodeStore, StoreError, Tree};
use tokio::sync::{broadcast, mpsc, oneshot};

pub(crate) use self::queues::Queues;
use crate::{
    collection::Collection,
    divergence::Suspicions,
    gate::Gate,
    machine::{Digests, joining},
    peers::Peers,
    platform::Platform,
    region::RegionLane,
    telemetry::{
        metrics::{GroupLabel, Metrics, NodeLabel, RouteLabel},
        trace,
    },
    views::Views,
    vouching::{Refused, Vouched, Vouching},
};

/// Inputs that may wait for the driver. Past it peers and proposers wait.
pub(crate) const INPUTS_MAX: usize = 16_384;
/// Inputs about what nodes write that may wait.
const URGENT_MAX: usize = 4_096;
/// How often time alone is told to the machine.
const TICK: Duration = Duration::from_millis(10);
/// How often a full disk is tried again.
const ROOM_EVERY: Duration = Duration::from_millis(500);
/// How often a node writes down that its view is fresh, for the time after its next start.
const FRESH_NOTED_EVERY: Duration = Duration::from_secs(10);
/// Propagation events that a slow watcher may fall behind before it is told that it missed some.
const EVENTS_MAX: usize = 16_384;

/// What happened outside the machine.
#[derive(Debug)]
pub(crate) enum Input {
    /// A peer sent a message.
    Received { from: NodeId, message: Bytes },
    /// The same, read already.
    Said { from: NodeId, message: Message },
    /// A peer sent something that is not handed on.
    Refused { from: NodeId, refused: Refused },
    /// This node wrote a frame of its own, which is durable and in the view; `at`: when it began to.
    Appended { frame: Frame, at: Duration },
    /// A group that this node votes in committed and applied these frames, one behind the other; `at`: when it began to apply them.
    Committed { frames: Vec<Frame>, at: Duration, push: bool, digest: Vec<(GroupId, [u8; 32])> },
    /// The directory names other members now.
    Members(Vec<Member>),
    /// This node votes in these groups now.
    OwnGroups(Vec<GroupId>),
    /// It votes no more in a group that its log had brought only so far, less than gossip had before; the store has no more.
    LeftEarly { origin: Origin, stands: u64 },
    /// What this node has of a group that it does not vote in is wrong.
    FetchAnew(GroupId),
    /// Where past generations of groups ended.
    Ended(BTreeMap<GroupId, Vec<u64>>),
    /// A `ReadIndex` that the machine asked for has answered.
    Confirmed { id: tidegate_replica::ConfirmId, positions: Vec<(Origin, u64)> },
    /// A node that was evicted hands over what nodes wrote.
    HandedOver(Frame),
    /// Somebody asks who has arrived.
    Coverage { positions: Clock, scope: Scope, reply: oneshot::Sender<Coverage> },
    /// Somebody asks how everyone is.
    Status(oneshot::Sender<Status>),
}

/// What the machine knows of one peer.
#[derive(Clone, Debug)]
pub(crate) struct PeerStatus {
    pub(crate) node: NodeId,
    pub(crate) alive: bool,
    pub(crate) rtt: Option<Duration>,
    pub(crate) published: Clock,
}

/// What the machine knows.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) published: Clock,
    pub(crate) peers: Vec<PeerStatus>,
}

/// For each group the monotonic time that its published view is known to be no older than.
pub(crate) type Freshness = ArcSwap<BTreeMap<GroupId, Duration>>;

/// How the rest of the node reaches the driver.
#[derive(Clone, Debug)]
pub(crate) struct Gossip {
    pub(crate) inputs: mpsc::Sender<Input>,
    /// What nodes write, and what is said about it: taken before all else.
    urgent: mpsc::Sender<Input>,
    pub(crate) events: broadcast::Sender<PropagationEvent>,
    /// The last events, for who asks about a change that has arrived somewhere already.
    recent: Arc<Mutex<VecDeque<PropagationEvent>>>,
    pub(crate) freshness: Arc<Freshness>,
    /// Up to where tombstones may be collected.
    pub(crate) collectable: Arc<ArcSwap<Clock>>,
    /// Groups in which this node's state differed from a voter's.
    pub(crate) suspicions: Suspicions,
    /// Whether a commit was not handed over for want of room.
    full: Arc<AtomicBool>,
}

impl Gossip {
    /// The handle, and the queues that [`Driver::run`] empties.
    pub(crate) fn new() -> (Self, Queues) {
        let (inputs, rest) = mpsc::channel(INPUTS_MAX);
        let (urgent, first) = mpsc::channel(URGENT_MAX);
        let events = broadcast::Sender::new(EVENTS_MAX);
        (
            Self {
                inputs,
                urgent,
                events,
                recent: Arc::default(),
                freshness: Arc::default(),
                collectable: Arc::default(),
                suspicions: Suspicions::default(),
                full: Arc::default(),
            },
            Queues { urgent: first, rest, turns: Turns::default() },
        )
    }

    /// Hands the driver what a group has committed. Where its queue has no room it looks for itself once it has come so far.
    pub(crate) fn committed(&self, input: Input) -> bool {
        let handed = self.inputs.try_send(input).is_ok();
        if !handed {
            self.full.store(true, Ordering::Release);
        }
        handed
    }

    /// Whether the queue was full since this was asked last, and what was waiting in it has been taken.
    fn was_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
            && self.inputs.capacity() == self.inputs.max_capacity()
            && self.full.swap(false, Ordering::AcqRel)
    }

    /// Tells everyone who watches, and whoever asks soon.
    fn happened(&self, event: PropagationEvent) {
        let mut recent = self.recent.lock();
        if recent.len() == EVENTS_MAX {
            recent.pop_front();
        }
        recent.push_back(event.clone());
        drop(recent);
        let _listeners = self.events.send(event).unwrap_or(0);
    }

    /// What is remembered of the arrivals of these changes, the oldest first.
    pub(crate) fn remembered(&self, dots: &BTreeSet<Dot>) -> Vec<PropagationEvent> {
        self.recent.lock().iter().filter(|e| dots.contains(&e.dot)).cloned().collect()
    }

    /// Hands the driver an input, waiting while its queue is full. Nothing happens once the node stops.
    pub(crate) async fn tell(&self, input: Input) {
        if self.inputs.send(input).await.is_err() {
            tracing::trace!("the gossip has stopped");
        }
    }

    /// Hands the driver what may be lost: where its queue is full, it is.
    pub(crate) fn offer(&self, input: Input) {
        if self.inputs.try_send(input).is_err() {
            tracing::debug!("the gossip's queue is full; one message was lost");
        }
    }

    /// The same as [`tell`](Self::tell), ahead of all other inputs.
    pub(crate) async fn tell_urgent(&self, input: Input) {
        if self.urgent.send(input).await.is_err() {
            tracing::trace!("the gossip has stopped");
        }
    }

    /// How stale the views of `groups` may be at `now`: `None` while the home of one of them was never heard.
    pub(crate) fn staleness(&self, now: Duration, groups: &[GroupId]) -> Option<Duration> {
        oldest(&self.freshness.load(), now, groups)
    }
}

fn freshness_key() -> Bytes {
    NodeStore::group_key(GroupId::DIRECTORY, b"fresh")
}

fn write_freshness(store: &NodeStore, at: UnixMillis) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    batch.put(Tree::Meta, freshness_key(), at.0.to_be_bytes().to_vec());
    store.engine().apply(&batch)
}

/// When the view was known to be fresh last, as it was written down.
pub(crate) fn read_freshness(store: &NodeStore) -> Result<Option<UnixMillis>, StoreError> {
    if joining::any(store)? {
        return Ok(None);
    }
    let row = store.engine().get(Tree::Meta, &freshness_key())?;
    let bytes = row.and_then(|row| <[u8; 8]>::try_from(&*row).ok());
    Ok(bytes.map(|bytes| UnixMillis(u64::from_be_bytes(bytes))))
}

/// The greatest age at `now` among `groups`: `None` while one of them has none.
pub(crate) fn oldest(
    fresh: &BTreeMap<GroupId, Duration>,
    now: Duration,
    groups: &[GroupId],
) -> Option<Duration> {
    groups.iter().try_fold(Duration::ZERO, |oldest, group| {
        fresh.get(group).map(|since| oldest.max(now.saturating_sub(*since)))
    })
}

/// Asks groups for a `ReadIndex`, begun now, and gives the positions of those that this node leads.
pub(crate) type Confirm =
    Arc<dyn Fn(Vec<GroupId>) -> crate::platform::BoxFuture<Vec<(Origin, u64)>> + Send + Sync>;

/// Merges that are stored but not durable, and therefore not published.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    merges: Vec<tidegate_replica::MergeId>,
    records: Vec<tidegate_replica::Record>,
    positions: Clock,
    /// When the disk is tried again.
    again: Duration,
    /// Origins whose catch-up is not at its end: their records are in the store and not in the view.
    spilled: BTreeSet<Origin>,
    /// Groups of which the store has less than the view.
    hollow: BTreeSet<GroupId>,
    /// Groups that the next publication shows anew.
    anew: BTreeSet<GroupId>,
}

/// The task that drives the machine.
pub(crate) struct Driver {
    pub(crate) replica: Replica,
    pub(crate) gossip: Gossip,
    pub(crate) store: NodeStore,
    pub(crate) views: Arc<Views>,
    pub(crate) digests: Arc<Digests>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) confirm: Confirm,
    pub(crate) me: NodeId,
    pub(crate) home_region: String,
    /// What was merged and is not durable yet: the disk is full.
    pub(crate) waiting: Waiting,
    /// When the freshness was written down last.
    pub(crate) fresh_noted: Duration,
    /// Which tombstones may go.
    pub(crate) collection: Collection,
    /// Origins whose tombstones are being collected, and up to where.
    pub(crate) collecting: Clock,
    pub(crate) lane: Arc<RegionLane>,
    pub(crate) vouching: Arc<Vouching>,
    /// Whether peers have writes of this node that its store has lost.
    pub(crate) forgotten: bool,
    /// Answers to peers that are sent page by page, the one that waits longest first.
    pub(crate) answers: VecDeque<Answer>,
    /// When what is over was looked for last.
    pub(crate) swept: Duration,
}

impl Driver {
    /// Runs until the queue closes or the store fails.
    pub(crate) async fn run(mut self, mut queues: Queues) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while self.step(&mut queues, &mut ticks).await {}
    }

    /// Waits for something to happen, takes it with what else is there, and carries out what follows; `false`: the end.
    async fn step(&mut self, queues: &mut Queues, ticks: &mut tokio::time::Interval) -> bool {
        tokio::select! {
            biased;
            // First: where inputs never end, nodes must be told all the same that this one lives.
            _ = ticks.tick() => {
                self.look_at_own();
                let now = self.platform.monotonic();
                let records = Vouched { store: &self.store, vouching: &self.vouching };
                self.replica.tick(now, &records);
                self.let_through(now);
                if let Err(error) = self.collect(now) {
                    tracing::warn!(%error, "tombstones were not collected");
                    self.collecting = Clock::default();
                }
                self.tend_own(now).await;
            }
            input = queues.wait(), if self.answers.is_empty() => match input {
                Some(input) => self.take(input),
                None => return false,
            },
            // What came meanwhile goes before the next page.
            () = tokio::task::yield_now(), if !self.answers.is_empty() => {}
        }
        while let Some(input) = queues.next() {
            self.take(input);
        }
        queues.turns.end();
        self.answer_on();
        if let Err(error) = self.carry_out().await {
            tracing::error!(%error, "the store failed; this node merges no more");
            self.metrics.alarms.inc();
            self.store.committer().fail(&error);
            return false;
        }
        true
    }

    /// Tells what this node's own groups have published and the queue had no room for.
    fn look_at_own(&mut self) {
        let view = self.views.load();
        let ahead = |(origin, n): &(Origin, u64)| {
            origin.group().is_some_and(|g| self.replica.votes_in(g))
                && self.replica.published_clock().get(*origin) < *n
        };
        let reached: Clock = view.positions.iter().filter(ahead).collect();
        if reached.is_empty() || !self.gossip.was_full() {
            return;
        }
        let now = self.platform.monotonic();
        for (origin, upto) in reached.iter() {
            let after = self.replica.published_clock().get(origin);
            let frame =
                Frame { origin, after, upto, records: Vec::new(), trace: None, proof: None };
            self.replica.committed(now, frame, false);
        }
        let digests = self.digests.of(reached.iter().filter_map(|(o, _)| o.group()));
        self.replica.published(&reached, &digests);
    }

    fn take(&mut self, input: Input) {
        let now = self.platform.monotonic();
        match input {
            Input::Received { from, message } => match Message::decode(message) {
                Ok(message) => self.hear(now, from, message),
                Err(error) => {
                    tracing::warn!(%from, %error, "a message was set aside");
                    self.metrics.alarms.inc();
                }
            },
            Input::Said { from, message } => self.hear(now, from, message),
            Input::Refused { from, refused: Refused { dot, why } } => {
                self.replica.refused(now, from, dot, why);
            }
            Input::Appended { frame, at } => {
                let reached = Clock::from_iter([(frame.origin, frame.upto)]);
                self.replica.appended(at, &frame);
                self.replica.published(&reached, &[]);
            }
            Input::Committed { frames, at, push, digest } => {
                let reached: Clock = frames.iter().map(|f| (f.origin, f.upto)).collect();
                for frame in frames {
                    let span = tracing::info_span!("push", node = %self.me, origin = %frame.origin, upto = frame.upto);
                    trace::follow(&span, frame.trace.as_deref());
                    let _in_span = span.enter();
                    self.replica.committed(at, frame, push);
                }
                self.replica.published(&reached, &digest);
            }
            Input::HandedOver(frame) => self.replica.handed_over(frame, &self.store),
            Input::Members(members) => self.replica.set_members(members),
            Input::OwnGroups(groups) => self.replica.set_own_groups(groups),
            Input::LeftEarly { origin, stands } => {
                self.replica.lost(origin, stands);
                self.waiting.hollow.extend(origin.group());
            }
            Input::FetchAnew(group) => self.fetch_anew(group),
            Input::Ended(ended) => self.replica.set_ended(ended),
            Input::Confirmed { id, positions } => self.replica.confirmed(now, id, positions),
            Input::Coverage { positions, scope, reply } => {
                drop(reply.send(self.replica.coverage(&positions, &scope)));
            }
            Input::Status(reply) => drop(reply.send(self.status())),
        }
    }

    fn status(&self) -> Status {
        let peer = |m: &Member| PeerStatus {
            node: m.node,
            alive: self.replica.is_alive(m.node),
            rtt: self.replica.rtt(m.node),
            published: self.replica.peer_clock(m.node).cloned().unwrap_or_default(),
        };
        Status {
            published: self.replica.published_clock().clone(),
            peers: self.replica.members().map(peer).collect(),
        }
    }

    async fn carry_out(&mut self) -> Result<(), StoreError> {
        loop {
            let (mut merges, mut stored) = (Vec::new(), false);
            while let Some(output) = self.replica.poll() {
                match output {
                    Output::Send { to, lane, message } => {
                        self.peers.send(to, lane, message.encode());
                    }
                    Output::Merge(batch) => merges.push(batch),
                    Output::Check(state) => {
                        // It rests on all that was merged before.
                        stored |= !merges.is_empty();
                        self.merge(core::mem::take(&mut merges))?;
                        self.check(state)?;
                    }
                    Output::Answer(answer) => self.answer_later(answer),
                    Output::Confirm { id, groups } => self.confirm(id, groups),
                    Output::Propagated(event) => self.propagated(event),
                    Output::Alarm(alarm) => self.alarm(&alarm),
                }
            }
            self.refresh();
            let waits =
                !self.waiting.merges.is_empty() && self.platform.monotonic() >= self.waiting.again;
            if merges.is_empty() && !stored && !waits {
                return Ok(());
            }
            self.merge_in_steps(merges).await?;
            self.settle().await?;
        }
    }

    fn confirm(&self, id: tidegate_replica::ConfirmId, groups: Vec<GroupId>) {
        let positions = (self.confirm)(groups);
        let gossip = self.gossip.clone();
        tokio::spawn(async move {
            let positions = positions.await;
            gossip.tell(Input::Confirmed { id, positions }).await;
        });
    }

    fn propagated(&self, event: PropagationEvent) {
        for (bound, duration) in [("upper", event.upper), ("estimate", event.estimate)] {
            let route = RouteLabel {
                from_region: self.home_region.clone(),
                to_region: event.region.to_string(),
                bound,
            };
            let own = event.dot.origin.group().is_none();
            let family = if own { &self.metrics.region_ack } else { &self.metrics.propagation };
            family.get_or_create(&route).observe(duration.as_secs_f64());
        }
        // Nobody listening is no failure.
        self.gossip.happened(event);
    }

    fn alarm(&mut self, alarm: &Alarm) {
        self.metrics.alarms.inc();
        self.forgotten |= matches!(alarm, Alarm::Forgotten { .. });
        if let Alarm::DigestMismatch { with, group } = alarm {
            self.metrics.digest_mismatches.inc();
            self.suspect(*with, *group);
        }
        tracing::error!(%alarm, "something is wrong that a person must look at");
    }

    /// Lets the decision path know how fresh each group is, without asking this task.
    fn refresh(&mut self) {
        let now = self.platform.monotonic();
        let groups = self.replica.members().flat_map(|m| m.voter_of.iter().copied());
        let fresh: BTreeMap<GroupId, Duration> =
            groups.filter_map(|g| self.replica.fresh_since(g).map(|t| (g, t))).collect();
        for (group, since) in &fresh {
            let age = now.saturating_sub(*since).as_secs_f64();
            self.metrics.staleness.get_or_create(&GroupLabel { group: group.0 }).set(age);
        }
        for member in self.replica.members() {
            if let Some(heard) = self.replica.heard(member.node) {
                let label = NodeLabel { node: member.node.to_string() };
                self.metrics
                    .peer_last_heard
                    .get_or_create(&label)
                    .set(now.saturating_sub(heard).as_secs_f64());
            }
        }
        self.note_freshness(now, &fresh);
        if **self.gossip.freshness.load() != fresh {
            self.gossip.freshness.store(Arc::new(fresh));
        }
    }

    /// Writes down now and then when the whole view was fresh, on this node's own wall clock. It becomes durable with the next sync.
    fn note_freshness(&mut self, now: Duration, fresh: &BTreeMap<GroupId, Duration>) {
        if now.saturating_sub(self.fresh_noted) < FRESH_NOTED_EVERY {
            return;
        }
        let groups: Vec<GroupId> =
            self.replica.members().flat_map(|m| m.voter_of.iter().copied()).collect();
        let Some(age) = oldest(fresh, now, &groups).filter(|_| !groups.is_empty()) else { return };
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let at = UnixMillis(self.platform.real_wall().0.saturating_sub(age));
        match write_freshness(&self.store, at) {
            Ok(()) => self.fresh_noted = now,
            Err(error) => tracing::warn!(%error, "the freshness was not written down"),
        }
    }
}

#[cfg(test)]
mod tests;
