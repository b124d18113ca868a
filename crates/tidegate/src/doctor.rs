//! What the answers of all nodes say of a cluster's health: a pure function, so that each finding has its test.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tidegate_proto::{
    cluster::v1::{DescribeClusterResponse, DescribeNodeResponse},
    propagation::v1::{GetReplicationStatusResponse, GroupStatus},
};

/// Certificates that end sooner deserve a look.
const CERTIFICATE_WARN_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// Certificates that end sooner are bad.
const CERTIFICATE_BAD_MS: i64 = 7 * 24 * 3_600 * 1_000;
/// Clocks that differ by more deserve a look.
const CLOCK_WARN_MS: i64 = 1_000;
/// Signatures are refused past five minutes: clocks that differ by more than one are on their way there.
const CLOCK_BAD_MS: i64 = 60_000;
/// Positions that a node may be behind the most advanced one without a word.
const LAG_WARN: u64 = 100;
/// A view that can be older deserves a look.
const STALENESS_WARN: Duration = Duration::from_secs(5);

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It works, and deserves a look.
    Warn,
    /// It does not work, or soon will not.
    Bad,
}

impl Level {
    /// In a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) level: Level,
    /// What was looked at.
    pub(crate) check: &'static str,
    /// Whose.
    pub(crate) about: String,
    /// What it means.
    pub(crate) means: String,
    /// What to do; empty where all is well.
    pub(crate) advice: &'static str,
}

/// What a node says of itself. Times in Unix milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own {
    /// Its own words.
    pub(crate) node: DescribeNodeResponse,
    /// How far its clock is ahead of this machine's, and how wrong that may be.
    pub(crate) offset_ms: Option<i64>,
    /// Half the round trip of the question.
    pub(crate) offset_error: Duration,
    /// When its certificate ends.
    pub(crate) certificate_ms: Option<i64>,
    /// When the first of its authorities ends.
    pub(crate) authority_ms: Option<i64>,
    /// Links that it shapes.
    pub(crate) links: Vec<String>,
}

/// A node that answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Its name in the profile.
    pub(crate) name: String,
    /// What it says of itself.
    pub(crate) own: Own,
    /// How it sees the cluster.
    pub(crate) status: GetReplicationStatusResponse,
}

/// Gathers findings.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        level: Level,
        check: &'static str,
        about: &str,
        means: String,
        advice: &'static str,
    ) {
        let advice = if level == Level::Ok { "" } else { advice };
        self.0.push(Finding { level, check, about: about.to_owned(), means, advice });
    }
}

fn duration(d: Option<&prost_types::Duration>) -> Option<Duration> {
    d.map(|d| Duration::new(d.seconds.unsigned_abs(), d.nanos.unsigned_abs()))
}

fn level(bad: bool, warn: bool) -> Level {
    match (bad, warn) {
        (true, _) => Level::Bad,
        (false, true) => Level::Warn,
        _ => Level::Ok,
    }
}

/// Nodes that answer, and those that the directory names beside them.
fn reach(
    cluster: Option<&DescribeClusterResponse>,
    samples: &[Sample],
    silent: &[(String, String)],
    found: &mut Findings,
) {
    const RESTART: &str = "see whether its process runs and what its log says; start it again";
    for sample in samples {
        found.add(Level::Ok, "answers", &sample.name, "it answers".to_owned(), "");
    }
    for (name, why) in silent {
        found.add(Level::Bad, "answers", name, format!("it does not answer: {why}"), RESTART);
    }
    let Some(cluster) = cluster else {
        found.add(
            Level::Bad,
            "directory",
            "cluster",
            "no node says who belongs to the cluster".to_owned(),
            RESTART,
        );
        return;
    };
    let known: BTreeSet<String> = samples
        .iter()
        .map(|s| s.own.node.node.clone())
        .chain(silent.iter().map(|(n, _)| n.clone()))
        .collect();
    for node in &cluster.nodes {
        let name = format!("n{}", node.id);
        if !known.contains(&name) {
            let means = format!(
                "the directory names it in {} and the profile does not: it was not looked at",
                node.region
            );
            found.add(
                Level::Warn,
                "directory",
                &name,
                means,
                "add it to the profile, or take it out with `tidegate cluster remove-node`",
            );
        }
    }
    // Who answered counts as up; so does whom most of them hear.
    for group in &cluster.groups {
        let up = |voter: &&u64| samples.iter().any(|s| s.own.node.node == format!("n{voter}"));
        let (up, all) = (group.voters.iter().filter(up).count(), group.voters.len());
        let level = level(up * 2 <= all, up < all);
        let means = format!(
            "{up} of its {all} voters answer{}",
            if level == Level::Bad { ": no writes, no strong reads" } else { "" }
        );
        found.add(
            level,
            "quorum",
            &format!("g{}", group.id),
            means,
            "bring voters back: more than half of them must be up",
        );
        if group.changing {
            let means = "a change of its voters is under way".to_owned();
            let about = format!("g{}", group.id);
            found.add(
                Level::Warn,
                "voters",
                &about,
                means,
                "look again in a minute; it goes on by itself once its voters are up",
            );
        }
    }
}

