//! What has happened in a run: a test of what never happened proves nothing.

use std::{collections::BTreeMap, ops::AddAssign};

use tidegate_replica::{Counters, Message};

use super::{invariants::NAMES, plan::KINDS};

/// Counted over a run, or over many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events of the loop.
    pub events: u64,
    /// How often each kind of fault struck, and how often it found nothing to strike, by its place in [`KINDS`].
    pub struck: [(u64, u64); KINDS.len()],
    /// How often each invariant was looked at, by its place in [`NAMES`].
    pub looked: [u64; NAMES.len()],
    /// Messages and their bytes, by what they are. The bytes are 0 where messages do not travel as such.
    pub sent: BTreeMap<&'static str, (u64, u64)>,
    /// Messages that came as bytes and could not be read.
    pub unreadable: u64,
    /// Messages lost and doubled by the weather.
    pub lost: u64,
    /// Messages doubled by it.
    pub doubled: u64,
    /// Lives of nodes.
    pub lives: u64,
    /// Writes that were lost since they were not durable.
    pub writes_lost: u64,
    /// Disks that failed in the middle of a write.
    pub disks_failed: u64,
    /// Commits of groups.
    pub commits: u64,
    /// Writes that a group without leader refused.
    pub refused_writes: u64,
    /// Leaders that were elected.
    pub elections: u64,
    /// Quorums that confirmed a position.
    pub confirmations: u64,
    /// Nodes that joined.
    pub joined: u64,
    /// Nodes that left.
    pub left: u64,
    /// Batches that were merged.
    pub merges: u64,
    /// Views that were published.
    pub publications: u64,
    /// Arrivals that homes were told of.
    pub arrivals: u64,
    /// Alarms.
    pub alarms: u64,
    /// Answers to clients.
    pub answers: u64,
    /// Clients that were told that their token is not covered yet.
    pub not_yet: u64,
    /// Changes that were said to be everywhere.
    pub everywhere: u64,
    /// And those that were not yet.
    pub not_everywhere: u64,
    /// Pulls.
    pub pulls: u64,
    /// Pulls that went to another source.
    pub pulls_rerouted: u64,
    /// Whole states.
    pub whole_states: u64,
    /// Frames that came early and found no room.
    pub early_dropped: u64,
    /// Messages of nodes that are no members.
    pub strangers: u64,
    /// Records that were set aside.
    pub poisoned: u64,
    /// Batches that were being written when the power went.
    pub torn: u64,
    /// Syncs that found no room.
    pub no_room: u64,
    /// Messages that a node without room set aside.
    pub set_aside: u64,
    /// Rotten rows that were read.
    pub rot_found: u64,
    /// Quarantines that were taken.
    pub contained: u64,
    /// Of these, at nodes that were cut off from others.
    pub contained_cut_off: u64,
    /// Quarantines that were lifted.
    pub lifted: u64,
    /// Of these, while somebody was cut off.
    pub lifted_cut_off: u64,
    /// Collections of tombstones while a member was away.
    pub collected_without_all: u64,
    /// Messages that overtook an earlier one.
    pub overtook: u64,
    /// Moves of the account that the directory took.
    pub moves_begun: u64,
    /// Of these, those whose new group has all of it.
    pub moves_done: u64,
    /// Parts of the account that its new group took over.
    pub parts_moved: u64,
    /// Writes of the account whose client was told so.
    pub account_writes: u64,
    /// Of these, those that had been taken before: the answer had been lost.
    pub writes_again: u64,
    /// Reads of the account.
    pub account_reads: u64,
    /// Of these, while it was on its way.
    pub account_reads_moving: u64,
}

/// What a message is.
fn kind(message: &Message) -> &'static str {
    match message {
        Message::Push { .. } => "push",
        Message::Digest { .. } => "digest",
        Message::Pull { .. } => "pull",
        Message::PullReply { .. } => "page",
        Message::Ack { .. } => "acknowledgement",
        Message::Ping { .. } | Message::Pong { .. } => "ping",
        Message::Probe { .. } | Message::Echo { .. } => "probe",
        Message::Swim(_) => "liveness",
        #[allow(unreachable_patterns, reason = "a new kind of message is counted, too")]
        _ => "other",
    }
}

impl Counts {
    pub(crate) fn sent(&mut self, message: &Message, bytes: u64) {
        let (messages, all) = self.sent.entry(kind(message)).or_default();
        *messages += 1;
        *all += bytes;
    }

    pub(crate) fn strike(&mut self, kind: usize, struck: bool) {
        if let Some((hit, missed)) = self.struck.get_mut(kind) {
            *(if struck { hit } else { missed }) += 1;
        }
    }

    /// What a machine counted in one life.
    pub(crate) fn add(&mut self, of: &Counters) {
        self.pulls += of.pulls;
        self.pulls_rerouted += of.pulls_rerouted;
        self.whole_states += of.whole_states;
        self.early_dropped += of.early_dropped;
        self.strangers += of.strangers;
        self.poisoned += of.poisoned;
    }

