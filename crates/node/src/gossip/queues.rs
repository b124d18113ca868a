//! What waits for the driver: what nodes write in a queue of its own, ahead of all else.

use tidegate_replica::{Frame, Turn, Turns, Weight};
use tokio::sync::mpsc;

#[cfg(doc)]
use super::Driver;
use super::Input;

/// What [`Driver::run`] empties.
#[derive(Debug)]
pub(crate) struct Queues {
    pub(super) urgent: mpsc::Receiver<Input>,
    pub(super) rest: mpsc::Receiver<Input>,
    /// Whose turn it is.
    pub(super) turns: Turns,
}

impl Queues {
    /// The next input of this turn, where there is one already.
    pub(super) fn next(&mut self) -> Option<Input> {
        let turn = self.turns.next(!self.urgent.is_empty(), !self.rest.is_empty());
        let (queue, urgent) = match turn {
            Turn::Urgent => (&mut self.urgent, true),
            Turn::Rest => (&mut self.rest, false),
            Turn::Ends => return None,
        };
        let input = queue.try_recv().ok()?;
        self.turns.took(urgent, input.weight());
        Some(input)
    }

    /// Waits for an input, the first of a turn; `None`: there will be no more.
    pub(super) async fn wait(&mut self) -> Option<Input> {
        if let Some(input) = self.next() {
            return Some(input);
        }
        let (urgent, input) = tokio::select! {
            biased;
            input = self.urgent.recv() => (true, input?),
            input = self.rest.recv() => (false, input?),
        };
        self.turns.took(urgent, input.weight());
        Some(input)
    }
}

impl Input {
    /// How much it brings to a turn.
    fn weight(&self) -> Weight {
        let mut weight = Weight::default();
        match self {
            Self::Said { message, .. } => weight += message.weight(),
            Self::Received { message, .. } => weight.bytes += message.len(),
            Self::Appended { frame, .. } | Self::HandedOver(frame) => weight += frame.weight(),
            Self::Committed { frames, .. } => {
                frames.iter().map(Frame::weight).for_each(|frame| weight += frame);
            }
            _ => {}
        }
        weight
    }
}

#[cfg(test)]
impl Queues {
    /// The stretches that this node has appended, as they were told.
    pub(crate) fn appended(&mut self) -> Vec<(u64, u64)> {
        let told = core::iter::from_fn(|| self.urgent.try_recv().ok());
        told.filter_map(|input| match input {
            Input::Appended { frame, .. } => Some((frame.after, frame.upto)),
            _ => None,
        })
        .collect()
    }
}
