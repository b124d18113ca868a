//! Nodes whose states differ where they must be equal: the account is found, fenced at the node that disagrees with the group's voters, and
//! fetched anew.
//!
//! Digests of whole groups travel with every acknowledgement, and an inequality is alarmed (`tidegate_replica::Alarm`). From there a node
//! that disagrees with a voter asks it for the digest of each account. It decides nothing about an account that differs until its rows are
//! those of the voters: everybody else goes on. A reader's rows are fetched anew by itself. A voter's come from its log, so that nothing of
//! them can be fetched without breaking what it has promised: it stays fenced until another votes in its place.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tidegate_model::Key;
use tidegate_proto::peer::v1::{
    AccountDigest, AccountDigestsRequest, AccountDigestsResponse, OriginPosition,
};
use tidegate_replica::{Clock, GroupId, NodeId, Origin, SetHash};
use tidegate_store::{Batch, NodeStore, StoreError, Tree};
use tokio::sync::Notify;

use crate::{core::Core, gossip::Input, machine::generations, peers::CallError};

/// Stands behind the group in the name of its row.
const NAME: &[u8] = b"fenced";
/// How long a peer has to answer.
const CALL_MAX: Duration = Duration::from_secs(10);
/// Pause between two looks at a group in which something differed.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Looks after which a group in which nothing is fenced is let alone: what differed did so in passing, or it is never at rest.
const LOOKS_MAX: u32 = 40;
/// Looks that a fetch has until it is begun anew.
const FETCH_LOOKS: u32 = 20;
/// How often the digests are taken until nothing was written meanwhile.
const TRIES: u32 = 5;

/// Why two states could not be compared now.
#[derive(Debug, thiserror::Error)]
enum NotCompared {
    #[error("the voter does not answer")]
    Call(#[from] CallError),
    #[error("the store can't be read or written")]
    Store(#[from] StoreError),
    #[error("they are at different positions")]
    Elsewhere,
}

/// Groups in which this node's state differed from a voter's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Suspicions {
    of: Arc<Mutex<BTreeMap<GroupId, NodeId>>>,
    told: Arc<Notify>,
}

impl Suspicions {
    /// A voter's state of the group differs.
    pub(crate) fn add(&self, group: GroupId, with: NodeId) {
        self.of.lock().insert(group, with);
        self.told.notify_one();
    }
}

/// An account that is fenced here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fenced {
    pub(crate) account: u64,
    pub(crate) group: GroupId,
    /// The voter whose state differs.
    pub(crate) with: NodeId,
    /// Whether it is being fetched anew.
    pub(crate) fetching: bool,
}

/// What is fenced here, and how much was mended since the start.
#[derive(Debug, Default)]
pub(crate) struct Fences {
    of: Mutex<BTreeMap<GroupId, Vec<Fenced>>>,
    mended: Mutex<u64>,
}

impl Fences {
    /// All that are fenced, and how many were mended since the start.
    pub(crate) fn all(&self) -> (Vec<Fenced>, u64) {
        let all = self.of.lock().values().flatten().cloned().collect();
        (all, *self.mended.lock())
    }
}

fn key(group: GroupId) -> Bytes {
    NodeStore::group_key(group, NAME)
}

/// The accounts of each group that were fenced when the node was stopped.
pub(crate) fn read(store: &NodeStore) -> Result<BTreeMap<GroupId, BTreeSet<u64>>, StoreError> {
    let (all, none) = (core::ops::Bound::Unbounded, core::ops::Bound::Unbounded);
    let mut fenced = BTreeMap::new();
    for (key, row) in store.engine().scan(Tree::Meta, all, none, usize::MAX)? {
        let Some((group, NAME)) = key.split_first_chunk::<4>() else { continue };
        let accounts = row.chunks_exact(8).filter_map(|n| n.try_into().ok());
        let accounts: BTreeSet<u64> = accounts.map(u64::from_be_bytes).collect();
        fenced.insert(GroupId(u32::from_be_bytes(*group)), accounts);
    }
    Ok(fenced)
}

