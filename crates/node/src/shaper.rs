//! One direction of one lane to one peer: messages wait here for as long as the link model says.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tidegate_replica::RegionName;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::link::{LinkModel, Verdict};

/// Messages that may wait in one shaper. Past it the newest are lost, as on a full link; repair brings them again.
const WAITING_MAX: usize = 65_536;

/// The two ends of a link.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    pub(crate) from: RegionName,
    pub(crate) to: RegionName,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: Instant,
    place: u64,
    message: Bytes,
}

#[derive(Debug)]
struct Shaper {
    model: Arc<LinkModel>,
    ends: Ends,
    waiting: BinaryHeap<Reverse<Waiting>>,
    held: VecDeque<Bytes>,
    place: u64,
    last_due: Option<Instant>,
}

impl Shaper {
    fn take(&mut self, message: Bytes) {
        if self.waiting.len() + self.held.len() >= WAITING_MAX {
            tracing::warn!(to = %self.ends.to, "a link holds {WAITING_MAX} messages; one was dropped");
            return;
        }
        match self.model.verdict(&self.ends.from, &self.ends.to) {
            Verdict::Lost => {}
            Verdict::Held => self.held.push_back(message),
            Verdict::Deliver { after, ordered } => {
                for delay in after {
                    self.wait(message.clone(), delay, ordered);
                }
            }
        }
    }

    fn wait(&mut self, message: Bytes, delay: Duration, ordered: bool) {
        let mut due = Instant::now() + delay;
        if ordered {
            due = self.last_due.map_or(due, |last| last.max(due));
            self.last_due = Some(due);
        }
        self.place += 1;
        self.waiting.push(Reverse(Waiting { due, place: self.place, message }));
    }

    fn thaw(&mut self) {
        for message in core::mem::take(&mut self.held) {
            self.take(message);
        }
    }

    fn pop_due(&mut self, now: Instant) -> Option<Bytes> {
        let due = self.waiting.peek().is_some_and(|Reverse(w)| w.due <= now);
        if due { self.waiting.pop().map(|Reverse(w)| w.message) } else { None }
    }
}

/// Carries messages from `input` to `output`, each when its time has come, until `input` closes.
pub(crate) async fn shape(
    model: Arc<LinkModel>,
    ends: Ends,
    mut input: mpsc::Receiver<Bytes>,
    output: mpsc::Sender<Bytes>,
) {
    let mut changes = model.changes();
    let mut shaper = Shaper {
        model,
        ends,
        waiting: BinaryHeap::new(),
        held: VecDeque::new(),
        place: 0,
        last_due: None,
    };
    loop {
        while let Some(message) = shaper.pop_due(Instant::now()) {
            if output.send(message).await.is_err() {
                return;
            }
        }
        let next = shaper.waiting.peek().map(|Reverse(w)| w.due);
        let wake = async {
            match next {
                Some(due) => sleep_until(due).await,
                None => core::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            message = input.recv() => match message {
                Some(message) => shaper.take(message),
                None => return,
            },
            changed = changes.changed() => {
                if changed.is_err() { return; }
                shaper.thaw();
            }
            () = wake => {}
        }
    }
}

/// Waits as long as one message of a unary call is under way; `false` when it is lost.
pub(crate) async fn travel(model: &LinkModel, ends: &Ends) -> bool {
    let mut changes = model.changes();
    loop {
        match model.verdict(&ends.from, &ends.to) {
            Verdict::Lost => return false,
            Verdict::Deliver { after, .. } => {
                let delay = after.first().copied().unwrap_or_default();
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                return true;
            }
            Verdict::Held => {
                if changes.changed().await.is_err() {
                    return false;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Link;

    fn ends() -> Ends {
        Ends { from: RegionName::new("a").unwrap(), to: RegionName::new("b").unwrap() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_link_keeps_order_and_time() {
        let model = Arc::new(LinkModel::new(1));
        model.set(ends().from, ends().to, Link::delayed(Duration::from_millis(80))).unwrap();
        let (input, rx) = mpsc::channel(8);
        let (tx, mut output) = mpsc::channel(8);
        tokio::spawn(shape(model, ends(), rx, tx));
        let start = Instant::now();
        for n in 0..3u8 {
            input.send(Bytes::from(vec![n])).await.unwrap();
        }
        for n in 0..3u8 {
            assert_eq!(output.recv().await.unwrap()[0], n);
        }
        assert_eq!(start.elapsed().as_millis(), 80);
    }

    #[tokio::test(start_paused = true)]
    async fn a_frozen_link_gives_everything_when_thawed_and_a_partitioned_one_nothing() {
        let model = Arc::new(LinkModel::new(1));
        model.set(ends().from, ends().to, Link { frozen: true, ..Link::default() }).unwrap();
        let (input, rx) = mpsc::channel(8);
        let (tx, mut output) = mpsc::channel(8);
        tokio::spawn(shape(Arc::clone(&model), ends(), rx, tx));
        input.send(Bytes::from_static(b"held")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(output.try_recv().is_err());
        model.set(ends().from, ends().to, Link::default()).unwrap();
        assert_eq!(output.recv().await.unwrap(), "held");
        model.set(ends().from, ends().to, Link { partitioned: true, ..Link::default() }).unwrap();
        tokio::task::yield_now().await;
        input.send(Bytes::from_static(b"lost")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        model.clear();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(output.try_recv().is_err());
    }
}
