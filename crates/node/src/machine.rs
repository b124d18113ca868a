//! The replicated state of one group, as consensus drives it: model values on the node's store.

use std::{collections::BTreeMap, io, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message as _;
use tidegate_consensus::{Applied, EntryPosition, Frozen, Machine};
use tidegate_model::{DirectoryState, Envelope, GroupState, LocalRow};
use tidegate_replica::{
    Clock, Dot, Frame, GroupId, Message, Origin, Record, Records, Stamp, StateDigest,
};
use tidegate_store::{Batch, Change, NodeStore, Tree};

use crate::{
    gossip::{Gossip, Input},
    telemetry::metrics::{GroupLabel, Metrics},
    views::Views,
};

/// Digests of the states of all groups, kept as records come and go.
#[derive(Debug, Default)]
pub(crate) struct Digests(Mutex<BTreeMap<GroupId, StateDigest>>);

impl Digests {
    pub(crate) fn change(&self, changes: &[Change]) {
        let mut digests = self.0.lock();
        for change in changes {
            if let Some(old) = &change.old
                && let Some(group) = old.dot.origin.group()
            {
                digests.entry(group).or_default().remove(old);
            }
            if let Some(group) = change.new.dot.origin.group() {
                digests.entry(group).or_default().add(&change.new);
            }
        }
    }

    pub(crate) fn of(&self, groups: impl IntoIterator<Item = GroupId>) -> Vec<(GroupId, [u8; 32])> {
        let digests = self.0.lock();
        groups
            .into_iter()
            .map(|g| (g, digests.get(&g).copied().unwrap_or_default().to_bytes()))
            .collect()
    }
}

/// The origin of a group in its first generation.
pub(crate) fn origin(group: GroupId) -> Origin {
    Origin::Group { group, generation: 0 }
}

/// The state of a group of either kind.
#[derive(Clone, Debug)]
pub(crate) enum AnyState {
    Directory(DirectoryState),
    Accounts(GroupState),
}

impl AnyState {
    pub(crate) fn new(group: GroupId) -> Self {
        if group == GroupId::DIRECTORY {
            Self::Directory(DirectoryState::default())
        } else {
            Self::Accounts(GroupState::new(group))
        }
    }

    fn apply(&mut self, at: EntryPosition, envelope: &Envelope) -> tidegate_model::Applied {
        match self {
            Self::Directory(state) => state.apply(at.index, at.time, envelope),
            Self::Accounts(state) => state.apply(at.index, at.time, envelope),
        }
    }

    pub(crate) fn absorb(&mut self, record: &Record) -> Result<(), tidegate_model::BadRecord> {
        match self {
            Self::Directory(state) => state.absorb(record),
            Self::Accounts(state) => state.absorb(record),
        }
    }

    fn absorb_local(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), tidegate_model::BadRecord> {
        match self {
            Self::Directory(state) => state.absorb_local(key, value),
            Self::Accounts(state) => state.absorb_local(key, value),
        }
    }

    fn local_rows(&self) -> Vec<LocalRow> {
        match self {
            Self::Directory(state) => state.local_rows().collect(),
            Self::Accounts(state) => state.local_rows().collect(),
        }
    }
}

/// A frame, and the digest of each group that it touched right behind it.
type DigestedFrame = (Frame, Vec<(GroupId, [u8; 32])>);

#[derive(Debug)]
struct Inner {
    state: AnyState,
    /// The frame that the last applied entry became, and the digest of the state right behind it.
    frame: Option<DigestedFrame>,
}

/// One group's machine.
#[derive(Debug)]
pub(crate) struct GroupMachine {
    group: GroupId,
    store: NodeStore,
    views: Arc<Views>,
    digests: Arc<Digests>,
    gossip: Gossip,
    metrics: Arc<Metrics>,
    inner: Mutex<Inner>,
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}

impl GroupMachine {
    /// The machine with the state that the view was loaded with, and the rows that the group keeps for itself.
    pub(crate) fn open(
        group: GroupId,
        store: NodeStore,
        views: Arc<Views>,
        digests: Arc<Digests>,
        gossip: Gossip,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let view = views.load();
        let mut state = if group == GroupId::DIRECTORY {
            AnyState::Directory(view.directory.clone())
        } else {
            view.groups
                .get(&group.0)
                .cloned()
                .map_or_else(|| AnyState::new(group), AnyState::Accounts)
        };
        let prefix = NodeStore::group_key(group, &[]);
        let end = NodeStore::group_key(GroupId(group.0 + 1), &[]);
        let range = (core::ops::Bound::Included(&*prefix), core::ops::Bound::Excluded(&*end));
        for (key, value) in
            store.engine().scan(Tree::Local, range.0, range.1, usize::MAX).map_err(failed)?
        {
            state.absorb_local(key.get(4..).unwrap_or_default(), Some(&value)).map_err(failed)?;
        }
        let inner = Mutex::new(Inner { state, frame: None });
        Ok(Self { group, store, views, digests, gossip, metrics, inner })
    }

    fn local(&self, rows: Vec<LocalRow>, batch: &mut Batch) {
        for row in rows {
            let key = NodeStore::group_key(self.group, &row.key);
            match row.value {
                Some(value) => batch.put(Tree::Local, key, value),
                None => batch.delete(Tree::Local, key),
            }
        }
    }
}

impl Machine for GroupMachine {
    fn apply(&self, at: EntryPosition, payload: Option<&Bytes>) -> io::Result<Applied> {
        let mut inner = self.inner.lock();
        let envelope = payload.map(|bytes| Envelope::from_bytes(bytes)).transpose();
        // An envelope that can't be read changes nothing, and is refused in the same way at every voter.
        let applied = match envelope {
            Ok(Some(envelope)) => Some((inner.state.apply(at, &envelope), envelope.trace)),
            Ok(None) | Err(_) => None,
        };
        let (records, local, response, trace) = match applied {
            Some((applied, trace)) => {
                (applied.records, applied.local, applied.outcome.encode_to_vec().into(), trace)
            }
            None => (Vec::new(), Vec::new(), Bytes::new(), String::new()),
        };
        let origin = origin(self.group);
        let clock = Clock::from_iter([(origin, at.index)]);
        let (mut batch, changes) = self.store.merge(&records, &clock, &[]).map_err(failed)?;
        self.digests.change(&changes);
        self.local(local, &mut batch);
        self.metrics.committed_records.inc_by(records.len() as u64);
        let trace = (!trace.is_empty()).then_some(trace);
        let frame =
            Frame { origin, after: at.index.saturating_sub(1), upto: at.index, records, trace };
        inner.frame = Some((frame, self.digests.of([self.group])));
        Ok(Applied { response, batch })
    }

    fn stored(&self, at: EntryPosition, leading: bool) {
        let (state, frame) = {
            let mut inner = self.inner.lock();
            (inner.state.clone(), inner.frame.take())
        };
        let origin = origin(self.group);
        self.views.publish(|view| {
            match state {
                AnyState::Directory(state) => view.directory = state,
                AnyState::Accounts(state) => drop(view.groups.insert(self.group.0, state)),
            }
            view.positions.advance(origin, at.index);
        });
        let index = i64::try_from(at.index).unwrap_or(i64::MAX);
        self.metrics.applied.get_or_create(&GroupLabel { group: self.group.0 }).set(index);
        let (frame, digest) = frame.unwrap_or_else(|| {
            let frame =
                Frame { origin, after: 0, upto: at.index, records: Vec::new(), trace: None };
            (frame, self.digests.of([self.group]))
        });
        if self.gossip.inputs.try_send(Input::Committed { frame, push: leading, digest }).is_err() {
            tracing::debug!(group = %self.group, "the gossip is behind; peers will pull this change");
        }
    }

    fn freeze(&self) -> Arc<dyn Frozen> {
        let records = self.store.range(origin(self.group), 0, usize::MAX).records;
        Arc::new(FrozenState {
            group: self.group,
            records,
            local: self.inner.lock().state.local_rows(),
        })
    }

    fn restore(&self, chunks: Vec<Bytes>, index: u64) -> io::Result<Batch> {
        let mut state = AnyState::new(self.group);
        let (mut records, mut local) = (Vec::new(), Vec::new());
        for chunk in chunks {
            let bad = || io::Error::other("a chunk of a snapshot can't be read");
            let kind = chunk.first().copied().ok_or_else(bad)?;
            let Message::Push { frame, .. } = Message::decode(chunk.slice(1..)).map_err(failed)?
            else {
                return Err(bad());
            };
            match kind {
                0 => records.extend(frame.records),
                _ => local.extend(
                    frame.records.into_iter().map(|r| LocalRow { key: r.key, value: r.value }),
                ),
            }
        }
        for record in &records {
            state.absorb(record).map_err(failed)?;
        }
        for row in &local {
            state.absorb_local(&row.key, row.value.as_deref()).map_err(failed)?;
        }
        let origin = origin(self.group);
        let clock = Clock::from_iter([(origin, index)]);
        let (mut batch, changes) = self.store.merge(&records, &clock, &[origin]).map_err(failed)?;
        self.digests.change(&changes);
        self.local(local, &mut batch);
        self.inner.lock().state = state;
        Ok(batch)
    }
}

struct FrozenState {
    group: GroupId,
    records: Vec<Record>,
    local: Vec<LocalRow>,
}

/// Records of one chunk: far below a chunk's limit even when each is large.
const CHUNK_BYTES: usize = 40 << 10;

fn chunks(kind: u8, origin: Origin, records: Vec<Record>) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    let mut part: Vec<Record> = Vec::new();
    let mut bytes = 0;
    let mut close = |part: Vec<Record>| {
        let upto = part.iter().map(|r| r.dot.sequence).max().unwrap_or(0);
        let frame = Frame { origin, after: 0, upto, records: part, trace: None };
        let body = Message::Push { frame, hops: 0 }.encode();
        chunks.push(Bytes::from([&[kind][..], &body].concat()));
    };
    for record in records {
        bytes += record.key.len() + record.value.as_ref().map_or(0, Bytes::len) + 64;
        part.push(record);
        if bytes > CHUNK_BYTES {
            close(core::mem::take(&mut part));
            bytes = 0;
        }
    }
    if !part.is_empty() {
        close(part);
    }
    chunks
}

impl Frozen for FrozenState {
    fn chunks(&self) -> Vec<Bytes> {
        let origin = origin(self.group);
        let row = |r: &LocalRow| Record {
            key: r.key.clone(),
            value: r.value.clone(),
            stamp: Stamp::default(),
            dot: Dot { origin, sequence: 0 },
        };
        let mut all = chunks(0, origin, self.records.clone());
        all.extend(chunks(1, origin, self.local.iter().map(row).collect()));
        all
    }
}