/// Leaders, digests, positions and staleness of the groups.
fn groups(
    samples: &[Sample],
    later: &[(String, GetReplicationStatusResponse)],
    found: &mut Findings,
) {
    let mut of: BTreeMap<u32, Vec<(&str, &GroupStatus)>> = BTreeMap::new();
    for sample in samples {
        for group in &sample.status.groups {
            of.entry(group.group).or_default().push((&sample.name, group));
        }
    }
    for (id, all) in of {
        let about = format!("g{id}");
        let leaders: BTreeSet<&str> =
            all.iter().map(|(_, g)| g.leader.as_str()).filter(|l| !l.is_empty()).collect();
        let names = leaders.iter().copied().collect::<Vec<_>>().join(", ");
        match leaders.len() {
            1 => found.add(Level::Ok, "leader", &about, format!("{names} leads"), ""),
            0 => found.add(
                Level::Bad,
                "leader",
                &about,
                "nobody leads: no writes, no strong reads".to_owned(),
                "more than half of its voters must be up and hear each other",
            ),
            _ => found.add(
                Level::Warn,
                "leader",
                &about,
                format!("an election is under way: {names}"),
                "look again in some seconds",
            ),
        }
        digests(&about, &all, found);
        let most = all.iter().map(|(_, g)| g.published).max().unwrap_or(0);
        for (name, group) in all {
            let behind = most - group.published;
            let moved = later
                .iter()
                .find(|(n, _)| n == name)
                .and_then(|(_, s)| s.groups.iter().find(|g| g.group == id));
            let still = moved.is_some_and(|g| g.published == group.published);
            let level = level(behind > 0 && still, behind > LAG_WARN);
            let what = if still { "and stands still" } else { "and catches up" };
            let means = if behind == 0 {
                "it has everything".to_owned()
            } else {
                format!("it is {behind} positions behind the most advanced node {what}")
            };
            found.add(level, "position", &format!("{about} at {name}"), means, "see whether it is cut off, frozen, or out of disk: its log and the checks below say");
        }
    }
}

fn digests(about: &str, all: &[(&str, &GroupStatus)], found: &mut Findings) {
    let mut at: BTreeMap<u64, BTreeMap<&[u8], Vec<&str>>> = BTreeMap::new();
    for (name, group) in all {
        at.entry(group.published).or_default().entry(&group.digest).or_default().push(name);
    }
    match at.iter().find(|(_, digests)| digests.len() > 1) {
        Some((position, digests)) => {
            let sides: Vec<String> = digests.values().map(|names| names.join(" ")).collect();
            let means = format!(
                "at position {position} these hold different states: {}",
                sides.join(" against ")
            );
            found.add(Level::Bad, "digest", about, means, "a bug, or a copied data folder: trust the group's voters, keep the logs of both sides and report it");
        }
        None => {
            found.add(Level::Ok, "digest", about, "equal positions, equal states".to_owned(), "");
        }
    }
}

/// How fresh each node is and how it hears the others.
fn hearing(sample: &Sample, found: &mut Findings) {
    let name = &sample.name;
    let soft = duration(sample.own.node.staleness_soft.as_ref()).unwrap_or(Duration::from_secs(30));
    let bounds = sample.status.groups.iter().map(|g| duration(g.staleness_bound.as_ref()));
    let (mut worst, mut unknown) = (Duration::ZERO, false);
    for bound in bounds {
        match bound {
            Some(bound) => worst = worst.max(bound),
            None => unknown = true,
        }
    }
    let means = if unknown {
        "it has not heard every group's home since it started".to_owned()
    } else {
        format!("its view is no older than {} ms", worst.as_millis())
    };
    let level = level(worst > soft, unknown || worst > STALENESS_WARN);
    found.add(
        level,
        "staleness",
        name,
        means,
        "see whether it can reach the home region and whether the groups there have leaders",
    );
    for other in sample.status.nodes.iter().filter(|n| n.node != sample.status.node) {
        let about = format!("{name} to {}", other.node);
        let level = if other.alive { Level::Ok } else { Level::Bad };
        let means = match duration(other.round_trip.as_ref()) {
            _ if !other.alive => "it is not heard".to_owned(),
            Some(trip) => format!("round trip {} ms", trip.as_millis()),
            None => "it is heard".to_owned(),
        };
        found.add(
            level,
            "peer",
            &about,
            means,
            "see whether the other runs, and whether the peer ports are open both ways",
        );
    }
}

