//! `tidegate demo`: one change commits at its home, travels, and takes effect in each region at a different moment.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use tidegate_client::{Client, Credentials, reason};
use tidegate_node::link::{Delay, Link};
use tidegate_proto::{
    common::v1::Consistency,
    decision::v1::{
        AuthorizeRequest, AuthorizeResponse, Effect, Question,
        decision_service_client::DecisionServiceClient,
    },
    iam::v1::{
        AttachUserPolicyRequest, CreateAccountRequest, CreateUserRequest, DetachUserPolicyRequest,
        account_service_client::AccountServiceClient, iam_service_client::IamServiceClient,
    },
    propagation::v1::{
        Arrival, WaitForPropagationRequest, propagation_service_client::PropagationServiceClient,
        wait_for_propagation_response::Event,
    },
};

use super::{Failure, people::wire_time};
use crate::dev::{DevCluster, Keeping, layout::REGIONS};

/// How the story is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Pauses between the scenes, in milliseconds.
    #[arg(long, default_value_t = 400)]
    pause: u64,
}

const POLICY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
/// One-way delays between the regions, in milliseconds: first to second, first to third, second to third.
const DISTANCES: [(usize, usize, u64); 3] = [(0, 1, 40), (0, 2, 120), (1, 2, 80)];
const REMOTE: [&str; 2] = ["n4", "n5"];

struct Story {
    cluster: DevCluster,
    home: Client,
    at: Vec<(String, String, Client)>,
    user: String,
    pause: Duration,
    measured: Vec<(String, Arrival)>,
}

fn say(text: &str) {
    println!("{text}");
}

fn request_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Runs the demo.
pub(crate) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let folder = tempfile::tempdir()?;
    say(
        "\n1. A cluster comes up: three regions, five nodes, real gRPC and mutual TLS between them.",
    );
    let start = Instant::now();
    let cluster = DevCluster::start(folder.path(), 0, Keeping::Disk).await?;
    say(&format!("   It decides after {} ms.", start.elapsed().as_millis()));
    for (region, nodes) in REGIONS {
        let names: Vec<String> = nodes.iter().map(|n| format!("n{n}")).collect();
        say(&format!("   {region:<16} {}", names.join(" ")));
    }
    let mut story = Story::prepare(cluster, Duration::from_millis(args.pause)).await?;
    story.grant().await?;
    story.partition().await?;
    story.revoke().await?;
    story.measured();
    story.cluster.shutdown().await;
    say(
        "\nThat is Tidegate: the same IAM, and you can see where a change is. Try `tidegate dev`, and break it yourself.\n",
    );
    Ok(ExitCode::SUCCESS)
}

impl Story {
    async fn prepare(cluster: DevCluster, pause: Duration) -> Result<Self, Failure> {
        let profile = crate::profile::read(&cluster.layout().profile_path())?;
        let operator = crate::profile::connect(&profile, "n1").await?;
        say("\n2. The operator makes an account; its root user makes the user ada.");
        let message = CreateAccountRequest {
            name: "demo".to_owned(),
            email: "root@demo.example".to_owned(),
            request_id: request_id(),
            ..CreateAccountRequest::default()
        };
        let request = operator.sign("/tidegate.iam.v1.AccountService/CreateAccount", message)?;
        let made = AccountServiceClient::new(operator.channel())
            .create_account(request)
            .await?
            .into_inner();
        let key = made.root_access_key.unwrap_or_default();
        let credentials = Credentials {
            access_key_id: key.access_key.unwrap_or_default().access_key_id,
            secret_access_key: key.secret_access_key,
            session_token: None,
        };
        let account = made.account.unwrap_or_default().id;
        let token = made.metadata.unwrap_or_default().token;
        let mut at = Vec::new();
        for endpoint in &profile.endpoints {
            let client = crate::profile::connect(&profile, &endpoint.node)
                .await?
                .with_credentials(credentials.clone());
            client.saw(&token);
            at.push((endpoint.node.clone(), endpoint.region.clone(), client));
        }
        let home = at.first().map(|(_, _, c)| c.clone()).ok_or("the cluster has no node")?;
        let message = CreateUserRequest {
            user_name: "ada".to_owned(),
            request_id: request_id(),
            ..CreateUserRequest::default()
        };
        let request = home.sign("/tidegate.iam.v1.IamService/CreateUser", message)?;
        let created =
            IamServiceClient::new(home.channel()).create_user(request).await?.into_inner();
        let user = created.user.unwrap_or_default().arn;
        say(&format!("   account {account}\n   {user}"));
        let story = Self { cluster, home, at, user, pause, measured: Vec::new() };
        story.wait(&created.metadata.unwrap_or_default().token).await?;
        Ok(story)
    }

    /// Puts real distances between the regions.
    fn distances(&self) -> Result<(), Failure> {
        for (a, b, ms) in DISTANCES {
            self.link(
                a,
                b,
                &Link { delay: Delay::Fixed(Duration::from_millis(ms)), ..Link::default() },
            )?;
        }
        Ok(())
    }

