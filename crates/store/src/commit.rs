//! Group commit: one thread syncs for everybody who waits.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::{Batch, Engine, StoreError};

/// Waits for one sync.
type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Waiters that may stand in the queue. Past it whoever comes waits to be let in.
const WAITING_MAX: usize = 65_536;

#[derive(Debug, Clone)]
enum Mode {
    /// A thread of its own.
    Thread(mpsc::Sender<Waiter>),
    /// In the caller: the simulator knows no threads.
    Inline,
}

struct Waiter(Done);

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
}

impl Committer {
    /// A committer with a thread of its own, which ends with the last clone.
    pub fn threaded(engine: Arc<dyn Engine>) -> Result<Self, StoreError> {
        let (tx, rx) = mpsc::channel(WAITING_MAX);
        let syncing = Arc::clone(&engine);
        std::thread::Builder::new()
            .name("tidegate-commit".to_owned())
            .spawn(move || run(&*syncing, rx))
            .map_err(|e| StoreError::Io(e.to_string()))?;
        Ok(Self { engine, mode: Mode::Thread(tx) })
    }

    /// A committer that syncs in its caller.
    pub fn inline(engine: Arc<dyn Engine>) -> Self {
        Self { engine, mode: Mode::Inline }
    }

    /// Calls `done` once everything that was applied before is durable, or can't be made so.
    pub async fn sync_then(&self, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        match &self.mode {
            Mode::Inline => done(self.engine.sync()),
            Mode::Thread(queue) => {
                if let Err(mpsc::error::SendError(Waiter(done))) = queue.send(Waiter(Box::new(done))).await {
                    done(Err(StoreError::Closed));
                }
            }
        }
    }

    /// Returns once everything that was applied before is durable.
    pub async fn sync(&self) -> Result<(), StoreError> {
        let (tx, rx) = oneshot::channel();
        self.sync_then(move |result| drop(tx.send(result))).await;
        rx.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Applies a batch and makes it durable.
    pub async fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.engine.apply(batch)?;
        self.sync().await
    }
}

fn run(engine: &dyn Engine, mut queue: mpsc::Receiver<Waiter>) {
    let mut waiting = Vec::new();
    while let Some(first) = queue.blocking_recv() {
        waiting.push(first);
        while let Ok(next) = queue.try_recv() {
            waiting.push(next);
        }
        let result = engine.sync();
        for Waiter(done) in waiting.drain(..) {
            done(result.clone());
        }
    }
}
