//! Keeps peers, members and groups as the directory says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tidegate_consensus::{
    Group, GroupConfig, RaftMessage, Timings, Transport, TransportError, applied_index,
    forget_group, is_half_forgotten, is_remembered, remembered,
};
use tidegate_replica::{GroupId, Member, NodeId, Origin, RegionName};
use tidegate_service::View;
use tidegate_store::{NodeStore, StoreError};

use crate::{
    core::Core,
    gossip::Input,
    link::Link,
    machine::{GroupMachine, generations, joining},
    node::StartError,
    peers::{CallError, Peers, Place},
    platform::BoxFuture,
    recovery::{phase, steps::around},
    returning::has_too_much,
};

/// When the directory's word is followed again after that has failed.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Carries Raft messages over the peers' channels.
struct PeerTransport {
    peers: Arc<Peers>,
    /// The group's generation.
    generation: u32,
}

impl Transport for PeerTransport {
    fn call(
        &self,
        to: NodeId,
        message: RaftMessage,
        deadline: Duration,
    ) -> BoxFuture<Result<bytes::Bytes, TransportError>> {
        let peers = Arc::clone(&self.peers);
        let message = RaftMessage { generation: self.generation, ..message };
        Box::pin(async move {
            match peers.raft(to, deadline, message).await {
                Ok(body) => Ok(body),
                Err(CallError::Deadline) => Err(TransportError::Deadline),
                Err(CallError::Refused(why)) => Err(TransportError::Refused(why)),
                Err(e) => Err(TransportError::Unreachable(e.to_string())),
            }
        })
    }
}

/// The members, the places and the ended generations that were last made known.
pub(crate) type Known = (Vec<Member>, BTreeMap<NodeId, Place>, BTreeMap<GroupId, Vec<u64>>);

/// Keeps peers, members and groups as the directory says.
pub(crate) struct Warden {
    pub(crate) core: Arc<Core>,
    pub(crate) store: NodeStore,
    pub(crate) known: Mutex<Option<Known>>,
    /// Links of the settings that are not set yet.
    pub(crate) links: Mutex<Vec<(RegionName, RegionName, Link)>>,
}

