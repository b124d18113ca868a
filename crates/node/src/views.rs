//! What this node decides on: an immutable view of all groups behind one atomic pointer, and the wait for it to advance.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tidegate_replica::Clock;
use tidegate_service::View;
use tokio::sync::watch;

use crate::platform::Platform;

/// The published view. Readers load a pointer; writers replace the whole view, one at a time.
#[derive(Debug)]
pub(crate) struct Views {
    platform: Arc<dyn Platform>,
    current: ArcSwap<View>,
    writing: Mutex<()>,
    version: watch::Sender<u64>,
}

impl Views {
    pub(crate) fn new(view: View, platform: Arc<dyn Platform>) -> Self {
        Self {
            platform,
            current: ArcSwap::from_pointee(view),
            writing: Mutex::new(()),
            version: watch::Sender::new(0),
        }
    }

    /// The view as it stands. It never changes under the caller.
    pub(crate) fn load(&self) -> Arc<View> {
        self.current.load_full()
    }

    /// Publishes the view that `change` makes of the present one. Readers see all of the change or nothing of it.
    pub(crate) fn publish<T>(&self, change: impl FnOnce(&mut View) -> T) -> T {
        let result = {
            let _one_writer = self.writing.lock();
            let mut next = View::clone(&self.current.load());
            let result = change(&mut next);
            next.published_at = self.platform.monotonic();
            self.current.store(Arc::new(next));
            result
        };
        self.version.send_modify(|v| *v += 1);
        result
    }

    /// Changes with every publication.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Waits until the published positions cover `positions`; `None` when `patience` ran out first.
    pub(crate) async fn covering(
        &self,
        positions: &Clock,
        patience: Duration,
    ) -> Option<Arc<View>> {
        let mut changes = self.changes();
        let wait = async {
            loop {
                let view = self.load();
                if view.positions.covers_clock(positions) {
                    return Some(view);
                }
                if changes.changed().await.is_err() {
                    return None;
                }
            }
        };
        tokio::time::timeout(patience, wait).await.ok().flatten()
    }
}