    fn link(&self, a: usize, b: usize, link: &Link) -> Result<(), Failure> {
        let name = |n: usize| REGIONS.get(n).map(|(r, _)| *r).unwrap_or_default();
        for node in self.cluster.nodes() {
            node.links().set(name(a).parse_region()?, name(b).parse_region()?, link.clone())?;
            node.links().set(name(b).parse_region()?, name(a).parse_region()?, link.clone())?;
        }
        Ok(())
    }

    async fn ask(
        &self,
        client: &Client,
        action: &str,
        consistency: Option<Consistency>,
    ) -> Result<AuthorizeResponse, tonic::Status> {
        let question = Question {
            principal: self.user.clone(),
            action: action.to_owned(),
            resource: "arn:aws:s3:::photos/cat.jpg".to_owned(),
            context: Vec::new(),
        };
        let message = AuthorizeRequest { question: Some(question), consistency };
        let request = client.sign("/tidegate.decision.v1.DecisionService/Authorize", message)?;
        Ok(DecisionServiceClient::new(client.channel()).authorize(request).await?.into_inner())
    }

    fn line(node: &str, region: &str, answer: &AuthorizeResponse) -> String {
        let effect = answer
            .answer
            .as_ref()
            .map_or("?", |a| if a.effect() == Effect::Allow { "ALLOW" } else { "deny " });
        let staleness = answer.evidence.as_ref().and_then(|e| e.staleness_bound.as_ref());
        format!("   {node}  {region:<16} {effect}   view no older than {}", wire_time(staleness))
    }

    async fn everywhere(&self, action: &str) -> Result<(), Failure> {
        for (node, region, client) in &self.at {
            let answer = self.ask(client, action, None).await?;
            say(&Self::line(node, region, &answer));
        }
        Ok(())
    }

