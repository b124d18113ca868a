//! An account moves between groups, step by step, while clients write it and ask for it. Whoever leads the group that it leaves carries the
//! steps out, by what its own view says of both groups: as `moves` of the node does it.

use std::time::Duration;

use rand::Rng;
use tidegate_model::{
    Envelope,
    membership::{
        AccountMoved, AccountReleased, AdoptAccount, Change as Membership, FenceAccount,
        MoveAccount, ReleaseAccount, Relocation,
    },
    record::AccountPlacement,
};
use tidegate_replica::{Clock, GroupId, NodeId};

use super::{Event, World};
use crate::pure::{
    account::{self, Account, FIRST, REGISTERS, Taken},
    bug::Bug,
    home::{Home, origin},
    invariants::Seen,
};

/// How often whoever leads a group looks whether the account leaves it.
const LOOK: Duration = Duration::from_millis(40);
/// Rows of one part: few, so that an account goes in several.
const PART_ROWS: usize = 2;
/// Behind every row: where the requests that are remembered go along.
const REQUESTS: u8 = 0xff;
/// One answer of so many is lost, and its client tries again.
const LOST: u32 = 4;

/// A client of the account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// The write that it tries until it has an answer, and its register.
    trying: Option<(u64, u32)>,
    /// The positions that its tokens name.
    tokens: Clock,
    /// How many of the writes that were taken, in their order, it must see from then on.
    floor: usize,
}

/// The account, and who works with it.
#[derive(Debug)]
pub(crate) struct Moving {
    pub(crate) account: Account,
    sessions: Vec<Session>,
    /// Of the move that is under way, by its epoch: the positions that all must decide on before the old group forgets the account.
    settled: Option<(u64, Clock)>,
    /// After the faults nobody changes anything until all is repaired; then what was begun is brought to its end.
    finishing: bool,
}

impl World {
    /// Makes the account, where the plan moves it.
    pub(super) fn found_account(&mut self) {
        if !self.plan.moves || !self.options.checks {
            return;
        }
        let account = Account::new(self.homes.keys().copied());
        let sessions = vec![Session::default(); self.plan.clients as usize];
        for session in 0..sessions.len() {
            self.schedule(Duration::from_millis(300), Event::Account(session));
        }
        self.moving = Some(Moving { account, sessions, settled: None, finishing: false });
        let Some(directory) = self.homes.get_mut(&GroupId::DIRECTORY) else { return };
        let placed = Account::placed(directory.end() + 1);
        let carried = account::carried(GroupId::DIRECTORY, placed.clone());
        directory.append(self.now, placed.dot.sequence, vec![carried]);
        if let Some(moving) = &mut self.moving {
            let absorbed = moving.account.directory.absorb(&placed);
            debug_assert!(absorbed.is_ok(), "the directory reads where an account is");
        }
        for envelope in account::founding() {
            let Some(home) = self.homes.get(&FIRST) else { return };
            self.carry_out(home.leader, FIRST, &envelope);
        }
        self.schedule(LOOK, Event::Moves);
    }

    /// A command is proposed by a node to a group's leader, which it must reach, and commits. Gives the position and the revision; `None`: it
    /// does not get so far, or is refused.
    fn carry_out(
        &mut self,
        by: NodeId,
        group: GroupId,
        envelope: &Envelope,
    ) -> Option<(u64, u64, bool)> {
        let home = self.homes.get_mut(&group)?;
        let (leader, index) = (home.leader, home.end() + 1);
        if self.now > Duration::ZERO {
            let reaches = by == leader || self.net.talk(by, leader) && self.net.talk(leader, by);
            if !reaches || !self.leads(leader, group) {
                self.counts.refused_writes += 1;
                return None;
            }
        }
        let time = u64::try_from(self.now.as_millis()).unwrap_or(u64::MAX);
        let account = &mut self.moving.as_mut()?.account;
        let (records, revision) = account.apply(group, index, time, envelope);
        // What is refused, or is there already, is an entry of the log all the same.
        let wrote = !records.is_empty();
        let carried = records.into_iter().map(|r| account::carried(group, r)).collect();
        self.homes.get_mut(&group)?.append(self.now, index, carried);
        self.counts.commits += 1;
        self.apply_own(leader);
        revision.map(|revision| (index, revision, wrote))
    }

    /// The directory is told to move the account, to the other of the first two groups. `false`: it can't be asked, or refuses.
    pub(super) fn move_account(&mut self) -> bool {
        let Some(moving) = &self.moving else { return false };
        let Some(placement) = moving.account.placement() else { return false };
        let change = MoveAccount { account: placement.account, group: 3 - placement.group };
        let Some(leader) = self.homes.get(&GroupId::DIRECTORY).map(|d| d.leader) else {
            return false;
        };
        let envelope = account::by_system(Membership::Move(change));
        let moves = self.carry_out(leader, GroupId::DIRECTORY, &envelope).is_some();
        self.counts.moves_begun += u64::from(moves);
        moves
    }

    /// Whether the account is where it shall be, as the directory knows, and every client has its answer.
    pub(crate) fn account_is_done(&self) -> bool {
        self.moving.as_ref().is_none_or(|moving| {
            !moving.account.is_moving() && moving.sessions.iter().all(|s| s.trying.is_none())
        })
    }

