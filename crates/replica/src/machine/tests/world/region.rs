//! What nodes write themselves: durable before it is sent, under an incarnation that ends with the store.

use super::{Bug, Dot, Duration, Event, Frame, Memory, NodeId, Origin, Record, Stamp, World};

/// Keys of one incarnation: few, so that they are written over all the time.
const KEYS: u8 = 6;
/// How long a write takes to be durable.
const DURABLE_AFTER: Duration = Duration::from_millis(7);

fn record(origin: Origin, sequence: u64, key: u8, life: u32) -> Record {
    Record {
        key: [&[200], &origin.to_bytes()[..], &[key]].concat().into(),
        // A dot that is used twice has two values.
        value: Some([&life.to_be_bytes()[..], &sequence.to_be_bytes()].concat().into()),
        stamp: Stamp { epoch: 0, revision: sequence },
        dot: Dot { origin, sequence },
    }
}

impl World {
    fn writes_as(&self, node: NodeId) -> Origin {
        Origin::Node { node, incarnation: self.nodes[&node].incarnation }
    }

    /// A node begins to write something of its own.
    pub(in super::super) fn append(&mut self, node: NodeId) {
        use rand::RngExt;
        let key = self.rng.random_range(0..KEYS);
        let n = self.node(node);
        n.appending += 1;
        let (life, sequence) = (n.life, n.appending);
        if self.bug == Bug::AppendBeforeDurable {
            self.send(node, life, sequence, key);
        }
        self.schedule(DURABLE_AFTER, Event::Appended { node, life, sequence, key });
    }

    fn send(&mut self, node: NodeId, life: u32, sequence: u64, key: u8) {
        let origin = self.writes_as(node);
        let record = record(origin, sequence, key, life);
        let frame = Frame {
            origin,
            after: sequence - 1,
            upto: sequence,
            records: vec![record],
            trace: None,
            proof: None,
        };
        let now = self.local(node);
        self.node(node).replica.appended(now, &frame);
        self.drain(node);
    }

    /// What was begun is durable, published, and sent, unless the node has crashed meanwhile.
    pub(super) fn appended(&mut self, node: NodeId, life: u32, sequence: u64, key: u8) {
        if self.nodes[&node].life != life {
            return;
        }
        let origin = self.writes_as(node);
        let written = record(origin, sequence, key, life);
        let n = self.node(node);
        n.store.write(&written);
        n.store.clock.advance(origin, sequence);
        let now = self.now;
        if let Some((_, before)) =
            self.writings.entry(origin).or_default().insert(sequence, (now, written.clone()))
            && before != written
        {
            self.violated(format_args!("{node} wrote {} twice", written.dot));
        }
        self.send(node, life, sequence, key);
        self.publish(node);
        self.drain(node);
    }

    /// A node loses its store, and takes a fresh incarnation. What nobody else has of its writing is lost with it.
    pub(in super::super) fn wipe(&mut self, node: NodeId) {
        let fresh = u32::from(self.bug != Bug::SameIncarnation);
        let n = self.node(node);
        n.store = Memory::default();
        n.incarnation += fresh;
        self.crash(node);
    }

    /// Takes out of the truth what was lost with a store before anybody else had it.
    pub(super) fn forget_lost(&mut self) {
        for (origin, writing) in &mut self.writings {
            let upto = self.nodes.values().map(|n| n.replica.published_clock().get(*origin)).max();
            writing.split_off(&(upto.unwrap_or(0) + 1));
        }
    }

    /// When a change was committed, or what a node wrote was durable.
    pub(super) fn written_at(&self, dot: Dot) -> Duration {
        match dot.origin.group() {
            Some(group) => self.logs[&group].committed_at(dot.sequence),
            None => self.writings[&dot.origin][&dot.sequence].0,
        }
    }

    /// What a node publishes of an origin must be what that wrote, up to the position.
    pub(super) fn check_writings(
        &mut self,
        node: NodeId,
        origin: Origin,
        before: u64,
        position: u64,
    ) {
        let mut truth = Memory::default();
        let mut fresh = Vec::new();
        for (_, record) in self.writings.get(&origin).into_iter().flat_map(|w| w.values()) {
            if record.dot.sequence <= position {
                truth.write(record);
                fresh.extend((record.dot.sequence > before).then_some(record.dot));
            }
        }
        let have = self.nodes[&node].store.records.values().filter(|r| r.dot.origin == origin);
        if !have.eq(truth.records.values()) {
            let have: Vec<_> = self.nodes[&node]
                .store
                .records
                .values()
                .filter(|r| r.dot.origin == origin)
                .collect();
            let what = format!(
                "{node} at {origin}:{position} has not what was written: {have:?} of {:?}",
                truth.records
            );
            self.violated(what);
        }
        for dot in fresh {
            self.published_at.entry((node, dot)).or_insert(self.now);
        }
    }
}
