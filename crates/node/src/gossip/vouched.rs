//! What the driver hears of others, and how it holds the end of a catch-up against what vouches for it.

use std::time::Duration;

use tidegate_replica::{Answer, CaughtUp, Clock, Message, NodeId};
use tidegate_store::StoreError;

use super::Driver;
use crate::vouching::{Vouched, vouched_state};

impl Driver {
    pub(super) fn hear(&mut self, now: Duration, from: NodeId, message: Message) {
        let records = matches!(message, Message::Push { .. } | Message::PullReply { .. });
        // What can't be kept is not begun: the sender offers it again, and the view says how old it is. What nodes write is small, and
        // there is a reserve for it.
        if records && !message.is_urgent() && self.store.engine().is_nearly_full() {
            tracing::debug!(%from, "records were set aside: the disk is nearly full");
            return;
        }
        let records = Vouched { store: &self.store, vouching: &self.vouching };
        self.replica.receive(now, from, message, &records);
    }

    /// Keeps the rest of an answer until its turn. A peer that has asked anew looks at no earlier answer.
    pub(super) fn answer_later(&mut self, answer: Answer) {
        self.answers.retain(|a| (a.to, a.origin) != (answer.to, answer.origin));
        self.answers.push_back(answer);
    }

    /// Sends one page.
    pub(super) fn answer_on(&mut self) {
        if let Some(answer) = self.answers.pop_front() {
            let records = Vouched { store: &self.store, vouching: &self.vouching };
            self.replica.answer_on(answer, &records);
        }
    }

    /// Holds the end of a catch-up against what vouches for it.
    pub(super) fn check(&mut self, state: CaughtUp) -> Result<(), StoreError> {
        let clock = Clock::from_iter([(state.origin, state.upto)]);
        let (_batch, changes) = self.store.merge(&state.writes, &clock, state.replaced.as_ref())?;
        let group = state.origin.group().unwrap_or_default();
        let leads_to = self.digests.after(group, &changes);
        let genuine = vouched_state(&state.proof).is_some_and(|vouched| vouched[..] == leads_to);
        let now = self.platform.monotonic();
        let records = Vouched { store: &self.store, vouching: &self.vouching };
        self.replica.checked(now, state, genuine, &records);
        Ok(())
    }
}
