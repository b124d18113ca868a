//! The replicated state of one group, as consensus drives it: model values on the node's store.

use core::sync::atomic::{AtomicBool, Ordering};
use std::{
    collections::{BTreeSet, VecDeque},
    io,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message as _;
use tidegate_consensus::{Applied, Committed, EntryPosition, Frozen, Machine};
use tidegate_model::{DirectoryState, Envelope, GroupState, LocalRow, version::carry};
use tidegate_replica::{Clock, Dot, Frame, GroupId, Message, Origin, Record, Replaced, Stamp};
use tidegate_store::{Batch, NodeStore, StoreError, Tree};

use crate::{
    gossip::{Gossip, Input},
    platform::Platform,
    telemetry::metrics::{GroupLabel, Metrics},
    views::Views,
    vouching::Vouching,
};

mod digests;
pub(crate) mod joining;

pub(crate) use digests::Digests;

/// The past generations of a group and where each ended, and its present one.
pub(crate) fn generations(group: GroupId, ended: &[u64]) -> (Vec<(Origin, u64)>, Origin) {
    let of = |generation| Origin::Group { group, generation };
    let past = (0..).zip(ended).map(|(generation, end)| (of(generation), *end)).collect();
    (past, of(u32::try_from(ended.len()).unwrap_or(u32::MAX)))
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

    fn version(&self) -> u32 {
        match self {
            Self::Directory(state) => state.version(),
            Self::Accounts(state) => state.version(),
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
    collected: Clock,
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
    /// Where the group's past generations ended.
    pub(crate) ended: Vec<u64>,
    /// The greatest apply version that this node knows.
    pub(crate) apply_version_max: u32,
    pub(crate) vouching: Arc<Vouching>,
}

/// One group's machine.
#[derive(Debug)]
pub(crate) struct GroupMachine {
    group: GroupId,
    /// Its present generation.
    origin: Origin,
    /// The past ones, each with its end.
    past: Vec<(Origin, u64)>,
    apply_version_max: u32,
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

/// Up to where the store has a group.
fn stands(
    store: &NodeStore,
    group: GroupId,
    applied: u64,
    past: &[(Origin, u64)],
    origin: Origin,
) -> io::Result<u64> {
    let mut stands = 0;
    for origin in past.iter().map(|(origin, _)| *origin).chain([origin]) {
        stands = stands.max(store.position(origin).map_err(failed)?);
    }
    if applied > 0 && applied < stands {
        // To go on would be to apply entries to a state that has them already, or to none.
        let why = format!("{group} is stored up to {stands}, and its log applied up to {applied}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(stands)
}

impl GroupMachine {
    /// The machine with the state that the view was loaded with, and the rows that the group keeps for itself. `applied`: the log index
    /// that this state stands at. Where gossip has brought more, the group was not this node's to vote in until now: its state is then made
    /// from its log alone, from the beginning, and the stored records go; the view keeps them until the log has come as far.
    pub(crate) fn open(group: GroupId, applied: u64, around: Around) -> io::Result<Self> {
        let Around {
            store,
            views,
            digests,
            gossip,
            metrics,
            platform,
            vouching,
            ended,
            apply_version_max,
        } = around;
        let (past, origin) = generations(group, &ended);
        let view = views.load();
        let stands = stands(&store, group, applied, &past, origin)?;
        // What was shown before, where the log had not come so far yet when the node was stopped.
        let gossiped = stands.max(joining::read(&store, group).map_err(failed)?);
        let mut state = if applied < stands {
            tracing::info!(%group, applied, gossiped, "a group that gossip brought is made anew from its log");
            let mut forgotten = store.forget(origin).map_err(failed)?;
            for (origin, _) in &past {
                forgotten.append(store.forget(*origin).map_err(failed)?);
            }
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
        let inner = Mutex::new(Inner { state, step: None, collected: Clock::default() });
        vouching.forget(group);
        vouching
            .remember(group, digests.of([group]).into_iter().map(|(_, digest)| (applied, digest)));
        Ok(Self {
            group,
            origin,
            past,
            apply_version_max,
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
        let collectable = self.gossip.collectable.load();
        for origin in self.past.iter().map(|(origin, _)| *origin).chain([self.origin]) {
            let upto = collectable.get(origin);
            if upto > inner.collected.get(origin) {
                let written = records.iter().map(|r| r.key.clone()).collect();
                let found = self.store.collect(origin, upto, COLLECT_AT_ONCE, &written, batch);
                if found.map_err(failed)? < COLLECT_AT_ONCE {
                    inner.collected.advance(origin, upto);
                }
            }
        }
        Ok(())
    }

    /// The digest of the state after entries that are not applied here, and may never be. Changes nothing.
    pub(crate) fn digest_after(&self, entries: &[Committed]) -> io::Result<[u8; 32]> {
        let mut state = self.inner.lock().state.clone();
        let mut records = Vec::new();
        for Committed { at, payload } in entries {
            let envelope = payload.as_ref().map(|bytes| Envelope::from_bytes(bytes)).transpose();
            if let Ok(Some(envelope)) = envelope {
                let applied = self.applied(&mut state, *at, &envelope, &records)?;
                records.extend(applied.records);
            }
        }
        let merged = self.store.merge(&records, &Clock::default(), None);
        Ok(self.digests.after(self.group, &merged.map_err(failed)?.1))
    }

    /// Applies one command, whose records are of the present generation. What stood there and this build does not know is carried along:
    /// `before` are the records of the same step.
    fn applied(
        &self,
        state: &mut AnyState,
        at: EntryPosition,
        envelope: &Envelope,
        before: &[Record],
    ) -> io::Result<tidegate_model::Applied> {
        let version = state.version();
        if version > self.apply_version_max {
            // Whatever came of it would not be what the others make of it.
            let why = format!(
                "{} is applied by version {version}, which this node does not know",
                self.group
            );
            return Err(io::Error::other(why));
        }
        let mut applied = state.apply(at, envelope);
        for record in &mut applied.records {
            record.dot.origin = self.origin;
            let Some(new) = record.value.take() else { continue };
            let old = match before.iter().rev().find(|r| r.key == record.key) {
                Some(old) => old.value.clone(),
                None => self.store.record(&record.key).map_err(failed)?.and_then(|r| r.value),
            };
            record.value = Some(match old {
                Some(old) => carry(&record.key, &old, new),
                None => new,
            });
        }
        Ok(applied)
    }

    /// The group's positions once its present generation has come to `index`.
    fn positions(&self, index: u64) -> Clock {
        self.past.iter().copied().chain([(self.origin, index)]).collect()
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
        let origin = self.origin;
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
            let applied = self.applied(&mut inner.state, *at, &envelope, &records)?;
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
            view.positions.join(&self.positions(at.index));
        });
        let index = i64::try_from(at.index).unwrap_or(i64::MAX);
        self.metrics.applied.get_or_create(&GroupLabel { group: self.group.0 }).set(index);
        let Step { mut frames, digest, began } = step.unwrap_or_else(|| {
            // A whole state came, with all generations in it.
            let whole = |(origin, upto)| Frame {
                origin,
                after: 0,
                upto,
                records: Vec::new(),
                trace: None,
                proof: None,
            };
            Step {
                frames: self.positions(at.index).iter().map(whole).collect(),
                digest: self.digests.of([self.group]),
                began: self.platform.monotonic(),
            }
        });
        self.digests.publish(&self.positions(at.index), &digest);
        if leading {
            self.vouching.sign_frames(self.group, &mut frames);
        }
        let input = Input::Committed { frames, at: began, push: leading, digest };
        if !self.gossip.committed(input) {
            tracing::debug!(group = %self.group, "the gossip is behind: it looks for itself, and peers pull");
        }
    }

    fn freeze(&self) -> io::Result<Arc<dyn Frozen>> {
        let origins = self.past.iter().map(|(origin, _)| *origin).chain([self.origin]);
        let page = |origin| Ok((origin, self.store.page(origin, 0, usize::MAX)?.records));
        let records = origins.map(page).collect::<Result<_, StoreError>>().map_err(failed)?;
        let local = self.inner.lock().state.local_rows();
        Ok(Arc::new(FrozenState { origin: self.origin, records, local }))
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
        // What another generation has of a key stays for its own part.
        let kept: BTreeSet<Bytes> = records.iter().map(|r| r.key.clone()).collect();
        let mut batch = Batch::default();
        for (origin, upto) in self.positions(index).iter() {
            let of: Vec<Record> =
                records.iter().filter(|r| r.dot.origin == origin).cloned().collect();
            let replaced = Replaced { origin, kept: kept.clone() };
            let clock = Clock::from_iter([(origin, upto)]);
            let (part, changes) = self.store.merge(&of, &clock, Some(&replaced)).map_err(failed)?;
            self.digests.change(&changes);
            batch.append(part);
        }
        let states = self.digests.of([self.group]).into_iter().map(|(_, digest)| (index, digest));
        self.vouching.forget(self.group);
        self.vouching.remember(self.group, states);
        self.local(local, &mut batch);
        self.inner.lock().state = state;
        Ok(batch)
    }
}

struct FrozenState {
    origin: Origin,
    /// Of each generation what it wrote last.
    records: Vec<(Origin, Vec<Record>)>,
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
        let origin = self.origin;
        let row = |r: &LocalRow| Record {
            key: r.key.clone(),
            value: r.value.clone(),
            stamp: Stamp::default(),
            // Inside a frame that begins behind 0.
            dot: Dot { origin, sequence: 1 },
        };
        let mut all: Vec<Bytes> =
            self.records.iter().flat_map(|(origin, of)| chunks(0, *origin, of.clone())).collect();
        all.extend(chunks(1, origin, self.local.iter().map(row).collect()));
        all
    }
}

#[cfg(test)]
mod tests;
