//! A world of convergence machines under an event loop of its own: no thread, no task, no time but its own.
//!
//! Events lie in a heap, ordered by (time, number); whatever is drawn comes from streams of random numbers that follow from the seed. So
//! a seed is a run, and two runs of one seed are the same to the last event: [`World::fingerprint`] is a sum over all of them.

mod containing;
mod damage;
mod driving;
mod moving;
mod sending;
mod serving;
mod striking;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    fmt::Write as _,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tidegate_replica::{Clock, ConfirmId, Dot, GroupId, Members, Message, NodeId, Origin, Record};

use self::moving::Moving;
use super::{
    base::{self, Base},
    bug::Bug,
    counts::Counts,
    disk::Disk,
    home::{Home, origin},
    invariants::{Homes, Judge, Lanes, Mask},
    layout::{self, MEMBERS},
    net::{Net, Way},
    node::Node,
    plan::{Event as Planned, Plan},
    state::PAGE_RECORDS,
};
use crate::timeline::Timeline;

/// How often time alone is told to a machine.
const TICK: Duration = Duration::from_millis(20);
/// How often homes look whether they are led.
const GOVERN: Duration = Duration::from_millis(100);

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) enum Parcel {
    Whole(Box<Message>),
    Bytes(Bytes),
}

impl Parcel {
    /// The message in it, for who writes it down.
    fn message(&self) -> Option<Message> {
        match self {
            Self::Whole(message) => Some((**message).clone()),
            Self::Bytes(bytes) => Message::decode(bytes.clone()).ok(),
        }
    }
}

/// What happens.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Tick {
        node: NodeId,
        life: u32,
    },
    Deliver {
        way: Way,
        parcel: Parcel,
    },
    Synced {
        node: NodeId,
        life: u32,
    },
    Confirmed {
        node: NodeId,
        life: u32,
        id: ConfirmId,
        positions: Vec<(Origin, u64)>,
    },
    Begin(usize),
    End(usize),
    Write(GroupId),
    Act(usize),
    Govern,
    /// Whoever leads a group looks at the moves of the account.
    Moves,
    /// A client of the account does something.
    Account(usize),
}

impl Event {
    /// A number for the sum over all events: what, and to whom.
    fn code(&self) -> (u64, u64) {
        match self {
            Self::Tick { node, .. } => (1, node.0),
            Self::Deliver { way: (from, to), .. } => (2 + (from.0 << 8), to.0),
            Self::Synced { node, .. } => (3, node.0),
            Self::Confirmed { node, id, .. } => (4, node.0 ^ id.rotate_left(20)),
            Self::Begin(n) => (5, *n as u64),
            Self::End(n) => (6, *n as u64),
            Self::Write(group) => (7, u64::from(group.0)),
            Self::Act(n) => (8, *n as u64),
            Self::Govern => (9, 0),
            Self::Moves => (10, 0),
            Self::Account(n) => (11, *n as u64),
        }
    }
}

/// An event and when it is due. The heap gives the earliest first.
#[derive(Debug)]
struct Due {
    at: Duration,
    number: u64,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// What a world is made of beside its plan.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is switched by itself")]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) bug: Bug,
    pub(crate) mask: Mask,
    /// Every event is written down.
    pub(crate) trace: bool,
    /// What a person would look at is kept for a timeline.
    pub(crate) timeline: bool,
    /// Answers and views are compared with the log; not in a world of scale.
    pub(crate) checks: bool,
    /// Records of a page.
    pub(crate) page_records: usize,
    /// The keys of the accounts' groups exist from the start.
    pub(crate) filled: bool,
}

impl Options {
    pub(crate) fn new(seed: u64, bug: Bug, mask: Mask) -> Self {
        let page_records = PAGE_RECORDS;
        Self {
            seed,
            bug,
            mask,
            trace: false,
            timeline: false,
            checks: true,
            page_records,
            filled: false,
        }
    }
}

/// A change of the directory that waits for its turn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Join(NodeId, usize),
    Leave(NodeId),
}

/// The positions of one node and origin, and when each was published.
type Published = BTreeMap<(NodeId, Origin), Vec<(u64, Duration)>>;

