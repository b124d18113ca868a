//! What the driver does for what nodes write: records into the view, a fresh incarnation where one is needed, and what is over forgotten.

use std::time::Duration;

use prost::Message as _;
use tidegate_model::{BadRecord, region::RegionKey};
use tidegate_replica::{GroupId, NodeId, Record};
use tidegate_service::View;
use tidegate_store::StoreError;

use super::Driver;
use crate::{
    machine::{AnyState, generations, joining},
    region::SWEEP_EVERY,
};

/// Takes a record into a view.
pub(super) fn absorb(view: &mut View, record: &Record) -> Result<(), BadRecord> {
    let Some(group) = record.dot.origin.group() else { return view.region.absorb(record) };
    if group == GroupId::DIRECTORY {
        return view.directory.absorb(record);
    }
    let mut state = match view.groups.remove(&group.0) {
        Some(state) => AnyState::Accounts(state),
        None => AnyState::new(group),
    };
    let absorbed = state.absorb(record);
    if let AnyState::Accounts(state) = state {
        view.groups.insert(group.0, state);
    }
    absorbed
}

/// Takes all of a group out of a view.
pub(super) fn forget(view: &mut View, group: GroupId) {
    match AnyState::new(group) {
        AnyState::Directory(empty) => view.directory = empty,
        AnyState::Accounts(_) => drop(view.groups.remove(&group.0)),
    }
}

impl Driver {
    /// A state that differs from that of a voter is wrong, unless this node votes as well: then it is that of whoever does not lead.
    pub(super) fn suspect(&self, with: NodeId, group: GroupId) {
        let votes = |node: NodeId| {
            let mut members = self.replica.members();
            members.any(|m| m.node == node && m.voter_of.contains(&group))
        };
        if votes(with) {
            self.gossip.suspicions.add(group, with);
        }
    }

    /// Drops what the store has of a group that this node does not vote in; gossip brings it anew, and the view keeps what it has until
    /// all of it is there.
    pub(super) fn fetch_anew(&mut self, group: GroupId) {
        if self.replica.votes_in(group) {
            return;
        }
        let (_, origin) = generations(group, &[]);
        let forget = || -> Result<(), StoreError> {
            let known = self.store.position(origin)?;
            let mut batch = self.store.forget(origin)?;
            // Until it is here again no freshness from before a restart counts.
            joining::write(&mut batch, group, known);
            self.store.engine().apply(&batch)
        };
        if let Err(error) = forget() {
            tracing::error!(%error, %group, "a group could not be fetched anew");
            return;
        }
        self.digests.reset(group);
        self.replica.lost(origin, 0);
        self.waiting.hollow.insert(group);
    }

    /// Sees to this node's own writing, now and then.
    pub(super) async fn tend_own(&mut self, now: Duration) {
        if self.forgotten {
            self.reincarnate().await;
        }
        if now.saturating_sub(self.swept) < SWEEP_EVERY {
            return;
        }
        self.swept = now;
        if let Err(error) = self.lane.sweep() {
            tracing::warn!(%error, "what nodes wrote and is over could not be forgotten");
        }
    }

    /// Takes a fresh incarnation, and writes again under it what this node had written: peers may know something else under the old dots.
    async fn reincarnate(&mut self) {
        let lane = self.lane.clone();
        let Some(mut writing) = lane.pause() else { return };
        match lane.reincarnate(&mut writing).await {
            Ok(incarnation) => {
                tracing::error!(incarnation, "this node goes on under a fresh incarnation");
                self.replica.write_as(incarnation);
                self.forgotten = false;
            }
            Err(error) => {
                tracing::error!(%error, "no fresh incarnation could be written down");
                return;
            }
        }
        drop(writing);
        let view = self.views.load();
        let own = view.region.quarantines().filter(|q| q.node == self.me.0);
        let writes =
            own.map(|q| (RegionKey::Quarantine(q.account, q.id.clone()), q.encode_to_vec().into()));
        let mut writes: Vec<_> = writes.collect();
        for account in view.region.accounts() {
            let voids = view.region.voids_of(account);
            writes.extend(
                voids.map(|v| (RegionKey::Void(account, v.role.clone()), v.encode_to_vec().into())),
            );
        }
        tokio::spawn(async move {
            for part in writes.chunks(AT_ONCE) {
                if let Err(error) = lane.append(part.to_vec()).await {
                    tracing::error!(%error, "what was written under the old incarnation was not written again");
                }
            }
        });
    }
}

/// Records that are written again in one frame.
const AT_ONCE: usize = 256;
