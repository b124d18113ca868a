//! Moves of accounts: whoever leads the group that an account leaves brings it to its new one.
//!
//! Each step follows from what this node's view says of both groups, and may be repeated: so a leader that stops in the middle is
//! followed by one that goes on where it was. See `tidegate_model::membership` for the steps.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tidegate_model::{
    CallerRef, Command, Envelope, GroupState, Key,
    command::caller_kind,
    membership::{
        AccountMoved, AccountReleased, AdoptAccount, Change, FenceAccount, ReleaseAccount,
        Relocation, Row,
    },
    record::{AccountPlacement, Fence},
};
use tidegate_policy::AccountId;
use tidegate_replica::{Clock, GroupId, Record};
use tidegate_service::{Reason, ServiceError};
use tidegate_store::{NodeStore, StoreError};
use tokio::sync::oneshot;

use crate::{core::Core, gossip::Input};

/// How often a leader looks, beside every change of its view.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long it rests between two looks: a view that changes all the time is not looked through each time.
const PAUSE: Duration = Duration::from_millis(20);
/// How long one step may take before the leader looks again.
const STEP_MAX: Duration = Duration::from_secs(10);
/// Bytes of rows in one part: with what stands around them they fit into an entry, and one row that is larger does so alone.
const PART_BYTES: usize = 40 << 10;
/// Rows that one look into the store reads.
const ROWS_AT_ONCE: usize = 256;
/// Stands before the id of a request in the name of the last row of a part: behind every key.
const REQUESTS: u8 = 0xff;

/// Carries out moves, as long as the node lives.
pub(crate) async fn run(core: Arc<Core>, store: NodeStore) {
    let mut changes = core.views.changes();
    let mut moves = Moves { core, store, settled: BTreeMap::new() };
    loop {
        moves.look().await;
        let _woken = tokio::time::timeout(LOOK_EVERY, changes.changed()).await.is_ok();
        tokio::time::sleep(PAUSE).await;
    }
}

struct Moves {
    core: Arc<Core>,
    store: NodeStore,
    /// Of each account and epoch the positions at which it was first seen to have moved.
    settled: BTreeMap<(u64, u64), Clock>,
}

fn failed(error: &StoreError) -> ServiceError {
    ServiceError::new(Reason::Internal, format!("rows of the account can't be read: {error}"))
}

fn unknown(account: AccountId) -> ServiceError {
    ServiceError::new(Reason::AccountNotFound, format!("the account {account} is not here yet"))
}

/// A part of an account on its way.
#[derive(Debug, Default)]
struct Part {
    rows: Vec<Row>,
    requests: Vec<Vec<u8>>,
    bytes: usize,
    upto: Vec<u8>,
    last: bool,
}

impl Part {
    /// Whether one more of this size goes in.
    fn takes(&mut self, bytes: usize) -> bool {
        let takes = self.bytes == 0 || self.bytes + bytes <= PART_BYTES;
        self.bytes += bytes;
        takes
    }
}

/// An account on its way from one group to another.
struct Move<'a> {
    account: AccountId,
    old: GroupId,
    new: GroupId,
    placement: &'a AccountPlacement,
}

