//! The platform of a simulated node: turmoil's network, clocks that are wrong, a random source of its own, a disk that outlives it.

use std::{fmt, io, sync::Arc, time::Duration};

use parking_lot::Mutex;
use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use tidegate_node::platform::{Accepting, BoxFuture, BoxedIo, Listener, Platform};
use tidegate_policy::UnixMillis;
use tidegate_store::Engine;
use turmoil::net::{TcpListener, TcpStream};

use super::{EPOCH, disk::Disk, elapsed};

/// Wall clocks are within this: NTP keeps them much closer.
const AHEAD_MAX: Duration = Duration::from_secs(4);

/// Monotonic clocks begin so far ahead: as far they can lag by drifting. At a thousandth that takes days.
const LAG_MAX: Duration = Duration::from_secs(300);

/// How far a machine's clocks are ahead of true time, and how much faster than it they run. What its faults add stays over its crashes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Skew {
    wall: Duration,
    monotonic: Duration,
    drift_ppm: i64,
    /// Since when the clocks drift so.
    since: Duration,
}

impl Skew {
    pub(super) fn new(wall: Duration) -> Self {
        Self { wall, monotonic: LAG_MAX, ..Self::default() }
    }

    /// What the drift has come to at a true time; `true`: ahead.
    fn drifted(&self, now: Duration) -> (Duration, bool) {
        let ppm = u32::try_from(self.drift_ppm.unsigned_abs()).unwrap_or(0);
        (now.saturating_sub(self.since) / 1_000_000 * ppm, self.drift_ppm >= 0)
    }

    /// The clocks run so many parts per million faster from now on. What they had gained or lost stays; a monotonic clock never goes back.
    pub(super) fn drift(&mut self, now: Duration, ppm: i64) {
        (self.monotonic, self.wall) = (self.monotonic_ahead(now), self.wall_ahead(now));
        (self.drift_ppm, self.since) = (ppm, now);
    }

    /// The monotonic clock leaps forward, and the wall clock by so many milliseconds forward or back.
    pub(super) fn leap(&mut self, now: Duration, monotonic: Duration, wall_ms: i64) {
        self.drift(now, self.drift_ppm);
        self.monotonic += monotonic;
        let by = Duration::from_millis(wall_ms.unsigned_abs());
        self.wall = if wall_ms < 0 { self.wall.saturating_sub(by) } else { self.wall + by };
        self.wall = self.wall.min(AHEAD_MAX);
    }

    fn monotonic_ahead(&self, now: Duration) -> Duration {
        match self.drifted(now) {
            (by, true) => self.monotonic + by,
            (by, false) => self.monotonic.saturating_sub(by),
        }
    }

    fn wall_ahead(&self, now: Duration) -> Duration {
        match self.drifted(now) {
            (by, true) => (self.wall + by).min(AHEAD_MAX),
            (by, false) => self.wall.saturating_sub(by),
        }
    }
}

/// The world outside one node.
pub(super) struct SimPlatform {
    pub(super) name: String,
    pub(super) disk: Arc<Disk>,
    pub(super) random: Mutex<ChaCha8Rng>,
    /// Where this life of the node has its monotonic zero, which no other node shares.
    pub(super) started: Duration,
    pub(super) skew: Arc<Mutex<Skew>>,
}

impl fmt::Debug for SimPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimPlatform").field("name", &self.name).finish_non_exhaustive()
    }
}

struct SimListener(TcpListener);

impl Listener for SimListener {
    fn accept(&mut self) -> Accepting<'_> {
        Box::pin(async move {
            let (stream, from) = self.0.accept().await?;
            Ok((Box::new(stream) as BoxedIo, from.ip()))
        })
    }

    fn local_address(&self) -> String {
        self.0.local_addr().map(|a| a.to_string()).unwrap_or_default()
    }
}

impl Platform for SimPlatform {
    fn bind(&self, address: &str) -> BoxFuture<io::Result<Box<dyn Listener>>> {
        // A host listens on all of its addresses; its name is for the others.
        let port = address.rsplit(':').next().unwrap_or_default().to_owned();
        Box::pin(async move {
            let listener = TcpListener::bind(format!("0.0.0.0:{port}")).await?;
            Ok(Box::new(SimListener(listener)) as Box<dyn Listener>)
        })
    }

    fn connect(&self, address: &str) -> BoxFuture<io::Result<BoxedIo>> {
        let address = address.to_owned();
        Box::pin(async move { Ok(Box::new(TcpStream::connect(address).await?) as BoxedIo) })
    }

    fn wall(&self) -> UnixMillis {
        let now = elapsed();
        let shows = EPOCH + now + self.skew.lock().wall_ahead(now);
        UnixMillis(u64::try_from(shows.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> Duration {
        let now = elapsed();
        self.started + now + self.skew.lock().monotonic_ahead(now)
    }

    fn entropy(&self, buffer: &mut [u8]) {
        self.random.lock().fill_bytes(buffer);
    }

    fn tls(&self) -> bool {
        false
    }

    fn engine(&self) -> Option<Arc<dyn Engine>> {
        let disk: Arc<dyn Engine> = Arc::clone(&self.disk) as Arc<dyn Engine>;
        Some(disk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn clocks_drift_and_leap_and_a_monotonic_one_never_goes_back() {
        let mut skew = Skew::new(SECOND);
        skew.drift(10 * SECOND, 500);
        assert_eq!(skew.monotonic_ahead(20 * SECOND), LAG_MAX + Duration::from_millis(5));
        skew.leap(20 * SECOND, SECOND, -300);
        assert_eq!(skew.monotonic_ahead(20 * SECOND), LAG_MAX + Duration::from_millis(1_005));
        assert_eq!(skew.wall_ahead(20 * SECOND), Duration::from_millis(705));
        skew.drift(20 * SECOND, -500);
        let shows = |at: Duration| at + skew.monotonic_ahead(at);
        let measured = shows(30 * SECOND).checked_sub(shows(20 * SECOND)).unwrap();
        assert_eq!(measured, Duration::from_millis(9_995));
    }
}