    /// Whether the account and its clients stand still.
    fn account_rests(&self) -> bool {
        self.healed && !self.moving.as_ref().is_some_and(|moving| moving.finishing)
    }

    /// What was begun with the account is to be brought to its end. `false`: there is none.
    pub(crate) fn finish_account(&mut self) -> bool {
        self.moving.as_mut().is_some_and(|moving| {
            moving.finishing = true;
            true
        })
    }

    /// Whoever leads a group that the account leaves does the next step.
    pub(super) fn look_at_moves(&mut self) {
        let leaders: Vec<(GroupId, NodeId)> =
            self.homes.values().map(|h| (h.group, h.leader)).collect();
        for (old, leader) in leaders {
            if old != GroupId::DIRECTORY && !self.account_rests() && self.leads(leader, old) {
                self.step(leader, old);
            }
        }
        self.schedule(LOOK, Event::Moves);
    }

    fn step(&mut self, leader: NodeId, old: GroupId) {
        let Some(node) = self.nodes.get(&leader) else { return };
        let state = node.disk.view();
        let view = account::view(state);
        let Some(placement) = view.directory.moving().next().cloned() else { return };
        if placement.previous != old.0 {
            return;
        }
        if placement.moved {
            self.release_account(leader, old, &placement);
            return;
        }
        // As far as the leader of now.
        if state.clock.get(origin(old)) < self.homes.get(&old).map_or(0, Home::end) {
            return;
        }
        let new = GroupId(placement.group);
        let place = |group: GroupId, epoch: u64| {
            let place = view.groups.get(&group.0).and_then(|g| g.place(account::id()));
            place.filter(|place| place.epoch == epoch)
        };
        let fence = place(old, placement.epoch - 1).and_then(|place| place.fence.as_deref());
        let (fence, base) = match fence {
            Some(fence) => (fence.index, fence.base),
            None if self.options.bug == Bug::MovedWithoutFence => {
                let at = state.clock.get(origin(old));
                let home = place(old, placement.epoch - 1).and_then(|place| place.home.as_ref());
                (at, home.map_or(0, |home| home.base) + at)
            }
            None => {
                let fence = FenceAccount { epoch: placement.epoch, to: new.0 };
                let envelope = account::by_system(Relocation::Fence(fence));
                self.carry_out(leader, old, &envelope);
                return;
            }
        };
        let there = place(new, placement.epoch);
        if there.is_some_and(tidegate_model::Place::is_installed) {
            let moved = AccountMoved { account: placement.account, epoch: placement.epoch };
            let envelope = account::by_system(Membership::Moved(moved));
            let done = self.carry_out(leader, GroupId::DIRECTORY, &envelope);
            self.counts.moves_done += u64::from(done.is_some_and(|(.., wrote)| wrote));
            return;
        }
        let after = there.and_then(|place| place.home.as_ref()).map(|home| home.upto.clone());
        let after = after.unwrap_or_default();
        let rows = account::rows(state, old, placement.epoch - 1);
        let mut rows: Vec<_> = rows.into_values().filter(|row| row.key > after).collect();
        let last = rows.len() <= PART_ROWS || after.first() == Some(&REQUESTS);
        rows.truncate(PART_ROWS);
        let upto = match rows.last() {
            Some(row) if !last => row.key.clone(),
            _ => vec![REQUESTS],
        };
        let truth = self.moving.as_ref().and_then(|m| m.account.groups.get(&old));
        let requests = truth.into_iter().flat_map(|g| g.requests_after(account::id(), None));
        let mut requests: Vec<_> = requests.map(|(_, row)| row).collect();
        if !last || self.options.bug == Bug::RequestsLeftBehind {
            requests.clear();
        }
        let last = last || self.options.bug == Bug::PartForWhole;
        let (epoch, from) = (placement.epoch, old.0);
        let adopt = AdoptAccount { epoch, from, fence, base, after, upto, last, rows, requests };
        let envelope = account::by_system(Relocation::Adopt(adopt));
        let done = self.carry_out(leader, new, &envelope);
        self.counts.parts_moved += u64::from(done.is_some_and(|(.., wrote)| wrote));
    }

    /// The old group forgets the account, once every member decides on what the new one has.
    fn release_account(&mut self, leader: NodeId, old: GroupId, placement: &AccountPlacement) {
        let (epoch, bug) = (placement.epoch, self.options.bug);
        let Some(node) = self.nodes.get(&leader) else { return };
        let Some(replica) = &node.replica else { return };
        let state = node.disk.view();
        let stands = [GroupId::DIRECTORY, GroupId(placement.group)]
            .map(|g| (origin(g), state.clock.get(origin(g))));
        let Some(moving) = &mut self.moving else { return };
        if moving.settled.as_ref().is_none_or(|(of, _)| *of != epoch) {
            moving.settled = Some((epoch, Clock::from_iter(stands)));
        }
        let settled = moving.settled.as_ref().map(|(_, clock)| clock.clone()).unwrap_or_default();
        let behind = |member: NodeId| {
            member != leader
                && !replica.peer_clock(member).is_some_and(|c| c.covers_clock(&settled))
        };
        if bug != Bug::ReleasedTooEarly && replica.members().any(|m| behind(m.node)) {
            return;
        }
        let keys: Vec<_> =
            account::rows(state, old, epoch - 1).into_keys().take(PART_ROWS).collect();
        if !keys.is_empty() {
            let release = ReleaseAccount { epoch: epoch - 1, keys };
            self.carry_out(leader, old, &account::by_system(Relocation::Release(release)));
            return;
        }
        let released = AccountReleased { account: placement.account, epoch };
        let envelope = account::by_system(Membership::Released(released));
        self.carry_out(leader, GroupId::DIRECTORY, &envelope);
    }

