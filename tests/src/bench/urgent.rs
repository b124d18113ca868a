//! How long a quarantine takes until it decides at each node: on an idle cluster, among writes at full speed, and in the moment in which
//! links heal that held changes back, beside links that held nothing back. Then how long quarantines take that come one behind the other
//! while nodes fetch what they have missed. Five nodes, each a process of its own, with real gRPC and mutual
//! TLS between them, real disks and the link model.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tidegate_client::{Client, Receipt};
use tidegate_proto::{
    cluster::v1::{Link, SetLinkRequest},
    decision::v1::{AuthorizeRequest, Question},
    iam::v1::{CreateUserRequest, PutUserPolicyRequest},
    region::v1::{LiftQuarantineRequest, QuarantineRequest, Target, target},
};
use tidegate_tests::{Cluster, Failure};
use tokio::task::{JoinHandle, JoinSet};

use crate::{
    figures::percentile,
    propagation::{PAIRS, REGIONS},
    writes::document,
};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Quarantines of each situation, in turns.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Changes that the link holds back, or loses. Each is of a key of its own.
    #[arg(long, default_value_t = 1_000)]
    changes: u64,
    /// Clients that write.
    #[arg(long, default_value_t = 64)]
    writers: usize,
    /// One-way delays in milliseconds: home to the second region, second to third, home to the third.
    #[arg(long, value_delimiter = ',', default_value = "40,80,120")]
    delays: Vec<u64>,
}

/// What else is going on while a quarantine is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Situation {
    /// Nothing.
    Idle,
    /// Clients write as fast as the cluster takes it.
    Busy,
    /// Changes that were held back between the regions set out in the same moment.
    Behind,
    /// The same as long after the links were frozen, and nothing was held back.
    Frozen,
}

const SITUATIONS: [Situation; 4] =
    [Situation::Idle, Situation::Busy, Situation::Behind, Situation::Frozen];
/// Between two questions to a node: five nodes are asked, and who asks must not be what they are busy with.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// How long a quarantine may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Nodes of the home region.
const HOME: [u64; 3] = [1, 2, 3];
/// Policies of a user that are written: so many fit beside each other.
const POLICIES: u64 = 7;
/// Quarantines one behind the other, and from one to the next.
const BURST: u32 = 30;
const BURST_EVERY: Duration = Duration::from_millis(50);

/// Milliseconds until it decided, for each situation and node.
type Times = BTreeMap<(usize, u64), Vec<f64>>;

async fn make_user(client: &Client, user: &str) -> Result<(), Failure> {
    let message = CreateUserRequest { user_name: user.to_owned(), ..CreateUserRequest::default() };
    client.send(&message).await?;
    Ok(())
}

/// Users whose policies are written, so that as many changes have keys of their own.
fn users(changes: u64) -> u64 {
    changes.div_ceil(POLICIES)
}

/// Change `n` of the policies of so many users.
async fn write(client: &Client, users: u64, n: u64) -> Result<String, Failure> {
    let message = PutUserPolicyRequest {
        user_name: format!("user{}", n % users),
        policy_name: format!("p{}", n / users % POLICIES),
        policy_document: document(n),
        ..PutUserPolicyRequest::default()
    };
    Ok(client.send(&message).await?.metadata.ok_or("no token")?.token)
}

/// Writers that go on until they are stopped, or have made so many changes.
struct Writers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Result<(), Failure>>>,
}

impl Writers {
    fn start(client: &Client, args: &Args, next: &Arc<AtomicU64>, end: u64) -> Self {
        let users = users(args.changes);
        let stop = Arc::new(AtomicBool::new(false));
        let task = |_| {
            let (client, next, stop) = (client.clone(), Arc::clone(next), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= end {
                        break;
                    }
                    write(&client, users, n).await?;
                }
                Ok(())
            })
        };
        let tasks = (0..args.writers).map(task).collect();
        Self { stop, tasks }
    }

    async fn finish(self) -> Result<(), Failure> {
        for task in self.tasks {
            task.await??;
        }
        Ok(())
    }
}

