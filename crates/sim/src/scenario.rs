//! Scenario files: the cluster, the workload, the swarm of faults and the length of a run, as TOML. What a file does not say each seed
//! draws for itself. docs/simulator.md describes every field.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::Deserialize;

/// Which of the two worlds a run takes place in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum World {
    /// The convergence machines alone, under an event loop of the simulator's own: many nodes, many seeds.
    Pure,
    /// Five whole nodes: gRPC, Raft, gossip and clients.
    #[default]
    Nodes,
}

/// A scenario.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// What it is for.
    pub about: String,
    /// Where it takes place; the command line may say so, too.
    pub world: Option<World>,
    /// Simulated seconds with faults.
    pub seconds: Option<u64>,
    /// Milliseconds within which a pure world must converge once all faults are over.
    pub converge_ms: Option<u64>,
    /// Milliseconds of one step of a world of whole nodes: how late a message is at least within a region, and at most twice.
    pub tick_ms: Option<u64>,
    /// The nodes of a pure world.
    pub cluster: Cluster,
    /// What clients do.
    pub workload: Workload,
    /// What goes wrong.
    pub faults: Faults,
    /// How messages of a pure world fare.
    pub messages: Messages,
}

/// The nodes of a pure world.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// Nodes of each region.
    pub nodes: Option<Vec<u32>>,
    /// One-way milliseconds between any two regions.
    pub latency_ms: Option<u64>,
    /// Groups beside the directory.
    pub groups: Option<u32>,
    /// Voters of a group.
    pub voters: Option<u32>,
}

/// What clients do.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workload {
    /// Clients at once.
    pub clients: Option<u32>,
    /// Most milliseconds that a client of whole nodes rests between two calls.
    pub pause_ms: Option<u64>,
    /// Writes a second, of each group of a pure world.
    pub writes_per_second: Option<u32>,
    /// Keys of each group of a pure world.
    pub keys: Option<u32>,
    /// Whether all keys of a pure world that is measured exist from the start.
    pub filled: Option<bool>,
    /// Share of the writes of a pure world that delete.
    pub deletes: Option<f64>,
}

/// What goes wrong.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Milliseconds between two faults, on average.
    pub every_ms: Option<u64>,
    /// Most milliseconds that one lasts.
    pub last_ms: Option<u64>,
    /// How likely each kind is, by its name. Kinds that are not named do not occur; no table at all: each seed draws one.
    pub weights: Option<BTreeMap<String, u32>>,
}

/// How messages of a pure world fare.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Messages {
    /// Share that is lost.
    pub loss: Option<f64>,
    /// Share that comes twice.
    pub doubling: Option<f64>,
    /// Most milliseconds that one comes late.
    pub jitter_ms: Option<u64>,
}

/// Why a scenario can't be used. Nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file can't be read.
    #[error("the scenario `{path}` can't be read")]
    Read {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is no scenario.
    #[error("the scenario `{path}` is not well formed")]
    Form {
        /// Which.
        path: String,
        /// Why.
        source: Box<toml::de::Error>,
    },
    /// It names a fault that the world does not know.
    #[error("`{kind}` is no kind of fault of this world: {known}")]
    Kind {
        /// What it names.
        kind: String,
        /// What there is.
        known: String,
    },
    /// A number is out of its range.
    #[error("`{field}` is not between {least} and {most}")]
    Range {
        /// Which.
        field: &'static str,
        /// The least that it may be.
        least: u64,
        /// The most that it may be.
        most: u64,
    },
}

fn within(
    field: &'static str,
    value: Option<u64>,
    least: u64,
    most: u64,
) -> Result<(), ScenarioError> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(ScenarioError::Range { field, least, most })
        }
        _ => Ok(()),
    }
}

impl Scenario {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let named = || path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|source| ScenarioError::Read { path: named(), source })?;
        let scenario: Self = toml::from_str(&text)
            .map_err(|source| ScenarioError::Form { path: named(), source: Box::new(source) })?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Numbers that no run could use are refused.
    fn check(&self) -> Result<(), ScenarioError> {
        within("seconds", self.seconds, 1, 86_400)?;
        within("converge_ms", self.converge_ms, 1, 3_600_000)?;
        within("tick_ms", self.tick_ms, 1, 50)?;
        let nodes = self.cluster.nodes.as_deref();
        within("cluster.nodes", nodes.map(|n| n.len() as u64), 1, 64)?;
        for of_region in nodes.unwrap_or_default() {
            within("cluster.nodes", Some(u64::from(*of_region)), 1, 10_000)?;
        }
        within("cluster.latency_ms", self.cluster.latency_ms, 0, 10_000)?;
        within("cluster.groups", self.cluster.groups.map(u64::from), 1, 200)?;
        within("cluster.voters", self.cluster.voters.map(u64::from), 1, 9)?;
        within("workload.pause_ms", self.workload.pause_ms, 1, 60_000)?;
        within("workload.clients", self.workload.clients.map(u64::from), 0, 1_000)?;
        let writes = self.workload.writes_per_second.map(u64::from);
        within("workload.writes_per_second", writes, 0, 10_000)?;
        within("workload.keys", self.workload.keys.map(u64::from), 1, 1_000_000)?;
        within("faults.every_ms", self.faults.every_ms, 1, 86_400_000)?;
        within("faults.last_ms", self.faults.last_ms, 50, 86_400_000)?;
        for (field, share) in [
            ("messages.loss", self.messages.loss),
            ("messages.doubling", self.messages.doubling),
            ("workload.deletes", self.workload.deletes),
        ] {
            if share.is_some_and(|s| !(0.0..=1.0).contains(&s)) {
                return Err(ScenarioError::Range { field, least: 0, most: 1 });
            }
        }
        within("messages.jitter_ms", self.messages.jitter_ms, 0, 60_000)
    }

    /// The weight of each kind of `kinds`, where the file has a table of them.
    pub fn weights(&self, kinds: &[&str]) -> Result<Option<Vec<u32>>, ScenarioError> {
        let Some(table) = &self.faults.weights else { return Ok(None) };
        if let Some(kind) = table.keys().find(|k| !kinds.contains(&k.as_str())) {
            return Err(ScenarioError::Kind { kind: kind.clone(), known: kinds.join(", ") });
        }
        Ok(Some(kinds.iter().map(|kind| table.get(*kind).copied().unwrap_or(0)).collect()))
    }
}

#[cfg(test)]
mod tests;