    /// Asks every node again and again, and says when its answer turns to `wanted`.
    async fn flips(&self, wanted: Effect, since: Instant) -> Result<(), Failure> {
        let mut waiting: Vec<_> = self.at.iter().collect();
        while !waiting.is_empty() && since.elapsed() < Duration::from_secs(20) {
            let mut still = Vec::new();
            for place in waiting {
                let (node, region, client) = place;
                let answer = self.ask(client, "s3:GetObject", None).await?;
                if answer.answer.as_ref().is_some_and(|a| a.effect() == wanted) {
                    say(&format!(
                        "{}   {:>4} ms later",
                        Self::line(node, region, &answer),
                        since.elapsed().as_millis()
                    ));
                } else {
                    still.push(place);
                }
            }
            waiting = still;
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        if waiting.is_empty() { Ok(()) } else { Err("a node did not turn within 20 s".into()) }
    }

    /// Waits for a change everywhere and gives what was measured on the way.
    async fn wait(&self, token: &str) -> Result<(bool, Vec<Arrival>), Failure> {
        let mut arrivals = Vec::new();
        let message = WaitForPropagationRequest {
            token: token.to_owned(),
            scope: None,
            timeout: Some(prost_types::Duration { seconds: 15, nanos: 0 }),
        };
        let request = self
            .home
            .sign("/tidegate.propagation.v1.PropagationService/WaitForPropagation", message)?;
        let mut answers = PropagationServiceClient::new(self.home.channel())
            .wait_for_propagation(request)
            .await?
            .into_inner();
        while let Some(answer) = answers.message().await? {
            match answer.event {
                Some(Event::Arrival(arrival)) => arrivals.push(arrival),
                Some(Event::Finished(finished)) => return Ok((finished.covered, arrivals)),
                None => {}
            }
        }
        Ok((false, arrivals))
    }

    /// Keeps what was measured. Where the asked node did not see the commit itself, nothing was.
    fn keep(&mut self, change: &str, arrivals: Vec<Arrival>) {
        let measured = arrivals.into_iter().filter(|a| a.upper_bound.is_some());
        self.measured.extend(measured.map(|a| (change.to_owned(), a)));
    }

    async fn attach(&self) -> Result<String, Failure> {
        let message = AttachUserPolicyRequest {
            user_name: "ada".to_owned(),
            policy_arn: POLICY.to_owned(),
            request_id: request_id(),
            validate_only: false,
        };
        let request = self.home.sign("/tidegate.iam.v1.IamService/AttachUserPolicy", message)?;
        let done = IamServiceClient::new(self.home.channel())
            .attach_user_policy(request)
            .await?
            .into_inner();
        Ok(done.metadata.unwrap_or_default().token)
    }

    async fn detach(&self) -> Result<String, Failure> {
        let message = DetachUserPolicyRequest {
            user_name: "ada".to_owned(),
            policy_arn: POLICY.to_owned(),
            request_id: request_id(),
            validate_only: false,
        };
        let request = self.home.sign("/tidegate.iam.v1.IamService/DetachUserPolicy", message)?;
        let done = IamServiceClient::new(self.home.channel())
            .detach_user_policy(request)
            .await?
            .into_inner();
        Ok(done.metadata.unwrap_or_default().token)
    }

    async fn grant(&mut self) -> Result<(), Failure> {
        self.distances()?;
        say(
            "\n3. Distances: 40, 80 and 120 ms one way between the regions. May ada read s3:GetObject?",
        );
        // Long enough for the round trips of before to be forgotten: estimates rest on recent ones.
        tokio::time::sleep(self.pause.max(Duration::from_millis(3_500))).await;
        self.everywhere("s3:GetObject").await?;
        say(
            "\n4. AmazonS3ReadOnlyAccess is attached at the home. The decision turns, region by region:",
        );
        let token = self.attach().await?;
        let since = Instant::now();
        // A session of its own: only it holds the token, and only it waits.
        let last = self.at.last().map(|(_, _, c)| c.session()).ok_or("no node")?;
        last.saw(&token);
        let fresh = self.ask_fresh(&last);
        let (flips, fresh, waited) =
            tokio::join!(self.flips(Effect::Allow, since), fresh, self.wait(&token));
        flips?;
        let (answer, took) = fresh?;
        say(
            "\n5. Whoever holds the change's token need not guess: a decision \"at least as fresh\" waits for it.",
        );
        let place = self.at.last().map(|(n, r, _)| (n.clone(), r.clone())).unwrap_or_default();
        say(&format!(
            "{}   it waited {} ms",
            Self::line(&place.0, &place.1, &answer),
            took.as_millis()
        ));
        self.keep("attach", waited?.1);
        let put = self.ask(&self.home, "s3:PutObject", None).await?;
        say(&format!("   And s3:PutObject? {}", put.answer.unwrap_or_default().message));
        Ok(())
    }

    async fn ask_fresh(&self, client: &Client) -> Result<(AuthorizeResponse, Duration), Failure> {
        let start = Instant::now();
        let answer = self.ask(client, "s3:GetObject", Some(client.at_least_seen())).await?;
        Ok((answer, start.elapsed()))
    }

    async fn partition(&mut self) -> Result<(), Failure> {
        tokio::time::sleep(self.pause).await;
        say("\n6. ap-southeast-2 is cut off. The permission is taken away at the home:");
        let cut = Link { partitioned: true, ..Link::default() };
        self.link(0, 2, &cut)?;
        self.link(1, 2, &cut)?;
        let token = self.detach().await?;
        tokio::time::sleep(Duration::from_millis(700)).await;
        self.everywhere("s3:GetObject").await?;
        say(
            "   n5 still allows, and says how old its view may be. A caller that can't accept that asks for at most 500 ms:",
        );
        let far = self
            .at
            .iter()
            .find(|(n, ..)| n == REMOTE[1])
            .map(|(_, _, c)| c.clone())
            .ok_or("no far node")?;
        let bounded = Consistency {
            mode: Some(tidegate_proto::common::v1::consistency::Mode::Bounded(
                prost_types::Duration { seconds: 0, nanos: 500_000_000 },
            )),
        };
        match self.ask(&far, "s3:GetObject", Some(bounded)).await {
            Ok(_) => return Err("a decision was given on a view that is too old".into()),
            Err(status) => say(&format!("   n5: {} - {}", reason(&status).0, status.message())),
        }
        say("\n7. The partition heals:");
        self.distances()?;
        let since = Instant::now();
        let (flips, waited) =
            tokio::join!(self.flips(Effect::ImplicitDeny, since), self.wait(&token));
        flips?;
        self.keep("detach, over the partition", waited?.1);
        Ok(())
    }

    async fn revoke(&mut self) -> Result<(), Failure> {
        tokio::time::sleep(self.pause).await;
        say(
            "\n8. Once more: granted, waited for, revoked, and waited for until no region allows it any more.",
        );
        let token = self.attach().await?;
        let arrivals = self.wait(&token).await?.1;
        self.keep("attach again", arrivals);
        let token = self.detach().await?;
        let (everywhere, arrivals) = self.wait(&token).await?;
        self.keep("revoke", arrivals);
        say(&format!(
            "   Revoked everywhere: {everywhere}. The system says so, nobody had to sleep for ten seconds."
        ));
        self.everywhere("s3:GetObject").await
    }

    fn measured(&self) {
        say(
            "\n9. What was measured, on the home's clock alone (one-way 40 ms to us-east-1, 120 ms to ap-southeast-2):",
        );
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY).set_header([
            "change",
            "node",
            "region",
            "decides within",
            "about",
        ]);
        for (change, a) in &self.measured {
            table.add_row([
                change.clone(),
                a.node.clone(),
                a.region.clone(),
                wire_time(a.upper_bound.as_ref()),
                wire_time(a.estimate.as_ref()),
            ]);
        }
        println!("{table}");
    }
}

/// Region names of the layout are constants, but the parser's word counts.
trait ParseRegion {
    fn parse_region(&self) -> Result<tidegate_node::link::Region, Failure>;
}

impl ParseRegion for str {
    fn parse_region(&self) -> Result<tidegate_node::link::Region, Failure> {
        Ok(tidegate_node::link::Region::new(self)?)
    }
}