/// Asks a node about `arn` until it refuses because of a quarantine; gives when it had.
async fn refused_at(client: Client, arn: String, end: Instant) -> Result<Instant, Failure> {
    let question = Question {
        principal: arn,
        action: "s3:GetObject".to_owned(),
        resource: "arn:aws:s3:::photos/cat.jpg".to_owned(),
        ..Question::default()
    };
    let message = AuthorizeRequest { question: Some(question), consistency: None };
    while Instant::now() < end {
        let answer = client.send(&message).await?.answer.unwrap_or_default();
        if answer.quarantine.is_some() {
            return Ok(Instant::now());
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    Err("a node did not hear of the quarantine".into())
}

/// From one region to another, so many milliseconds one way.
fn link((from, to): (usize, usize), delay: u64) -> Result<Link, Failure> {
    let region = |n: usize| REGIONS.get(n).map(|name| (*name).to_owned()).ok_or("no such region");
    let delay = Duration::from_millis(delay);
    Ok(Link {
        from_region: region(from)?,
        to_region: region(to)?,
        delay: Some(delay.try_into()?),
        ..Link::default()
    })
}

struct Bench<'a> {
    args: &'a Args,
    clients: BTreeMap<u64, Client>,
    account: String,
    written: Arc<AtomicU64>,
    /// How long the links were frozen the last time.
    frozen: Duration,
    times: Times,
    /// Milliseconds until an acknowledgement, for each node, with and without changes that were missed.
    bursts: BTreeMap<(bool, String), Vec<f64>>,
}

impl Bench<'_> {
    fn home(&self) -> Result<&Client, Failure> {
        Ok(self.clients.get(&1).ok_or("no connection")?)
    }

    /// Sets links at each of these nodes.
    async fn set(&self, nodes: &[u64], links: &[Link]) -> Result<(), Failure> {
        let mut setting = JoinSet::new();
        for node in nodes {
            let client = self.clients.get(node).ok_or("no connection")?;
            for link in links {
                let (client, link) = (client.clone(), link.clone());
                setting.spawn(async move {
                    client.send(&SetLinkRequest { link: Some(link) }).await.map(drop)
                });
            }
        }
        while let Some(set) = setting.join_next().await {
            set??;
        }
        Ok(())
    }

    /// Makes all links as slow as was asked for.
    async fn delay(&self) -> Result<(), Failure> {
        let mut links = Vec::new();
        for (pair, delay) in PAIRS.iter().zip(&self.args.delays) {
            links.extend([link(*pair, *delay)?, link((pair.1, pair.0), *delay)?]);
        }
        self.set(&[1, 2, 3, 4, 5], &links).await
    }

    /// Sets the links that leave the home for another region.
    async fn set_home(&self, change: impl Fn(&mut Link)) -> Result<(), Failure> {
        let mut links = Vec::new();
        for (pair, delay) in PAIRS.iter().zip(&self.args.delays).filter(|(pair, _)| pair.0 == 0) {
            let mut link = link(*pair, *delay)?;
            change(&mut link);
            links.push(link);
        }
        self.set(&HOME, &links).await
    }

    /// Holds everything back that leaves the home for another region, or lets it go.
    async fn hold(&self, frozen: bool) -> Result<(), Failure> {
        self.set_home(|link| link.frozen = frozen).await
    }

    /// Loses everything that leaves the home for another region, or no more.
    async fn break_off(&self, partitioned: bool) -> Result<(), Failure> {
        self.set_home(|link| link.partitioned = partitioned).await
    }

    fn arn(&self, user: &str) -> String {
        format!("arn:aws:iam::{}:user/{user}", self.account)
    }

    /// Takes a quarantine of a user at the home, and writes down when it decides where.
    async fn quarantine(&mut self, place: usize, user: &str) -> Result<(), Failure> {
        let arn = self.arn(user);
        let end = Instant::now() + PATIENCE;
        let watching: Vec<_> = self
            .clients
            .iter()
            .map(|(number, client)| {
                (*number, tokio::spawn(refused_at(client.clone(), arn.clone(), end)))
            })
            .collect();
        let home = self.home()?.clone();
        if matches!(SITUATIONS.get(place), Some(Situation::Behind | Situation::Frozen)) {
            self.hold(false).await?;
        }
        let began = Instant::now();
        let mut receipts = home.quarantine(request(&arn), PATIENCE).await?;
        for (number, watch) in watching {
            let took = watch.await??.saturating_duration_since(began);
            self.times.entry((place, number)).or_default().push(took.as_secs_f64() * 1e3);
        }
        while let Some(receipt) = receipts.next().await? {
            if let Receipt::Finished(end) = receipt
                && !end.covered
            {
                return Err(format!("missing at {:?}", end.missing).into());
            }
        }
        Ok(())
    }

    /// Writes as many changes as links are to hold back.
    async fn write_all(&self) -> Result<(), Failure> {
        let end = self.written.load(Ordering::Relaxed) + self.args.changes;
        let writers = Writers::start(self.home()?, self.args, &self.written, end);
        writers.finish().await?;
        self.written.store(end, Ordering::Relaxed);
        Ok(())
    }

    /// Waits until everybody has everything.
    async fn rest(&self) -> Result<(), Failure> {
        let home = self.home()?;
        let n = self.written.fetch_add(1, Ordering::Relaxed);
        let token = write(home, users(self.args.changes), n).await?;
        let seen = home.wait_for_propagation(&token, None, PATIENCE, drop).await?;
        if !seen.covered {
            return Err(format!("missing at {:?}", seen.missing).into());
        }
        Ok(())
    }

    async fn round(&mut self, place: usize, user: &str) -> Result<(), Failure> {
        let home = self.home()?.clone();
        make_user(&home, user).await?;
        self.rest().await?;
        match SITUATIONS.get(place) {
            Some(Situation::Busy) => {
                let writers = Writers::start(&home, self.args, &self.written, u64::MAX);
                tokio::time::sleep(Duration::from_secs(2)).await;
                let took = self.quarantine(place, user).await;
                writers.stop.store(true, Ordering::Relaxed);
                writers.finish().await?;
                took
            }
            Some(Situation::Behind) => {
                self.hold(true).await?;
                let began = Instant::now();
                self.write_all().await?;
                self.frozen = began.elapsed();
                self.quarantine(place, user).await
            }
            Some(Situation::Frozen) => {
                self.hold(true).await?;
                tokio::time::sleep(self.frozen).await;
                self.quarantine(place, user).await
            }
            _ => self.quarantine(place, user).await,
        }
    }

    /// Quarantines one behind the other, from the moment in which links heal that lost every change; or with nothing lost.
    async fn burst(&mut self, round: u32, missed: bool) -> Result<(), Failure> {
        let home = self.home()?.clone();
        let user = |n: u32| format!("burst-{round}-{missed}-{n}");
        for n in 0..BURST {
            make_user(&home, &user(n)).await?;
        }
        self.rest().await?;
        if missed {
            self.break_off(true).await?;
            self.write_all().await?;
            self.break_off(false).await?;
        }
        let mut taking = JoinSet::new();
        for n in 0..BURST {
            let (home, arn) = (home.clone(), self.arn(&user(n)));
            taking.spawn(async move {
                tokio::time::sleep(BURST_EVERY * n).await;
                acknowledged(&home, &arn).await
            });
        }
        let mut names = Vec::new();
        while let Some(taken) = taking.join_next().await {
            let (name, times) = taken??;
            names.push(name);
            for (node, took) in times {
                self.bursts.entry((missed, node)).or_default().push(took);
            }
        }
        let lift = LiftQuarantineRequest {
            request_id: format!("lift-{round}-{missed}"),
            account_id: self.account.clone(),
            quarantine_ids: names,
        };
        home.send(&lift).await?;
        Ok(())
    }
}