impl Move<'_> {
    /// The epoch that ends.
    fn old_epoch(&self) -> u64 {
        self.placement.epoch - 1
    }

    /// Rows of the account in the old group behind a plain key, live ones, ordered by plain key: about [`ROWS_AT_ONCE`].
    fn rows(
        &self,
        store: &NodeStore,
        after: &[u8],
    ) -> Result<Vec<(Vec<u8>, Record)>, ServiceError> {
        let mut found = Vec::new();
        // Keys of one kind and account stand together. The kinds of accounts' rows are those below 64.
        for kind in after.first().copied().unwrap_or(1)..64 {
            let number = self.account.as_u64().to_be_bytes();
            let plain = [&[kind][..], &number].concat();
            let (mut prefix, mut last) = (plain.clone(), after.to_vec());
            if self.old_epoch() > 0 {
                let placed = |key: &[u8]| {
                    let (kind, rest) = (key.first().copied()?, key.get(9..)?);
                    let epoch = self.old_epoch().to_be_bytes();
                    Some([&[76][..], &number, &epoch, &[kind], rest].concat())
                };
                prefix = placed(&plain).unwrap_or_default();
                last = placed(after).unwrap_or_default();
            }
            loop {
                let step = store.records_under(&prefix, &last, ROWS_AT_ONCE);
                let step = step.map_err(|e| failed(&e))?;
                let Some(end) = step.last() else { break };
                last = end.key.to_vec();
                for record in step {
                    let ours = record.dot.origin.group() == Some(self.old);
                    if !ours || record.value.is_none() {
                        continue;
                    }
                    let (_, key) = Key::decode_at(&record.key).ok_or_else(|| {
                        let message =
                            "a row of the account is of a kind that this build does not know";
                        ServiceError::new(Reason::Internal, message)
                    })?;
                    found.push((key.encode().to_vec(), record));
                }
                if found.len() >= ROWS_AT_ONCE {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// The next part behind `after`.
    fn part(
        &self,
        store: &NodeStore,
        old: &GroupState,
        after: &[u8],
    ) -> Result<Part, ServiceError> {
        let mut part = Part { upto: after.to_vec(), ..Part::default() };
        while part.upto.first() != Some(&REQUESTS) {
            let rows = self.rows(store, &part.upto)?;
            if rows.is_empty() {
                part.upto = vec![REQUESTS];
            }
            for (key, record) in rows {
                let value = record.value.unwrap_or_default().to_vec();
                if !part.takes(key.len() + value.len() + 32) {
                    return Ok(part);
                }
                part.upto.clone_from(&key);
                part.rows.push(Row { key, value, revision: record.stamp.revision });
            }
        }
        let id =
            part.upto.get(1..).and_then(|id| core::str::from_utf8(id).ok()).unwrap_or_default();
        let id = (!id.is_empty()).then(|| id.to_owned());
        for (id, row) in old.requests_after(self.account, id.as_deref()) {
            if !part.takes(row.len() + 16) {
                return Ok(part);
            }
            part.upto = [&[REQUESTS], id.as_bytes()].concat();
            part.requests.push(row);
        }
        part.last = true;
        Ok(part)
    }
}

impl Moves {
    async fn look(&mut self) {
        let view = self.core.views.load();
        self.settled.retain(|(account, epoch), _| {
            view.directory.moving().any(|m| m.account == *account && m.epoch == *epoch)
        });
        for placement in view.directory.moving() {
            let Ok(account) = AccountId::from_u64(placement.account) else { continue };
            let (old, new) = (GroupId(placement.previous), GroupId(placement.group));
            if !self.core.group(old).is_some_and(|group| group.is_leading()) {
                continue;
            }
            let moving = Move { account, old, new, placement };
            let done = if placement.moved {
                self.release(&moving).await
            } else {
                self.hand_over(&moving).await
            };
            if let Err(error) = done {
                tracing::info!(%account, from = %old, to = %new, %error, "a move of an account goes on");
            }
        }
    }

    /// Proposes a step, and waits until this node's view has it.
    async fn propose(
        &self,
        group: GroupId,
        account: AccountId,
        command: impl Into<Command>,
    ) -> Result<(), ServiceError> {
        let envelope = Envelope {
            account: account.as_u64(),
            caller: Some(CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() }),
            command: Some(command.into()),
            ..Envelope::default()
        };
        let (index, _) = self.core.propose(group, &envelope, STEP_MAX).await?;
        self.covering(&Clock::from_iter([(self.core.origin(group), index)])).await
    }

    async fn covering(&self, positions: &Clock) -> Result<(), ServiceError> {
        let covering = self.core.views.covering(positions, STEP_MAX).await;
        covering.map(drop).ok_or_else(|| crate::operations::not_yet(&self.core, positions))
    }

    /// Fences the account here, and hands it over part by part.
    async fn hand_over(&self, moving: &Move<'_>) -> Result<(), ServiceError> {
        let Move { account, old, new, placement } = moving;
        // As far as a leader of now: with the requests that are remembered, which gossip does not bring.
        let positions = self.core.read_index_here(vec![*old]).await;
        if positions.is_empty() {
            return Ok(());
        }
        self.covering(&positions.into_iter().collect()).await?;
        let fence = loop {
            if let Some(fence) = self.fence_of(moving)? {
                break fence;
            }
            let fence = FenceAccount { epoch: placement.epoch, to: new.0 };
            self.propose(*old, *account, Relocation::Fence(fence)).await?;
        };
        loop {
            let view = self.core.views.load();
            let place = view.groups.get(&new.0).and_then(|group| group.place(*account));
            let place = place.filter(|place| place.epoch == placement.epoch);
            if place.is_some_and(tidegate_model::Place::is_installed) {
                break;
            }
            let home = place.and_then(|place| place.home.as_ref());
            let after = home.map(|home| home.upto.clone()).unwrap_or_default();
            let state = view.groups.get(&old.0).ok_or_else(|| unknown(*account))?;
            let Part { rows, requests, upto, last, .. } =
                moving.part(&self.store, state, &after)?;
            let adopt = AdoptAccount {
                epoch: placement.epoch,
                from: old.0,
                fence: fence.index,
                base: fence.base,
                after,
                upto,
                last,
                rows,
                requests,
            };
            self.propose(*new, *account, Relocation::Adopt(adopt)).await?;
        }
        tracing::info!(%account, from = %old, to = %new, "an account was moved");
        let moved = AccountMoved { account: account.as_u64(), epoch: placement.epoch };
        self.propose(GroupId::DIRECTORY, *account, Change::Moved(moved)).await
    }

    /// The fence of the account, as this node's view has it.
    fn fence_of(&self, moving: &Move<'_>) -> Result<Option<Fence>, ServiceError> {
        let view = self.core.views.load();
        let place = view.groups.get(&moving.old.0).and_then(|group| group.place(moving.account));
        let place = place.filter(|place| place.epoch == moving.old_epoch());
        let place = place.ok_or_else(|| unknown(moving.account))?;
        Ok(place.fence.as_deref().cloned())
    }

    /// Forgets the account here, once every member decides on what the new group has.
    async fn release(&mut self, moving: &Move<'_>) -> Result<(), ServiceError> {
        let Move { account, old, new, placement } = moving;
        let view = self.core.views.load();
        let name = (account.as_u64(), placement.epoch);
        let now = || view.positions_of(&[GroupId::DIRECTORY, *new]);
        let settled = self.settled.entry(name).or_insert_with(now).clone();
        let (reply, status) = oneshot::channel();
        self.core.gossip.tell(Input::Status(reply)).await;
        let Ok(status) = status.await else { return Ok(()) };
        // This node's own view had them when they were seen first.
        let mut others = status.peers.iter().filter(|peer| peer.node != self.core.me);
        if !others.all(|peer| peer.published.covers_clock(&settled)) {
            return Ok(());
        }
        loop {
            let rows = moving.rows(&self.store, &[])?;
            if rows.is_empty() {
                break;
            }
            let mut part = Part::default();
            let keys = rows.into_iter().map(|(key, _)| key);
            let keys = keys.take_while(|key| part.takes(key.len() + 8)).collect();
            let release = ReleaseAccount { epoch: moving.old_epoch(), keys };
            self.propose(*old, *account, Relocation::Release(release)).await?;
        }
        let released = AccountReleased { account: account.as_u64(), epoch: placement.epoch };
        self.propose(GroupId::DIRECTORY, *account, Change::Released(released)).await
    }
}