/// A world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) plan: Plan,
    pub(crate) options: Options,
    heap: BinaryHeap<Due>,
    number: u64,
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    pub(crate) homes: Homes,
    pub(crate) net: Net,
    held: BTreeMap<Way, Vec<Parcel>>,
    /// Whom and which ways each fault that has begun struck.
    struck: BTreeMap<usize, (Vec<NodeId>, Vec<Way>)>,
    pub(super) changes: VecDeque<Change>,
    next_node: u64,
    sessions: Vec<Clock>,
    /// When a leader stamped a change, in true time.
    stamps: BTreeMap<(NodeId, Dot), Duration>,
    published: Published,
    poison: BTreeSet<Dot>,
    /// What nodes wrote themselves, and what came of it.
    pub(crate) lanes: Lanes,
    /// The account that moves, where the plan moves it.
    moving: Option<Moving>,
    pub(crate) judge: Judge,
    pub(crate) counts: Counts,
    /// What one node asked, and what it was sent, where somebody wants to know.
    pub(crate) toll: Option<(NodeId, Counts)>,
    pub(crate) timeline: Timeline,
    pub(crate) trace: String,
    pub(crate) fingerprint: u64,
    /// Faults, and writes of clients, come to an end.
    healed: bool,
    random: Streams,
    /// The members as bytes, and what they are: one value for all nodes.
    known: (Bytes, Arc<Members>),
}

/// One stream of random numbers for each purpose: a fault less changes no message that comes before it.
#[derive(Debug)]
struct Streams {
    net: ChaCha8Rng,
    work: ChaCha8Rng,
    lives: ChaCha8Rng,
    account: ChaCha8Rng,
}

/// Whether a record is one that the nodes' build can't read.
pub(crate) fn is_poison(record: &Record) -> bool {
    record.value.as_ref().is_some_and(|v| v.starts_with(b"poison"))
}

impl World {
    pub(crate) fn new(plan: Plan, options: Options) -> Self {
        let stream = |n: u64| ChaCha8Rng::seed_from_u64(options.seed ^ n.rotate_left(40));
        let random =
            Streams { net: stream(1), work: stream(2), lives: stream(3), account: stream(4) };
        let layout = &plan.layout;
        let mut homes: Homes = layout
            .groups
            .iter()
            .map(|(g, voters)| (*g, Home::new(*g, voters.clone(), options.checks)))
            .collect();
        let members = layout::encode(&layout.members());
        if let Some(directory) = homes.get_mut(&GroupId::DIRECTORY) {
            directory.commit(Duration::ZERO, 0, vec![(MEMBERS.into(), Some(members))]);
        }
        let mut world = Self {
            now: Duration::ZERO,
            heap: BinaryHeap::new(),
            number: 0,
            nodes: BTreeMap::new(),
            net: Net::new(layout.latency.clone(), plan.weather),
            held: BTreeMap::new(),
            struck: BTreeMap::new(),
            changes: VecDeque::new(),
            next_node: layout.nodes.len() as u64,
            sessions: vec![Clock::default(); plan.clients as usize],
            stamps: BTreeMap::new(),
            published: BTreeMap::new(),
            poison: BTreeSet::new(),
            lanes: Lanes::default(),
            moving: None,
            judge: Judge::new(&options.mask),
            counts: Counts::default(),
            toll: None,
            timeline: Timeline::default(),
            trace: String::new(),
            fingerprint: 0,
            healed: false,
            random,
            known: (Bytes::new(), Arc::default()),
            homes,
            plan,
            options,
        };
        world.found();
        world
    }

