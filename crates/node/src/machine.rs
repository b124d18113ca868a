//! The replicated state of one group, as consensus drives it: model values on the node's store.

use core::sync::atomic::{AtomicBool, Ordering};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message as _;
use tidegate_consensus::{Applied, Committed, EntryPosition, Frozen, Machine};
use tidegate_model::{DirectoryState, Envelope, GroupState, LocalRow};
use tidegate_replica::{
    Clock, Dot, Frame, GroupId, Message, Origin, Record, Replaced, SetHash, Stamp,
};
use tidegate_store::{Batch, Change, NodeStore, Tree};

use crate::{
    gossip::{Gossip, Input},
    platform::Platform,
    telemetry::metrics::{GroupLabel, Metrics},
    views::Views,
    vouching::Vouching,
};

pub(crate) mod joining;

/// Digests of the states of all groups, kept as records come and go.
#[derive(Debug)]
pub(crate) struct Digests {
    empty: SetHash,
    groups: Mutex<BTreeMap<GroupId, SetHash>>,
    /// Position and digest of what is published: the digests above run ahead of it.
    published: Mutex<BTreeMap<GroupId, (u64, [u8; 32])>>,
}

impl Digests {
    /// Digests of nothing, under the cluster's key.
    pub(crate) fn keyed(secret: [u8; 32]) -> Self {
        Self {
            empty: SetHash::keyed(secret),
            groups: Mutex::default(),
            published: Mutex::default(),
        }
    }

    /// Notes that the state of groups was published, and its digests there.
    pub(crate) fn publish(&self, positions: &Clock, digests: &[(GroupId, [u8; 32])]) {
        let mut published = self.published.lock();
        for (group, digest) in digests {
            if let Some((_, position)) = positions.of_group(*group) {
                published.insert(*group, (position, *digest));
            }
        }
    }

    /// Position and digest of the published state of a group; `None` before the first.
    pub(crate) fn published(&self, group: GroupId) -> Option<(u64, [u8; 32])> {
        self.published.lock().get(&group).copied()
    }

    pub(crate) fn change(&self, changes: &[Change]) {
        let mut digests = self.groups.lock();
        for change in changes {
            if let Some(old) = &change.old
                && let Some(group) = old.dot.origin.group()
            {
                digests.entry(group).or_insert_with(|| self.empty.clone()).remove(old);
            }
            if let Some(group) = change.new.dot.origin.group() {
                digests.entry(group).or_insert_with(|| self.empty.clone()).add(&change.new);
            }
        }
    }

    /// The digest that a group would have after these changes, which are not made.
    pub(crate) fn after(&self, group: GroupId, changes: &[Change]) -> [u8; 32] {
        let mut digest = self.groups.lock().get(&group).unwrap_or(&self.empty).clone();
        let of = |record: &Record| record.dot.origin.group() == Some(group);
        for Change { old, new } in changes {
            if let Some(old) = old.as_ref().filter(|old| of(old)) {
                digest.remove(old);
            }
            if of(new) {
                digest.add(new);
            }
        }
        digest.to_bytes()
    }

    /// Makes the changes of a step of a group, write by write, and gives the digest behind each of its frames. `changes`: what all of them
    /// together change.
    fn step(&self, group: GroupId, frames: &[Frame], changes: &[Change]) -> Vec<(u64, [u8; 32])> {
        let mut stands: BTreeMap<&Bytes, Option<&Record>> =
            changes.iter().map(|c| (&c.new.key, c.old.as_ref())).collect();
        let mut digests = self.groups.lock();
        let behind = frames.iter().map(|frame| {
            for record in &frame.records {
                // What adds nothing to what is stored is no change.
                let Some(stands) = stands.get_mut(&record.key) else { continue };
                let old = stands.replace(record).and_then(|r| Some((r, r.dot.origin.group()?)));
                if let Some((old, of)) = old {
                    digests.entry(of).or_insert_with(|| self.empty.clone()).remove(old);
                }
                digests.entry(group).or_insert_with(|| self.empty.clone()).add(record);
            }
            (frame.upto, digests.get(&group).unwrap_or(&self.empty).to_bytes())
        });
        behind.collect()
    }

    /// Forgets a group's.
    fn reset(&self, group: GroupId) {
        self.groups.lock().remove(&group);
    }