/// The recovery key: one node that takes orders from nobody, or from somebody else, undoes what the others demand.
fn recovery(samples: &[Sample], found: &mut Findings) {
    let keys: BTreeSet<&str> = samples.iter().map(|s| s.own.node.recovery_key.as_str()).collect();
    for sample in samples.iter().filter(|_| keys.len() > 1) {
        let key = sample.own.node.recovery_key.get(..8);
        let means = key.map_or_else(
            || "it has none, and others have one".to_owned(),
            |key| format!("its key begins with {key}, and not all have that one"),
        );
        found.add(
            Level::Warn,
            "recovery key",
            &sample.name,
            means,
            "name the same public key in `recovery_key` of every node's settings",
        );
    }
}

/// Sealing keys: whoever votes must be able to open what the others seal, and an old key is needed while something stands under it.
fn sealing(cluster: Option<&DescribeClusterResponse>, samples: &[Sample], found: &mut Findings) {
    const CHECK: &str = "sealing key";
    let voters: BTreeSet<String> = cluster
        .iter()
        .flat_map(|c| &c.groups)
        .flat_map(|g| g.voters.iter().map(|n| format!("n{n}")))
        .collect();
    let voters: Vec<&Sample> =
        samples.iter().filter(|s| voters.contains(&s.own.node.node)).collect();
    let mut held: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for voter in &voters {
        for key in &voter.own.node.sealing_keys {
            held.entry(key).or_default().insert(&voter.name);
        }
    }
    let lacks = |key: &str| -> Vec<&str> {
        let held = held.get(key);
        let names = voters.iter().map(|v| v.name.as_str());
        names.filter(|name| !held.is_some_and(|held| held.contains(name))).collect()
    };
    for key in held.keys() {
        let without = lacks(key).join(" ");
        let means = if without.is_empty() {
            "every voter holds it".to_owned()
        } else {
            format!("voters that do not hold it: {without}; it counts once each does")
        };
        let level = level(false, !without.is_empty());
        found.add(
            level,
            CHECK,
            key,
            means,
            "give its file to every voter and restart them one by one, or take it away everywhere",
        );
    }
    // Equal views count the same; else the most says what may still be needed.
    let mut uses: BTreeMap<&str, u64> = BTreeMap::new();
    for used in voters.iter().flat_map(|v| &v.own.node.sealed_secrets) {
        let most = uses.entry(&used.sealing_key).or_default();
        *most = (*most).max(used.secrets);
    }
    let newest = voters.iter().flat_map(|v| v.own.node.sealing_keys.iter().map(String::as_str));
    let newest = newest.into_iter().find(|key| lacks(key).is_empty());
    for (key, secrets) in uses {
        let Some(newest) = newest.filter(|newest| *newest != key) else { continue };
        let without = lacks(key).join(" ");
        if !key.is_empty() && !without.is_empty() {
            let means =
                format!("{secrets} secrets are sealed under it, and {without} can't open them");
            found.add(
                Level::Bad,
                CHECK,
                key,
                means,
                "give the key back to every voter: whoever uses these secrets is refused there",
            );
            continue;
        }
        let name = if key.is_empty() { "unnamed" } else { key };
        let means =
            format!("{secrets} secrets are still sealed under it, and are to be under {newest}");
        found.add(
            Level::Warn,
            CHECK,
            name,
            means,
            "keep the key, and look again: leaders seal them anew by themselves",
        );
    }
}

/// Certificates, clock, disk, alarms and what is shaped on purpose.
fn own(sample: &Sample, development: bool, now_ms: i64, found: &mut Findings) {
    let (name, own) = (&sample.name, &sample.own);
    for (what, ends) in [("certificate", own.certificate_ms), ("authority", own.authority_ms)] {
        let Some(ends) = ends else { continue };
        let left = ends - now_ms;
        let days = left.div_euclid(24 * 3_600 * 1_000);
        let means = if left < 0 {
            "it has ended: peers refuse the node".to_owned()
        } else {
            format!("it ends in {days} days")
        };
        found.add(
            level(left < CERTIFICATE_BAD_MS, left < CERTIFICATE_WARN_MS),
            what,
            name,
            means,
            "issue a new one and restart the node with it",
        );
    }
    if let Some(offset) = own.offset_ms {
        let error = i64::try_from(own.offset_error.as_millis()).unwrap_or(i64::MAX);
        let sure = offset.abs().saturating_sub(error);
        let means =
            format!("its clock is {offset} ms from this machine's, give or take {error} ms");
        found.add(
            level(sure > CLOCK_BAD_MS, sure > CLOCK_WARN_MS),
            "clock",
            name,
            means,
            "let both synchronise their clocks: signatures are refused past five minutes",
        );
    }
    if let Some(available) = own.node.disk_available {
        let reserve = own.node.disk_reserve;
        let means = format!("{} MiB free, of which {} are kept", available >> 20, reserve >> 20);
        found.add(
            level(available < reserve, available < reserve.saturating_mul(4)),
            "disk",
            name,
            means,
            "free some space: below what is kept writes are refused",
        );
    }
    let (alarms, differences) = (own.node.alarms, own.node.digest_mismatches);
    let means = if alarms == 0 {
        "none since it started".to_owned()
    } else {
        format!("{alarms} since it started, {differences} of them over different states")
    };
    found.add(
        level(differences > 0, alarms > 0),
        "alarms",
        name,
        means,
        "its log says which, docs/operations.md what to do",
    );
    fenced(sample, found);
    shaped(sample, development, found);
}