    /// What never happened: kinds of faults that struck nobody, invariants that were never looked at, numbers that are 0.
    pub fn missed(&self) -> Vec<String> {
        let faults = KINDS.iter().zip(self.struck).filter(|(_, (struck, _))| *struck == 0);
        let rules = NAMES.iter().zip(self.looked).filter(|(_, looked)| *looked == 0);
        let others = self.named().into_iter().filter(|(_, number)| *number == 0);
        let faults = faults.map(|(kind, _)| format!("fault {kind}"));
        let rules = rules.map(|(name, _)| format!("invariant {name}"));
        faults.chain(rules).chain(others.map(|(name, _)| name.to_owned())).collect()
    }

    /// The plain numbers with their names, for a report.
    pub fn named(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("events", self.events),
            ("lives of nodes", self.lives),
            ("commits", self.commits),
            ("writes refused", self.refused_writes),
            ("elections", self.elections),
            ("quorums that confirmed", self.confirmations),
            ("nodes joined", self.joined),
            ("nodes left", self.left),
            ("merges", self.merges),
            ("publications", self.publications),
            ("arrivals told", self.arrivals),
            ("answers", self.answers),
            ("answers not yet", self.not_yet),
            ("said to be everywhere", self.everywhere),
            ("not yet everywhere", self.not_everywhere),
            ("pulls", self.pulls),
            ("pulls rerouted", self.pulls_rerouted),
            ("whole states", self.whole_states),
            ("strangers' messages", self.strangers),
            ("records set aside", self.poisoned),
            ("writes lost with the power", self.writes_lost),
            ("disks failed", self.disks_failed),
            ("messages lost", self.lost),
            ("messages doubled", self.doubled),
            ("batches torn", self.torn),
            ("syncs without room", self.no_room),
            ("messages set aside for want of room", self.set_aside),
            ("rotten rows found", self.rot_found),
            ("quarantines taken", self.contained),
            ("quarantines taken while cut off", self.contained_cut_off),
            ("quarantines lifted", self.lifted),
            ("quarantines lifted while somebody was cut off", self.lifted_cut_off),
            ("collections while somebody was away", self.collected_without_all),
            ("messages that overtook others", self.overtook),
            ("moves of the account begun", self.moves_begun),
            ("moves of the account whose new group has all", self.moves_done),
            ("parts of the account handed over", self.parts_moved),
            ("writes of the account acknowledged", self.account_writes),
            ("writes of the account known again", self.writes_again),
            ("reads of the account", self.account_reads),
            ("reads of the account while it moves", self.account_reads_moving),
        ]
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, o: &Self) {
        for ((hit, missed), (more, none)) in self.struck.iter_mut().zip(o.struck) {
            *hit += more;
            *missed += none;
        }
        for (looked, more) in self.looked.iter_mut().zip(o.looked) {
            *looked += more;
        }
        for (kind, (messages, bytes)) in &o.sent {
            let sum = self.sent.entry(kind).or_default();
            sum.0 += messages;
            sum.1 += bytes;
        }
        let sums = [
            (&mut self.events, o.events),
            (&mut self.unreadable, o.unreadable),
            (&mut self.lost, o.lost),
            (&mut self.doubled, o.doubled),
            (&mut self.lives, o.lives),
            (&mut self.writes_lost, o.writes_lost),
            (&mut self.disks_failed, o.disks_failed),
            (&mut self.commits, o.commits),
            (&mut self.refused_writes, o.refused_writes),
            (&mut self.elections, o.elections),
            (&mut self.confirmations, o.confirmations),
            (&mut self.joined, o.joined),
            (&mut self.left, o.left),
            (&mut self.merges, o.merges),
            (&mut self.publications, o.publications),
            (&mut self.arrivals, o.arrivals),
            (&mut self.alarms, o.alarms),
            (&mut self.answers, o.answers),
            (&mut self.not_yet, o.not_yet),
            (&mut self.everywhere, o.everywhere),
            (&mut self.not_everywhere, o.not_everywhere),
            (&mut self.pulls, o.pulls),
            (&mut self.pulls_rerouted, o.pulls_rerouted),
            (&mut self.whole_states, o.whole_states),
            (&mut self.early_dropped, o.early_dropped),
            (&mut self.strangers, o.strangers),
            (&mut self.poisoned, o.poisoned),
            (&mut self.torn, o.torn),
            (&mut self.no_room, o.no_room),
            (&mut self.set_aside, o.set_aside),
            (&mut self.rot_found, o.rot_found),
            (&mut self.contained, o.contained),
            (&mut self.contained_cut_off, o.contained_cut_off),
            (&mut self.lifted, o.lifted),
            (&mut self.lifted_cut_off, o.lifted_cut_off),
            (&mut self.collected_without_all, o.collected_without_all),
            (&mut self.overtook, o.overtook),
            (&mut self.moves_begun, o.moves_begun),
            (&mut self.moves_done, o.moves_done),
            (&mut self.parts_moved, o.parts_moved),
            (&mut self.account_writes, o.account_writes),
            (&mut self.writes_again, o.writes_again),
            (&mut self.account_reads, o.account_reads),
            (&mut self.account_reads_moving, o.account_reads_moving),
        ];
        for (sum, more) in sums {
            *sum += more;
        }
    }
}
