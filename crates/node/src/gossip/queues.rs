//! What waits for the driver: what nodes write in a queue of its own, ahead of all else.

use tidegate_replica::Message;
use tokio::sync::mpsc;

#[cfg(doc)]
use super::Driver;
use super::Input;

/// What [`Driver::run`] empties.
#[derive(Debug)]
pub(crate) struct Queues {
    pub(super) urgent: mpsc::Receiver<Input>,
    pub(super) rest: mpsc::Receiver<Input>,
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

/// Whether a message is about what nodes write: it waits behind nothing that groups do.
pub(crate) fn is_urgent(message: &Message) -> bool {
    match message {
        Message::Push { frame, .. } | Message::PullReply { frame, .. } => {
            frame.origin.group().is_none()
        }
        Message::Pull { origin, .. } => origin.group().is_none(),
        Message::Ack { published, .. } => published.iter().any(|(o, _)| o.group().is_none()),
        _ => false,
    }
}
