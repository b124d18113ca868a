//! Faults, one at a time: nodes that are killed or paused by their process, regions that are cut off or slowed by the link model.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};
use rustix::process::{Pid, Signal, kill_process};
use tidegate_proto::cluster::v1::{ClearLinksRequest, Link, SetLinkRequest};

use super::{local::Local, workload::Shared};
use crate::commands::Failure;

/// How often a node is asked to shape a link.
const SET_TRIES: u32 = 40;
/// Between two such tries.
const SET_AGAIN: Duration = Duration::from_millis(250);

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// A node's process is killed, and started again.
    Kill,
    /// A node's process stands still, and goes on.
    Pause,
    /// A region is cut off, one way or both.
    Partition,
    /// What a region sends is slow.
    Delay,
}

/// A fault that struck.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// When it began.
    pub(crate) start: Duration,
    /// When it was over.
    pub(crate) end: Duration,
    /// What it was.
    pub(crate) kind: Kind,
    /// Nodes that it struck.
    pub(crate) nodes: Vec<u64>,
    /// In words.
    pub(crate) what: String,
}

/// Who makes the faults.
pub(crate) struct Nemesis {
    /// What it may do.
    pub(crate) kinds: Vec<Kind>,
    /// Processes of the checker's own.
    pub(crate) local: Option<Local>,
    /// Processes that others started.
    pub(crate) pids: BTreeMap<u64, u32>,
    shared: Arc<Shared>,
    random: StdRng,
    faults: Vec<Fault>,
}

fn signal(pid: u32, signal: Signal) -> Result<(), Failure> {
    let pid =
        i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("no process has that number")?;
    Ok(kill_process(pid, signal)?)
}

impl Nemesis {
    /// One that draws its faults from a seed.
    pub(crate) fn new(
        kinds: Vec<Kind>,
        local: Option<Local>,
        pids: BTreeMap<u64, u32>,
        shared: Arc<Shared>,
        seed: u64,
    ) -> Self {
        let random = StdRng::seed_from_u64(seed ^ 0x6e65_6d65_7369_7321);
        Self { kinds, local, pids, shared, random, faults: Vec::new() }
    }

    fn pid(&mut self, node: u64) -> Option<u32> {
        self.local.as_ref().and_then(|l| l.pid(node)).or_else(|| self.pids.get(&node).copied())
    }

    /// Numbers of the nodes whose processes are known.
    fn mortal(&self) -> Vec<u64> {
        let own = self.local.as_ref().map(Local::nodes).unwrap_or_default();
        own.into_iter().chain(self.pids.keys().copied()).collect()
    }

