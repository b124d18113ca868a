//! Gaps and absences: asking for what is missing, and giving others what they miss.

use core::time::Duration;

use rand::RngExt;

use super::{Answer, CaughtUp, Lane, Output, Replaced, Replica, merging::Incoming};
use crate::{
    Clock, Continuation, Frame, Message, NodeId, Origin, Proof, Records,
    catch_up::{
        PAGE_BYTES, PAGES_AT_ONCE, PATIENCE, Page, Question, RETRIES, Silence, Staged, Step,
    },
};

/// Pages of what groups write may not stand before what nodes write.
fn lane_of(origin: Origin) -> Lane {
    if origin.group().is_some() { Lane::Bulk } else { Lane::Urgent }
}

impl Replica {
    /// Asks for what is missing of `origin`, unless that is under way.
    pub(super) fn pull(&mut self, now: Duration, origin: Origin, from: NodeId) {
        self.begin_pull(now, origin, from, RETRIES);
    }

    pub(super) fn begin_pull(&mut self, now: Duration, origin: Origin, from: NodeId, retries: u32) {
        let after = self.merged.get(origin);
        if let Some(question) = self.pulls.begin(now, origin, from, after, retries) {
            self.counters.pulls += 1;
            self.ask(question);
        }
    }

    fn ask(&mut self, question: Question) {
        let Question { to, origin, after, base, nonce } = question;
        self.send(to, Lane::Urgent, Message::Pull { origin, after, base, nonce });
    }

    /// A peer said how far it is: where it is ahead it is asked.
    pub(super) fn compare(&mut self, now: Duration, from: NodeId, merged: &Clock) {
        self.look_for_forgotten(from, merged);
        if self.members.contains(from) {
            self.peers.entry(from).or_default().has_merged(merged);
        }
        let ahead = |(origin, sequence): &(Origin, u64)| {
            let sequence = self.end_of(*origin).min(*sequence);
            let lacks = !self.is_own(*origin) && sequence > self.merged.get(*origin);
            lacks && self.has_base_of(*origin)
        };
        let ahead: Vec<(Origin, u64)> = merged.iter().filter(ahead).collect();
        for (origin, sequence) in ahead {
            if self.believes(from, origin) || self.worth_hearing(origin, sequence) {
                self.pull(now, origin, from);
            }
        }
    }

    /// Sources that owe an answer are asked again; a pull whose source says nothing at all, or is hopeless, begins anew with another.
    pub(super) fn reroute(&mut self, now: Duration) {
        for Silence { origin, source, hopeless, retries } in self.pulls.silent(now) {
            let heard = self.peers.get(&source).and_then(|p| p.heard);
            let there = heard.is_some_and(|at| now < at + PATIENCE);
            if there && !hopeless {
                if let Some(question) = self.pulls.ask_again(now, origin) {
                    self.ask(question);
                }
                continue;
            }
            self.pulls.abandon(origin);
            if let Some(to) = self.another_source(now, origin, source) {
                self.counters.pulls_rerouted += 1;
                self.begin_pull(now, origin, to, retries);
            }
        }
    }

    /// A peer that is ahead: another than `silent` where there is one; of these one that was heard lately, as whoever has just ended, or was
    /// taken out by a change that is still to come here, passes for alive a while; else one that is thought alive.
    pub(super) fn another_source(
        &mut self,
        now: Duration,
        origin: Origin,
        silent: NodeId,
    ) -> Option<NodeId> {
        let have = self.merged.get(origin);
        let ahead = self.peers.iter().filter(|(_, p)| p.merged(origin) > have);
        let mut sources: Vec<NodeId> = ahead.map(|(node, _)| *node).collect();
        if sources.iter().any(|n| *n != silent) {
            sources.retain(|n| *n != silent);
        }
        let heard = |node: &NodeId| {
            let heard = self.peers.get(node).and_then(|p| p.heard);
            heard.is_some_and(|at| now < at + PATIENCE)
        };
        if sources.iter().any(heard) {
            sources.retain(heard);
        } else if sources.iter().any(|n| self.liveness.is_alive(*n)) {
            sources.retain(|n| self.liveness.is_alive(*n));
        }
        if sources.is_empty() {
            return None;
        }
        sources.get(self.rng.random_range(0..sources.len())).copied()
    }

    /// Gives a peer what it lacks, a few pages, of which the first is sent now.
    pub(super) fn answer(&mut self, to: NodeId, question: Question, records: &dyn Records) {
        let Question { origin, after, base, nonce, .. } = question;
        let replaces = base < records.floor(origin);
        let after = if replaces { 0 } else { after };
        let (number, published) = (self.next_number(), self.published.get(origin));
        let pages = PAGES_AT_ONCE;
        let answer = Answer { to, origin, nonce, number, base, after, published, pages, replaces };
        self.answer_on(answer, records);
    }

