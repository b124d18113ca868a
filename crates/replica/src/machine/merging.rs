//! Frames come in: passed on, put in order, judged, merged.

use core::time::Duration;
use std::collections::BTreeSet;

use bytes::Bytes;

use super::{Alarm, Lane, MergeBatch, Output, Replaced, Replica, UNDER_WAY_MAX};
use crate::{Clock, Dot, Frame, Message, NodeId, Origin, Record, Records, push};

/// Records on their way into the store.
pub(super) struct Incoming {
    pub(super) from: NodeId,
    pub(super) origin: Origin,
    /// Up to where the origin is complete with them. `None` in the middle of a catch-up.
    pub(super) upto: Option<u64>,
    pub(super) records: Vec<Record>,
    /// What stood of the origin is void, but for these records and those keys.
    pub(super) replaces: Option<BTreeSet<Bytes>>,
    pub(super) trace: Option<String>,
    pub(super) proof: Option<Bytes>,
    /// They are decided on although nobody who is believed says that they are complete.
    pub(super) hearsay: bool,
}

impl Incoming {
    /// Records of `origin`, in the middle of something.
    pub(super) fn new(from: NodeId, origin: Origin, records: Vec<Record>) -> Self {
        let (upto, replaces, trace, proof) = (None, None, None, None);
        Self { from, origin, upto, records, replaces, trace, proof, hearsay: false }
    }
}

impl Replica {
    /// A fresh frame has arrived. It is passed on even where it says nothing new here: the two paths into a region stay apart.
    pub(super) fn pushed(
        &mut self,
        now: Duration,
        from: NodeId,
        frame: Frame,
        hops: u32,
        records: &dyn Records,
    ) {
        let origin = frame.origin;
        if self.is_own(origin) || self.stuck.contains(&origin) || !self.believes(from, origin) {
            return;
        }
        // What a node writes it sends to everybody itself.
        if hops == 0 && origin.group().is_some() {
            let dot = Dot { origin, sequence: frame.upto };
            for to in push::from_relay(dot, self.config.me, self.members.by_node()) {
                self.send(to, Lane::Bulk, Message::Push { frame: frame.clone(), hops: 1 });
            }
        }
        let have = self.merged.get(origin);
        if frame.upto <= have {
            return;
        }
        if frame.after <= have {
            self.merge_frame(from, frame, records);
            self.merge_early(origin, records);
        } else {
            self.counters.early_dropped += u64::from(!self.early.keep(from, frame));
            self.pull(now, origin, from);
        }
    }

    /// A node that was evicted hands over a frame of what a node wrote, which it may be the only one to have. Its driver vouches for that. What
    /// groups write is never taken so: that node's states are old.
    pub fn handed_over(&mut self, frame: Frame, records: &dyn Records) {
        let (origin, have) = (frame.origin, self.merged.get(frame.origin));
        let of_node = origin.group().is_none() && !self.is_own(origin);
        if of_node && frame.after <= have && have < frame.upto {
            self.merge_frame(self.config.me, frame, records);
        }
    }

    fn merge_frame(&mut self, from: NodeId, frame: Frame, records: &dyn Records) {
        let Frame { origin, upto, records: mut writes, trace, proof, .. } = frame;
        let have = self.merged.get(origin);
        writes.retain(|r| r.dot.sequence > have);
        let upto = Some(upto);
        let incoming = Incoming { upto, trace, proof, ..Incoming::new(from, origin, writes) };
        self.merge(incoming, records);
    }

    /// Merges what waited for `origin` to come this far.
    pub(super) fn merge_early(&mut self, origin: Origin, records: &dyn Records) {
        while let Some((from, frame)) = self.early.next(origin, self.merged.get(origin)) {
            self.merge_frame(from, frame, records);
        }
    }

    /// Hands records to the driver. From here on they count as merged.
    pub(super) fn merge(&mut self, incoming: Incoming, records: &dyn Records) {
        let Incoming { from, origin, upto, records: writes, replaces, trace, proof, hearsay } =
            incoming;
        let aside = self.judge(from, &writes, records);
        let clock: Clock = upto.map(|upto| (origin, upto)).into_iter().collect();
        self.merged.join(&clock);
        let id = self.next_number();
        self.unsaved.push_back((id, clock.clone()));
        if self.unsaved.len() > UNDER_WAY_MAX
            && let Some((_, oldest)) = self.unsaved.pop_front()
            && let Some((_, next)) = self.unsaved.front_mut()
        {
            next.join(&oldest);
        }
        let replaced = replaces.map(|kept| Replaced { origin, kept });
        // Less than what is published comes only where the store has lost it.
        let publish = hearsay || upto.is_some_and(|upto| upto >= self.published.get(origin));
        let batch = MergeBatch { id, writes, aside, clock, replaced, publish, trace, proof };
        self.outputs.push_back(Output::Merge(batch));
    }

    /// The dots that the validator refuses; also looks for stamps that were used twice.
    fn judge(&mut self, from: NodeId, writes: &[Record], records: &dyn Records) -> Vec<Dot> {
        let mut aside = Vec::new();
        for record in writes {
            let dot = record.dot;
            if let Some(Err(why)) = self.validator.as_ref().map(|v| (v.0)(record)) {
                self.counters.poisoned += 1;
                self.alarm(Alarm::Poison { from, dot, why });
                aside.push(dot);
            }
            let stands = records.header(&record.key);
            if let Some(stands) = stands.filter(|h| h.stamp == record.stamp && h.dot != dot) {
                self.alarm(Alarm::StampConflict { arrived: dot, stands: stands.dot });
            }
        }
        aside
    }
}
