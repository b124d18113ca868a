//! A disk that fills up: its node refuses writes by name, goes on deciding, and corrupts nothing; with room again it takes part as
//! before, without a restart.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use tidegate_client::reason;
use tidegate_proto::common::v1::consistency::Mode;
use toml::Value;

use crate::{
    disk,
    harness::{Cluster, NODES, authorize, create, eventually, question, status, users},
};

const MIB: u64 = 1 << 20;
/// Left for the node when the disk is filled: below its reserve.
const LEFT: u64 = 8 * MIB;

/// Fills the file system until `left` bytes are left.
fn fill(at: &Path, left: u64) {
    let room = fs4::available_space(at).unwrap();
    let file = fs::File::create(at.join("ballast")).unwrap();
    fs4::fs_std::FileExt::allocate(&file, room.saturating_sub(left)).unwrap();
    file.sync_all().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_a_full_disk_refuses_writes_decides_on_and_recovers() {
    let mut cluster = Cluster::laid_out().await;
    let image = cluster.path().join("small.img");
    let mounted = disk::make(&image, 256 * MIB)
        .and_then(|()| disk::mount(&image, &cluster.path().join("small"), "noatime"));
    let mounted = match mounted {
        Ok(mounted) => mounted,
        Err(why) => return disk::skipped("a_node_with_a_full_disk", &why),
    };
    // The only voter: nobody else can take the writes in its place.
    let data = mounted.at.join("store").to_str().unwrap().to_owned();
    for node in NODES {
        cluster.configure(node, |settings| {
            if node > 1 {
                settings.remove("founding");
                return;
            }
            let founding = settings["founding"].as_table_mut().unwrap();
            founding.insert("voters".to_owned(), Value::Array(vec![Value::Integer(1)]));
            founding.insert("groups".to_owned(), Value::Integer(1));
            settings.insert("data".to_owned(), Value::String(data.clone()));
        });
    }
    cluster.start_all().await;
    let client = cluster.client(1).await;
    let mut acknowledged = BTreeSet::new();
    for n in 0..20 {
        create(&client, &format!("early{n}")).await.unwrap();
        acknowledged.insert(format!("early{n}"));
    }
    cluster.agree(&NODES).await;

    fill(&mounted.at, LEFT);
    let mut refusal = None;
    let mut n = 0;
    eventually("a write is refused", async || {
        let name = format!("full{n}");
        n += 1;
        match create(&client, &name).await {
            Ok(_) => drop(acknowledged.insert(name)),
            Err(refused) => refusal = Some(refused),
        }
        refusal.is_some()
    })
    .await;
    let refusal = refusal.unwrap();
    assert_eq!(reason(&refusal), ("DISK_FULL".to_owned(), true), "{refusal:?}");
    assert!(refusal.message().contains("disk"), "{}", refusal.message());
    // From elsewhere the same: the leader is the one that can't.
    let far = cluster.client(4).await;
    let refused = create(&far, "far").await.unwrap_err();
    assert_eq!(reason(&refused), ("DISK_FULL".to_owned(), true), "{refused:?}");
    for _ in 0..20 {
        authorize(&client, question()).await.unwrap();
        assert_eq!(users(&client, None).await.unwrap(), acknowledged);
    }
    // Beyond the space that was counted last, and some ticks of every timer.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(status(&cluster.profile, 1).await.is_some(), "the node serves");

    fs::remove_file(mounted.at.join("ballast")).unwrap();
    eventually("writes are taken again", async || create(&client, "late").await.is_ok()).await;
    acknowledged.insert("late".to_owned());
    cluster.agree(&NODES).await;
    assert_eq!(users(&client, Some(Mode::Strong(true))).await.unwrap(), acknowledged);
    cluster.kill_nine(1);
    cluster.start(1);
    cluster.serves(1).await;
    let client = cluster.client(1).await;
    eventually("the node leads and reads", async || {
        users(&client, Some(Mode::Strong(true))).await.is_ok_and(|there| there == acknowledged)
    })
    .await;
    cluster.agree(&NODES).await;
    drop(cluster);
    drop(mounted);
}
