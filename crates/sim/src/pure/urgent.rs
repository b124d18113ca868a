//! A quarantine beside a loaded ordered lane: how much later does it decide everywhere because of the changes that are in its way?
//!
//! The machines are real, and so is the order of turns in which the driver around each takes its inputs and carries out what follows. Each
//! step of it takes time here; each lane of a link has a bandwidth. So a change can really be in the way: in a driver's queue, on a
//! connection, or in a store's batch.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    time::Duration,
};

use tidegate_replica::{
    Clock, Dot, Frame, GroupId, Lane, Member, MergeBatch, Message, NodeId, Origin, Output, Record,
    Replica, ReplicaConfig, Stamp, Turn, Turns, Weight,
};

use super::{
    bug::Bug,
    home::origin,
    layout::region_name,
    state::{Rows, State},
};

/// Each node's region; the first three vote, the first leads.
const NODES: [(u64, usize); 5] = [(1, 0), (2, 0), (3, 0), (4, 1), (5, 2)];
/// One way, in milliseconds: 40, 80 and 120 between the regions.
const LATENCY: [[u64; 3]; 3] = [[0, 40, 120], [40, 0, 80], [120, 80, 0]];
/// Bytes a second of each of the two connections of a link: a tenth of a gigabit.
const BANDWIDTH: u64 = 12_500_000;
/// What an input costs the driver, what each record that is stored costs, and what a sync costs: more than they do on an idle machine.
const INPUT: Duration = Duration::from_micros(40);
const RECORD: Duration = Duration::from_micros(100);
const SYNC: Duration = Duration::from_millis(5);
/// What an output costs that is handed to a connection.
const OUTPUT: Duration = Duration::from_micros(4);
/// Entries that one step of applying gives to the driver.
const ENTRIES_AT_ONCE: u64 = 64;
/// How often time alone is told to a machine.
const TICK: Duration = Duration::from_millis(20);
const GROUP: GroupId = GroupId(1);
/// Nodes get to know each other first.
const WARM: Duration = Duration::from_secs(3);
/// The quarantine comes so long after the changes.
const LATER: Duration = Duration::from_millis(100);

/// What is in the way of a quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As it is: what nodes write goes first, on a connection of its own.
    Urgent,
    /// Deliberately wrong: everything in the order of its coming, on one connection.
    AsItComes,
}

#[derive(Debug)]
enum Input {
    Said(NodeId, Message),
    Committed(Vec<Frame>),
    Appended(Frame),
}

#[derive(Debug)]
enum Event {
    Tick(NodeId),
    /// The driver is ready for its next input.
    Take(NodeId),
    /// What followed from the inputs is durable.
    Done(NodeId, Vec<MergeBatch>),
    Arrive(NodeId, Input),
}

#[derive(Debug)]
struct Node {
    replica: Replica,
    store: State,
    urgent: VecDeque<Input>,
    rest: VecDeque<Input>,
    turns: Turns,
    /// Whether it waits for an input.
    waits: bool,
}

impl Input {
    fn is_urgent(&self) -> bool {
        match self {
            Self::Appended(_) => true,
            Self::Committed(_) => false,
            Self::Said(_, message) => message.is_urgent(),
        }
    }

    fn weight(&self) -> Weight {
        match self {
            Self::Appended(frame) => frame.weight(),
            Self::Said(_, message) => message.weight(),
            Self::Committed(frames) => {
                let mut weight = Weight::default();
                for frame in frames {
                    weight += frame.weight();
                }
                weight
            }
        }
    }
}

#[derive(Debug)]
struct World {
    now: Duration,
    order: Order,
    nodes: BTreeMap<NodeId, Node>,
    events: BTreeMap<u64, Event>,
    due: BinaryHeap<Reverse<(Duration, u64)>>,
    number: u64,
    /// When each lane has sent what it was given.
    free: BTreeMap<(NodeId, NodeId, Lane), Duration>,
}

fn own() -> Origin {
    Origin::Node { node: NodeId(1), incarnation: 1 }
}

fn record(origin: Origin, sequence: u64, key: [u8; 5], bytes: usize) -> Record {
    Record {
        key: key.to_vec().into(),
        value: Some(vec![7; bytes].into()),
        stamp: Stamp { epoch: 0, revision: sequence },
        dot: Dot { origin, sequence },
    }
}

fn frame(record: Record) -> Frame {
    let Dot { origin, sequence } = record.dot;
    Frame {
        origin,
        after: sequence - 1,
        upto: sequence,
        records: vec![record],
        trace: None,
        proof: None,
    }
}