fn request(arn: &str) -> QuarantineRequest {
    QuarantineRequest {
        target: Some(Target { target: Some(target::Target::PrincipalArn(arn.to_owned())) }),
        reason: "measured".to_owned(),
        duration: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        ..QuarantineRequest::default()
    }
}

/// Takes a quarantine: its name, and after how many milliseconds each other node had acknowledged it.
async fn acknowledged(client: &Client, arn: &str) -> Result<(String, Vec<(String, f64)>), Failure> {
    let (mut name, mut times) = (String::new(), Vec::new());
    let mut receipts = client.quarantine(request(arn), PATIENCE).await?;
    while let Some(receipt) = receipts.next().await? {
        match receipt {
            Receipt::Accepted(quarantine) => name = quarantine.quarantine_id,
            Receipt::Acknowledged(arrived) => {
                let took = arrived.upper_bound.map(|took| took.as_secs_f64() * 1e3);
                times.extend(took.map(|took| (arrived.node, took)));
            }
            Receipt::Finished(end) if end.covered => {}
            Receipt::Finished(end) => return Err(format!("missing at {:?}", end.missing).into()),
        }
    }
    Ok((name, times))
}

fn print_bursts(bursts: &BTreeMap<(bool, String), Vec<f64>>, args: &Args) {
    println!(
        "\n{BURST} quarantines one behind the other, every {} ms; ms from the commit at n1 until it has heard that the node decides, p50 / most\n",
        BURST_EVERY.as_millis()
    );
    println!(
        "| node | idle | from the moment in which links heal that lost {} changes | later | most later |\n|---|---|---|---|---|",
        args.changes
    );
    for node in (2..=5).map(|number| format!("n{number}")) {
        let of = |missed| {
            let mut all = bursts.get(&(missed, node.clone())).cloned().unwrap_or_default();
            all.sort_by(f64::total_cmp);
            (percentile(&all, 0.5), percentile(&all, 1.0))
        };
        let (idle, missed) = (of(false), of(true));
        println!(
            "| {node} | {:.1} / {:.1} | {:.1} / {:.1} | {:.1} | {:.1} |",
            idle.0,
            idle.1,
            missed.0,
            missed.1,
            missed.0 - idle.0,
            missed.1 - idle.0
        );
    }
}

