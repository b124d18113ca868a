//! Raft's messages to one peer: one stream there and back for all groups, instead of a call each. Answers carry the number of what
//! they answer, so that a slow fsync of one group holds up no other.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use tidegate_consensus::RaftMessage;
use tidegate_proto::peer::v1::{
    RaftRequest, RaftResponse, peer_service_client::PeerServiceClient,
    raft_response::Result as Answer,
};
use tidegate_replica::NodeId;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    dial::Dialer,
    peers::{CallError, PEER_MESSAGE_MAX},
};

/// Messages that may wait for the stream to one peer. Past it the sender is told at once.
const WAITING_MAX: usize = 1_024;
/// Unanswered messages past which those are looked for whose senders have gone.
const UNANSWERED_MAX: usize = 1_024;
/// Pause before a peer is dialled again.
const REDIAL: Duration = Duration::from_millis(250);

type Reply = oneshot::Sender<Result<Bytes, CallError>>;

/// A message on its way, and who waits for the answer.
#[derive(Debug)]
pub(crate) struct Asked {
    message: RaftMessage,
    reply: Reply,
}

/// The sending end.
#[derive(Clone, Debug)]
pub(crate) struct RaftLane(mpsc::Sender<Asked>);

impl RaftLane {
    /// The lane, and what its [`Carrier`] empties.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Asked>) {
        let (tx, rx) = mpsc::channel(WAITING_MAX);
        (Self(tx), rx)
    }

    /// Sends a message and waits for its answer, without an end: the caller has a deadline.
    pub(crate) async fn ask(&self, message: RaftMessage) -> Result<Bytes, CallError> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(Asked { message, reply }).map_err(|_| CallError::Broken)?;
        answer.await.unwrap_or(Err(CallError::Broken))
    }
}

/// Keeps the stream to one peer open, and hands answers to those who wait.
pub(crate) struct Carrier {
    pub(crate) dialer: Dialer,
    pub(crate) node: NodeId,
    pub(crate) address: String,
}

impl Carrier {
    pub(crate) async fn run(self, mut asked: mpsc::Receiver<Asked>) {
        // Dialled when there is something to say: most nodes share no group.
        while let Some(first) = asked.recv().await {
            let mut unanswered = Unanswered::default();
            if let Err(error) = self.carry(first, &mut asked, &mut unanswered).await {
                tracing::debug!(node = %self.node, %error, "the stream of Raft's messages broke");
            }
            unanswered.fail();
            // Nobody waits for his deadline where the peer can't be reached: Raft backs off by itself.
            let pause = tokio::time::sleep(REDIAL);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    biased;
                    late = asked.recv() => match late {
                        Some(late) => drop(late.reply.send(Err(CallError::Broken))),
                        None => return,
                    },
                    () = &mut pause => break,
                }
            }
        }
    }

    async fn carry(
        &self,
        first: Asked,
        asked: &mut mpsc::Receiver<Asked>,
        unanswered: &mut Unanswered,
    ) -> Result<(), Box<dyn core::error::Error + Send + Sync>> {
        let (tx, rx) = mpsc::channel(WAITING_MAX);
        tx.try_send(unanswered.number(first))?;
        let channel = self.dialer.channel(self.node, &self.address).await?;
        let mut client = PeerServiceClient::new(channel)
            .max_decoding_message_size(PEER_MESSAGE_MAX)
            .max_encoding_message_size(PEER_MESSAGE_MAX);
        let mut answers = client.raft(ReceiverStream::new(rx)).await?.into_inner();
        loop {
            tokio::select! {
                biased;
                answer = answers.message() => match answer? {
                    Some(answer) => unanswered.answered(answer),
                    None => return Ok(()),
                },
                next = asked.recv() => match next {
                    Some(next) => tx.send(unanswered.number(next)).await?,
                    None => return Ok(()),
                },
            }
        }
    }
}

/// Who waits for the answer to which number.
#[derive(Debug, Default)]
struct Unanswered {
    waiting: BTreeMap<u64, Reply>,
    last: u64,
}

impl Unanswered {
    fn number(&mut self, Asked { message, reply }: Asked) -> RaftRequest {
        if self.waiting.len() >= UNANSWERED_MAX {
            self.waiting.retain(|_, reply| !reply.is_closed());
        }
        self.last += 1;
        self.waiting.insert(self.last, reply);
        RaftRequest {
            group: message.group.0,
            generation: message.generation,
            kind: message.kind,
            body: message.body,
            number: self.last,
        }
    }

    fn answered(&mut self, answer: RaftResponse) {
        let Some(reply) = self.waiting.remove(&answer.number) else { return };
        let result = match answer.result {
            Some(Answer::Body(body)) => Ok(body),
            Some(Answer::Refusal(why)) => Err(CallError::Refused(why)),
            None => Err(CallError::Broken),
        };
        // Whoever has stopped waiting needs no answer.
        drop(reply.send(result));
    }

    fn fail(self) {
        for reply in self.waiting.into_values() {
            drop(reply.send(Err(CallError::Broken)));
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_replica::GroupId;

    use super::*;

    fn asked() -> (Asked, oneshot::Receiver<Result<Bytes, CallError>>) {
        let (reply, answer) = oneshot::channel();
        let message = RaftMessage { group: GroupId(1), generation: 0, kind: 1, body: Bytes::new() };
        (Asked { message, reply }, answer)
    }

    #[test]
    fn answers_find_their_way_in_any_order() {
        let mut unanswered = Unanswered::default();
        let ((one, mut first), (two, mut second)) = (asked(), asked());
        let (one, two) = (unanswered.number(one), unanswered.number(two));
        let body = |n: &'static [u8]| Some(Answer::Body(Bytes::from_static(n)));
        unanswered.answered(RaftResponse { number: two.number, result: body(b"2") });
        unanswered.answered(RaftResponse { number: 99, result: body(b"nobody asked") });
        let refusal = Some(Answer::Refusal("no".to_owned()));
        unanswered.answered(RaftResponse { number: one.number, result: refusal });
        assert_eq!(second.try_recv().unwrap().unwrap(), Bytes::from_static(b"2"));
        assert!(matches!(first.try_recv().unwrap(), Err(CallError::Refused(why)) if why == "no"));
    }

    #[test]
    fn whoever_waits_when_the_stream_breaks_is_told() {
        let mut unanswered = Unanswered::default();
        let (one, mut answer) = asked();
        unanswered.number(one);
        unanswered.fail();
        assert!(matches!(answer.try_recv().unwrap(), Err(CallError::Broken)));
    }

    #[test]
    fn those_who_have_gone_are_forgotten() {
        let mut unanswered = Unanswered::default();
        for _ in 0..2 * UNANSWERED_MAX {
            unanswered.number(asked().0);
        }
        assert!(unanswered.waiting.len() <= UNANSWERED_MAX);
    }
}
