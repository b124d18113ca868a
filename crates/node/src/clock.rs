//! The clock that a cluster in development mode goes by: the machine's own, or what the directory has been told.
//!
//! It stands in front of the platform's wall clock, so that whatever reads the time reads this one: sessions, quarantines, ages, the times of
//! entries. The monotonic clock stays as it is: timeouts, liveness and the staleness bound measure how long something really took.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use tidegate_model::record::{Cluster, VirtualClock};
use tidegate_policy::UnixMillis;
use tidegate_store::Engine;

use crate::platform::{BoxFuture, BoxedIo, Listener, Platform};

/// A platform whose wall clock can be set.
#[derive(Debug)]
pub(crate) struct ClusterClock {
    machine: Arc<dyn Platform>,
    set: ArcSwapOption<VirtualClock>,
}

impl ClusterClock {
    /// The machine's own clock, until another is set.
    pub(crate) fn new(machine: Arc<dyn Platform>) -> Self {
        Self { machine, set: ArcSwapOption::empty() }
    }

    /// Goes by the cluster's clock from now on: the machine's own outside development mode, whatever the directory says.
    pub(crate) fn follow(&self, cluster: Option<&Cluster>) {
        let told = cluster.filter(|c| c.development).and_then(|c| c.clock);
        if self.set.load().as_deref() != told.as_ref() {
            tracing::warn!(clock = ?told, "the clock of this development cluster was set");
            self.set.store(told.map(Arc::new));
        }
    }
}

impl Platform for ClusterClock {
    fn bind(&self, address: &str) -> BoxFuture<io::Result<Box<dyn Listener>>> {
        self.machine.bind(address)
    }

    fn connect(&self, address: &str) -> BoxFuture<io::Result<BoxedIo>> {
        self.machine.connect(address)
    }

    fn resolve(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        self.machine.resolve(host, port)
    }

    fn wall(&self) -> UnixMillis {
        let real = self.machine.wall();
        self.set.load().as_ref().map_or(real, |set| UnixMillis(set.shows(real.0)))
    }

    fn real_wall(&self) -> UnixMillis {
        self.machine.wall()
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }

    fn entropy(&self, buffer: &mut [u8]) {
        self.machine.entropy(buffer);
    }

    fn tls(&self) -> bool {
        self.machine.tls()
    }

    fn engine(&self) -> Option<Arc<dyn Engine>> {
        self.machine.engine()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::TokioPlatform;

    #[tokio::test]
    async fn only_a_cluster_in_development_mode_has_another_clock() {
        let clock = ClusterClock::new(Arc::new(TokioPlatform::new()));
        let frozen = VirtualClock { ahead: 0, frozen: 42 };
        let cluster = Cluster { clock: Some(frozen), ..Cluster::default() };
        clock.follow(Some(&cluster));
        assert!(clock.wall().0 > 42 && clock.wall().0 >= clock.real_wall().0 - 1_000);
        let development = Cluster { development: true, ..cluster };
        clock.follow(Some(&development));
        assert_eq!(clock.wall(), UnixMillis(42));
        assert!(clock.real_wall().0 > 42, "signatures go by the machine's own clock");
        let before = clock.monotonic();
        assert!(clock.monotonic() >= before);
        let ahead = VirtualClock { ahead: 3_600_000, frozen: 0 };
        clock.follow(Some(&Cluster { clock: Some(ahead), ..development }));
        assert!(clock.wall().0 >= clock.real_wall().0 + 3_600_000 - 1_000);
        clock.follow(None);
        assert!(clock.wall().0 < clock.real_wall().0 + 1_000);
    }
}
