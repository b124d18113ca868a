//! Who vouches for what travels between nodes: signatures are made here, and verified before anything reaches the convergence machine.
//!
//! What a group commits is signed by the voter that sends it out, once for all frames of a step, together with the hash of the state that
//! each leads to; a source of a catch-up gives what vouches for the state at its end. What a node writes itself it signs record by record,
//! and the signature stands in the record. So whoever passes something on can hold it back, and never make it up. See
//! `docs/adr/0130-who-vouches-for-what-travels.md`.

mod door;
mod proof;
mod register;
mod source;

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message as _;
use tidegate_authn::{
    NodeKey, Verified,
    merkle::{self, Hash},
};
use tidegate_replica::{Frame, GroupId, NodeId, Origin, Proof, Record, SetHash};
use tidegate_service::View;
use tidegate_store::{Batch, NodeStore, StoreError, Tree};

use crate::{
    core::Core,
    gossip::{Freshness, oldest},
    platform::Platform,
    recovery::Recoveries,
    views::Views,
};

pub(crate) use door::Refused;
pub(crate) use proof::BatchProof;
use proof::{
    BATCH, OWN, OwnProof, frame_leaf, key_id, leaf_of, own_leaf, path_bytes, records_hash,
};
pub(crate) use register::{run as register, settled};
pub(crate) use source::{Vouched, put_head};

/// Positions of a group whose states are remembered, so that they can be vouched for: the last pages of catch-ups end at one of the latest.
const STATES_MAX: usize = 1_024;
/// While the directory is known to be no older than this, whoever it does not name as a voter is none.
const DIRECTORY_FRESH: Duration = Duration::from_secs(2);
/// How long strangers may vouch for the directory before it is said what to do: who comes back hears first of them, and then who they are.
const STRANGE_MAX: Duration = Duration::from_secs(30);

/// The fact of a store that holds the seed of its node's signing key.
const SEED: &str = "signing";

/// The signing key of a store's node; a new store gets one.
pub(crate) async fn signing_key(
    store: &NodeStore,
    platform: &dyn Platform,
) -> Result<NodeKey, StoreError> {
    let bad = |_| StoreError::Corrupt("the seed of the signing key".to_owned());
    if let Some(seed) = store.fact(SEED)? {
        return NodeKey::from_seed(&seed).map_err(bad);
    }
    let mut seed = [0; 32];
    platform.entropy(&mut seed);
    let mut batch = Batch::default();
    batch.put(Tree::Store, SEED, seed.to_vec());
    store.committer().commit(&batch).await?;
    NodeKey::from_seed(&seed).map_err(bad)
}

/// Signs for this node, and verifies what others sent.
#[derive(Debug)]
pub(crate) struct Vouching {
    me: NodeId,
    key: Arc<NodeKey>,
    views: Arc<Views>,
    platform: Arc<dyn Platform>,
    /// How fresh the view of each group is.
    freshness: Arc<Freshness>,
    /// Hashes of the states of this node's own groups at their last positions.
    states: Mutex<BTreeMap<GroupId, BTreeMap<u64, Hash>>>,
    verified: Mutex<Verified>,
    /// Who is believed of the directory without a signature that can be verified: whom its settings name, by a node that knows nothing of it
    /// yet, or is to learn it anew (`relearn` of the settings).
    teachers: Mutex<BTreeSet<u64>>,
    /// When something of the directory was first not believed because its signer is a stranger, until it is fresh again, and what was said.
    strange: Mutex<Option<(Duration, bool)>>,
    /// What is known beside the directory once the node is put together.
    beside: OnceLock<Beside>,
}

/// What vouching needs to know beside the directory.
#[derive(Debug)]
pub(crate) struct Beside {
    /// Who begins lost groups anew.
    pub(crate) recoveries: Arc<Recoveries>,
    /// The hash of nothing.
    pub(crate) empty: SetHash,
}

/// The cluster's id, which every signature is bound to.
fn cluster(view: &View) -> Vec<u8> {
    view.directory.cluster().map(|c| c.id.clone().into_bytes()).unwrap_or_default()
}

impl Vouching {
    pub(crate) fn new(
        me: NodeId,
        key: Arc<NodeKey>,
        views: Arc<Views>,
        platform: Arc<dyn Platform>,
        freshness: Arc<Freshness>,
    ) -> Self {
        Self {
            me,
            key,
            views,
            platform,
            freshness,
            states: Mutex::default(),
            verified: Mutex::default(),
            teachers: Mutex::default(),
            strange: Mutex::default(),
            beside: OnceLock::new(),
        }
    }