async fn write(
    store: &NodeStore,
    group: GroupId,
    accounts: &BTreeSet<u64>,
) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    if accounts.is_empty() {
        batch.delete(Tree::Meta, key(group));
    } else {
        let row: Vec<u8> = accounts.iter().flat_map(|n| n.to_be_bytes()).collect();
        batch.put(Tree::Meta, key(group), row);
    }
    store.committer().commit(&batch).await
}

/// Digests by account.
type Accounts = BTreeMap<u64, [u8; 32]>;

/// The digest of each account of a group as the store has it, and the positions at which it does. What is no account's, as all of the
/// directory, counts as account 0. `None`: it is never at rest.
pub(crate) fn digests(
    core: &Core,
    group: GroupId,
) -> Result<Option<(Clock, Accounts)>, StoreError> {
    let (past, present) = generations(group, &core.recoveries.ended(&core.views.load(), group));
    let origins: Vec<Origin> = past.into_iter().map(|(o, _)| o).chain([present]).collect();
    let positions = || -> Result<Clock, StoreError> {
        let at = origins.iter().map(|origin| Ok((*origin, core.store.position(*origin)?)));
        at.collect()
    };
    for _try in 0..TRIES {
        let before = positions()?;
        let mut accounts: BTreeMap<u64, SetHash> = BTreeMap::new();
        for origin in &origins {
            for record in core.store.page(*origin, 0, usize::MAX)?.records {
                // What is deleted everywhere makes no account.
                if record.value.is_some() {
                    let account = Key::account(&record.key).unwrap_or_default();
                    accounts.entry(account).or_insert_with(|| core.digests.empty()).add(&record);
                }
            }
        }
        // Whatever is written moves a position with it.
        if positions()? == before {
            let digests = accounts.into_iter().map(|(a, d)| (a, d.to_bytes())).collect();
            return Ok(Some((before, digests)));
        }
    }
    Ok(None)
}

/// Answers a peer that compares.
pub(crate) fn answer(
    core: &Core,
    request: AccountDigestsRequest,
) -> Result<AccountDigestsResponse, StoreError> {
    let Some((at, digests)) = digests(core, GroupId(request.group))? else {
        return Ok(AccountDigestsResponse::default());
    };
    let position = |(origin, sequence): (Origin, u64)| OriginPosition {
        origin: Bytes::copy_from_slice(&origin.to_bytes()),
        sequence,
    };
    let digest = |(account, digest): (u64, [u8; 32])| AccountDigest {
        account,
        digest: Bytes::copy_from_slice(&digest),
    };
    Ok(AccountDigestsResponse {
        positions: at.iter().map(position).collect(),
        accounts: digests.into_iter().map(digest).collect(),
    })
}

/// The accounts of which this node has another state than a voter, at the same positions.
async fn compare(core: &Core, group: GroupId, with: NodeId) -> Result<BTreeSet<u64>, NotCompared> {
    let request = AccountDigestsRequest { group: group.0 };
    let theirs =
        core.peers.call(with, CALL_MAX, |mut c| async move { c.account_digests(request).await });
    let theirs = theirs.await?;
    let at: Clock = theirs
        .positions
        .iter()
        .filter_map(|p| Some((Origin::from_bytes(&p.origin)?, p.sequence)))
        .collect();
    let (here, ours) = digests(core, group)?.ok_or(NotCompared::Elsewhere)?;
    if here != at || at.is_empty() {
        return Err(NotCompared::Elsewhere);
    }
    let theirs: BTreeMap<u64, Bytes> =
        theirs.accounts.into_iter().map(|a| (a.account, a.digest)).collect();
    let all = ours.keys().chain(theirs.keys()).copied();
    let differs =
        |account: &u64| ours.get(account).map(|d| &d[..]) != theirs.get(account).map(|d| &d[..]);
    Ok(all.filter(differs).collect())
}

