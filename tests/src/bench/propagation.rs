//! How long a change takes until it decides at each node, by one clock, beside what the home publishes about it. Five nodes in this
//! process, with real gRPC and mutual TLS between them and the link model below.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use tidegate_client::Client;
use tidegate_node::{
    Node,
    config::NodeConfig,
    link::{Link, Region},
    platform::TokioPlatform,
};
use tidegate_proto::{
    iam::v1::{CreateUserRequest, PutUserPolicyRequest, iam_service_client::IamServiceClient},
    propagation::v1::{
        Arrival, WaitForPropagationRequest, propagation_service_client::PropagationServiceClient,
        wait_for_propagation_response::Event,
    },
};
use tidegate_tests::{Cluster, Failure};

use crate::figures::percentile;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Changes.
    #[arg(long, default_value_t = 200)]
    changes: u32,
    /// One-way delays in milliseconds: home to the second region, second to third, home to the third.
    #[arg(long, value_delimiter = ',', default_value = "40,80,120")]
    delays: Vec<u64>,
}

/// Regions of the nodes, the home first.
pub(crate) const REGIONS: [&str; 3] = ["eu-central-1", "us-east-1", "ap-southeast-2"];
/// Pairs of regions in the order of the delays.
pub(crate) const PAIRS: [(usize, usize); 3] = [(0, 1), (1, 2), (0, 2)];
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Times of one node, one for each change.
#[derive(Default)]
struct Seen {
    region: String,
    truth: Vec<f64>,
    upper: Vec<f64>,
    estimate: Vec<f64>,
    /// Published upper bounds that were below the truth.
    below: u32,
}

fn region(n: usize) -> Result<Region, Failure> {
    Ok(Region::new(REGIONS.get(n).ok_or("no such region")?)?)
}

/// Starts five nodes in this process, on one clock, with links as slow as that.
async fn start(cluster: &Cluster, delays: &[u64]) -> Result<Vec<Arc<Node>>, Failure> {
    let mut nodes = Vec::new();
    // One clock for all.
    let platform = Arc::new(TokioPlatform::new());
    for number in 1..=5 {
        let config = NodeConfig::from_toml(&fs::read_to_string(cluster.settings(number))?)?;
        let node = Node::start(config, Arc::<TokioPlatform>::clone(&platform)).await?;
        for ((a, b), delay) in PAIRS.iter().zip(delays) {
            let link = Link::delayed(Duration::from_millis(*delay));
            node.links().set(region(*a)?, region(*b)?, link.clone())?;
            node.links().set(region(*b)?, region(*a)?, link)?;
        }
        nodes.push(Arc::new(node));
    }
    for node in &nodes {
        node.ready().await;
    }
    Ok(nodes)
}

async fn arrivals(client: &Client, token: String) -> Result<Vec<Arrival>, Failure> {
    let message = WaitForPropagationRequest { token, scope: None, timeout: None };
    let request =
        client.sign("/tidegate.propagation.v1.PropagationService/WaitForPropagation", message)?;
    let mut events = PropagationServiceClient::new(client.channel())
        .wait_for_propagation(request)
        .await?
        .into_inner();
    let mut arrivals = Vec::new();
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Arrival(arrival)) => arrivals.push(arrival),
            Some(Event::Finished(end)) if end.covered => return Ok(arrivals),
            Some(Event::Finished(end)) => {
                return Err(format!("missing at {:?}", end.missing).into());
            }
            None => {}
        }
    }
    Err("the wait ended early".into())
}

fn seconds(d: Option<&prost_types::Duration>) -> Option<f64> {
    let d = d?;
    Some(Duration::new(d.seconds.unsigned_abs(), d.nanos.unsigned_abs()).as_secs_f64())
}