    /// Believes these nodes of the directory until it is fresh.
    pub(crate) fn learn_from(&self, teachers: impl IntoIterator<Item = u64>) {
        *self.teachers.lock() = teachers.into_iter().collect();
    }

    /// Whether the directory is learned anew; it ends once that is fresh.
    pub(crate) fn learns(&self) -> bool {
        let mut teachers = self.teachers.lock();
        if !teachers.is_empty() && self.knows_directory() {
            tracing::info!("this node has learned the directory");
            teachers.clear();
        }
        !teachers.is_empty()
    }

    fn is_taught_by(&self, from: NodeId) -> bool {
        self.learns() && self.teachers.lock().contains(&from.0)
    }

    /// Notes that nobody known vouches for what a node sends of the directory, and says what to do where that goes on.
    fn met_stranger(&self, from: NodeId, signer: u64) {
        let now = self.platform.monotonic();
        let mut strange = self.strange.lock();
        if self.knows_directory() {
            *strange = None;
            return;
        }
        let (since, said) = strange.get_or_insert((now, false));
        if !*said && now.saturating_sub(*since) >= STRANGE_MAX {
            *said = true;
            tracing::error!(
                %from,
                signer,
                "what vouches for the directory is signed by a node that does not vote in it as far as this one knows: if all voters were replaced while this node was away, name present nodes in its settings and start it with --relearn"
            );
        }
    }

    /// Says what is known beside the directory; once.
    pub(crate) fn know(&self, beside: Beside) {
        let _first = self.beside.set(beside).is_ok();
    }

    /// Whether a node may speak in a group: it votes there, leaves, or begins the group anew and the directory does not say so yet.
    fn speaks(&self, view: &View, group: GroupId, node: u64) -> bool {
        let votes =
            view.directory.placement(group).is_some_and(|p| p.speakers().any(|n| n == node));
        let begins = || {
            let beside = self.beside.get()?;
            Some(beside.recoveries.seed(view, group)? == NodeId(node))
        };
        votes || begins().unwrap_or_default()
    }

    /// Of a node whose key nobody knows.
    #[cfg(test)]
    pub(crate) fn alone(views: Arc<Views>, platform: Arc<dyn Platform>) -> Self {
        let key = Arc::new(NodeKey::from_seed(&[7; 32]).expect("a seed"));
        Self::new(NodeId(1), key, views, platform, Arc::default())
    }

    /// Whether this node's key stands in the directory, so that what it signs can be verified.
    fn is_known(&self, view: &View) -> bool {
        view.directory.signing_keys_of(self.me.0).any(|k| k.public[..] == self.key.public())
    }

    /// Whether what a group writes must be signed: one of its voters has a key.
    fn is_signed(view: &View, group: GroupId) -> bool {
        view.directory.placement(group).is_some_and(|p| {
            p.speakers().any(|n| view.directory.signing_keys_of(n).next().is_some())
        })
    }

    /// Whether the directory is known to be as it was a moment ago.
    fn knows_directory(&self) -> bool {
        let age = oldest(&self.freshness.load(), self.platform.monotonic(), &[GroupId::DIRECTORY]);
        age.is_some_and(|age| age <= DIRECTORY_FRESH)
    }

    /// Remembers what the states of a group of this node's hash to, ascending.
    pub(crate) fn remember(&self, group: GroupId, states: impl IntoIterator<Item = (u64, Hash)>) {
        let mut all = self.states.lock();
        let known = all.entry(group).or_default();
        known.extend(states);
        while known.len() > STATES_MAX {
            known.pop_first();
        }
    }

    /// Forgets the states of a group, which is made anew.
    pub(crate) fn forget(&self, group: GroupId) {
        self.states.lock().remove(&group);
    }

    /// Whether the states of a group are made by this node, from its log.
    fn keeps(&self, group: GroupId) -> bool {
        self.states.lock().contains_key(&group)
    }

    fn state(&self, group: GroupId, position: u64) -> Option<Hash> {
        self.states.lock().get(&group)?.get(&position).copied()
    }

    fn batch_proof(&self, view: &View, leaves: &[Hash]) -> BatchProof {
        let root = merkle::root(leaves);
        let signature = self.key.sign(BATCH, &[&cluster(view), &root]);
        BatchProof {
            node: self.me.0,
            key: key_id(&self.key.public()),
            signature: Bytes::copy_from_slice(&signature),
            size: u32::try_from(leaves.len()).unwrap_or(u32::MAX),
            ..BatchProof::default()
        }
    }