/// Accounts whose state is another than the voters'.
fn fenced(sample: &Sample, found: &mut Findings) {
    let node = &sample.own.node;
    for fenced in &node.fenced {
        let (account, group) = (&fenced.account_id, fenced.group);
        let other = &fenced.differs_from;
        let (mending, advice) = if fenced.fetching {
            (
                "it is being fetched anew",
                "look again in some seconds; keep the node's log: states should never differ",
            )
        } else {
            (
                "this node votes there, so that it can't be fetched",
                "let another node vote in its place with `tidegate cluster change-voters`, then evict it so that it begins anew",
            )
        };
        let means = format!(
            "its state of the account in g{group} is not that of {other}: it decides nothing about the account, and {mending}"
        );
        found.add(Level::Bad, "account", &format!("{account} at {}", sample.name), means, advice);
    }
    if node.mended > 0 {
        let means = format!(
            "{} accounts were not as the voters had them and were fetched anew since it started",
            node.mended
        );
        found.add(
            Level::Warn,
            "account",
            &sample.name,
            means,
            "its log says which: see whether its disk or memory is damaged",
        );
    }
}

/// What is broken on purpose.
fn shaped(sample: &Sample, development: bool, found: &mut Findings) {
    let (name, own) = (&sample.name, &sample.own);
    let means = if own.links.is_empty() {
        "none is shaped".to_owned()
    } else {
        format!("shaped: {}", own.links.join(", "))
    };
    found.add(
        level(!development && !own.links.is_empty(), !own.links.is_empty()),
        "links",
        name,
        means,
        "`tidegate cluster clear-links` makes them plain again",
    );
    let node = &own.node;
    let mut held = Vec::new();
    if !node.propagation_model.is_empty() {
        held.push(format!("the model {} is in force", node.propagation_model));
    }
    if node.propagation_frozen {
        held.push("it is frozen".to_owned());
    }
    if node.held_changes > 0 {
        held.push(format!("{} changes wait", node.held_changes));
    }
    let plain = held.is_empty();
    let means = if plain { "changes decide as they arrive".to_owned() } else { held.join(", ") };
    found.add(
        level(false, !plain),
        "propagation",
        name,
        means,
        "`tidegate cluster thaw` and `tidegate cluster set-propagation instant` end it",
    );
}

/// Whether all nodes are of one build.
fn versions(samples: &[Sample], found: &mut Findings) {
    let mut of: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for sample in samples {
        let node = &sample.own.node;
        of.entry(format!("{} {}", node.version, node.build)).or_default().push(&sample.name);
    }
    let said: Vec<String> =
        of.iter().map(|(version, names)| format!("{version} at {}", names.join(" "))).collect();
    found.add(
        level(false, of.len() > 1),
        "version",
        "cluster",
        said.join("; "),
        "finish the upgrade: run one version everywhere",
    );
}

/// Everything that there is to say, the worst first.
pub(crate) fn diagnose(
    cluster: Option<&DescribeClusterResponse>,
    samples: &[Sample],
    later: &[(String, GetReplicationStatusResponse)],
    silent: &[(String, String)],
    now_ms: i64,
) -> Vec<Finding> {
    let mut found = Findings::default();
    let development = cluster.is_some_and(|c| c.development);
    reach(cluster, samples, silent, &mut found);
    groups(samples, later, &mut found);
    for sample in samples {
        hearing(sample, &mut found);
        own(sample, development, now_ms, &mut found);
    }
    versions(samples, &mut found);
    sealing(cluster, samples, &mut found);
    recovery(samples, &mut found);
    found.0.sort_by_key(|f| core::cmp::Reverse(f.level));
    found.0
}

#[cfg(test)]
mod tests;
