//! What nobody may say for another: forgeries are told and asked for elsewhere, and who is believed that nothing is missing.
//!
//! The machine knows of no signatures. Its driver verifies what arrives before [`Replica::receive`] and tells what it
//! [refused](Replica::refused); a catch-up is held against what vouches for its end by [`Output::Check`](crate::Output::Check).

use core::time::Duration;

use super::{Alarm, CaughtUp, Replica, merging::Incoming};
use crate::{Dot, NodeId, Origin, Records, catch_up::RETRIES};

impl Replica {
    /// From now on only the writer itself and voters are believed that what a node wrote is complete. What others tell of it is merged, so
    /// that a denial works, and the clock stands until one of those says the same: nobody can make a node pass over what another wrote.
    ///
    /// What groups write is vouched for by what stands in its frames, whoever sends them.
    pub fn believe_writers_and_voters(&mut self) {
        self.strict = true;
    }

    /// Whether `from` is believed that nothing of what `origin` wrote is missing in what it sends.
    pub(super) fn believes(&self, from: NodeId, origin: Origin) -> bool {
        let Origin::Node { node: writer, .. } = origin else { return true };
        let votes = || self.members.get(from).is_some_and(|m| !m.voter_of.is_empty());
        !self.strict || writer == from || self.members.is_empty() || votes()
    }

    /// Whether somebody who is not believed is asked for it all the same: where nobody better has it, and once.
    pub(super) fn worth_hearing(&self, origin: Origin, sequence: u64) -> bool {
        let have = self.merged.get(origin);
        let better = |(node, peer): (&NodeId, &super::PeerState)| {
            peer.merged(origin) > have
                && self.believes(*node, origin)
                && self.liveness.is_alive(*node)
        };
        self.hearsay.get(&origin).is_none_or(|heard| *heard < sequence)
            && !self.peers.iter().any(better)
    }

    /// The driver refused a message of a peer that claims to bring `dot`. `why`: it was forged; `None`: who vouches for it is not known here
    /// yet. What it should have brought is asked for elsewhere.
    pub fn refused(&mut self, now: Duration, from: NodeId, dot: Dot, why: Option<String>) {
        match why {
            Some(why) => {
                self.counters.forged += 1;
                self.alarm(Alarm::Forged { from, dot, why });
            }
            None => self.counters.unvouched += 1,
        }
        if self.pulls.source(dot.origin) == Some(from) {
            self.pulls.abandon(dot.origin);
            self.pull_elsewhere(now, dot.origin, from);
        }
    }

    fn pull_elsewhere(&mut self, now: Duration, origin: Origin, not: NodeId) {
        let to = self.another_source(now, origin, not).filter(|to| *to != not);
        if let Some(to) = to {
            self.counters.pulls_rerouted += 1;
            self.begin_pull(now, origin, to, RETRIES);
        }
    }

    /// Whether the state that a catch-up leads to is the one that is vouched for. One that is not is forgotten, and asked for elsewhere.
    pub fn checked(
        &mut self,
        now: Duration,
        state: CaughtUp,
        genuine: bool,
        records: &dyn Records,
    ) {
        let CaughtUp { from, origin, upto, writes, replaced, proof, spilled } = state;
        if !genuine {
            self.counters.forged += 1;
            let mut why = "these records do not make the state that is vouched for".to_owned();
            if spilled {
                why.push_str(
                    "; part of them is in the store: start this node anew to take it from another",
                );
                self.stuck.insert(origin);
            }
            self.alarm(Alarm::Forged { from, dot: Dot { origin, sequence: upto }, why });
            if !spilled {
                self.pull_elsewhere(now, origin, from);
            }
            return;
        }
        let moves = upto > self.merged.get(origin);
        if moves {
            let incoming = Incoming::new(from, origin, writes);
            let (upto, proof) = (Some(upto), Some(proof));
            let replaces = replaced.map(|r| r.kept);
            self.take_state(Incoming { upto, replaces, proof, ..incoming }, records);
        }
        self.go_on(now, from, origin, moves, records);
    }
}