impl Warden {
    /// Follows the views that are published after `changes` was taken, which was before the first look: none is missed.
    pub(crate) async fn watch(self, mut changes: tokio::sync::watch::Receiver<u64>) {
        loop {
            tokio::select! {
                biased;
                changed = changes.changed() => if changed.is_err() {
                    return;
                },
                () = self.core.look_again.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN), if self.core.vouching.learns() => {}
            }
            while let Err(error) = self.look().await {
                tracing::error!(%error, "the directory's word could not be followed");
                if let Some(error) = error.of_the_store() {
                    self.store.committer().fail(&error);
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    /// Everyone that is known: from the directory, and from the settings until it is there.
    fn places(&self, view: &View) -> BTreeMap<NodeId, Place> {
        let mut places = BTreeMap::new();
        // The settings say whom to call first; who belongs to the cluster the directory alone says, once it is known.
        let first = self.core.config.peers.iter();
        let learns = view.directory.cluster().is_none() || self.core.vouching.learns();
        for peer in first.filter(|_| learns) {
            if let Ok(region) = RegionName::new(&peer.region) {
                places.insert(NodeId(peer.node), Place { region, address: peer.address.clone() });
            }
        }
        for node in view.directory.nodes() {
            if let Ok(region) = RegionName::new(&node.region) {
                places
                    .insert(NodeId(node.id), Place { region, address: node.peer_address.clone() });
            }
        }
        places.remove(&self.core.me);
        places
    }

    /// The members with the groups that each votes in.
    fn members(
        &self,
        view: &View,
        places: &BTreeMap<NodeId, Place>,
        unconfirmed: &BTreeSet<GroupId>,
    ) -> Vec<Member> {
        let founding = self.core.config.founding.as_ref();
        let votes = |node: NodeId| -> Vec<GroupId> {
            if view.directory.cluster().is_none() {
                // Founders vote in all groups from the first moment: none may begin one from what gossip brought of it.
                let groups = founding.filter(|f| f.voters.contains(&node.0)).map(|f| 0..=f.groups);
                return groups.into_iter().flatten().map(GroupId).collect();
            }
            let of = view.directory.placements().filter(|p| p.speakers().any(|n| n == node.0));
            of.map(|p| GroupId(p.group)).collect()
        };
        let mut mine = self.own(view, votes(self.core.me));
        mine.extend(unconfirmed);
        mine.sort_unstable();
        mine.dedup();
        let mut members =
            vec![Member { node: self.core.me, region: self.core.region.clone(), voter_of: mine }];
        members.extend(places.iter().map(|(node, place)| Member {
            node: *node,
            region: place.region.clone(),
            voter_of: votes(*node),
        }));
        members
    }

    /// Groups that this node has a log of, as long as it knows less of the directory than before it was stopped: it had begun to vote there,
    /// which that directory may not say yet. Gossip must not bring them beside their logs, and nothing of them is forgotten.
    fn unconfirmed(&self, view: &View) -> Result<BTreeSet<GroupId>, StartError> {
        let known = view.positions.get(self.core.origin(GroupId::DIRECTORY));
        let less = joining::read(&self.store, GroupId::DIRECTORY)? > known;
        let nothing = view.directory.cluster().is_none();
        Ok(if less || nothing { remembered(&self.store)? } else { BTreeSet::new() })
    }

    /// The groups of this node's own: those that it votes in by the directory, but for what a recovery has made of them meanwhile.
    fn own(&self, view: &View, votes: Vec<GroupId>) -> Vec<GroupId> {
        let recoveries = &self.core.recoveries;
        let mut own: BTreeSet<GroupId> = votes.into_iter().collect();
        for placement in view.directory.placements() {
            let group = GroupId(placement.group);
            let Some(row) = recoveries.under_way(view, group) else { continue };
            let begins = row.phase >= phase::OPEN && row.seed == self.core.me.0;
            // What was harvested stays as its log made it.
            if begins || row.phase == phase::HARVESTED {
                own.insert(group);
            } else {
                own.remove(&group);
            }
        }
        own.into_iter().collect()
    }

    /// Whether the group runs here: not while it is only being recovered.
    fn runs(&self, view: &View, group: GroupId) -> bool {
        let row = self.core.recoveries.under_way(view, group);
        row.is_none_or(|row| row.phase >= phase::OPEN && row.seed == self.core.me.0)
    }

    /// Sets the links that the settings name, once the directory says that they may be used.
    fn set_links(&self, view: &View) {
        let Some(cluster) = view.directory.cluster() else { return };
        let mut links = self.links.lock();
        if !cluster.development && !links.is_empty() {
            tracing::error!(
                "the links of the settings are ignored: the cluster is not in development mode"
            );
            links.clear();
        }
        for (from, to, link) in links.drain(..) {
            tracing::warn!(%from, %to, ?link, "a link of this development cluster is as the settings say");
            if let Err(error) = self.core.link.set(from, to, link) {
                tracing::error!(%error, "a link can't be set");
            }
        }
    }

    /// Looks once.
    pub(crate) async fn look(&self) -> Result<(), StartError> {
        let view = self.core.views.load();
        self.core.clock.follow(view.directory.cluster());
        self.set_links(&view);
        let places = self.places(&view);
        let unconfirmed = self.unconfirmed(&view)?;
        let members = self.members(&view, &places, &unconfirmed);
        let ended = self.core.recoveries.all_ended(&view);
        let now = Some((members.clone(), places.clone(), ended.clone()));
        if *self.known.lock() == now {
            return Ok(());
        }
        self.core.peers.set(&places);
        let own = members.first().map(|m| m.voter_of.clone()).unwrap_or_default();
        let before = self.known.lock().as_ref().map(|(_, _, ended)| ended.clone());
        if before.unwrap_or_default() != ended {
            self.core.gossip.tell(Input::Ended(ended)).await;
            if has_too_much(&self.core, &self.store)? {
                self.core.peers.suspect();
            }
        }
        let left_early = self.leave(&view, &own).await?;
        self.core.gossip.tell(Input::OwnGroups(own.clone())).await;
        for (origin, stands) in left_early {
            tracing::warn!(%origin, stands, "a group was left before its log had brought what gossip had; it is fetched anew");
            self.core.gossip.tell(Input::LeftEarly { origin, stands }).await;
        }
        self.core.gossip.tell(Input::Members(members.clone())).await;
        for group in own {
            let there = self.core.groups.read().contains_key(&group);
            let waits = unconfirmed.contains(&group)
                && group != GroupId::DIRECTORY
                && !view
                    .directory
                    .placement(group)
                    .is_some_and(|p| p.speakers().any(|n| n == self.core.me.0));
            if !there && !waits && self.runs(&view, group) {
                let founders: Vec<NodeId> = members
                    .iter()
                    .filter(|m| m.voter_of.contains(&group))
                    .map(|m| m.node)
                    .collect();
                // Only a new cluster's groups begin by themselves; who votes later waits until it is told.
                let changed = view.directory.placement(group).is_some_and(|p| p.changes > 0)
                    || self.core.recoveries.row(group).is_some()
                    || unconfirmed.contains(&group);
                let founders = if changed { &[][..] } else { &founders };
                let handle = self.start_group(group, founders).await?;
                self.watch_over(&handle);
                self.core.groups.write().insert(group, handle);
            }
        }
        *self.known.lock() = now;
        Ok(())
    }

    /// Ends groups that this node votes in no more. From here on gossip brings what they do. Gives those of which the store has less than
    /// the view, and how much: the log had not yet brought what gossip had brought before.
    async fn leave(&self, view: &View, own: &[GroupId]) -> Result<Vec<(Origin, u64)>, StartError> {
        let mut left_early = Vec::new();
        let placements = view.directory.placements().map(|p| GroupId(p.group));
        // What is being recovered keeps its log until everybody has what it holds.
        let keeps = |group: &GroupId| self.core.recoveries.under_way(view, *group).is_some();
        for group in placements.filter(|g| !own.contains(g) && !keeps(g)) {
            let handle = self.core.groups.write().remove(&group);
            if let Some(handle) = handle {
                tracing::info!(%group, "this node votes in a group no more");
                handle.shutdown().await;
                self.core.vouching.forget(group);
                let known = joining::read(&self.store, group)?;
                let (past, present) = generations(group, &self.core.recoveries.ended(view, group));
                let origins = past.into_iter().chain([(present, known)]);
                for (origin, known) in origins.filter(|_| known > 0) {
                    let stands = self.store.position(origin)?;
                    left_early.extend((stands < known).then_some((origin, stands)));
                }
            }
            if is_remembered(group, &self.store)? {
                forget_group(group, &self.store).await?;
            }
        }
        Ok(left_early)
    }

    /// A group that stops for a failure takes the node with it: what it would go on to answer would grow old.
    fn watch_over(&self, group: &Group) {
        let (group, committer) = (group.clone(), self.store.committer().clone());
        tokio::spawn(async move {
            if let Some(why) = group.stopped().await {
                committer.fail(&StoreError::Io(format!("group {} has stopped: {why}", group.id())));
            }
        });
    }

    async fn start_group(&self, group: GroupId, founders: &[NodeId]) -> Result<Group, StartError> {
        let core = &self.core;
        if is_half_forgotten(group, &self.store)? {
            forget_group(group, &self.store).await?;
        }
        let applied = applied_index(group, &self.store)?;
        let ended = core.recoveries.ended(&core.views.load(), group);
        let generation = u32::try_from(ended.len()).unwrap_or(u32::MAX);
        let around = around(core, &self.store, ended);
        let machine = GroupMachine::open(group, applied, around)?;
        let raft = &core.config.raft;
        let timings = Timings {
            heartbeat: Duration::from_millis(raft.heartbeat_ms),
            election_min: Duration::from_millis(raft.election_min_ms),
            election_max: Duration::from_millis(raft.election_max_ms),
            snapshot_every: raft.snapshot_every,
        };
        let platform = Arc::clone(&core.platform);
        let config =
            GroupConfig { me: core.me, group, timings, now: Arc::new(move || platform.wall().0) };
        let transport = Arc::new(PeerTransport { peers: Arc::clone(&core.peers), generation });
        let handle = Group::start(config, self.store.clone(), transport, Arc::new(machine)).await?;
        // One of them is enough to begin; the others learn of it.
        if founders.iter().min() == Some(&core.me) {
            handle.initialize(founders).await?;
        }
        Ok(handle)
    }
}