    /// A client of the account does something.
    pub(super) fn work_on_account(&mut self, session: usize) {
        let (writes, pause) =
            (self.random.account.random_bool(0.5), self.random.account.random_range(5..60));
        if !self.account_rests()
            && let Some(by) = self.reachable_for_account()
        {
            // What was begun is brought to its end, also when the faults are over.
            let trying = self.moving.as_ref().and_then(|m| m.sessions.get(session)?.trying);
            if trying.is_some() || writes && !self.healed {
                self.write_account(session, by);
            } else {
                self.read_account(session, by);
            }
        }
        self.schedule(Duration::from_millis(pause), Event::Account(session));
    }

    fn reachable_for_account(&mut self) -> Option<NodeId> {
        let up: Vec<NodeId> =
            self.nodes.iter().filter(|(_, n)| n.acts()).map(|(id, _)| *id).collect();
        let place = self.random.account.random_range(0..up.len().max(1));
        up.get(place).copied()
    }

    /// Writes a register by a node, which sends it where its view has the account.
    fn write_account(&mut self, session: usize, by: NodeId) {
        let (register, lost) = (
            self.random.account.random_range(0..REGISTERS),
            self.random.account.random_ratio(1, LOST),
        );
        let Some(moving) = &mut self.moving else { return };
        let Some(of) = moving.sessions.get_mut(session) else { return };
        let (write, register) = *of.trying.get_or_insert_with(|| {
            moving.account.begun += 1;
            (moving.account.begun, register)
        });
        let Some(node) = self.nodes.get(&by) else { return };
        let view = account::view(node.disk.view());
        let Ok(group) = view.group_of(account::id()) else { return };
        let epoch = view.directory.account(account::id()).map_or(0, |p| p.epoch);
        let directory = node.disk.view().clock.get(origin(GroupId::DIRECTORY));
        let done = self.carry_out(by, group, &account::write(write, register));
        let Some((index, revision, wrote)) = done else { return };
        let Some(moving) = &mut self.moving else { return };
        if wrote {
            moving.account.taken.push(Taken { write, register, revision });
        }
        let place = moving.account.taken.iter().position(|taken| taken.write == write);
        let Some(of) = moving.sessions.get_mut(session).filter(|_| !lost) else { return };
        self.counts.account_writes += 1;
        self.counts.writes_again += u64::from(!wrote);
        of.trying = None;
        of.floor = of.floor.max(place.map_or(0, |place| place + 1));
        of.tokens.advance(origin(group), index);
        if epoch > 0 {
            of.tokens.advance(origin(GroupId::DIRECTORY), directory);
        }
        let seen = Seen::AccountWritten { write, revision, taken: &moving.account.taken };
        self.judge.look(self.now, &seen, &self.homes);
    }

    /// Asks a node for the account, with the tokens of the session where it covers them.
    fn read_account(&mut self, session: usize, by: NodeId) {
        let Some(moving) = &self.moving else { return };
        let Some(of) = moving.sessions.get(session) else { return };
        let Some(node) = self.nodes.get(&by) else { return };
        let state = node.disk.view();
        let covers = state.clock.covers_clock(&of.tokens);
        let floor = if covers { of.floor } else { 0 };
        self.counts.account_reads += 1;
        self.counts.account_reads_moving += u64::from(moving.account.is_moving());
        let view = account::view(state);
        // A token of an account that never moved does not name the directory, and it may be that nothing of that has arrived: then a node
        // says that it does not know the account yet.
        if view.directory.account(account::id()).is_none() {
            return;
        }
        let shown = account::shown(&view);
        let taken = &moving.account.taken;
        let seen = Seen::AccountShown { node: by, shown, floor, taken };
        self.judge.look(self.now, &seen, &self.homes);
    }

    /// At the end every node shows all that was taken.
    pub(crate) fn look_at_account_at_the_end(&mut self) {
        let Some(moving) = &self.moving else { return };
        let taken = &moving.account.taken;
        for (id, node) in &self.nodes {
            let shown = account::shown(&account::view(node.disk.view()));
            let seen = Seen::AccountShown { node: *id, shown, floor: taken.len(), taken };
            self.judge.look(self.now, &seen, &self.homes);
        }
        let seen = Seen::AccountAtRest { moving: moving.account.is_moving() };
        self.judge.look(self.now, &seen, &self.homes);
    }
}
