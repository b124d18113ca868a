//! A cluster that is well gives nothing but `ok`; each thing that can be wrong is found by itself, at its level.

use tidegate_proto::{
    cluster::v1::{FencedAccount, Group, Node, SealedSecrets},
    propagation::v1::NodeStatus,
};

use super::*;

const NOW: i64 = 1_800_000_000_000;
const DAY: i64 = 24 * 3_600 * 1_000;

fn cluster() -> DescribeClusterResponse {
    let node = |id| Node { id, region: "a".to_owned(), ..Node::default() };
    DescribeClusterResponse {
        nodes: vec![node(1), node(2)],
        groups: vec![Group {
            id: 1,
            region: "a".to_owned(),
            voters: vec![1, 2],
            ..Group::default()
        }],
        ..DescribeClusterResponse::default()
    }
}

fn sample(number: u64) -> Sample {
    let name = format!("n{number}");
    let peer = |n: u64| NodeStatus { node: format!("n{n}"), alive: true, ..NodeStatus::default() };
    let group = GroupStatus {
        group: 1,
        leader: "n1".to_owned(),
        published: 7,
        staleness_bound: Some(prost_types::Duration { seconds: 0, nanos: 1_000_000 }),
        digest: vec![1].into(),
        ..GroupStatus::default()
    };
    let node = DescribeNodeResponse {
        node: name.clone(),
        version: "1".to_owned(),
        disk_available: Some(1 << 40),
        disk_reserve: 1 << 30,
        ..DescribeNodeResponse::default()
    };
    Sample {
        name: name.clone(),
        own: Own {
            node,
            offset_ms: Some(3),
            offset_error: Duration::from_millis(5),
            certificate_ms: Some(NOW + 300 * DAY),
            authority_ms: Some(NOW + 3_000 * DAY),
            links: Vec::new(),
        },
        status: GetReplicationStatusResponse {
            node: name,
            groups: vec![group],
            nodes: vec![peer(1), peer(2)],
            ..GetReplicationStatusResponse::default()
        },
    }
}

/// What is not well, as level and check, when the second node is changed.
fn wrong(change: impl FnOnce(&mut Sample)) -> Vec<(Level, &'static str)> {
    let (one, mut two) = (sample(1), sample(2));
    change(&mut two);
    let later: Vec<_> = [&one, &two].map(|s| (s.name.clone(), s.status.clone())).into();
    let found = diagnose(Some(&cluster()), &[one, two], &later, &[], NOW);
    assert!(found.iter().all(|f| f.advice.is_empty() == (f.level == Level::Ok)), "{found:?}");
    found.iter().filter(|f| f.level != Level::Ok).map(|f| (f.level, f.check)).collect()
}

#[test]
fn a_cluster_that_is_well_is_well() {
    assert_eq!(wrong(|_| {}), []);
}

#[test]
fn each_thing_that_is_wrong_is_found_at_its_level() {
    let group = |s: &mut Sample| s.status.groups.pop().unwrap();
    let with = |s: &mut Sample, g: GroupStatus| s.status.groups.push(g);
    assert_eq!(
        wrong(|s| {
            let g = group(s);
            with(s, GroupStatus { digest: vec![2].into(), ..g });
        }),
        [(Level::Bad, "digest")]
    );
    assert_eq!(
        wrong(|s| {
            let g = group(s);
            with(s, GroupStatus { published: 6, ..g });
        }),
        [(Level::Bad, "position")]
    );
    assert_eq!(
        wrong(|s| {
            let g = group(s);
            with(s, GroupStatus { leader: "n2".to_owned(), ..g });
        }),
        [(Level::Warn, "leader")]
    );
    assert_eq!(
        wrong(|s| {
            let g = group(s);
            with(s, GroupStatus { staleness_bound: None, ..g });
        }),
        [(Level::Warn, "staleness")]
    );
    let old = Some(prost_types::Duration { seconds: 40, nanos: 0 });
    assert_eq!(
        wrong(|s| {
            let g = group(s);
            with(s, GroupStatus { staleness_bound: old, ..g });
        }),
        [(Level::Bad, "staleness")]
    );
    assert_eq!(wrong(|s| s.status.nodes[0].alive = false), [(Level::Bad, "peer")]);
    assert_eq!(
        wrong(|s| s.own.certificate_ms = Some(NOW + 20 * DAY)),
        [(Level::Warn, "certificate")]
    );
    assert_eq!(wrong(|s| s.own.certificate_ms = Some(NOW - DAY)), [(Level::Bad, "certificate")]);
    assert_eq!(wrong(|s| s.own.authority_ms = Some(NOW + DAY)), [(Level::Bad, "authority")]);
    assert_eq!(wrong(|s| s.own.offset_ms = Some(-2_000)), [(Level::Warn, "clock")]);
    assert_eq!(wrong(|s| s.own.offset_ms = Some(70_000)), [(Level::Bad, "clock")]);
    assert_eq!(wrong(|s| s.own.node.disk_available = Some(1 << 29)), [(Level::Bad, "disk")]);
    assert_eq!(wrong(|s| s.own.node.disk_available = Some(1 << 31)), [(Level::Warn, "disk")]);
    assert_eq!(wrong(|s| s.own.node.alarms = 1), [(Level::Warn, "alarms")]);
    assert_eq!(
        wrong(|s| s.own.links.push("a to b".to_owned())),
        [(Level::Bad, "links")],
        "no development mode"
    );
    assert_eq!(wrong(|s| s.own.node.propagation_frozen = true), [(Level::Warn, "propagation")]);
    assert_eq!(wrong(|s| s.own.node.version = "2".to_owned()), [(Level::Warn, "version")]);
}

