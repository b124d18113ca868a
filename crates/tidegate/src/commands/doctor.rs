//! `tidegate doctor`: asks every node how it is and how it sees the others, and says what is well, what is not, and what to do.

use std::{
    process::ExitCode,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tidegate_client::Client;
use tidegate_proto::{
    cluster::v1::{
        DescribeClusterRequest, DescribeClusterResponse, DescribeNodeRequest, ListLinksRequest,
    },
    propagation::v1::GetReplicationStatusRequest,
};

use super::{
    Failure, Globals,
    output::{for_programs, print},
    people::{lines, table},
    report::code,
};
use crate::{
    doctor::{Finding, Level, Own, Sample, diagnose},
    profile,
};

/// How long a node may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Between the two looks that say whether positions move.
const BETWEEN: Duration = Duration::from_secs(1);

/// What to look at.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Shows what is well, too.
    #[arg(long)]
    all: bool,
}

fn unix(time: Option<&prost_types::Timestamp>) -> Option<i64> {
    time.map(|t| t.seconds.saturating_mul(1_000) + i64::from(t.nanos) / 1_000_000)
}

fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What a node says of itself and of the cluster.
async fn ask(client: &Client, name: &str) -> Result<(Sample, DescribeClusterResponse), Failure> {
    let cluster = client.send(&DescribeClusterRequest {}).await?;
    let status = client.send(&GetReplicationStatusRequest {}).await?;
    let (begun, sent) = (Instant::now(), wall());
    let node = client.send(&DescribeNodeRequest {}).await?;
    let trip = begun.elapsed();
    let half = i64::try_from(trip.as_millis() / 2).unwrap_or(0);
    let links = client.send(&ListLinksRequest {}).await.map(|a| a.links).unwrap_or_default();
    let own = Own {
        // Exact to half the round trip, which is said with it.
        offset_ms: unix(node.now.as_ref()).map(|now| now - (sent + half)),
        offset_error: trip / 2,
        certificate_ms: unix(node.certificate_expires.as_ref()),
        authority_ms: unix(node.authority_expires.as_ref()),
        links: links.iter().map(|l| format!("{} to {}", l.from_region, l.to_region)).collect(),
        node,
    };
    let sample = Sample { name: name.to_owned(), own, status };
    Ok((sample, cluster))
}

fn json(findings: &[Finding]) -> serde_json::Value {
    let worst = findings.iter().map(|f| f.level).max().unwrap_or(Level::Ok);
    let finding = |f: &Finding| {
        serde_json::json!({
            "level": f.level.word(), "check": f.check, "about": f.about, "means": f.means, "do": f.advice,
        })
    };
    serde_json::json!({
        "health": worst.word(),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

/// Looks; the exit code is 0 where nothing is bad.
pub(crate) async fn run(args: Args, globals: &Globals) -> Result<ExitCode, Failure> {
    let profile = profile::read(&globals.profile)?;
    let (mut samples, mut silent, mut cluster) = (Vec::new(), Vec::new(), None);
    let mut clients = Vec::new();
    for endpoint in profile::endpoints(&profile, &globals.at)? {
        let asked = async {
            let client = profile::connect(&profile, &endpoint.node).await?;
            let (sample, described) = ask(&client, &endpoint.node).await?;
            Ok::<_, Failure>((client, sample, described))
        };
        match tokio::time::timeout(ANSWER_MAX, asked).await {
            Ok(Ok((client, sample, described))) => {
                clients.push((endpoint, client));
                samples.push(sample);
                cluster = cluster.or(Some(described));
            }
            Ok(Err(error)) => silent.push((endpoint.node.clone(), error.to_string())),
            Err(_) => {
                silent.push((endpoint.node.clone(), format!("no answer within {ANSWER_MAX:?}")));
            }
        }
    }
    // A second look at the positions: a node that lags and moves is another thing than one that stands still.
    tokio::time::sleep(BETWEEN).await;
    let mut later = Vec::new();
    for (endpoint, client) in &clients {
        if let Ok(status) = client.send(&GetReplicationStatusRequest {}).await {
            later.push((endpoint.node.clone(), status));
        }
    }
    let findings = diagnose(cluster.as_ref(), &samples, &later, &silent, wall());
    let bad = findings.iter().any(|f| f.level == Level::Bad);
    if !for_programs(globals.output, &json(&findings))? {
        let mut shown = table(&["", "check", "about", "what it means", "what to do"]);
        for f in findings.iter().filter(|f| args.all || f.level != Level::Ok) {
            shown.add_row([f.level.word(), f.check, &f.about, &f.means, f.advice]);
        }
        let count = |level| findings.iter().filter(|f| f.level == level).count();
        let (ok, warn, bad) = (count(Level::Ok), count(Level::Warn), count(Level::Bad));
        let rows = if args.all || warn + bad > 0 { lines(&shown) } else { String::new() };
        print(&format!("{rows}{ok} checks are well, {warn} deserve a look, {bad} are bad\n"))?;
    }
    Ok(if bad { ExitCode::from(code::BROKEN) } else { ExitCode::SUCCESS })
}
