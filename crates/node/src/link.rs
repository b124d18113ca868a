//! The seeded link model: delay, loss, duplication, reordering, freeze and partition between regions.
//!
//! It stands in front of every byte that leaves for a peer, gossip and Raft alike, and exists only on a cluster that was
//! created in development mode. One seed gives one sequence of verdicts for each ordered pair of regions.

use std::{collections::BTreeMap, time::Duration};

use parking_lot::Mutex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
pub use tidegate_replica::RegionName as Region;
use tidegate_replica::RegionName;
use tokio::sync::watch;

/// How long a message is under way, one way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// Always the same.
    Fixed(Duration),
    /// Anything between the two, each as likely.
    Uniform(Duration, Duration),
    /// Log-normal: the median, and the standard deviation of the logarithm.
    LogNormal {
        /// Half of the messages are faster.
        median: Duration,
        /// Standard deviation of the natural logarithm; 0.1 is calm, 1 is wild.
        sigma: f64,
    },
}

/// The longest delay that a draw may give: a log-normal tail is cut here.
pub const DELAY_MAX: Duration = Duration::from_mins(1);

impl Delay {
    /// One delay.
    pub(crate) fn draw(self, rng: &mut ChaCha8Rng) -> Duration {
        match self {
            Self::Fixed(delay) => delay,
            Self::Uniform(low, high) if low < high => {
                low + high.saturating_sub(low).mul_f64(rng.random::<f64>())
            }
            Self::Uniform(low, _) => low,
            Self::LogNormal { median, sigma } => {
                let (a, b): (f64, f64) = (rng.random::<f64>().max(f64::MIN_POSITIVE), rng.random());
                let normal = (-2.0 * a.ln()).sqrt() * (core::f64::consts::TAU * b).cos();
                let seconds = median.as_secs_f64() * (sigma * normal).exp();
                Duration::from_secs_f64(seconds.clamp(0.0, DELAY_MAX.as_secs_f64()))
            }
        }
    }
}

/// What happens to messages from one region to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// One-way delay.
    pub delay: Delay,
    /// Probability that a message is lost, 0 to 1.
    pub loss: f64,
    /// Probability that a message arrives twice, 0 to 1.
    pub duplication: f64,
    /// Probability that a message may be overtaken by later ones, 0 to 1.
    pub reordering: f64,
    /// Messages wait until the link is thawed.
    pub frozen: bool,
    /// Messages are lost until the link is healed.
    pub partitioned: bool,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            delay: Delay::Fixed(Duration::ZERO),
            loss: 0.0,
            duplication: 0.0,
            reordering: 0.0,
            frozen: false,
            partitioned: false,
        }
    }
}

impl Link {
    /// A link that only delays.
    pub fn delayed(delay: Duration) -> Self {
        Self { delay: Delay::Fixed(delay), ..Self::default() }
    }

    /// Checks that probabilities are probabilities and delays are bounded.
    pub fn validate(&self) -> Result<(), LinkError> {
        for (name, value) in [
            ("loss", self.loss),
            ("duplication", self.duplication),
            ("reordering", self.reordering),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return Err(LinkError::Probability { name, value });
            }
        }
        let longest = match self.delay {
            Delay::Fixed(delay) => delay,
            Delay::Uniform(low, high) if low <= high => high,
            Delay::Uniform(low, high) => return Err(LinkError::Range { low, high }),
            Delay::LogNormal { median, sigma } if (0.0..=4.0).contains(&sigma) => median,
            Delay::LogNormal { sigma, .. } => {
                return Err(LinkError::Probability { name: "sigma", value: sigma });
            }
        };
        if longest > DELAY_MAX { Err(LinkError::TooLong(longest)) } else { Ok(()) }
    }
}