fn print(times: &Times, args: &Args) {
    println!(
        "{} quarantines of each; one-way delays {:?} ms; ms from the call at n1 until the node refuses, p50 / most\n",
        args.rounds, args.delays
    );
    println!(
        "| node | idle | {} clients write | later | links frozen, nothing held back | {} changes held back | later |\n|---|---|---|---|---|---|---|",
        args.writers, args.changes
    );
    for number in 1..=5 {
        let of = |place| {
            let mut all = times.get(&(place, number)).cloned().unwrap_or_default();
            all.sort_by(f64::total_cmp);
            (percentile(&all, 0.5), percentile(&all, 1.0))
        };
        let (idle, busy, behind, frozen) = (of(0), of(1), of(2), of(3));
        let both = |(p50, most): (f64, f64)| format!("{p50:.1} / {most:.1}");
        println!(
            "| n{number} | {} | {} | {:.1} | {} | {} | {:.1} |",
            both(idle),
            both(busy),
            busy.0 - idle.0,
            both(frozen),
            both(behind),
            behind.0 - frozen.0
        );
    }
}

/// Measures in turns and prints a table.
pub(crate) async fn run(binary: &Path, args: &Args) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut cluster = Cluster::lay_out(binary, folder.path())?;
    (1..=5).try_for_each(|number| cluster.start(number))?;
    let mut clients = BTreeMap::new();
    for number in 1..=5 {
        clients.insert(number, cluster.client(number).await?);
    }
    let home = clients.get(&1).ok_or("no connection")?;
    let account = home.send(&tidegate_proto::sts::v1::GetCallerIdentityRequest {}).await?.account;
    for n in 0..users(args.changes) {
        make_user(home, &format!("user{n}")).await?;
    }
    let (written, times) = (Arc::new(AtomicU64::new(0)), Times::new());
    let frozen = Duration::ZERO;
    let mut bench =
        Bench { args, clients, account, written, frozen, times, bursts: BTreeMap::new() };
    bench.delay().await?;
    for round in 0..args.rounds {
        for place in 0..SITUATIONS.len() {
            bench.round(place, &format!("target-{round}-{place}")).await?;
        }
        for missed in [false, true] {
            bench.burst(round, missed).await?;
        }
    }
    print(&bench.times, args);
    print_bursts(&bench.bursts, args);
    Ok(())
}
