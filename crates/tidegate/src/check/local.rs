//! Nodes as processes of the checker's own: three regions, in a folder that goes with them.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    commands::Failure,
    dev::layout::{Layout, Profile, REGIONS},
    profile,
};

/// How long nodes may take until they serve.
const READY_MAX: Duration = Duration::from_secs(120);

/// Processes. They end with the value.
#[derive(Debug)]
pub(crate) struct Local {
    folder: TempDir,
    layout: Layout,
    processes: BTreeMap<u64, Child>,
}

impl Drop for Local {
    fn drop(&mut self) {
        for child in self.processes.values_mut() {
            // It is killed and waited for as well as can be.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// `count` nodes in three regions: at least three in the first, which vote, the others as evenly as it goes.
pub(crate) fn regions(count: u64) -> Vec<(String, Vec<u64>)> {
    let first = (count / 3).max(3).min(count);
    let rest = count - first;
    let sizes = [first, rest.div_ceil(2), rest / 2];
    let mut next = 1;
    let regions = REGIONS.iter().zip(sizes).map(|((region, _), nodes)| {
        let numbers: Vec<u64> = (next..next + nodes).collect();
        next += nodes;
        ((*region).to_owned(), numbers)
    });
    regions.filter(|(_, nodes)| !nodes.is_empty()).collect()
}

impl Local {
    /// Starts `count` nodes and waits until all of them serve.
    pub(crate) async fn start_all(count: u64) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let layout = Layout::at(folder.path());
        layout.create_regions(&regions(count), 0)?;
        let mut local = Self { folder, layout, processes: BTreeMap::new() };
        local.start_missing()?;
        let profile = local.profile()?;
        for endpoint in &profile.endpoints {
            let begun = Instant::now();
            loop {
                let answer = async {
                    let client = profile::connect(&profile, &endpoint.node).await?;
                    let asked = tidegate_proto::propagation::v1::GetReplicationStatusRequest {};
                    Ok::<_, Failure>(client.send(&asked).await?)
                };
                match answer.await {
                    Ok(_) => break,
                    Err(error) if begun.elapsed() > READY_MAX => {
                        let log = fs::read_to_string(local.log(&endpoint.node)).unwrap_or_default();
                        let last: Vec<&str> = log.lines().rev().take(5).collect();
                        return Err(format!(
                            "{} does not serve: {error}\n{}",
                            endpoint.node,
                            last.join("\n")
                        )
                        .into());
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        }
        Ok(local)
    }

    /// Its profile.
    pub(crate) fn profile(&self) -> Result<Profile, Failure> {
        Ok(profile::read(&self.layout.profile_path())?)
    }

    /// Numbers of its nodes.
    pub(crate) fn nodes(&self) -> Vec<u64> {
        self.profile()
            .map(|p| {
                p.endpoints
                    .iter()
                    .filter_map(|e| e.node.trim_start_matches('n').parse().ok())
                    .collect()
            })
            .unwrap_or_default()
    }

    /// The process of a node that runs.
    pub(crate) fn pid(&self, node: u64) -> Option<u32> {
        self.processes.get(&node).map(Child::id)
    }

    fn log(&self, node: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("{node}.log"))
    }

    /// Starts a node.
    pub(crate) fn start(&mut self, node: u64) -> Result<(), Failure> {
        let log =
            fs::File::options().create(true).append(true).open(self.log(&format!("n{node}")))?;
        let child = Command::new(std::env::current_exe()?)
            .args(["node", "--config"])
            .arg(self.config(node))
            .env_remove("TIDEGATE_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        self.processes.insert(node, child);
        Ok(())
    }

    fn config(&self, node: u64) -> impl AsRef<Path> + AsRef<std::ffi::OsStr> + use<> {
        self.layout.config_path(node)
    }

    /// Ends a node at once.
    pub(crate) fn kill(&mut self, node: u64) -> Result<(), Failure> {
        if let Some(mut child) = self.processes.remove(&node) {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Starts every node that does not run.
    pub(crate) fn start_missing(&mut self) -> Result<(), Failure> {
        for node in self.nodes() {
            let runs =
                self.processes.get_mut(&node).is_some_and(|c| matches!(c.try_wait(), Ok(None)));
            if !runs {
                self.start(node)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_spread_over_three_regions() {
        let sizes = |count| regions(count).iter().map(|(_, n)| n.len()).collect::<Vec<_>>();
        assert_eq!(sizes(9), [3, 3, 3]);
        assert_eq!(sizes(5), [3, 1, 1]);
        assert_eq!(sizes(4), [3, 1]);
        assert_eq!(sizes(1), [1]);
        assert_eq!(regions(9).pop().unwrap().1, [7, 8, 9]);
    }
}
