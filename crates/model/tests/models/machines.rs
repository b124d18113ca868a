//! Real convergence machines on real stores as parts of a state.
//!
//! A machine can't be copied, but it is a function of what it was given: so a state holds that, and each step makes the machine anew. Two
//! states count as one only where their stores and views are the same, and all of the machines that convergence goes by: what is merged,
//! durable and published, what is known of the peers, pulls under way, and frames that wait. Random numbers, counters, liveness and
//! measurements are left out: no step of these models goes by them.

use core::hash::{Hash, Hasher};
use std::{collections::BTreeMap, hash::DefaultHasher, sync::Arc, time::Duration};

use bytes::Bytes;
use tidegate_replica::{
    Clock, Dot, Frame, GroupId, Header, Member, Message, NodeId, Origin, Output, RangePage, Record,
    Records, RegionName, Replica, ReplicaConfig, Stamp,
};
use tidegate_store::{Change, Committer, Engine, MemoryEngine, NodeStore};

pub(crate) const GROUP: GroupId = GroupId(1);
pub(crate) const LOG: Origin = Origin::Group { group: GROUP, generation: 0 };

/// What a node writes itself.
pub(crate) fn own(node: u64, incarnation: u32) -> Origin {
    Origin::Node { node: NodeId(node), incarnation }
}

/// One write of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) index: u64,
    pub(crate) key: &'static str,
    pub(crate) value: Option<&'static str>,
}

impl Entry {
    fn frame(self) -> Frame {
        let dot = Dot { origin: LOG, sequence: self.index };
        let stamp = Stamp { epoch: 0, revision: self.index };
        let value = self.value.map(Bytes::from);
        let record = Record { key: self.key.into(), value, stamp, dot };
        let (after, upto) = (self.index - 1, self.index);
        Frame { origin: LOG, after, upto, records: vec![record], trace: None, proof: None }
    }
}

/// What a log says up to a position.
pub(crate) fn fold(log: &[Entry], upto: u64) -> BTreeMap<Bytes, Bytes> {
    let mut all = BTreeMap::new();
    for entry in log.iter().filter(|e| e.index <= upto) {
        match entry.value {
            Some(value) => all.insert(entry.key.into(), value.into()),
            None => all.remove(entry.key.as_bytes()),
        };
    }
    all
}

/// Positions, in their order.
pub(crate) type Positions = Vec<(Origin, u64)>;

fn positions(clock: &Clock) -> Positions {
    clock.iter().collect()
}

fn at(positions: &Positions, origin: Origin) -> u64 {
    positions.iter().find(|(o, _)| *o == origin).map_or(0, |(_, n)| *n)
}

/// What a node is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Input {
    /// Who belongs to the cluster, and whether it votes in the group.
    Members(Vec<(u64, bool)>),
    /// Whether the group is fed by its log here.
    Own(bool),
    /// Under which incarnation it writes.
    WriteAs(u32),
    /// A message of a peer.
    Hear(u64, Bytes),
    /// So much time that whoever owes an answer is asked no longer.
    Wait,
    /// It leads the group, which has committed.
    Lead(Entry),
    /// It votes in the group and applies an entry. `true`: it shows what its log says.
    Follow(Entry, bool),
    /// What it had of the group goes, since the log will bring it.
    Forget,
    /// It votes no more. `true`: it shows whatever comes from then on at once, a deliberate bug.
    Leave(bool),
    /// It writes a record of its own.
    Append(&'static str, u64),
    /// Tombstones of the group go, up to here.
    Collect(u64),
}

/// A store whose floors are not told: a deliberate bug.
struct WithoutFloors<'a>(&'a NodeStore);

impl Records for WithoutFloors<'_> {
    fn header(&self, key: &[u8]) -> Option<Header> {
        self.0.header(key)
    }

    fn range(&self, origin: Origin, after: u64, limit_bytes: usize) -> RangePage {
        self.0.range(origin, after, limit_bytes)
    }

    fn floor(&self, _origin: Origin) -> u64 {
        0
    }
}