    pub(crate) fn of(&self, groups: impl IntoIterator<Item = GroupId>) -> Vec<(GroupId, [u8; 32])> {
        let digests = self.groups.lock();
        groups.into_iter().map(|g| (g, digests.get(&g).unwrap_or(&self.empty).to_bytes())).collect()
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

/// What one step of applying leaves behind for its publication.
#[derive(Debug)]
struct Step {
    /// The entries as frames, one behind the other.
    frames: Vec<Frame>,
    /// The digest of the state right behind them.
    digest: Vec<(GroupId, [u8; 32])>,
    /// When the first voter was told of the first commit, or the step began: no view had it before.
    began: Duration,
}

#[derive(Debug)]
struct Inner {
    state: AnyState,
    step: Option<Step>,
    /// Up to where tombstones were collected.
    collected: u64,
}

/// Bytes of a frame after which the next entry begins another.
const FRAME_BYTES: usize = 64 << 10;

/// Adds an entry's records to the last frame, or to another where that is full or belongs to another trace.
fn add_to(
    frames: &mut Vec<Frame>,
    origin: Origin,
    index: u64,
    records: &[Record],
    trace: Option<String>,
) {
    if let Some(last) = frames.last_mut()
        && last.trace == trace
        && last.size() < FRAME_BYTES
    {
        last.upto = index;
        last.records.extend_from_slice(records);
        return;
    }
    let after = index.saturating_sub(1);
    frames.push(Frame {
        origin,
        after,
        upto: index,
        records: records.to_vec(),
        trace,
        proof: None,
    });
}

/// What the machines of one node share.
#[derive(Clone, Debug)]
pub(crate) struct Around {
    pub(crate) store: NodeStore,
    pub(crate) views: Arc<Views>,
    pub(crate) digests: Arc<Digests>,
    pub(crate) gossip: Gossip,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) vouching: Arc<Vouching>,
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
    platform: Arc<dyn Platform>,
    vouching: Arc<Vouching>,
    inner: Mutex<Inner>,
    told: Mutex<Told>,
    /// Up to where gossip had brought the group before this node began to vote in it. What the log brings is not published before it has
    /// come this far: the view would go back.
    gossiped: u64,
    /// Whether it has not come so far yet.
    joining: AtomicBool,
}

/// Tombstones that go with one write at most.
const COLLECT_AT_ONCE: usize = 256;

/// Commits that are remembered until they are applied. Applying follows within milliseconds.
const TOLD_MAX: usize = 1_024;

/// When this node, leading, first told another voter of a commit: (index, monotonic time), ascending.
#[derive(Debug, Default)]
struct Told(VecDeque<(u64, Duration)>);

impl Told {
    fn telling(&mut self, index: u64, now: Duration) {
        if self.0.len() == TOLD_MAX {
            self.0.pop_front();
        }
        self.0.push_back((index, now));
    }