/// Looks into groups that differ, as long as the node lives.
pub(crate) async fn run(core: Arc<Core>) {
    let suspicions = core.gossip.suspicions.clone();
    let mut watched: BTreeMap<GroupId, Watched> = BTreeMap::new();
    loop {
        if watched.is_empty() {
            suspicions.told.notified().await;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        for (group, with) in core::mem::take(&mut *suspicions.of.lock()) {
            watched.entry(group).or_insert(Watched { with, looks: 0, fetched: None }).with = with;
        }
        let mut over = Vec::new();
        for (group, of) in &mut watched {
            of.looks += 1;
            match look(&core, *group, of).await {
                Ok(true) => over.push(*group),
                Ok(false) => {}
                Err(error) => {
                    tracing::info!(%group, with = %of.with, %error, "states could not be compared");
                }
            }
            let fences = core.fences.of.lock().contains_key(group);
            if of.looks >= LOOKS_MAX && !fences {
                over.push(*group);
            }
        }
        watched.retain(|group, _| !over.contains(group));
    }
}

/// A group in which something differed.
struct Watched {
    with: NodeId,
    looks: u32,
    /// The look at which it was begun to be fetched anew.
    fetched: Option<u32>,
}

/// Compares once; fences, mends or opens what differs. `true`: nothing differs.
async fn look(core: &Core, group: GroupId, of: &mut Watched) -> Result<bool, NotCompared> {
    let votes = core.group(group).is_some();
    // Among voters whoever leads is right; it is known once it was asked.
    let _position = core.read_index(group, CALL_MAX).await.ok();
    let leader = core.leaders.read().get(&group).copied();
    match leader {
        Some(leader) if leader == core.me => return Ok(true),
        Some(leader) => of.with = leader,
        None => {}
    }
    let differing = compare(core, group, of.with).await?;
    let before: BTreeSet<u64> = {
        let fences = core.fences.of.lock();
        fences.get(&group).into_iter().flatten().map(|f| f.account).collect()
    };
    if before != differing {
        write(&core.store, group, &differing).await?;
        let mended = before.difference(&differing).count() as u64;
        *core.fences.mended.lock() += mended;
        fence(core, group, of.with, &differing, !votes);
        for account in differing.difference(&before) {
            core.metrics.alarms.inc();
            tracing::error!(%group, account = format!("{account:012}"), with = %of.with, votes, "this node's state of the account differs from a voter's: it decides nothing about the account");
        }
        if mended > 0 {
            tracing::warn!(%group, mended, "accounts that differed are as the voters have them");
        }
    }
    if differing.is_empty() {
        return Ok(true);
    }
    let fetching = of.fetched.is_some_and(|at| of.looks < at + FETCH_LOOKS);
    let one_generation = core.recoveries.ended(&core.views.load(), group).is_empty();
    if !votes && !fetching && one_generation {
        of.fetched = Some(of.looks);
        core.gossip.tell(Input::FetchAnew(group)).await;
    }
    Ok(false)
}

/// Fences these accounts of a group and no others.
fn fence(core: &Core, group: GroupId, with: NodeId, accounts: &BTreeSet<u64>, fetching: bool) {
    let fenced = |account: &u64| Fenced { account: *account, group, with, fetching };
    let all: BTreeSet<u64> = {
        let mut of = core.fences.of.lock();
        if accounts.is_empty() {
            of.remove(&group);
        } else {
            of.insert(group, accounts.iter().map(fenced).collect());
        }
        of.values().flatten().map(|f| f.account).collect()
    };
    core.views.publish(|view| view.fenced = all.into_iter().collect());
}

/// Fences what was fenced when the node was stopped.
pub(crate) fn reopen(core: &Core) -> Result<(), StoreError> {
    let fenced = read(&core.store)?;
    for (group, accounts) in &fenced {
        let view = core.views.load();
        let voters = view.directory.placement(*group).map(|p| p.voters.clone());
        let with = voters.and_then(|v| v.into_iter().find(|n| *n != core.me.0));
        if let Some(with) = with {
            core.gossip.suspicions.add(*group, NodeId(with));
        }
        fence(core, *group, NodeId(with.unwrap_or_default()), accounts, true);
    }
    Ok(())
}