    /// Signs the frames of a step of a group that this node votes in, all with one signature. Nothing is signed while nobody could verify it.
    pub(crate) fn sign_frames(&self, group: GroupId, frames: &mut [Frame]) {
        let view = self.views.load();
        if !self.is_known(&view) {
            return;
        }
        let states: Option<Vec<Hash>> =
            frames.iter().map(|frame| self.state(group, frame.upto)).collect();
        // What is not remembered is not signed: peers pull it, and are given what vouches for the state.
        let Some(states) = states else { return };
        let leaves: Vec<Hash> =
            frames.iter().zip(&states).map(|(frame, state)| leaf_of(frame, state)).collect();
        let proof = self.batch_proof(&view, &leaves);
        for (n, (frame, state)) in frames.iter_mut().zip(&states).enumerate() {
            let mut proof = proof.clone();
            proof.index = u32::try_from(n).unwrap_or(u32::MAX);
            proof.path = path_bytes(&merkle::path(&leaves, n));
            proof.state = Bytes::copy_from_slice(state);
            frame.proof = Some(proof.encode_to_vec().into());
        }
    }

    /// What this node, a voter, says of the state of its group at a position.
    fn sign_state(&self, group: GroupId, origin: Origin, position: u64) -> Proof {
        let view = self.views.load();
        if !self.is_known(&view) {
            return if Self::is_signed(&view, group) { Proof::Missing } else { Proof::Unneeded };
        }
        let Some(state) = self.state(group, position) else { return Proof::Missing };
        let records = records_hash(&[]);
        let leaf = frame_leaf(origin, position, position, &records, &state);
        let mut proof = self.batch_proof(&view, &[leaf]);
        proof.state = Bytes::copy_from_slice(&state);
        proof.after = position;
        proof.records = Bytes::copy_from_slice(&records);
        Proof::There(proof.encode_to_vec().into())
    }

    /// What this node, a voter, says of what a past generation of its group has left: of its live records alone, since they make no state
    /// without those of later ones.
    fn sign_past(&self, store: &NodeStore, origin: Origin, end: u64) -> Proof {
        let view = self.views.load();
        let group = origin.group().unwrap_or_default();
        if !self.is_known(&view) {
            return if Self::is_signed(&view, group) { Proof::Missing } else { Proof::Unneeded };
        }
        let (Some(beside), Ok(page)) = (self.beside.get(), store.page(origin, 0, usize::MAX))
        else {
            return Proof::Missing;
        };
        let mut left = beside.empty.clone();
        page.records.iter().for_each(|record| left.add(record));
        let records = records_hash(&[]);
        let leaf = frame_leaf(origin, end, end, &records, &left.to_bytes());
        let mut proof = self.batch_proof(&view, &[leaf]);
        proof.state = Bytes::copy_from_slice(&left.to_bytes());
        proof.after = end;
        proof.records = Bytes::copy_from_slice(&records);
        Proof::There(proof.encode_to_vec().into())
    }

    /// Signs records of this node, all with one signature. Nothing is signed while nobody could verify it.
    pub(crate) fn sign_own(&self, records: &mut [Record]) {
        let view = self.views.load();
        if records.is_empty() || !self.is_known(&view) {
            return;
        }
        let leaf = |r: &Record| own_leaf(r, r.value.as_deref().unwrap_or_default());
        let leaves: Vec<Hash> = records.iter().map(leaf).collect();
        let signature = self.key.sign(OWN, &[&cluster(&view), &merkle::root(&leaves)]);
        for (n, record) in records.iter_mut().enumerate() {
            let Some(payload) = &record.value else { continue };
            let proof = OwnProof {
                key: key_id(&self.key.public()),
                signature: Bytes::copy_from_slice(&signature),
                index: u32::try_from(n).unwrap_or(u32::MAX),
                size: u32::try_from(leaves.len()).unwrap_or(u32::MAX),
                path: path_bytes(&merkle::path(&leaves, n)),
            };
            record.value = Some(proof::join(payload, &proof));
        }
    }
}

/// The hash of the state that a proof vouches for.
pub(crate) fn vouched_state(proof: &Bytes) -> Option<Bytes> {
    BatchProof::decode(proof.clone()).ok().map(|proof| proof.state)
}

#[cfg(test)]
pub(crate) mod tests;