impl World {
    fn new(order: Order) -> Self {
        let member = |(node, region): (u64, usize)| Member {
            node: NodeId(node),
            region: region_name(region),
            voter_of: if region == 0 { vec![GROUP] } else { Vec::new() },
        };
        let mut world = Self {
            now: Duration::ZERO,
            order,
            nodes: BTreeMap::new(),
            events: BTreeMap::new(),
            due: BinaryHeap::new(),
            number: 0,
            free: BTreeMap::new(),
        };
        for (id, region) in NODES {
            let id = NodeId(id);
            let config = ReplicaConfig::new(id, region_name(region));
            let mut replica = Replica::new(config, Clock::default(), id.0);
            replica.set_members(NODES.map(member));
            replica.set_own_groups((region == 0).then_some(GROUP));
            replica.write_as(1);
            let store = State::new(Bug::None, 2_000);
            let (urgent, rest) = (VecDeque::new(), VecDeque::new());
            let (turns, waits) = (Turns::default(), true);
            world.nodes.insert(id, Node { replica, store, urgent, rest, turns, waits });
            world.at(Duration::from_micros(700 * id.0), Event::Tick(id));
        }
        world
    }

    fn at(&mut self, time: Duration, event: Event) {
        self.number += 1;
        self.events.insert(self.number, event);
        self.due.push(Reverse((time, self.number)));
    }

    fn run_until(&mut self, end: Duration) {
        while let Some(Reverse((time, number))) = self.due.peek().copied()
            && time <= end
        {
            self.due.pop();
            self.now = time;
            match self.events.remove(&number) {
                Some(Event::Tick(id)) => {
                    let now = self.now;
                    if let Some(node) = self.nodes.get_mut(&id) {
                        node.replica.tick(now, &node.store);
                    }
                    self.wake(id);
                    self.at(now + TICK, Event::Tick(id));
                }
                Some(Event::Take(id)) => self.take(id),
                Some(Event::Done(id, merges)) => self.carry_out(id, merges),
                Some(Event::Arrive(id, input)) => {
                    let first = self.order == Order::Urgent && input.is_urgent();
                    if let Some(node) = self.nodes.get_mut(&id) {
                        if first { &mut node.urgent } else { &mut node.rest }.push_back(input);
                    }
                    self.wake(id);
                }
                None => {}
            }
        }
        self.now = end;
    }

    fn wake(&mut self, id: NodeId) {
        let now = self.now;
        if let Some(node) = self.nodes.get_mut(&id).filter(|n| n.waits) {
            node.waits = false;
            self.at(now, Event::Take(id));
        }
    }

    /// One input, or the end of taking.
    fn take(&mut self, id: NodeId) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let turn = node.turns.next(!node.urgent.is_empty(), !node.rest.is_empty());
        let input = match turn {
            Turn::Urgent => node.urgent.pop_front(),
            Turn::Rest => node.rest.pop_front(),
            Turn::Ends => None,
        };
        if let Some(input) = &input {
            node.turns.took(turn == Turn::Urgent, input.weight());
        }
        let mut cost = INPUT;
        match input {
            Some(Input::Said(from, message)) => {
                node.replica.receive(now, from, message, &node.store);
            }
            Some(Input::Committed(frames)) => {
                cost *= u32::try_from(frames.len()).unwrap_or(u32::MAX);
                let reached = frames.iter().map(|f| (f.origin, f.upto)).collect();
                for frame in frames {
                    let rows = Rows { records: frame.records.clone(), ..Rows::default() };
                    node.store.apply(&rows);
                    node.replica.committed(now, frame, id == NodeId(1));
                }
                node.store.apply(&Rows { clock: Clock::clone(&reached), ..Rows::default() });
                node.replica.published(&reached, &[]);
            }
            Some(Input::Appended(frame)) => {
                node.replica.appended(now, &frame);
                node.replica.published(&Clock::from_iter([(frame.origin, frame.upto)]), &[]);
            }
            None => return self.finish(id),
        }
        self.at(now + cost, Event::Take(id));
    }

    /// The turn ends: what has followed is sent, then stored and made durable, which takes as long as it takes.
    fn finish(&mut self, id: NodeId) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.turns.end();
        let mut outputs: VecDeque<Output> = std::iter::from_fn(|| node.replica.poll()).collect();
        let (mut merges, mut cost, mut sync) = (Vec::new(), Duration::ZERO, Duration::ZERO);
        let nothing = outputs.is_empty();
        while let Some(output) = outputs.pop_front() {
            cost += OUTPUT;
            match output {
                Output::Send { to, lane, message } => self.send(now + cost, id, to, lane, message),
                Output::Merge(merge) => {
                    cost += RECORD * u32::try_from(merge.writes.len()).unwrap_or(u32::MAX);
                    sync = SYNC;
                    merges.push(merge);
                }
                Output::Confirm { id: confirm, .. } => {
                    if let Some(node) = self.nodes.get_mut(&id) {
                        node.replica.confirmed(now, confirm, Vec::new());
                    }
                }
                Output::Answer(answer) => {
                    if let Some(node) = self.nodes.get_mut(&id) {
                        node.replica.answer_on(answer, &node.store);
                        outputs.extend(std::iter::from_fn(|| node.replica.poll()));
                    }
                }
                Output::Check(_) | Output::Propagated(_) | Output::Alarm(_) => {}
            }
        }
        match self.nodes.get_mut(&id) {
            Some(node) if nothing && node.urgent.is_empty() && node.rest.is_empty() => {
                node.waits = true;
            }
            _ => self.at(now + cost + sync, Event::Done(id, merges)),
        }
    }

    /// What was stored is durable: it is published, and the next turn begins.
    fn carry_out(&mut self, id: NodeId, merges: Vec<MergeBatch>) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&id) else { return };
        for MergeBatch { id: batch, writes, clock, replaced, .. } in merges {
            let rows = Rows { records: writes, clock, replaced, ..Rows::default() };
            node.store.apply(&rows);
            node.replica.persisted(now, batch);
            node.replica.published(&rows.clock, &[]);
        }
        self.at(now, Event::Take(id));
    }

    fn send(&mut self, at: Duration, from: NodeId, to: NodeId, lane: Lane, message: Message) {
        let region = |id| NODES.iter().find(|(n, _)| NodeId(*n) == id).map_or(0, |(_, r)| *r);
        let one_way = LATENCY.get(region(from)).and_then(|l| l.get(region(to)));
        let one_way = Duration::from_millis(one_way.copied().unwrap_or(0)).max(INPUT);
        let lane = if self.order == Order::Urgent { lane } else { Lane::Bulk };
        let bytes = message.encode().len() as u64;
        let free = self.free.entry((from, to, lane)).or_default();
        *free = at.max(*free) + Duration::from_nanos(bytes * 1_000_000_000 / BANDWIDTH);
        let arrives = *free + one_way;
        self.at(arrives, Event::Arrive(to, Input::Said(from, message)));
    }

    fn stands(&self, id: NodeId, origin: Origin) -> u64 {
        self.nodes.get(&id).map_or(0, |n| n.replica.published_clock().get(origin))
    }
}