    /// When entry `index` was first told of. Forgets those before it.
    fn first_of(&mut self, index: u64) -> Option<Duration> {
        while self.0.front().is_some_and(|(told, _)| *told < index) {
            self.0.pop_front();
        }
        self.0.front().map(|(_, at)| *at)
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}

impl GroupMachine {
    /// The machine with the state that the view was loaded with, and the rows that the group keeps for itself. `applied`: the log index
    /// that this state stands at. Where gossip has brought more, the group was not this node's to vote in until now: its state is then made
    /// from its log alone, from the beginning, and the stored records go; the view keeps them until the log has come as far.
    pub(crate) fn open(group: GroupId, applied: u64, around: Around) -> io::Result<Self> {
        let Around { store, views, digests, gossip, metrics, platform, vouching } = around;
        let view = views.load();
        let before = joining::read(&store, group).map_err(failed)?;
        let gossiped = store.position(origin(group)).map_err(failed)?.max(before);
        let mut state = if applied < gossiped {
            tracing::info!(%group, applied, gossiped, "a group that gossip brought is made anew from its log");
            let mut forgotten = store.forget(origin(group)).map_err(failed)?;
            joining::write(&mut forgotten, group, gossiped);
            store.engine().apply(&forgotten).map_err(failed)?;
            digests.reset(group);
            AnyState::new(group)
        } else if group == GroupId::DIRECTORY {
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
        let inner = Mutex::new(Inner { state, step: None, collected: 0 });
        vouching.forget(group);
        vouching
            .remember(group, digests.of([group]).into_iter().map(|(_, digest)| (applied, digest)));
        Ok(Self {
            group,
            store,
            views,
            digests,
            gossip,
            metrics,
            platform,
            vouching,
            inner,
            told: Mutex::default(),
            gossiped,
            joining: AtomicBool::new(gossiped > applied),
        })
    }

    /// Tombstones that no member needs any more go with a write.
    fn collect(&self, inner: &mut Inner, records: &[Record], batch: &mut Batch) -> io::Result<()> {
        let origin = origin(self.group);
        let upto = self.gossip.collectable.load().get(origin);
        if upto > inner.collected {
            let written = records.iter().map(|r| r.key.clone()).collect();
            let found = self.store.collect(origin, upto, COLLECT_AT_ONCE, &written, batch);
            if found.map_err(failed)? < COLLECT_AT_ONCE {
                inner.collected = upto;
            }
        }
        Ok(())
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
    fn apply(&self, entries: &[Committed]) -> io::Result<Applied> {
        // Measures the propagation; the state never sees it. Another voter may have applied as soon as it was told.
        let now = self.platform.monotonic();
        let told = entries.first().and_then(|e| self.told.lock().first_of(e.at.index));
        let began = told.map_or(now, |told| told.min(now));
        let mut inner = self.inner.lock();
        let origin = origin(self.group);
        let (mut responses, mut frames) = (Vec::with_capacity(entries.len()), Vec::new());
        let (mut records, mut local) = (Vec::new(), Vec::new());
        for Committed { at, payload } in entries {
            let envelope = payload.as_ref().map(|bytes| Envelope::from_bytes(bytes)).transpose();
            // An envelope that can't be read changes nothing, and is refused in the same way at every voter.
            let Ok(Some(envelope)) = envelope else {
                responses.push(Bytes::new());
                add_to(&mut frames, origin, at.index, &[], None);
                continue;
            };
            let applied = inner.state.apply(*at, &envelope);
            responses.push(applied.outcome.encode_to_vec().into());
            let trace = (!envelope.trace.is_empty()).then_some(envelope.trace);
            add_to(&mut frames, origin, at.index, &applied.records, trace);
            records.extend(applied.records);
            local.extend(applied.local);
        }
        let clock: Clock = entries.last().map(|e| (origin, e.at.index)).into_iter().collect();
        let (mut batch, changes) = self.store.merge(&records, &clock, None).map_err(failed)?;
        let states = self.digests.step(self.group, &frames, &changes);
        self.vouching.remember(self.group, states);
        self.collect(&mut inner, &records, &mut batch)?;
        self.local(local, &mut batch);
        self.metrics.committed_records.inc_by(records.len() as u64);
        inner.step = Some(Step { frames, digest: self.digests.of([self.group]), began });
        Ok(Applied { responses, batch })
    }

    fn telling(&self, index: u64) {
        self.told.lock().telling(index, self.platform.monotonic());
    }

    fn stored(&self, at: EntryPosition, leading: bool) {
        let (state, step) = {
            let mut inner = self.inner.lock();
            (inner.state.clone(), inner.step.take())
        };
        let origin = origin(self.group);
        if at.index < self.gossiped {
            return;
        }
        if self.joining.swap(false, Ordering::AcqRel)
            && let Err(error) = joining::delete(&self.store, self.group)
        {
            // Only after a restart somebody waits a little longer for this node.
            tracing::warn!(%error, group = %self.group, "it was not written down that the group is here");
        }
        self.views.publish(|view| {
            match state {
                AnyState::Directory(state) => view.directory = state,
                AnyState::Accounts(state) => drop(view.groups.insert(self.group.0, state)),
            }
            view.positions.advance(origin, at.index);
        });
        let index = i64::try_from(at.index).unwrap_or(i64::MAX);
        self.metrics.applied.get_or_create(&GroupLabel { group: self.group.0 }).set(index);
        let Step { mut frames, digest, began } = step.unwrap_or_else(|| Step {
            frames: vec![Frame {
                origin,
                after: 0,
                upto: at.index,
                records: Vec::new(),
                trace: None,
                proof: None,
            }],
            digest: self.digests.of([self.group]),
            began: self.platform.monotonic(),
        });
        self.digests.publish(&Clock::from_iter([(origin, at.index)]), &digest);
        if leading {
            self.vouching.sign_frames(self.group, &mut frames);
        }
        let input = Input::Committed { frames, at: began, push: leading, digest };
        if !self.gossip.committed(input) {
            tracing::debug!(group = %self.group, "the gossip is behind: it looks for itself, and peers pull");
        }
    }

    fn freeze(&self) -> io::Result<Arc<dyn Frozen>> {
        let page = self.store.page(origin(self.group), 0, usize::MAX).map_err(failed)?;
        Ok(Arc::new(FrozenState {
            group: self.group,
            records: page.records,
            local: self.inner.lock().state.local_rows(),
        }))
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
        let replaced = Replaced { origin, kept: BTreeSet::new() };
        let (mut batch, changes) =
            self.store.merge(&records, &clock, Some(&replaced)).map_err(failed)?;
        self.digests.change(&changes);
        let states = self.digests.of([self.group]).into_iter().map(|(_, digest)| (index, digest));
        self.vouching.forget(self.group);
        self.vouching.remember(self.group, states);
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
        let frame = Frame { origin, after: 0, upto, records: part, trace: None, proof: None };
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
            // Inside a frame that begins behind 0.
            dot: Dot { origin, sequence: 1 },
        };
        let mut all = chunks(0, origin, self.records.clone());
        all.extend(chunks(1, origin, self.local.iter().map(row).collect()));
        all
    }
}

#[cfg(test)]
mod tests;
