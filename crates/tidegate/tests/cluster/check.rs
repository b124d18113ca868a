//! `tidegate check` finds nothing where nothing is wrong, under kills and partitions too, finds each violation that is switched on, and
//! leaves nothing behind.
//!
//! `TIDEGATE_CHECK_DURATION=10m cargo test --release -p tidegate --test cluster check -- --nocapture` is the long form.

use std::{env, path::Path};

use serde_json::Value;

use crate::harness::{Cluster, tidegate, turn, users};

/// What a check says, its exit code, and what it wrote.
fn check(args: &[&str], profile: Option<&Path>) -> (Option<i32>, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let mut command = tidegate();
    if let Some(profile) = profile {
        command.arg("--profile").arg(profile);
    }
    let done = command.arg("check").args(args).args(["-o", "json", "--page"]).arg(&page).output();
    let done = done.unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    eprintln!("{}", String::from_utf8_lossy(&done.stderr));
    let report = serde_json::from_str(&said).unwrap();
    (done.status.code(), report, std::fs::read_to_string(page).unwrap())
}

fn verdicts<'a>(report: &'a Value, verdict: &str) -> Vec<&'a str> {
    let all = report["guarantees"].as_array().unwrap().iter();
    all.filter(|g| g["verdict"] == verdict).map(|g| g["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_violation_that_is_switched_on_is_found_and_nothing_is_left_behind() {
    let cluster = Cluster::running().await;
    let profile = cluster.path().join("profile.toml");
    let before = users(&cluster.client(1).await, None).await.unwrap();
    let run = |lie: &str, duration: &str| {
        let lie = if lie.is_empty() { Vec::new() } else { vec!["--lie", lie] };
        let args = ["--duration", duration, "--clients", "6", "--pause", "20ms", "--seed", "7"];
        tokio::task::block_in_place(|| check(&[&args[..], &lie].concat(), Some(&profile)))
    };
    let (code, report, page) = run("", "12s");
    assert_eq!((code, verdicts(&report, "broken")), (Some(0), Vec::new()), "{report:#}");
    assert_eq!(verdicts(&report, "not exercised"), Vec::<&str>::new(), "{report:#}");
    assert!(page.contains("No guarantee was broken") && page.contains("deny-stays"));
    for (lie, found) in [
        ("stale-read", &["token-floor", "read-your-writes"][..]),
        ("lost-write", &["acknowledged-writes-survive"]),
        ("vanishing-deny", &["deny-stays"]),
    ] {
        // On a busy machine little happens in a short time, a lie among it.
        let mut lengths = ["8s", "20s", "60s"].iter();
        let (code, report, page) = loop {
            let said = run(lie, lengths.next().unwrap());
            let broken = verdicts(&said.1, "broken");
            if found.iter().any(|f| broken.contains(f)) {
                break said;
            }
        };
        assert_eq!(code, Some(5), "{lie}");
        assert!(page.contains("A guarantee was broken"));
        let guarantees = report["guarantees"].as_array().unwrap();
        let evidence = guarantees
            .iter()
            .filter(|g| found.contains(&g["name"].as_str().unwrap()))
            .flat_map(|g| g["findings"].as_array().unwrap())
            .map(|f| f["evidence"].as_array().unwrap().len());
        assert!(evidence.clone().all(|n| (2..=4).contains(&n)), "{lie}: {report:#}");
        assert_eq!(report["left_over"], serde_json::json!([]), "{lie}");
    }
    assert_eq!(users(&cluster.client(1).await, None).await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_guarantees_hold_under_kills_pauses_partitions_and_delays() {
    let _turn = turn().await;
    let long = env::var("TIDEGATE_CHECK_DURATION").ok();
    let duration = long.as_deref().unwrap_or("20s");
    let nodes = if long.is_some() { "9" } else { "5" };
    let faults = "kill,pause,partition,delay";
    let args = ["--local", nodes, "--duration", duration, "--nemesis", faults, "--pause", "60ms"];
    let (code, report, _) = tokio::task::block_in_place(|| check(&args, None));
    assert_eq!((code, verdicts(&report, "broken")), (Some(0), Vec::new()), "{report:#}");
    assert!(!report["faults"].as_array().unwrap().is_empty(), "{report:#}");
    println!("{report:#}");
}