/// A node at work.
struct Machine {
    me: u64,
    replica: Replica,
    store: NodeStore,
    view: BTreeMap<Bytes, Bytes>,
    /// The view has more of the group than the store.
    hollow: bool,
    shows_all: bool,
    now: Duration,
    floors: bool,
}

/// Each node has a region of its own: so nobody passes a push on, and fewer things are under way.
fn region(node: u64) -> RegionName {
    RegionName::new(&format!("r{node}")).unwrap()
}

impl Machine {
    fn new(me: u64, life: u64, floors: bool) -> Self {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::default());
        let store = NodeStore::open(Arc::clone(&engine), Committer::inline(engine)).unwrap();
        let config = ReplicaConfig::new(NodeId(me), region(me));
        let replica = Replica::new(config, Clock::default(), 100 * life + me);
        let (view, now) = (BTreeMap::new(), Duration::ZERO);
        Self { me, replica, store, view, hollow: false, shows_all: false, now, floors }
    }

    fn show(&mut self, changes: Vec<Change>) {
        for Change { new, .. } in changes {
            match new.value {
                Some(value) => self.view.insert(new.key, value),
                None => self.view.remove(&new.key),
            };
        }
    }

    /// What a voter's log has brought, all of it.
    fn show_stored(&mut self) {
        self.view.clear();
        let mut live = BTreeMap::new();
        let stored = self.store.for_each_record(|r| drop(r.value.map(|v| live.insert(r.key, v))));
        stored.unwrap();
        self.view = live;
    }

    fn store(&mut self, records: &[Record], clock: &Clock) -> Vec<Change> {
        let (batch, changes) = self.store.merge(records, clock, None).unwrap();
        self.store.engine().apply(&batch).unwrap();
        changes
    }

    fn hear(&mut self, from: u64, message: Message) {
        let from = NodeId(from);
        if self.floors {
            self.replica.receive(self.now, from, message, &self.store);
        } else {
            self.replica.receive(self.now, from, message, &WithoutFloors(&self.store));
        }
    }

    fn take(&mut self, input: &Input) -> Vec<(u64, Message)> {
        match input {
            Input::Members(members) => {
                let member = |(node, votes): &(u64, bool)| Member {
                    node: NodeId(*node),
                    region: region(*node),
                    voter_of: votes.then_some(GROUP).into_iter().collect(),
                };
                self.replica.set_members(members.iter().map(member));
            }
            Input::Own(votes) => self.replica.set_own_groups(votes.then_some(GROUP)),
            Input::WriteAs(incarnation) => self.replica.write_as(*incarnation),
            Input::Hear(from, bytes) => self.hear(*from, Message::decode(bytes.clone()).unwrap()),
            Input::Wait => {
                self.now += Duration::from_secs(2);
                self.replica.tick(self.now, &self.store);
            }
            Input::Lead(entry) | Input::Follow(entry, true) => {
                let frame = entry.frame();
                let reached = Clock::from_iter([(LOG, frame.upto)]);
                self.store(&frame.records, &reached);
                self.show_stored();
                self.replica.committed(self.now, frame, matches!(input, Input::Lead(_)));
                self.replica.published(&reached, &[]);
            }
            Input::Follow(entry, false) => {
                let frame = entry.frame();
                self.store(&frame.records, &Clock::from_iter([(LOG, frame.upto)]));
            }
            Input::Forget => {
                let batch = self.store.forget(LOG).unwrap();
                self.store.engine().apply(&batch).unwrap();
            }
            Input::Leave(shows_all) => {
                self.shows_all = *shows_all;
                self.replica.set_own_groups([]);
                let stands = self.store.position(LOG).unwrap();
                self.hollow = stands < self.replica.published_clock().get(LOG);
                self.replica.lost(LOG, stands);
            }
            Input::Append(key, sequence) => {
                let origin = own(self.me, 1);
                let dot = Dot { origin, sequence: *sequence };
                let stamp = Stamp { epoch: 0, revision: *sequence };
                let record = Record { key: (*key).into(), value: Some("1".into()), stamp, dot };
                let reached = Clock::from_iter([(origin, *sequence)]);
                let changes = self.store(core::slice::from_ref(&record), &reached);
                self.show(changes);
                let (after, upto) = (*sequence - 1, *sequence);
                let frame =
                    Frame { origin, after, upto, records: vec![record], trace: None, proof: None };
                self.replica.appended(self.now, &frame);
                self.replica.published(&reached, &[]);
            }
            Input::Collect(upto) => {
                let mut batch = tidegate_store::Batch::default();
                self.store.collect(LOG, *upto, 100, &[].into(), &mut batch).unwrap();
                self.store.engine().apply(&batch).unwrap();
            }
        }
        self.carry_out()
    }

    /// As the driver does: stored and durable, then in the view, then told.
    fn carry_out(&mut self) -> Vec<(u64, Message)> {
        let mut sent = Vec::new();
        while let Some(output) = self.replica.poll() {
            match output {
                Output::Send { to, message, .. } => sent.push((to.0, message)),
                Output::Merge(merge) => {
                    let (batch, changes) = self
                        .store
                        .merge(&merge.writes, &merge.clock, merge.replaced.as_ref())
                        .unwrap();
                    self.store.engine().apply(&batch).unwrap();
                    self.replica.persisted(self.now, merge.id);
                    if merge.publish && core::mem::take(&mut self.hollow) {
                        self.show_stored();
                    } else if merge.publish || self.shows_all {
                        self.show(changes);
                    }
                    self.replica.published(&merge.clock, &[]);
                }
                Output::Answer(answer) => self.replica.answer_on(answer, &self.store),
                Output::Check(state) => panic!("nobody vouches for anything here: {state:?}"),
                Output::Alarm(alarm) => panic!("n{}: {alarm}", self.me),
                Output::Confirm { .. } | Output::Propagated(_) => {}
            }
        }
        sent
    }

    fn seen(&self) -> Seen {
        let mut stored = Vec::new();
        self.store.for_each_record(|r| stored.push((r.key, r.value, r.dot))).unwrap();
        let mut inner = DefaultHasher::new();
        let all = format!("{:?}", self.replica);
        let (from, to) = (all.find(", own: ").unwrap(), all.find(", liveness: ").unwrap());
        assert!(
            [", merged: ", ", peers: ", ", pulls: ", ", early: "]
                .iter()
                .all(|f| all[from..to].contains(f))
        );
        all[from..to].hash(&mut inner);
        Seen {
            merged: positions(self.replica.merged_clock()),
            published: positions(self.replica.published_clock()),
            stable: positions(&self.replica.stable_clock()),
            view: self.view.clone(),
            stored,
            durable: positions(&self.store.clock().unwrap()),
            collected: self.store.collected(LOG).unwrap(),
            inner: inner.finish(),
        }
    }
}

