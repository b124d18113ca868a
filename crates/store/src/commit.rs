//! Group commit: one thread syncs for everybody who waits.
//!
//! On a full disk nothing is tried, so nothing is lost: who is patient waits for room, the others are told.
//!
//! A sync that failed stays failed: the kernel reports a lost write once, drops the pages, and calls the next fsync a success. So nothing
//! is promised any more until the store is opened anew and has read what is really there; [`Committer::failed`] tells whoever can do that.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::{Batch, Engine, StoreError};

/// Waits for one sync.
type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// How often a full disk is tried again for those who wait for room.
const ROOM_EVERY: core::time::Duration = core::time::Duration::from_millis(250);
/// Waiters that may stand in the queue. Past it whoever comes waits to be let in.
const WAITING_MAX: usize = 65_536;

#[derive(Debug, Clone)]
enum Mode {
    /// A thread of its own.
    Thread(mpsc::Sender<Waiter>),
    /// In the caller: the simulator knows no threads.
    Inline,
}

struct Waiter {
    done: Done,
    /// Whether it waits while the disk is full.
    patient: bool,
}

impl core::fmt::Debug for Waiter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Waiter")
    }
}

/// Makes applied batches durable, many at a time.
#[derive(Clone, Debug)]
pub struct Committer {
    engine: Arc<dyn Engine>,
    mode: Mode,
    broken: Broken,
}

/// Why the store can't be trusted any more; `None`: it can.
type Broken = Arc<watch::Sender<Option<StoreError>>>;

/// Only the first failure counts: the others follow from it.
fn fail(broken: &watch::Sender<Option<StoreError>>, error: &StoreError) {
    let _first = broken.send_if_modified(|why| {
        let first = why.is_none();
        if first {
            *why = Some(error.clone());
        }
        first
    });
}

impl Committer {
    /// A committer with a thread of its own, which ends with the last clone.
    pub fn threaded(engine: Arc<dyn Engine>) -> Result<Self, StoreError> {
        let (tx, rx) = mpsc::channel(WAITING_MAX);
        let (syncing, broken) = (Arc::clone(&engine), Broken::default());
        let breaking = Arc::clone(&broken);
        std::thread::Builder::new()
            .name("tidegate-commit".to_owned())
            .spawn(move || run(&*syncing, &breaking, rx))
            .map_err(|e| StoreError::Io(e.to_string()))?;
        Ok(Self { engine, mode: Mode::Thread(tx), broken })
    }

    /// A committer that syncs in its caller.
    pub fn inline(engine: Arc<dyn Engine>) -> Self {
        Self { engine, mode: Mode::Inline, broken: Arc::default() }
    }

    async fn queue(&self, patient: bool, done: Done) {
        match &self.mode {
            Mode::Inline => done(sync(&*self.engine, &self.broken)),
            Mode::Thread(queue) => {
                if let Err(mpsc::error::SendError(Waiter { done, .. })) =
                    queue.send(Waiter { done, patient }).await
                {
                    done(Err(StoreError::Closed));
                }
            }
        }
    }

    /// Calls `done` once everything that was applied before is durable, or can't be made so. Waits while the disk is full.
    pub async fn sync_then(&self, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        self.queue(true, Box::new(done)).await;
    }

    async fn synced(&self, patient: bool) -> Result<(), StoreError> {
        let (tx, rx) = oneshot::channel();
        self.queue(patient, Box::new(move |result| drop(tx.send(result)))).await;
        rx.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Returns once everything that was applied before is durable. Waits while the disk is full.
    pub async fn sync(&self) -> Result<(), StoreError> {
        self.synced(true).await
    }

    /// The same for a caller with other things to do.
    ///
    /// # Errors
    /// [`StoreError::Full`]: the disk is full now; what was applied becomes durable with a later sync.
    pub async fn try_sync(&self) -> Result<(), StoreError> {
        self.synced(false).await
    }

    /// Applies a batch and makes it durable. Waits while the disk is full.
    pub async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        if let Some(error) = self.broken.borrow().clone() {
            return Err(error);
        }
        self.engine.apply(batch)?;
        self.sync().await
    }

    /// Notes that what is stored can't be relied on any more: a disk that failed, or a row that is not what was written. A full disk is
    /// neither. From now on nothing is made durable.
    pub fn fail(&self, error: &StoreError) {
        if matches!(error, StoreError::Io(_) | StoreError::Corrupt(_)) {
            fail(&self.broken, error);
        }
    }

    /// Returns once the store has failed for good, with the reason. What was promised before holds; whoever goes on must open it anew.
    pub async fn failed(&self) -> StoreError {
        let mut broken = self.broken.subscribe();
        // The sender lives as long as this committer.
        let why = broken.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        why.unwrap_or(StoreError::Closed)
    }
}

/// Syncs, unless a sync has failed before. A full disk is no such failure: nothing was tried.
fn sync(engine: &dyn Engine, broken: &watch::Sender<Option<StoreError>>) -> Result<(), StoreError> {
    if let Some(error) = broken.borrow().clone() {
        return Err(error);
    }
    let result = engine.sync();
    if let Err(error @ (StoreError::Io(_) | StoreError::Corrupt(_))) = &result {
        tracing::error!(%error, "a sync failed; the store takes no more writes until it is opened anew");
        fail(broken, error);
    }
    result
}

fn run(
    engine: &dyn Engine,
    broken: &watch::Sender<Option<StoreError>>,
    mut queue: mpsc::Receiver<Waiter>,
) {
    let mut waiting: Vec<Waiter> = Vec::new();
    loop {
        if waiting.is_empty() {
            let Some(first) = queue.blocking_recv() else { return };
            waiting.push(first);
        }
        while waiting.len() < WAITING_MAX
            && let Ok(next) = queue.try_recv()
        {
            waiting.push(next);
        }
        let result = sync(engine, broken);
        let full = matches!(result, Err(StoreError::Full { .. }));
        let (stay, go): (Vec<_>, Vec<_>) =
            waiting.drain(..).partition(|waiter| full && waiter.patient);
        waiting = stay;
        for waiter in go {
            (waiter.done)(result.clone());
        }
        if waiting.is_empty() {
            continue;
        }
        if queue.is_closed() && queue.is_empty() {
            // The store is being dropped: nobody is promised anything any more.
            for waiter in waiting.drain(..) {
                (waiter.done)(result.clone());
            }
            return;
        }
        tracing::error!("what was written waits for room on the disk");
        std::thread::sleep(ROOM_EVERY);
    }
}