    /// Sends the next page of an answer. Says nothing where the store can't be read or is behind, or tombstones were collected meanwhile
    /// that the peer lacks: it asks again, or another.
    pub fn answer_on(&mut self, answer: Answer, records: &dyn Records) {
        let Answer { to, origin, nonce, number, base, after, pages, replaces, .. } = answer;
        // The peer has what was collected up to where the last page ended.
        if !replaces && base.max(after) < records.floor(origin) {
            return;
        }
        let page = records.range(origin, after, PAGE_BYTES);
        let upto = page.upto.max(after);
        let published = answer.published.max(self.published.get(origin));
        // A page that ends early, or does not end, is a store that can't be read: never "this is all".
        let unread = if page.more { upto == after } else { upto < published };
        // Records ahead of the clock are a catch-up of this node's own that has not come to its end.
        // Those of a group of this node's own are committed; those of its own writing may not be durable yet.
        let by_log = origin.group().is_some() && self.is_own(origin);
        let unfinished = !by_log && upto > self.merged.get(origin).max(after);
        if unread || unfinished {
            return;
        }
        let next = match page.more {
            false => Continuation::Done,
            true if pages == 1 => Continuation::Ask,
            true => Continuation::Follows,
        };
        let proof = match next {
            Continuation::Done => match records.proof(origin, upto) {
                Proof::Unneeded => None,
                Proof::There(proof) => Some(proof),
                Proof::Missing => return,
            },
            _ => None,
        };
        let frame = Frame { origin, after, upto, records: page.records, trace: None, proof };
        // What is merged and not durable yet is given away too, and may be lost here before the last page was sent.
        let cut = published.max(page.end);
        let message = Message::PullReply { nonce, answer: number, frame, cut, next, replaces };
        self.send(to, lane_of(origin), message);
        if next == Continuation::Follows {
            let rest = Answer { after: upto, published, pages: pages - 1, ..answer };
            self.outputs.push_back(Output::Answer(rest));
        }
    }

    /// A page of a pull has arrived.
    pub(super) fn page(&mut self, now: Duration, from: NodeId, page: Page, records: &dyn Records) {
        let origin = page.frame.origin;
        let ours = self.is_own(origin) || self.stuck.contains(&origin);
        if ours || !self.takes(origin, page.frame.upto) {
            return;
        }
        match self.pulls.page(now, from, page) {
            Step::Wait => {}
            Step::Ask(question) => self.ask(question),
            Step::Spill(staged, question) => {
                self.merge(Incoming::new(from, origin, staged.records), records);
                if let Some(question) = question {
                    self.ask(question);
                }
            }
            Step::Done(staged, upto) => self.caught_up(now, from, origin, staged, upto, records),
        }
    }

    /// A pull has come to its source's cut.
    fn caught_up(
        &mut self,
        now: Duration,
        from: NodeId,
        origin: Origin,
        staged: Staged,
        upto: u64,
        records: &dyn Records,
    ) {
        // Where pushes brought as much meanwhile, an older whole state must never replace it.
        let moves = upto > self.merged.get(origin) && self.takes(origin, upto);
        if !moves {
            self.go_on(now, from, origin, false, records);
        } else if !self.believes(from, origin) {
            self.hearsay.insert(origin, upto);
            let incoming = Incoming::new(from, origin, staged.records);
            self.merge(Incoming { hearsay: true, ..incoming }, records);
        } else if let Some(proof) = staged.proof {
            let replaced = staged.replaces.map(|kept| Replaced { origin, kept });
            let (writes, spilled) = (staged.records, staged.spilled);
            let state = CaughtUp { from, origin, upto, writes, replaced, proof, spilled };
            self.outputs.push_back(Output::Check(state));
        } else {
            let incoming = Incoming::new(from, origin, staged.records);
            let upto = Some(upto);
            self.take_state(Incoming { upto, replaces: staged.replaces, ..incoming }, records);
            self.go_on(now, from, origin, true, records);
        }
    }

    /// Merges the end of a catch-up.
    pub(super) fn take_state(&mut self, incoming: Incoming, records: &dyn Records) {
        self.counters.whole_states += u64::from(incoming.replaces.is_some());
        self.merge(incoming, records);
    }

    /// After a catch-up: merges what waited for it, and asks for what is still missing.
    pub(super) fn go_on(
        &mut self,
        now: Duration,
        from: NodeId,
        origin: Origin,
        moves: bool,
        records: &dyn Records,
    ) {
        self.merge_early(origin, records);
        if self.early.waits(origin) {
            // A source that did not bring this node on has not got the rest, either.
            let next = if moves { Some(from) } else { self.another_source(now, origin, from) };
            if let Some(to) = next.filter(|to| moves || *to != from) {
                self.pull(now, origin, to);
            }
        }
    }
}