/// Why a link was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LinkError {
    /// A number outside its range.
    #[error("`{name}` is {value}, outside its range")]
    Probability {
        /// Which number.
        name: &'static str,
        /// What it was.
        value: f64,
    },
    /// The ends of a uniform delay are the wrong way round.
    #[error("a uniform delay from {low:?} to {high:?} has its ends the wrong way round")]
    Range {
        /// The lower end as given.
        low: Duration,
        /// The upper end as given.
        high: Duration,
    },
    /// A delay past [`DELAY_MAX`].
    #[error("a delay of {0:?} is longer than the maximum of {DELAY_MAX:?}")]
    TooLong(Duration),
}

/// What becomes of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Deliver after each of these delays (two for a duplicated message); `ordered` messages do not overtake each other.
    Deliver {
        /// One entry a copy.
        after: Vec<Duration>,
        /// Whether the message keeps its place behind earlier ones.
        ordered: bool,
    },
    /// The message is lost.
    Lost,
    /// The message waits until the link changes.
    Held,
}

#[derive(Debug)]
struct State {
    links: BTreeMap<(RegionName, RegionName), Link>,
    rngs: BTreeMap<(RegionName, RegionName), ChaCha8Rng>,
    seed: u64,
}

/// The links of a whole cluster as this node applies them to what it sends.
#[derive(Debug)]
pub struct LinkModel {
    state: Mutex<State>,
    version: watch::Sender<u64>,
}

impl LinkModel {
    /// A model in which every message is delivered at once, until links are set.
    pub fn new(seed: u64) -> Self {
        let state = State { links: BTreeMap::new(), rngs: BTreeMap::new(), seed };
        Self { state: Mutex::new(state), version: watch::Sender::new(0) }
    }

    /// Sets what happens from one region to another. Messages under way keep their fate.
    pub fn set(&self, from: RegionName, to: RegionName, link: Link) -> Result<(), LinkError> {
        link.validate()?;
        self.state.lock().links.insert((from, to), link);
        self.version.send_modify(|v| *v += 1);
        Ok(())
    }

    /// Forgets all links: every message is delivered at once again.
    pub fn clear(&self) {
        self.state.lock().links.clear();
        self.version.send_modify(|v| *v += 1);
    }

    /// All links that were set.
    pub fn links(&self) -> Vec<(RegionName, RegionName, Link)> {
        let state = self.state.lock();
        state.links.iter().map(|((f, t), l)| (f.clone(), t.clone(), l.clone())).collect()
    }

    /// Changes whenever a link changes: held messages are looked at again then.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Whether any link was set at all. The fast path of a production cluster.
    pub fn is_transparent(&self) -> bool {
        self.state.lock().links.is_empty()
    }

    /// Decides the fate of one message, drawing from the pair's own random sequence.
    pub fn verdict(&self, from: &RegionName, to: &RegionName) -> Verdict {
        let mut state = self.state.lock();
        let pair = (from.clone(), to.clone());
        let Some(link) = state.links.get(&pair).cloned() else {
            return Verdict::Deliver { after: vec![Duration::ZERO], ordered: true };
        };
        if link.partitioned {
            return Verdict::Lost;
        }
        if link.frozen {
            return Verdict::Held;
        }
        let seed = state.seed ^ pair_hash(&pair);
        let rng = state.rngs.entry(pair).or_insert_with(|| ChaCha8Rng::seed_from_u64(seed));
        let lost = rng.random::<f64>() < link.loss;
        let twice = rng.random::<f64>() < link.duplication;
        let ordered = rng.random::<f64>() >= link.reordering;
        if lost {
            return Verdict::Lost;
        }
        let copies = if twice { 2 } else { 1 };
        Verdict::Deliver { after: (0..copies).map(|_| link.delay.draw(rng)).collect(), ordered }
    }
}

/// FNV-1a over both names: stable between builds, which a seed needs.
fn pair_hash((from, to): &(RegionName, RegionName)) -> u64 {
    let bytes = from.as_str().bytes().chain([0]).chain(to.as_str().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