    fn pause(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.random.random_range(from..to))
    }

    /// Makes faults until it is over, then mends everything. Gives what struck.
    pub(crate) async fn rage(mut self) -> (Vec<Fault>, Option<Local>) {
        while !self.is_over() {
            let calm = self.pause(1_000, 3_000);
            self.sleep(calm).await;
            if self.is_over() || self.kinds.is_empty() {
                continue;
            }
            let place = self.random.random_range(0..self.kinds.len());
            let Some(kind) = self.kinds.get(place).copied() else { continue };
            let start = self.shared.recorder.now();
            match self.strike(kind).await {
                Ok((nodes, what)) => {
                    let end = self.shared.recorder.now();
                    self.faults.push(Fault { start, end, kind, nodes, what });
                }
                Err(error) => {
                    tracing::warn!(%error, ?kind, "a fault could not be made");
                    if matches!(kind, Kind::Partition | Kind::Delay) {
                        // Half a fault is one that nobody wrote down.
                        self.clear().await;
                    }
                }
            }
        }
        self.heal().await;
        (self.faults, self.local)
    }

    fn is_over(&self) -> bool {
        self.shared.over.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Sleeps, but not past the end.
    async fn sleep(&self, time: Duration) {
        let end = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < end && !self.is_over() {
            tokio::time::sleep(Duration::from_millis(50).min(time)).await;
        }
    }

    async fn strike(&mut self, kind: Kind) -> Result<(Vec<u64>, String), Failure> {
        match kind {
            Kind::Kill | Kind::Pause => {
                let mortal = self.mortal();
                if mortal.is_empty() {
                    return Err("no process is known: give --pids, or --local".into());
                }
                let node =
                    mortal.get(self.random.random_range(0..mortal.len())).copied().unwrap_or(0);
                let time = self.pause(300, 5_000);
                if kind == Kind::Kill {
                    self.kill(node, time).await?;
                } else {
                    self.stand_still(node, time).await?;
                }
                Ok((
                    vec![node],
                    format!("n{node} was {}", if kind == Kind::Kill { "killed" } else { "paused" }),
                ))
            }
            Kind::Partition | Kind::Delay => self.cut(kind).await,
        }
    }

    async fn kill(&mut self, node: u64, time: Duration) -> Result<(), Failure> {
        match &mut self.local {
            Some(local) if local.pid(node).is_some() => {
                local.kill(node)?;
                self.sleep(time).await;
                self.local.as_mut().map_or(Ok(()), |local| local.start(node))
            }
            // Whoever started it starts it again.
            _ => signal(self.pid(node).ok_or("the process is gone")?, Signal::KILL),
        }
    }

    async fn stand_still(&mut self, node: u64, time: Duration) -> Result<(), Failure> {
        let pid = self.pid(node).ok_or("the process is gone")?;
        signal(pid, Signal::STOP)?;
        self.sleep(time).await;
        signal(pid, Signal::CONT)
    }

    /// Shapes what goes from one region to another, at every node that sends. One that was killed before may still be on its way up.
    async fn set(&self, link: &Link) -> Result<(), Failure> {
        for node in self.shared.fleet.nodes.iter().filter(|n| n.region == link.from_region) {
            let mut tries = 1;
            while let Err(error) =
                node.client().send(&SetLinkRequest { link: Some(link.clone()) }).await
            {
                if tries == SET_TRIES || self.is_over() {
                    return Err(error.into());
                }
                tries += 1;
                tokio::time::sleep(SET_AGAIN).await;
            }
        }
        Ok(())
    }

    async fn cut(&mut self, kind: Kind) -> Result<(Vec<u64>, String), Failure> {
        let regions = self.shared.fleet.regions();
        if regions.len() < 2 {
            return Err("one region alone has no links".into());
        }
        let place = self.random.random_range(0..regions.len());
        let Some(struck) = regions.get(place).cloned() else { return Err("no region".into()) };
        let both = self.random.random_bool(0.6);
        let shape = Link {
            partitioned: kind == Kind::Partition,
            delay: (kind == Kind::Delay).then(|| prost_types::Duration {
                seconds: 0,
                nanos: self.random.random_range(50..900) * 1_000_000,
            }),
            ..Link::default()
        };
        for other in regions.iter().filter(|r| **r != struck) {
            let there =
                Link { from_region: struck.clone(), to_region: other.clone(), ..shape.clone() };
            self.set(&there).await?;
            if both {
                let back =
                    Link { from_region: other.clone(), to_region: struck.clone(), ..shape.clone() };
                self.set(&back).await?;
            }
        }
        let time = self.pause(500, 8_000);
        self.sleep(time).await;
        self.clear().await;
        let nodes = self
            .shared
            .fleet
            .nodes
            .iter()
            .filter(|n| n.region == struck)
            .map(|n| n.number)
            .collect();
        let ways = if both { "both ways" } else { "one way" };
        let what = if kind == Kind::Partition { "cut off" } else { "slowed" };
        Ok((nodes, format!("{struck} was {what} {ways}")))
    }

    async fn clear(&self) {
        for node in &self.shared.fleet.nodes {
            // A node that was away meanwhile has forgotten its links by itself.
            if let Err(error) = node.client().send(&ClearLinksRequest {}).await {
                tracing::debug!(node = node.name, %error, "links were not cleared");
            }
        }
    }

    async fn heal(&mut self) {
        if self.kinds.iter().any(|k| matches!(k, Kind::Partition | Kind::Delay)) {
            self.clear().await;
        }
        if let Some(local) = &mut self.local
            && let Err(error) = local.start_missing()
        {
            tracing::warn!(%error, "a node could not be started again");
        }
    }
}