/// All that there is to see of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    merged: Positions,
    published: Positions,
    stable: Positions,
    /// What it decides on.
    pub(crate) view: BTreeMap<Bytes, Bytes>,
    stored: Vec<(Bytes, Option<Bytes>, Dot)>,
    durable: Positions,
    /// Up to where its tombstones are gone.
    pub(crate) collected: u64,
    /// A sum over what convergence goes by in the machine.
    inner: u64,
}

/// A node as part of a state.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) me: u64,
    life: u64,
    floors: bool,
    inputs: Vec<Input>,
    pub(crate) seen: Arc<Seen>,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        (self.me, &self.seen) == (other.me, &other.seen)
    }
}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.me, &self.seen).hash(state);
    }
}

impl Node {
    /// A node with an empty store. `life` tells its random numbers from those of an earlier one; `floors`: whether it says which tombstones
    /// it has collected.
    pub(crate) fn new(me: u64, life: u64, floors: bool) -> Self {
        let seen = Arc::new(Machine::new(me, life, floors).seen());
        Self { me, life, floors, inputs: Vec::new(), seen }
    }

    /// Takes an input; gives what it sends.
    pub(crate) fn take(&mut self, input: Input) -> Vec<(u64, Message)> {
        let mut machine = Machine::new(self.me, self.life, self.floors);
        for before in &self.inputs {
            let _sent_then = machine.take(before);
        }
        let sent = machine.take(&input);
        self.inputs.push(input);
        self.seen = Arc::new(machine.seen());
        sent
    }

