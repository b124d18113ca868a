//! A cut of power: the disk's image is copied at one moment while acknowledged writes go on, and the copy opened elsewhere. Nothing
//! that was acknowledged before the copy began may be missing. The same without fsync must lose something, else this test would
//! prove nothing.
//!
//! The image lies on a file system that is frozen for the copy, so that the copy is what a disk would hold whose power went at that
//! moment, between any two blocks. What a disk would lose of its own volatile cache is not simulated.
//!
//! `TIDEGATE_POWER_ROUNDS=10 cargo test -p tidegate --test cluster power_cut -- --nocapture` is the long form.

use std::{collections::BTreeSet, env, fs, path::Path, time::Duration};

use tidegate_proto::common::v1::consistency::Mode;
use toml::Value;

use crate::{
    disk::{self, Mounted},
    harness::{Cluster, eventually, users},
    kill_nine::Writers,
};

/// Journal commits of their own accord are far between: what nobody syncs stays unwritten.
const OPTIONS: &str = "noatime,commit=300";
/// Cuts without fsync within which something must be lost.
const UNSYNCED_ROUNDS: usize = 4;
const MIB: u64 = 1 << 20;

/// One voter whose data lies on a disk that can lose power.
struct Machine {
    cluster: Cluster,
    /// The file system that holds the image.
    below: Mounted,
}

/// What was there after a cut.
#[derive(Debug, PartialEq)]
enum After {
    Whole,
    Missing(usize),
    DoesNotOpen,
}

impl Machine {
    async fn new(fsync: bool) -> Result<Self, String> {
        let cluster = Cluster::laid_out().await;
        let outer = cluster.path().join("below.img");
        disk::make(&outer, 1024 * MIB)?;
        let below = disk::mount(&outer, &cluster.path().join("below"), "noatime")?;
        disk::make(&below.at.join("disk.img"), 384 * MIB)?;
        cluster.configure(1, |settings| {
            settings.remove("peers");
            let founding = settings["founding"].as_table_mut().unwrap();
            founding.insert("voters".to_owned(), Value::Array(vec![Value::Integer(1)]));
            founding.insert("groups".to_owned(), Value::Integer(1));
            let store = settings["store"].as_table_mut().unwrap();
            store.insert("fsync".to_owned(), Value::Boolean(fsync));
        });
        Ok(Self { cluster, below })
    }

    fn start(&mut self, at: &Path) {
        let data = at.join("store").to_str().unwrap().to_owned();
        self.cluster.configure(1, |settings| {
            settings.insert("data".to_owned(), Value::String(data));
        });
        self.cluster.start(1);
    }

    /// Writes, cuts the power, and says what the copy has of what was acknowledged before it began. What it has is kept for the next
    /// round.
    async fn cut(&mut self, round: usize, acknowledged: &mut BTreeSet<String>) -> After {
        let image = self.below.at.join("disk.img");
        let copy = self.cluster.path().join("copy.img");
        let mounted = disk::mount(&image, &self.cluster.path().join("here"), OPTIONS).unwrap();
        self.start(&mounted.at);
        self.cluster.serves(1).await;
        let writers = Writers::start(&self.cluster.profile, &[1], &format!("r{round}w"));
        eventually("writes are acknowledged", async || writers.acknowledged().len() >= 20).await;
        tokio::time::sleep(Duration::from_millis(rand::random::<u64>() % 1_000)).await;
        acknowledged.extend(writers.acknowledged());
        disk::while_frozen(&self.below, || disk::copy(&image, &copy));
        let later = writers.acknowledged().len();
        self.cluster.kill_nine(1);
        drop(writers.stop().await);
        drop(mounted);

        fs::rename(&copy, self.cluster.path().join("elsewhere.img")).unwrap();
        let elsewhere = self.cluster.path().join("elsewhere.img");
        let mounted = disk::mount(&elsewhere, &self.cluster.path().join("elsewhere"), OPTIONS);
        let Ok(mounted) = mounted else { return After::DoesNotOpen };
        let _old = fs::remove_file(self.cluster.log(1));
        self.start(&mounted.at);
        if !self.cluster.serves_unless_it_ends(1).await {
            return After::DoesNotOpen;
        }
        // What is durable in the log takes effect again once the voter leads: a strong read waits for that.
        let mut there = BTreeSet::new();
        eventually("the node leads and reads", async || {
            let client = self.cluster.client(1).await;
            users(&client, Some(Mode::Strong(true))).await.map(|found| there = found).is_ok()
        })
        .await;
        self.cluster.kill_nine(1);
        let log = fs::read_to_string(self.cluster.log(1)).unwrap();
        assert!(!log.contains("\"level\":\"ERROR\""), "the store did not open clean: {log}");
        drop(mounted);
        let missing = acknowledged.difference(&there).count();
        println!(
            "round {round}: {} acknowledged before the copy, {later} of this round when it ended, {} there, {missing} missing",
            acknowledged.len(),
            there.len()
        );
        disk::copy(&elsewhere, &image);
        if missing == 0 { After::Whole } else { After::Missing(missing) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let rounds: usize =
        env::var("TIDEGATE_POWER_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(2);
    let mut machine = match Machine::new(true).await {
        Ok(machine) => machine,
        Err(why) => return disk::skipped("nothing_acknowledged_is_lost_when_the_power_goes", &why),
    };
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds {
        assert_eq!(machine.cut(round, &mut acknowledged).await, After::Whole, "round {round}");
    }
    assert!(acknowledged.len() > 10 * rounds, "only {} were acknowledged", acknowledged.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(debug_assertions)]
async fn without_fsync_the_same_cut_loses_what_was_acknowledged() {
    let mut machine = match Machine::new(false).await {
        Ok(machine) => machine,
        Err(why) => return disk::skipped("without_fsync_the_same_cut_loses", &why),
    };
    let mut acknowledged = BTreeSet::new();
    for round in 0..UNSYNCED_ROUNDS {
        let after = machine.cut(round, &mut acknowledged).await;
        println!("round {round} without fsync: {after:?}");
        if after != After::Whole {
            return;
        }
    }
    panic!("{UNSYNCED_ROUNDS} cuts of power without fsync lost nothing: the test does not bite");
}