    /// The nodes of the beginning: each has the directory on its disk, as whoever founds a cluster gives it.
    fn found(&mut self) {
        let first = self.homes.get(&GroupId::DIRECTORY).and_then(|d| d.entries.first());
        let frame = first.map(|e| e.frame.clone());
        let groups = self.homes.keys().copied().filter(|g| *g != GroupId::DIRECTORY);
        let base =
            if self.options.filled { base::fill(groups, self.plan.keys) } else { Base::new() };
        for home in self.homes.values_mut().filter(|h| base.contains_key(&h.group)) {
            home.begin_at(base::POSITION);
        }
        for (id, region) in self.plan.layout.nodes.clone() {
            let mut disk = Disk::new(self.options.bug, self.options.page_records);
            disk.written.stand_on(&base);
            disk.durable.stand_on(&base);
            if let Some(frame) = &frame {
                let mut rows =
                    super::state::Rows { records: frame.records.clone(), ..Default::default() };
                rows.clock.advance(frame.origin, frame.upto);
                disk.written.apply(&rows);
                disk.durable.apply(&rows);
            }
            self.nodes.insert(id, Node::new(region, disk));
            self.start(id);
        }
        for home in self.homes.values() {
            if let Some(leader) = self.nodes.get_mut(&home.leader) {
                leader.thinks_it_leads.insert(home.group);
            }
        }
        for n in 0..self.plan.events.len() {
            if let Some(Planned { start, end, .. }) = self.plan.events.get(n).copied() {
                self.schedule_at(start, Event::Begin(n));
                self.schedule_at(end, Event::End(n));
            }
        }
        for group in self.homes.keys().copied().collect::<Vec<_>>() {
            self.schedule(Duration::from_millis(100), Event::Write(group));
        }
        for session in 0..self.sessions.len() {
            self.schedule(Duration::from_millis(100), Event::Act(session));
        }
        self.schedule(GOVERN, Event::Govern);
        self.found_account();
    }

    pub(crate) fn schedule_at(&mut self, at: Duration, event: Event) {
        self.number += 1;
        self.heap.push(Due { at, number: self.number, event });
    }

    pub(crate) fn schedule(&mut self, after: Duration, event: Event) {
        self.schedule_at(self.now + after, event);
    }

    /// Lets everything happen up to a time, unless something does not hold.
    pub(crate) fn run_until(&mut self, end: Duration) {
        while self.judge.violations.is_empty()
            && let Some(due) = self.heap.peek().map(|d| d.at)
            && due <= end
            && let Some(Due { at, number, event }) = self.heap.pop()
        {
            self.now = at;
            let (what, whom) = event.code();
            let code = u64::try_from(at.as_nanos()).unwrap_or(0) ^ what.rotate_left(24) ^ whom;
            self.fingerprint = (self.fingerprint ^ code ^ number.rotate_left(48))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29);
            if self.options.trace {
                self.write_down(&event);
            }
            self.counts.events += 1;
            self.happen(event);
        }
        self.now = self.now.max(end);
    }

    fn write_down(&mut self, event: &Event) {
        let now = self.now;
        let written = match event {
            Event::Deliver { way: (from, to), parcel } => {
                writeln!(self.trace, "{now:?} {from} to {to}: {:?}", parcel.message())
            }
            other => writeln!(self.trace, "{now:?} {other:?}"),
        };
        debug_assert!(written.is_ok(), "a text takes every line");
    }

    /// What a person would look at.
    pub(crate) fn mark(
        &mut self,
        node: NodeId,
        kind: &'static str,
        label: impl FnOnce() -> String,
    ) {
        if self.options.timeline {
            self.timeline.mark(&node.to_string(), self.now, kind, label());
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick { node, life } => self.tick(node, life),
            Event::Deliver { way, parcel } => self.deliver(way, parcel),
            Event::Synced { node, life } => self.synced(node, life),
            Event::Confirmed { node, life, id, positions } => {
                self.confirmed(node, life, id, positions);
            }
            Event::Begin(n) => self.begin(n),
            Event::End(n) => self.end(n),
            Event::Write(group) => self.write(group),
            Event::Act(session) => self.act(session),
            Event::Govern => self.govern(),
            Event::Moves => self.look_at_moves(),
            Event::Account(session) => self.work_on_account(session),
        }
    }

    /// Whether a node is up, does not stand still, and is heard and hears.
    pub(crate) fn acts(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(Node::acts)
    }

    /// A number from 0 up to this.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.random.work.random_range(0..n.max(1))
    }

    /// Where a node stands in a group, as it decides.
    pub(crate) fn stands(&self, node: NodeId, group: GroupId) -> u64 {
        self.nodes.get(&node).map_or(0, |n| n.disk.view().clock.get(origin(group)))
    }

    /// The members as the directory has them now.
    pub(crate) fn members(&self) -> Vec<tidegate_replica::Member> {
        let directory = self.homes.get(&GroupId::DIRECTORY);
        let record = directory.and_then(|d| d.newest(MEMBERS));
        record.and_then(|r| r.value.as_deref()).map(layout::decode).unwrap_or_default()
    }
}