/// One change: when each node's published view covered it, and what the home says of that.
async fn change(
    nodes: &[Arc<Node>],
    client: &Client,
    n: u32,
    seen: &mut BTreeMap<String, Seen>,
) -> Result<(), Failure> {
    let message = PutUserPolicyRequest {
        user_name: "ada".to_owned(),
        policy_name: "p".to_owned(),
        policy_document: format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/{n}"}}}}"#
        ),
        request_id: format!("change-{n}"),
        validate_only: false,
    };
    let request = client.sign("/tidegate.iam.v1.IamService/PutUserPolicy", message)?;
    let done = IamServiceClient::new(client.channel()).put_user_policy(request).await?.into_inner();
    let token = done.metadata.ok_or("no token")?.token;
    // Side by side, so that no later view is taken for the one that brought the change.
    let watching: Vec<_> = nodes
        .iter()
        .map(|node| {
            let (node, token) = (Arc::clone(node), token.clone());
            tokio::spawn(async move { (node.id(), node.covers(&token, WAIT_MAX).await) })
        })
        .collect();
    let mut published = BTreeMap::new();
    for watch in watching {
        let (node, at) = watch.await?;
        let at = at?.ok_or_else(|| format!("{node} did not get the change"))?;
        published.insert(node.to_string(), at);
    }
    let first = published.values().min().copied().unwrap_or_default();
    let truth: BTreeMap<String, f64> = published
        .into_iter()
        .map(|(node, at)| (node, at.saturating_sub(first).as_secs_f64()))
        .collect();
    for arrival in arrivals(client, token).await? {
        let Some(truth) = truth.get(&arrival.node) else { continue };
        let (upper, estimate) =
            (seconds(arrival.upper_bound.as_ref()), seconds(arrival.estimate.as_ref()));
        let seen = seen.entry(arrival.node).or_default();
        seen.region = arrival.region;
        seen.truth.push(*truth);
        if let (Some(upper), Some(estimate)) = (upper, estimate) {
            seen.below += u32::from(upper < *truth);
            seen.upper.push(upper);
            seen.estimate.push(estimate);
        }
    }
    Ok(())
}

/// Measures and prints a table.
pub(crate) async fn run(binary: &Path, args: &Args) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let cluster = Cluster::lay_out(binary, folder.path())?;
    let nodes = start(&cluster, &args.delays).await?;
    let client = cluster.client(1).await?;
    let message = CreateUserRequest {
        user_name: "ada".to_owned(),
        request_id: "ada".to_owned(),
        ..Default::default()
    };
    let request = client.sign("/tidegate.iam.v1.IamService/CreateUser", message)?;
    IamServiceClient::new(client.channel()).create_user(request).await?;
    let mut seen = BTreeMap::new();
    for n in 0..args.changes {
        change(&nodes, &client, n, &mut seen).await?;
        // Not in step with any timer of the nodes.
        tokio::time::sleep(Duration::from_millis(u64::from(n * 37 % 97))).await;
    }
    println!(
        "{} changes; one-way delays {:?} ms; times in ms after the first node that published it",
        args.changes, args.delays
    );
    println!(
        "\n| node | region | decides p50 / p99 | upper bound p50 / p99 | estimate p50 | estimate less truth p50 / p99 of its size | upper bound below truth |\n|---|---|---|---|---|---|---|"
    );
    for (node, s) in &seen {
        let sorted = |values: &[f64]| {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            values
        };
        let ms = |values: &[f64], share| format!("{:.1}", percentile(values, share) * 1e3);
        let (truth, upper, estimate) = (sorted(&s.truth), sorted(&s.upper), sorted(&s.estimate));
        let off = sorted(&s.estimate.iter().zip(&s.truth).map(|(e, t)| e - t).collect::<Vec<_>>());
        let size = sorted(&off.iter().map(|o| o.abs()).collect::<Vec<_>>());
        println!(
            "| {node} | {} | {} / {} | {} / {} | {} | {} / {} | {} of {} |",
            s.region,
            ms(&truth, 0.5),
            ms(&truth, 0.99),
            ms(&upper, 0.5),
            ms(&upper, 0.99),
            ms(&estimate, 0.5),
            ms(&off, 0.5),
            ms(&size, 0.99),
            s.below,
            s.upper.len()
        );
    }
    Ok(())
}