/// When a quarantine decides at each node, after the node that takes it has it; and how many of the changes were not there yet then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// By node.
    pub after: BTreeMap<NodeId, Duration>,
    /// Changes that each node still had to come when the quarantine decided there.
    pub behind: BTreeMap<NodeId, u64>,
}

/// Lets so many changes be committed at once at the home, then a quarantine be taken there, and looks when it decides at each node.
pub fn decides(changes: u64, order: Order) -> Decided {
    let mut world = World::new(order);
    world.run_until(WARM);
    let mut sequence = 0;
    while sequence < changes {
        let upto = changes.min(sequence + ENTRIES_AT_ONCE);
        let frames: Vec<Frame> = (sequence + 1..=upto)
            .map(|n| {
                let number = u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes();
                let key = [1, number[0], number[1], number[2], number[3]];
                frame(record(origin(GROUP), n, key, 300))
            })
            .collect();
        for (voter, _) in NODES.into_iter().filter(|(_, region)| *region == 0) {
            let input = Input::Committed(frames.clone());
            world.at(WARM, Event::Arrive(NodeId(voter), input));
        }
        sequence = upto;
    }
    let began = WARM + LATER;
    world.run_until(began);
    let write = record(own(), 1, [0, 0, 0, 0, 1], 300);
    if let Some(node) = world.nodes.get_mut(&NodeId(1)) {
        let clock = Clock::from_iter([(own(), 1)]);
        let rows = Rows { records: vec![write.clone()], clock, ..Rows::default() };
        node.store.apply(&rows);
    }
    world.at(began + SYNC, Event::Arrive(NodeId(1), Input::Appended(frame(write))));
    let mut decided = Decided { after: BTreeMap::new(), behind: BTreeMap::new() };
    while decided.after.len() < NODES.len() && world.now < began + Duration::from_secs(60) {
        world.run_until(world.now + Duration::from_millis(1));
        for (id, _) in NODES {
            let id = NodeId(id);
            if world.stands(id, own()) == 1 && !decided.after.contains_key(&id) {
                decided.after.insert(id, world.now.saturating_sub(began));
                let stands = world.stands(id, origin(GROUP));
                decided.behind.insert(id, changes.saturating_sub(stands));
            }
        }
    }
    decided
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGES: u64 = 10_000;
    const BOUND: Duration = Duration::from_millis(100);

    /// How much later than without any change.
    fn delays(order: Order) -> (Vec<Duration>, Decided) {
        let (free, loaded) = (decides(0, order), decides(CHANGES, order));
        assert_eq!(free.after.len(), NODES.len(), "{free:?}");
        let later = |id: &NodeId| {
            let at = loaded.after.get(id).copied().unwrap_or(Duration::MAX);
            at.saturating_sub(free.after[id])
        };
        (free.after.keys().map(later).collect(), loaded)
    }

    #[test]
    fn ten_thousand_queued_changes_delay_a_quarantine_by_less_than_a_tenth_of_a_second() {
        let (delays, loaded) = delays(Order::Urgent);
        println!("{delays:?} later; behind when it decides: {:?}", loaded.behind);
        assert!(delays.iter().all(|d| *d < BOUND), "{delays:?}");
        // It did overtake them: the nodes elsewhere had most of the changes still to come.
        assert!([4, 5].iter().all(|n| loaded.behind[&NodeId(*n)] > CHANGES / 2), "{loaded:?}");
    }

    #[test]
    fn in_the_order_of_coming_they_would_delay_it_by_more() {
        let (delays, _) = delays(Order::AsItComes);
        assert!(delays.iter().any(|d| *d > BOUND), "{delays:?}");
    }
}