#[test]
fn a_node_that_is_behind_and_moves_is_only_looked_at_when_it_is_far() {
    let (one, mut two) = (sample(1), sample(2));
    two.status.groups[0].published = 6;
    let mut later: Vec<_> = [&one, &two].map(|s| (s.name.clone(), s.status.clone())).into();
    later[1].1.groups[0].published = 7;
    let found = diagnose(Some(&cluster()), &[one, two], &later, &[], NOW);
    assert!(found.iter().all(|f| f.level == Level::Ok), "{found:?}");
}

#[test]
fn a_node_that_is_silent_costs_its_groups_the_quorum() {
    let silent = [("n2".to_owned(), "gone".to_owned())];
    let found = diagnose(Some(&cluster()), &[sample(1)], &[], &silent, NOW);
    let bad: Vec<_> = found.iter().filter(|f| f.level == Level::Bad).map(|f| f.check).collect();
    assert_eq!(bad, ["answers", "quorum"]);
    let found = diagnose(None, &[], &[], &silent, NOW);
    assert!(found.iter().any(|f| f.check == "directory"));
}

#[test]
fn a_change_of_voters_that_is_under_way_is_named() {
    let mut changing = cluster();
    changing.groups[0].changing = true;
    let found = diagnose(Some(&changing), &[sample(1), sample(2)], &[], &[], NOW);
    let wrong = found.iter().filter(|f| f.level != Level::Ok).map(|f| (f.level, f.check));
    assert_eq!(wrong.collect::<Vec<_>>(), [(Level::Warn, "voters")]);
}

#[test]
fn a_node_that_the_profile_does_not_know_is_named() {
    let found = diagnose(Some(&cluster()), &[sample(1)], &[], &[], NOW);
    let named = found.iter().find(|f| f.check == "directory").map(|f| f.about.as_str());
    assert_eq!(named, Some("n2"));
}

#[test]
fn an_account_that_differs_is_named_with_what_becomes_of_it() {
    let fenced = |fetching| FencedAccount {
        account_id: "123456789012".to_owned(),
        group: 1,
        differs_from: "n1".to_owned(),
        fetching,
    };
    for (fetching, advice) in [(true, "look again"), (false, "change-voters")] {
        let mut two = sample(2);
        two.own.node.fenced = vec![fenced(fetching)];
        let found = diagnose(None, &[sample(1), two], &[], &[], NOW);
        let account = found.iter().find(|f| f.check == "account").unwrap();
        assert_eq!((account.level, account.about.as_str()), (Level::Bad, "123456789012 at n2"));
        assert!(account.means.contains("not that of n1") && account.advice.contains(advice));
    }
    let mended = wrong(|two| two.own.node.mended = 1);
    assert_eq!(mended, [(Level::Warn, "account")]);
}

/// What is said of sealing keys that two voters hold, and of the secrets under each key.
fn sealing_of(held: [&[&str]; 2], uses: &[(&str, u64)]) -> Vec<(Level, String, String)> {
    let samples = [1, 2].map(|n| {
        let mut sample = sample(n);
        let keys = held[usize::try_from(n).unwrap() - 1];
        sample.own.node.sealing_keys = keys.iter().map(|&key| key.to_owned()).collect();
        let of = |(key, secrets): &(&str, u64)| SealedSecrets {
            sealing_key: (*key).to_owned(),
            secrets: *secrets,
        };
        sample.own.node.sealed_secrets = uses.iter().map(of).collect();
        sample
    });
    let found = diagnose(Some(&cluster()), &samples, &[], &[], NOW);
    let ours = found.into_iter().filter(|f| f.check == "sealing key");
    ours.map(|f| (f.level, f.about, f.means)).collect()
}

#[test]
fn a_sealing_key_is_followed_from_the_first_voter_that_has_it_to_the_last_secret() {
    let row = |level, about: &str, means: &str| (level, about.to_owned(), means.to_owned());
    let held = |key| row(Level::Ok, key, "every voter holds it");
    assert_eq!(sealing_of([&[], &[]], &[("", 3)]), []);
    assert_eq!(
        sealing_of([&["new"], &[]], &[("", 3)]),
        [row(Level::Warn, "new", "voters that do not hold it: n2; it counts once each does")]
    );
    let still = "3 secrets are still sealed under it, and are to be under new";
    assert_eq!(
        sealing_of([&["new"], &["new"]], &[("", 3), ("new", 1)]),
        [row(Level::Warn, "unnamed", still), held("new")]
    );
    assert_eq!(
        sealing_of([&["new", "old"], &["old"]], &[("old", 3)]),
        [
            row(Level::Warn, "new", "voters that do not hold it: n2; it counts once each does"),
            held("old")
        ]
    );
    assert_eq!(
        sealing_of([&["new", "old"], &["new", "old"]], &[("old", 3), ("new", 4)]),
        [row(Level::Warn, "old", still), held("new"), held("old")]
    );
    assert_eq!(sealing_of([&["new"], &["new"]], &[("new", 4)]), [held("new")]);
    let lost = "3 secrets are sealed under it, and n1 n2 can't open them";
    assert_eq!(
        sealing_of([&["new"], &["new"]], &[("old", 3)]),
        [row(Level::Bad, "old", lost), held("new")]
    );
}

#[test]
fn nodes_that_want_different_recovery_keys_are_named() {
    let of = |key: &'static str| wrong(move |two| two.own.node.recovery_key = key.to_owned());
    assert_eq!(of(""), []);
    assert_eq!(of("19bf44096984cdfe"), [(Level::Warn, "recovery key"); 2]);
}
