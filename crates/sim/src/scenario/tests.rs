//! Scenario files are read as they stand, and what no run could use is refused.

use super::*;

fn read(text: &str) -> Result<Scenario, ScenarioError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.toml");
    fs::write(&path, text).unwrap();
    Scenario::read(&path)
}

#[test]
fn what_a_file_says_is_what_is_run() {
    let scenario =
        read("world = 'pure'\n[cluster]\nnodes = [3, 2]\n[faults.weights]\ncrash = 2").unwrap();
    assert_eq!(scenario.world, Some(World::Pure));
    assert_eq!(scenario.cluster.nodes, Some(vec![3, 2]));
    assert_eq!(scenario.weights(&["pause", "crash"]).unwrap(), Some(vec![0, 2]));
    assert!(scenario.weights(&["pause"]).unwrap_err().to_string().contains("`crash`"));
    assert_eq!(read("").unwrap().weights(&["pause"]).unwrap(), None, "each seed draws its own");
}

#[test]
fn what_no_run_could_use_is_refused() {
    for (text, why) in [
        ("second = 4", "not well formed"),
        ("seconds = 0", "`seconds` is not between 1 and"),
        ("[cluster]\nnodes = []", "`cluster.nodes`"),
        ("[cluster]\nnodes = [0]", "`cluster.nodes`"),
        ("[messages]\nloss = 1.5", "`messages.loss`"),
        ("[workload]\nkeys = 0", "`workload.keys`"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert!(matches!(Scenario::read(Path::new("/nowhere")), Err(ScenarioError::Read { .. })));
}