    /// Up to where it has merged an origin.
    pub(crate) fn merged(&self, origin: Origin) -> u64 {
        at(&self.seen.merged, origin)
    }

    /// Up to where it decides on an origin.
    pub(crate) fn published(&self, origin: Origin) -> u64 {
        at(&self.seen.published, origin)
    }

    /// Up to where its store says that it has an origin.
    pub(crate) fn durable(&self, origin: Origin) -> u64 {
        at(&self.seen.durable, origin)
    }

    /// Up to where all members decide on the group, as far as it has heard.
    pub(crate) fn stable(&self) -> u64 {
        at(&self.seen.stable, LOG)
    }

    /// What a restart would show of the group.
    pub(crate) fn stored(&self) -> BTreeMap<Bytes, Bytes> {
        let of_log = self.seen.stored.iter().filter(|(_, _, dot)| dot.origin == LOG);
        of_log.filter_map(|(key, value, _)| Some((key.clone(), value.clone()?))).collect()
    }

    /// How far it is, as it tells its peers.
    fn digest(&self) -> Message {
        let merged = self.seen.merged.iter().copied().collect();
        let published = self.seen.published.iter().copied().collect();
        Message::Digest { merged, published, digests: Vec::new() }
    }
}

/// Nodes, and the records that are under way between them: each may come at any time, in any order.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Nodes {
    pub(crate) all: Vec<Node>,
    pub(crate) net: std::collections::BTreeSet<(u64, u64, Bytes)>,
    /// How often each asked each.
    asked: BTreeMap<(u64, u64), u8>,
    /// Who hears nobody and is not heard.
    pub(crate) cut: Option<u64>,
}

impl Nodes {
    pub(crate) fn new(nodes: Vec<Node>) -> Self {
        Self { all: nodes, net: [].into(), asked: BTreeMap::new(), cut: None }
    }

    pub(crate) fn node(&self, id: u64) -> &Node {
        self.all.iter().find(|n| n.me == id).unwrap()
    }

    pub(crate) fn open(&self, a: u64, b: u64) -> bool {
        self.cut != Some(a) && self.cut != Some(b)
    }

    /// Gives a node an input. Questions and acknowledgements arrive at once, records when the model says so.
    pub(crate) fn give(&mut self, id: u64, input: Input) {
        let place = self.all.iter().position(|n| n.me == id).unwrap();
        let sent = self.all[place].take(input);
        for (to, message) in sent {
            match message {
                Message::Push { .. } | Message::PullReply { .. } => {
                    self.net.insert((id, to, message.encode()));
                }
                Message::Pull { .. } | Message::Ack { .. } if self.open(id, to) => {
                    self.give(to, Input::Hear(id, message.encode()));
                }
                _ => {}
            }
        }
    }

    /// What may arrive now.
    pub(crate) fn arriving(&self) -> impl Iterator<Item = &(u64, u64, Bytes)> {
        self.net.iter().filter(|(from, to, _)| self.open(*from, *to))
    }

    pub(crate) fn deliver(&mut self, (from, to, bytes): &(u64, u64, Bytes)) {
        self.net.remove(&(*from, *to, bytes.clone()));
        self.give(*to, Input::Hear(*from, bytes.clone()));
    }

    /// Whether a node would ask another for more of an origin, and has not done so too often; not while an answer is under way.
    pub(crate) fn may_ask(&self, asks: u64, source: u64, origin: Origin, times: u8) -> bool {
        let lacks = self.node(source).merged(origin) > self.node(asks).merged(origin);
        let answered = self.net.iter().any(|(from, to, _)| (*from, *to) == (source, asks));
        let asked = self.asked.get(&(asks, source)).copied().unwrap_or(0);
        lacks && !answered && asked < times && self.open(asks, source)
    }

    /// A node hears how far another is, long after it had heard anything.
    pub(crate) fn ask(&mut self, asks: u64, source: u64) {
        let asked = self.asked.entry((asks, source)).or_default();
        *asked = asked.saturating_add(1);
        self.give(asks, Input::Wait);
        let digest = self.node(source).digest().encode();
        self.give(asks, Input::Hear(source, digest));
    }
}
